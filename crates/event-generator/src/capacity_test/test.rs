//! A capacity test: all sizes, one after another.

use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::capacity::diagnosis::Limits;
use ::capacity::report::{self, Method, Report, Run, VERSION};
use ::capacity::round::Criterion;
use ::capacity::search::Plan;

use super::cgroup::Hierarchies;
use super::drive::{self, Course};
use super::kind::{Channel, Engine, Kind};
use super::launch::Launched;
use super::limits_of::limits_of;
use super::progress::Progress;
use super::stand::Stand;
use super::{folder, limited, machine, results};
use crate::alerts::{self, Ear, Tally};
use crate::cli::{AlertFlags, CapacityFlags, Given, Pin};
use crate::load::{Descriptors, Files, Load, Setting, Task};
use crate::log::Log;
use crate::selection::Selection;
use crate::watch::{Process, Watch};
use crate::{Error, Interrupt};

/// The load of the article.
const ARTICLE: &str = "ChangeThreadNamespace|ReadSensitiveFileUntrusted|WriteBelowBinaryDir";
/// How long to wait for the alerts of actions that were done once, before they are done again.
const FIRST_ALERTS: Duration = Duration::from_secs(2);
/// Lower rates are not offered.
const LEAST_RATE: f64 = 1.0;
/// A rate must lose something twice to count as dirty.
const ATTEMPTS: u32 = 2;
/// How long a gRPC stream may be silent before it is asked again.
const POLLING: Duration = Duration::from_millis(100);

