//! CPU time and memory of the engine, from `/proc/PID/stat`.

use std::io;
use std::time::{Duration, Instant};

/// Why a process cannot be watched.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// There is none of this number.
    #[error("there is no process {0}; give --pid the engine's, for example $(pidof peregrine)")]
    NoSuchProcess(u32),
    /// It was there before.
    #[error("process {0}, which was to be watched, has ended")]
    Ended(u32),
    /// The system does not say.
    #[error("cannot read /proc/{pid}/stat: {source}")]
    Read {
        /// The process.
        pid: u32,
        /// What went wrong.
        source: io::Error,
    },
}

/// What a process used in a time.
#[derive(Clone, Copy, PartialEq, Debug, serde::Serialize)]
pub struct Usage {
    /// CPU time by wall time, in percent of one CPU.
    pub cpu_percent: f64,
    /// Bytes in memory at the end.
    pub resident: u64,
    /// Bytes of address space at the end.
    pub virtual_size: u64,
}

/// A process that is watched.
#[derive(Clone, Debug)]
pub struct Process {
    pid: u32,
    /// When it was started, which tells it from a later one with the same number.
    start: u64,
}

/// A moment of a process.
#[derive(Clone, Debug)]
pub struct Moment {
    at: Instant,
    stat: Stat,
}

/// The fields of `/proc/PID/stat` that are looked at.
#[derive(Clone, PartialEq, Eq, Debug)]
struct Stat {
    cpu_ticks: u64,
    start: u64,
    virtual_size: u64,
    resident_pages: u64,
}

impl Process {
    /// The process `pid`, which must be there.
    ///
    /// # Errors
    /// When it is not.
    pub fn watch(pid: u32) -> Result<Self, Error> {
        let stat = read(pid)?.ok_or(Error::NoSuchProcess(pid))?;
        Ok(Self {
            pid,
            start: stat.start,
        })
    }

    /// Its number.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// How it is now.
    ///
    /// # Errors
    /// When it has ended.
    pub fn now(&self) -> Result<Moment, Error> {
        let stat = read(self.pid)?
            .filter(|stat| stat.start == self.start)
            .ok_or(Error::Ended(self.pid))?;
        Ok(Moment {
            at: Instant::now(),
            stat,
        })
    }
}

impl Moment {
    /// CPU time since its start.
    pub fn cpu(&self) -> Duration {
        let ticks = rustix::param::clock_ticks_per_second().max(1);
        Duration::from_nanos(self.stat.cpu_ticks.saturating_mul(1_000_000_000 / ticks))
    }

    /// What was used from here until `later`.
    pub fn until(&self, later: &Self) -> Usage {
        let ticks = later.stat.cpu_ticks.saturating_sub(self.stat.cpu_ticks);
        let cpu = Duration::from_nanos(
            ticks.saturating_mul(1_000_000_000 / rustix::param::clock_ticks_per_second().max(1)),
        );
        let wall = later.at.saturating_duration_since(self.at);
        Usage {
            cpu_percent: 100.0 * cpu.as_secs_f64() / wall.as_secs_f64().max(f64::MIN_POSITIVE),
            resident: later.stat.resident_pages * rustix::param::page_size() as u64,
            virtual_size: later.stat.virtual_size,
        }
    }
}

/// `None` when there is no such process, or only what is left of one.
fn read(pid: u32) -> Result<Option<Stat>, Error> {
    match std::fs::read_to_string(format!("/proc/{pid}/stat")) {
        Ok(text) => Ok(parse(&text)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        // ESRCH: it ended between opening and reading.
        Err(error) if error.raw_os_error() == Some(3) => Ok(None),
        Err(source) => Err(Error::Read { pid, source }),
    }
}

/// `None` for a zombie.
fn parse(text: &str) -> Option<Stat> {
    // The name may hold blanks and parentheses; the fields after it may not.
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    // Numbered from 3 in proc(5), which begins with the state here.
    let field = |number: usize| fields.get(number - 3)?.parse::<u64>().ok();
    if matches!(*fields.first()?, "Z" | "X") {
        return None;
    }
    Some(Stat {
        cpu_ticks: field(14)? + field(15)?,
        start: field(22)?,
        virtual_size: field(23)?,
        resident_pages: field(24)?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = "4242 (fal) co (x)) S 1 2 3 4 5 6 7 8 9 10 111 222 13 14 15 16 17 18 19000 \
                        1100000000 8789 21 22";

    #[test]
    fn a_line_is_read_after_the_last_parenthesis() {
        let expected = Stat {
            cpu_ticks: 333,
            start: 19000,
            virtual_size: 1_100_000_000,
            resident_pages: 8789,
        };
        assert_eq!(parse(LINE), Some(expected));
        assert_eq!(parse(&LINE.replace(" S ", " Z ")), None);
        for nonsense in [
            "",
            "1",
            "1 (x",
            "1 (x)",
            "1 (x) S 1 2 3",
            "1 (x) S a b c d e f",
        ] {
            assert_eq!(parse(nonsense), None);
        }
    }

    #[test]
    fn usage_is_per_time() {
        let at = Instant::now();
        let stat = parse(LINE).unwrap();
        let earlier = Moment {
            at,
            stat: stat.clone(),
        };
        let ticks = rustix::param::clock_ticks_per_second();
        let later = Moment {
            at: at + Duration::from_secs(2),
            stat: Stat {
                cpu_ticks: stat.cpu_ticks + ticks,
                ..stat
            },
        };
        let usage = earlier.until(&later);
        assert!((usage.cpu_percent - 50.0).abs() < 1e-9, "{usage:?}");
        assert_eq!(usage.virtual_size, 1_100_000_000);
    }

    #[test]
    fn a_process_is_there_or_not() {
        let process = Process::watch(std::process::id()).unwrap();
        assert!(process.now().unwrap().stat.resident_pages > 0);
        // Beyond the largest number a kernel gives.
        assert!(matches!(
            Process::watch(u32::MAX),
            Err(Error::NoSuchProcess(u32::MAX))
        ));
        let another = Process {
            start: 1,
            ..process
        };
        assert!(matches!(another.now(), Err(Error::Ended(_))));
    }
}
