//! The tables by which the kernel drops calls that no rule can match.
//!
//! What is in them is worked out elsewhere; here they are brought into the kernel. There are two
//! generations of every table. The one that is not in use is written, then one store of a word makes
//! it the current one: a call sees the old tables or the new ones, and is never missed.

use std::net::IpAddr;
use std::os::fd::{AsFd, AsRawFd};
use std::sync::atomic::Ordering;

use event::SyscallCode;
use libbpf_rs::{MapCore, MapFlags, MapHandle, MapType};

use crate::control::NATIVE_MAX;
use crate::error::Error;
use crate::loader::{Probe, map};
use crate::object::hand_over;

// As in `bpf/filter_maps.h`.
const SLOTS: usize = 128;
const TESTS: usize = 6;
const CLASSES: usize = 256;
const TAILS: usize = 64;
const PROCESSES: usize = 16;
const KEY_BYTES: usize = 128;
const STARTS: usize = 128;
const PATH_BYTES: usize = 64 + TAILS * 16 + STARTS * 16;
const SLOT_BYTES: usize = 16 + TESTS * 24 + PROCESSES * 16 + 2 * PATH_BYTES + CLASSES * 8;
const NAME_BYTES: usize = 16;
const PEERS: usize = 16;
const PORTS: usize = 64;
const NETWORKS: usize = 32;
const PEER_BYTES: usize = 24 + PORTS * 2 + PORTS * 8 + NETWORKS * 48;

/// The tables of all calls that are filtered.
#[derive(Clone, Default, Debug)]
pub struct Tables {
    /// At most [`Tables::MOST_SLOTS`]; calls without one pass.
    pub slots: Vec<Slot>,
    /// Verdicts on processes on the host and in containers, by their names.
    pub names: Vec<(Vec<u8>, [u64; 2])>,
    /// The verdicts on all others.
    pub others: [u64; 2],
    /// Calls whose arguments need not be noted where they begin: nobody looks at what only the
    /// caller's memory says.
    pub unnoted: Vec<SyscallCode>,
}

impl Tables {
    /// How many calls can be filtered.
    pub const MOST_SLOTS: usize = SLOTS - 1;
    /// How many calls can be asked where they connect to; others are not.
    pub const MOST_PEERS: usize = PEERS - 1;
}

/// The tables of one call.
#[derive(Clone, Debug)]
pub struct Slot {
    /// Which.
    pub syscall: SyscallCode,
    /// What passes for the sake of state, as bits of `PASS_*` in `bpf/filter_maps.h`.
    pub state: u32,
    /// Questions about arguments: what, which argument, two numbers (`TEST_*` there).
    pub tests: Vec<(u32, u32, u64, u64)>,
    /// Bits of the verdict on the process, and the clauses that need them.
    pub processes: Vec<(u64, u64)>,
    /// The paths that it names.
    pub paths: [Option<Path>; 2],
    /// Where it connects to.
    pub peer: Option<Peer>,
    /// For each class the clauses that are possible.
    pub masks: Vec<u64>,
}

/// The table of one path.
#[derive(Clone, Debug)]
pub struct Path {
    /// Which argument it is.
    pub arg: u32,
    /// The clauses that ask something of it.
    pub clauses: u64,
    /// The clauses that are possible for paths that are not looked at.
    pub irregular: u64,
    /// Ends that are looked for, as the last 8 bytes and which of their bits count.
    pub tails: Vec<(u64, u64)>,
    /// By the last two bytes of a path, whether it may have one of the ends.
    pub ends: [u64; 4],
    /// Whether being in the root directory counts as one of the ends.
    pub in_root: bool,
    /// By the first four bytes of a path: the clauses that are possible with one of the ends, and
    /// without. All of them or none.
    pub starts: Vec<(u64, u64)>,
    /// The factor by which those bytes are hashed.
    pub factor: u32,
    /// By beginning: the clauses that are possible with one of the ends, and without.
    pub keys: Vec<(Vec<u8>, u64, u64)>,
}

/// The tables of the other end of a connection.
#[derive(Clone, Debug)]
pub struct Peer {
    /// At most 64 ports in ascending order, and the clauses that are possible.
    pub ports: Vec<(u16, u64)>,
    /// The clauses that are possible for other ports.
    pub other_ports: u64,
    /// At most 32 networks (address, length of the prefix), and the clauses that are possible. The
    /// first that has an address counts.
    pub networks: Vec<(IpAddr, u8, u64)>,
    /// The clauses that are possible for other addresses.
    pub other_addresses: u64,
}

