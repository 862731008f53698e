//! The rules as they are evaluated.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use alert::Priority;
use condition::{CondId, FieldId, Pool};
use event::{EventSet, EventType, SyscallCodeSet};
use field::{Fields, Template};

use crate::collect::Definitions;
use crate::compile::{Compilation, CompiledRule, Details};
use crate::correlate::{Correlation, StepCandidate, build_correlation, index_steps};
use crate::infer::EventTypes;
use crate::load::{EventSource, Settings};
use crate::plan::Plans;

/// Whether one event can match several rules.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Matching {
    /// The first rule that matches, in the order of definition, ends it.
    #[default]
    First,
    /// Every rule that matches counts.
    All,
}

/// The number of a rule in its ruleset.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct RuleId(pub u32);

/// A rule.
#[derive(Debug)]
pub struct Rule {
    id: RuleId,
    name: Arc<str>,
    source: Arc<str>,
    source_index: usize,
    priority: Priority,
    tags: Arc<[String]>,
    desc: String,
    enabled: bool,
    capture: bool,
    capture_duration: u64,
    condition: CondId,
    events: EventTypes,
    by_name: Vec<(&'static str, Option<CondId>)>,
    fields: BTreeSet<FieldId>,
    output_text: String,
    output: Template,
    extra_fields: Vec<ExtraOutput>,
    pub(crate) details: Details,
    matches: AtomicU64,
}

/// A field that goes into the fields of an alert, but not into its text.
#[derive(Clone, Debug)]
pub struct ExtraOutput {
    /// Its name.
    pub name: String,
    /// Its value: the one field of the template when `typed`, else the text.
    pub template: Template,
    /// Whether the value is that of a field, with its type.
    pub typed: bool,
}

impl Rule {
    /// Its number.
    pub fn id(&self) -> RuleId {
        self.id
    }

    /// Its name.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The source of the events it is for.
    pub fn source(&self) -> &Arc<str> {
        &self.source
    }

    /// How bad a match is.
    pub fn priority(&self) -> Priority {
        self.priority
    }

    /// Its tags, sorted.
    pub fn tags(&self) -> &Arc<[String]> {
        &self.tags
    }

    /// Its description.
    pub fn desc(&self) -> &str {
        &self.desc
    }

    /// Whether it is switched on.
    pub fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Whether a match starts a recording, and of how many milliseconds (0: as the configuration
    /// says).
    pub fn capture(&self) -> Option<u64> {
        self.capture.then_some(self.capture_duration)
    }

    /// For how many milliseconds a recording goes on when this rule matches; 0 when the rule does
    /// not say.
    pub fn capture_duration(&self) -> u64 {
        self.capture_duration
    }

    /// The condition, in the pool of its source.
    pub fn condition(&self) -> CondId {
        self.condition
    }

    /// The condition with macros, lists and exceptions put in.
    pub fn compiled_condition(&self) -> &str {
        &self.details.compiled
    }

    /// What is left of the condition where the type of the event is known; `None` when it never
    /// holds then.
    pub fn condition_for(&self, event_type: EventType) -> Option<CondId> {
        let own = [
            EventType::GENERIC_E,
            EventType::GENERIC_X,
            EventType::ASYNCEVENT_E,
        ];
        let name = event_type
            .info()
            .filter(|_| !own.contains(&event_type))
            .map(|info| info.name);
        let left = self.by_name.iter().find(|(known, _)| Some(*known) == name);
        left.map_or(Some(self.condition), |(_, condition)| *condition)
    }

    /// The events that the condition can match, as far as its checks of the type tell. Never too
    /// few.
    pub fn events(&self) -> &EventTypes {
        &self.events
    }

    /// The fields that the condition names, of the catalogue of its source.
    pub fn condition_fields(&self) -> &BTreeSet<FieldId> {
        &self.fields
    }

    /// The output as text, with everything appended.
    pub fn output_text(&self) -> &str {
        &self.output_text
    }

    /// The output, compiled.
    pub fn output(&self) -> &Template {
        &self.output
    }

    /// What else goes into the fields of an alert.
    pub fn extra_fields(&self) -> &[ExtraOutput] {
        &self.extra_fields
    }

    /// How many events have matched it.
    pub fn match_count(&self) -> u64 {
        self.matches.load(Ordering::Relaxed)
    }

    pub(crate) fn count_match(&self) {
        self.matches.fetch_add(1, Ordering::Relaxed);
    }
}

/// A rule to be evaluated, with what is left of its condition where the type of the event is known.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Candidate {
    pub(crate) rule: RuleId,
    pub(crate) condition: CondId,
}

/// The rules of one event source.
#[derive(Debug)]
pub struct SourceRules {
    name: Arc<str>,
    fields: Fields,
    pool: Arc<Pool>,
    /// For each type of event, the rules that name it, in the order of definition; then the rules
    /// that could match an event of any type.
    plans: Plans,
    /// For each type of event, the steps of `correlate` items that can match it; those of one item
    /// from the last to the first, so that no event serves for two steps in a row. Empty without
    /// such items.
    steps: Vec<Box<[StepCandidate]>>,
}

impl SourceRules {
    /// Name of the source.
    pub fn name(&self) -> &Arc<str> {
        &self.name
    }

