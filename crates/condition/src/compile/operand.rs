//! Fields and transformers: names are resolved and the types of arguments checked.

use super::error::CompileErrorKind;
use super::{Compilation, PoolBuilder};
use crate::ast::{Call, FieldRef, Operand, OperandKind, Transformer};
use crate::context::{FieldDesc, Shape};
use crate::pool::{OperandDefKind, OperandId};
use crate::span::Span;
use crate::value::ValueType;

/// A resolved operand. Errors are in the [`Compilation`] already when there is none.
#[derive(Clone, Copy)]
pub(super) struct Resolved {
    pub(super) id: OperandId,
    pub(super) ty: ValueType,
    pub(super) shape: Shape,
    /// The description, when it is a field without a transformer.
    pub(super) field: Option<FieldDesc>,
}

impl PoolBuilder {
    pub(super) fn operand(
        &mut self,
        operand: &Operand,
        compilation: &mut Compilation<'_>,
    ) -> Option<Resolved> {
        match &operand.kind {
            OperandKind::Field(field) => self.field(field, operand.span, compilation),
            OperandKind::Call(call) => self.call(call, operand.span, compilation),
            OperandKind::Constant(bytes) => {
                let kind = OperandDefKind::Constant(bytes.as_slice().into());
                Some(self.define(kind, ValueType::String, Shape::Scalar))
            }
            OperandKind::List(items) => {
                let items: Vec<_> = items
                    .iter()
                    .map(|item| self.argument(item, compilation))
                    .collect();
                let items: Option<Vec<_>> = items.into_iter().collect();
                let items = items?.into_iter().map(|item| item.id).collect();
                Some(self.define(OperandDefKind::List(items), ValueType::String, Shape::List))
            }
        }
    }

    fn field(
        &mut self,
        field: &FieldRef,
        span: Span,
        compilation: &mut Compilation<'_>,
    ) -> Option<Resolved> {
        match compilation
            .catalog
            .resolve(&field.name, field.argument.as_deref())
        {
            Ok(desc) => {
                let kind = OperandDefKind::Field(desc.id);
                let resolved = self.define(kind, desc.ty, desc.shape);
                let cost = compilation.catalog.cost(desc.id);
                let lasts = compilation.catalog.lasts(desc.id);
                self.describe_field(resolved.id, cost, lasts);
                Some(Resolved {
                    field: Some(desc),
                    ..resolved
                })
            }
            Err(error) => {
                let field = field.to_string();
                compilation.error(span, CompileErrorKind::Field { field, error });
                None
            }
        }
    }

    /// An operand that stands inside a transformer.
    fn argument(
        &mut self,
        operand: &Operand,
        compilation: &mut Compilation<'_>,
    ) -> Option<Resolved> {
        let resolved = self.operand(operand, compilation)?;
        if resolved
            .field
            .is_some_and(|desc| !desc.transformers_allowed)
        {
            let kind = CompileErrorKind::FieldNotTransformable(operand.to_string());
            compilation.error(operand.span, kind);
            return None;
        }
        Some(resolved)
    }

    fn call(
        &mut self,
        call: &Call,
        span: Span,
        compilation: &mut Compilation<'_>,
    ) -> Option<Resolved> {
        let transformer = call.transformer;
        let selector = match (&call.selector, transformer) {
            (None, _) => None,
            (Some(selector), Transformer::GetOpt) => match selector.as_bytes() {
                &[letter] => Some(letter),
                _ => {
                    let expected = "one letter in brackets: the option to select";
                    let kind = CompileErrorKind::Arguments {
                        transformer,
                        expected,
                    };
                    compilation.error(span, kind);
                    return None;
                }
            },
            (Some(_), transformer) => {
                compilation.error(span, CompileErrorKind::SelectorNotSupported(transformer));
                return None;
            }
        };
        let arguments: Vec<_> = call
            .arguments
            .iter()
            .map(|argument| self.argument(argument, compilation))
            .collect();
        let arguments: Option<Vec<_>> = arguments.into_iter().collect();
        let arguments = arguments?;
        // The parts of a list that is written out may be of any type for `join`, which makes them
        // text, but not for `getopt`.
        let texts_only = transformer != Transformer::GetOpt
            || call
                .arguments
                .first()
                .is_none_or(|list| self.lists_texts(list, arguments[0].id));
        match result_type(transformer, &arguments, selector.is_some()) {
            Ok((ty, shape)) if texts_only => {
                let arguments = arguments.into_iter().map(|argument| argument.id).collect();
                let kind = OperandDefKind::Call {
                    transformer,
                    arguments,
                    selector,
                };
                Some(self.define(kind, ty, shape))
            }
            Ok(_) => {
                let expected = "a list of texts and a text that names the options";
                compilation.error(
                    span,
                    CompileErrorKind::Arguments {
                        transformer,
                        expected,
                    },
                );
                None
            }
            Err(expected) => {
                compilation.error(
                    span,
                    CompileErrorKind::Arguments {
                        transformer,
                        expected,
                    },
                );
                None
            }
        }
    }

    /// Whether a list that is written out has only texts.
    fn lists_texts(&self, list: &Operand, id: OperandId) -> bool {
        match (&list.kind, &self.operand_def(id).kind) {
            (OperandKind::List(_), OperandDefKind::List(items)) => items
                .iter()
                .all(|&item| self.operand_def(item).ty.is_text()),
            _ => true,
        }
    }
}

/// What a transformer makes of its arguments, or what it takes instead.
fn result_type(
    transformer: Transformer,
    arguments: &[Resolved],
    selected: bool,
) -> Result<(ValueType, Shape), &'static str> {
    let text = |argument: &Resolved| argument.ty.is_text();
    let one_text = |argument: &Resolved| text(argument) && argument.shape == Shape::Scalar;
    match (transformer, arguments) {
        (Transformer::ToLower | Transformer::ToUpper | Transformer::BaseName, [argument])
            if text(argument) =>
        {
            Ok((ValueType::String, argument.shape))
        }
        (Transformer::ToLower | Transformer::ToUpper | Transformer::BaseName, _) => Err("one text"),
        (Transformer::Base64, [argument]) if text(argument) => {
            Ok((ValueType::String, argument.shape))
        }
        (Transformer::Base64, [argument]) if argument.ty == ValueType::Buffer => {
            Ok((ValueType::Buffer, argument.shape))
        }
        (Transformer::Base64, _) => Err("one text or buffer"),
        (Transformer::Len, [argument]) if argument.shape == Shape::List => {
            Ok((ValueType::Uint(64), Shape::Scalar))
        }
        (Transformer::Len, [argument]) if text(argument) || argument.ty == ValueType::Buffer => {
            Ok((ValueType::Uint(64), argument.shape))
        }
        (Transformer::Len, _) => Err("one list, text or buffer"),
        (Transformer::Join, [separator, list])
            if one_text(separator) && list.shape == Shape::List =>
        {
            Ok((ValueType::String, Shape::Scalar))
        }
        (Transformer::Join, _) => Err("a text to put between, and a list"),
        (Transformer::Concat, [_, _, ..]) if arguments.iter().all(one_text) => {
            Ok((ValueType::String, Shape::Scalar))
        }
        (Transformer::Concat, _) => Err("at least two texts"),
        (Transformer::GetOpt, [list, options])
            if text(list) && list.shape == Shape::List && one_text(options) =>
        {
            let shape = if selected { Shape::Scalar } else { Shape::List };
            Ok((ValueType::String, shape))
        }
        (Transformer::GetOpt, _) => Err("a list of texts and a text that names the options"),
    }
}
