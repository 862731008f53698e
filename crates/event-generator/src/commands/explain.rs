//! `explain`: one action, for people.

use std::fmt::Write;

use action::Suitability;

use crate::Error;

/// What `explain` prints. The name may leave out the package and is compared as rules are.
pub(super) fn render(name: &str) -> Result<String, Error> {
    let action = crate::selection::find(name)?;
    let mut text = format!("{}\n\n{}\n\n", action.name, action.does);
    let mut line = |label: &str, value: &str| {
        let _ = writeln!(text, "{label:<10} {value}");
    };
    line("rule", action.rule.unwrap_or("none: a helper"));
    line("rules", &action.maturity.to_string());
    line(
        "runs",
        if action.enabled {
            "by default"
        } else {
            "with --all"
        },
    );
    if action.is_addition() {
        line("original", "has no action for this rule");
    }
    if !action.is_available() {
        line("available", "not yet");
    }
    let needs: Vec<String> = action.needs.iter().map(ToString::to_string).collect();
    line("needs", needs.first().map_or("nothing", String::as_str));
    for need in needs.iter().skip(1) {
        line("", need);
    }
    line("makes", &listed(action.writes, "nothing", "something in "));
    line(
        "contacts",
        &action.contacts.map_or("nobody".to_owned(), |address| {
            format!("{address}, an address of its own in a network nobody else is in")
        }),
    );
    line("bench", bench(action.suitability));
    line("tags", &action.tags().join(" "));
    if let Some(spawn) = action.spawns {
        line("process", &format!("{} (role {})", spawn.name, spawn.role));
    }
    Ok(text)
}

fn listed(items: &[&str], none: &str, some: &str) -> String {
    if items.is_empty() {
        none.to_owned()
    } else {
        format!("{some}{}", items.join(", "))
    }
}

fn bench(suitability: Suitability) -> &'static str {
    match suitability {
        Suitability::InProcess => "good: microseconds, in our own process",
        Suitability::OnRequest => "fair: tens of microseconds, in another process",
        Suitability::Process => "poor: about a millisecond, starts a process",
        Suitability::Unsuitable => "unsuitable",
    }
}