/// Native words.
fn put_words(out: &mut Vec<u8>, words: &[u64]) {
    for word in words {
        out.extend_from_slice(&word.to_ne_bytes());
    }
}

/// Two numbers that stand one behind the other in a word.
fn two(low: u32, high: u32) -> u64 {
    let [a, b, c, d] = low.to_ne_bytes();
    let [e, f, g, h] = high.to_ne_bytes();
    u64::from_ne_bytes([a, b, c, d, e, f, g, h])
}

impl Peer {
    fn bytes(&self) -> Vec<u8> {
        let mut out = Vec::with_capacity(PEER_BYTES);
        // Without room for all, all pass.
        let fits = self.ports.len() <= PORTS && self.networks.len() <= NETWORKS;
        let (ports, networks, others) = if fits {
            let others = [self.other_ports, self.other_addresses];
            (self.ports.as_slice(), self.networks.as_slice(), others)
        } else {
            (&[][..], &[][..], [u64::MAX; 2])
        };
        put_words(&mut out, &[two(ports.len() as u32, networks.len() as u32)]);
        put_words(&mut out, &others);
        for index in 0..PORTS {
            let port = ports.get(index).map_or(u16::MAX, |(port, _)| *port);
            out.extend_from_slice(&port.to_ne_bytes());
        }
        for index in 0..PORTS {
            put_words(
                &mut out,
                &[ports.get(index).map_or(0, |(_, clauses)| *clauses)],
            );
        }
        for index in 0..NETWORKS {
            let words = networks.get(index).map_or([0; 6], network_words);
            put_words(&mut out, &words);
        }
        out
    }
}

/// Family, address, mask and clauses of a network.
fn network_words(&(address, prefix, clauses): &(IpAddr, u8, u64)) -> [u64; 6] {
    const AF_INET: u64 = 2;
    const AF_INET6: u64 = 10;
    let (family, bits, width) = match address {
        IpAddr::V4(address) => (AF_INET, u128::from(address.to_bits()) << 96, 32),
        IpAddr::V6(address) => (AF_INET6, address.to_bits(), 128),
    };
    let prefix = u32::from(prefix).min(width);
    let mask = u128::MAX.checked_shl(128 - prefix).unwrap_or(0);
    let words = |bits: u128| {
        let bytes = bits.to_be_bytes();
        let (low, high) = bytes.split_at(8);
        let word = |bytes: &[u8]| u64::from_ne_bytes(bytes.try_into().unwrap_or_default());
        (word(low), word(high))
    };
    let ((low, high), (low_mask, high_mask)) = (words(bits & mask), words(mask));
    [family, low, high, low_mask, high_mask, clauses]
}

impl Slot {
    /// `peer` is the number of the table of other ends, 0 for none.
    fn bytes(&self, peer: u32) -> Vec<u8> {
        let mut out = Vec::with_capacity(SLOT_BYTES);
        let mut words = |words: &[u64]| put_words(&mut out, words);
        let tests = self.tests.len().min(TESTS);
        let processes = self.processes.len().min(PROCESSES);
        words(&[two(tests as u32, processes as u32), two(self.state, peer)]);
        for index in 0..TESTS {
            let (what, arg, first, second) = self.tests.get(index).copied().unwrap_or_default();
            words(&[two(what, arg), first, second]);
        }
        for index in 0..PROCESSES {
            let (bit, clauses) = self.processes.get(index).copied().unwrap_or_default();
            words(&[bit, clauses]);
        }
        for path in &self.paths {
            let Some(path) = path else {
                words(&[0; PATH_BYTES / 8]);
                continue;
            };
            let tails = path.tails.len().min(TAILS) as u32;
            let factor = if path.starts.len() == STARTS {
                path.factor
            } else {
                0
            };
            words(&[
                two(path.arg, tails),
                two(path.in_root.into(), factor),
                path.clauses,
                path.irregular,
            ]);
            words(&path.ends);
            for (pairs, count) in [(&path.tails, TAILS), (&path.starts, STARTS)] {
                for index in 0..count {
                    let (first, second) = pairs.get(index).copied().unwrap_or_default();
                    words(&[first, second]);
                }
            }
        }
        for class in 0..CLASSES {
            // What is missing lets everything pass.
            words(&[self.masks.get(class).copied().unwrap_or(u64::MAX)]);
        }
        out
    }
}

