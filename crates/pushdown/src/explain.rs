//! What the kernel decides and what it does not, for people and for programs.

use std::collections::BTreeMap;
use std::fmt::Write;

use serde_json::{Value, json};

use crate::plan::{CallPlan, Plan};
use crate::state::{Follow, pass};

/// Longer texts are cut in tables.
const WIDEST: usize = 160;

/// What a plan decides, as a text.
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    let _ = writeln!(
        out,
        "Descriptors that are followed: {}",
        follow(plan.needs.follow)
    );
    for (title, readers) in [
        ("all, because of", &plan.needs.all_readers),
        ("sockets, because of", &plan.needs.socket_readers),
        ("told of sockets, because of", &plan.needs.told_readers),
        ("told with the call, because of", &plan.needs.noted_readers),
    ] {
        for reader in readers {
            let _ = writeln!(
                out,
                "  {title} {} in {} of rule \"{}\"",
                reader.field, reader.call, reader.rule
            );
        }
    }
    out += "\nSystem calls\n";
    for call in &plan.calls {
        let _ = writeln!(out, "  {:<20} {}", call.syscall.name, decision(call));
    }
    out += "\nRules\n";
    for (rule, calls) in by_rule(plan) {
        let _ = writeln!(out, "  {rule}");
        // Calls in which the same is asked share a line.
        let mut lines: BTreeMap<(String, String), Vec<&str>> = BTreeMap::new();
        for (call, index) in calls {
            let Some(found) = call.rules.get(index) else {
                continue;
            };
            let left: Vec<String> = found
                .left
                .iter()
                .map(|left| format!("{} ({})", left.field, left.reason))
                .collect();
            lines
                .entry((cut(&found.formula.to_string()), left.join("; ")))
                .or_default()
                .push(call.syscall.name);
        }
        for ((formula, left), calls) in lines {
            let _ = writeln!(out, "    {}", calls.join(", "));
            let _ = writeln!(out, "      kernel:     {formula}");
            if !left.is_empty() {
                let _ = writeln!(out, "      user space: {left}");
            }
        }
    }
    out
}

/// What a plan decides, as JSON.
pub fn json(plan: &Plan) -> Value {
    let readers = |readers: &std::collections::BTreeSet<crate::state::Reader>| -> Vec<Value> {
        readers
            .iter()
            .map(|reader| json!({"rule": reader.rule, "field": reader.field, "syscall": reader.call}))
            .collect()
    };
    let calls: Vec<Value> = plan
        .calls
        .iter()
        .map(|call| {
            json!({
                "syscall": call.syscall.name,
                "decision": kind(call),
                "for_state": for_state(call.state),
                "clauses": call.slot.clauses.iter().map(|clause| clause.formula().to_string()).collect::<Vec<_>>(),
            })
        })
        .collect();
    let rules: Vec<Value> = by_rule(plan)
        .into_iter()
        .map(|(rule, calls)| {
            let calls: Vec<Value> = calls
                .into_iter()
                .filter_map(|(call, index)| {
                    let found = call.rules.get(index)?;
                    let left: Vec<Value> = found
                        .left
                        .iter()
                        .map(|left| json!({"field": left.field, "reason": left.reason}))
                        .collect();
                    Some(json!({
                        "syscall": call.syscall.name,
                        "kernel": found.formula.to_string(),
                        "user_space": left,
                    }))
                })
                .collect();
            json!({"rule": rule, "syscalls": calls})
        })
        .collect();
    json!({
        "follow": follow(plan.needs.follow),
        "socket_readers": readers(&plan.needs.socket_readers),
        "told_readers": readers(&plan.needs.told_readers),
        "descriptor_readers": readers(&plan.needs.all_readers),
        "noted_readers": readers(&plan.needs.noted_readers),
        "syscalls": calls,
        "rules": rules,
    })
}

fn follow(follow: Follow) -> &'static str {
    match follow {
        Follow::Directories => "directories",
        Follow::Connections => "directories and connections",
        Follow::Sockets => "directories and sockets",
        Follow::All => "all: every open and close reaches user space",
    }
}

fn by_rule(plan: &Plan) -> BTreeMap<&str, Vec<(&CallPlan, usize)>> {
    let mut rules: BTreeMap<&str, Vec<(&CallPlan, usize)>> = BTreeMap::new();
    for call in &plan.calls {
        for (index, found) in call.rules.iter().enumerate() {
            rules.entry(&found.rule).or_default().push((call, index));
        }
    }
    rules
}

fn kind(call: &CallPlan) -> &'static str {
    if call.passes_everything() {
        "pass"
    } else if call.passes_nothing() {
        "drop"
    } else if call.slot.passes_nothing() {
        "state"
    } else {
        "filter"
    }
}

fn decision(call: &CallPlan) -> String {
    let state = for_state(call.state);
    match kind(call) {
        "pass" if call.state & pass::ALWAYS != 0 => format!("passes: {state}"),
        "pass" => {
            let rule = call
                .rules
                .iter()
                .find(|found| found.formula == crate::formula::Formula::True)
                .map_or("rules together", |found| &found.rule);
            format!("passes: nothing that the kernel knows can rule out \"{rule}\"")
        }
        "drop" => "dropped: no rule can match it".to_owned(),
        "state" => format!("passes: {state}"),
        _ => {
            let clauses = call.slot.clauses.iter();
            let clauses: Vec<String> = clauses.map(|clause| clause.formula().to_string()).collect();
            let state = if state.is_empty() {
                String::new()
            } else {
                format!("; {state}")
            };
            format!("passes if {}{state}", cut(&clauses.join(", or ")))
        }
    }
}

fn for_state(bits: u32) -> String {
    if bits & pass::ALWAYS != 0 {
        return "always, for state".to_owned();
    }
    let names = [
        (pass::DIRECTORY, "directories"),
        (pass::SOCKET, "sockets"),
        (pass::DATAGRAM, "datagram sockets"),
        (
            pass::FAMILY,
            "sockets that are neither internet, unix nor netlink",
        ),
        (pass::CONNECTION, "streams and unix sockets"),
        (pass::UNCONNECTED, "datagram sockets that are not connected"),
    ];
    let names: Vec<&str> = names
        .into_iter()
        .filter(|(bit, _)| bits & bit != 0)
        .map(|(_, name)| name)
        .collect();
    if names.is_empty() {
        String::new()
    } else {
        format!("{}, for state", names.join(" and "))
    }
}

fn cut(text: &str) -> String {
    if text.len() <= WIDEST {
        return text.to_owned();
    }
    let mut end = WIDEST;
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    format!("{}…", text.get(..end).unwrap_or_default())
}
