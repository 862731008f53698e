//! Counts to numbers to log fields. Pure.

use std::time::Duration;

use crate::go::format_bytes;
use crate::log::Value;
use crate::watch::Usage;

/// One action in one round.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ActionCount {
    /// Name of the action.
    pub name: &'static str,
    /// How many alerts of its rule were heard.
    pub actual: u64,
    /// How many times it was done.
    pub expected: u64,
}

impl ActionCount {
    /// Alerts per action; 0 when it was not done.
    pub fn ratio(&self) -> f64 {
        if self.expected == 0 {
            return 0.0;
        }
        self.actual as f64 / self.expected as f64
    }

    /// The fields of the action's line.
    pub fn fields(&self) -> [(&'static str, Value); 3] {
        [
            ("actual", self.actual.into()),
            ("expected", self.expected.into()),
            ("ratio", self.ratio().into()),
        ]
    }
}

/// A round in numbers.
#[derive(Clone, PartialEq, Debug)]
pub struct Statistics {
    /// Actions done per second of load.
    pub throughput: f64,
    /// The share of alerts that did not come, from 0 to 1: one less the mean ratio of the actions
    /// that were done. `None` when none were expected.
    pub lost: Option<f64>,
    /// What the engine used.
    pub usage: Option<Usage>,
}

impl Statistics {
    /// The numbers of a round in which `counts` were counted in `loaded` seconds of load.
    pub fn of(
        counts: &[ActionCount],
        loaded: Duration,
        usage: Option<Usage>,
        dry_run: bool,
    ) -> Self {
        let done: u64 = counts.iter().map(|count| count.expected).sum();
        let throughput = done as f64 / loaded.as_secs_f64().max(f64::MIN_POSITIVE);
        let ratios: Vec<f64> = counts
            .iter()
            .filter(|count| count.expected > 0)
            .map(ActionCount::ratio)
            .collect();
        let mean = ratios.iter().sum::<f64>() / ratios.len().max(1) as f64;
        let lost = (!dry_run && !ratios.is_empty()).then_some(1.0 - mean);
        Self {
            throughput,
            lost,
            usage,
        }
    }

