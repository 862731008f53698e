//! Which plots a report has.

use super::model::{Method, Report, Run, TimedSample};
use super::plot::{Band, Plot, Series, Style};
use super::table::thousands;
use crate::round::Round;

/// The plots of one run, in the order in which they are read.
pub(super) fn of_run(method: &Method, run: &Run) -> Vec<Plot> {
    let mut plots = vec![events(run)];
    if method.raises_alerts {
        plots.push(alerts(run));
    } else {
        plots.push(operations(run));
    }
    plots.push(cpu(run));
    if run
        .samples
        .iter()
        .any(|sample| sample.latency_p99.is_some())
    {
        plots.push(latency(run));
    }
    for plot in &mut plots {
        plot.x_label =
            "seconds since the run began; light: load, dark: load that lost, white: rest"
                .to_owned();
        plot.bands = bands(method, run);
    }
    plots
}

/// Done against offered rate, each run of each report: the knee.
pub(super) fn knee(reports: &[Report]) -> Plot {
    let styles = [
        Style::Solid,
        Style::Dashed,
        Style::Dotted,
        Style::MarkedLine,
    ];
    let many = reports.len() > 1;
    let runs = reports
        .iter()
        .flat_map(|report| report.runs.iter().map(move |run| (report, run)));
    let series = runs
        .zip(styles.iter().cycle())
        .map(|((report, run), &style)| {
            let lost = run.rounds.iter().map(|round| {
                let offered = round.offered.unwrap_or(round.achieved);
                (offered, lost_percent(&report.method, round))
            });
            let by_rate = by_rate(lost);
            let size = format!("{} CPU", run.limits.cpus_text());
            Series {
                name: if many {
                    format!("{}, {size}", report.engine.name)
                } else {
                    size
                },
                style,
                points: by_rate.iter().map(|of| (of.rate, of.median)).collect(),
                spreads: by_rate
                    .iter()
                    .filter(|of| of.lowest < of.highest)
                    .map(|of| (of.rate, of.lowest, of.highest))
                    .collect(),
            }
        })
        .collect();
    Plot {
        title: "What was lost at which rate".to_owned(),
        x_label: "operations per second offered (logarithmic); strokes: rounds of the same rate"
            .to_owned(),
        y_label: "% lost".to_owned(),
        series,
        bands: Vec::new(),
        log_x: true,
    }
}

/// The share of what was done that was lost, in percent.
fn lost_percent(method: &Method, round: &Round) -> f64 {
    let lost = if method.raises_alerts {
        round.lost() as f64 / round.expected.max(1) as f64
    } else {
        let done = (round.achieved * round.seconds).max(1.0);
        round.kernel_drops.unwrap_or(0) as f64 / done
    };
    100.0 * lost.min(1.0)
}

/// What rounds of one rate came to.
#[derive(Clone, Copy, PartialEq, Debug)]
struct OfRate {
    rate: f64,
    lowest: f64,
    median: f64,
    highest: f64,
}

/// Values of rounds by their rate, lowest rate first. Rates that differ by less than a thousandth are
/// the same.
fn by_rate(rounds: impl Iterator<Item = (f64, f64)>) -> Vec<OfRate> {
    let mut rounds: Vec<(f64, f64)> = rounds.collect();
    rounds.sort_by(|left, right| left.0.total_cmp(&right.0));
    rounds
        .chunk_by(|left, right| right.0 <= left.0 * 1.001)
        .map(|same| {
            let mut values: Vec<f64> = same.iter().map(|(_, value)| *value).collect();
            values.sort_by(f64::total_cmp);
            OfRate {
                rate: same[0].0,
                lowest: values[0],
                median: values[values.len() / 2],
                highest: values[values.len() - 1],
            }
        })
        .collect()
}

/// What each engine held at each size.
pub(super) fn sizes(reports: &[Report]) -> Option<Plot> {
    let styles = [
        Style::MarkedLine,
        Style::Dashed,
        Style::Solid,
        Style::Dotted,
    ];
    let series: Vec<Series> = reports
        .iter()
        .zip(styles.iter().cycle())
        .map(|(report, &style)| Series {
            name: report.engine.name.clone(),
            style,
            points: report
                .runs
                .iter()
                .filter_map(|run| {
                    let cpus = run.limits.cpus.unwrap_or(f64::from(report.machine.cpus));
                    Some((cpus, run.eps.or(run.syscalls_per_second)?))
                })
                .collect(),
            spreads: Vec::new(),
        })
        .collect();
    series
        .iter()
        .any(|series| series.points.len() > 1)
        .then(|| Plot {
            title: "What was held at which size".to_owned(),
            x_label: "CPUs of the engine".to_owned(),
            y_label: "per second".to_owned(),
            series,
            bands: Vec::new(),
            log_x: false,
        })
}

