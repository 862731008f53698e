//! Hooks where calls begin, which note their arguments down.
//!
//! A native call has a tracepoint of its own, found through tracefs. Where tracefs is not mounted,
//! it is opened without a place in the tree, so nobody else sees it. Where it cannot be had at all,
//! and for 32-bit calls, which these tracepoints do not see, there is the tracepoint of all calls.

#![expect(unsafe_code, reason = "system calls that libc has no function for")]

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::sync::atomic::Ordering;

use event::{Syscall, SyscallCode};
use libbpf_rs::Link;

use crate::control::{Layout, NATIVE_MAX};
use crate::error::Error;
use crate::loader::loaded;
use crate::object::Objects;
use crate::selection::{IA32_SOCKETCALL, set};

/// The program for all calls.
const ALL: &str = "sys_enter";

/// The calls whose arguments are noted, and the program of each one's tracepoint. What execveat is
/// given does not appear in its event where it fails.
const CALLS: [(&str, &str); 6] = [
    ("openat", "enter_openat"),
    ("openat2", "enter_openat2"),
    ("connect", "enter_connect"),
    ("execve", "enter_execve"),
    ("open", "enter_open"),
    ("creat", "enter_creat"),
];

/// What is attached.
pub(crate) struct Entries {
    links: BTreeMap<&'static str, Link>,
    /// Whether 32-bit calls are wanted, too.
    ia32: bool,
    /// Counts what was attached: notes from before a gap must not be taken for new ones.
    round: u32,
}

impl Entries {
    pub(crate) fn new(ia32: bool) -> Self {
        Self {
            links: BTreeMap::new(),
            ia32,
            round: 0,
        }
    }

    /// Attaches what the traced calls need and detaches the rest.
    pub(crate) fn update(
        &mut self,
        objects: &Objects,
        layout: &Layout,
        traced: &[SyscallCode],
    ) -> Result<(), Error> {
        let calls: Vec<(&Syscall, &'static str)> = CALLS
            .into_iter()
            .filter_map(|(name, program)| Some((Syscall::by_name(name)?, program)))
            .filter(|(call, _)| call.native().is_some() && traced.contains(&call.code))
            .collect();
        if calls.is_empty() {
            self.clear(layout);
            return Ok(());
        }
        let mut wanted: Vec<&'static str> = calls.iter().map(|(_, program)| *program).collect();
        let mut added = false;
        let mut alone = true;
        for name in &wanted {
            if self.links.contains_key(name) {
                continue;
            }
            match attach_tracepoint(objects, name) {
                Ok(link) => {
                    self.links.insert(name, link);
                    added = true;
                }
                Err(_) => alone = false,
            }
        }
        if !alone || (self.ia32 && cfg!(target_arch = "x86_64")) {
            wanted.push(ALL);
            if !self.links.contains_key(ALL) {
                let link = loaded(objects, ALL)?
                    .attach_trace()
                    .map_err(|err| Error::Attach {
                        program: ALL.into(),
                        reason: format!("{err:#}"),
                    })?;
                self.links.insert(ALL, link);
                added = true;
            }
        }
        if !alone {
            // One hook for all of them is enough, and two would note everything twice.
            wanted.retain(|name| *name == ALL);
        }
        self.links.retain(|name, _| wanted.contains(name));
        let (mut native, mut ia32) = ([0; NATIVE_MAX / 64], [0; NATIVE_MAX / 64]);
        for (call, _) in &calls {
            if let Some(number) = call.native() {
                set(&mut native, number);
            }
            call.ia32.iter().for_each(|&number| set(&mut ia32, number));
            if call.name == "connect" {
                set(&mut ia32, IA32_SOCKETCALL);
            }
        }
        for (shared, words) in [(&layout.noted, &native), (&layout.noted_ia32, &ia32)] {
            for (shared, word) in shared.iter().zip(words) {
                shared.store(*word, Ordering::Relaxed);
            }
        }
        layout.enter_all.store((!alone).into(), Ordering::Relaxed);
        if added {
            self.round = self.round.wrapping_add(1).max(1);
        }
        layout.entries.store(self.round, Ordering::Relaxed);
        Ok(())
    }

    /// Detaches everything.
    pub(crate) fn clear(&mut self, layout: &Layout) {
        layout.entries.store(0, Ordering::Relaxed);
        self.links.clear();
    }

    /// From the next [`update`](Self::update) on 32-bit calls are looked at, too. Whether that is
    /// news.
    pub(crate) fn want_ia32(&mut self) -> bool {
        !std::mem::replace(&mut self.ia32, true)
    }

    /// The programs that are attached.
    pub(crate) fn programs(&self) -> impl Iterator<Item = &'static str> {
        self.links.keys().copied()
    }
}

