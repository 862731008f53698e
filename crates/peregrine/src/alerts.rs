//! From matches to alerts, and from alerts to outputs.

use std::borrow::Cow;
use std::sync::Arc;

use alert::{Alert, Deduplicator, FieldValue};
use condition::Evaluator;
use field::{EventContext, OutputValue, Template};
use output::{AlertWriter, Outputs};
use rules::{Correlation, ExtraOutput, Facts, OutputPart, SourceRules};

/// Sends an alert, unless it is one of many equal ones, or the rate limit holds it back.
pub(crate) fn send(
    outputs: &Outputs,
    writer: &mut AlertWriter,
    deduplicator: Option<&mut Deduplicator>,
    now: u64,
    alert: Alert,
) {
    let mut pass = |alert: Alert| {
        if outputs.admit(now) {
            writer.add_alert(&alert);
        }
    };
    match deduplicator {
        Some(deduplicator) => deduplicator.offer(alert, now, &mut pass),
        None => pass(alert),
    }
}

/// The alert of a `correlate` item, with the fields of this event.
pub(crate) fn correlated(
    item: &Correlation,
    facts: Facts<'_>,
    source: &SourceRules,
    context: &mut EventContext<'_>,
    evaluator: &mut Evaluator,
    ts: u64,
    hostname: &Arc<str>,
) -> Alert {
    let mut output = String::with_capacity(256);
    let by = facts.by();
    let mut fields: Fields = vec![
        (Cow::Borrowed("correlate.by"), by.as_str().into()),
        (Cow::Borrowed("correlate.count"), facts.count.into()),
        (Cow::Borrowed("correlate.window"), item.window().into()),
    ];
    for part in item.output() {
        match part {
            OutputPart::Template(template) => {
                template.render(context, evaluator, &mut output);
                add_fields(template, context, &mut fields);
            }
            OutputPart::Count => output.push_str(&facts.count.to_string()),
            OutputPart::Window => output.push_str(item.window()),
            OutputPart::By => output.push_str(&by),
        }
    }
    add_extra(item.extra_fields(), context, evaluator, &mut fields);
    sort(&mut fields);
    Alert {
        ts,
        rule: Arc::clone(item.name()),
        priority: item.priority(),
        source: Arc::clone(source.name()),
        output,
        fields,
        tags: Some(Arc::clone(item.tags())),
        hostname: Arc::clone(hostname),
    }
}

type Fields = Vec<(Cow<'static, str>, FieldValue)>;

fn add_fields(template: &Template, context: &mut EventContext<'_>, fields: &mut Fields) {
    template.output_fields(context, |name, value| {
        fields.push((Cow::Owned(name.to_owned()), field_value(value)));
    });
}

fn add_extra(
    extra_fields: &[ExtraOutput],
    context: &mut EventContext<'_>,
    evaluator: &mut Evaluator,
    fields: &mut Fields,
) {
    for extra in extra_fields {
        let value = match extra.template.fields() {
            [field] if extra.typed => field_value(context.output_value(*field)),
            _ => {
                let mut text = String::new();
                extra.template.render(context, evaluator, &mut text);
                FieldValue::String(text)
            }
        };
        fields.push((Cow::Owned(extra.name.clone()), value));
    }
}

fn sort(fields: &mut Fields) {
    fields.sort_by(|a, b| a.0.cmp(&b.0));
    fields.dedup_by(|later, first| later.0 == first.0);
}

/// A value as alerts have it.
pub(crate) fn field_value(value: OutputValue) -> FieldValue {
    match value {
        OutputValue::Null => FieldValue::Null,
        OutputValue::String(text) => FieldValue::String(text),
        OutputValue::U64(number) => FieldValue::U64(number),
        OutputValue::I64(number) => FieldValue::I64(number),
        OutputValue::F64(number) => FieldValue::F64(number),
        OutputValue::Bool(truth) => FieldValue::Bool(truth),
        OutputValue::List(items) => FieldValue::List(items.into_iter().map(field_value).collect()),
    }
}
