//! Event types, their parameters and the flag tables, as generated from `table/*.txt`.

use crate::syscall::{NO_ROW, Syscall, SyscallCode, SyscallFlags, SyscallSet};

/// The code of an event type, 0 … 453. Even codes are enter or meta events, odd ones exit events.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct EventType(pub u16);

impl EventType {
    /// What the table says of this type; `None` for a code that it does not have (a record of a
    /// newer writer, or garbage).
    pub fn info(self) -> Option<&'static EventInfo> {
        EVENTS.get(usize::from(self.0))
    }

    /// Whether the code is the exit half of its pair.
    pub fn is_exit(self) -> bool {
        self.0 % 2 == 1
    }

    /// Every type that users mean by this name (`evt.type`): both halves, old versions included,
    /// and the generic events where a system call has none of its own. In code order; empty for a
    /// name that nobody has.
    pub fn by_name(name: &str) -> &'static [Self] {
        match NAMES.binary_search_by_key(&name, |(name, _)| name) {
            Ok(index) => NAMES[index].1,
            Err(_) => &[],
        }
    }

    /// The system calls that this type carries, in code order: one for most types, all without a
    /// dedicated event for the generic ones, none for what is no system call.
    pub fn syscalls(self) -> &'static [SyscallCode] {
        EVENT_SYSCALLS
            .get(usize::from(self.0))
            .copied()
            .unwrap_or_default()
    }

    /// The type with this ident (`SYSCALL_OPENAT_2_X`), as written in the event table.
    pub fn from_ident(ident: &str) -> Option<Self> {
        EVENTS
            .iter()
            .find(|info| info.ident == ident)
            .map(|info| info.event_type)
    }
}

/// One row of the event table.
#[derive(Debug)]
pub struct EventInfo {
    /// The code.
    pub event_type: EventType,
    /// The unique name of the row.
    pub ident: &'static str,
    /// The name that users see (`evt.type`); several rows may share it.
    pub name: &'static str,
    /// What the call is about.
    pub category: Category,
    /// Where the event comes from; `None` for an unused slot.
    pub origin: Option<Origin>,
    /// What it does to state, and how it is stored.
    pub flags: EventFlags,
    /// The parameter with the descriptor that the call works on.
    pub used_fd: Option<usize>,
    /// The parameter with the descriptor that the call made; the first one where it made two.
    /// Negative in a record means that it failed.
    pub created_fd: Option<usize>,
    /// Its parameters in wire order. A record may have fewer (older writer) or more (newer).
    pub params: &'static [ParamInfo],
}

impl EventInfo {
    /// The index and description of a parameter by name.
    pub fn param(&self, name: &str) -> Option<(usize, &'static ParamInfo)> {
        self.params
            .iter()
            .enumerate()
            .find(|(_, param)| param.name == name)
    }

    /// The parameter with the descriptor that the event is about: the one that was made, or else
    /// the one that was worked on. For a call that duplicates a descriptor it is the new one.
    pub fn fd_param(&self) -> Option<usize> {
        self.created_fd.or(self.used_fd)
    }

    /// The kind of record: whether it is an exit event.
    pub fn is_exit(&self) -> bool {
        self.event_type.is_exit()
    }

    /// Whether a newer row has replaced this one; such events occur only in old captures.
    pub fn is_old_version(&self) -> bool {
        self.flags.contains(EventFlags::OLD_VERSION)
    }

    /// Whether the slot is only a placeholder.
    pub fn is_unused(&self) -> bool {
        self.flags.contains(EventFlags::UNUSED)
    }

    /// Whether parameter lengths are four bytes wide on the wire, not two.
    pub fn is_large(&self) -> bool {
        self.flags.contains(EventFlags::LARGE_PAYLOAD)
    }
}

/// One parameter of an event.
#[derive(Debug)]
pub struct ParamInfo {
    /// The name, as in `evt.arg.<name>`.
    pub name: &'static str,
    /// The wire type.
    pub ty: ParamType,
    /// How it is printed.
    pub format: PrintFormat,
    /// What else is needed to understand it.
    pub detail: ParamDetail,
}

/// What a parameter refers to.
#[derive(Debug, Clone, Copy)]
pub enum ParamDetail {
    /// Nothing more.
    None,
    /// The names of its values or bits.
    Flags(&'static FlagTable),
    /// The first byte picks one of these types.
    Variants(&'static [Variant]),
    /// A path relative to the descriptor in the parameter with this index.
    RelativeTo(usize),
}

/// One type that a `Dyn` parameter can have.
#[derive(Debug)]
pub struct Variant {
    /// The wire type.
    pub ty: ParamType,
    /// How it is printed.
    pub format: PrintFormat,
}

/// Names of the values or bits of a parameter, in the order in which they are printed.
#[derive(Debug)]
pub struct FlagTable {
    /// The name of the table.
    pub name: &'static str,
    /// Its rows.
    pub entries: &'static [Flag],
}

/// A named value.
#[derive(Debug)]
pub struct Flag {
    /// The name that users see.
    pub name: &'static str,
    /// The portable value (not the kernel's).
    pub value: u32,
}

/// The type of a parameter on the wire.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(
    missing_docs,
    reason = "the names are the documentation; sizes are in `wire_size`"
)]
pub enum ParamType {
    Int8,
    Int16,
    Int32,
    Int64,
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Charbuf,
    Bytebuf,
    Errno,
    Sockaddr,
    Socktuple,
    Fd,
    Pid,
    Fdlist,
    Fspath,
    Syscallid,
    Sigtype,
    Reltime,
    Abstime,
    Port,
    L4proto,
    Sockfamily,
    Bool,
    Ipv4addr,
    Dyn,
    Flags8,
    Flags16,
    Flags32,
    Uid,
    Gid,
    Double,
    Sigset,
    Charbufarray,
    CharbufPairArray,
    Ipv4net,
    Ipv6addr,
    Ipv6net,
    Ipaddr,
    Ipnet,
    Mode,
    Fsrelpath,
    Enumflags8,
    Enumflags16,
    Enumflags32,
    Fd32,
    Pid32,
}

