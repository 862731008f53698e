//! Which events a condition can match, as far as its `evt.type` checks tell.
//!
//! `and` intersects, `or` unites, `not` is pushed down to the checks. Every check that is not about
//! the type of the event could hold for any, with one exception: event numbers start at 1, so
//! `evt.num=0`, which rules files use for "never", holds for none.
//!
//! The result only ever over-approximates: the index and the probe rely on it. That takes care
//! where a complement is taken, because types and names are not one to one: all system calls
//! without an event of their own share the generic ones, and `fcntl64` is seen as `fcntl`.

use condition::{
    Check, Expr, ExprKind, FieldRef, Literal, Operand, OperandKind, Operator, Right, Span,
    ValuesKind,
};
use event::{EventSet, EventType, Syscall, SyscallCodeSet, events};

/// A set of events, by type and by system call.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct EventTypes {
    /// The types of the events.
    pub events: EventSet,
    /// The system calls (and tracepoints) that they are about. Tells apart what shares the generic
    /// events.
    pub syscalls: SyscallCodeSet,
}

impl EventTypes {
    /// Every event.
    pub fn all() -> Self {
        Self {
            events: EventSet::all(),
            syscalls: SyscallCodeSet::all(),
        }
    }

    /// No event.
    pub fn none() -> Self {
        Self {
            events: EventSet::new(),
            syscalls: SyscallCodeSet::new(),
        }
    }

    /// Whether it has every event.
    pub fn is_all(&self) -> bool {
        EventSet::all().is_subset(&self.events)
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.events.is_empty()
    }

    fn and(&self, other: &Self) -> Self {
        Self {
            events: self.events.intersection(&other.events),
            syscalls: self.syscalls.intersection(&other.syscalls),
        }
    }

    fn or(&self, other: &Self) -> Self {
        Self {
            events: self.events.union(&other.events),
            syscalls: self.syscalls.union(&other.syscalls),
        }
    }

    /// What is seen under one of these names.
    fn named(names: &[Literal]) -> Self {
        let mut set = Self::none();
        for name in names {
            let Ok(name) = std::str::from_utf8(&name.bytes) else {
                continue;
            };
            let types = EventSet::by_name(name);
            set.events = set.events.union(&types);
            if types.is_empty() {
                // Not in the table, so it is the name of an event that a plugin injects.
                set.events.insert(EventType::ASYNCEVENT_E);
            }
            let own = types.difference(&generic());
            set.syscalls = set.syscalls.union(&own.syscalls());
            set.syscalls
                .extend(Syscall::by_name(name).map(|call| call.code));
        }
        set
    }

    /// What can be seen under another name than these.
    fn not_named(names: &[Literal]) -> Self {
        let listed = |name: &str| names.iter().any(|literal| literal.bytes == name.as_bytes());
        let syscalls: SyscallCodeSet = Syscall::all()
            .iter()
            .filter(|call| !listed(visible_name(call)))
            .map(|call| call.code)
            .collect();
        let generic = generic();
        let events = EventSet::matching(|info| {
            if !generic.contains(info.event_type) {
                return !listed(info.name);
            }
            syscalls
                .iter()
                .any(|code| code.info().is_some_and(Syscall::is_generic))
        });
        Self { events, syscalls }
    }
}

/// The types that system calls without one of their own share.
fn generic() -> EventSet {
    [EventType::GENERIC_E, EventType::GENERIC_X]
        .into_iter()
        .collect()
}

/// What `evt.type` is for a system call: the name of its event, or its own where it has none.
fn visible_name(call: &Syscall) -> &'static str {
    let event = call.events.last().filter(|_| !call.is_generic());
    event
        .and_then(|event| event.info())
        .map_or(call.name, |info| info.name)
}

/// A use of `evt.type` from which nothing can be inferred.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct InferError {
    pub(crate) span: Span,
    pub(crate) message: &'static str,
}

/// The events that an expanded condition can match.
pub(crate) fn event_types(expr: &Expr, errors: &mut Vec<InferError>) -> EventTypes {
    infer(expr, false, errors)
}

fn infer(expr: &Expr, negated: bool, errors: &mut Vec<InferError>) -> EventTypes {
    match &expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            let is_and = matches!(expr.kind, ExprKind::And(_)) != negated;
            let start = if is_and {
                EventTypes::all()
            } else {
                EventTypes::none()
            };
            operands.iter().fold(start, |set, operand| {
                let other = infer(operand, negated, errors);
                if is_and {
                    set.and(&other)
                } else {
                    set.or(&other)
                }
            })
        }
        ExprKind::Not(operand) => infer(operand, !negated, errors),
        ExprKind::Check(check) => of_check(check, negated, errors),
        ExprKind::Macro(_) | ExprKind::Hole => EventTypes::all(),
    }
}

fn of_check(check: &Check, negated: bool, errors: &mut Vec<InferError>) -> EventTypes {
    if let OperandKind::Call(_) = &check.left.kind {
        if names_event_type(&check.left) {
            let message = "transformers cannot be applied to the type of an event";
            errors.push(InferError {
                span: check.left.span,
                message,
            });
        }
        return EventTypes::all();
    }
    let OperandKind::Field(field) = &check.left.kind else {
        return EventTypes::all();
    };
    if is_event_type(field) {
        return of_type_check(check, negated, errors);
    }
    if field.name == "evt.num" && field.argument.is_none() {
        let holds = match number_check(check) {
            Some(holds) => holds != negated,
            None => true,
        };
        return if holds {
            EventTypes::all()
        } else {
            EventTypes::none()
        };
    }
    EventTypes::all()
}

