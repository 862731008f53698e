//! Output templates: `Shell in container (user=%user.name cmd=%proc.cmdline)`.
//!
//! A template is compiled when its rule is loaded; then an event costs neither a parse nor a search
//! for a name. After `%` stands an optional width and a field with its argument, or a transformer:
//! `%proc.name`, `%20proc.aname[2]`, `%toupper(proc.name)`. There is no way to escape `%`. Where a
//! field ends is not marked, so the longest field that there is wins: in `%proc.name.` and
//! `%proc.name[%proc.pid]`, the field is `proc.name`.

use std::ops::ControlFlow;

use condition::{
    Catalog, CompileError, Evaluator, FieldError, FieldId, FieldRef, Operand, OperandId,
    OperandKind, ParseError, ParseOptions, PoolBuilder, parse_operand,
};

use crate::catalog::Fields;
use crate::context::EventContext;
use crate::output::{ABSENT, OutputValue, Style, write_value};

mod error;

pub use error::{TemplateError, TemplateErrorKind};

/// A field that older rules name and that stands for a text about the container.
const CONTAINER_INFO: &str = "container.info";

/// A compiled output text.
#[derive(Clone, Debug, Default)]
pub struct Template {
    segments: Vec<Segment>,
    fields: Vec<FieldId>,
    has_container_info: bool,
}

#[derive(Clone, Debug)]
enum Segment {
    Literal(Box<str>),
    Field {
        field: FieldId,
        /// Its place among the fields of the template.
        place: usize,
        width: Option<usize>,
    },
    Call {
        operand: OperandId,
        width: Option<usize>,
    },
}

impl Template {
    /// Compiles a text. Transformers go into `pool`; the [`Evaluator`] that the template is later
    /// rendered with must be made from it.
    ///
    /// # Errors
    ///
    /// The first `%` that is not followed by a field or transformer.
    pub fn compile(
        text: &str,
        fields: &mut Fields,
        pool: &mut PoolBuilder,
    ) -> Result<Self, TemplateError> {
        let mut template = Self::default();
        let mut rest = text;
        while let Some(at) = rest.find('%') {
            let (literal, from_sign) = rest.split_at(at);
            template.push_literal(literal);
            let offset = text.len() - from_sign.len();
            let taken = template
                .push_token(&from_sign[1..], fields, pool)
                .map_err(|kind| TemplateError { kind, offset })?;
            rest = &from_sign[1 + taken..];
        }
        template.push_literal(rest);
        Ok(template)
    }

    fn push_literal(&mut self, text: &str) {
        if !text.is_empty() {
            self.segments.push(Segment::Literal(text.into()));
        }
    }

    /// Compiles what follows a `%`; returns how many bytes it takes.
    fn push_token(
        &mut self,
        text: &str,
        fields: &mut Fields,
        pool: &mut PoolBuilder,
    ) -> Result<usize, TemplateErrorKind> {
        let digits = text.bytes().take_while(u8::is_ascii_digit).count();
        let (number, text) = text.split_at(digits);
        let width = match number {
            "" => None,
            number => Some(
                number
                    .parse()
                    .ok()
                    .filter(|&width| width <= MAX_WIDTH)
                    .ok_or_else(|| TemplateErrorKind::Width {
                        width: number.to_owned(),
                        limit: MAX_WIDTH,
                    })?,
            ),
        };
        if text.is_empty() {
            return Err(TemplateErrorKind::Ends);
        }
        let (operand, length) = match longest(text, fields) {
            Ok(found) => found,
            Err(_) if text.starts_with(CONTAINER_INFO) => {
                self.has_container_info = true;
                return Ok(digits + CONTAINER_INFO.len());
            }
            Err(error) => return Err(error),
        };
        let segment = match &operand.kind {
            OperandKind::Field(field) => {
                let field = resolve(field, fields)?;
                let place = self.add_field(field);
                Segment::Field {
                    field,
                    place,
                    width,
                }
            }
            _ => {
                self.add_fields_of(&operand, fields)?;
                let operand = pool.add_operand(&operand, fields)?;
                Segment::Call { operand, width }
            }
        };
        self.segments.push(segment);
        Ok(digits + length)
    }

    /// The place of a field among the fields.
    fn add_field(&mut self, field: FieldId) -> usize {
        let known = self.fields.iter().position(|known| *known == field);
        known.unwrap_or_else(|| {
            self.fields.push(field);
            self.fields.len() - 1
        })
    }

    fn add_fields_of(
        &mut self,
        operand: &Operand,
        fields: &mut Fields,
    ) -> Result<(), TemplateErrorKind> {
        match &operand.kind {
            OperandKind::Field(field) => {
                let field = resolve(field, fields)?;
                self.add_field(field);
            }
            OperandKind::Call(call) => {
                for argument in &call.arguments {
                    self.add_fields_of(argument, fields)?;
                }
            }
            OperandKind::List(items) => {
                for item in items {
                    self.add_fields_of(item, fields)?;
                }
            }
            OperandKind::Constant(_) => {}
        }
        Ok(())
    }

