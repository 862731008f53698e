//! Several events in one finding: counts, sequences and absences within a window of time.
//!
//! A `correlate` item is evaluated in two parts. Its steps are conditions like those of rules: in
//! the same pool, by type of event, specialised. [`Matcher::steps`](crate::Matcher::steps) finds
//! the steps an event matches. What those events add up to is the business of a [`Correlator`],
//! which keeps, for each item, the groups that are under way, and no more of them than the item
//! allows. The ruleset itself does not change.
//!
//! Time is the time of events. Only absences need to be told that time has passed
//! ([`Correlator::advance`]).

mod build;
mod groups;
mod tracker;

use std::collections::BTreeSet;
use std::io::Write as _;
use std::ops::ControlFlow;
use std::sync::Arc;

use alert::Priority;
use condition::{Context, FieldId, Value};
use field::Template;

use crate::ruleset::{ExtraOutput, Rule, Ruleset};
use tracker::Tracker;

pub(crate) use build::{StepCandidate, build_correlation, index_steps};

/// What an item looks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pattern {
    /// So many events within the window.
    Count {
        /// How many.
        at_least: u32,
    },
    /// All steps, one after another, from the first to the last within the window.
    Sequence,
    /// The first step, and not the second within the window after it.
    Absence,
}

/// A condition of an item, and the fields whose values say which group an event belongs to.
#[derive(Debug)]
pub(crate) struct Step {
    pub(crate) rule: Rule,
    pub(crate) by: Box<[FieldId]>,
}

/// A part of the output of an item.
#[derive(Clone, Debug)]
pub enum OutputPart {
    /// Text with fields of the last event; of the first one, for an absence.
    Template(Template),
    /// `%correlate.count`: how many events.
    Count,
    /// `%correlate.window`: the window, as the item writes it.
    Window,
    /// `%correlate.by`: the values of the group.
    By,
}

/// The fields that only outputs of `correlate` items can name.
pub(crate) const OUTPUT_FIELDS: &[(&str, OutputPart)] = &[
    ("correlate.count", OutputPart::Count),
    ("correlate.window", OutputPart::Window),
    ("correlate.by", OutputPart::By),
];

/// A `correlate` item.
#[derive(Debug)]
pub struct Correlation {
    pub(crate) pattern: Pattern,
    pub(crate) within: u64,
    pub(crate) window: String,
    pub(crate) max_groups: usize,
    pub(crate) steps: Vec<Step>,
    pub(crate) output: Vec<OutputPart>,
    pub(crate) name: Arc<str>,
    pub(crate) priority: Priority,
    pub(crate) tags: Arc<[String]>,
    pub(crate) extra_fields: Vec<ExtraOutput>,
}

impl Correlation {
    /// Its name; alerts carry it as their rule.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// How bad it is.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Its tags, sorted.
    pub fn tags(&self) -> &Arc<[String]> {
        &self.tags
    }

    /// What it looks for.
    pub fn pattern(&self) -> Pattern {
        self.pattern
    }

    /// The window in nanoseconds.
    pub fn within(&self) -> u64 {
        self.within
    }

    /// The window as the item writes it: `10s`.
    pub fn window(&self) -> &str {
        &self.window
    }

    /// How many groups are remembered at a time.
    pub fn max_groups(&self) -> usize {
        self.max_groups
    }

    /// Whether it is switched on.
    pub fn is_enabled(&self) -> bool {
        self.steps
            .first()
            .is_some_and(|step| step.rule.is_enabled())
    }

    /// The parts of the output, in order.
    pub fn output(&self) -> &[OutputPart] {
        &self.output
    }

    /// What else goes into the fields of an alert.
    pub fn extra_fields(&self) -> &[ExtraOutput] {
        &self.extra_fields
    }

    /// The fields that its conditions, groups and output read.
    pub(crate) fn fields(&self) -> BTreeSet<FieldId> {
        let mut out = BTreeSet::new();
        for step in &self.steps {
            out.extend(step.rule.condition_fields());
            out.extend(&step.by);
        }
        let templates = self.output.iter().filter_map(|part| match part {
            OutputPart::Template(template) => Some(template),
            _ => None,
        });
        let extra = self.extra_fields.iter().map(|extra| &extra.template);
        out.extend(templates.chain(extra).flat_map(Template::fields));
        out
    }
}

/// A step of an item that an event matched.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StepId {
    /// The number of the item in its ruleset.
    pub correlation: u32,
    /// The number of the step in the item.
    pub step: u32,
}

/// What has happened to the groups of an item.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CorrelationCounters {
    /// Groups under way.
    pub groups: usize,
    /// How often the pattern was complete.
    pub fired: u64,
    /// Groups that gave way because there were too many: each may be a finding that was missed.
    pub evicted: u64,
    /// Groups whose window ended before the pattern was complete.
    pub expired: u64,
    /// Events that a step matched and that belong to no group, because one of its fields has no
    /// value.
    pub ungrouped: u64,
}

/// What there is to say about a pattern beside the event.
#[derive(Clone, Copy, Debug)]
pub struct Facts<'a> {
    /// How many events.
    pub count: u64,
    group: &'a [u8],
}

