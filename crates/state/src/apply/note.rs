//! What the probe tells of descriptors that were made before anybody looked.

use std::sync::Arc;

use event::EventView;

use crate::{Descriptor, DescriptorKind, State};

impl State {
    /// A thread has a file open: 0 descriptor, 1 path, 2 flags, 4 inode.
    pub(super) fn note_file(&mut self, event: &EventView<'_>) {
        let Some(fd) = event.i64(0).filter(|fd| *fd >= 0) else {
            return;
        };
        let ino = event.u64(4).unwrap_or(0);
        let (tid, path) = (event.tid(), event.str(1).unwrap_or_default());
        if let Some(thread) = self.threads.get(tid)
            && let Some(known) = self.descriptor(thread, fd)
            && known.ino == ino
            && ino != 0
        {
            // How the program called it is known as well.
            return;
        }
        let mut descriptor = Descriptor::new(DescriptorKind::File);
        descriptor.name = Arc::from(path);
        descriptor.name_raw = Arc::clone(&descriptor.name);
        descriptor.open_flags = event.u32(2).unwrap_or(0);
        descriptor.ino = ino;
        self.add_descriptor(tid, fd, descriptor);
    }
}
