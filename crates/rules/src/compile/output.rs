//! Outputs, with what the configuration appends to them.

use field::{FieldFlags, Fields, Template, TemplateError};

use super::messages;
use super::rule::{Compiler, deprecated_field, is_deprecated, step};
use crate::collect::RuleDef;
use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::load::{AppendOutput, ExtraField};
use crate::ruleset::ExtraOutput;
use crate::text::Text;

/// A compiled output.
#[derive(Debug, Default)]
pub(crate) struct CompiledOutput {
    /// The text with everything appended.
    pub(crate) text: String,
    pub(crate) template: Template,
    /// Names and values that go into the fields of an alert beside those of the text.
    pub(crate) extra_fields: Vec<ExtraOutput>,
}

/// What older rules name, and what no longer means anything.
const CONTAINER_INFO: &str = "%container.info";

impl Compiler<'_> {
    pub(super) fn output(
        &mut self,
        rule: &RuleDef,
        source: usize,
        fields: &mut Fields,
        before: usize,
    ) -> Option<CompiledOutput> {
        let chain = step(&rule.chain, Place::RuleOutput, rule.output.whole());
        let text = self.without_container_info(rule, &chain);
        let errors = self.check(text.as_str(), source, fields);
        let span_of = |error: &TemplateError| {
            let start = error.offset;
            let rest = text.as_str().get(start + 1..).unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '[' | ']');
            let len = rest.find(|c| !is_name(c)).unwrap_or(rest.len());
            text.span(start..start + 1 + len).unwrap_or(rule.name.span)
        };
        if !errors.is_empty() {
            let is_sound = !self
                .diagnostics
                .iter()
                .skip(before)
                .any(Diagnostic::is_error);
            let skips = rule.skip_if_unknown_filter
                && is_sound
                && errors.iter().all(|error| error.kind.is_unknown_field());
            for error in &errors {
                let mut diagnostic = messages::template_error(&error.kind, span_of(error), &chain);
                if skips {
                    diagnostic.code = Code::UnknownFilter;
                }
                self.diagnostics.push(diagnostic);
            }
            return (!skips).then(CompiledOutput::default);
        }
        self.deprecated_in_output(&text, rule, &chain);
        self.appended(text.as_str(), rule, source, fields)
    }

    /// All errors of an output text. The compiler of templates stops at the first, so it is asked
    /// again for what follows.
    fn check(&mut self, text: &str, source: usize, fields: &mut Fields) -> Vec<TemplateError> {
        let mut errors = Vec::new();
        let mut base = 0;
        while let (Some(rest), Some(pool)) = (text.get(base..), self.pools.get_mut(source)) {
            let Err(error) = Template::compile(rest, fields, pool) else {
                break;
            };
            let offset = base + error.offset;
            base = offset + 1;
            errors.push(TemplateError { offset, ..error });
        }
        errors
    }

    fn without_container_info(&mut self, rule: &RuleDef, chain: &[Location]) -> Text {
        let Some(at) = rule.output.as_str().find(CONTAINER_INFO) else {
            return rule.output.clone();
        };
        let span = rule
            .output
            .span(at..at + CONTAINER_INFO.len())
            .unwrap_or(rule.name.span);
        let message =
            "%container.info is deprecated and no longer useful in rule outputs; it is left out";
        let diagnostic = Diagnostic::new(Code::DeprecatedItem, message, span, chain)
            .with_help("container fields are appended by `append_output` of the configuration");
        self.diagnostics.push(diagnostic);
        let string = rule.output.as_str();
        let mut text = Text::default();
        let mut from = 0;
        for (at, found) in string.match_indices(CONTAINER_INFO) {
            text.push_range(&rule.output, from..at);
            from = at + found.len();
        }
        text.push_range(&rule.output, from..string.len());
        text.trimmed()
    }

    fn deprecated_in_output(&mut self, text: &Text, rule: &RuleDef, chain: &[Location]) {
        let string = text.as_str();
        for (at, _) in string.match_indices('%') {
            let rest = string.get(at + 1..).unwrap_or_default();
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            let name = rest.get(digits..).unwrap_or_default();
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_');
            let len = name.find(|c| !is_name(c)).unwrap_or(name.len());
            let name = name
                .get(..len)
                .unwrap_or_default()
                .trim_end_matches('.')
                .to_owned();
            let field = condition::FieldRef {
                name,
                argument: None,
            };
            if is_deprecated(&field) {
                let span = text.span(at..at + 1 + digits + field.name.len());
                let diagnostic =
                    deprecated_field(&field.name, span.unwrap_or(rule.name.span), chain);
                self.diagnostics.push(diagnostic);
            }
        }
    }

    /// Applies what the configuration appends.
    fn appended(
        &mut self,
        output: &str,
        rule: &RuleDef,
        source: usize,
        fields: &mut Fields,
    ) -> Option<CompiledOutput> {
        let mut compiled = CompiledOutput {
            text: output.to_owned(),
            ..CompiledOutput::default()
        };
        let settings = self.settings;
        for (index, append) in settings.append_output.iter().enumerate() {
            if !append.applies_to(rule) {
                continue;
            }
            if let Some(extra) = &append.extra_output {
                let errors = self.check(extra, source, fields);
                for error in &errors {
                    self.problem(format!("append_output[{index}].extra_output: {error}"));
                }
                if errors.is_empty() {
                    compiled.text.push(' ');
                    compiled.text.push_str(extra);
                }
            }
            if append.suggested_output {
                compiled.text.push_str(&suggested(fields));
            }
            for extra in &append.extra_fields {
                self.extra_field(extra, index, source, fields, &mut compiled);
            }
        }
        let pool = self.pools.get_mut(source)?;
        match Template::compile(&compiled.text, fields, pool) {
            Ok(template) => compiled.template = template,
            Err(error) => {
                let span = rule.output.whole().unwrap_or(rule.name.span);
                self.diagnostics
                    .push(messages::template_error(&error.kind, span, &rule.chain));
            }
        }
        Some(compiled)
    }

    fn extra_field(
        &mut self,
        extra: &ExtraField,
        index: usize,
        source: usize,
        fields: &mut Fields,
        compiled: &mut CompiledOutput,
    ) {
        let (name, text, typed) = match extra {
            ExtraField::Field(name) => {
                let name = name.strip_prefix('%').unwrap_or(name);
                (name.to_owned(), format!("%{name}"), true)
            }
            ExtraField::Format { name, format } => (name.clone(), format.clone(), false),
        };
        if compiled.extra_fields.iter().any(|other| other.name == name) {
            self.problem(format!(
                "append_output[{index}].extra_fields: `{name}` is given twice"
            ));
            return;
        }
        let Some(pool) = self.pools.get_mut(source) else {
            return;
        };
        match Template::compile(&text, fields, pool) {
            Ok(template) => compiled.extra_fields.push(ExtraOutput {
                name,
                template,
                typed,
            }),
            Err(error) => self.problem(format!("append_output[{index}].extra_fields: {error}")),
        }
    }

    /// Adds a problem of the settings, once however many rules run into it.
    fn problem(&mut self, problem: String) {
        if !self.settings_problems.contains(&problem) {
            self.settings_problems.push(problem);
        }
    }
}

impl AppendOutput {
    fn applies_to(&self, rule: &RuleDef) -> bool {
        self.source
            .as_ref()
            .is_none_or(|source| *source == rule.source)
            && self
                .rule
                .as_ref()
                .is_none_or(|name| *name == rule.name.as_str())
            && self.tags.iter().all(|tag| rule.tags.contains(tag))
    }
}

/// ` container_id=%container.id …`: the fields that outputs should have, with names of their own.
fn suggested(fields: &Fields) -> String {
    let mut out = String::new();
    let builtin = field::fields()
        .iter()
        .filter(|info| info.is(FieldFlags::SUGGESTED))
        .map(|info| info.name)
        .filter(|name| condition::Catalog::is_field_name(fields, name));
    for name in builtin.chain(fields.static_names()) {
        out.push_str(&format!(" {}=%{name}", name.replace('.', "_")));
    }
    out
}
