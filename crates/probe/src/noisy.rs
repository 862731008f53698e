//! Who lost records because a ring was full.

use std::collections::HashMap;

/// Whom losses are counted against.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Spender {
    /// A process, by its id in the first pid namespace.
    Process(u32),
    /// A control group, by the inode number of its folder: in the unified hierarchy, or, for what
    /// is in the root of that, in the one of the memory controller.
    ControlGroup(u64),
}

/// What one process or control group lost.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Noisy {
    /// Who.
    pub who: Spender,
    /// The name of the thread whose record was the first; empty for control groups.
    pub comm: String,
    /// How many records.
    pub lost: u64,
}

/// `struct spender_key` and `struct spender` of `bpf/budget.h`.
const KEY_BYTES: usize = 16;
const VALUE_BYTES: usize = 48;
const LOST_AT: usize = 24;
const COMM_AT: usize = 32;

/// Adds the entries of the table up, the ones with the greatest losses first.
pub(crate) fn sum_up(entries: impl Iterator<Item = (Vec<u8>, Vec<u8>)>) -> Vec<Noisy> {
    let mut sums: HashMap<Spender, Noisy> = HashMap::new();
    for (key, value) in entries {
        if key.len() < KEY_BYTES || value.len() < VALUE_BYTES {
            continue;
        }
        let id = word(&key, 0);
        // The CPU is the lower half.
        let who = match word(&key, 8) >> 32 {
            0 => Spender::Process(id as u32),
            _ => Spender::ControlGroup(id),
        };
        let lost = word(&value, LOST_AT);
        if lost == 0 {
            continue;
        }
        let comm = value.get(COMM_AT..VALUE_BYTES).unwrap_or_default();
        let comm = comm.split(|byte| *byte == 0).next().unwrap_or_default();
        sums.entry(who)
            .or_insert_with(|| Noisy {
                who,
                comm: String::from_utf8_lossy(comm).into_owned(),
                lost: 0,
            })
            .lost += lost;
    }
    let mut sums: Vec<Noisy> = sums.into_values().collect();
    sums.sort_by_key(|noisy| std::cmp::Reverse(noisy.lost));
    sums
}

fn word(bytes: &[u8], at: usize) -> u64 {
    bytes
        .get(at..)
        .and_then(|bytes| bytes.first_chunk())
        .map_or(0, |bytes| u64::from_ne_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(id: u64, cpu: u32, kind: u32, lost: u64, comm: &[u8]) -> (Vec<u8>, Vec<u8>) {
        let key = [
            &id.to_ne_bytes()[..],
            &cpu.to_ne_bytes(),
            &kind.to_ne_bytes(),
        ];
        let mut value = vec![0; LOST_AT];
        value.extend(lost.to_ne_bytes());
        value.extend(comm);
        value.resize(VALUE_BYTES, 0);
        (key.concat(), value)
    }

    #[test]
    fn losses_of_all_cpus_are_added_up() {
        let entries = [
            entry(7, 0, 0, 3, b"seven"),
            entry(7, 1, 0, 4, b"other"),
            entry(7, 1, 1, 9, b""),
            entry(8, 1, 0, 0, b"quiet"),
            (vec![1], vec![2]),
        ];
        let noisy = sum_up(entries.into_iter());
        let found: Vec<_> = noisy.iter().map(|noisy| (noisy.who, noisy.lost)).collect();
        assert_eq!(
            found,
            [(Spender::ControlGroup(7), 9), (Spender::Process(7), 7)]
        );
        assert_eq!(noisy[1].comm, "seven");
    }
}
