//! The one table: which keys may stand where, of which type, what they mean by default.

mod calls;
mod names;
mod resources;
mod root;

pub use calls::{CALLS, Register, Undo};
pub use names::Names;
pub use root::{ROOT, TEST};

/// A mapping.
#[derive(Debug)]
pub struct Object {
    /// Its keys.
    pub keys: &'static [Key],
    /// Further keys that depend on the value of one.
    pub variants: Option<Variants>,
}

/// A key of a mapping.
#[derive(Debug)]
pub struct Key {
    /// As it is written.
    pub name: &'static str,
    /// What its value is.
    pub shape: Shape,
    /// Whether it may be left out.
    pub presence: Presence,
    /// What it means; sentences.
    pub does: &'static str,
    /// Whether the original lacks it.
    pub ours: bool,
}

/// Whether a key may be left out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Presence {
    /// It must be there.
    Required,
    /// It may be left out; what that means, for people.
    Optional(&'static str),
    /// It may be left out; then this is read in its place.
    Default(&'static str),
}

/// Keys that depend on the value of one.
#[derive(Debug)]
pub struct Variants {
    /// The key that decides.
    pub tag: &'static str,
    /// What the key means.
    pub does: &'static str,
    /// Its values.
    pub list: &'static [Variant],
}

/// One value of a key that decides, and the keys that come with it.
#[derive(Debug)]
pub struct Variant {
    /// The value.
    pub name: &'static str,
    /// What it stands for.
    pub does: &'static str,
    /// Whether the original lacks it.
    pub ours: bool,
    /// The keys.
    pub object: Object,
    /// What bindings may refer to, besides the keys of `args`.
    pub exposes: &'static [&'static str],
    /// How a system call is made.
    pub call: Option<Call>,
}

/// How a system call is made.
#[derive(Debug)]
pub struct Call {
    /// What goes into the registers, in their order.
    pub registers: &'static [Register],
    /// How its effect is taken back when the test ends.
    pub undo: Undo,
}

