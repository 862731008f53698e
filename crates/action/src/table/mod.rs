//! The table: every action, in one place.

mod additions;
mod audit;
mod helper;
mod incubating;
mod sandbox;
mod stable;

use std::sync::LazyLock;

use crate::action::Action;

/// Every action, sorted by name.
pub fn all() -> &'static [&'static Action] {
    static SORTED: LazyLock<Vec<&'static Action>> = LazyLock::new(|| {
        let mut actions: Vec<_> = [
            stable::ACTIONS,
            incubating::ACTIONS,
            sandbox::ACTIONS,
            helper::ACTIONS,
            audit::ACTIONS,
            additions::ACTIONS,
        ]
        .into_iter()
        .flatten()
        .collect();
        actions.sort_unstable_by_key(|action| action.name);
        actions
    });
    &SORTED
}

/// The action with this name.
pub fn find(name: &str) -> Option<&'static Action> {
    let at = all()
        .binary_search_by_key(&name, |action| action.name)
        .ok()?;
    Some(all()[at])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::action::{Maturity, Need};
    use crate::{normalized, short_name};

    #[test]
    fn the_table_is_complete() {
        let original = || all().iter().filter(|action| !action.is_addition());
        let count = |prefix: &str| original().filter(|a| a.name.starts_with(prefix)).count();
        assert_eq!(count("syscall."), 66);
        assert_eq!(count("helper."), 7);
        assert_eq!(count("k8saudit."), 13);
        assert_eq!(original().count(), 86);
        assert_eq!(all().len(), 90);
        assert_eq!(all().iter().filter(|action| action.enabled).count(), 30);
    }

    #[test]
    fn names_are_unique_and_found() {
        for pair in all().windows(2) {
            assert!(pair[0].name < pair[1].name, "{pair:?}");
        }
        for action in all() {
            assert_eq!(find(action.name).unwrap().name, action.name);
        }
        assert!(find("syscall.Nothing").is_none());
    }

    #[test]
    fn a_rule_and_its_action_meet_by_name() {
        for action in all() {
            if let Some(rule) = action.rule {
                assert_eq!(normalized(rule), normalized(short_name(action.name)));
            } else {
                assert!(action.name.starts_with("helper."), "{action:?}");
            }
        }
    }

    #[test]
    fn rows_agree_with_themselves() {
        for action in all() {
            assert!(action.does.ends_with('.'), "{action:?}");
            assert_eq!(
                action.is_helper(),
                action.maturity == Maturity::None,
                "{action:?}"
            );
            let audit = action.needs.contains(&Need::Kubernetes);
            assert_eq!(audit, action.name.starts_with("k8saudit."), "{action:?}");
            let both =
                action.needs.contains(&Need::Container) && action.needs.contains(&Need::Host);
            assert!(!both, "{action:?} could never run");
            assert!(!(action.enabled && action.is_addition()), "{action:?}");
            let contacts = action.contacts.is_some_and(|to| !to.starts_with("127."));
            let network = action.needs.contains(&Need::PrivateNetwork);
            assert_eq!(contacts, network, "{action:?}");
            for dir in action.writes {
                assert!(dir.starts_with('/'), "{action:?}");
            }
        }
    }
}
