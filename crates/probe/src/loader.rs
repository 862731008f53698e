//! Loading the object, giving it its maps, attaching it and changing what it traces.

use std::collections::{BTreeMap, HashSet};
use std::os::fd::{AsFd, AsRawFd};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use event::{Syscall, SyscallCode, SyscallCodeSet};
use libbpf_rs::{
    Link, Map, MapCore, MapFlags, MapHandle, MapType, Object, ProgramInput, ProgramMut,
};

use crate::check;
use crate::control::{Control, NATIVE_MAX};
use crate::counters::{COUNTER_WORDS, Counters, CpuCounters};
use crate::cpus;
use crate::entries::Entries;
use crate::error::Error;
use crate::facts::{Key, Told};
use crate::features::Features;
use crate::info::{self, ProgramRuns};
use crate::kernel::has_tracepoint;
use crate::log;
use crate::noisy::{self, Noisy};
use crate::object::{self, MapFds, Objects, hand_over};
use crate::options::Options;
use crate::programs;
use crate::reader::Reader;
use crate::reader::mapping::page_size;
use crate::reader::ring::Ring;
use crate::selection::{self, Selection};

/// The kernel programs, as clang wrote them.
pub(crate) static OBJECT: &[u8] = {
    /// The ELF parser wants its headers aligned.
    #[repr(C, align(8))]
    struct Aligned<T: ?Sized>(T);
    static BYTES: &Aligned<[u8]> =
        &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/probe.bpf.o")));
    &BYTES.0
};

/// `sizeof(struct scratch)` of `bpf/maps.h`.
pub(crate) const SCRATCH_BYTES: u32 = 2 * 64 * 1024 + 2 * 4096 + 48;

/// How many processes and control groups the kernel keeps accounts of while rings are filling up,
/// 150 bytes each.
pub(crate) const SPENDERS_PER_CPU: u32 = 1024;
pub(crate) const MAX_SPENDERS: u32 = 32_768;

/// The dispatcher, attached from [`Probe::attach`] on.
const DISPATCHER: &str = "sys_exit";

/// The program that tells of a descriptor before a call on it.
const TELL: &str = "tell";

/// Where it stands among the fillers, as in `bpf/tell.h`: no call has this number.
const TELL_PROGRAM: u32 = 511;

/// The kernel programs with their maps, fitted to this kernel and not loaded yet: see
/// [`Probe::prepare`].
pub struct Prepared {
    features: Features,
    objects: Result<object::Prepared, Error>,
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Prepared").finish_non_exhaustive()
    }
}

/// The kernel programs, loaded. They are detached and gone when this is dropped.
pub struct Probe {
    /// Attached programs by name. Declared before the objects, so that they are dropped first.
    links: BTreeMap<&'static str, Link>,
    entries: Entries,
    pub(crate) objects: Objects,
    pub(crate) control: Arc<Control>,
    ring_bytes: usize,
    /// Rings that no reader has taken over yet.
    rings: Vec<(u16, MapHandle)>,
    reader_taken: bool,
    attached: bool,
    selection: Selection,
    /// What is traced, as it was asked for.
    codes: Vec<SyscallCode>,
    /// Calls whose arguments need not be noted, see [`Tables`](crate::filter::Tables).
    pub(crate) unnoted: Vec<SyscallCode>,
    pub(crate) features: Features,
    reduced: Option<String>,
    dedicated: HashSet<SyscallCode>,
    /// How often the tables of the filter were replaced.
    pub(crate) filter_changes: u32,
    pub(crate) told: Told,
}

impl Probe {
    /// Checks whether the probe can run here, without loading anything.
    ///
    /// # Errors
    ///
    /// [`Error::Check`] with everything that is missing and how to get it.
    pub fn check() -> Result<(), Error> {
        Ok(check::check()?)
    }

    /// Makes the maps and fits the programs to this kernel, which is a third of what
    /// [`load`](Self::load) would do. Whoever has other things to do before may call this on a thread,
    /// and give what comes of it to [`load_prepared`](Self::load_prepared). `options.only` is not
    /// looked at. What goes wrong is told there.
    pub fn prepare(options: &Options) -> Prepared {
        log::set_hook(options.log);
        let features = Features::wanted(options);
        Prepared {
            features,
            objects: Self::check().and_then(|()| prepare(features)),
        }
    }

    /// Loads the programs and makes a ring for every CPU that is online. Nothing runs yet.
    ///
    /// # Errors
    ///
    /// When the machine or this process's rights do not allow it, or the kernel refuses; then the
    /// error holds what libbpf and the verifier said.
    pub fn load(options: &Options) -> Result<Self, Error> {
        check_ring(options)?;
        Self::load_prepared(Self::prepare(options), options)
    }