    /// The fields that the text names, also inside transformers, each once, in the order of their
    /// first mention. [`EventContext::output_value`] gives what belongs into `output_fields`, under
    /// the names of [`Fields::expression`].
    pub fn fields(&self) -> &[FieldId] {
        &self.fields
    }

    /// Whether the text mentions `%container.info`, which is left out and no longer means anything.
    pub fn has_container_info(&self) -> bool {
        self.has_container_info
    }

    /// Appends the text of an event. Fields and transformers without a value print as [`ABSENT`].
    pub fn render(
        &self,
        context: &mut EventContext<'_>,
        evaluator: &mut Evaluator,
        out: &mut String,
    ) {
        self.render_with(context, evaluator, out, &mut |_, _| false);
    }

    /// As [`render`](Self::render), but asks `known` for the text of each field first, by its place
    /// in [`fields`](Self::fields): it appends it and returns true, or returns false.
    pub fn render_with(
        &self,
        context: &mut EventContext<'_>,
        evaluator: &mut Evaluator,
        out: &mut String,
        known: &mut dyn FnMut(usize, &mut String) -> bool,
    ) {
        for segment in &self.segments {
            let mark = out.len();
            let width = match segment {
                Segment::Literal(text) => {
                    out.push_str(text);
                    continue;
                }
                Segment::Field {
                    field,
                    place,
                    width,
                } => {
                    if !known(*place, out) {
                        context.write_text(*field, out);
                    }
                    width
                }
                Segment::Call { operand, width } => {
                    write_call(*operand, context, evaluator, out);
                    width
                }
            };
            if let Some(width) = *width {
                fit(out, mark, width);
            }
        }
    }

    /// Visits the typed value of every field that the text names.
    pub fn output_fields(
        &self,
        context: &mut EventContext<'_>,
        mut visit: impl FnMut(&str, OutputValue),
    ) {
        for &field in &self.fields {
            let value = context.output_value(field);
            visit(context.fields().expression(field), value);
        }
    }
}

/// No text is padded to more characters than this.
const MAX_WIDTH: usize = 1 << 16;

impl From<Vec<CompileError>> for TemplateErrorKind {
    fn from(errors: Vec<CompileError>) -> Self {
        Self::Transformer(errors)
    }
}

fn resolve(field: &FieldRef, fields: &mut Fields) -> Result<FieldId, TemplateErrorKind> {
    match fields.resolve(&field.name, field.argument.as_deref()) {
        Ok(desc) => Ok(desc.id),
        Err(error) => Err(TemplateErrorKind::Field {
            name: field.name.clone(),
            error,
        }),
    }
}

/// Whether all fields of an operand exist; the first error if not.
fn check(operand: &Operand, fields: &mut Fields) -> Result<(), TemplateErrorKind> {
    match &operand.kind {
        OperandKind::Field(field) => resolve(field, fields).map(|_| ()),
        // The transformer itself, and what is in it, cannot be cut off.
        _ => Ok(()),
    }
}

/// The longest beginning of a text that is a field or a transformer, with its length.
fn longest(text: &str, fields: &mut Fields) -> Result<(Operand, usize), TemplateErrorKind> {
    let parse = |text: &str| parse_operand(text, ParseOptions::default());
    let whole = match parse(text) {
        Ok((operand, length)) => match check(&operand, fields) {
            Ok(()) => return Ok((operand, length)),
            Err(error) => error,
        },
        Err(error) => TemplateErrorKind::Syntax(error),
    };
    let name = text
        .bytes()
        .take_while(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.'))
        .count();
    // What the grammar takes for an argument, or for more of a name, may be plain text.
    for end in (1..=name).rev() {
        if let Ok((operand, length)) = parse(&text[..end])
            && length == end
            && check(&operand, fields).is_ok()
        {
            return Ok((operand, length));
        }
    }
    Err(whole)
}

fn write_call(
    operand: OperandId,
    context: &mut EventContext<'_>,
    evaluator: &mut Evaluator,
    out: &mut String,
) {
    let mut first = true;
    let present = evaluator.each_value(operand, context, &mut |value| {
        if !first {
            out.push(',');
        }
        first = false;
        write_value(value, Style::PLAIN, out);
        ControlFlow::Continue(())
    });
    if !present {
        out.push_str(ABSENT);
    }
}

/// Pads what follows `mark` with blanks, or cuts it, to a number of characters.
fn fit(out: &mut String, mark: usize, width: usize) {
    let length = out[mark..].chars().count();
    if length < width {
        out.extend(std::iter::repeat_n(' ', width - length));
    } else if let Some((end, _)) = out[mark..].char_indices().nth(width) {
        out.truncate(mark + end);
    }
}

impl TemplateErrorKind {
    /// Whether the text names a field that does not exist (and not a wrong use of one that does).
    pub fn is_unknown_field(&self) -> bool {
        matches!(
            self,
            Self::Field {
                error: FieldError::Unknown { .. },
                ..
            } | Self::Syntax(_)
        )
    }
}

impl From<ParseError> for TemplateErrorKind {
    fn from(error: ParseError) -> Self {
        Self::Syntax(error)
    }
}
