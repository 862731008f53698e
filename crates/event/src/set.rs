//! Sets of event types and of system calls, as bit sets of fixed size.
//!
//! A ruleset asks "which rules can this event match" and a probe "is this call wanted" once per
//! event; both are one bit test. The two kinds of set convert into each other by the table: a call
//! is carried by all its event types, old versions included, and an event type carries one call, or
//! all calls without a dedicated event.

use crate::syscall::{Syscall, SyscallCode, SyscallSet};
use crate::table::{EventFlags, EventInfo, EventType, events};

/// Enough 64-bit words for the codes of either kind.
const WORDS: usize = 8;

macro_rules! code_set {
    ($(#[$doc:meta])* $name:ident of $code:ident, $all:expr) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, Default)]
        pub struct $name {
            words: [u64; WORDS],
        }

        impl $name {
            /// The set without members.
            pub const EMPTY: Self = Self { words: [0; WORDS] };

            /// The set without members.
            pub const fn new() -> Self {
                Self::EMPTY
            }

            /// Every code of the table.
            pub fn all() -> Self {
                $all.collect()
            }

            /// Adds a code; tells whether it was new. A code beyond the table is not taken.
            pub fn insert(&mut self, code: $code) -> bool {
                let Some(word) = self.words.get_mut(usize::from(code.0) / 64) else {
                    return false;
                };
                let bit = 1u64 << (code.0 % 64);
                let new = *word & bit == 0 && code.info().is_some();
                if new {
                    *word |= bit;
                }
                new
            }

            /// Takes a code out; tells whether it was there.
            pub fn remove(&mut self, code: $code) -> bool {
                let there = self.contains(code);
                if there {
                    self.words[usize::from(code.0) / 64] &= !(1u64 << (code.0 % 64));
                }
                there
            }

            /// Whether a code is a member.
            #[inline]
            pub fn contains(&self, code: $code) -> bool {
                match self.words.get(usize::from(code.0) / 64) {
                    Some(word) => word & (1u64 << (code.0 % 64)) != 0,
                    None => false,
                }
            }

            /// How many members.
            pub fn len(&self) -> usize {
                self.words.iter().map(|word| word.count_ones() as usize).sum()
            }

            /// Whether there is no member.
            pub fn is_empty(&self) -> bool {
                self.words == [0; WORDS]
            }

            /// What is in either.
            #[must_use]
            pub fn union(&self, other: &Self) -> Self {
                self.zip(other, |a, b| a | b)
            }

            /// What is in both.
            #[must_use]
            pub fn intersection(&self, other: &Self) -> Self {
                self.zip(other, |a, b| a & b)
            }

            /// What is in this one only.
            #[must_use]
            pub fn difference(&self, other: &Self) -> Self {
                self.zip(other, |a, b| a & !b)
            }

            /// Every code of the table that is not a member.
            #[must_use]
            pub fn complement(&self) -> Self {
                Self::all().difference(self)
            }

            /// Whether `other` has all members.
            pub fn is_subset(&self, other: &Self) -> bool {
                self.difference(other).is_empty()
            }

            /// Whether there is a common member.
            pub fn intersects(&self, other: &Self) -> bool {
                !self.intersection(other).is_empty()
            }

            /// The members in ascending order.
            pub fn iter(&self) -> impl Iterator<Item = $code> + use<> {
                let words = self.words;
                (0..WORDS as u16 * 64)
                    .filter(move |code| words[usize::from(code / 64)] & (1 << (code % 64)) != 0)
                    .map($code)
            }

            /// The bits: code `c` is bit `c % 64` of word `c / 64`.
            pub fn words(&self) -> &[u64; WORDS] {
                &self.words
            }

            fn zip(&self, other: &Self, op: impl Fn(u64, u64) -> u64) -> Self {
                Self { words: std::array::from_fn(|i| op(self.words[i], other.words[i])) }
            }
        }

        impl FromIterator<$code> for $name {
            fn from_iter<I: IntoIterator<Item = $code>>(codes: I) -> Self {
                let mut set = Self::EMPTY;
                set.extend(codes);
                set
            }
        }

        impl Extend<$code> for $name {
            fn extend<I: IntoIterator<Item = $code>>(&mut self, codes: I) {
                for code in codes {
                    self.insert(code);
                }
            }
        }

        impl std::ops::BitOr for $name {
            type Output = Self;
            fn bitor(self, other: Self) -> Self {
                self.union(&other)
            }
        }

        impl std::ops::BitOrAssign for $name {
            fn bitor_assign(&mut self, other: Self) {
                *self = self.union(&other);
            }
        }

        impl std::ops::BitAnd for $name {
            type Output = Self;
            fn bitand(self, other: Self) -> Self {
                self.intersection(&other)
            }
        }

        impl std::ops::Sub for $name {
            type Output = Self;
            fn sub(self, other: Self) -> Self {
                self.difference(&other)
            }
        }

        impl std::ops::Not for $name {
            type Output = Self;
            fn not(self) -> Self {
                self.complement()
            }
        }
    };
}

code_set! {
    /// A set of event types.
    EventSet of EventType, events().iter().map(|info| info.event_type)
}

code_set! {
    /// A set of system calls.
    SyscallCodeSet of SyscallCode, Syscall::all().iter().map(|syscall| syscall.code)
}

impl EventSet {
    /// The event types whose row satisfies a test.
    pub fn matching(test: impl Fn(&EventInfo) -> bool) -> Self {
        events()
            .iter()
            .filter(|info| test(info))
            .map(|info| info.event_type)
            .collect()
    }

    /// The event types with all these flags.
    pub fn with_flags(flags: EventFlags) -> Self {
        Self::matching(|info| info.flags.contains(flags))
    }

    /// What users mean by this name; see [`EventType::by_name`].
    pub fn by_name(name: &str) -> Self {
        EventType::by_name(name).iter().copied().collect()
    }

    /// The calls that these event types carry.
    pub fn syscalls(&self) -> SyscallCodeSet {
        self.iter()
            .flat_map(|event| event.syscalls().iter().copied())
            .collect()
    }
}

impl SyscallCodeSet {
    /// A named group of the table.
    pub fn named(set: SyscallSet) -> Self {
        Syscall::all()
            .iter()
            .filter(|call| call.is_in(set))
            .map(|call| call.code)
            .collect()
    }

    /// The event types that carry these calls, old versions included.
    pub fn events(&self) -> EventSet {
        self.iter()
            .flat_map(|call| call.events().iter().copied())
            .collect()
    }
}

impl From<SyscallSet> for SyscallCodeSet {
    fn from(set: SyscallSet) -> Self {
        Self::named(set)
    }
}

impl std::fmt::Debug for EventSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.iter().filter_map(EventType::info).map(|i| i.ident))
            .finish()
    }
}

impl std::fmt::Debug for SyscallCodeSet {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set()
            .entries(self.iter().filter_map(SyscallCode::name))
            .finish()
    }
}