    /// As [`load`](Self::load), from what was prepared.
    ///
    /// # Errors
    ///
    /// As [`load`](Self::load).
    pub fn load_prepared(prepared: Prepared, options: &Options) -> Result<Self, Error> {
        check_ring(options)?;
        log::set_hook(options.log);
        let wanted = Features::wanted(options);
        let prepared = if prepared.features == wanted {
            prepared.objects
        } else {
            prepare(wanted)
        };
        let online = cpus::online()?;
        let load = |prepared: object::Prepared| {
            let (loaded, log) = log::collect(|| {
                prepared.load(options.only.as_ref(), |maps| {
                    make_rings(maps, options.buffer_bytes, &online)
                })
            });
            loaded.map_err(|err| load_error(&err, log))
        };
        let mut loaded = prepared.and_then(load);
        let mut features = wanted;
        let mut reduced = None;
        if let Err(Error::Load { log, .. }) = &mut loaded
            && wanted != wanted.least()
        {
            // An older kernel, perhaps: rather with less than not at all.
            let log = log.take();
            match prepare(wanted.least()).and_then(load) {
                Ok(second) => {
                    features = wanted.least();
                    reduced = Some(log.unwrap_or_default());
                    loaded = Ok(second);
                }
                Err(_) => {
                    if let Err(Error::Load { log: first, .. }) = &mut loaded {
                        *first = log;
                    }
                }
            }
        }
        let (objects, rings) = loaded?;

        let control = Arc::new(Control::map(map(&objects.maps, ".data.control")?.as_fd())?);
        let layout = control.layout();
        layout
            .snaplen
            .store(u32::from(options.snaplen).min(65_000), Ordering::Relaxed);
        layout
            .drop_failed
            .store(options.drop_failed.into(), Ordering::Relaxed);
        let page_kb = page_size() / 1024;
        layout
            .page_kb_shift
            .store(page_kb.trailing_zeros(), Ordering::Relaxed);
        control.sync_clock();
        let key = Key::new();
        for (shared, word) in layout.filter_key.iter().zip(key.0) {
            shared.store(word, Ordering::Relaxed);
        }

        let mut probe = Self {
            links: BTreeMap::new(),
            entries: Entries::new(options.toctou_protection_ia32),
            objects,
            control,
            ring_bytes: options.buffer_bytes,
            rings: rings?,
            reader_taken: false,
            attached: false,
            selection: Selection::default(),
            unnoted: Vec::new(),
            codes: Vec::new(),
            features,
            reduced,
            dedicated: HashSet::new(),
            filter_changes: 0,
            told: Told::new(key),
        };
        if options.exclude_own {
            probe.exclude_own()?;
        }
        probe.fill_program_table()?;
        Ok(probe)
    }

    /// Chooses what is traced, from the next system call on; may be called at any time. Besides
    /// system calls the pseudo codes of tracepoints count: `sched_process_exit` for the end of a
    /// thread, `signal_deliver`, `sched_switch`, `page_fault_user`, `page_fault_kernel`. Codes that
    /// this architecture lacks are ignored. Without this call nothing is traced.
    ///
    /// # Errors
    ///
    /// When a tracepoint that was not needed before cannot be attached.
    pub fn set_syscalls(
        &mut self,
        codes: impl IntoIterator<Item = SyscallCode>,
    ) -> Result<(), Error> {
        self.codes = codes.into_iter().collect();
        let codes: SyscallCodeSet = self.codes.iter().copied().collect();
        self.load_missing(&codes)?;
        self.selection = Selection::new(codes.iter());
        if self.attached {
            self.attach_tracepoints()?;
        }
        let layout = self.control.layout();
        layout
            .tracepoints
            .store(self.selection.tracepoints, Ordering::Relaxed);
        for (shared, words) in [
            (&layout.native, &self.selection.native),
            (&layout.ia32, &self.selection.ia32),
        ] {
            for (shared, word) in shared.iter().zip(words) {
                shared.store(*word, Ordering::Relaxed);
            }
        }
        Ok(())
    }

    /// Attaches the programs: from now on what [`set_syscalls`](Self::set_syscalls) chose is
    /// traced. Does nothing when they already are.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; what was attached before stays.
    pub fn attach(&mut self) -> Result<(), Error> {
        self.attached = true;
        // Entries first, so that the first calls that are told of have notes.
        self.attach_tracepoints()?;
        self.attach_program(DISPATCHER)
    }

