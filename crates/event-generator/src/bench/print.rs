//! What a round came to, as log lines.
//!
//! The lines of the original come first and as they are there. What it does not measure follows on
//! lines of its own.

use std::time::Duration;

use hdrhistogram::Histogram;

use super::course::{Bench, Round};
use super::result::Record;
use super::rounds::Pace;
use super::statistics::events_per_second;
use crate::go::{format_bytes, format_duration};
use crate::log::{Log, Value};

/// The lines of a round, after the one that names it.
pub(super) fn round(round: &Round, pace: Pace, record: &Record, bench: &Bench<'_>) {
    let (log, humanize) = (bench.log, bench.plan.humanize);
    let mut slow = false;
    for count in &round.counts {
        if count.expected == 0 && !record.is_left_out(count.name) {
            log.warn("cannot generate events", &[("action", count.name.into())]);
            slow = true;
        } else if bench.ear.is_some() && count.expected + count.actual > 0 {
            log.info(count.name, &count.fields());
        }
    }
    if slow {
        log.warn(
            "some actions may be too slow, consider to use different actions",
            &[],
        );
    }
    log.info("statistics", &round.statistics.fields(humanize));
    schedule(round, pace, humanize, log);
    if let Some(calls) = round.done.syscalls {
        let each_second = calls as f64 / round.done.time.as_secs_f64().max(f64::MIN_POSITIVE);
        let each_second: Value = if humanize {
            format!("{each_second:.0}/s").into()
        } else {
            each_second.into()
        };
        log.info(
            "system calls",
            &[("made", calls.into()), ("rate", each_second)],
        );
    }
    if !round.latency.is_empty() {
        log.info("latency", &percentiles(&round.latency, humanize));
    }
    engine(round, humanize, log);
    if let Some(account) = &round.account {
        log.info("counters", &account.fields());
        if account.unexplained > 0 {
            log.warn(
                "alerts are missing that no counter of the engine explains",
                &[("unexplained", account.unexplained.into())],
            );
        }
    }
    if round.foreign > 0 {
        log.warn(
            "alerts of other processes are not counted",
            &[("alerts", round.foreign.into())],
        );
    }
    let belated: u64 = round.belated.iter().sum();
    if belated > 0 && record.rounds() > 0 {
        log.warn(
            "alerts came after the rest of their round; make --rest-duration longer",
            &[("alerts", belated.into())],
        );
    }
}

/// Whether the load kept to its schedule, and what held it up.
fn schedule(round: &Round, pace: Pace, humanize: bool, log: &Log) {
    let done = &round.done;
    let mut kept = true;
    if let Pace::Rate(rate) = pace {
        kept = done.behind == 0 || (done.behind as f64) < 0.01 * rate * done.time.as_secs_f64();
        let mut fields = vec![
            ("rate", events_per_second(rate, humanize)),
            ("behind", done.behind.into()),
        ];
        fields.extend(percentiles(&done.lateness, humanize));
        log.info("lateness", &fields);
        if !kept {
            log.warn(
                "the load could not keep up with its schedule: the rate is that of the load, not of \
                 the engine",
                &[("behind", done.behind.into())],
            );
        }
    }
    let free = pace == Pace::Sleep(Duration::ZERO);
    if (free || !kept)
        && let Some(slow) = &round.slow
    {
        log.warn(&slow.to_string(), &[]);
    }
}

/// What the engine used at most while it was loaded.
fn engine(round: &Round, humanize: bool, log: &Log) {
    let usages = || round.samples.iter().filter_map(|sample| sample.usage);
    // The first reaches back before the load.
    let cpu = usages()
        .skip(1)
        .map(|usage| usage.cpu_percent)
        .max_by(f64::total_cmp);
    let (Some(cpu), Some(resident)) = (cpu, usages().map(|usage| usage.resident).max()) else {
        return;
    };
    let fields = if humanize {
        [
            ("cpu_peak", format!("{cpu:.1}%").into()),
            ("res_mem_peak", format_bytes(resident).into()),
        ]
    } else {
        [("cpu_peak", cpu.into()), ("res_mem_peak", resident.into())]
    };
    log.info("engine", &fields);
}

/// Half, nine tenths, 99 of a hundred, the most; of nanoseconds.
fn percentiles(histogram: &Histogram<u64>, humanize: bool) -> Vec<(&'static str, Value)> {
    [("p50", 0.5), ("p90", 0.9), ("p99", 0.99), ("max", 1.0)]
        .into_iter()
        .map(|(name, quantile)| {
            let nanoseconds = histogram.value_at_quantile(quantile);
            let value = if humanize {
                format_duration(rounded(nanoseconds)).into()
            } else {
                nanoseconds.into()
            };
            (name, value)
        })
        .collect()
}

/// To three digits, which is more than the histogram keeps.
pub(super) fn rounded(nanoseconds: u64) -> Duration {
    let unit = 10_u64.pow(nanoseconds.max(1).ilog10().saturating_sub(2));
    Duration::from_nanos(nanoseconds / unit * unit)
}

/// What the rounds came to together.
pub(super) fn summary(record: &Record, humanize: bool, log: &Log) {
    let mut fields = vec![("rounds", record.rounds().into())];
    if let Some(best) = record.best_without_loss() {
        fields.push(("best", events_per_second(best, humanize)));
    }
    if let Some(top) = record.top() {
        fields.push(("top", events_per_second(top, humanize)));
    }
    if let Some((cpu, resident)) = record.most_used() {
        if humanize {
            fields.push(("most_cpu", format!("{cpu:.1}%").into()));
            fields.push(("most_res_mem", format_bytes(resident).into()));
        } else {
            fields.push(("most_cpu", cpu.into()));
            fields.push(("most_res_mem", resident.into()));
        }
    }
    for total in record.totals() {
        let lost = total.expected.saturating_sub(total.actual);
        let name = format!("summary of {}", total.action);
        let counts = [
            ("actual", total.actual.into()),
            ("expected", total.expected.into()),
            ("lost", lost.into()),
        ];
        log.info(&name, &counts);
    }
    log.info("summary", &fields);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (nanoseconds, expected) in [
            (0, "0s"),
            (7, "7ns"),
            (123, "123ns"),
            (1_234, "1.23µs"),
            (98_765_432, "98.7ms"),
            (61_234_567_890, "1m1.2s"),
        ] {
            assert_eq!(format_duration(rounded(nanoseconds)), expected);
        }
    }
}