impl Probe {
    /// Drops, from the next call on, what these tables say that no rule can match. `None` lets
    /// everything pass again. May be called at any time; may take some milliseconds.
    ///
    /// # Errors
    ///
    /// When the kernel refuses; then what was in force before still is.
    pub fn set_filter(&mut self, tables: Option<&Tables>) -> Result<(), Error> {
        let unnoted = tables.map_or(&[][..], |tables| &tables.unnoted);
        if self.unnoted != unnoted {
            self.unnoted = unnoted.to_vec();
            self.update_entries()?;
        }
        let layout = self.control.layout();
        let Some(tables) = tables else {
            layout.filter.store(0, Ordering::Release);
            return Ok(());
        };
        self.filter_changes = self.filter_changes.wrapping_add(1) & (u32::MAX >> 2);
        // The lowest bit is the generation; the whole word tells verdicts of other tables apart.
        // It is never 0.
        let word = (self.filter_changes << 2) | 2 | (self.filter_changes & 1);
        let generation = word & 1;
        self.write_names(tables, generation)?;
        let base = generation as usize * SLOTS;
        let slots = map(&self.objects.maps, "filter_slots")?;
        let mut slot_of = [0u8; NATIVE_MAX];
        let mut tries = Vec::new();
        let peers = map(&self.objects.maps, "filter_peers")?;
        let mut last_peer = 0;
        for (index, slot) in tables.slots.iter().take(Tables::MOST_SLOTS).enumerate() {
            let number = index + 1;
            let native = slot.syscall.info().and_then(event::Syscall::native);
            let Some(entry) = native.and_then(|native| slot_of.get_mut(usize::from(native))) else {
                continue;
            };
            let key = base + number;
            let peer = match &slot.peer {
                Some(peer) if last_peer < Tables::MOST_PEERS => {
                    last_peer += 1;
                    let at = (generation as usize * PEERS + last_peer) as u32;
                    peers
                        .update(&at.to_ne_bytes(), &peer.bytes(), MapFlags::ANY)
                        .map_err(|err| refused(&err))?;
                    last_peer as u32
                }
                _ => 0,
            };
            slots
                .update(
                    &(key as u32).to_ne_bytes(),
                    &slot.bytes(peer),
                    MapFlags::ANY,
                )
                .map_err(|err| refused(&err))?;
            for (which, path) in slot.paths.iter().enumerate() {
                if let Some(path) = path {
                    tries.push(((key * 2 + which) as u32, path_table(path)?));
                }
            }
            *entry = number as u8;
        }
        hand_over(
            map(&self.objects.maps, "filter_paths")?.as_fd().as_raw_fd(),
            &tries,
        )
        .map_err(|err| refused(&err))?;
        let at = generation as usize;
        let others = layout.filter_others.get(at).into_iter().flatten();
        for (shared, verdict) in others.zip(tables.others) {
            shared.store(verdict, Ordering::Relaxed);
        }
        for (shared, slot) in layout
            .filter_slot_of
            .get(at)
            .into_iter()
            .flatten()
            .zip(slot_of)
        {
            shared.store(slot, Ordering::Relaxed);
        }
        layout.filter.store(word, Ordering::Release);
        Ok(())
    }

    /// Puts the verdicts by name in the place of those of the same generation before.
    fn write_names(&self, tables: &Tables, generation: u32) -> Result<(), Error> {
        let names = map(&self.objects.maps, "filter_names")?;
        let old: Vec<Vec<u8>> = names
            .keys()
            .filter(|key| key.starts_with(&generation.to_ne_bytes()))
            .collect();
        for key in old {
            names.delete(&key).map_err(|err| refused(&err))?;
        }
        for (name, [host, container]) in &tables.names {
            // A NUL ends names, so that longer ones are those of no process.
            if name.len() >= NAME_BYTES {
                continue;
            }
            let mut key = [0; 8 + NAME_BYTES];
            let (head, rest) = key.split_at_mut(8);
            if let Some(to) = head.get_mut(..4) {
                to.copy_from_slice(&generation.to_ne_bytes());
            }
            if let Some(to) = rest.get_mut(..name.len()) {
                to.copy_from_slice(name);
            }
            names
                .update(
                    &key,
                    &[host.to_ne_bytes(), container.to_ne_bytes()].concat(),
                    MapFlags::ANY,
                )
                .map_err(|err| refused(&err))?;
        }
        Ok(())
    }
}