    /// The fields that its rules name.
    pub fn fields(&self) -> &Fields {
        &self.fields
    }

    /// The conditions of its rules.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// What is evaluated for each type of event.
    pub(crate) fn plans(&self) -> &Plans {
        &self.plans
    }

    /// The steps of `correlate` items to be evaluated for a type of event.
    pub(crate) fn steps(&self, event_type: EventType) -> &[StepCandidate] {
        let steps = self.steps.get(usize::from(event_type.0));
        steps.map_or(&[][..], |steps| steps)
    }
}

/// All rules of all sources. Does not change but for its counters.
#[derive(Debug)]
pub struct Ruleset {
    rules: Vec<Rule>,
    correlations: Vec<Correlation>,
    sources: Vec<SourceRules>,
    matching: Matching,
}

impl Ruleset {
    pub(crate) fn build(
        compiled: Compilation,
        definitions: &Definitions,
        sources: Vec<EventSource>,
        settings: &Settings,
    ) -> Self {
        let source_names: Vec<Arc<str>> = sources
            .iter()
            .map(|source| source.name.as_str().into())
            .collect();
        let mut rules = Vec::new();
        for found in compiled.rules {
            let definition = definitions.rules.iter().nth(found.definition);
            let (Some(definition), Some(name)) = (definition, source_names.get(found.source))
            else {
                continue;
            };
            let id = RuleId(rules.len() as u32);
            rules.push(rule(id, found, definition, Arc::clone(name), settings));
        }
        let found = compiled.correlations.into_iter();
        let correlations: Vec<Correlation> = found
            .filter_map(|found| {
                let source = Arc::clone(source_names.get(found.source)?);
                Some(build_correlation(found, &source, settings))
            })
            .collect();
        let sources = sources
            .into_iter()
            .zip(compiled.pools)
            .enumerate()
            .map(|(index, (source, pool))| {
                let name = source.name.as_str().into();
                index_source(
                    index,
                    name,
                    source.fields,
                    Arc::new(pool.finish()),
                    &rules,
                    &correlations,
                )
            })
            .collect();
        Self {
            rules,
            correlations,
            sources,
            matching: settings.matching,
        }
    }

    /// All rules in the order of definition, also those that are switched off.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The `correlate` items in the order of definition, also those that are switched off.
    pub fn correlations(&self) -> &[Correlation] {
        &self.correlations
    }

    /// A rule by its number.
    pub fn rule(&self, id: RuleId) -> Option<&Rule> {
        self.rules.get(id.0 as usize)
    }

    /// The rules that are switched on.
    pub fn enabled(&self) -> impl Iterator<Item = &Rule> {
        self.rules.iter().filter(|rule| rule.enabled)
    }

    /// All conditions of a source that are evaluated: the rules that are switched on, and the steps of
    /// its `correlate` items, which are rules, too.
    pub fn watched(&self, source: &str) -> impl Iterator<Item = &Rule> {
        self.watched_with_fields(source).map(|(rule, _)| rule)
    }

    /// The same, each with the fields that its alerts show and, for steps, that group events.
    pub fn watched_with_fields(
        &self,
        source: &str,
    ) -> impl Iterator<Item = (&Rule, BTreeSet<FieldId>)> {
        let steps = self.correlations.iter().flat_map(|item| {
            let of_item = item.fields();
            item.steps
                .iter()
                .map(move |step| (&step.rule, of_item.clone()))
        });
        let rules = self.rules.iter().map(|rule| (rule, BTreeSet::new()));
        rules
            .chain(steps)
            .filter(move |(rule, _)| rule.enabled && &*rule.source == source)
            .map(|(rule, mut shown)| {
                shown.extend(rule.output.fields());
                let extra = rule.extra_fields.iter();
                shown.extend(extra.flat_map(|extra| extra.template.fields()));
                (rule, shown)
            })
    }