    /// The fields of the line called `statistics`.
    pub fn fields(&self, humanize: bool) -> Vec<(&'static str, Value)> {
        let mut fields = vec![("throughput", events_per_second(self.throughput, humanize))];
        if let Some(lost) = self.lost {
            let percent = (lost * 100.0) as i64;
            fields.push((
                "lost",
                if humanize {
                    format!("{percent}%").into()
                } else {
                    lost.into()
                },
            ));
        }
        if let Some(usage) = self.usage {
            let size = |bytes: u64| -> Value {
                if humanize {
                    format_bytes(bytes).into()
                } else {
                    bytes.into()
                }
            };
            let cpu = usage.cpu_percent;
            fields.push((
                "cpu",
                if humanize {
                    format!("{cpu:.1}%").into()
                } else {
                    cpu.into()
                },
            ));
            fields.push(("res_mem", size(usage.resident)));
            fields.push(("virt_mem", size(usage.virtual_size)));
        }
        fields
    }
}

/// `8674.2 EPS`, or the bare number.
pub(super) fn events_per_second(throughput: f64, humanize: bool) -> Value {
    if humanize {
        format!("{throughput:.1} EPS").into()
    } else {
        throughput.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::log::{Format, Level, Log};
    use std::sync::{Arc, Mutex};

    const NAMES: [&str; 3] = [
        "syscall.ReadSensitiveFileUntrusted",
        "syscall.WriteBelowBinaryDir",
        "syscall.ChangeThreadNamespace",
    ];

    /// One round of the article.
    struct Sample {
        number: u64,
        sleep: u64,
        counts: [(u64, u64); 3],
        cpu: f64,
        resident: u64,
        virtual_size: u64,
    }

    fn render(sample: &Sample) -> String {
        let sink = Arc::new(Mutex::new(Vec::new()));
        let log = Log::to(Arc::clone(&sink) as _, Level::Info, Format::Text);
        let counts: Vec<ActionCount> = NAMES
            .into_iter()
            .zip(sample.counts)
            .map(|(name, (actual, expected))| ActionCount {
                name,
                actual,
                expected,
            })
            .collect();
        let usage = Usage {
            cpu_percent: sample.cpu,
            resident: sample.resident,
            virtual_size: sample.virtual_size,
        };
        let statistics = Statistics::of(&counts, Duration::from_secs(5), Some(usage), false);
        log.info(
            &format!("round #{}", sample.number),
            &[("sleep", Duration::from_nanos(sample.sleep).into())],
        );
        log.info("resting...", &[]);
        for count in &counts {
            log.info(count.name, &count.fields());
        }
        log.info("statistics", &statistics.fields(true));
        let bytes = sink.lock().unwrap().clone();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn the_lines_are_those_of_the_article() {
        let lines = render(&Sample {
            number: 14,
            sleep: 12_207,
            counts: [(14224, 14458), (14219, 14456), (14208, 14457)],
            cpu: 68.0,
            resident: 36_000_000,
            virtual_size: 1_100_000_000,
        });
        assert_eq!(
            lines,
            "\
INFO round #14                                     sleep=\"12.207µs\"
INFO resting...
INFO syscall.ReadSensitiveFileUntrusted            actual=14224 expected=14458 ratio=0.9838151888227971
INFO syscall.WriteBelowBinaryDir                   actual=14219 expected=14456 ratio=0.9836054233536248
INFO syscall.ChangeThreadNamespace                 actual=14208 expected=14457 ratio=0.9827765096493049
INFO statistics                                    cpu=\"68.0%\" lost=\"1%\" res_mem=\"36 MB\" throughput=\"8674.2 EPS\" virt_mem=\"1.1 GB\"
"
        );
        let lines = render(&Sample {
            number: 15,
            sleep: 6_103,
            counts: [(15093, 16962), (15080, 16963), (15058, 16961)],
            cpu: 72.6,
            resident: 36_000_000,
            virtual_size: 1_100_000_000,
        });
        let last = lines.lines().last().unwrap();
        assert_eq!(
            last,
            "INFO statistics                                    cpu=\"72.6%\" lost=\"11%\" \
             res_mem=\"36 MB\" throughput=\"10177.2 EPS\" virt_mem=\"1.1 GB\""
        );
    }

    #[test]
    fn the_article_and_the_shared_samples_agree() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/conformance/capacity/bench-rounds-14-15.txt"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: {path} is not there");
            return;
        };
        let lines = render(&Sample {
            number: 14,
            sleep: 12_207,
            counts: [(14224, 14458), (14219, 14456), (14208, 14457)],
            cpu: 68.0,
            resident: 36_000_000,
            virtual_size: 1_100_000_000,
        });
        assert!(text.starts_with(&lines), "{lines}");
    }

    #[test]
    fn actions_that_were_not_done_are_not_lost() {
        let count = |actual, expected| ActionCount {
            name: "x",
            actual,
            expected,
        };
        let lost = |counts: &[ActionCount]| {
            Statistics::of(counts, Duration::from_secs(1), None, false).lost
        };
        assert_eq!(lost(&[count(10, 10), count(0, 0)]), Some(0.0));
        assert_eq!(lost(&[count(5, 10), count(10, 10)]), Some(0.25));
        assert_eq!(lost(&[count(0, 0)]), None);
        assert_eq!(
            Statistics::of(&[count(0, 9)], Duration::from_secs(1), None, true).lost,
            None
        );
    }

    #[test]
    fn bare_numbers() {
        let counts = [ActionCount {
            name: "x",
            actual: 0,
            expected: 485,
        }];
        let fields = Statistics::of(&counts, Duration::from_secs(5), None, false).fields(false);
        assert_eq!(fields, [("throughput", 97.0.into()), ("lost", 1.0.into())]);
    }
}