/// Attaches a program to the tracepoint that its section names.
fn attach_tracepoint(objects: &Objects, name: &'static str) -> Result<Link, Error> {
    let program = loaded(objects, name)?;
    let section = program.section().to_string_lossy().into_owned();
    let failed = |reason: String| Error::Attach {
        program: name.into(),
        reason,
    };
    let tracepoint = section
        .strip_prefix("tracepoint/")
        .ok_or_else(|| failed(format!("`{section}` is no tracepoint")))?;
    let id = tracepoint_id(tracepoint).map_err(|err| failed(err.to_string()))?;
    let event = open_tracepoint(id).map_err(|err| failed(err.to_string()))?;
    let link = program
        .attach_perf_event(event.as_raw_fd())
        .map_err(|err| failed(format!("{err:#}")))?;
    // The link closes it.
    let _ = std::os::fd::IntoRawFd::into_raw_fd(event);
    Ok(link)
}

/// The number of a tracepoint, `group/name`.
fn tracepoint_id(tracepoint: &str) -> io::Result<u64> {
    let file = format!("events/{tracepoint}/id");
    let mounted = ["/sys/kernel/tracing", "/sys/kernel/debug/tracing"]
        .iter()
        .find_map(|root| fs::read_to_string(format!("{root}/{file}")).ok());
    let text = match mounted {
        Some(text) => text,
        None => {
            let root = open_tracefs()?;
            fs::read_to_string(format!("/proc/self/fd/{}/{file}", root.as_raw_fd()))?
        }
    };
    let number = text.trim().parse();
    number.map_err(|err| io::Error::new(io::ErrorKind::InvalidData, err))
}

/// Tracefs, mounted nowhere.
fn open_tracefs() -> io::Result<OwnedFd> {
    const FSCONFIG_CMD_CREATE: usize = 6;
    let owned = |result: libc::c_long| {
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        // SAFETY: the call has just made this descriptor, for us.
        Ok(unsafe { OwnedFd::from_raw_fd(result as i32) })
    };
    // SAFETY: the name is a C string that outlives the call.
    let context = owned(unsafe { libc::syscall(libc::SYS_fsopen, c"tracefs".as_ptr(), 1) })?;
    let fd = context.as_raw_fd();
    // SAFETY: this command takes no pointers.
    let made = unsafe { libc::syscall(libc::SYS_fsconfig, fd, FSCONFIG_CMD_CREATE, 0, 0, 0) };
    if made < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call takes no pointers.
    owned(unsafe { libc::syscall(libc::SYS_fsmount, fd, 1, 0) })
}

/// Opens a tracepoint for programs to be attached to.
fn open_tracepoint(id: u64) -> io::Result<OwnedFd> {
    const PERF_TYPE_TRACEPOINT: u32 = 2;
    const PERF_FLAG_FD_CLOEXEC: u32 = 8;
    let mut attributes = libbpf_sys::perf_event_attr {
        type_: PERF_TYPE_TRACEPOINT,
        size: size_of::<libbpf_sys::perf_event_attr>() as u32,
        config: id,
        ..Default::default()
    };
    attributes.__bindgen_anon_1.sample_period = 1;
    attributes.__bindgen_anon_2.wakeup_events = 1;
    // SAFETY: the attributes outlive the call, and their size is what they say. The CPU does not
    // matter: a program on a tracepoint runs wherever that is passed.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            -1,
            0,
            -1,
            PERF_FLAG_FD_CLOEXEC,
        )
    };
    if fd < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call has just made this descriptor, for us.
    Ok(unsafe { OwnedFd::from_raw_fd(fd as i32) })
}