impl ParamType {
    /// The size in bytes of a value of this type, or `None` where it varies.
    pub fn wire_size(self) -> Option<usize> {
        use ParamType as T;
        match self {
            T::Int8
            | T::Uint8
            | T::Sigtype
            | T::L4proto
            | T::Sockfamily
            | T::Flags8
            | T::Enumflags8 => Some(1),
            T::Int16 | T::Uint16 | T::Syscallid | T::Port | T::Flags16 | T::Enumflags16 => Some(2),
            T::Int32
            | T::Uint32
            | T::Bool
            | T::Ipv4addr
            | T::Flags32
            | T::Uid
            | T::Gid
            | T::Sigset
            | T::Mode
            | T::Enumflags32
            | T::Fd32
            | T::Pid32 => Some(4),
            T::Int64
            | T::Uint64
            | T::Errno
            | T::Fd
            | T::Pid
            | T::Reltime
            | T::Abstime
            | T::Double => Some(8),
            T::Ipv6addr => Some(16),
            T::Charbuf
            | T::Bytebuf
            | T::Sockaddr
            | T::Socktuple
            | T::Fdlist
            | T::Fspath
            | T::Dyn
            | T::Charbufarray
            | T::CharbufPairArray
            | T::Ipv4net
            | T::Ipv6net
            | T::Ipaddr
            | T::Ipnet
            | T::Fsrelpath => None,
        }
    }
}

/// How a number is printed.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum PrintFormat {
    /// Not a number, or no preference.
    Na,
    /// Decimal.
    Dec,
    /// Hexadecimal.
    Hex,
    /// An identifier.
    Id,
    /// A direction.
    Dir,
    /// Octal.
    Oct,
}

/// What an event is about.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Category {
    Unknown,
    Other,
    File,
    Net,
    Ipc,
    Memory,
    Process,
    Sleep,
    System,
    Signal,
    User,
    Time,
    Processing,
    IoRead,
    IoWrite,
    IoOther,
    Wait,
    Scheduler,
    Internal,
}

/// Where an event comes from.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Origin {
    Syscall,
    Tracepoint,
    Plugin,
    Metaevent,
    Iter,
}

macro_rules! bit_set {
    ($(#[$doc:meta])* $name:ident : $repr:ty { $($(#[$flag_doc:meta])* $flag:ident = $value:expr,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
        pub struct $name($repr);

        impl $name {
            /// No bit.
            pub const NONE: Self = Self(0);
            $($(#[$flag_doc])* pub const $flag: Self = Self($value);)*

            /// The set with these bits.
            pub const fn from_bits(bits: $repr) -> Self {
                Self(bits)
            }

            /// The bits.
            pub const fn bits(self) -> $repr {
                self.0
            }

            /// Whether all bits of `other` are set.
            pub const fn contains(self, other: Self) -> bool {
                self.0 & other.0 == other.0
            }

            /// Whether any bit of `other` is set.
            pub const fn intersects(self, other: Self) -> bool {
                self.0 & other.0 != 0
            }
        }
    };
}
pub(crate) use bit_set;

bit_set! {
    /// What an event does to state, and how it is stored.
    EventFlags: u32 {
        /// The first descriptor parameter is a new descriptor.
        CREATES_FD = 1,
        /// The descriptor is gone afterwards.
        DESTROYS_FD = 2,
        /// Works on a descriptor.
        USES_FD = 4,
        /// Reads from the descriptor.
        READS_FROM_FD = 8,
        /// Writes to the descriptor.
        WRITES_TO_FD = 16,
        /// State must see it, even when no rule asks for it.
        MODIFIES_STATE = 32,
        /// A placeholder.
        UNUSED = 64,
        /// May block.
        WAITS = 128,
        /// Does not end the attachment of a stored enter event.
        SKIPPARSERESET = 256,
        /// Replaced by a newer row.
        OLD_VERSION = 512,
        /// Lengths on the wire are 32 bits wide.
        LARGE_PAYLOAD = 1 << 11,
        /// Read from a capture, it may need conversion.
        CONVERTER_MANAGED = 1 << 12,
    }
}

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// The event table in code order.
pub fn events() -> &'static [EventInfo] {
    &EVENTS
}

/// The names that `evt.type` can have by the table, sorted.
pub fn event_names() -> impl Iterator<Item = &'static str> {
    NAMES.iter().map(|(name, _)| *name)
}

/// All flag tables.
pub fn flag_tables() -> &'static [FlagTable] {
    &FLAG_TABLES
}

/// The flag table with this name.
pub fn flag_table(name: &str) -> Option<&'static FlagTable> {
    FLAG_TABLES.iter().find(|table| table.name == name)
}

/// The portable constants that the probe writes into events, by name.
pub fn constants() -> &'static [(&'static str, i64)] {
    &CONSTANTS
}
