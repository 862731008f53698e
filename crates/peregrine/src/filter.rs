//! What is traced, and what of it the kernel drops.

use config::{Config, EngineKind};
use pushdown::{Follow, Needs, Plan};
use rules::Ruleset;

use crate::engine::SOURCE;
use crate::selection::{Selection, Wanted, select};

/// What is traced for some rules.
pub(crate) struct Chosen {
    /// The system calls.
    pub(crate) selection: Selection,
    /// What the kernel drops of them; `None` when it drops nothing.
    pub(crate) plan: Option<Plan>,
}

/// Chooses what is traced. A recording holds everything, so the kernel drops nothing then.
pub(crate) fn choose(ruleset: &Ruleset, config: &Config, is_recording: bool) -> Chosen {
    // Only the probe has a filter.
    let is_live = matches!(
        config.engine.kind,
        EngineKind::ModernEbpf | EngineKind::Kmod
    );
    let is_on = is_live && config.engine.kernel_filter && !is_recording;
    let source = ruleset
        .source_index(SOURCE)
        .and_then(|index| ruleset.sources().get(index))
        .filter(|_| is_on);
    // Whoever names calls wants them for a reason that the rules do not tell.
    let names_calls = config.base_syscalls_repair
        || config
            .base_syscalls_custom_set
            .iter()
            .any(|name| !name.starts_with('!'));
    let needs = match source {
        Some(source) if !names_calls => Needs::of(ruleset, source),
        _ => Needs::everything(),
    };
    let mut selection = select(
        &ruleset.events(),
        &Wanted {
            custom_set: config.base_syscalls_custom_set.clone(),
            repair: config.base_syscalls_repair,
            all: config.base_syscalls_all,
            follow: needs.follow,
        },
    );
    let plan = source.map(|source| Plan::new(ruleset, source, &selection.syscalls, needs));
    if let Some(plan) = plan
        .as_ref()
        .filter(|plan| plan.needs.follow != Follow::All)
    {
        // What nothing passes of need not be looked at.
        for call in plan.calls.iter().filter(|call| call.passes_nothing()) {
            selection.syscalls.remove(call.syscall.code);
        }
    }
    Chosen { selection, plan }
}

/// The plan as the probe wants it.
#[cfg(feature = "live")]
pub(crate) fn tables(plan: &Plan) -> probe::filter::Tables {
    use probe::filter::{Path, Peer, Slot, Tables};
    use pushdown::{TEST_ANY_BIT, TEST_DESCRIPTOR, TEST_EQUALS, Test, Verdicts};

    let test = |test: &Test| match *test {
        Test::Equals { arg, mask, value } => (TEST_EQUALS, u32::from(arg), mask, value),
        Test::AnyBit { arg, bits } => (TEST_ANY_BIT, u32::from(arg), bits, 0),
        Test::Descriptor { arg, kinds } => (TEST_DESCRIPTOR, u32::from(arg), kinds, 0),
    };
    let slots = plan
        .calls
        .iter()
        .filter(|call| !call.passes_everything() || call.is_told())
        .map(|call| Slot {
            syscall: call.syscall.code,
            state: call.state,
            tests: call.slot.tests.iter().map(test).collect(),
            processes: call
                .slot
                .processes
                .iter()
                .map(|&(bit, clauses)| (1 << bit, clauses))
                .collect(),
            paths: [0, 1].map(|which| {
                let table = call.slot.paths.get(which)?.as_ref()?;
                Some(Path {
                    arg: u32::from(table.arg),
                    clauses: table.clauses,
                    irregular: table.irregular,
                    tails: table.tails.clone(),
                    ends: table.ends,
                    in_root: table.in_root,
                    factor: table.factor,
                    starts: table
                        .starts
                        .iter()
                        .map(|masks| (masks.with_tail, masks.without_tail))
                        .collect(),
                    keys: table
                        .keys
                        .iter()
                        .map(|(key, masks)| (key.clone(), masks.with_tail, masks.without_tail))
                        .collect(),
                })
            }),
            peer: call.slot.peer.as_ref().map(|peer| Peer {
                ports: peer.ports.clone(),
                other_ports: peer.other_ports,
                networks: peer
                    .networks
                    .iter()
                    .map(|&(network, clauses)| (network.addr(), network.prefix_len(), clauses))
                    .collect(),
                other_addresses: peer.other_addresses,
            }),
            masks: call.slot.masks.clone(),
        })
        .collect();
    let pair = |verdicts: Verdicts| [verdicts.host, verdicts.container];
    Tables {
        slots,
        names: plan
            .processes
            .names()
            .into_iter()
            .map(|name| (name.to_vec(), pair(plan.processes.verdicts(name))))
            .collect(),
        others: pair(plan.processes.verdicts_of_others()),
        unnoted: plan.unnoted(),
    }
}