    /// The sources, in the order in which they were given.
    pub fn sources(&self) -> &[SourceRules] {
        &self.sources
    }

    /// The index of a source.
    pub fn source_index(&self, name: &str) -> Option<usize> {
        self.sources.iter().position(|source| &*source.name == name)
    }

    /// Whether one event can match several rules.
    pub fn matching(&self) -> Matching {
        self.matching
    }

    /// What the rules and `correlate` items of a source that are switched on can match. Where a rule names no type, that
    /// is everything.
    pub fn event_types(&self, source: &str) -> EventTypes {
        let mut out = EventTypes::none();
        for rule in self.watched(source) {
            out.events = out.events.union(&rule.events.events);
            out.syscalls = out.syscalls.union(&rule.events.syscalls);
        }
        out
    }

    /// The system calls that the rules which are switched on can match.
    pub fn syscalls(&self) -> SyscallCodeSet {
        self.event_types("syscall").syscalls
    }

    /// The types of events that the rules which are switched on can match.
    pub fn events(&self) -> EventSet {
        self.event_types("syscall").events
    }

    /// The fields that conditions of a source read while rules are evaluated, and those that its
    /// outputs show: what state has to be kept for.
    pub fn fields_used(&self, source: usize) -> BTreeSet<FieldId> {
        let rules = self.enabled().filter(|rule| rule.source_index == source);
        let mut out = BTreeSet::new();
        for rule in rules {
            out.extend(&rule.fields);
            out.extend(rule.output.fields());
            out.extend(
                rule.extra_fields
                    .iter()
                    .flat_map(|extra| extra.template.fields()),
            );
        }
        let items = self.correlations.iter().filter(|item| {
            let first = item.steps.first();
            first.is_some_and(|step| step.rule.enabled && step.rule.source_index == source)
        });
        out.extend(items.flat_map(Correlation::fields));
        out
    }
}

pub(crate) fn rule(
    id: RuleId,
    found: CompiledRule,
    definition: &crate::collect::RuleDef,
    source: Arc<str>,
    settings: &Settings,
) -> Rule {
    let name = definition.name.as_str();
    let enabled = settings
        .selections
        .iter()
        .fold(definition.enabled, |enabled, selection| {
            if selection.pick.picks(name, &definition.tags) {
                selection.enable
            } else {
                enabled
            }
        });
    Rule {
        id,
        name: name.into(),
        source,
        source_index: found.source,
        priority: definition.priority,
        tags: definition.tags.iter().cloned().collect(),
        desc: definition.desc.clone(),
        enabled,
        capture: definition.capture,
        capture_duration: definition.capture_duration,
        condition: found.condition,
        events: found.events,
        by_name: found.by_name,
        fields: found.fields,
        output_text: found.output.text,
        output: found.output.template,
        extra_fields: found.output.extra_fields,
        details: found.details,
        matches: AtomicU64::new(0),
    }
}

fn index_source(
    index: usize,
    name: Arc<str>,
    fields: Fields,
    pool: Arc<Pool>,
    rules: &[Rule],
    correlations: &[Correlation],
) -> SourceRules {
    let mut by_type: Vec<Vec<Candidate>> = vec![Vec::new(); event::events().len()];
    let mut any_type = Vec::new();
    for rule in rules
        .iter()
        .filter(|rule| rule.enabled && rule.source_index == index)
    {
        // Rules of plugins' sources do not distinguish types: all their events have one.
        if &*rule.source != crate::collect::DEFAULT_SOURCE || rule.events.is_all() {
            any_type.push(Candidate {
                rule: rule.id,
                condition: rule.condition,
            });
            continue;
        }
        if rule.events.is_empty() {
            continue; // It can never match; `never_true` rules cost nothing.
        }
        let mut types = rule.events.events;
        // An event that a plugin injects carries a name of its own.
        types.insert(EventType::ASYNCEVENT_E);
        for event_type in types.iter() {
            if let (Some(rules), Some(condition)) = (
                by_type.get_mut(usize::from(event_type.0)),
                rule.condition_for(event_type),
            ) {
                rules.push(Candidate {
                    rule: rule.id,
                    condition,
                });
            }
        }
    }
    let steps = index_steps(&name, correlations);
    SourceRules {
        name,
        fields,
        plans: Plans::new(&pool, &by_type, &any_type),
        pool,
        steps,
    }
}
