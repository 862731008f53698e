//! What is wrong with a file, where, and how it is shown.

use std::ops::Range;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

/// A file: its name in messages, and its text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// What messages call it; usually the path.
    pub name: String,
    /// The whole text.
    pub text: String,
}

/// Bytes of one file.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Span {
    /// Index of the file.
    pub file: usize,
    /// The first byte.
    pub start: usize,
    /// One past the last byte.
    pub end: usize,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// What is wrong; a lower-case fragment.
    pub message: String,
    /// Where.
    pub span: Span,
    /// A remark at the place, or empty.
    pub label: String,
    /// What to do about it.
    pub help: Vec<String>,
    /// Whether the suite is not run because of it.
    pub is_error: bool,
}

impl Problem {
    pub(crate) fn error(span: Span, message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            span,
            label: String::new(),
            help: Vec::new(),
            is_error: true,
        }
    }

    pub(crate) fn warning(span: Span, message: impl Into<String>) -> Self {
        Self {
            is_error: false,
            ..Self::error(span, message)
        }
    }

    pub(crate) fn with_label(mut self, label: impl Into<String>) -> Self {
        self.label = label.into();
        self
    }

    pub(crate) fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help.push(help.into());
        self
    }
}

/// Problems with the lines they are about, as rustc shows them. `styled` adds colours.
pub fn render(sources: &[Source], problems: &[Problem], styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = String::new();
    for problem in problems {
        let level = if problem.is_error {
            Level::ERROR
        } else {
            Level::WARNING
        };
        let mut group = Group::with_title(level.primary_title(problem.message.as_str()));
        if let Some(source) = sources.get(problem.span.file) {
            let (shown, line, span) = first_line(&source.text, problem.span);
            let mut annotation = AnnotationKind::Primary.span(span);
            if !problem.label.is_empty() {
                annotation = annotation.label(problem.label.as_str());
            }
            group = group.element(
                Snippet::source(shown)
                    .line_start(line)
                    .path(source.name.as_str())
                    .annotation(annotation),
            );
        }
        for help in &problem.help {
            group = group.element(Level::HELP.message(help.as_str()));
        }
        out.push_str(&renderer.render(&[group]));
        out.push_str("\n\n");
    }
    out
}

/// The line a span begins on, its number from 1, and the part of the span that is on it.
fn first_line(text: &str, span: Span) -> (&str, usize, Range<usize>) {
    let start = span.start.min(text.len());
    let before = text.get(..start).unwrap_or_default();
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    let number = before.matches('\n').count() + 1;
    let line = text
        .get(line_start..)
        .and_then(|rest| rest.lines().next())
        .unwrap_or_default();
    let from = (start - line_start).min(line.len());
    let to = span.end.saturating_sub(line_start).clamp(from, line.len());
    (line, number, from..to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_problem_shows_its_line_and_place() {
        let source = Source {
            name: "suite.yaml".to_owned(),
            text: "tests:\n  - nmae: x\n".to_owned(),
        };
        let span = Span {
            file: 0,
            start: 11,
            end: 15,
        };
        let problem = Problem::error(span, "unknown key `nmae`").with_help("did you mean `name`?");
        let text = render(&[source], &[problem], false);
        assert!(text.contains("error: unknown key `nmae`"), "{text}");
        assert!(text.contains("suite.yaml:2:5"), "{text}");
        assert!(text.contains("  - nmae: x"), "{text}");
        assert!(text.contains("^^^^"), "{text}");
        assert!(text.contains("help: did you mean `name`?"), "{text}");
        let outside = Problem::error(
            Span {
                file: 7,
                start: 999,
                end: 1,
            },
            "x",
        );
        assert!(render(&[], &[outside], false).contains("error: x"));
    }
}
