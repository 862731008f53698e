//! Exceptions: what they add to a condition.
//!
//! `(<condition>) and not ((f1 op v1 and f2 op v2) or …)`, once for each exception. They are added
//! as text, like lists are, so that their values can be names of lists.

use condition::{Catalog, FieldError, Operator, ParseOptions, Quantifier, parse_operand};

use super::lists::{push_quoted, push_value};
use crate::diagnostic::{Code, Diagnostic, Place};
use crate::item::{Entry, ExceptionItem, Names, Word};
use crate::source::Span;
use crate::text::Text;

/// The condition of a rule with its exceptions around it. Problems leave the exception out.
pub(crate) fn with_exceptions(
    condition: &Text,
    exceptions: &[ExceptionItem],
    catalog: &mut dyn Catalog,
    diagnostics: &mut Vec<Diagnostic>,
) -> Text {
    let mut clauses = Vec::new();
    for exception in exceptions {
        if let Some(clause) = clause(exception, catalog, diagnostics) {
            clauses.push((exception, clause));
        }
    }
    if clauses.is_empty() {
        return condition.clone();
    }
    let start = condition.span(0..0);
    let end = condition.span(condition.as_str().len()..condition.as_str().len());
    let (Some(start), Some(end)) = (start, end) else {
        return condition.clone();
    };
    let mut text = Text::synthetic(
        "(",
        Span {
            end: start.start,
            ..start
        },
    );
    text.push(condition);
    text.push_synthetic(")", end);
    for (exception, clause) in clauses {
        text.push_synthetic(" and not ", exception.name.span);
        text.push(&clause);
    }
    text
}

/// An operator as exceptions write it: `in`, `startswith anyof`.
#[derive(Clone, Copy, Debug)]
struct Comparison {
    takes_list: bool,
}

fn comparison(text: &str) -> Option<Comparison> {
    let mut words = text.split_ascii_whitespace();
    let name = words.next()?;
    let operator = if name == "==" {
        Operator::Eq
    } else {
        Operator::from_name(name)?
    };
    let takes_list = match words.next() {
        None => operator.takes_list(),
        Some(word) if operator.takes_quantifier() => Quantifier::from_name(word).map(|_| true)?,
        Some(_) => return None,
    };
    words.next().is_none().then_some(Comparison { takes_list })
}

fn clause(
    exception: &ExceptionItem,
    catalog: &mut dyn Catalog,
    diagnostics: &mut Vec<Diagnostic>,
) -> Option<Text> {
    let mut check = Checker {
        exception,
        diagnostics,
        good: true,
    };
    let fields = exception.fields.as_ref()?;
    for field in fields.words() {
        check.field(field, catalog);
    }
    let comps = check.comparisons(fields);
    if exception.values.is_empty() {
        return None;
    }
    let comps = comps?;
    let clause = match fields {
        Names::One(field) => check.flat(field, comps.first()?),
        Names::Many(fields, _) => check.tuples(fields, &comps),
    };
    clause.filter(|_| check.good)
}

/// A comparison with how it is written.
struct Written {
    comparison: Comparison,
    text: Text,
}

struct Checker<'a> {
    exception: &'a ExceptionItem,
    diagnostics: &'a mut Vec<Diagnostic>,
    good: bool,
}

