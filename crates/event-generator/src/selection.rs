//! Which actions a regular expression means, and in which order they are done.

use action::{Action, Suitability};
use regex::Regex;

use crate::Error;

/// The actions of a run, in the order in which they are done.
#[derive(Clone, Debug)]
pub struct Selection {
    /// What is done. Never empty.
    pub actions: Vec<&'static Action>,
    /// What the expression matched but only `--all` would include.
    pub disabled: Vec<&'static Action>,
}

impl Selection {
    /// The actions whose name `pattern` matches anywhere; all of them without a pattern.
    ///
    /// # Errors
    /// When the pattern is wrong, when nothing matches, or nothing that is enabled.
    pub fn of(pattern: Option<&str>, all: bool) -> Result<Self, Error> {
        Self::among(pattern, |action| all || action.enabled)
    }

    /// The actions that `names` say, in any case, and those that `pattern` matches: all of them with
    /// neither. A name is that of an action or of its rule; the package may be left out.
    ///
    /// # Errors
    /// As for [`Self::of`], and when no action has such a name.
    pub fn named(pattern: Option<&str>, names: &[String], all: bool) -> Result<Self, Error> {
        if names.is_empty() {
            return Self::of(pattern, all);
        }
        let mut selection = match pattern {
            Some(pattern) => Self::of(Some(pattern), all)?,
            None => Self {
                actions: Vec::new(),
                disabled: Vec::new(),
            },
        };
        for name in names {
            selection.actions.push(find(name)?);
        }
        selection.actions.sort_unstable_by_key(|action| action.name);
        selection.actions.dedup_by_key(|action| action.name);
        Ok(selection)
    }

    /// The actions whose name `pattern` matches, for a benchmark. An action that suits one is taken
    /// even if only `--all` would include it elsewhere: a benchmark names its actions, and those
    /// that are measured most, since 2021, have left the rule set that is loaded by default.
    ///
    /// # Errors
    /// When the pattern is wrong, when nothing matches, or nothing that can be taken.
    pub fn for_benchmark(pattern: Option<&str>, all: bool) -> Result<Self, Error> {
        let suits = |action: &Action| action.suitability == Suitability::InProcess;
        Self::among(pattern, |action| all || action.enabled || suits(action))
    }

    fn among(pattern: Option<&str>, takes: impl Fn(&Action) -> bool) -> Result<Self, Error> {
        let (actions, disabled): (Vec<_>, Vec<_>) = matching(pattern)?
            .into_iter()
            .partition(|action| takes(action));
        if actions.is_empty() {
            return Err(Error::NoneEnabled);
        }
        Ok(Self { actions, disabled })
    }
}

/// The action of this name. The package may be left out, and letters and digits alone are compared,
/// so that the name of its rule will do too.
///
/// # Errors
/// When there is none.
pub fn find(name: &str) -> Result<&'static Action, Error> {
    action::find(name)
        .or_else(|| {
            let wanted = action::normalized(action::short_name(name));
            action::all()
                .iter()
                .copied()
                .find(|action| action::normalized(action::short_name(action.name)) == wanted)
        })
        .ok_or_else(|| Error::NoMatch(name.to_owned()))
}

/// The actions whose name `pattern` matches, enabled or not, sorted by name.
///
/// # Errors
/// When the pattern is wrong or nothing matches.
pub fn matching(pattern: Option<&str>) -> Result<Vec<&'static Action>, Error> {
    let Some(pattern) = pattern else {
        return Ok(action::all().to_vec());
    };
    let regex = regex(pattern)?;
    let actions: Vec<_> = action::all()
        .iter()
        .copied()
        .filter(|action| regex.is_match(action.name))
        .collect();
    if actions.is_empty() {
        return Err(Error::NoMatch(pattern.to_owned()));
    }
    Ok(actions)
}

/// A regular expression that a user wrote.
pub(crate) fn regex(pattern: &str) -> Result<Regex, Error> {
    Regex::new(pattern).map_err(|error| Error::BadPattern {
        pattern: pattern.to_owned(),
        reason: last_line(&error.to_string()),
    })
}

/// The regex crate draws a picture above its reason; a log line has room for the reason.
fn last_line(error: &str) -> String {
    let line = error.lines().last().unwrap_or(error).trim();
    line.strip_prefix("error: ").unwrap_or(line).to_owned()
}

/// Random orders that can be repeated: a generator with a seed (splitmix64).
#[derive(Clone, Debug)]
pub struct Shuffle(u64);

impl Shuffle {
    /// Orders that depend on the seed alone.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Puts `items` into another order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for end in (1..items.len()).rev() {
            let bound = end as u64 + 1;
            let at = (self.next() % bound) as usize;
            items.swap(end, at);
        }
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(selection: &Selection) -> Vec<&str> {
        selection.actions.iter().map(|action| action.name).collect()
    }

    #[test]
    fn an_expression_need_not_be_anchored() {
        let article = "ChangeThreadNamespace|ReadSensitiveFileUntrusted|WriteBelowBinaryDir";
        let selection = Selection::of(Some(article), true).unwrap();
        assert_eq!(
            names(&selection),
            [
                "syscall.ChangeThreadNamespace",
                "syscall.ReadSensitiveFileUntrusted",
                "syscall.WriteBelowBinaryDir"
            ]
        );
        let enabled = Selection::of(Some(article), false).unwrap();
        assert_eq!(names(&enabled), ["syscall.ReadSensitiveFileUntrusted"]);
        assert_eq!(enabled.disabled.len(), 2);
        let measured = Selection::for_benchmark(Some(article), false).unwrap();
        assert_eq!(names(&measured), names(&selection));
        assert_eq!(
            names(&Selection::of(Some("^helper.RunShell$"), false).unwrap()),
            ["helper.RunShell"]
        );
    }

    #[test]
    fn names_go_beside_an_expression() {
        let named = |pattern, names: &[&str]| {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            Selection::named(pattern, &names, false)
        };
        let selection = named(
            None,
            &["WriteBelowEtc", "write below etc", "helper.RunShell"],
        );
        assert_eq!(
            names(&selection.unwrap()),
            ["helper.RunShell", "syscall.WriteBelowEtc"]
        );
        let selection = named(Some("DoNothing"), &["syscall.WriteBelowEtc"]).unwrap();
        assert_eq!(
            names(&selection),
            ["helper.DoNothing", "syscall.WriteBelowEtc"]
        );
        let error = named(None, &["Nothing"]).unwrap_err();
        assert_eq!(error.to_string(), "no events matching 'Nothing'");
    }

    #[test]
    fn errors_say_which() {
        let error = |pattern, all| Selection::of(Some(pattern), all).unwrap_err().to_string();
        assert_eq!(error("nosuch", true), "no events matching 'nosuch'");
        assert_eq!(
            error("^k8saudit", false),
            "none of the selected actions is enabled; add --all"
        );
        assert_eq!(
            error("(", true),
            "bad regular expression '(': unclosed group"
        );
    }

    #[test]
    fn a_seed_gives_the_same_order_again() {
        let shuffled = |seed| {
            let mut items: Vec<u32> = (0..50).collect();
            Shuffle::new(seed).shuffle(&mut items);
            items
        };
        assert_eq!(shuffled(1), shuffled(1));
        assert_ne!(shuffled(1), shuffled(2));
        let mut sorted = shuffled(3);
        sorted.sort_unstable();
        assert_eq!(sorted, (0..50).collect::<Vec<_>>());
    }
}
