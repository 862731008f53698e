//! What is there when the probe starts, listed by the kernel: threads and open descriptors.

use std::io::{BufReader, ErrorKind, Read};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering;

use libbpf_rs::{Iter, MapCore, MapHandle, MapType, Object};

use crate::error::Error;
use crate::kernel::{self, can_read_others};
use crate::loader::{OBJECT, Probe, SCRATCH_BYTES, create_map, loaded, map, program};
use crate::log;
use crate::object::hand_over;

/// The program that lists threads.
pub(crate) const TASKS: &str = "iter_tasks";

/// Maps in which threads are put together; events have theirs.
const SCRATCHES: &str = "scratches";

/// One descriptor of a process.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OpenFile {
    /// The process, in the first pid namespace.
    pub pid: u32,
    /// Its number.
    pub fd: u32,
    /// The kernel's open flags, `O_CLOEXEC` among them if an exec closes it.
    pub flags: u32,
    /// Device number as in events.
    pub dev: u32,
    /// Inode number.
    pub ino: u64,
    /// Kind and permissions, as `stat` has them.
    pub mode: u16,
    /// What the link in `/proc/<pid>/fd` shows; empty when that is longer than a path may be.
    pub link: Vec<u8>,
}

/// `sizeof(struct open_file)` of `bpf/iterators.h`.
const HEAD: usize = 32;

/// Reads what the kernel program writes, up to its end.
pub(crate) fn read_all(source: impl Read) -> std::io::Result<Vec<OpenFile>> {
    let mut source = BufReader::with_capacity(1 << 18, source);
    let mut files = Vec::new();
    let mut head = [0u8; HEAD];
    loop {
        match source.read_exact(&mut head) {
            Ok(()) => {}
            Err(err) if err.kind() == ErrorKind::UnexpectedEof => return Ok(files),
            Err(err) => return Err(err),
        }
        let half = |at: usize| u16::from_ne_bytes([head[at], head[at + 1]]);
        let word = |at: usize| u32::from(half(at)) | u32::from(half(at + 2)) << 16;
        let mut link = vec![0; usize::from(half(26))];
        source.read_exact(&mut link)?;
        files.push(OpenFile {
            pid: word(0),
            fd: word(4),
            flags: word(8),
            dev: word(12),
            ino: u64::from(word(16)) | u64::from(word(20)) << 32,
            mode: half(24),
            link,
        });
    }
}

impl Probe {
    /// All descriptors of all processes, as they are now. `None` where the kernel cannot list them
    /// or would list others than `/proc` shows to this process (in a pid namespace).
    ///
    /// Attach the probe before, so that nothing that happens meanwhile is missed.
    ///
    /// # Errors
    ///
    /// When the kernel stops in the middle.
    pub fn open_files(&self) -> Result<Option<Vec<OpenFile>>, Error> {
        if !self.can_list() {
            return Ok(None);
        }
        let failed = |reason: String| Error::Access {
            action: "list open files",
            reason,
        };
        let link = loaded(&self.objects, "iter_files")?
            .attach()
            .map_err(|err| failed(format!("{err:#}")))?;
        let source = Iter::new(&link).map_err(|err| failed(format!("{err:#}")))?;
        read_all(source)
            .map(Some)
            .map_err(|err| failed(err.to_string()))
    }

    /// All threads with what `/proc` tells of them, as they are now, but those of the kernel. They
    /// are in the layout of records, one after the other; `state::procfs::Tasks` reads them. `None`
    /// where the kernel cannot list them (before 5.18) or would list others than `/proc` shows to
    /// this process (in a pid namespace).
    ///
    /// The program for this is loaded here, and gone on return. Attach the probe before, so that
    /// nothing that happens meanwhile is missed.
    ///
    /// # Errors
    ///
    /// When the kernel refuses the program, or stops in the middle.
    pub fn tasks(&self) -> Result<Option<Vec<u8>>, Error> {
        if !self.can_list() || !can_read_others() {
            return Ok(None);
        }
        let failed = |reason: String| Error::Access {
            action: "list threads",
            reason,
        };
        let (object, log) = log::collect(|| self.load_tasks());
        let object = object.map_err(|err| Error::Load {
            reason: format!("{err:#}"),
            log,
        })?;
        give_scratch(&object)?;
        let link = program(&object, TASKS)?
            .attach()
            .map_err(|err| failed(format!("{err:#}")))?;
        let mut source = Iter::new(&link).map_err(|err| failed(format!("{err:#}")))?;
        let mut records = Vec::with_capacity(1 << 20);
        source
            .read_to_end(&mut records)
            .map_err(|err| failed(err.to_string()))?;
        Ok(Some(records))
    }

    /// Whether iterators are wanted, and show the processes that this one sees.
    pub(crate) fn can_list(&self) -> bool {
        let own = self.control.layout().self_tgid.load(Ordering::Relaxed);
        self.features.iterators != 0 && own == std::process::id()
    }

    fn load_tasks(&self) -> libbpf_rs::Result<Object> {
        let mut object = kernel::builder()?.open_memory(OBJECT)?;
        for mut map in object.maps_mut() {
            let known = self
                .objects
                .maps
                .maps()
                .find(|known| known.name() == map.name());
            match known.filter(|known| known.autocreate()) {
                Some(known) if map.name() == SCRATCHES => {
                    map.set_max_entries(known.max_entries())?;
                }
                Some(known) => map.reuse_fd(known.as_fd())?,
                None => map.set_autocreate(false)?,
            }
        }
        for mut program in object.progs_mut() {
            let wanted = program.name() == TASKS;
            program.set_autoload(wanted);
        }
        object.load()
    }
}

/// Gives the program that lists threads one piece of memory, whichever CPU it is on: it has one
/// reader.
fn give_scratch(object: &Object) -> Result<(), Error> {
    let scratches = map(object, SCRATCHES)?;
    let all_cpus = create_map(MapType::Array, "scratch", 4, SCRATCH_BYTES, 1).and_then(|scratch| {
        let cpus = 0..scratches.max_entries();
        cpus.map(|cpu| Ok((cpu, MapHandle::try_from(&scratch)?)))
            .collect::<libbpf_rs::Result<Vec<_>>>()
    });
    all_cpus
        .and_then(|all_cpus| hand_over(scratches.as_fd().as_raw_fd(), &all_cpus))
        .map_err(|err| Error::Access {
            action: "make memory to list threads in",
            reason: format!("{err:#}"),
        })
}
