//! From YAML to items: every item and key that a rules file may have, and what to say of the
//! others.

mod correlate;
mod exception;
mod item;
mod overrides;
mod rule;
mod value;

use crate::diagnostic::{Code, Diagnostic, Location, Place};
use crate::item::Item;
use crate::source::{FileId, Source, Span};
use crate::yaml::{self, Entry, Kind};

/// What stands in one file.
#[derive(Debug, Default)]
pub(crate) struct Contents {
    pub(crate) items: Vec<Item>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Names of macros, lists and rules whose items could not be read: they are somewhere, so
    /// nobody should be told that they are undefined.
    pub(crate) unreadable: Vec<String>,
}

/// Reads a file. Problems do not end it: what can be understood is.
pub(crate) fn read(file: FileId, source: &Source) -> Contents {
    let mut contents = Contents::default();
    let root = Location {
        place: Place::RulesContent,
        name: String::new(),
        span: Span::start_of(file),
    };
    if u32::try_from(source.text.len()).is_err() {
        let message = "the file is larger than 4 GiB";
        contents.diagnostics.push(Diagnostic::new(
            Code::FileRead,
            message,
            root.span,
            std::slice::from_ref(&root),
        ));
        return contents;
    }
    let (documents, broken) = yaml::parse(file, &source.text);
    for broken in broken {
        note_unreadable(&broken.partial, &mut contents);
        let mut diagnostic = Diagnostic::new(
            Code::YamlParse,
            broken.message,
            broken.span,
            std::slice::from_ref(&root),
        );
        diagnostic.help.extend(broken.help.map(str::to_owned));
        contents.diagnostics.push(diagnostic);
    }
    let mut reader = Reader {
        diagnostics: Vec::new(),
        chain: vec![root],
    };
    for document in documents {
        match &document.kind {
            Kind::Null => {}
            Kind::Sequence(items) => {
                for item in items {
                    let before = reader.diagnostics.len();
                    match reader.item(item) {
                        Some(item) => contents.items.push(item),
                        None if reader.diagnostics.len() > before => {
                            if let Kind::Mapping(entries) = &item.kind {
                                note_unreadable(entries, &mut contents);
                            }
                        }
                        None => {}
                    }
                }
            }
            _ => reader.error(
                Code::YamlValidate,
                "Rules content is not yaml array of objects",
                document.span,
                format!(
                    "expected a sequence of items, found {}",
                    document.describe()
                ),
            ),
        }
    }
    contents.diagnostics.append(&mut reader.diagnostics);
    contents
}

fn note_unreadable(entries: &[Entry], contents: &mut Contents) {
    for entry in entries {
        let key = entry.key.scalar().map(|key| key.as_str().to_owned());
        if matches!(key.as_deref(), Some("macro" | "list" | "rule"))
            && let Some(name) = entry.value.scalar()
        {
            contents.unreadable.push(name.as_str().to_owned());
        }
    }
}

/// Reads items, remembering where it is.
struct Reader {
    diagnostics: Vec<Diagnostic>,
    chain: Vec<Location>,
}

impl Reader {
    fn push(&mut self, code: Code, message: impl Into<String>, span: Span) -> &mut Diagnostic {
        let diagnostic = Diagnostic::new(code, message, span, &self.chain);
        self.diagnostics.push(diagnostic);
        self.diagnostics.last_mut().expect("it was just pushed")
    }

    fn error(&mut self, code: Code, message: &str, span: Span, label: impl Into<String>) {
        self.push(code, message, span).label = label.into();
    }

    /// Does something one step further down the chain of locations.
    fn within<T>(
        &mut self,
        place: Place,
        name: &str,
        span: Span,
        work: impl FnOnce(&mut Self) -> T,
    ) -> T {
        self.chain.push(Location {
            place,
            name: name.to_owned(),
            span,
        });
        let result = work(self);
        self.chain.pop();
        result
    }
}