fn of_type_check(check: &Check, negated: bool, errors: &mut Vec<InferError>) -> EventTypes {
    let values = match &check.right {
        Right::Operand(operand) => {
            let message = "the type of an event can only be compared with constants";
            errors.push(InferError {
                span: operand.span,
                message,
            });
            return EventTypes::all();
        }
        Right::Nothing => {
            // Every event has a type; `syscall.type` is absent where there is no call.
            let is_type =
                matches!(&check.left.kind, OperandKind::Field(field) if field.name == "evt.type");
            return if negated && is_type {
                EventTypes::none()
            } else {
                EventTypes::all()
            };
        }
        Right::Value(value) => std::slice::from_ref(value),
        Right::Values(values) => match &values.kind {
            ValuesKind::List(list) => list,
            ValuesKind::Named(_) => return EventTypes::all(),
        },
        Right::Quantified(..) => return EventTypes::all(),
    };
    match (check.operator, negated) {
        (Operator::Eq | Operator::In, false) | (Operator::Ne, true) => EventTypes::named(values),
        (Operator::Eq | Operator::In, true) | (Operator::Ne, false) => {
            EventTypes::not_named(values)
        }
        _ => EventTypes::all(),
    }
}

fn is_event_type(field: &FieldRef) -> bool {
    matches!(field.name.as_str(), "evt.type" | "syscall.type") && field.argument.is_none()
}

fn names_event_type(operand: &Operand) -> bool {
    let mut found = false;
    operand.for_each_field(&mut |field, _| found |= is_event_type(field));
    found
}

/// Whether a check of the event number holds for every event or for none; numbers start at 1.
fn number_check(check: &Check) -> Option<bool> {
    let number = |literal: &Literal| -> Option<u64> {
        let text = std::str::from_utf8(&literal.bytes).ok()?;
        let is_decimal = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        is_decimal.then(|| text.parse().ok()).flatten()
    };
    match &check.right {
        Right::Nothing => Some(true),
        Right::Value(value) => match (check.operator, number(value)?) {
            (Operator::Eq, 0) => Some(false),
            (Operator::Ne | Operator::Gt, 0) => Some(true),
            (Operator::Le, 0) | (Operator::Lt, 0 | 1) => Some(false),
            (Operator::Ge, 0 | 1) => Some(true),
            _ => None,
        },
        Right::Values(values) if check.operator == Operator::In => match &values.kind {
            ValuesKind::List(list) => list
                .iter()
                .all(|value| number(value) == Some(0))
                .then_some(false),
            ValuesKind::Named(_) => None,
        },
        _ => None,
    }
}

/// How many types of events of the table are in a set; the generic ones count once.
pub(crate) fn breadth(set: &EventTypes) -> usize {
    events()
        .iter()
        .filter(|info| set.events.contains(info.event_type))
        .count()
}

#[cfg(test)]
mod tests {
    use condition::parse;

    use super::*;

    fn types(text: &str) -> (EventTypes, bool) {
        let mut errors = Vec::new();
        let set = event_types(&parse(text).unwrap(), &mut errors);
        (set, !errors.is_empty())
    }

    /// The shared cases: `equals_set` names a set, `same_set_as` another condition.
    #[test]
    fn shared_cases() {
        let path = concat!(
            env!("CARGO_MANIFEST_DIR"),
            "/../../../shared/conformance/language/functions.json"
        );
        let Ok(text) = std::fs::read_to_string(path) else {
            eprintln!("skipped: {path} is not there");
            return;
        };
        let data: serde_json::Value = serde_json::from_str(&text).unwrap();
        let cases = data["ppm_codes"]["cases"].as_array().unwrap();
        assert!(cases.len() > 50);
        for case in cases {
            let filter = case["filter"].as_str().unwrap();
            let (found, failed) = types(filter);
            if let Some(error) = case["error"].as_bool() {
                assert_eq!(failed, error, "{filter}");
                continue;
            }
            let expected = match (case["equals_set"].as_str(), case["same_set_as"].as_str()) {
                (Some("openat_only"), _) => types("evt.type=openat").0,
                (Some("openat_close_only"), _) => types("evt.type in (openat, close)").0,
                (Some("not_openat"), _) => minus(&["openat"]),
                (Some("not_openat_close"), _) => minus(&["openat", "close"]),
                (Some("all_events"), _) => EventTypes::all(),
                (Some("no_events"), _) => EventTypes::none(),
                (None, Some(other)) => types(other).0,
                other => panic!("unknown expectation {other:?}"),
            };
            assert!(!failed, "{filter}");
            assert_eq!(found, expected, "{filter}");
        }
        assert_eq!(
            types("evt.type=openat").0.events,
            EventSet::by_name("openat")
        );
    }

    fn minus(names: &[&str]) -> EventTypes {
        let mut set = EventTypes::all();
        for name in names {
            set.events = set.events.difference(&EventSet::by_name(name));
            let code = Syscall::by_name(name).unwrap().code;
            set.syscalls.remove(code);
        }
        set
    }

    #[test]
    fn complements_keep_what_shares_a_type() {
        let (set, _) = types("evt.type != getppid");
        assert!(set.events.contains(EventType::GENERIC_X));
        assert!(
            !set.syscalls
                .contains(Syscall::by_name("getppid").unwrap().code)
        );
        let (set, _) = types("evt.type != fcntl64");
        assert!(
            set.syscalls
                .contains(Syscall::by_name("fcntl").unwrap().code)
        );
        assert!(
            set.syscalls
                .contains(Syscall::by_name("fcntl64").unwrap().code)
        );
        let (set, _) = types("evt.type = fcntl");
        assert!(
            set.syscalls
                .contains(Syscall::by_name("fcntl64").unwrap().code)
        );
        let (set, _) = types("evt.type = getppid");
        assert_eq!(set.syscalls.len(), 1);
    }
}
