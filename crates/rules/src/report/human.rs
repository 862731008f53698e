//! What a terminal shows.

use std::ops::Range;

use annotate_snippets::{Annotation, AnnotationKind, Group, Level, Renderer, Snippet};

use crate::diagnostic::{Diagnostic, Label, Place};
use crate::load::Loaded;
use crate::source::{FileId, Sources, Span};

/// Everything that was found, with the lines it is about, and a count at the end. `styled` adds
/// the colours of a terminal. Empty when there is nothing to say.
pub fn human(loaded: &Loaded, styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let mut out = problems(&loaded.files, &loaded.diagnostics, styled);
    for problem in &loaded.settings_problems {
        let title = Level::ERROR.primary_title(format!("in the configuration: {problem}"));
        out.push_str(&renderer.render(&[Group::with_title(title)]));
        out.push_str("\n\n");
    }
    if let Some(summary) = summary(loaded) {
        let level = if loaded.has_errors() {
            Level::ERROR
        } else {
            Level::WARNING
        };
        out.push_str(&renderer.render(&[Group::with_title(level.primary_title(summary))]));
        out.push('\n');
    }
    out
}

/// Problems alone, each with the lines it is about.
pub fn problems(files: &Sources, found: &[Diagnostic], styled: bool) -> String {
    let renderer = if styled {
        Renderer::styled()
    } else {
        Renderer::plain()
    };
    let rendered = found
        .iter()
        .map(|found| renderer.render(&[group(files, found)]) + "\n\n");
    rendered.collect()
}

fn group<'a>(files: &'a Sources, found: &'a Diagnostic) -> Group<'a> {
    let level = if found.is_error() {
        Level::ERROR
    } else {
        Level::WARNING
    };
    let title = level
        .primary_title(found.message.as_str())
        .id(found.code.name());
    let mut group = Group::with_title(title);
    let main = found.span.file;
    let mut others: Vec<FileId> = found.related.iter().map(|label| label.span.file).collect();
    others.sort_unstable();
    others.dedup();
    others.retain(|file| *file != main);
    for file in std::iter::once(main).chain(others) {
        let primary = (file == main).then(|| Label {
            span: found.span,
            text: found.label.clone(),
        });
        let related = found
            .related
            .iter()
            .filter(|label| label.span.file == file)
            .cloned();
        let labels: Vec<(AnnotationKind, Label)> = primary
            .map(|label| (AnnotationKind::Primary, label))
            .into_iter()
            .chain(related.map(|label| (AnnotationKind::Context, label)))
            .collect();
        if let Some(snippet) = snippet(files, file, labels) {
            group = group.element(snippet);
        }
    }
    if let Some(place) = place(found) {
        group = group.element(Level::NOTE.message(place));
    }
    for help in &found.help {
        group = group.element(Level::HELP.message(help.as_str()));
    }
    group
}

/// The lines of a file that labels are on, and what is between them.
fn snippet(
    files: &Sources,
    file: FileId,
    labels: Vec<(AnnotationKind, Label)>,
) -> Option<Snippet<'_, Annotation<'_>>> {
    let text = files.text(file);
    let spans: Vec<Range<usize>> = labels
        .iter()
        .map(|(_, label)| first_line(files, label.span))
        .collect();
    let start = spans.iter().map(|span| span.start).min()?;
    let end = spans.iter().map(|span| span.end).max()?;
    let (_, from) = files.line_text(file, start as u32);
    let (last, last_start) = files.line_text(file, end as u32);
    let from = from as usize;
    let shown = text.get(from..last_start as usize + last.len())?;
    let annotations = labels.into_iter().zip(spans).map(|((kind, label), span)| {
        let annotation = kind.span(span.start - from..span.end - from);
        if label.text.is_empty() {
            annotation
        } else {
            annotation.label(label.text)
        }
    });
    let line = files.position(file, from as u32).line as usize;
    Some(
        Snippet::source(shown)
            .line_start(line)
            .path(files.name(file))
            .annotations(annotations),
    )
}

/// The part of a span that is on its first line: a whole condition need not be underlined.
fn first_line(files: &Sources, span: Span) -> Range<usize> {
    let (line, start) = files.line_text(span.file, span.start);
    let line_end = start as usize + line.len();
    let start = (span.start as usize).min(line_end);
    start..(span.end as usize).clamp(start, line_end)
}

/// `in exception 'x' of rule 'y'`.
fn place(found: &Diagnostic) -> Option<String> {
    let named =
        found.locations.iter().rev().filter(|location| {
            !location.name.is_empty() && !matches!(location.place, Place::ValueFor)
        });
    let steps: Vec<String> = named
        .map(|location| format!("{} `{}`", location.place.name(), location.name))
        .collect();
    (!steps.is_empty()).then(|| format!("in {}", steps.join(" of ")))
}

fn summary(loaded: &Loaded) -> Option<String> {
    let errors = loaded
        .diagnostics
        .iter()
        .filter(|found| found.is_error())
        .count()
        + loaded.settings_problems.len();
    let warnings = loaded.diagnostics.len() + loaded.settings_problems.len() - errors;
    let count = |number: usize, what: &str| match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    };
    match (errors, warnings) {
        (0, 0) => None,
        (0, _) => Some(format!("rules loaded with {}", count(warnings, "warning"))),
        (_, 0) => Some(format!("rules not loaded: {}", count(errors, "error"))),
        _ => Some(format!(
            "rules not loaded: {}, {}",
            count(errors, "error"),
            count(warnings, "warning")
        )),
    }
}