/// A map with the table of one path.
fn path_table(path: &Path) -> Result<MapHandle, Error> {
    let options = libbpf_sys::bpf_map_create_opts {
        sz: size_of::<libbpf_sys::bpf_map_create_opts>() as libbpf_sys::size_t,
        map_flags: libbpf_sys::BPF_F_NO_PREALLOC,
        ..Default::default()
    };
    let entries = path.keys.len().max(1) as u32;
    let key_size = 4 + KEY_BYTES as u32;
    let name = Some("filter_path");
    let trie = MapHandle::create(MapType::LpmTrie, name, key_size, 16, entries, &options)
        .map_err(|err| refused(&err))?;
    for (text, with_tail, without_tail) in &path.keys {
        let used = text.len().min(KEY_BYTES);
        let mut key = [0; 4 + KEY_BYTES];
        let (bits, rest) = key.split_at_mut(4);
        bits.copy_from_slice(&(used as u32 * 8).to_ne_bytes());
        if let (Some(to), Some(from)) = (rest.get_mut(..used), text.get(..used)) {
            to.copy_from_slice(from);
        }
        let value = [with_tail.to_ne_bytes(), without_tail.to_ne_bytes()].concat();
        trie.update(&key, &value, MapFlags::ANY)
            .map_err(|err| refused(&err))?;
    }
    Ok(trie)
}

fn refused(err: &libbpf_rs::Error) -> Error {
    Error::Access {
        action: "write the tables of the filter",
        reason: format!("{err:#}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_has_the_size_of_its_structure() {
        let slot = Slot {
            syscall: SyscallCode(0),
            state: 1,
            tests: vec![(1, 2, 3, 4)],
            processes: vec![(1, 2)],
            paths: [
                None,
                Some(Path {
                    arg: 1,
                    clauses: 1,
                    irregular: 1,
                    tails: vec![(1, 1)],
                    ends: [0; 4],
                    in_root: true,
                    starts: Vec::new(),
                    factor: 1,
                    keys: Vec::new(),
                }),
            ],
            peer: None,
            masks: Vec::new(),
        };
        let bytes = slot.bytes(0);
        assert_eq!(bytes.len(), SLOT_BYTES);
        assert_eq!(&bytes[..12], [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0]);
        assert!(bytes.ends_with(&[0xff; 8]), "without masks all passes");
    }

    #[test]
    fn networks_have_the_bytes_of_the_kernel() {
        let bytes = |word: u64| word.to_ne_bytes();
        let [family, low, high, low_mask, high_mask, clauses] =
            network_words(&([10, 1, 2, 3].into(), 8, 5));
        assert_eq!((family, high, high_mask, clauses), (2, 0, 0, 5));
        assert_eq!(bytes(low), [10, 0, 0, 0, 0, 0, 0, 0]);
        assert_eq!(bytes(low_mask), [255, 0, 0, 0, 0, 0, 0, 0]);
        let address: IpAddr = "fd00:ec2::254".parse().unwrap();
        let [family, low, high, low_mask, high_mask, _] = network_words(&(address, 128, 5));
        assert_eq!((family, low_mask, high_mask), (10, u64::MAX, u64::MAX));
        assert_eq!(bytes(low), [0xfd, 0, 0x0e, 0xc2, 0, 0, 0, 0]);
        assert_eq!(bytes(high), [0, 0, 0, 0, 0, 0, 2, 0x54]);
        let everything = network_words(&(address, 0, 5));
        assert_eq!(everything, [10, 0, 0, 0, 0, 5]);
    }

    #[test]
    fn a_peer_has_the_size_of_its_structure() {
        let peer = Peer {
            ports: vec![(80, 1)],
            other_ports: 2,
            networks: vec![([10, 0, 0, 0].into(), 8, 1)],
            other_addresses: 4,
        };
        let bytes = peer.bytes();
        assert_eq!(bytes.len(), PEER_BYTES);
        assert_eq!(&bytes[24..28], [80, 0, 255, 255]);
        let ports: Vec<(u16, u64)> = (0..=PORTS as u16).map(|port| (port, 0)).collect();
        let full = Peer { ports, ..peer }.bytes();
        assert_eq!(
            &full[..24],
            [[0; 8], [255; 8], [255; 8]].concat(),
            "all pass"
        );
    }
}