    /// Detaches all programs: nothing is traced any more, and the rest of the machine no longer
    /// pays for the probe. What is in the rings can still be read, and
    /// [`attach`](Self::attach) takes up the work again.
    pub fn detach(&mut self) {
        self.attached = false;
        self.links.clear();
        self.entries.clear(self.control.layout());
    }

    /// The consumer of the rings.
    ///
    /// # Errors
    ///
    /// When a ring cannot be mapped, or when the reader was already taken.
    pub fn reader(&mut self) -> Result<Reader, Error> {
        if self.reader_taken {
            return Err(Error::ReaderTaken);
        }
        let rings = self
            .rings
            .iter()
            .map(|(cpu, ring)| self.map_ring(*cpu, ring))
            .collect::<Result<_, _>>()?;
        self.reader_taken = true;
        self.rings.clear();
        Ok(Reader::new(Arc::clone(&self.control), rings))
    }

    /// Follows the machine; to be called every second or so.
    ///
    /// Makes rings for CPUs that came online since, and says how many there were. Until then their
    /// events are lost and counted ([`CpuCounters::no_ring`]). When the first 32-bit program was
    /// seen, what its calls are given is noted down from now on
    /// ([`Options::toctou_protection_ia32`]).
    ///
    /// # Errors
    ///
    /// When a ring cannot be made, or a hook cannot be attached.
    pub fn keep_up(&mut self, reader: &mut Reader) -> Result<usize, Error> {
        let foreign = self.control.layout().saw_foreign.load(Ordering::Relaxed) != 0;
        if foreign && self.entries.want_ia32() && self.attached {
            self.attach_entries()?;
        }
        let known: HashSet<u16> = reader.cpus().collect();
        let mut new = cpus::online()?;
        new.retain(|cpu| !known.contains(cpu));
        let maps = self.map_fds();
        for (cpu, ring) in make_rings(&maps, self.ring_bytes, &new)? {
            reader.add(self.map_ring(cpu, &ring)?);
        }
        Ok(new.len())
    }

    /// What the kernel side has counted so far.
    ///
    /// # Errors
    ///
    /// When the kernel does not hand it out.
    pub fn counters(&self) -> Result<Counters, Error> {
        let access = |reason: String| Error::Access {
            action: "read the probe's counters",
            reason,
        };
        let values = map(&self.objects.maps, "cpus")?
            .lookup_percpu(&0u32.to_ne_bytes(), MapFlags::ANY)
            .map_err(|err| access(err.to_string()))?
            .ok_or_else(|| access("there are none".into()))?;
        let per_cpu = values
            .iter()
            .map(|value| CpuCounters::from_words(words(value)))
            .collect();
        let mut skipped_runs = 0;
        for link in self.links.keys() {
            let Some(program) = self.objects.program(link) else {
                continue;
            };
            skipped_runs +=
                info::recursion_misses(program.as_fd()).map_err(|err| access(err.to_string()))?;
        }
        Ok(Counters {
            per_cpu,
            skipped_runs,
        })
    }

    /// Whose records were lost because a ring was full, the greatest losses first. The kernel keeps
    /// accounts of the processes and control groups that wrote last while a ring was filling up,
    /// some thousands of them; [`counters`](Self::counters) has the exact sum.
    ///
    /// # Errors
    ///
    /// When the kernel does not hand it out.
    pub fn noisy(&self) -> Result<Vec<Noisy>, Error> {
        let spenders = map(&self.objects.maps, "spenders")?;
        let entries = spenders.keys().filter_map(|key| {
            let value = spenders.lookup(&key, MapFlags::ANY).ok().flatten()?;
            Some((key, value))
        });
        Ok(noisy::sum_up(entries))
    }

    /// What the programs did, if the kernel counts it (`kernel.bpf_stats_enabled`).
    pub fn program_runs(&self) -> Vec<ProgramRuns> {
        self.objects.parts.iter().flat_map(info::runs).collect()
    }

    /// Whether a call arrives with the parameters of its own event. The others arrive as the
    /// generic event, which says only that it was made.
    pub fn has_filler(&self, code: SyscallCode) -> bool {
        self.dedicated.contains(&code)
    }

    /// What the kernel said when it refused the whole of the probe, if it did: the probe then runs
    /// without what only newer kernels offer, such as [`Options::toctou_protection`].
    pub fn reduced(&self) -> Option<&str> {
        self.reduced.as_deref()
    }

