//! Diagnostics of the condition language's errors.

use condition::{CompileError, CompileErrorKind, FieldError, ParseError, Warning};
use field::TemplateErrorKind;

use super::lists::Insertion;
use crate::collect::Definitions;
use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::source::Span;

fn in_expression(chain: &[Location], span: Span) -> Vec<Location> {
    let mut chain = chain.to_vec();
    chain.push(Location {
        place: Place::ConditionExpression,
        name: String::new(),
        span,
    });
    chain
}

pub(super) fn too_long(span: Span, chain: &[Location]) -> Diagnostic {
    let message = "the condition is too long once its lists are put in";
    Diagnostic::new(Code::CompileCondition, message, span, chain)
        .with_help("two lists name each other more than once")
}

/// Says which list brought in the text of a problem.
pub(super) fn from_list(
    diagnostic: Diagnostic,
    insertion: Option<&Insertion>,
    definitions: &Definitions,
) -> Diagnostic {
    let Some(insertion) = insertion else {
        return diagnostic;
    };
    let name = definitions
        .lists
        .iter()
        .nth(insertion.list)
        .map(|list| list.name.as_str());
    match (insertion.at, name) {
        (Some(at), Some(name)) => {
            diagnostic.with_related(at, format!("list `{name}` is put in here"))
        }
        _ => diagnostic,
    }
}

/// A list stands where a condition should; its first value was taken for the name of a macro.
pub(super) fn list_as_condition(
    value: &str,
    insertion: &Insertion,
    chain: &[Location],
    definitions: &Definitions,
) -> Option<Diagnostic> {
    let name = definitions.lists.iter().nth(insertion.list)?.name.as_str();
    let message = format!("Undefined macro '{value}' used in filter.");
    let diagnostic = Diagnostic::new(Code::Validate, message, insertion.at?, chain)
        .with_label(format!(
            "`{name}` is a list, and stands where a condition should"
        ))
        .with_help(format!(
            "a list needs a field and an operator before it: `proc.name in ({name})`"
        ));
    Some(diagnostic)
}

pub(super) fn parse_error(error: &ParseError, span: Span, chain: &[Location]) -> Diagnostic {
    let chain = in_expression(chain, span);
    let diagnostic = Diagnostic::new(Code::CompileCondition, error.kind.to_string(), span, &chain);
    match error.kind.help() {
        Some(help) => diagnostic.with_help(help),
        None => diagnostic,
    }
}

/// A problem with what a condition means; none for what has been reported already.
pub(super) fn compile_error(
    error: &CompileError,
    span: Span,
    chain: &[Location],
) -> Option<Diagnostic> {
    if matches!(
        error.kind,
        CompileErrorKind::Hole | CompileErrorKind::Macro(_)
    ) {
        return None;
    }
    let chain = in_expression(chain, span);
    let diagnostic = Diagnostic::new(Code::CompileCondition, error.kind.to_string(), span, &chain);
    Some(match &error.kind {
        CompileErrorKind::Field { field, error } => about_field(diagnostic, field, error),
        _ => diagnostic,
    })
}

/// Whether a rule that asked to be skipped when something is unknown is skipped for this.
pub(super) fn is_unknown(error: &CompileError) -> bool {
    matches!(
        error.kind,
        CompileErrorKind::Field {
            error: FieldError::Unknown { .. },
            ..
        } | CompileErrorKind::ImpossibleConstant { .. }
    )
}

fn about_field(mut diagnostic: Diagnostic, field: &str, error: &FieldError) -> Diagnostic {
    match error {
        FieldError::Unknown { suggestion } => {
            diagnostic.message = format!("unknown field '{field}'");
            diagnostic
                .with_label("no such field")
                .with_suggestion(suggestion.as_deref())
        }
        FieldError::ArgumentRequired => diagnostic.with_label("needs an argument in brackets"),
        FieldError::ArgumentNotAllowed => diagnostic.with_label("takes no argument"),
        FieldError::InvalidArgument(expected) => diagnostic.with_label(expected.clone()),
    }
}

pub(super) fn warning(warning: &Warning, span: Span, chain: &[Location]) -> Diagnostic {
    let chain = in_expression(chain, span);
    let message = warning.kind.to_string();
    Diagnostic::new(Code::ConditionWarning, message, span, &chain)
}

/// A problem with an output.
pub(super) fn template_error(
    error: &TemplateErrorKind,
    span: Span,
    chain: &[Location],
) -> Diagnostic {
    let mut chain = chain.to_vec();
    chain.push(Location {
        place: Place::RuleOutputExpression,
        name: String::new(),
        span,
    });
    let diagnostic = Diagnostic::new(Code::CompileOutput, error.to_string(), span, &chain);
    match error {
        TemplateErrorKind::Field { name, error } => about_field(diagnostic, name, error),
        TemplateErrorKind::Syntax(_) | TemplateErrorKind::Ends => diagnostic.with_help(
            "`%` always starts a field; there is no way to write the sign itself, so say `percent`",
        ),
        _ => diagnostic,
    }
}
