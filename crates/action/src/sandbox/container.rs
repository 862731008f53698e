//! A container of our own.
//!
//! Three programs in a row, all of them this one. The *launcher* makes the namespaces and the view of
//! the file system while it is still on the host, so that making the container is not what alerts are
//! about; it enters the control group and starts the *first process*. That one mounts the new process
//! namespace's `/proc`, lays down the capabilities that Docker does not give, and becomes the process
//! that acts. The launcher waits for it and dies with this program; the container dies with the
//! launcher.

use std::os::unix::process::CommandExt;
use std::process::ExitCode;

use nix::sched::{CloneFlags, unshare};
use rustix::mount::MountFlags;
use rustix::thread::{CapabilitySet, capabilities, remove_capability_from_bounding_set};

use super::plan::{ACT, INIT, Place, Plan, die_with};
use super::{cgroup, child, mounts};
use crate::failure::Failure;
use crate::stand_in::refuse;

/// What Docker leaves to a container that is not privileged.
const USUAL: CapabilitySet = CapabilitySet::CHOWN
    .union(CapabilitySet::DAC_OVERRIDE)
    .union(CapabilitySet::FSETID)
    .union(CapabilitySet::FOWNER)
    .union(CapabilitySet::MKNOD)
    .union(CapabilitySet::NET_RAW)
    .union(CapabilitySet::SETGID)
    .union(CapabilitySet::SETUID)
    .union(CapabilitySet::SETFCAP)
    .union(CapabilitySet::SETPCAP)
    .union(CapabilitySet::NET_BIND_SERVICE)
    .union(CapabilitySet::SYS_CHROOT)
    .union(CapabilitySet::KILL)
    .union(CapabilitySet::AUDIT_WRITE);

/// The launcher: makes the container and waits for its first process.
pub(crate) fn launch() -> ExitCode {
    match try_launch() {
        Ok(code) => code,
        Err(failure) => refuse(failure),
    }
}

fn try_launch() -> Result<ExitCode, Failure> {
    let plan = Plan::of_this_process()?;
    let Place::Container { cgroups, .. } = &plan.place else {
        return Err(Failure::skipped("no container was asked for"));
    };
    die_with(Some(plan.parent))?;
    let flags = CloneFlags::CLONE_NEWNS
        | CloneFlags::CLONE_NEWNET
        | CloneFlags::CLONE_NEWUTS
        | CloneFlags::CLONE_NEWIPC;
    unshare(flags)
        .map_err(|errno| Failure::skipped(format!("no container can be made: unshare: {errno}")))?;
    mounts::cover(false)?;
    child::own_addresses()?;
    // As runtimes do.
    if let Some(name) = cgroups.first().and_then(|dir| cgroup::short_id(dir)) {
        rustix::system::sethostname(name.as_bytes()).map_err(Failure::at("sethostname"))?;
    }
    for dir in cgroups {
        cgroup::join(dir)?;
    }
    unshare(CloneFlags::CLONE_NEWPID)
        .map_err(|errno| Failure::skipped(format!("no container can be made: unshare: {errno}")))?;
    let status = child::command(&plan, INIT)
        .status()
        .map_err(Failure::at("start the first process of a container"))?;
    Ok(if status.success() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// The first process of the container, up to where it becomes the one that acts.
pub(crate) fn initialize() -> ExitCode {
    match try_initialize() {
        // Only a failure comes back from becoming another program.
        Ok(never) => match never {},
        Err(failure) => refuse(failure),
    }
}

fn try_initialize() -> Result<std::convert::Infallible, Failure> {
    let plan = Plan::of_this_process()?;
    // The launcher is in another process namespace, where it cannot be seen. If it is gone already,
    // so is the program that talks to us, and our input has ended.
    die_with(None)?;
    rustix::mount::mount(
        c"proc",
        c"/proc",
        c"proc",
        MountFlags::NOSUID | MountFlags::NODEV | MountFlags::NOEXEC,
        None,
    )
    .map_err(Failure::at("mount /proc"))?;
    if matches!(
        plan.place,
        Place::Container {
            privileged: false,
            ..
        }
    ) {
        let ours = capabilities(None).map_err(Failure::at("read our capabilities"))?;
        for capability in (ours.permitted - USUAL).iter() {
            remove_capability_from_bounding_set(capability)
                .map_err(Failure::at("lay down a capability"))?;
        }
    }
    Err(Failure::at("become the process that acts")(
        child::command(&plan, ACT).exec(),
    ))
}
