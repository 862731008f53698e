//! From an alert to its line.

use jiff::tz::TimeZone;

use crate::clock::Clock;
use crate::draft::{Draft, DraftValue, Stencil, StencilJson, StencilSubject};
use crate::{Alert, FieldValue, Format, Priority, TimeFormat, json};

/// Writes alerts as lines of one format. Cheap to keep, so every thread has its own.
#[derive(Clone, Debug)]
pub struct Renderer {
    format: Format,
    clock: Clock,
}

impl Renderer {
    /// A renderer of this format.
    pub fn new(format: Format) -> Self {
        let zone = match &format.time {
            TimeFormat::Local(zone) => zone.clone(),
            TimeFormat::Iso8601 => TimeZone::UTC,
        };
        Self {
            format,
            clock: Clock::new(zone),
        }
    }

    /// The format.
    pub fn format(&self) -> &Format {
        &self.format
    }

    /// Appends the alert's line, text or JSON as the format says, without a newline.
    pub fn line(&mut self, out: &mut String, alert: &Alert) {
        if self.format.json {
            self.json(out, alert);
        } else {
            self.text(out, alert);
        }
    }

    /// Appends the text line `<time>: <Priority> <output>`. An internal message has its fields after
    /// it, as ` (name=value …)` with the values in JSON.
    pub fn text(&mut self, out: &mut String, alert: &Alert) {
        self.prefix(out, alert.ts, alert.priority);
        if self.format.escape_text {
            json::escape(out, &alert.output);
        } else {
            out.push_str(&alert.output);
        }
        if alert.is_internal() {
            out.push_str(" (");
            for (index, (name, value)) in alert.fields.iter().enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                out.push_str(name);
                out.push('=');
                json::value(out, value);
            }
            out.push(')');
        }
    }

    /// Appends the JSON object, on one line.
    ///
    /// An internal message has all properties but `tags`, whatever the format leaves out, and its
    /// `output` is the message alone.
    pub fn json(&mut self, out: &mut String, alert: &Alert) {
        let internal = alert.is_internal();
        out.push_str("{\"hostname\":");
        json::string(out, &alert.hostname);
        if self.format.include_message && !internal {
            out.push_str(",\"message\":");
            json::string(out, &alert.output);
        }
        if internal {
            out.push_str(",\"output\":");
            json::string(out, &alert.output);
        } else if self.format.include_output {
            out.push_str(",\"output\":\"");
            self.prefix(out, alert.ts, alert.priority);
            json::escape(out, &alert.output);
            out.push('"');
        }
        if internal || self.format.include_output_fields {
            out.push_str(",\"output_fields\":");
            self.json_fields(out, alert);
        }
        let tags = alert.tags.as_deref();
        self.json_tail(out, alert.priority, &alert.rule, &alert.source, tags);
        self.clock.utc(out, alert.ts);
        out.push_str("Z\"}");
    }

    /// Prepares what all alerts of a rule have in common.
    pub fn stencil(&self, subject: StencilSubject) -> Stencil {
        let mut head = "{\"hostname\":".to_owned();
        json::string(&mut head, &subject.hostname);
        let names = subject.names.iter().map(|name| {
            let mut key = String::new();
            json::string(&mut key, name);
            key.push(':');
            key.into_boxed_str()
        });
        let mut tail = String::new();
        self.json_tail(
            &mut tail,
            subject.priority,
            &subject.rule,
            &subject.source,
            Some(&subject.tags),
        );
        let time = self.format.time.field();
        let after = subject.names.partition_point(|name| **name < *time);
        let present = subject.names.get(after).is_some_and(|name| **name == *time);
        Stencil {
            json: StencilJson {
                head: head.into(),
                names: names.collect(),
                tail: tail.into(),
            },
            time_at: (!present).then_some(after),
            subject,
        }
    }

    /// Appends the line of a drafted alert, as [`line`](Self::line) does.
    pub fn draft_line(&mut self, out: &mut String, stencil: &Stencil, draft: &Draft) {
        if self.format.json {
            self.draft_json(out, stencil, draft);
            return;
        }
        self.prefix(out, draft.ts(), stencil.subject.priority);
        if self.format.escape_text {
            json::escape(out, draft.output());
        } else {
            out.push_str(draft.output());
        }
    }

    fn draft_json(&mut self, out: &mut String, stencil: &Stencil, draft: &Draft) {
        out.push_str(&stencil.json.head);
        if self.format.include_message {
            out.push_str(",\"message\":");
            json::string(out, draft.output());
        }
        if self.format.include_output {
            out.push_str(",\"output\":\"");
            self.prefix(out, draft.ts(), stencil.subject.priority);
            json::escape(out, draft.output());
            out.push('"');
        }
        if self.format.include_output_fields {
            out.push_str(",\"output_fields\":");
            let mut separator = '{';
            let mut fields = stencil.json.names.iter().zip(draft.fields());
            for at in 0..=stencil.json.names.len() {
                if stencil.time_at == Some(at) {
                    out.push(separator);
                    separator = ',';
                    json::string(out, self.format.time.field());
                    out.push(':');
                    json::number(out, draft.ts());
                }
                let Some((name, (value, text))) = fields.next() else {
                    break;
                };
                out.push(separator);
                separator = ',';
                out.push_str(name);
                match value {
                    DraftValue::Null => out.push_str("null"),
                    DraftValue::Text => json::string(out, text),
                    DraftValue::Plain => out.push_str(text),
                    DraftValue::Other(value) => json::value(out, value),
                }
            }
            if separator == '{' {
                out.push('{');
            }
            out.push('}');
        }
        out.push_str(&stencil.json.tail);
        self.clock.utc(out, draft.ts());
        out.push_str("Z\"}");
    }

    /// Appends from the priority to the time.
    fn json_tail(
        &self,
        out: &mut String,
        priority: Priority,
        rule: &str,
        source: &str,
        tags: Option<&[String]>,
    ) {
        out.push_str(",\"priority\":\"");
        out.push_str(priority.name());
        out.push_str("\",\"rule\":");
        json::string(out, rule);
        out.push_str(",\"source\":");
        json::string(out, source);
        if let Some(tags) = tags.filter(|_| self.format.include_tags) {
            out.push_str(",\"tags\":[");
            for (index, tag) in tags.iter().enumerate() {
                if index > 0 {
                    out.push(',');
                }
                json::string(out, tag);
            }
            out.push(']');
        }
        out.push_str(",\"time\":\"");
    }

    /// Appends the alert's time as lines of this format have it.
    pub fn time(&mut self, out: &mut String, ts: u64) {
        match self.format.time {
            TimeFormat::Local(_) => self.clock.local(out, ts),
            TimeFormat::Iso8601 => {
                self.clock.utc(out, ts);
                out.push_str("+0000");
            }
        }
    }

    /// The name under which the time belongs among the fields of this alert, unless it is there
    /// already; internal messages have no such field.
    pub fn time_field(&self, alert: &Alert) -> Option<&'static str> {
        let name = self.format.time.field();
        let present = || {
            alert
                .fields
                .binary_search_by(|(field, _)| field.as_ref().cmp(name))
                .is_ok()
        };
        (!alert.is_internal() && !present()).then_some(name)
    }

    /// The name under which the time belongs among the fields of a drafted alert, unless it is there
    /// already.
    pub fn draft_time_field(&self, stencil: &Stencil) -> Option<&'static str> {
        stencil.time_at.map(|_| self.format.time.field())
    }

    fn prefix(&mut self, out: &mut String, ts: u64, priority: Priority) {
        self.time(out, ts);
        out.push_str(": ");
        out.push_str(priority.name());
        out.push(' ');
    }

    fn json_fields(&self, out: &mut String, alert: &Alert) {
        let mut time = self.time_field(alert);
        let mut separator = '{';
        let mut field = |out: &mut String, name: &str, value: &FieldValue| {
            out.push(separator);
            separator = ',';
            json::string(out, name);
            out.push(':');
            json::value(out, value);
        };
        for (name, value) in &alert.fields {
            if let Some(earlier) = time.take_if(|time| **time < **name) {
                field(out, earlier, &FieldValue::U64(alert.ts));
            }
            field(out, name, value);
        }
        if let Some(last) = time {
            field(out, last, &FieldValue::U64(alert.ts));
        }
        if separator == '{' {
            out.push('{');
        }
        out.push('}');
    }
}
