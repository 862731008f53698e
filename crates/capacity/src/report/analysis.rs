//! The analysis of files, in words.

use std::fmt::Write as _;

use super::table::thousands;
use crate::article::{Analysis, Chosen};
use crate::diagnosis::duration;

/// What was found in files, which lines were used, and why.
pub fn analysis(found: &Analysis) -> String {
    let mut out = String::new();
    if let Some(syscalls) = &found.syscalls {
        let _ = writeln!(
            out,
            "system calls per second  {}  (mean of samples {})",
            thousands(syscalls.per_second.floor()),
            ranges(&syscalls.used)
        );
        let _ = writeln!(out, "  rests                  {}", ranges(&syscalls.rests));
        let _ = writeln!(out, "  load began or ended    {}", ranges(&syscalls.edges));
        let _ = match syscalls.first_drop {
            Some(sample) => writeln!(
                out,
                "  first drops            sample {sample} ({} events in all samples)",
                thousands(syscalls.drops as f64)
            ),
            None => writeln!(
                out,
                "  first drops            none: the engine held all that is in this file"
            ),
        };
    }
    if let Some(alerts) = &found.alerts {
        let _ = writeln!(
            out,
            "alerts per second        {}  (round {}, {}{})",
            thousands(alerts.eps.floor()),
            alerts.round,
            match alerts.chosen {
                Chosen::BeforeDrops => "the last before the kernel dropped events",
                Chosen::NoDrops => "the fastest; no sample has drops",
                Chosen::NoLosses => "the fastest; no round lost alerts to speak of",
                Chosen::BeforeLosses =>
                    "the last before alerts were lost; no statistics were given",
                Chosen::AllLost => "the one that lost least; every round lost alerts",
            },
            alerts
                .lost
                .map(|lost| format!("; {:.1} % of its alerts did not come", 100.0 * lost))
                .unwrap_or_default()
        );
        if let Some(saturation) = &alerts.saturation {
            let _ = writeln!(
                out,
                "the load is saturated    rounds {}: pauses shrank and the rate stayed below {}/s; \
                 one action takes {} by itself. This is the limit of the load, not of the engine",
                ranges(&saturation.rounds),
                thousands(saturation.eps.ceil()),
                duration(saturation.per_action.as_secs_f64())
            );
        }
    }
    out
}

/// Numbers as `1–3, 7`.
fn ranges(numbers: &[u64]) -> String {
    let mut out = String::new();
    let mut index = 0;
    while index < numbers.len() {
        let first = numbers[index];
        let mut last = first;
        while numbers.get(index + 1) == Some(&(last + 1)) {
            index += 1;
            last += 1;
        }
        index += 1;
        let comma = if out.is_empty() { "" } else { ", " };
        let _ = if first == last {
            write!(out, "{comma}{first}")
        } else {
            write!(out, "{comma}{first}–{last}")
        };
    }
    if out.is_empty() {
        "none".to_owned()
    } else {
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_drawn_together() {
        assert_eq!(ranges(&[]), "none");
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1–3, 7, 9–10");
    }
}
