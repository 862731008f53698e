//! The list of fields, as `--list` shows it and as `docs/fields.md` has it.

use std::fmt::Write as _;

use condition::ValueType;
use serde_json::{Value, json};

use crate::table::{ArgumentKind, Class, FieldFlags, FieldInfo, Sources, classes};

/// What to list, and how.
#[derive(Clone, Copy, Default, Debug)]
pub struct ListOptions<'a> {
    /// Only fields of events of this source.
    pub source: Option<&'a str>,
    /// Names, and nothing else.
    pub names_only: bool,
    /// Types as well.
    pub verbose: bool,
    /// The form.
    pub format: ListFormat,
}

/// The form of the list.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum ListFormat {
    /// For a terminal of 120 columns.
    #[default]
    Text,
    /// Tables in Markdown.
    Markdown,
    /// One JSON object.
    Json,
}

/// Lists the fields that are not hidden.
pub fn list_fields(options: ListOptions<'_>) -> String {
    match (options.format, options.names_only) {
        (ListFormat::Json, true) => {
            let names: Vec<_> = listed(options)
                .flat_map(shown)
                .map(|info| info.name)
                .collect();
            format!("{}\n", json!({ "fieldnames": names }))
        }
        (_, true) => listed(options)
            .flat_map(shown)
            .fold(String::new(), |mut out, info| {
                out.push_str(info.name);
                out.push('\n');
                out
            }),
        (ListFormat::Json, false) => {
            let classes: Vec<_> = listed(options).map(class_json).collect();
            format!("{}\n", json!({ "fieldclasses": classes }))
        }
        (ListFormat::Text, false) => listed(options)
            .map(|class| class_text(class, options))
            .collect(),
        (ListFormat::Markdown, false) => listed(options).map(class_markdown).collect(),
    }
}

/// The documentation page about fields.
pub fn fields_page() -> String {
    let options = ListOptions {
        format: ListFormat::Markdown,
        ..ListOptions::default()
    };
    format!(
        "# Fields\n\n\
         <!-- Made from crates/field/table/fields.txt. -->\n\n\
         What conditions and outputs can name. A field that has no value in an event makes every \
         check of it false and prints as `<NA>`. *Marks*: `A` needs an argument, `a` takes one, `L` has \
         several values that only list operators compare, `E` several of which one has to match, `F` \
         is for conditions only, `P` for outputs only, `D` is deprecated, `N` never has a value.\n\n{}",
        list_fields(options)
    )
}

fn listed(options: ListOptions<'_>) -> impl Iterator<Item = &'static Class> {
    classes().iter().filter(move |class| match options.source {
        None | Some("syscall") => shown(class).next().is_some(),
        Some(_) => class.sources == Sources::Any,
    })
}

fn shown(class: &Class) -> impl Iterator<Item = &'static FieldInfo> + use<> {
    class
        .fields()
        .iter()
        .filter(|info| !info.is(FieldFlags::HIDDEN))
}

/// The width of the first column of the text form.
const NAME_WIDTH: usize = 32;

/// The width of the text form as a whole.
const WIDTH: usize = 120;

fn class_text(class: &Class, options: ListOptions<'_>) -> String {
    let mut out = format!("{}\n", "-".repeat(34));
    let mut heading = |name: &str, value: &str| {
        put(&mut out, name, value, NAME_WIDTH - 2);
    };
    heading("Field Class:", class.name);
    heading("Description:", class.doc);
    heading("Event Sources:", source_name(class.sources));
    out.push('\n');
    for info in shown(class) {
        let mut doc = String::new();
        let tags = tags(info);
        if !tags.is_empty() {
            // Writing to a string cannot fail.
            let _ = write!(doc, "({}) ", tags.join(","));
        }
        if options.verbose {
            let _ = write!(doc, "(Type: {}) ", type_name(info.ty));
        }
        doc.push_str(info.doc);
        put(&mut out, info.name, &doc, NAME_WIDTH);
    }
    out.push('\n');
    out
}

/// Appends two columns, the second one wrapped.
fn put(out: &mut String, left: &str, right: &str, width: usize) {
    let mut column = left.len();
    out.push_str(left);
    if column >= width {
        out.push('\n');
        column = 0;
    }
    let mut first = true;
    for word in right.split(' ') {
        if !first && column + 1 + word.chars().count() > WIDTH {
            out.push('\n');
            column = 0;
            first = true;
        }
        if first {
            out.extend(std::iter::repeat_n(' ', width.saturating_sub(column)));
            column = width;
        } else {
            out.push(' ');
            column += 1;
        }
        out.push_str(word);
        column += word.chars().count();
        first = false;
    }
    out.push('\n');
}

fn class_markdown(class: &Class) -> String {
    let mut out = format!(
        "## {} ({})\n\n{} Event sources: {}.\n\nName | Type | Marks | Description\n:--|:--|:--|:--\n",
        class.name,
        source_name(class.sources),
        class.doc,
        source_name(class.sources),
    );
    for info in shown(class) {
        let _ = writeln!(
            out,
            "`{}` | {} | {} | {}",
            usage(info),
            type_name(info.ty),
            marks(info),
            info.doc.replace('|', "\\|")
        );
    }
    out.push('\n');
    out
}

fn class_json(class: &Class) -> Value {
    let fields: Vec<_> = shown(class)
        .map(|info| {
            json!({
                "name": info.name,
                "desc": info.doc,
                "type": type_name(info.ty),
                "tags": tags(info),
            })
        })
        .collect();
    json!({
        "name": class.name,
        "desc": class.doc,
        "event_sources": [source_name(class.sources)],
        "fields": fields,
    })
}