impl Facts<'_> {
    /// The values of the group, separated by commas.
    pub fn by(&self) -> String {
        let mut out = String::new();
        let mut rest = self.group;
        while let Some((length, after)) = rest.split_first_chunk::<4>() {
            let length = u32::from_le_bytes(*length) as usize;
            let Some((value, after)) = after.split_at_checked(length) else {
                break;
            };
            if !out.is_empty() {
                out.push_str(", ");
            }
            out.push_str(&String::from_utf8_lossy(value));
            rest = after;
        }
        out
    }
}

/// The memory of all `correlate` items of a ruleset. `P` is what is said when a pattern is
/// complete, an alert; for absences it is made at the first event and kept.
#[derive(Debug)]
pub struct Correlator<P> {
    ruleset: Arc<Ruleset>,
    trackers: Vec<Tracker<P>>,
    group: Vec<u8>,
    due: u64,
}

impl<P> Correlator<P> {
    /// Empty memory; `None` when no item is switched on.
    pub fn new(ruleset: Arc<Ruleset>) -> Option<Self> {
        let all = ruleset.correlations();
        if !all.iter().any(Correlation::is_enabled) {
            return None;
        }
        let trackers = all
            .iter()
            .map(|item| Tracker::new(item.pattern, item.steps.len(), item.within, item.max_groups))
            .collect();
        Some(Self {
            ruleset,
            trackers,
            group: Vec::new(),
            due: u64::MAX,
        })
    }

    /// Takes an event, at the moment `now`, that a step matched. `make` makes what is to be said of
    /// it. That is returned when the pattern is complete; for an absence it is kept until
    /// [`advance`](Self::advance). Steps of one event must come in the order in which
    /// [`Matcher::steps`](crate::Matcher::steps) finds them.
    pub fn observe<C: Context + ?Sized>(
        &mut self,
        id: StepId,
        now: u64,
        context: &mut C,
        make: &mut dyn FnMut(Facts<'_>, &mut C) -> P,
    ) -> Option<P> {
        let Self {
            ruleset,
            trackers,
            group,
            ..
        } = self;
        let at = id.correlation as usize;
        let step = ruleset
            .correlations()
            .get(at)?
            .steps
            .get(id.step as usize)?;
        let tracker = trackers.get_mut(at)?;
        if !write_group(&step.by, context, group) {
            tracker.counters.ungrouped += 1;
            return None;
        }
        let fired = tracker.observe(id.step as usize, group, now, &mut |count| {
            make(Facts { count, group }, context)
        });
        if let Some(due) = tracker.due() {
            self.due = self.due.min(due);
        }
        fired
    }

    /// Whether [`advance`](Self::advance) has something to say at this moment. Cheap enough to ask
    /// for every event.
    pub fn is_due(&self, now: u64) -> bool {
        now > self.due
    }

    /// Lets time pass: calls `on_absence` with the moment at which the window ended, for each group
    /// in which nothing followed in time, and forgets what is over. All events up to `now` must
    /// have been seen.
    pub fn advance(&mut self, now: u64, on_absence: &mut dyn FnMut(u64, P)) {
        for tracker in &mut self.trackers {
            tracker.advance(now, on_absence);
        }
        let due = self.trackers.iter().filter_map(Tracker::due).min();
        self.due = due.unwrap_or(u64::MAX);
    }

    /// Forgets everything that is under way, as when another capture begins.
    pub fn clear(&mut self) {
        self.trackers.iter_mut().for_each(Tracker::clear);
        self.due = u64::MAX;
    }

    /// The counters of each item.
    pub fn counters(&self) -> impl Iterator<Item = (&Correlation, CorrelationCounters)> {
        let items = self.ruleset.correlations().iter();
        items.zip(&self.trackers).map(|(item, tracker)| {
            let groups = tracker.groups();
            (
                item,
                CorrelationCounters {
                    groups,
                    ..tracker.counters
                },
            )
        })
    }
}

/// Writes the values of fields so that different values never look alike, and equal ones of
/// different types do: a path is a path, a number its digits. Returns whether all have a value.
fn write_group<C: Context + ?Sized>(
    fields: &[FieldId],
    context: &mut C,
    out: &mut Vec<u8>,
) -> bool {
    out.clear();
    for &field in fields {
        let at = out.len();
        out.extend([0; 4]);
        let present = context.each(field, &mut |value| {
            write_value(value, out);
            ControlFlow::Break(())
        });
        if !present {
            return false;
        }
        let length = (out.len() - at - 4) as u32;
        if let Some(place) = out.get_mut(at..at + 4) {
            place.copy_from_slice(&length.to_le_bytes());
        }
    }
    true
}

fn write_value(value: Value<'_>, out: &mut Vec<u8>) {
    // Writing to a vector cannot fail.
    let _ = match value {
        Value::Bytes(bytes) => {
            out.extend_from_slice(bytes);
            Ok(())
        }
        Value::I64(number) => write!(out, "{number}"),
        Value::U64(number) => write!(out, "{number}"),
        Value::F64(number) => write!(out, "{number}"),
        Value::Bool(truth) => write!(out, "{truth}"),
        Value::Ip(ip) => write!(out, "{ip}"),
    };
}
