//! What is wrong with rules files, and where.

use crate::source::{FileId, Span};

/// What kind of problem it is. The names and the short texts are Falco's, because scripts and
/// dashboards match them.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Code {
    /// The file cannot be read.
    FileRead,
    /// The file is not YAML.
    YamlParse,
    /// An item is not built as it should be.
    YamlValidate,
    /// A condition does not compile.
    CompileCondition,
    /// An output does not compile.
    CompileOutput,
    /// Rules, macros, lists or exceptions do not fit each other.
    Validate,
    /// An item of an extension is wrong.
    Extension,
    /// A rule is for a source that is not there.
    UnknownSource,
    /// A field is compared with the text of an absent value.
    UnsafeNaCheck,
    /// A rule is evaluated for very many event types.
    NoEventType,
    /// A rule names a field that is not there, and asked to be skipped then.
    UnknownFilter,
    /// Nothing refers to a macro.
    UnusedMacro,
    /// Nothing refers to a list.
    UnusedList,
    /// An item of unknown kind.
    UnknownItem,
    /// A key that the item does not have.
    UnknownKey,
    /// Something that will go away.
    DeprecatedItem,
    /// A warning of an extension.
    WarningExtension,
    /// An exception is appended without values.
    AppendNoValues,
    /// Two exceptions of a rule have one name.
    ExceptionNameNotUnique,
    /// The name of a macro that no condition can refer to.
    InvalidMacroName,
    /// The name of a list that no condition can refer to.
    InvalidListName,
    /// A condition compiles, but perhaps not to what was meant.
    ConditionWarning,
    /// A key that stands twice in an item; the first one counts. Falco does not say so.
    DuplicateKey,
}

impl Code {
    /// The name in machine-readable output.
    pub fn name(self) -> &'static str {
        self.texts().0
    }

    /// The short text beside the name.
    pub fn short(self) -> &'static str {
        self.texts().1
    }

    /// A sentence about the code.
    pub fn long(self) -> &'static str {
        self.texts().2
    }

    /// Whether a file with it is not loaded.
    pub fn is_error(self) -> bool {
        self <= Self::Extension
    }

    fn texts(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::FileRead => (
                "LOAD_ERR_FILE_READ",
                "File read error",
                "The rules file could not be read.",
            ),
            Self::YamlParse => (
                "LOAD_ERR_YAML_PARSE",
                "YAML parse error",
                "The rules file is not valid YAML.",
            ),
            Self::YamlValidate => (
                "LOAD_ERR_YAML_VALIDATE",
                "Error validating internal structure of YAML file",
                "An item lacks a key, or a key has a value of the wrong form.",
            ),
            Self::CompileCondition => (
                "LOAD_ERR_COMPILE_CONDITION",
                "Error compiling condition",
                "A condition has a syntax error, or compares what cannot be compared.",
            ),
            Self::CompileOutput => (
                "LOAD_ERR_COMPILE_OUTPUT",
                "Error compiling output",
                "An output names a field that is not there, or is not well-formed.",
            ),
            Self::Validate => (
                "LOAD_ERR_VALIDATE",
                "Error validating rule/macro/list/exception objects",
                "Items refer to something that is not there, or contradict each other.",
            ),
            Self::Extension => (
                "LOAD_ERR_EXTENSION",
                "Error in extension item",
                "An item of an extension is wrong.",
            ),
            Self::UnknownSource => (
                "LOAD_UNKNOWN_SOURCE",
                "Unknown event source",
                "The rule is for an event source that is not loaded; it is skipped.",
            ),
            Self::UnsafeNaCheck => (
                "LOAD_UNSAFE_NA_CHECK",
                "Unsafe <NA> check in condition",
                "A comparison with <NA> is never true for this field; use `exists`.",
            ),
            Self::NoEventType => (
                "LOAD_NO_EVTTYPE",
                "Condition has no event-type restriction",
                "The rule is evaluated for very many types of events, which costs time on each.",
            ),
            Self::UnknownFilter => (
                "LOAD_UNKNOWN_FILTER",
                "Unknown field or event-type in condition or output",
                "The rule names a field or an event type that is not there; it is skipped, as it \
                 asked to be.",
            ),
            Self::UnusedMacro => (
                "LOAD_UNUSED_MACRO",
                "Unused macro",
                "No rule and no macro refers to the macro.",
            ),
            Self::UnusedList => (
                "LOAD_UNUSED_LIST",
                "Unused list",
                "No rule, macro or list refers to the list.",
            ),
            Self::UnknownItem => (
                "LOAD_UNKNOWN_ITEM",
                "Unknown rules file item",
                "The item is of no known kind; it is skipped.",
            ),
            Self::UnknownKey => (
                "LOAD_UNKNOWN_KEY",
                "Unknown key in item",
                "The item has no such key; it is ignored.",
            ),
            Self::DeprecatedItem => (
                "LOAD_DEPRECATED_ITEM",
                "Used deprecated item",
                "This still works, and there is a better way to write it.",
            ),
            Self::WarningExtension => (
                "LOAD_WARNING_EXTENSION",
                "Warning in extension item",
                "A warning about an item of an extension.",
            ),
            Self::AppendNoValues => (
                "LOAD_APPEND_NO_VALUES",
                "Overriding/appending with no values",
                "An exception is appended without values, so nothing is appended.",
            ),
            Self::ExceptionNameNotUnique => (
                "LOAD_EXCEPTION_NAME_NOT_UNIQUE",
                "Multiple exceptions defined with the same name",
                "Two exceptions of the rule have the same name.",
            ),
            Self::InvalidMacroName => (
                "LOAD_INVALID_MACRO_NAME",
                "Invalid macro name",
                "No condition can refer to a macro of this name.",
            ),
            Self::InvalidListName => (
                "LOAD_INVALID_LIST_NAME",
                "Invalid list name",
                "No condition can refer to a list of this name.",
            ),
            Self::ConditionWarning => (
                "LOAD_COMPILE_CONDITION",
                "Warning in rule condition",
                "The condition compiles, but may not mean what was intended.",
            ),
            Self::DuplicateKey => (
                "LOAD_DUPLICATE_KEY",
                "Duplicate key in item",
                "A key stands twice in one item; only the first one counts.",
            ),
        }
    }
}