/// Measures, writes the files, prints the table.
///
/// # Errors
/// When nothing can be measured.
pub(super) fn run(
    flags: &CapacityFlags,
    interrupt: &Interrupt,
    log: &Log,
) -> Result<ExitCode, Error> {
    let mut test = Test::new(flags, interrupt)?;
    remove_leftovers(log);
    test.pin_load()?;
    test.machine.speed = Some(machine::speed());
    let sizes = test.sizes();
    let progress = Progress::new(log, sizes.len(), flags.plain);
    let began = Instant::now();
    let mut report = test.report();
    for (at, &limits) in sizes.iter().enumerate() {
        // What one size does not use is left for the others.
        let left = flags.max_duration.saturating_sub(began.elapsed());
        let share = left / u32::try_from(sizes.len() - at).unwrap_or(1);
        let number = u32::try_from(at).unwrap_or(u32::MAX);
        progress.size(&format!(
            "{} CPU, {} memory",
            limits.cpus_text(),
            limits.memory_text()
        ));
        let run = test.size(
            number,
            limits,
            Instant::now() + share,
            &mut report,
            &progress,
        )?;
        report.runs.push(run);
        report.seconds = began.elapsed().as_secs_f64();
        // After each size, so that an interruption leaves what is known.
        results::write(&report, &flags.output)?;
        if interrupt.is_set() {
            break;
        }
    }
    drop(progress);
    let files = results::write(&report, &flags.output)?;
    let is_complete = report.runs.len() == sizes.len()
        && report.runs.iter().all(|run| run.outcome.held().is_some());
    crate::commands::print(&format!(
        "{}\n{files}",
        results::tables(std::slice::from_ref(&report))
    ))?;
    Ok(if is_complete || interrupt.is_set() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The CPUs that only the engine is to use, if it is to have some.
///
/// # Errors
/// When that is wanted and there are too few.
fn engine_cpus(flags: &CapacityFlags, machine: u32) -> Result<Option<Range<usize>>, Error> {
    let largest = flags.cpus.iter().copied().reduce(f64::max);
    // Most of an engine is one thread.
    let wanted = largest.map_or(1, |cpus| cpus.ceil() as usize);
    let machine = machine as usize;
    let is_possible = wanted < machine;
    match flags.pin {
        Pin::Never => return Ok(None),
        Pin::Auto if largest.is_none() || flags.article || !is_possible => return Ok(None),
        Pin::Always if !is_possible => {
            return Err(Error::Flags(format!(
                "--pin needs {} CPUs, {wanted} for the engine and one for the load; there are {machine}",
                wanted + 1
            )));
        }
        Pin::Auto | Pin::Always => {}
    }
    Ok(Some(machine - wanted..machine))
}

/// What a killed run left behind.
fn remove_leftovers(log: &Log) {
    if let Ok(hierarchies) = Hierarchies::find() {
        let count = hierarchies.remove_stale();
        if count > 0 {
            log.info(
                &format!("removed {count} cgroups that a killed run left behind"),
                &[],
            );
        }
    }
    folder::remove_stale();
}

/// What is the same for all sizes.
struct Test<'a> {
    flags: &'a CapacityFlags,
    interrupt: &'a Interrupt,
    engine: Engine,
    /// The engine's command line; empty when it runs already.
    program: Vec<String>,
    workers: u16,
    machine: report::Machine,
    /// CPUs of the engine, the last ones, where it and the load have their own.
    engine_cpus: Option<Range<usize>>,
}

impl<'a> Test<'a> {
    fn new(flags: &'a CapacityFlags, interrupt: &'a Interrupt) -> Result<Self, Error> {
        let program = match &flags.engine_cmd {
            Some(text) => shell_words::split(text)
                .map_err(|error| Error::Flags(format!("--engine-cmd: {error}")))?,
            None => Vec::new(),
        };
        if program.is_empty() && flags.pid.is_none() {
            return Err(Error::Flags(
                "say which engine to measure: --engine-cmd 'peregrine -r rules.yaml' starts one under \
                 limits, --pid measures one that runs already"
                    .to_owned(),
            ));
        }
        if flags.pid.is_some()
            && !(flags.cpus.is_empty() && flags.memory.is_none() && flags.pin != Pin::Always)
        {
            return Err(Error::Flags(
                "--cpus, --memory and --pin need --engine-cmd: a running engine is measured with the \
                 limits that it has"
                    .to_owned(),
            ));
        }
        let machine = machine::machine();
        let engine_cpus = engine_cpus(flags, machine.cpus)?;
        let named = program.first().map(String::as_str);
        let kind = flags
            .engine
            .or_else(|| named.map(Kind::of_program))
            .unwrap_or(Kind::Other);
        let engine = match named {
            Some(name) => Engine::ask(kind, name),
            None => Engine {
                kind,
                version: None,
                says: None,
            },
        };
        let load_cpus = engine_cpus
            .as_ref()
            .map_or(machine.cpus as usize, |cpus| cpus.start);
        let workers = if flags.article {
            1
        } else {
            flags
                .workers
                .unwrap_or_else(|| u16::try_from(load_cpus).unwrap_or(u16::MAX))
        };
        Ok(Self {
            flags,
            interrupt,
            engine,
            program,
            workers,
            machine,
            engine_cpus,
        })
    }

    fn raises_alerts(&self) -> bool {
        self.flags.syscalls.is_none()
    }

    fn criterion(&self) -> Criterion {
        if self.flags.article {
            Criterion::KernelDrops
        } else {
            Criterion::Strict
        }
    }

    fn pin_load(&self) -> Result<(), Error> {
        match &self.engine_cpus {
            Some(cpus) => {
                limited::stay_on(0..cpus.start).map_err(Error::io("keep the load on its CPUs"))
            }
            None => Ok(()),
        }
    }

    fn sizes(&self) -> Vec<Limits> {
        if let Some(pid) = self.flags.pid {
            return vec![limits_of(pid)];
        }
        let size = |cpus| Limits {
            cpus,
            memory: self.flags.memory,
        };
        if self.flags.cpus.is_empty() {
            vec![size(None)]
        } else {
            self.flags
                .cpus
                .iter()
                .map(|&cpus| size(Some(cpus)))
                .collect()
        }
    }

    fn report(&self) -> Report {
        let flags = self.flags;
        let name = flags.name.clone();
        Report {
            version: VERSION,
            began: jiff::Timestamp::now().to_string(),
            seconds: 0.0,
            engine: report::Engine {
                name: name.unwrap_or_else(|| self.engine.kind.name().to_owned()),
                command: self.program.join(" "),
                version: self.engine.says.clone(),
            },
            machine: self.machine.clone(),
            method: Method {
                load: Vec::new(),
                raises_alerts: self.raises_alerts(),
                workers: self.workers.into(),
                open_loop: !flags.article,
                criterion: self.criterion(),
                precision: flags.precision,
                pinned: self.engine_cpus.is_some(),
                in_memory: false,
                alerts: String::new(),
            },
            runs: Vec::new(),
        }
    }

    /// Measures one size. The first fills in what was not known of the method.
    fn size(
        &self,
        number: u32,
        limits: Limits,
        deadline: Instant,
        report: &mut Report,
        progress: &Progress,
    ) -> Result<Run, Error> {
        let began = Instant::now();
        let tasks = self.tasks(progress)?;
        let folder = folder::new()?;
        let tally = Arc::new(Tally::new(tasks.iter().map(|task| task.name)));
        progress.phase("starting the engine", None);
        let mut under_test = self.start(number, limits, folder.path(), &tally, progress.log())?;
        let (load, names, files) = self.load(tasks, &tally, &mut under_test, progress)?;
        report.method.load = names
            .iter()
            .map(|name| action::short_name(name).to_owned())
            .collect();
        report.method.in_memory = files == Files::InMemory;
        if let Some(ear) = &under_test.ear {
            report.method.alerts = ear.address().to_owned();
        }
        let process = Process::watch(under_test.pid).map_err(|error| {
            let error = Error::from(error);
            match &mut under_test.launched {
                Some(launched) => launched.explain(error),
                None => error,
            }
        })?;
        let stand = Stand {
            load,
            names,
            tally,
            ear: under_test.ear.as_ref(),
            watch: under_test.watch,
            engine: under_test.launched.as_mut(),
            process,
            interrupt: self.interrupt,
            began,
            samples: Vec::new(),
            baseline: None,
            full_speed: self.machine.speed.unwrap_or(1.0),
        };
        drive::run(stand, limits, self.course(deadline), progress)
    }

    fn course(&self, deadline: Instant) -> Course {
        let flags = self.flags;
        Course {
            search: (!flags.article).then_some(Plan {
                start: flags.start_rate,
                most: flags.max_rate,
                least: LEAST_RATE,
                precision: flags.precision,
                attempts: ATTEMPTS,
            }),
            criterion: self.criterion(),
            round: flags.round_duration,
            most_rest: flags.max_rest,
            deadline,
            raises_alerts: self.raises_alerts(),
            cpus: self.machine.cpus.into(),
        }
    }

    /// What the load does.
    fn tasks(&self, progress: &Progress) -> Result<Vec<Task>, Error> {
        if let Some(load) = self.flags.syscalls {
            return Ok(vec![load.task()]);
        }
        let pattern = self.flags.actions.as_deref().unwrap_or(ARTICLE);
        let selection = Selection::for_benchmark(Some(pattern), false)?;
        for action in &selection.disabled {
            progress.warn(&format!(
                "{} does not suit a measurement and is left out",
                action.name
            ));
        }
        let context = crate::commands::context(self.interrupt)?;
        Ok(selection
            .actions
            .into_iter()
            .map(|action| Task::of_action(action, &context))
            .collect())
    }

    /// Starts the engine, or takes the one that runs, and makes its alerts and counters readable.
    fn start(
        &self,
        number: u32,
        limits: Limits,
        folder: &Path,
        tally: &Arc<Tally>,
        log: &Log,
    ) -> Result<UnderTest, Error> {
        let flags = self.flags;
        let mut sources = flags.counters.sources(flags.pid);
        let listen =
            |alert_flags: &AlertFlags| alerts::listen(alert_flags, POLLING, tally.clone(), log);
        let hears = self.raises_alerts();
        if self.program.is_empty() {
            let pid = flags.pid.unwrap_or_default();
            let ear = hears.then(|| listen(&flags.alerts)).transpose()?;
            let watch = Watch::start(&sources)?;
            return Ok(UnderTest {
                launched: None,
                ear,
                watch,
                pid,
            });
        }
        let is_wired = !flags.as_is && self.engine.kind != Kind::Other;
        let socket = folder.join("engine.sock");
        let counters = folder.join("counters");
        let mut channel = None;
        let mut command = self.program.clone();
        let mut alert_flags = flags.alerts.clone();
        if is_wired {
            let wanted = match (flags.alerts.given.grpc, flags.alerts.given.http) {
                (true, _) => Channel::Grpc,
                (_, true) => Channel::Http,
                _ => self.engine.channel(),
            };
            self.point(&mut alert_flags, &wanted, &socket);
            sources.files.push(counters.clone());
            channel = Some(wanted);
        }
        // Over HTTP the engine calls us, so we are there first.
        let mut ear = None;
        if hears && channel != Some(Channel::Grpc) && !alert_flags.given.grpc {
            ear = Some(listen(&alert_flags)?);
        }
        if let Some(channel) = &channel {
            let url = ear.as_ref().map_or("http://127.0.0.1:1".to_owned(), |ear| {
                format!("http://{}", ear.address())
            });
            command.extend(self.engine.arguments(channel, &socket, &url, &counters));
        }
        let mut launched =
            Launched::start(&command, limits, self.engine_cpus.as_ref(), number, folder)?;
        launched.wait_until(flags.start_timeout, self.interrupt, || {
            let mut files = sources.files.iter();
            files.all(|file| file.metadata().is_ok_and(|data| data.len() > 0))
        })?;
        if hears && ear.is_none() {
            let mut heard = Err(Error::Engine("has no alerts".to_owned()));
            launched.wait_until(flags.start_timeout, self.interrupt, || {
                heard = listen(&alert_flags).map_err(Error::from);
                heard.is_ok()
            })?;
            ear = Some(heard?);
        }
        let pid = launched.pid();
        sources.pid = Some(pid);
        let watch = Watch::start(&sources).map_err(|error| launched.explain(error.into()))?;
        Ok(UnderTest {
            launched: Some(launched),
            ear,
            watch,
            pid,
        })
    }

    /// Points the flags of alerts to where the engine was told to send them.
    fn point(&self, alert_flags: &mut AlertFlags, channel: &Channel, socket: &Path) {
        match channel {
            Channel::Grpc => {
                alert_flags.grpc_unix_socket = Some(format!("unix://{}", socket.display()));
                alert_flags.given = Given {
                    grpc: true,
                    http: false,
                };
            }
            Channel::Http => {
                if !self.flags.alerts.given.http {
                    alert_flags.http_server_address = "127.0.0.1:0".to_owned();
                }
                alert_flags.given = Given {
                    grpc: false,
                    http: true,
                };
            }
        }
    }

    /// Starts the threads of the load. Files are made in memory where that can be done, because how fast
    /// a disk makes files differs from minute to minute.
    fn workers(&self, tasks: Vec<Task>) -> Result<(Load, Files), Error> {
        let start = |tasks: Vec<Task>, files: Files| {
            let setting = Setting {
                descriptors: Descriptors::Own,
                files,
            };
            Load::start(tasks, usize::from(self.workers), setting)
                .map_err(Error::io("start the threads of the load"))
        };
        let makes_files = tasks.iter().any(|task| !task.writes.is_empty());
        if makes_files && !self.flags.article {
            let load = start(tasks.clone(), Files::InMemory)?;
            if load.refused().is_empty() {
                return Ok((load, Files::InMemory));
            }
        }
        Ok((start(tasks, Files::InPlace)?, Files::InPlace))
    }

    /// Makes the load ready, without the actions whose alerts do not come.
    fn load(
        &self,
        tasks: Vec<Task>,
        tally: &Tally,
        under_test: &mut UnderTest,
        progress: &Progress,
    ) -> Result<(Load, Vec<String>, Files), Error> {
        let names: Vec<String> = tasks.iter().map(|task| task.name.to_owned()).collect();
        let (mut load, files) = self.workers(tasks)?;
        for (at, failure) in load.refused() {
            progress.warn(&format!("{} is left out: {failure}", names[*at]));
        }
        let Some(ear) = &under_test.ear else {
            return Ok((load, names, files));
        };
        if load.is_idle() {
            return Err(Error::NothingToDo);
        }
        progress.phase("waiting for the first alerts", None);
        let deadline = Instant::now() + self.flags.start_timeout;
        let missing = loop {
            tally.begin();
            for (at, failure) in load.once() {
                progress.warn(&format!("{} is left out: {failure}", names[*at]));
            }
            let tried: Vec<usize> = (0..names.len())
                .filter(|at| load.refused().iter().all(|(place, _)| place != at))
                .collect();
            if tried.is_empty() {
                return Err(Error::NothingToDo);
            }
            let silent = self.wait_for(&tried, tally);
            if silent.is_empty() || self.interrupt.is_set() {
                break silent;
            }
            if let Some(failure) = ear.failure() {
                return Err(Error::Deaf(failure));
            }
            let has_some = silent.len() < tried.len();
            if has_some || Instant::now() >= deadline {
                if !has_some {
                    return Err(Error::NoAlert {
                        within: self.flags.start_timeout,
                        tried: tried.len(),
                        address: ear.address().to_owned(),
                    });
                }
                break silent;
            }
        };
        for &at in &missing {
            progress.warn(&format!(
                "{} is left out: its alert does not come; is its rule loaded and enabled?",
                names[at]
            ));
        }
        load.leave_out(&missing);
        Ok((load, names, files))
    }

    /// Waits for alerts; those that do not come.
    fn wait_for(&self, tried: &[usize], tally: &Tally) -> Vec<usize> {
        let deadline = Instant::now() + FIRST_ALERTS;
        loop {
            let silent: Vec<usize> = tried
                .iter()
                .copied()
                .filter(|&at| tally.heard(at) == 0)
                .collect();
            if silent.is_empty()
                || Instant::now() >= deadline
                || !self.interrupt.sleep(Duration::from_millis(10))
            {
                return silent;
            }
        }
    }
}

/// An engine whose alerts and counters can be read.
struct UnderTest {
    launched: Option<Launched>,
    ear: Option<Ear>,
    watch: Watch,
    pid: u32,
}
