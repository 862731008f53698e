//! The article's table: CPU, memory, system calls per second, alerts per second.

use std::fmt::Write as _;

use super::model::{Report, Run};
use crate::search::Outcome;

/// The head of the table.
const HEAD: [&str; 8] = [
    "CPU",
    "memory",
    "syscalls/s",
    "EPS",
    "engine CPU",
    "resident",
    "p99 latency",
    "ended because",
];

/// The table as Markdown, with the findings under it.
pub fn markdown(report: &Report) -> String {
    let mut out = String::new();
    let _ = writeln!(out, "| {} |", HEAD.join(" | "));
    let _ = writeln!(out, "|{}", "---|".repeat(HEAD.len()));
    for run in &report.runs {
        let _ = writeln!(out, "| {} |", row(report, run).join(" | "));
    }
    push_findings(&mut out, report, "- ");
    out
}

/// The table for a terminal, with the findings under it.
pub fn text(report: &Report) -> String {
    let mut rows = vec![HEAD.map(str::to_owned)];
    rows.extend(report.runs.iter().map(|run| row(report, run)));
    let mut out = aligned(&rows);
    push_findings(&mut out, report, "  ");
    out
}

/// Columns of equal width.
pub(super) fn aligned<const N: usize>(rows: &[[String; N]]) -> String {
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let mut out = String::new();
    for row in rows {
        let mut line = String::new();
        for (column, cell) in row.iter().enumerate() {
            let _ = write!(line, "{cell:<width$}  ", width = width(column));
        }
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

pub(super) fn head() -> [&'static str; 8] {
    HEAD
}

pub(super) fn row(report: &Report, run: &Run) -> [String; 8] {
    let round = run.limit_round(report.method.criterion);
    let or_dash = |text: Option<String>| text.unwrap_or_else(|| "–".to_owned());
    [
        run.limits.cpus_text(),
        run.limits.memory_text(),
        or_dash(run.syscalls_per_second.map(thousands)),
        or_dash(run.eps.map(thousands)),
        or_dash(
            round
                .and_then(|round| round.engine_cpus)
                .map(|cpus| format!("{:.0} %", 100.0 * cpus)),
        ),
        or_dash(
            round
                .and_then(|round| round.resident)
                .map(|bytes| format!("{:.0} MB", bytes as f64 / 1e6)),
        ),
        or_dash(
            round
                .and_then(|round| round.latency)
                .map(|latency| format!("{:.1} ms", latency.p99)),
        ),
        ended(run.outcome),
    ]
}

/// How a run ended, in some words.
pub(super) fn ended(outcome: Outcome) -> String {
    let or_none = |rate: Option<f64>| rate.map_or("none".to_owned(), thousands);
    match outcome {
        Outcome::Limit { dirty, .. } => format!("limit found, losses at {}/s", thousands(dirty)),
        Outcome::LoadSaturated { rate } => {
            format!("no drop up to {}/s: the load is the limit", thousands(rate))
        }
        Outcome::NoLimit { rate } => {
            format!("no drop up to {}/s, the highest allowed", thousands(rate))
        }
        Outcome::NothingHeld { rate } => format!("losses even at {}/s", thousands(rate)),
        Outcome::Unstable { rate } => format!("no rate was held twice, last {}/s", thousands(rate)),
        Outcome::TimeUp { rate, dirty } => format!(
            "time was up, clean to {}/s, losses at {}/s",
            or_none(rate),
            or_none(dirty)
        ),
        Outcome::Interrupted { rate } => format!("interrupted, clean to {}/s", or_none(rate)),
    }
}

/// A number with its thousands apart.
pub(super) fn thousands(number: f64) -> String {
    if !number.is_finite() {
        return "–".to_owned();
    }
    if number.abs() < 10.0 && number.fract() != 0.0 {
        let text = format!("{number:.2}");
        return text.trim_end_matches('0').trim_end_matches('.').to_owned();
    }
    let digits = format!("{:.0}", number.abs());
    let mut out = String::new();
    if number < 0.0 {
        out.push('-');
    }
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at) % 3 == 0 {
            out.push(' ');
        }
        out.push(digit);
    }
    out
}

fn push_findings(out: &mut String, report: &Report, bullet: &str) {
    for run in &report.runs {
        if run.findings.is_empty() {
            continue;
        }
        let _ = writeln!(out, "\nat {} CPU:", run.limits.cpus_text());
        if bullet == "- " {
            out.push('\n');
        }
        for finding in &run.findings {
            let _ = writeln!(out, "{bullet}{}", finding.text);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        let cases = [
            (0.0, "0"),
            (2.5, "2.5"),
            (0.55, "0.55"),
            (3.0, "3"),
            (999.4, "999"),
            (365_098.75, "365 099"),
            (1e7, "10 000 000"),
        ];
        for (number, text) in cases {
            assert_eq!(thousands(number), text);
        }
    }
}
