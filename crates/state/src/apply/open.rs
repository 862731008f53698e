//! `open` and its relatives.

use std::sync::Arc;

use event::{EventType as T, EventView};

use super::Created;
use crate::descriptor::O_CLOEXEC;
use crate::{Descriptor, DescriptorKind, State};

const AT_FDCWD: i64 = -100;

// Portable open flags, and what the kernel adds to them.
const O_WRONLY: u32 = 1 << 1;
const O_CREAT: u32 = 1 << 2;
const O_TRUNC: u32 = 1 << 8;
const O_DIRECTORY: u32 = 1 << 10;
const F_CREATED: u32 = 1 << 14;
const FD_UPPER_LAYER: u32 = 1 << 15;
const FD_LOWER_LAYER: u32 = 1 << 16;

/// Where the parameters of an event of the family are; the new descriptor is always the first.
struct Layout {
    dirfd: Option<usize>,
    name: usize,
    flags: Option<usize>,
    dev: usize,
    ino: usize,
    enter: Option<T>,
}

fn layout(event_type: T) -> Option<Layout> {
    let (dirfd, name, flags, dev, ino, enter) = match event_type {
        T::SYSCALL_OPEN_X => (None, 1, Some(2), 4, 5, Some(T::SYSCALL_OPEN_E)),
        T::SYSCALL_CREAT_X => (None, 1, None, 3, 4, Some(T::SYSCALL_CREAT_E)),
        T::SYSCALL_OPENAT_2_X => (Some(1), 2, Some(3), 5, 6, Some(T::SYSCALL_OPENAT_2_E)),
        T::SYSCALL_OPENAT2_X => (Some(1), 2, Some(3), 6, 7, Some(T::SYSCALL_OPENAT2_E)),
        T::SYSCALL_OPEN_BY_HANDLE_AT_X => (None, 3, Some(2), 4, 5, None),
        _ => return None,
    };
    Some(Layout {
        dirfd,
        name,
        flags,
        dev,
        ino,
        enter,
    })
}

impl State {
    pub(super) fn open(&mut self, event: &EventView<'_>) -> Created {
        let (tid, event_type) = (event.tid(), event.event_type());
        let layout = layout(event_type)?;
        let mut dirfd = layout
            .dirfd
            .map_or(AT_FDCWD, |index| event.i64(index).unwrap_or(AT_FDCWD));
        let mut flags = match layout.flags {
            Some(index) => event.u32(index).unwrap_or(0),
            None => O_CREAT | O_WRONLY | O_TRUNC | creat_layers(event),
        };
        // An enter event is taken off the shelf also when the call failed.
        let entered = layout.enter.and_then(|enter| {
            self.with_entered(tid, enter, |enter| {
                let shift = usize::from(layout.dirfd.is_some());
                let name = enter.str(shift)?.to_vec();
                let dirfd = if shift == 1 { enter.i64(0) } else { None };
                let flags = layout.flags.and_then(|_| enter.u32(shift + 1));
                Some((name, dirfd, flags))
            })
        });
        let fd = event.i64(0).filter(|fd| *fd >= 0)?;
        if let Some((_, entered_dirfd, entered_flags)) = &entered {
            dirfd = entered_dirfd.unwrap_or(dirfd);
            if let Some(asked) = entered_flags {
                flags = asked & (F_CREATED - 1) | flags & !(F_CREATED - 1);
            }
        }
        let name = match &entered {
            Some((name, ..)) => name.as_slice(),
            None => event.str(layout.name).unwrap_or(b"<NA>"),
        };

        let directory = flags & O_DIRECTORY != 0;
        let kind = if directory {
            DescriptorKind::Directory
        } else {
            DescriptorKind::File
        };
        let mut descriptor = Descriptor::new(kind);
        let mut path = std::mem::take(&mut self.scratch);
        if let Some(thread) = self.threads.get(tid) {
            self.resolve_path(thread, dirfd, name, &mut path);
            descriptor.name = self.names.share(&path);
            descriptor.name_raw = if *path == *name {
                Arc::clone(&descriptor.name)
            } else {
                self.names.share(name)
            };
        }
        self.scratch = path;
        descriptor.open_flags = flags & !(FD_UPPER_LAYER | FD_LOWER_LAYER);
        descriptor.upper_layer = flags & FD_UPPER_LAYER != 0;
        descriptor.lower_layer = flags & FD_LOWER_LAYER != 0;
        descriptor.dev = event.u32(layout.dev).unwrap_or(0);
        descriptor.ino = event.u64(layout.ino).unwrap_or(0);
        self.add_descriptor(tid, fd, descriptor);
        Some(fd)
    }
}

/// `creat` has no open flags, so that the layers come in a parameter of their own.
fn creat_layers(event: &EventView<'_>) -> u32 {
    let layers = event.u32(5).unwrap_or(0);
    let upper = if layers & 1 != 0 { FD_UPPER_LAYER } else { 0 };
    let lower = if layers & 2 != 0 { FD_LOWER_LAYER } else { 0 };
    upper | lower
}

const _: () = assert!(
    O_CLOEXEC < F_CREATED,
    "the mark is one of the flags that a program asks for"
);