fn source_name(sources: Sources) -> &'static str {
    match sources {
        Sources::Any => "any",
        Sources::Syscall => "syscall",
    }
}

/// The name with its argument.
fn usage(info: &FieldInfo) -> String {
    let Some(rule) = info.argument else {
        return info.name.to_owned();
    };
    let what = match rule.kind {
        ArgumentKind::Index => "N",
        ArgumentKind::Key => "KEY",
        ArgumentKind::Item => "N or KEY",
        ArgumentKind::Param | ArgumentKind::Name => "PARAMETER",
        ArgumentKind::Event => "EVENT",
        ArgumentKind::Moment => "MOMENT",
        ArgumentKind::Side => "src, .dst",
    };
    match (rule.dotted, rule.required) {
        (true, true) => format!("{}.{what}", info.name),
        (true, false) => format!("{} [.{what}]", info.name),
        (false, true) => format!("{}[{what}]", info.name),
        (false, false) => format!("{} [[{what}]]", info.name),
    }
}

fn tags(info: &FieldInfo) -> Vec<&'static str> {
    let argument = info.argument.map(|rule| {
        if rule.required {
            "ARG_REQUIRED"
        } else {
            "ARG_ALLOWED"
        }
    });
    let flags = [
        (FieldFlags::LIST, "IS_LIST"),
        (FieldFlags::FILTER_ONLY, "FILTER ONLY"),
        (FieldFlags::PRINT_ONLY, "PRINT ONLY"),
        (FieldFlags::DEPRECATED, "DEPRECATED"),
    ];
    argument
        .into_iter()
        .chain(
            flags
                .iter()
                .filter(|(flag, _)| info.is(*flag))
                .map(|(_, tag)| *tag),
        )
        .collect()
}

fn marks(info: &FieldInfo) -> String {
    let mut out = String::new();
    out.extend(
        info.argument
            .map(|rule| if rule.required { 'A' } else { 'a' }),
    );
    let flags = [
        (FieldFlags::LIST, 'L'),
        (FieldFlags::ANY, 'E'),
        (FieldFlags::FILTER_ONLY, 'F'),
        (FieldFlags::PRINT_ONLY, 'P'),
        (FieldFlags::DEPRECATED, 'D'),
        (FieldFlags::ABSENT, 'N'),
    ];
    out.extend(
        flags
            .iter()
            .filter(|(flag, _)| info.is(*flag))
            .map(|(_, mark)| *mark),
    );
    out
}

/// The name of a type in lists.
pub fn type_name(ty: Option<ValueType>) -> &'static str {
    match ty {
        None => "DYNAMIC",
        Some(ValueType::String) => "CHARBUF",
        Some(ValueType::Path) => "FSPATH",
        Some(ValueType::Buffer) => "BYTEBUF",
        Some(ValueType::Int(8)) => "INT8",
        Some(ValueType::Int(16)) => "INT16",
        Some(ValueType::Int(32)) => "INT32",
        Some(ValueType::Int(_)) => "INT64",
        Some(ValueType::Uint(8)) => "UINT8",
        Some(ValueType::Uint(16)) => "UINT16",
        Some(ValueType::Uint(32)) => "UINT32",
        Some(ValueType::Uint(_)) => "UINT64",
        Some(ValueType::Double) => "DOUBLE",
        Some(ValueType::Bool) => "BOOL",
        Some(ValueType::RelTime) => "RELTIME",
        Some(ValueType::AbsTime) => "ABSTIME",
        Some(ValueType::Port) => "PORT",
        Some(ValueType::IpAddr) => "IPADDR",
        Some(ValueType::IpNet) => "IPNET",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_listed_once_each_and_hidden_ones_not_at_all() {
        let names = list_fields(ListOptions {
            names_only: true,
            ..ListOptions::default()
        });
        let mut names: Vec<_> = names.lines().collect();
        assert!(names.contains(&"proc.name") && names.contains(&"container.id"));
        assert!(!names.contains(&"thread.nametid"));
        let count = names.len();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), count);
    }

    #[test]
    fn a_plugin_source_has_the_general_fields_only() {
        let options = ListOptions {
            source: Some("k8s_audit"),
            names_only: true,
            ..ListOptions::default()
        };
        let names = list_fields(options);
        assert!(names.contains("evt.hostname") && !names.contains("proc.name"));
    }

    #[test]
    fn text_is_wrapped_into_its_column() {
        let text = list_fields(ListOptions {
            verbose: true,
            ..ListOptions::default()
        });
        assert!(
            text.lines().all(|line| line.chars().count() <= WIDTH),
            "a line is too long"
        );
        let line = text
            .lines()
            .find(|line| line.starts_with("fd.num "))
            .unwrap();
        assert_eq!(line.find("(Type: INT64)"), Some(NAME_WIDTH));
        assert!(text.contains("Field Class:                  fs.path\n"));
    }

    #[test]
    fn json_has_every_class() {
        let options = ListOptions {
            format: ListFormat::Json,
            ..ListOptions::default()
        };
        let list: Value = serde_json::from_str(&list_fields(options)).unwrap();
        let classes = list["fieldclasses"].as_array().unwrap();
        assert_eq!(classes.len(), 9);
        let fields = classes[0]["fields"].as_array().unwrap();
        assert_eq!(fields[0]["name"], "evt.num");
        assert_eq!(fields[0]["type"], "UINT64");
    }

    #[test]
    fn the_page_says_how_arguments_are_written() {
        let page = fields_page();
        for usage in [
            "`evt.arg.PARAMETER`",
            "`proc.aname [[N]]`",
            "`container.label[KEY]`",
        ] {
            assert!(page.contains(usage), "{usage}");
        }
    }
}
