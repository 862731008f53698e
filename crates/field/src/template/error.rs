//! Why a template is wrong.

use std::fmt;

use condition::{CompileError, FieldError, ParseError};

/// Why a template is wrong, and where.
#[derive(Clone, PartialEq, Debug)]
pub struct TemplateError {
    /// Why.
    pub kind: TemplateErrorKind,
    /// The byte offset of the `%`.
    pub offset: usize,
}

/// Why a template is wrong.
#[derive(Clone, PartialEq, Debug)]
pub enum TemplateErrorKind {
    /// Nothing follows the `%`.
    Ends,
    /// The width is too large a number.
    Width {
        /// As written.
        width: String,
        /// The largest that is possible.
        limit: usize,
    },
    /// What follows is neither a field nor a transformer.
    Syntax(ParseError),
    /// The field does not exist, or its argument is wrong.
    Field {
        /// Its name.
        name: String,
        /// What is wrong.
        error: FieldError,
    },
    /// The transformer is not used as it can be.
    Transformer(Vec<CompileError>),
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.kind.fmt(f)
    }
}

impl fmt::Display for TemplateErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ends => f.write_str("expected a field after `%`, but the text ends"),
            Self::Width { width, limit } => {
                write!(f, "width {width} is too large, at most {limit} is possible")
            }
            Self::Syntax(error) => write!(f, "expected a field after `%`: {error}"),
            Self::Field { name, error } => write_field_error(f, name, error),
            Self::Transformer(errors) => {
                for (index, error) in errors.iter().enumerate() {
                    let separator = if index > 0 { "; " } else { "" };
                    write!(f, "{separator}{error}")?;
                }
                Ok(())
            }
        }
    }
}

fn write_field_error(f: &mut fmt::Formatter<'_>, name: &str, error: &FieldError) -> fmt::Result {
    match error {
        FieldError::Unknown { suggestion: None } => write!(f, "unknown field `{name}`"),
        FieldError::Unknown {
            suggestion: Some(near),
        } => {
            write!(f, "unknown field `{name}`; did you mean `{near}`?")
        }
        FieldError::ArgumentRequired => {
            write!(f, "field `{name}` needs an argument in brackets")
        }
        FieldError::ArgumentNotAllowed => write!(f, "field `{name}` takes no argument"),
        FieldError::InvalidArgument(why) => write!(f, "wrong argument of field `{name}`: {why}"),
    }
}

impl std::error::Error for TemplateError {}
