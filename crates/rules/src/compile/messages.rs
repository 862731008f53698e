//! Diagnostics of the condition language's errors.

use condition::{CompileError, CompileErrorKind, FieldError, ParseError, Warning, WarningKind};
use field::TemplateErrorKind;

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
        CompileErrorKind::Field { error, .. } => about_field(diagnostic, error),
        _ => diagnostic,
    })
}

/// Whether a rule that asked to be skipped when something is unknown is skipped for this.
pub(super) fn is_unknown(error: &CompileError) -> bool {
    match &error.kind {
        CompileErrorKind::Field {
            error: FieldError::Unknown { .. },
            ..
        } => true,
        CompileErrorKind::Constant { reason, .. } => reason.contains("unknown event type"),
        _ => false,
    }
}

fn about_field(diagnostic: Diagnostic, error: &FieldError) -> Diagnostic {
    match error {
        FieldError::Unknown { suggestion } => diagnostic
            .with_label("no such field")
            .with_suggestion(suggestion.as_deref()),
        FieldError::ArgumentRequired => diagnostic.with_label("needs an argument in brackets"),
        FieldError::ArgumentNotAllowed => diagnostic.with_label("takes no argument"),
        FieldError::InvalidArgument(expected) => diagnostic.with_label(expected.clone()),
    }
}

pub(super) fn warning(warning: &Warning, span: Span, chain: &[Location]) -> Diagnostic {
    let chain = in_expression(chain, span);
    let message = warning.kind.to_string();
    let diagnostic = Diagnostic::new(Code::ConditionWarning, message, span, &chain);
    match &warning.kind {
        WarningKind::ConstantLooksLikeField(name) => diagnostic.with_help(format!(
            "to compare with the field of that name, write `val({name})`"
        )),
        _ => diagnostic,
    }
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
        TemplateErrorKind::Field { error, .. } => about_field(diagnostic, error),
        _ => diagnostic,
    }
}
