//! Reports as plain text.

use std::fmt::Write as _;

use super::Report;

/// So many of those who lose events are shown.
const NOISIEST: usize = 5;

/// The text of a report: `change` is what happened since the one before.
pub(super) fn lines(report: &Report, change: &Report, rows: usize) -> String {
    let mut out = summary(report, change);
    out.push_str("\n  CPU %     evals/s   matches  rule\n");
    for row in change.rules.iter().take(rows) {
        let (percent, rate) = (change.percent(row.ns), change.rate(row.evaluations));
        let _ = writeln!(
            out,
            "{percent:7.3} {rate:11.0} {:9}  {}",
            row.matches, row.rule
        );
    }
    out.push_str("\n  CPU %    events/s  ns/event  system call\n");
    for row in change.syscalls.iter().take(rows) {
        let (percent, rate) = (change.percent(row.ns), change.rate(row.events));
        let each = row.ns / row.events.max(1);
        let _ = writeln!(out, "{percent:7.3} {rate:11.0} {each:9}  {}", row.syscall);
    }
    out.push_str("\n  CPU %    events/s       pid  process\n");
    for row in change.processes.iter().take(rows) {
        let (percent, rate) = (change.percent(row.ns), change.rate(row.events));
        let _ = writeln!(
            out,
            "{percent:7.3} {rate:11.0} {:9}  {}",
            row.pid, row.process
        );
    }
    out.push('\n');
    out
}

/// What the engine does as a whole, in two lines and one for each kind of loss.
pub(super) fn summary(report: &Report, change: &Report) -> String {
    let seconds = report.uptime_ns / 1_000_000_000;
    let mut out = format!(
        "peregrine {} pid {} up {}:{:02}:{:02}  events {} ({:.0}/s)  matches {} ({:.0}/s)\n",
        report.version,
        report.pid,
        seconds / 3600,
        seconds / 60 % 60,
        seconds % 60,
        report.events,
        change.rate(change.events),
        report.matches,
        change.rate(change.matches),
    );
    let _ = writeln!(
        out,
        "lost: events {} ({:.0}/s)  alerts {} ({:.0}/s)",
        report.drops,
        change.rate(change.drops),
        report.alerts_dropped,
        change.rate(change.alerts_dropped),
    );
    for (kind, count) in change
        .drops_ring_full
        .iter()
        .filter(|(_, count)| *count > 0)
    {
        let _ = writeln!(out, "  ring full: {kind} {count}");
    }
    if change.over_budget > 0 {
        let _ = writeln!(out, "  over its share: {}", change.over_budget);
    }
    for row in change
        .noisy
        .iter()
        .filter(|row| row.lost > 0)
        .take(NOISIEST)
    {
        let name = if row.name.is_empty() {
            String::new()
        } else {
            format!(" ({})", row.name)
        };
        let _ = writeln!(
            out,
            "  noisy: {} {}{name} lost {}",
            row.kind, row.id, row.lost
        );
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::{NoisyRow, ProcessRow, RuleRow, SyscallRow};

    #[test]
    fn the_text_of_a_report() {
        let report = Report {
            version: "1.2.3".to_owned(),
            pid: 42,
            uptime_ns: 10_000_000_000,
            events: 1_000_000,
            matches: 20,
            drops: 5,
            drops_ring_full: vec![("open".to_owned(), 5), ("close".to_owned(), 0)],
            over_budget: 3,
            noisy: vec![
                NoisyRow {
                    kind: "process".to_owned(),
                    id: 7,
                    name: "cat".to_owned(),
                    lost: 4,
                },
                NoisyRow {
                    kind: "cgroup".to_owned(),
                    id: 99,
                    lost: 1,
                    ..NoisyRow::default()
                },
            ],
            alerts_dropped: 0,
            rules: vec![RuleRow {
                rule: "A rule".to_owned(),
                evaluations: 500_000,
                matches: 20,
                ns: 100_000_000,
            }],
            syscalls: vec![SyscallRow {
                syscall: "openat".to_owned(),
                events: 1_000_000,
                ns: 250_000_000,
            }],
            processes: vec![ProcessRow {
                pid: 7,
                process: "cat".to_owned(),
                events: 999_000,
                ns: 240_000_000,
            }],
        };
        let expected = "\
peregrine 1.2.3 pid 42 up 0:00:10  events 1000000 (100000/s)  matches 20 (2/s)
lost: events 5 (0/s)  alerts 0 (0/s)
  ring full: open 5
  over its share: 3
  noisy: process 7 (cat) lost 4
  noisy: cgroup 99 lost 1

  CPU %     evals/s   matches  rule
  1.000       50000        20  A rule

  CPU %    events/s  ns/event  system call
  2.500      100000       250  openat

  CPU %    events/s       pid  process
  2.400       99900         7  cat

";
        assert_eq!(lines(&report, &report, 10), expected);
    }
}
