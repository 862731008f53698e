//! Whether one action holds up the load. Pure.
//!
//! Actions of one worker are done in turn, so the slowest sets the pace of all. Then a benchmark
//! measures a disk, or a program that starts, and not the engine; it has to say so.

use std::time::Duration;

/// How long one action takes by itself.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct ActionTime {
    /// Its name.
    pub name: &'static str,
    /// How many times it was done.
    pub done: u64,
    /// Of the average act, in nanoseconds.
    pub mean: f64,
    /// Of that, nanoseconds that its thread was not on a CPU, where that was measured.
    pub waiting: Option<u64>,
}

/// An action that takes more than half of the time of the load and five times as long as the others.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Slow {
    /// The action.
    pub action: ActionTime,
    /// What a loop over the others would reach, in actions per second of all workers.
    pub without: f64,
}

/// The action that holds up the others, if there is one.
pub fn slowest(times: &[ActionTime], workers: usize) -> Option<Slow> {
    let times: Vec<&ActionTime> = times.iter().filter(|time| time.done > 0).collect();
    let slowest = **times.iter().max_by(|a, b| a.mean.total_cmp(&b.mean))?;
    let others = times.len().checked_sub(1).filter(|others| *others > 0)?;
    let rest: f64 = times.iter().map(|time| time.mean).sum::<f64>() - slowest.mean;
    let mean = rest / others as f64;
    (slowest.mean > rest && slowest.mean > 5.0 * mean).then(|| Slow {
        action: slowest,
        without: workers as f64 * 1e9 / mean.max(1.0),
    })
}

impl std::fmt::Display for Slow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let time = |nanoseconds: f64| {
            let micros = nanoseconds / 1_000.0;
            if micros < 10.0 {
                format!("{micros:.1} µs")
            } else if micros < 10_000.0 {
                format!("{micros:.0} µs")
            } else {
                format!("{:?}", Duration::from_millis((micros / 1_000.0) as u64))
            }
        };
        let name = action::short_name(self.action.name);
        write!(f, "{name} takes {}", time(self.action.mean))?;
        match self.action.waiting {
            Some(waiting) if waiting as f64 > self.action.mean / 2.0 => write!(
                f,
                ", {} of it off the CPU (disk, lock, or others on it)",
                time(waiting as f64)
            )?,
            Some(_) => f.write_str(", most of it on a CPU")?,
            None => {}
        }
        write!(
            f,
            ": without it the loop would reach {:.0} EPS",
            self.without
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(means: &[f64]) -> Vec<ActionTime> {
        let names = [
            "syscall.ReadSensitiveFileUntrusted",
            "syscall.WriteBelowBinaryDir",
            "syscall.ChangeThreadNamespace",
        ];
        means
            .iter()
            .zip(names)
            .map(|(&mean, name)| ActionTime {
                name,
                done: 10,
                mean,
                waiting: None,
            })
            .collect()
    }

    #[test]
    fn only_what_holds_up_the_others_is_named() {
        let mut all = times(&[2_000.0, 900_000.0, 1_000.0]);
        let slow = slowest(&all, 1).unwrap();
        assert_eq!(slow.action.name, "syscall.WriteBelowBinaryDir");
        assert_eq!(
            slow.to_string(),
            "WriteBelowBinaryDir takes 900 µs: without it the loop would reach 666667 EPS"
        );
        all[1].waiting = Some(850_000);
        assert_eq!(
            slowest(&all, 2).unwrap().to_string(),
            "WriteBelowBinaryDir takes 900 µs, 850 µs of it off the CPU (disk, lock, or others on \
             it): without it the loop would reach 1333333 EPS"
        );
        all[1].waiting = Some(1_000);
        assert!(slowest(&all, 1).unwrap().to_string().contains("on a CPU"));
        all[1].done = 0;
        assert_eq!(slowest(&all, 1), None, "it was not done");
        assert_eq!(slowest(&times(&[2_000.0, 4_000.0, 1_000.0]), 1), None);
        assert_eq!(
            slowest(&times(&[2_000_000.0]), 1),
            None,
            "there is no other"
        );
        assert_eq!(slowest(&[], 1), None);
    }
}