fn over_time(
    run: &Run,
    name: &str,
    style: Style,
    value: impl Fn(&TimedSample) -> Option<f64>,
) -> Series {
    Series {
        name: name.to_owned(),
        style,
        points: run
            .samples
            .iter()
            .filter_map(|sample| Some((sample.at, value(sample)?)))
            .collect(),
        spreads: Vec::new(),
    }
}

fn per_second(count: u64, sample: &TimedSample) -> f64 {
    count as f64 / sample.seconds.max(1e-3)
}

fn plot(title: &str, y_label: &str, series: Vec<Series>) -> Plot {
    Plot {
        title: title.to_owned(),
        x_label: String::new(),
        y_label: y_label.to_owned(),
        series: series
            .into_iter()
            .filter(|series| !series.points.is_empty())
            .collect(),
        bands: Vec::new(),
        log_x: false,
    }
}

fn events(run: &Run) -> Plot {
    let of = |count: Option<u64>, sample: &TimedSample| Some(per_second(count?, sample));
    plot(
        "Events and drops, as the engine counts them",
        "per second",
        vec![
            over_time(run, "events", Style::Solid, |sample| {
                of(sample.events, sample)
            }),
            over_time(run, "dropped by the kernel side", Style::Dashed, |sample| {
                of(sample.kernel_drops, sample)
            }),
            over_time(run, "dropped by queues", Style::Dotted, |sample| {
                of(sample.queue_drops, sample)
            }),
        ],
    )
}

fn alerts(run: &Run) -> Plot {
    plot(
        "Alerts per second, expected and actual",
        "per second",
        vec![
            over_time(run, "expected (actions done)", Style::Solid, |sample| {
                Some(per_second(sample.done, sample))
            }),
            over_time(run, "actual (alerts that came)", Style::Dashed, |sample| {
                Some(per_second(sample.alerts, sample))
            }),
        ],
    )
}

fn operations(run: &Run) -> Plot {
    plot(
        "System calls of the load",
        "per second",
        vec![over_time(run, "done", Style::Solid, |sample| {
            Some(per_second(sample.done, sample))
        })],
    )
}

fn cpu(run: &Run) -> Plot {
    let mut series = vec![
        over_time(run, "engine", Style::Solid, |sample| {
            Some(100.0 * sample.engine_cpus?)
        }),
        over_time(run, "load", Style::Dotted, |sample| {
            Some(100.0 * sample.load_cpus)
        }),
    ];
    if let Some(cpus) = run.limits.cpus {
        series.push(over_time(
            run,
            &format!("limit of the engine, {} %", thousands(100.0 * cpus)),
            Style::Dashed,
            |_| Some(100.0 * cpus),
        ));
    }
    plot("CPU, and its limit", "% of one CPU", series)
}

fn latency(run: &Run) -> Plot {
    plot(
        "From act to alert, 99 of a hundred alerts",
        "milliseconds",
        vec![over_time(run, "p99", Style::Solid, |sample| {
            sample.latency_p99
        })],
    )
}

/// Loaded stretches.
fn bands(method: &Method, run: &Run) -> Vec<Band> {
    let mut bands: Vec<(u32, Band)> = Vec::new();
    for sample in run.samples.iter().filter(|sample| sample.loaded) {
        let from = sample.at - sample.seconds;
        match bands.last_mut() {
            Some((round, band)) if *round == sample.round => band.to = sample.at,
            _ => bands.push((
                sample.round,
                Band {
                    from,
                    to: sample.at,
                    is_dirty: run
                        .rounds
                        .iter()
                        .find(|round| round.number == sample.round)
                        .is_some_and(|round| !round.is_clean(method.criterion)),
                },
            )),
        }
    }
    bands.into_iter().map(|(_, band)| band).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_of_one_rate_are_one_point() {
        let rounds = [
            (64.0, 30.0),
            (32.0, 0.0),
            (48.0, 1.0),
            (48.0, 0.0),
            (48.01, 9.0),
        ];
        let of = |rate, lowest, median, highest| OfRate {
            rate,
            lowest,
            median,
            highest,
        };
        assert_eq!(
            by_rate(rounds.into_iter()),
            [
                of(32.0, 0.0, 0.0, 0.0),
                of(48.0, 0.0, 1.0, 9.0),
                of(64.0, 30.0, 30.0, 30.0)
            ]
        );
        assert_eq!(by_rate(std::iter::empty()), []);
    }
}
