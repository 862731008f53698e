//! One page that needs nothing but itself: no script, no font, no request.

use std::fmt::Write as _;

use super::model::{Report, Run};
use super::plot::Plot;
use super::plots;
use super::table::{ended, head, row, thousands};
use crate::round::{Criterion, Round};

const STYLE: &str = "body{font:15px/1.5 sans-serif;color:#111;background:#fff;max-width:960px;\
margin:2em auto;padding:0 1em}table{border-collapse:collapse;margin:1em 0;width:100%}\
th,td{border:1px solid #888;padding:.25em .6em;text-align:right;vertical-align:top}\
th{background:#eee}td:last-child,th:last-child{text-align:left}.left td{text-align:left}\
svg{width:100%;height:auto}figure{margin:1em 0;page-break-inside:avoid}\
tr.dirty td{font-weight:bold;background:#e4e4e4}small,.note{color:#444}\
summary{cursor:pointer;font-weight:bold}\
details table{font-size:11px}details th,details td{padding:.15em .3em}code{background:#eee;padding:0 .2em}\
@media print{body{margin:0;max-width:none}}";

/// The page of one report, or of several engines side by side.
pub fn html(reports: &[Report]) -> String {
    let mut out = String::new();
    let names: Vec<&str> = reports
        .iter()
        .map(|report| report.engine.name.as_str())
        .collect();
    let title = format!("Capacity of {}", escaped(&names.join(" and ")));
    let _ = write!(
        out,
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width\">\n\
         <link rel=\"icon\" href=\"data:,\">\n<title>{title}</title>\n<style>{STYLE}</style>\n\
         </head>\n<body>\n<h1>{title}</h1>\n"
    );
    push_table(&mut out, reports);
    if let Some(plot) = plots::sizes(reports) {
        push_plot(&mut out, &plot);
    }
    push_plot(&mut out, &plots::knee(reports));
    for report in reports {
        push_report(&mut out, report, reports.len() > 1);
    }
    out.push_str("</body>\n</html>\n");
    out
}

fn push_table(out: &mut String, reports: &[Report]) {
    let many = reports.len() > 1;
    out.push_str("<table>\n<tr>");
    if many {
        out.push_str("<th>engine</th>");
    }
    for cell in head() {
        let _ = write!(out, "<th>{cell}</th>");
    }
    out.push_str("</tr>\n");
    for report in reports {
        for run in &report.runs {
            out.push_str("<tr>");
            if many {
                let _ = write!(out, "<td>{}</td>", escaped(&report.engine.name));
            }
            for cell in row(report, run) {
                let _ = write!(out, "<td>{}</td>", escaped(&cell));
            }
            out.push_str("</tr>\n");
        }
    }
    out.push_str("</table>\n");
}

fn push_report(out: &mut String, report: &Report, named: bool) {
    if named {
        let _ = writeln!(out, "<h2>{}</h2>", escaped(&report.engine.name));
    }
    push_conditions(out, report);
    for run in &report.runs {
        push_run(out, report, run);
    }
}

fn push_conditions(out: &mut String, report: &Report) {
    let (engine, machine, method) = (&report.engine, &report.machine, &report.method);
    let criterion = match method.criterion {
        Criterion::Strict => {
            "kernel drops, queue drops and lost alerts are all zero, and the engine is not behind"
        }
        Criterion::KernelDrops => "the kernel side dropped nothing (the article's criterion)",
    };
    let rows = [
        (
            "Engine",
            format!(
                "{} {}",
                engine.name,
                engine.version.as_deref().unwrap_or_default()
            ),
        ),
        ("Started as", engine.command.clone()),
        (
            "Machine",
            format!(
                "{} CPUs, {}, {:.1} GiB, Linux {}{}",
                machine.cpus,
                machine.model,
                machine.memory as f64 / f64::from(1 << 30),
                machine.kernel,
                machine.speed.map_or_else(String::new, |speed| format!(
                    "; {} turns of a fixed calculation per second",
                    thousands(speed)
                ))
            ),
        ),
        (
            "Load",
            format!(
                "{} by {} worker{}, {}{}{}",
                method.load.join(", "),
                method.workers,
                if method.workers == 1 { "" } else { "s" },
                if method.open_loop {
                    "due at fixed times (open loop)"
                } else {
                    "with a pause between (closed loop)"
                },
                if method.pinned {
                    "; load and engine on CPUs of their own"
                } else {
                    ""
                },
                if method.in_memory {
                    "; files made in memory"
                } else {
                    ""
                }
            ),
        ),
        ("Alerts came over", method.alerts.clone()),
        (
            "A round is clean when",
            format!("{criterion}; precision {:.0} %", 100.0 * method.precision),
        ),
        (
            "Measured",
            format!("{}, {:.0} s in all", report.began, report.seconds),
        ),
    ];
    out.push_str("<table class=\"left\">\n");
    for (name, value) in rows.iter().filter(|(_, value)| !value.trim().is_empty()) {
        let _ = writeln!(out, "<tr><td>{name}</td><td>{}</td></tr>", escaped(value));
    }
    out.push_str("</table>\n");
}

