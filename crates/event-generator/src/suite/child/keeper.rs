//! The process around a test: makes its surroundings and programs, starts the chain, and waits.

use std::fs;
use std::io::Write;
use std::process::ExitCode;

use rustix::thread::UnshareFlags;
use suite::{StepKind, Test};

use super::program::Programs;
use super::{Failure, chain, mounts, network, raw};
use crate::suite::channel::Speaker;
use crate::suite::plan::Plan;
use crate::suite::tree;

/// Does the work of the keeper; the exit code is that of the chain.
pub(super) fn keep(mut plan: Plan, speaker: &Speaker) -> Result<ExitCode, Failure> {
    // What a script leaves in the background is then still below this process, which ends it.
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))
        .map_err(Failure::at("reap orphans"))?;
    let result = keep_test(&mut plan, speaker);
    tree::kill_below(rustix::process::getpid().as_raw_nonzero().get());
    result.map(ExitCode::from)
}

fn keep_test(plan: &mut Plan, speaker: &Speaker) -> Result<u8, Failure> {
    let surroundings = plan.surroundings.clone();
    let mut flags = UnshareFlags::empty();
    if !surroundings.in_place {
        flags |= UnshareFlags::NEWNS;
    }
    if surroundings.network {
        flags |= UnshareFlags::NEWNET;
    }
    if let Some(groups) = &surroundings.container {
        for group in groups {
            action::sandbox::join(group).map_err(Failure::at("cgroup of the container"))?;
        }
        flags |= UnshareFlags::NEWPID
            | UnshareFlags::NEWUTS
            | UnshareFlags::NEWIPC
            | UnshareFlags::NEWCGROUP;
    }
    raw::unshare(flags).map_err(Failure::at("make namespaces"))?;
    if let Some(container) = &plan.test.container {
        rustix::system::sethostname(container.name.as_bytes())
            .map_err(Failure::at("host name of the container"))?;
    }
    if surroundings.network {
        action::netlink::own(&network::addresses(&plan.test))
            .map_err(Failure::at("private network"))?;
    }
    if surroundings.container.is_some() {
        // The namespace of process ids begins with the next child; mounting its /proc is up to it.
        let pid = raw::fork(|| match inside(plan, speaker) {
            Ok(code) => i32::from(code),
            Err(failure) => {
                speaker.tell(&crate::suite::channel::Message::Failed {
                    at: failure.at,
                    error: failure.error,
                });
                1
            }
        })
        .map_err(Failure::at("first process of the container"))?;
        return chain::wait(pid).map_err(Failure::at("first process of the container"));
    }
    inside(plan, speaker)
}

/// What is done once the namespaces are there.
fn inside(plan: &mut Plan, speaker: &Speaker) -> Result<u8, Failure> {
    let _ = rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL));
    if !plan.surroundings.in_place {
        mounts::set_up(plan.surroundings.container.is_some())?;
    }
    let mut programs = Programs::new(speaker);
    let last = plan.test.processes.len() - 1;
    for (index, process) in plan.test.processes.iter().enumerate() {
        let environment = environment(&plan.test, &plan.token, index == last);
        let mut launch = programs.launch(process, &environment)?;
        launch.user = match &process.user {
            Some(name) => Some(user(name, plan.surroundings.in_place)?),
            None => None,
        };
        plan.launches.push(launch);
    }
    let plan = Plan {
        stage: plan.stage,
        report: plan.report,
        token: plan.token.clone(),
        test: plan.test.clone(),
        launches: std::mem::take(&mut plan.launches),
        surroundings: plan.surroundings.clone(),
    };
    chain::start_next(plan, 0, speaker)
}

/// What every process of a test has: what marks it first, since engines cut long environments.
fn environment(test: &Test, token: &str, is_last: bool) -> Vec<(String, String)> {
    // Alerts about the processes before the last one are not about the test.
    let mark = if is_last {
        token.to_owned()
    } else {
        format!("ignore:{token}")
    };
    let mut environment = vec![(crate::suite::TOKEN.to_owned(), mark)];
    let path = std::env::var("PATH").unwrap_or_else(|_| "/usr/bin:/bin".to_owned());
    environment.push(("PATH".to_owned(), path));
    environment.extend(
        test.container
            .iter()
            .flat_map(|container| container.env.clone()),
    );
    environment
}

/// The numbers of a user and its group. One that is not there gets free ones, and with private files a
/// line in the private `/etc/passwd`.
fn user(name: &str, in_place: bool) -> Result<(u32, u32), Failure> {
    let at = || format!("user {name}");
    let passwd = fs::read_to_string("/etc/passwd").unwrap_or_default();
    let numbers = |line: &str| -> Option<(u32, u32)> {
        let mut fields = line.split(':').skip(2);
        Some((fields.next()?.parse().ok()?, fields.next()?.parse().ok()?))
    };
    let is_named = |line: &&str| line.split(':').next() == Some(name);
    if let Some(found) = passwd.lines().find(is_named).and_then(numbers) {
        return Ok(found);
    }
    if let Ok(number) = name.parse::<u32>() {
        return Ok((number, number));
    }
    let taken: Vec<u32> = passwd
        .lines()
        .filter_map(numbers)
        .map(|(user, _)| user)
        .collect();
    let free = (61_000..65_000)
        .find(|number| !taken.contains(number))
        .ok_or_else(|| Failure::new(at(), "no number is free"))?;
    if !in_place {
        let line = format!("{name}:x:{free}:{free}::/:/bin/sh\n");
        fs::OpenOptions::new()
            .append(true)
            .create(true)
            .open("/etc/passwd")
            .and_then(|mut file| file.write_all(line.as_bytes()))
            .map_err(Failure::at(at()))?;
    }
    Ok((free, free))
}

/// Whether a test needs a network in which nothing is real: whenever it talks to an address that is not
/// this machine's loopback.
pub(in crate::suite) fn needs_network(test: &Test) -> bool {
    !network::addresses(test).is_empty()
}

/// Whether a test does what only private mounts make safe.
pub(in crate::suite) fn mounts_something(test: &Test) -> bool {
    test.steps
        .iter()
        .any(|step| matches!(&step.kind, StepKind::Call { call, .. } if call == "mount"))
}
