//! From matches straight to lines: what is written for each rule, found out once.

use std::sync::Arc;

use alert::{Alert, Draft, DraftValue, Stencil, StencilSubject};
use condition::{Evaluator, FieldId};
use field::{ABSENT, EventContext, OutputForm};
use output::AlertWriter;
use rules::{Rule, SourceRules};

use crate::alerts::field_value;

/// Makes the alerts of rules; its memory is used again.
pub(crate) struct Drafts {
    hostname: Arc<str>,
    draft: Draft,
    /// By the number of the rule; made at its first match.
    rules: Vec<Option<RuleDraft>>,
}

/// What is written for a rule.
struct RuleDraft {
    stencil: Stencil,
    /// Where the value of each field comes from, in the order of the names.
    values: Box<[Value]>,
    /// For each field of the output its number among the values, if it is there.
    places: Box<[Option<usize>]>,
}

/// Where a value comes from.
#[derive(Clone, Copy)]
enum Value {
    Field(FieldId),
    /// The text of the extra field of this number.
    Extra(usize),
}

impl Drafts {
    pub(crate) fn new(hostname: &Arc<str>) -> Self {
        Self {
            hostname: Arc::clone(hostname),
            draft: Draft::new(),
            rules: Vec::new(),
        }
    }

    /// Forgets the rules, because there are others.
    pub(crate) fn clear(&mut self) {
        self.rules.clear();
    }

    /// Writes the alert of a rule that an event matched.
    pub(crate) fn write(
        &mut self,
        rule: &Rule,
        source: &SourceRules,
        context: &mut EventContext<'_>,
        evaluator: &mut Evaluator,
        writer: &mut AlertWriter,
    ) {
        let known = known(&mut self.rules, rule, source, &self.hostname, writer);
        fill(&mut self.draft, known, rule, context, evaluator);
        writer.add(&known.stencil, &self.draft);
    }

    /// The alert of a rule that an event matched, for those who keep it.
    pub(crate) fn alert(
        &mut self,
        rule: &Rule,
        source: &SourceRules,
        context: &mut EventContext<'_>,
        evaluator: &mut Evaluator,
        writer: &AlertWriter,
    ) -> Alert {
        let known = known(&mut self.rules, rule, source, &self.hostname, writer);
        fill(&mut self.draft, known, rule, context, evaluator);
        self.draft.to_alert(&known.stencil)
    }
}

fn known<'a>(
    rules: &'a mut Vec<Option<RuleDraft>>,
    rule: &Rule,
    source: &SourceRules,
    hostname: &Arc<str>,
    writer: &AlertWriter,
) -> &'a RuleDraft {
    let number = rule.id().0 as usize;
    if rules.len() <= number {
        rules.resize_with(number + 1, || None);
    }
    rules[number].get_or_insert_with(|| RuleDraft::new(rule, source, hostname, writer))
}

fn fill(
    draft: &mut Draft,
    known: &RuleDraft,
    rule: &Rule,
    context: &mut EventContext<'_>,
    evaluator: &mut Evaluator,
) {
    draft.begin(context.occurrence().event.ts());
    for value in &known.values {
        draft.add_field(|text| match *value {
            Value::Field(field) => match context.write_output(field, text) {
                OutputForm::Null => DraftValue::Null,
                OutputForm::Text => DraftValue::Text,
                OutputForm::Plain => DraftValue::Plain,
                OutputForm::Other(value) => DraftValue::Other(field_value(value)),
            },
            Value::Extra(number) => {
                if let Some(extra) = rule.extra_fields().get(number) {
                    extra.template.render(context, evaluator, text);
                }
                DraftValue::Text
            }
        });
    }
    draft.set_output(|text, fields| {
        rule.output()
            .render_with(context, evaluator, text, &mut |place, text| {
                let place = known.places.get(place).copied().flatten();
                place.is_some_and(|place| fields.copy(place, text, ABSENT))
            });
    });
}

impl RuleDraft {
    fn new(rule: &Rule, source: &SourceRules, hostname: &Arc<str>, writer: &AlertWriter) -> Self {
        let catalogue = source.fields();
        let own = rule.output().fields().iter();
        let mut named: Vec<(Box<str>, Value)> = own
            .map(|&field| (catalogue.expression(field).into(), Value::Field(field)))
            .collect();
        for (number, extra) in rule.extra_fields().iter().enumerate() {
            let value = match extra.template.fields() {
                [field] if extra.typed => Value::Field(*field),
                _ => Value::Extra(number),
            };
            named.push((extra.name.as_str().into(), value));
        }
        named.sort_by(|(name, _), (other, _)| name.cmp(other));
        named.dedup_by(|(later, _), (first, _)| later == first);
        let (names, values): (Vec<_>, Vec<_>) = named.into_iter().unzip();
        let places = rule.output().fields().iter().map(|field| {
            let is_it = |value: &Value| matches!(value, Value::Field(known) if known == field);
            values.iter().position(is_it)
        });
        Self {
            places: places.collect(),
            values: values.into(),
            stencil: writer.stencil(StencilSubject {
                rule: Arc::clone(rule.name()),
                priority: rule.priority(),
                source: Arc::clone(source.name()),
                tags: Arc::clone(rule.tags()),
                hostname: Arc::clone(hostname),
                names: names.into(),
            }),
        }
    }
}
