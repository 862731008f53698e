//! Snapshots as Prometheus scrapes them (text format 0.0.4).

use std::collections::HashMap;
use std::fmt::Write;

use crate::names::{Description, Kind};
use crate::snapshot::{Sample, Snapshot, Value};

const STRING: &str = "writing to a string cannot fail";

impl Snapshot {
    /// Appends the snapshot. Samples of a family stand together under one description, families in
    /// the order of their first sample.
    pub fn prometheus(&self, out: &mut String) {
        let mut families: Vec<(&str, Vec<&Sample>)> = Vec::new();
        let mut places = HashMap::new();
        for sample in &self.samples {
            let Some(name) = sample.description.prometheus else {
                continue;
            };
            let place = *places.entry(name).or_insert_with(|| {
                families.push((name, Vec::new()));
                families.len() - 1
            });
            families[place].1.push(sample);
        }
        for (name, samples) in families {
            describe(out, name, samples[0].description);
            for sample in samples {
                sample.prometheus(out, name);
            }
        }
    }
}

fn describe(out: &mut String, name: &str, description: &Description) {
    let kind = match description.kind {
        Kind::Counter => "counter",
        Kind::Gauge | Kind::Info(_) => "gauge",
    };
    let prefix = description.prefix();
    writeln!(out, "# HELP {prefix}{name} {}", description.help).expect(STRING);
    writeln!(out, "# TYPE {prefix}{name} {kind}").expect(STRING);
}

impl Sample {
    fn prometheus(&self, out: &mut String, name: &str) {
        write!(out, "{}{name}", self.description.prefix()).expect(STRING);
        let mut separator = '{';
        let mut label = |out: &mut String, name: &str, value: &str| {
            write!(
                out,
                "{separator}{}=\"{}\"",
                label_name(name),
                escaped(value)
            )
            .expect(STRING);
            separator = ',';
        };
        for (name, value) in &self.labels {
            label(out, name, value);
        }
        if let (Kind::Info(name), Value::Text(text)) = (self.description.kind, &self.value) {
            label(out, name, text);
        }
        if separator == ',' {
            out.push('}');
        }
        match &self.value {
            Value::U64(number) => writeln!(out, " {number}"),
            Value::F64(number) if number.is_nan() => writeln!(out, " NaN"),
            Value::F64(number) if number.is_infinite() => {
                writeln!(out, " {}Inf", if *number > 0.0 { '+' } else { '-' })
            }
            Value::F64(number) => writeln!(out, " {number}"),
            Value::Text(_) => writeln!(out, " 1"),
        }
        .expect(STRING);
    }
}

/// Letters, digits and underscores, as label names must be: tags become part of them.
fn label_name(name: &str) -> String {
    name.chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '_' })
        .collect()
}

fn escaped(value: &str) -> String {
    value
        .replace('\\', "\\\\")
        .replace('"', "\\\"")
        .replace('\n', "\\n")
}