/// What a place in a rules file is, in the chain that leads to a problem.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
#[expect(missing_docs, reason = "the names are the documentation")]
pub enum Place {
    RulesContent,
    RulesContentItem,
    ValueFor,
    RequiredEngineVersion,
    RequiredPluginVersions,
    RequiredPluginVersionsEntry,
    RequiredPluginVersionsAlternative,
    List,
    ListItem,
    Macro,
    MacroCondition,
    Rule,
    RuleCondition,
    ConditionExpression,
    RuleOutput,
    RuleOutputExpression,
    RulePriority,
    Exceptions,
    Exception,
    ExceptionValues,
    ExceptionValue,
    Overrides,
    ExtensionItem,
    Example,
    Correlate,
    CorrelateStep,
}

impl Place {
    /// As it is written in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::RulesContent => "rules content",
            Self::RulesContentItem => "rules content item",
            Self::ValueFor => "value for",
            Self::RequiredEngineVersion => "required_engine_version",
            Self::RequiredPluginVersions => "required plugin versions",
            Self::RequiredPluginVersionsEntry => "required plugin versions entry",
            Self::RequiredPluginVersionsAlternative => "required plugin versions alternative",
            Self::List => "list",
            Self::ListItem => "list item",
            Self::Macro => "macro",
            Self::MacroCondition => "macro condition",
            Self::Rule => "rule",
            Self::RuleCondition => "rule condition",
            Self::ConditionExpression => "condition expression",
            Self::RuleOutput => "rule output",
            Self::RuleOutputExpression => "rule output expression",
            Self::RulePriority => "rule priority",
            Self::Exceptions => "exceptions",
            Self::Exception => "exception",
            Self::ExceptionValues => "exception values",
            Self::ExceptionValue => "exception value",
            Self::Overrides => "overrides",
            Self::ExtensionItem => "extension item",
            Self::Example => "example",
            Self::Correlate => "correlate",
            Self::CorrelateStep => "correlate step",
        }
    }
}

/// One step on the way from the file to a problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Location {
    /// What it is.
    pub place: Place,
    /// Its name, or empty.
    pub name: String,
    /// Where it stands.
    pub span: Span,
}

/// A remark on a place that has to do with a problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Label {
    /// The place.
    pub span: Span,
    /// The remark, a lower-case fragment.
    pub text: String,
}

/// One problem.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnostic {
    /// What kind it is.
    pub code: Code,
    /// What is wrong; Falco's words where they are known.
    pub message: String,
    /// Where exactly.
    pub span: Span,
    /// A remark at that place, or empty.
    pub label: String,
    /// The way from the file to the place, outermost first.
    pub locations: Vec<Location>,
    /// Other places that matter.
    pub related: Vec<Label>,
    /// What to do about it.
    pub help: Vec<String>,
    /// The name of the deprecated field, for [`Code::DeprecatedItem`] about one.
    pub deprecated_field: Option<String>,
}

impl Diagnostic {
    /// A problem at a place that a chain of locations leads to.
    pub fn new(code: Code, message: impl Into<String>, span: Span, locations: &[Location]) -> Self {
        Self {
            code,
            message: message.into(),
            span,
            label: String::new(),
            locations: locations.to_vec(),
            related: Vec::new(),
            help: Vec::new(),
            deprecated_field: None,
        }
    }

    /// Adds a remark at the place itself.
    #[must_use]
    pub fn with_label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// Adds a remark on another place.
    #[must_use]
    pub fn with_related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push(Label {
            span,
            text: text.into(),
        });
        self
    }

    /// Adds what to do about it.
    #[must_use]
    pub fn with_help(mut self, text: impl Into<String>) -> Self {
        self.help.push(text.into());
        self
    }

    /// Adds "did you mean", if there is something to suggest.
    #[must_use]
    pub fn with_suggestion(self, suggestion: Option<&str>) -> Self {
        match suggestion {
            Some(suggestion) => self.with_help(format!("did you mean `{suggestion}`?")),
            None => self,
        }
    }

    /// The file that it counts against: that of the place itself.
    pub fn file(&self) -> FileId {
        self.span.file
    }

    /// Whether it stops the load.
    pub fn is_error(&self) -> bool {
        self.code.is_error()
    }
}