impl Checker<'_> {
    fn problem(&mut self, message: String, span: Span) -> &mut Diagnostic {
        self.good = false;
        let diagnostic = Diagnostic::new(Code::Validate, message, span, &self.exception.chain);
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("it was just pushed")
    }

    /// A field, with or without transformers.
    fn field(&mut self, field: &Word, catalog: &mut dyn Catalog) {
        let message = format!("'{}' is not a supported filter field", field.as_str());
        let parsed = parse_operand(field.as_str(), ParseOptions::default());
        let Some((operand, _)) = parsed.ok().filter(|(_, len)| *len == field.as_str().len()) else {
            self.problem(message, field.span);
            return;
        };
        let mut wrong = None;
        operand.for_each_field(&mut |name, _| {
            let found = catalog.resolve(&name.name, name.argument.as_deref());
            wrong = wrong.take().or(found.err());
        });
        let help = match wrong {
            None => return,
            Some(FieldError::Unknown { suggestion }) => {
                suggestion.map(|near| format!("did you mean `{near}`?"))
            }
            Some(FieldError::ArgumentRequired) => {
                Some("it needs an argument in brackets".to_owned())
            }
            Some(FieldError::ArgumentNotAllowed) => Some("it takes no argument".to_owned()),
            Some(FieldError::InvalidArgument(why)) => Some(why),
        };
        self.problem(message, field.span).help.extend(help);
    }

    fn comparisons(&mut self, fields: &Names) -> Option<Vec<Written>> {
        let Some(comps) = &self.exception.comps else {
            let default = if fields.is_one() { "in" } else { "=" };
            let written = |field: &Word| Written {
                comparison: comparison(default).expect("both are operators"),
                text: Text::synthetic(default, field.span),
            };
            return Some(fields.words().iter().map(written).collect());
        };
        if comps.is_one() != fields.is_one() {
            let message = if fields.is_one() {
                "Fields is a single name, so comps must be a single operator as well"
            } else {
                "Fields is a list, so comps must be a list as well"
            };
            self.problem(message.to_owned(), comps.span());
            return None;
        }
        if comps.words().len() != fields.words().len() {
            let label = format!(
                "{} for {}",
                count(comps.words().len(), "operator"),
                count(fields.words().len(), "field")
            );
            let message = "Fields and comps lists must have equal length".to_owned();
            self.problem(message, comps.span()).label = label;
            return None;
        }
        let mut out = Vec::new();
        for comp in comps.words() {
            let Some(comparison) = comparison(comp.as_str()) else {
                let names = Operator::ALL.iter().map(|operator| operator.name());
                let near = suggest::nearest(comp.as_str(), names);
                let help = near.map(|near| format!("did you mean `{near}`?"));
                let message = format!("'{}' is not a supported comparison operator", comp.as_str());
                self.problem(message, comp.span).help.extend(help);
                continue;
            };
            if fields.is_one() && !comparison.takes_list {
                let message = format!(
                    "Fields is a single name, so comps must be one that takes a list, not '{}'",
                    comp.as_str()
                );
                let help =
                    "`in`, `pmatch`, `intersects`, or an operator with `anyof`, `oneof` or `allof`";
                self.problem(message, comp.span).help.push(help.to_owned());
                continue;
            }
            out.push(Written {
                comparison,
                text: comp.text.clone(),
            });
        }
        (out.len() == comps.words().len()).then_some(out)
    }

    /// `(field op (v1, v2, …))`.
    fn flat(&mut self, field: &Word, comp: &Written) -> Option<Text> {
        let mut values = Text::default();
        for value in &self.exception.values {
            match value {
                Entry::One(word) => push_value(&mut values, word),
                Entry::Many(_, span) => {
                    let message =
                        "Fields is a single name, so values must be a list of single values";
                    let diagnostic = self.problem(message.to_owned(), *span);
                    diagnostic.label = "is a list".to_owned();
                    set_place(diagnostic, *span);
                }
            }
        }
        let at = field.span;
        let mut text = Text::synthetic("(", at);
        text.push(&field.text);
        text.push_synthetic(" ", at);
        text.push(&comp.text);
        text.push_synthetic(" (", at);
        text.push(&values);
        text.push_synthetic("))", at);
        Some(text)
    }

    /// `((f1 op1 a and f2 op2 b) or (f1 op1 c and f2 op2 d))`.
    fn tuples(&mut self, fields: &[Word], comps: &[Written]) -> Option<Text> {
        let name = self.exception.name.span;
        let mut text = Text::synthetic("(", name);
        for (index, tuple) in self.exception.values.iter().enumerate() {
            let span = tuple.span();
            let Entry::Many(values, _) = tuple else {
                let message =
                    "Fields is a list, so each of the values must be a list as long as fields";
                let diagnostic = self.problem(message.to_owned(), span);
                diagnostic.label = "is a single value".to_owned();
                set_place(diagnostic, span);
                continue;
            };
            if values.len() != fields.len() {
                let message = "Fields and values lists must have equal length".to_owned();
                let label = format!(
                    "{} for {}",
                    count(values.len(), "value"),
                    count(fields.len(), "field")
                );
                let diagnostic = self.problem(message, span);
                diagnostic.label = label;
                set_place(diagnostic, span);
                continue;
            }
            text.push_synthetic(if index == 0 { "(" } else { " or (" }, span);
            for (part, ((field, comp), value)) in fields.iter().zip(comps).zip(values).enumerate() {
                if part > 0 {
                    text.push_synthetic(" and ", span);
                }
                text.push(&field.text);
                text.push_synthetic(" ", field.span);
                text.push(&comp.text);
                text.push_synthetic(" ", field.span);
                self.value(&mut text, comp, value);
            }
            text.push_synthetic(")", span);
        }
        text.push_synthetic(")", name);
        Some(text)
    }

    fn value(&mut self, text: &mut Text, comp: &Written, value: &Entry) {
        let span = value.span();
        match value {
            Entry::One(word) if comp.comparison.takes_list => {
                if word.as_str().starts_with('(') {
                    text.push(&word.text);
                    return;
                }
                text.push_synthetic("(", span);
                push_quoted(text, word);
                text.push_synthetic(")", span);
            }
            Entry::One(word) => push_quoted(text, word),
            Entry::Many(..) if !comp.comparison.takes_list => {
                let message = format!("'{}' takes a single value, not a list", comp.text.as_str());
                let diagnostic = self.problem(message, span);
                diagnostic.help.push("`in` takes a list".to_owned());
                set_place(diagnostic, span);
            }
            Entry::Many(items, _) => {
                let mut values = Text::default();
                for item in items {
                    match item {
                        Entry::One(word) => push_value(&mut values, word),
                        Entry::Many(_, inner) => {
                            let message = "A list of values cannot hold another list".to_owned();
                            let diagnostic = self.problem(message, *inner);
                            set_place(diagnostic, *inner);
                        }
                    }
                }
                text.push_synthetic("(", span);
                text.push(&values);
                text.push_synthetic(")", span);
            }
        }
    }
}

fn count(number: usize, what: &str) -> String {
    if number == 1 {
        format!("1 {what}")
    } else {
        format!("{number} {what}s")
    }
}

/// Adds the last steps to the way to an exception's value.
fn set_place(diagnostic: &mut Diagnostic, span: Span) {
    for place in [Place::ExceptionValues, Place::ExceptionValue] {
        let location = crate::diagnostic::Location {
            place,
            name: String::new(),
            span,
        };
        diagnostic.locations.push(location);
    }
}
