//! The table of conversions, as generated from `table/conversions.txt`.

use event::EventType;

/// What to do with an event type that has a certain number of parameters.
#[derive(Debug)]
pub(super) struct Step {
    pub(super) event: EventType,
    pub(super) params: u8,
    pub(super) action: Action,
    pub(super) sources: &'static [Source],
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Action {
    Pass,
    Store,
    StoreAndPass,
    Append,
    Become(EventType),
}

/// Where a parameter comes from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Source {
    Old(u8),
    Enter(u8, Missing),
    Empty,
    Default,
    ContainerJson,
}

/// What stands in when there is no stored enter event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Missing {
    Empty,
    Default,
}

include!(concat!(env!("OUT_DIR"), "/conversions.rs"));

/// The row for an event type with this number of parameters.
pub(super) fn step(event: EventType, params: usize) -> Option<&'static Step> {
    let first = STEPS.partition_point(|step| step.event < event);
    STEPS[first..]
        .iter()
        .take_while(|step| step.event == event)
        .find(|step| usize::from(step.params) == params)
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use event::{EventFlags, ParamType};

    use super::*;

    #[test]
    fn table_is_sorted_and_complete() {
        assert_eq!(STEPS.len(), 253);
        assert!(STEPS.is_sorted_by_key(|step| step.event));
        let mut kinds: HashMap<&str, usize> = HashMap::new();
        for step in STEPS {
            let info = step.event.info().unwrap();
            assert!(
                info.flags.contains(EventFlags::CONVERTER_MANAGED),
                "{}",
                info.ident
            );
            let params = usize::from(step.params);
            let kind = match step.action {
                Action::Pass => "pass",
                Action::Store => "store",
                Action::StoreAndPass => "store and pass",
                Action::Append => {
                    assert!(
                        params + step.sources.len() <= info.params.len(),
                        "{}",
                        info.ident
                    );
                    "append"
                }
                Action::Become(ty) => {
                    let new = ty.info().unwrap();
                    assert_eq!(ty.is_exit(), step.event.is_exit(), "{}", info.ident);
                    assert!(step.sources.len() <= new.params.len(), "{}", info.ident);
                    "become"
                }
            };
            *kinds.entry(kind).or_default() += 1;
            for source in step.sources {
                match *source {
                    Source::Old(n) => assert!(usize::from(n) < params, "{}", info.ident),
                    Source::Enter(n, _) => {
                        let enter = EventType(step.event.0 - 1).info().unwrap();
                        assert!(usize::from(n) < enter.params.len(), "{}", info.ident);
                    }
                    _ => {}
                }
            }
        }
        for (kind, count) in [
            ("pass", 5),
            ("store", 88),
            ("store and pass", 2),
            ("append", 117),
            ("become", 41),
        ] {
            assert_eq!(kinds[kind], count, "{kind}");
        }
    }

    /// A parameter that is handed on must not change its size, but for two that are cut to fit.
    #[test]
    fn sources_have_the_size_of_their_target() {
        for step in STEPS {
            let (new, start) = match step.action {
                Action::Become(ty) => (ty.info().unwrap(), 0),
                _ => (step.event.info().unwrap(), usize::from(step.params)),
            };
            for (index, source) in step.sources.iter().enumerate() {
                let from = match *source {
                    Source::Old(n) => step.event.info().unwrap().params.get(usize::from(n)),
                    Source::Enter(n, _) => EventType(step.event.0 - 1)
                        .info()
                        .unwrap()
                        .params
                        .get(usize::from(n)),
                    _ => None,
                };
                let Some(from) = from else { continue };
                let to = &new.params[start + index];
                if step.event == EventType::SYSCALL_BPF_X {
                    assert!(matches!(from.ty, ParamType::Dyn | ParamType::Int64));
                    continue;
                }
                assert_eq!(
                    from.ty.wire_size(),
                    to.ty.wire_size(),
                    "{} {}: {} from {}",
                    step.event.info().unwrap().ident,
                    step.params,
                    to.name,
                    from.name
                );
            }
        }
    }
}
