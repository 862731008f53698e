//! Watching an engine while it is under load: its process, and what it counts itself.
//!
//! | module | what it knows |
//! |---|---|
//! | `process` | CPU and memory, from `/proc` |
//! | `counters` | events, drops, matches, lost alerts, from any of three sources; pure |
//! | `follow` | a file that grows: statistics (`-s`) or metrics (`metrics.output_file`) |
//! | `prometheus` | `/metrics` |
//! | `kind` | what engines differ in |
//!
//! One thread looks at everything a few times a second, so that neither the load nor the reader waits
//! for a file or a server.

mod counters;
mod follow;
mod kind;
mod process;
mod prometheus;

pub use counters::EngineCounters;
pub use kind::EngineKind;
pub use process::{Error as ProcessError, Moment, Process, Usage};

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use follow::Follow;

/// Where to look.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Sources {
    /// The engine's process.
    pub pid: Option<u32>,
    /// Files to which the engine adds a line now and then.
    pub files: Vec<PathBuf>,
    /// Its Prometheus endpoint.
    pub url: Option<String>,
}

impl Sources {
    /// Whether some of them tell what the engine counts.
    pub fn count(&self) -> bool {
        !self.files.is_empty() || self.url.is_some()
    }
}

/// Why an engine cannot be watched.
#[derive(thiserror::Error, Debug)]
pub enum Error {
    /// The process.
    #[error(transparent)]
    Process(#[from] ProcessError),
    /// A file of its counters.
    #[error(
        "cannot read {path}: {source}; give the file that the engine writes (-s FILE, or \
         metrics.output_file), and start the engine first"
    )]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: std::io::Error,
    },
    /// Its Prometheus endpoint.
    #[error("cannot get {url}: {reason}")]
    Url {
        /// The page.
        url: String,
        /// What is wrong.
        reason: String,
    },
    /// The thread that looks.
    #[error("cannot start to watch the engine: {0}")]
    Start(std::io::Error),
}

/// What was seen at a moment.
#[derive(Clone, Debug)]
pub struct EngineSample {
    /// When.
    pub at: Instant,
    /// CPU since the sample before, and memory; `None` when no process is watched.
    pub usage: Option<Usage>,
    /// What the engine had counted, as far as it had said so by then.
    pub counters: EngineCounters,
}

/// How often files are looked at.
const POLL: Duration = Duration::from_millis(100);
/// How often the process and the endpoint are. The kernel counts CPU in ticks of 10 ms, so half a
/// second is good to 2 %.
const SAMPLE: Duration = Duration::from_millis(500);
/// So many samples are kept: an hour.
const KEPT: usize = 7_200;

/// An engine that is watched until this is dropped.
#[derive(Debug)]
pub struct Watch {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
    counts: bool,
}

#[derive(Debug)]
struct Shared {
    stop: AtomicBool,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    counters: EngineCounters,
    /// When each source last had news.
    news: Vec<Option<Instant>>,
    samples: Vec<EngineSample>,
    failure: Option<String>,
}

impl Watch {
    /// Begins to watch. Everything is read once, so that a mistake shows at once.
    ///
    /// # Errors
    /// When a source cannot be read.
    pub fn start(sources: &Sources) -> Result<Self, Error> {
        let mut look = Look::new(sources)?;
        let mut state = State {
            news: vec![None; sources.files.len() + usize::from(sources.url.is_some())],
            ..State::default()
        };
        look.files(&mut state);
        look.page(&mut state)?;
        let shared = Arc::new(Shared {
            stop: AtomicBool::new(false),
            state: Mutex::new(state),
        });
        let watched = Arc::clone(&shared);
        let thread = std::thread::Builder::new()
            .name("watch".to_owned())
            .spawn(move || look.on(&watched))
            .map_err(Error::Start)?;
        Ok(Self {
            shared,
            thread: Some(thread),
            counts: sources.count(),
        })
    }

    /// Whether the engine's counters are read.
    pub fn counts(&self) -> bool {
        self.counts
    }

    /// What the engine has counted, as far as it has said so.
    pub fn counters(&self) -> EngineCounters {
        self.state().counters.clone()
    }

    /// Whether every source of counters has had news of a moment after `moment`.
    pub fn is_newer_than(&self, moment: Instant) -> bool {
        // A line may have been written this long before it was read.
        let moment = moment + POLL;
        self.state()
            .news
            .iter()
            .all(|news| news.is_some_and(|news| news > moment))
    }

    /// Samples taken after a moment.
    pub fn samples_after(&self, moment: Instant) -> Vec<EngineSample> {
        let state = self.state();
        let from = state.samples.partition_point(|sample| sample.at <= moment);
        state.samples[from..].to_vec()
    }

    /// The latest sample.
    pub fn latest(&self) -> Option<EngineSample> {
        self.state().samples.last().cloned()
    }