    /// Finds out which process this is for the kernel, whatever pid namespace it lives in.
    fn exclude_own(&self) -> Result<(), Error> {
        let action = "find out the own process id";
        loaded(&self.objects, "whoami")?
            .test_run(ProgramInput::default())
            .map_err(|err| Error::Access {
                action,
                reason: err.to_string(),
            })?;
        let layout = self.control.layout();
        layout
            .own_tgid
            .store(layout.self_tgid.load(Ordering::Relaxed), Ordering::Relaxed);
        Ok(())
    }

    /// Puts the filler of every system call into the dispatcher's table.
    fn fill_program_table(&mut self) -> Result<(), Error> {
        for program in self.objects.maps.progs() {
            let name = program.name().to_string_lossy().into_owned();
            if let Some(syscall) = programs::filled_by(&name) {
                self.dedicated.insert(syscall.code);
            }
        }
        let fd_of = |name: &'static str| {
            self.objects
                .program(name)
                .map(|program| program.as_fd().as_raw_fd())
                .ok_or(Error::NotInObject {
                    what: "program",
                    name,
                })
        };
        let table = map(&self.objects.maps, "fillers")?;
        let generic = fd_of("sys_generic")?;
        let mut entries = BTreeMap::from([(TELL_PROGRAM, fd_of(TELL)?)]);
        // What is not loaded yet takes its place before anybody asks for the call.
        let numbers = Syscall::all().iter().filter_map(Syscall::native);
        entries.extend(
            numbers
                .filter(|&number| usize::from(number) < NATIVE_MAX)
                .map(|number| (u32::from(number), generic)),
        );
        for object in &self.objects.parts {
            entries.extend(programs::loaded_fillers(object));
        }
        for (number, fd) in entries {
            table
                .update(&number.to_ne_bytes(), &fd.to_ne_bytes(), MapFlags::ANY)
                .map_err(|err| Error::Access {
                    action: "fill the table of programs",
                    reason: err.to_string(),
                })?;
        }
        Ok(())
    }

    /// The maps of the object by name.
    pub(crate) fn map_fds(&self) -> MapFds {
        let made = self.objects.maps.maps().filter(|map| map.autocreate());
        made.map(|map| {
            let name = map.name().to_string_lossy().into_owned();
            (name, map.as_fd().as_raw_fd())
        })
        .collect()
    }

    fn map_ring(&self, cpu: u16, ring: &MapHandle) -> Result<Ring, Error> {
        Ring::map(ring.as_fd(), cpu, self.ring_bytes).map_err(|source| Error::Map {
            what: "a ring",
            source,
        })
    }

    fn attach_tracepoints(&mut self) -> Result<(), Error> {
        self.attach_entries()?;
        for name in self.selection.programs() {
            self.attach_program(name)?;
        }
        // A program whose bit is off returns at once, but some of these tracepoints are hot.
        let wanted: HashSet<&str> = self.selection.programs().collect();
        self.links
            .retain(|name, _| *name == DISPATCHER || wanted.contains(name));
        Ok(())
    }

    fn attach_entries(&mut self) -> Result<(), Error> {
        if self.features.notes == 0 {
            return Ok(());
        }
        let layout = self.control.layout();
        let noted: Vec<SyscallCode> = self
            .codes
            .iter()
            .filter(|code| !self.unnoted.contains(code))
            .copied()
            .collect();
        self.entries.update(&self.objects, layout, &noted)
    }

    /// Attaches anew what notes arguments down, if anything is attached.
    pub(crate) fn update_entries(&mut self) -> Result<(), Error> {
        if self.attached {
            self.attach_entries()?;
        }
        Ok(())
    }

    fn attach_program(&mut self, name: &'static str) -> Result<(), Error> {
        if self.links.contains_key(name) {
            return Ok(());
        }
        let Some(program) = self.objects.program(name) else {
            // The kernel lacks the tracepoint, so nothing of the kind can happen.
            return Ok(());
        };
        let link = program.attach_trace().map_err(|err| Error::Attach {
            program: name.into(),
            reason: format!("{err:#}"),
        })?;
        self.links.insert(name, link);
        Ok(())
    }
}

impl std::fmt::Debug for Probe {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Probe")
            .field("attached", &self.links.keys())
            .field("entries", &self.entries.programs().collect::<Vec<_>>())
            .field("ring_bytes", &self.ring_bytes)
            .finish_non_exhaustive()
    }
}

/// The rings' size, which is the first thing that can be wrong.
fn check_ring(options: &Options) -> Result<(), Error> {
    let least = 2 * page_size();
    let bytes = options.buffer_bytes;
    if !bytes.is_power_of_two() || bytes < least || u32::try_from(bytes).is_err() {
        return Err(Error::RingSize { bytes, least });
    }
    Ok(())
}

