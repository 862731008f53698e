//! Which rules an action must raise, and which it must not.

use action::Action;

use crate::Error;
use crate::cli::TestFlags;
use crate::selection::{find, regex};

/// What is expected of a rule.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Expected {
    pub(super) rule: String,
    /// `false`: it must raise nothing.
    pub(super) fires: bool,
}

/// What is expected of every action.
pub(super) struct Expectations {
    given: Vec<(&'static str, Expected)>,
    negative: Option<regex::Regex>,
}

impl Expectations {
    pub(super) fn of(flags: &TestFlags) -> Result<Self, Error> {
        let given = flags
            .expect
            .iter()
            .map(|text| {
                let wrong = || {
                    Error::Flags(format!(
                        "--expect takes ACTION=RULE or ACTION=!RULE, not '{text}'"
                    ))
                };
                let (name, rule) = text.split_once('=').ok_or_else(wrong)?;
                let (fires, rule) = match rule.strip_prefix('!') {
                    Some(rule) => (false, rule),
                    None => (true, rule),
                };
                if rule.is_empty() {
                    return Err(wrong());
                }
                let rule = rule.to_owned();
                Ok((find(name)?.name, Expected { rule, fires }))
            })
            .collect::<Result<_, _>>()?;
        let negative = flags.negative.as_deref().map(regex).transpose()?;
        Ok(Self { given, negative })
    }

    /// What is expected of `action`: what was given, else its own rule. Nothing of a helper.
    pub(super) fn for_action(&self, action: &Action) -> Vec<Expected> {
        let given: Vec<Expected> = self
            .given
            .iter()
            .filter(|(name, _)| *name == action.name)
            .map(|(_, expected)| expected.clone())
            .collect();
        let is_negative = |regex: &regex::Regex| regex.is_match(action.name);
        let fires = !self.negative.as_ref().is_some_and(is_negative);
        // To forbid another rule does not excuse the action's own.
        let own = given.iter().all(|expected| !expected.fires) || !fires;
        let own = action.rule.filter(|_| own).map(|rule| Expected {
            rule: rule.to_owned(),
            fires,
        });
        let forbidden = |own: &Expected| {
            let same = |expected: &Expected| is_same(&expected.rule, &own.rule);
            given.iter().any(same)
        };
        let own = own.filter(|own| !forbidden(own));
        given.into_iter().chain(own).collect()
    }
}

/// Whether two names mean the same rule: letters and digits are compared without case.
pub(super) fn is_same(one: &str, other: &str) -> bool {
    action::normalized(one) == action::normalized(other)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::{Command, parse};

    fn expected(flags: &[&str], name: &str) -> Vec<String> {
        let line = ["event-generator", "test"].iter().chain(flags);
        let Some(Command::Test(flags)) = parse(line.map(Into::into)).unwrap().command else {
            panic!()
        };
        Expectations::of(&flags)
            .unwrap()
            .for_action(find(name).unwrap())
            .into_iter()
            .map(|expected| format!("{}{}", if expected.fires { "" } else { "!" }, expected.rule))
            .collect()
    }

    #[test]
    fn an_action_is_expected_to_raise_its_rule_unless_told_otherwise() {
        let etc = "syscall.WriteBelowEtc";
        assert_eq!(expected(&[], etc), ["Write below etc"]);
        assert_eq!(expected(&[], "helper.RunShell"), [""; 0]);
        assert_eq!(
            expected(&["--negative", "Below"], etc),
            ["!Write below etc"]
        );
        assert_eq!(expected(&["--expect", "WriteBelowEtc=Mine"], etc), ["Mine"]);
        assert_eq!(
            expected(&["--expect", "WriteBelowEtc=!Other"], etc),
            ["!Other", "Write below etc"]
        );
        assert_eq!(
            expected(&["--expect", "WriteBelowEtc=!write below ETC"], etc),
            ["!write below ETC"]
        );
        let two = [
            "--expect",
            "WriteBelowEtc=A",
            "--expect",
            "WriteBelowEtc=!B",
        ];
        assert_eq!(expected(&two, etc), ["A", "!B"]);
        assert_eq!(
            expected(
                &["--expect", "helper.RunShell=!Run shell untrusted"],
                "helper.RunShell"
            ),
            ["!Run shell untrusted"]
        );
    }
}
