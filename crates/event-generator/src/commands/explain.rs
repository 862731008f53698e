//! `explain`: one action, for people.

use std::fmt::Write;

use action::{Action, Suitability};

use crate::Error;

/// What `explain` prints. The name may leave out the package and is compared as rules are.
pub(super) fn render(name: &str) -> Result<String, Error> {
    let action = find(name).ok_or_else(|| Error::NoMatch(name.to_owned()))?;
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
    if !action.is_available() {
        line("available", "not yet");
    }
    let needs: Vec<String> = action.needs.iter().map(ToString::to_string).collect();
    line("needs", needs.first().map_or("nothing", String::as_str));
    for need in needs.iter().skip(1) {
        line("", need);
    }
    line("bench", bench(action.suitability));
    if !action.mitre.is_empty() {
        line("mitre", &action.mitre.join(" "));
    }
    if let Some(spawn) = action.spawns {
        line("process", &format!("{} (role {})", spawn.name, spawn.role));
    }
    Ok(text)
}

fn find(name: &str) -> Option<&'static Action> {
    action::find(name).or_else(|| {
        let wanted = action::normalized(action::short_name(name));
        action::all()
            .iter()
            .copied()
            .find(|action| action::normalized(action::short_name(action.name)) == wanted)
    })
}

fn bench(suitability: Suitability) -> &'static str {
    match suitability {
        Suitability::InProcess => "good: microseconds, in our own process",
        Suitability::OnRequest => "fair: tens of microseconds, in another process",
        Suitability::Process => "poor: about a millisecond, starts a process",
        Suitability::Unsuitable => "unsuitable",
    }
}