fn push_run(out: &mut String, report: &Report, run: &Run) {
    let _ = writeln!(
        out,
        "<h3>{} CPU, {} memory</h3>\n<p>{}.</p>",
        run.limits.cpus_text(),
        run.limits.memory_text(),
        escaped(&ended(run.outcome))
    );
    if !run.findings.is_empty() {
        out.push_str("<ul>\n");
        for finding in &run.findings {
            let _ = writeln!(out, "<li>{}</li>", escaped(&finding.text));
        }
        out.push_str("</ul>\n");
    }
    for plot in plots::of_run(&report.method, run) {
        push_plot(out, &plot);
    }
    out.push_str("<details open><summary>Rounds</summary>\n<table>\n<tr>");
    for head in [
        "round",
        "for",
        "offered/s",
        "done/s",
        "events/s",
        "expected",
        "actual",
        "kernel drops",
        "queue drops",
        "engine CPU",
        "throttled",
        "load CPU",
        "others' CPU",
        "CPU not given",
        "machine speed",
        "caught up in",
        "p50 / p99 / max, ms",
    ] {
        let _ = write!(out, "<th>{head}</th>");
    }
    out.push_str("</tr>\n");
    for round in &run.rounds {
        push_round(out, round, report.method.criterion);
    }
    out.push_str("</table></details>\n");
}

fn push_round(out: &mut String, round: &Round, criterion: Criterion) {
    let dash = || "–".to_owned();
    let count = |value: Option<u64>| value.map_or_else(dash, |value| thousands(value as f64));
    let rate = |value: Option<f64>| value.map_or_else(dash, thousands);
    let percent =
        |value: Option<f64>| value.map_or_else(dash, |value| format!("{:.0} %", 100.0 * value));
    let cells = [
        round.number.to_string(),
        round.phase.name().to_owned(),
        round
            .offered
            .map_or_else(|| "all it can".to_owned(), thousands),
        thousands(round.achieved),
        rate(round.events_per_second),
        thousands(round.expected as f64),
        thousands(round.actual as f64),
        count(round.kernel_drops),
        count(round.queue_drops),
        percent(round.engine_cpus),
        percent(round.throttled),
        percent(Some(round.load_cpus)),
        percent(Some(round.other_cpus)),
        percent(Some(round.stolen_cpus)),
        percent(round.speed),
        round
            .catch_up
            .map_or_else(dash, |seconds| format!("{seconds:.1} s")),
        round.latency.map_or_else(dash, |latency| {
            format!(
                "{:.1} / {:.1} / {:.1}",
                latency.p50, latency.p99, latency.max
            )
        }),
    ];
    let class = if round.is_clean(criterion) {
        ""
    } else {
        " class=\"dirty\""
    };
    let _ = write!(out, "<tr{class}>");
    for cell in cells {
        let _ = write!(out, "<td>{cell}</td>");
    }
    out.push_str("</tr>\n");
}

fn push_plot(out: &mut String, plot: &Plot) {
    if let Some(svg) = plot.svg() {
        let _ = writeln!(out, "<figure>{svg}</figure>");
    }
}

fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for ch in text.chars() {
        match ch {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            ch => out.push(ch),
        }
    }
    out
}