/// What a value is.
#[derive(Clone, Copy, Debug)]
pub enum Shape {
    /// Text; not empty.
    Text,
    /// Text that may be empty.
    AnyText,
    /// A name that can be a file's: not empty, without `/`.
    Name,
    /// `true` or `false`.
    Bool,
    /// A length of time: `500ms`, `2s`, `1m`.
    Duration,
    /// One of some names.
    OneOf(&'static [(&'static str, &'static str)]),
    /// The name of a priority, whatever the case.
    Priority,
    /// Names of error numbers with `|` between them, such as `ENOENT|ENOSYS`.
    Errno,
    /// A command line in one string; quotes group.
    CommandLine,
    /// Capabilities as `cap_from_text(3)` reads them.
    Capabilities,
    /// A number, or a mapping with `min` and `max`.
    Count,
    /// Names with text as values.
    Texts,
    /// Names with any values.
    Values,
    /// Addresses: `IP:port`, `[IPv6]:port`, `unix://path`.
    Address,
    /// The same, or nothing, for a Unix socket whose place does not matter.
    AddressOrNothing,
    /// Descriptor: a number, `AT_FDCWD` or a binding.
    Descriptor,
    /// A number or a binding.
    Number,
    /// A number, octal when it begins with 0.
    Mode,
    /// Bytes, as the text that they are in UTF-8.
    Bytes,
    /// A path or another string that ends with a zero byte in memory.
    CString,
    /// Numbers or names with `|` between them.
    Flags(&'static Names),
    /// A number or one name.
    Choice(&'static Names),
    /// Arguments of a program: a list.
    Strings,
    /// A list.
    List(&'static Shape),
    /// A mapping.
    Object(&'static Object),
}

impl Shape {
    /// What messages and documents call it.
    pub fn describe(&self) -> String {
        match self {
            Self::Text | Self::AnyText => "text".to_owned(),
            Self::Name => "a name without `/`".to_owned(),
            Self::Bool => "true or false".to_owned(),
            Self::Duration => "a length of time, such as 500ms, 2s or 1m".to_owned(),
            Self::OneOf(names) => {
                let names: Vec<String> =
                    names.iter().map(|(name, _)| format!("`{name}`")).collect();
                names.join(", ")
            }
            Self::Priority => "a priority, such as warning".to_owned(),
            Self::Errno => "an error such as ENOENT, or several with | between them".to_owned(),
            Self::CommandLine => "arguments in one text; quotes keep them together".to_owned(),
            Self::Capabilities => "capabilities, such as `cap_chown,cap_kill=ep`".to_owned(),
            Self::Count => "a number, or a mapping with `min` and `max`".to_owned(),
            Self::Texts => "names with texts".to_owned(),
            Self::Values => "names with values".to_owned(),
            Self::Address => "`IP:port`, `[IPv6]:port` or `unix://path`".to_owned(),
            Self::AddressOrNothing => {
                "`IP:port`, `[IPv6]:port`, or nothing for a Unix socket".to_owned()
            }
            Self::Descriptor => "a descriptor: a number, AT_FDCWD or a binding".to_owned(),
            Self::Number => "a number or a binding".to_owned(),
            Self::Mode => "permission bits, such as 0644".to_owned(),
            Self::Bytes => "bytes, as text".to_owned(),
            Self::CString => "text without zero bytes".to_owned(),
            Self::Flags(names) => format!("{}, a number or names with | between them", names.what),
            Self::Choice(names) => format!("{}, a number or a name", names.what),
            Self::Strings => "a list of texts".to_owned(),
            Self::List(_) => "a list".to_owned(),
            Self::Object(_) => "a mapping".to_owned(),
        }
    }

    /// Whether a whole value may be a binding, `${name.path}`.
    pub fn takes_binding(&self) -> bool {
        matches!(
            self,
            Self::Descriptor
                | Self::Number
                | Self::Mode
                | Self::Bytes
                | Self::CString
                | Self::Flags(_)
                | Self::Choice(_)
                | Self::Address
        )
    }
}

impl Object {
    /// A key by its name, of the mapping itself or of one variant.
    pub fn key(&self, name: &str, variant: Option<&str>) -> Option<&'static Key> {
        let own = self.keys.iter().find(|key| key.name == name);
        own.or_else(|| {
            let chosen = self.variants.as_ref()?.find(variant?)?;
            chosen.object.keys.iter().find(|key| key.name == name)
        })
    }
}

impl Variants {
    /// The variant of a value.
    pub fn find(&self, name: &str) -> Option<&'static Variant> {
        self.list.iter().find(|variant| variant.name == name)
    }
}

/// A system call of the table.
pub fn call(name: &str) -> Option<&'static Variant> {
    CALLS.iter().find(|variant| variant.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn visit(object: &Object, path: &str) {
        let mut names: Vec<&str> = object.keys.iter().map(|key| key.name).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), object.keys.len(), "{path} has a key twice");
        for key in object.keys {
            assert!(key.does.ends_with('.'), "{path}.{}", key.name);
            match &key.shape {
                Shape::Object(inner) | Shape::List(Shape::Object(inner)) => {
                    visit(inner, &format!("{path}.{}", key.name));
                }
                _ => {}
            }
        }
        for variant in object.variants.iter().flat_map(|variants| variants.list) {
            assert!(variant.does.ends_with('.'), "{path}{{{}}}", variant.name);
            visit(&variant.object, &format!("{path}{{{}}}", variant.name));
        }
    }

    #[test]
    fn the_table_is_sound() {
        visit(&ROOT, "");
    }

    #[test]
    fn registers_name_arguments_that_exist() {
        for variant in CALLS {
            let args = variant.object.keys.iter().find(|key| key.name == "args");
            let keys = match args.map(|key| &key.shape) {
                Some(Shape::Object(object)) => object.keys,
                _ => &[],
            };
            for register in variant.call.as_ref().unwrap().registers {
                let named = match register {
                    Register::Argument(name) => vec![name],
                    Register::LengthOf(buffer) => vec![buffer],
                    Register::LengthOr(name, buffer) => vec![name, buffer],
                    Register::Constant(_) => vec![],
                };
                for name in named {
                    assert!(
                        keys.iter().any(|key| key.name == *name),
                        "{} {name}",
                        variant.name
                    );
                }
            }
        }
    }
}
