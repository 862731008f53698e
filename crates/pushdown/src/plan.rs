//! From a ruleset to the decision about every system call.

use std::collections::BTreeSet;
use std::sync::Arc;

use event::{Syscall, SyscallCode, SyscallCodeSet};
use rules::{Ruleset, SourceRules};

use crate::call;
use crate::clause::{Clause, clauses};
use crate::formula::Formula;
use crate::state::{Needs, exit_event, pass, pass_for_state};
use crate::table::{Processes, Slot};
use crate::translate::{LeftOver, Translator};

/// One rule in one system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleInCall {
    /// Its name.
    pub rule: Arc<str>,
    /// What the kernel asks of a call before it makes a record for the sake of this rule.
    pub formula: Formula,
    /// What is left to user space.
    pub left: BTreeSet<LeftOver>,
}

/// The decision about one system call.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// Which.
    pub syscall: &'static Syscall,
    /// What passes for the sake of state: bits of [`pass`].
    pub state: u32,
    /// What passes for the sake of rules.
    pub slot: Slot,
    /// The rules that name it.
    pub rules: Vec<RuleInCall>,
}

impl CallPlan {
    /// Whether everything passes, so that there is nothing to decide.
    pub fn passes_everything(&self) -> bool {
        self.state & pass::ALWAYS != 0 || self.slot.passes_everything()
    }

    /// Whether the probe tells of its descriptor before it.
    pub fn is_told(&self) -> bool {
        self.state & (pass::NOTE | pass::NOTE_SOCKET) != 0
    }

    /// Whether nothing passes, so that it need not be traced.
    pub fn passes_nothing(&self) -> bool {
        self.state & !(pass::NOTE | pass::NOTE_SOCKET) == 0 && self.slot.passes_nothing()
    }
}

/// The decisions about all system calls that are traced.
#[derive(Clone, Debug)]
pub struct Plan {
    /// One per call, in the order of their codes.
    pub calls: Vec<CallPlan>,
    /// What is asked of processes.
    pub processes: Processes,
    /// Which descriptors are followed, and why.
    pub needs: Needs,
}

impl Plan {
    /// Calls whose arguments need not be kept from where they begin: no rule reads the parameters
    /// of `connect`, and what it made of a socket the kernel has itself.
    pub fn unnoted(&self) -> Vec<SyscallCode> {
        let connect = Syscall::by_name("connect").filter(|_| !self.needs.reads_connect);
        connect.map(|call| call.code).into_iter().collect()
    }

    /// Decides for the rules of a source, for the calls that are traced. `needs` is what
    /// [`Needs::of`] found, or more.
    pub fn new(
        ruleset: &Ruleset,
        source: &SourceRules,
        traced: &SyscallCodeSet,
        needs: Needs,
    ) -> Self {
        let mut processes = Processes::default();
        let calls = traced
            .iter()
            .filter_map(|code| call_plan(ruleset, source, code, &needs, &mut processes))
            .collect();
        Self {
            calls,
            processes,
            needs,
        }
    }
}

fn call_plan(
    ruleset: &Ruleset,
    source: &SourceRules,
    code: SyscallCode,
    needs: &Needs,
    processes: &mut Processes,
) -> Option<CallPlan> {
    let syscall = code.info()?;
    let event = exit_event(syscall)?;
    // Events of tracepoints have codes, too, and no number.
    if !event.event_type.is_exit() {
        return None;
    }
    let mut rules = Vec::new();
    let mut all: Vec<Clause> = Vec::new();
    for rule in ruleset.watched(source.name()) {
        let types = rule.events();
        if !types.events.contains(event.event_type) || !types.syscalls.contains(code) {
            continue;
        }
        let Some(condition) = rule.condition_for(event.event_type) else {
            continue;
        };
        let translator = Translator {
            pool: source.pool(),
            fields: source.fields(),
            syscall,
            event,
        };
        let mut left = BTreeSet::new();
        let formula = translator.formula(condition, &mut left);
        all.extend(clauses(&formula));
        if formula != Formula::False {
            rules.push(RuleInCall {
                rule: Arc::clone(rule.name()),
                formula,
                left,
            });
        }
    }
    let path_args = [0, 1].map(|which| call::path_argument(syscall.name, which));
    Some(CallPlan {
        syscall,
        state: pass_for_state(code, needs.follow) | needs.told(syscall.name),
        slot: Slot::new(all, path_args, processes),
        rules,
    })
}