/// Makes the maps for this machine and fits the programs to its kernel.
fn prepare(features: Features) -> Result<object::Prepared, Error> {
    let slots = cpus::possible()?
        .into_iter()
        .max()
        .map_or(1, |last| u32::from(last) + 1);
    let (prepared, log) = log::collect(|| object::prepare(slots, features));
    prepared.map_err(|err| load_error(&err, log))
}

fn load_error(err: &libbpf_rs::Error, log: Option<String>) -> Error {
    let mut reason = format!("{err:#}");
    let denied = err.kind() == libbpf_rs::ErrorKind::PermissionDenied;
    if denied && check::charges_locked_memory() {
        reason += " (kernels before 5.11 charge the probe's memory against the limit of locked \
                   memory: raise it with `ulimit -l unlimited` or LimitMEMLOCK=, or give this \
                   process CAP_SYS_RESOURCE)";
    }
    Error::Load { reason, log }
}

/// Whether a program can be loaded: it has something to do on this architecture, and the kernel was
/// not built without its tracepoint.
pub(crate) fn is_possible(program: &str, section: &str) -> bool {
    is_needed(program) && section.strip_prefix("tp_btf/").is_none_or(has_tracepoint)
}

/// Whether a program has anything to do on this architecture.
fn is_needed(program: &str) -> bool {
    match program.strip_prefix("sys_") {
        None => selection::is_needed(program),
        Some("exit" | "enter" | "generic") => true,
        Some(name) => Syscall::by_name(name).is_some_and(|syscall| syscall.native().is_some()),
    }
}

/// Makes the rings and the scratch memory of some CPUs and hands them to the programs.
fn make_rings(
    maps: &MapFds,
    ring_bytes: usize,
    cpus: &[u16],
) -> Result<Vec<(u16, MapHandle)>, Error> {
    let failed = |cpu: u16, err: libbpf_rs::Error| Error::Ring {
        cpu,
        bytes: ring_bytes,
        reason: format!("{err:#}"),
    };
    let (mut rings, mut scratches) = (Vec::new(), Vec::new());
    for &cpu in cpus {
        let ring = create_map(MapType::RingBuf, "ring", 0, 0, ring_bytes as u32);
        let scratch = create_map(MapType::Array, "scratch", 4, SCRATCH_BYTES, 1);
        rings.push((u32::from(cpu), ring.map_err(|err| failed(cpu, err))?));
        scratches.push((u32::from(cpu), scratch.map_err(|err| failed(cpu, err))?));
    }
    // The rings last: a CPU without one does not look for scratch memory.
    for (name, inner) in [("scratches", &scratches), ("rings", &rings)] {
        let outer = maps
            .get(name)
            .ok_or(Error::NotInObject { what: "map", name })?;
        hand_over(*outer, inner).map_err(|err| failed(cpus.first().copied().unwrap_or(0), err))?;
    }
    let rings = rings.into_iter().map(|(_, ring)| ring);
    Ok(cpus.iter().copied().zip(rings).collect())
}

/// A map of our own, besides those of the object.
pub(crate) fn create_map(
    kind: MapType,
    name: &str,
    key_bytes: u32,
    value_bytes: u32,
    entries: u32,
) -> libbpf_rs::Result<MapHandle> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        ..Default::default()
    };
    MapHandle::create(kind, Some(name), key_bytes, value_bytes, entries, &options)
}

pub(crate) fn map<'obj>(object: &'obj Object, name: &'static str) -> Result<Map<'obj>, Error> {
    object
        .maps()
        .find(|map| map.name() == name)
        .ok_or(Error::NotInObject { what: "map", name })
}

/// A program that must be loaded.
pub(crate) fn loaded<'obj>(
    objects: &'obj Objects,
    name: &'static str,
) -> Result<ProgramMut<'obj>, Error> {
    objects.program(name).ok_or(Error::NotInObject {
        what: "program",
        name,
    })
}

pub(crate) fn program<'obj>(
    object: &'obj Object,
    name: &'static str,
) -> Result<ProgramMut<'obj>, Error> {
    object
        .progs_mut()
        .find(|program| program.name() == name)
        .ok_or(Error::NotInObject {
            what: "program",
            name,
        })
}

/// The counters at the start of a value of the map `cpus`.
fn words(value: &[u8]) -> [u64; COUNTER_WORDS] {
    let mut words = [0; COUNTER_WORDS];
    for (word, bytes) in words.iter_mut().zip(value.chunks_exact(8)) {
        *word = bytes.try_into().map_or(0, u64::from_ne_bytes);
    }
    words
}