    /// Why the engine cannot be watched any more, if so.
    pub fn failure(&self) -> Option<String> {
        self.state().failure.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.shared.lock()
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.shared.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The thread that looks.
struct Look {
    process: Option<(Process, Moment)>,
    files: Vec<Follow>,
    url: Option<String>,
}

impl Look {
    fn new(sources: &Sources) -> Result<Self, Error> {
        let process = match sources.pid {
            Some(pid) => {
                let process = Process::watch(pid)?;
                let now = process.now()?;
                Some((process, now))
            }
            None => None,
        };
        let open = |path: &PathBuf| {
            Follow::open(path).map_err(|source| Error::File {
                path: path.clone(),
                source,
            })
        };
        Ok(Self {
            process,
            files: sources.files.iter().map(open).collect::<Result<_, _>>()?,
            url: sources.url.clone(),
        })
    }

    fn on(mut self, shared: &Shared) {
        let mut due = Instant::now() + SAMPLE;
        while !shared.stop.load(Ordering::Relaxed) {
            std::thread::sleep(POLL);
            self.files(&mut shared.lock());
            if Instant::now() < due {
                continue;
            }
            due += SAMPLE;
            // Not under the lock: a server may be slow.
            let mut page = State {
                news: vec![None; self.files.len() + usize::from(self.url.is_some())],
                ..State::default()
            };
            let failure = self.page(&mut page).err().map(|error| error.to_string());
            let usage = self.usage();
            let mut state = shared.lock();
            if self.url.is_some() && failure.is_none() {
                state.counters.update(page.counters);
                let at = self.files.len();
                state.news[at] = page.news[at];
            }
            let usage = match usage {
                Ok(usage) => usage,
                Err(error) => {
                    state.failure = Some(error.to_string());
                    return;
                }
            };
            if state.samples.len() >= KEPT {
                state.samples.remove(0);
            }
            let counters = state.counters.clone();
            state.samples.push(EngineSample {
                at: Instant::now(),
                usage,
                counters,
            });
        }
    }

    fn usage(&mut self) -> Result<Option<Usage>, ProcessError> {
        let Some((process, before)) = &mut self.process else {
            return Ok(None);
        };
        let now = process.now()?;
        let usage = before.until(&now);
        *before = now;
        Ok(Some(usage))
    }

    fn files(&mut self, state: &mut State) {
        for (at, file) in self.files.iter_mut().enumerate() {
            // A file that is gone for a moment, being rotated, has no news.
            for line in file.lines().unwrap_or_default() {
                if let Some(counters) = EngineCounters::of_line(&line) {
                    state.counters.update(counters);
                    state.news[at] = Some(Instant::now());
                }
            }
        }
    }

    fn page(&self, state: &mut State) -> Result<(), Error> {
        let Some(url) = &self.url else {
            return Ok(());
        };
        let text = prometheus::get(url).map_err(|reason| Error::Url {
            url: url.clone(),
            reason,
        })?;
        state.counters.update(EngineCounters::of_prometheus(&text));
        state.news[self.files.len()] = Some(Instant::now());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_process_and_its_file_are_watched() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("stats");
        let line = |sample: u64, events: u64, drops: u64| {
            let counts =
                format!("{{\"events\": {events}, \"drops\": {drops}, \"preemptions\": 0}}");
            format!(
                "{{\"sample\": {sample}, \"cur\": {counts}, \"delta\": {counts}, \"drop_pct\": 0}},\n"
            )
        };
        std::fs::write(&path, line(1, 10, 0)).unwrap();
        let watch = Watch::start(&Sources {
            pid: Some(std::process::id()),
            files: vec![path.clone()],
            url: None,
        })
        .unwrap();
        let begin = Instant::now();
        assert_eq!(watch.counters().events, Some(10));
        assert!(!watch.is_newer_than(begin));
        let mut sample = 1;
        while !watch.is_newer_than(begin) || watch.samples_after(begin).is_empty() {
            sample += 1;
            let mut file = std::fs::OpenOptions::new()
                .append(true)
                .open(&path)
                .unwrap();
            file.write_all(line(sample, 100, 4).as_bytes()).unwrap();
            std::thread::sleep(Duration::from_millis(20));
            assert!(begin.elapsed() < Duration::from_secs(60));
        }
        assert_eq!(watch.counters().kernel_drops, Some(4));
        let latest = watch.latest().unwrap();
        assert!(latest.usage.unwrap().resident > 0);
        assert!(watch.failure().is_none() && watch.counts());
    }

    #[test]
    fn mistakes_show_at_once() {
        let error = |sources: &Sources| Watch::start(sources).unwrap_err().to_string();
        let files = vec![PathBuf::from("/nonexistent/stats")];
        let text = error(&Sources {
            files,
            ..Sources::default()
        });
        assert!(text.contains("/nonexistent/stats"), "{text}");
        let text = error(&Sources {
            url: Some("ftp://x".to_owned()),
            ..Sources::default()
        });
        assert!(text.contains("cannot get ftp://x"), "{text}");
        let text = error(&Sources {
            pid: Some(u32::MAX),
            ..Sources::default()
        });
        assert!(text.contains("there is no process"), "{text}");
    }
}
