//! Transformers.

use std::mem;
use std::ops::ControlFlow;

use super::values::{Values, render};
use super::{State, base64, getopt};
use crate::ast::Transformer;
use crate::context::{Context, Shape};
use crate::pool::{OperandDefKind, OperandId, Pool};
use crate::value::Value;

/// A transformer with its arguments.
#[derive(Clone, Copy)]
pub(super) struct Call<'p> {
    pub(super) transformer: Transformer,
    pub(super) arguments: &'p [OperandId],
    pub(super) selector: Option<u8>,
}

/// Computes the values of a transformer; `None` when there are none.
pub(super) fn evaluate<C: Context + ?Sized>(
    call: Call<'_>,
    state: &mut State,
    pool: &Pool,
    context: &mut C,
    out: &mut Values,
) -> Option<()> {
    let first = *call.arguments.first()?;
    match call.transformer {
        Transformer::ToLower => {
            map_bytes(state, pool, first, context, |text| {
                out.push_bytes(text.iter().map(u8::to_ascii_lowercase));
            });
        }
        Transformer::ToUpper => {
            map_bytes(state, pool, first, context, |text| {
                out.push_bytes(text.iter().map(u8::to_ascii_uppercase));
            });
        }
        Transformer::BaseName => {
            map_bytes(state, pool, first, context, |path| {
                let name = memchr::memrchr(b'/', path).map_or(path, |slash| &path[slash + 1..]);
                out.push(Value::Bytes(name));
            });
        }
        Transformer::Base64 => {
            map_bytes(state, pool, first, context, |text| {
                let start = out.bytes.len();
                match base64::decode(text, &mut out.bytes) {
                    Some(()) => out.end_bytes(start),
                    None => out.bytes.truncate(start),
                }
            });
        }
        Transformer::Len if pool.operand(first).shape == Shape::List => {
            let mut count = 0;
            each_item(state, pool, first, context, &mut |_| count += 1)?;
            out.push(Value::U64(count));
        }
        Transformer::Len => {
            map_bytes(state, pool, first, context, |text| {
                out.push(Value::U64(text.len() as u64));
            });
        }
        Transformer::Concat => {
            for &argument in call.arguments {
                append_first(state, pool, argument, context, &mut out.bytes)?;
            }
            out.end_bytes(0);
        }
        Transformer::Join => {
            let list = *call.arguments.get(1)?;
            append_first(state, pool, first, context, &mut out.bytes)?;
            let separator = out.bytes.len();
            let mut further = false;
            let mut append = |value: Value<'_>| {
                if mem::replace(&mut further, true) {
                    out.bytes.extend_from_within(..separator);
                }
                render(value, &mut out.bytes);
            };
            each_item(state, pool, list, context, &mut append)?;
            out.end_bytes(separator);
        }
        Transformer::GetOpt => {
            let options = *call.arguments.get(1)?;
            append_first(state, pool, options, context, &mut out.bytes)?;
            out.end_bytes(0);
            let length = out.bytes.len();
            each_item(state, pool, first, context, &mut |value| out.push(value))?;
            getopt::replace_arguments(out);
            if let Some(letter) = call.selector {
                getopt::select(out, 0..length, letter);
            }
        }
    }
    (!out.items.is_empty()).then_some(())
}

/// Calls `map` with each text that an operand has.
fn map_bytes<C: Context + ?Sized>(
    state: &mut State,
    pool: &Pool,
    operand: OperandId,
    context: &mut C,
    mut map: impl FnMut(&[u8]),
) {
    state.visit(pool, operand, context, &mut |value| {
        if let Value::Bytes(bytes) = value {
            map(bytes);
        }
        ControlFlow::Continue(())
    });
}

/// Appends the first value of an operand; `None` when there is none.
fn append_first<C: Context + ?Sized>(
    state: &mut State,
    pool: &Pool,
    operand: OperandId,
    context: &mut C,
    text: &mut Vec<u8>,
) -> Option<()> {
    let mut found = None;
    state.visit(pool, operand, context, &mut |value| {
        render(value, text);
        found = Some(());
        ControlFlow::Break(())
    });
    found
}

/// Calls `visit` with each value of a list; `None` when it, or a part of a list that is written
/// out, is absent.
fn each_item<C: Context + ?Sized>(
    state: &mut State,
    pool: &Pool,
    list: OperandId,
    context: &mut C,
    visit: &mut dyn FnMut(Value<'_>),
) -> Option<()> {
    let mut each = |operand| {
        let present = state.visit(pool, operand, context, &mut |value| {
            visit(value);
            ControlFlow::Continue(())
        });
        present.then_some(())
    };
    match &pool.operand(list).kind {
        OperandDefKind::List(items) => items.iter().try_for_each(|&item| each(item)),
        _ => each(list),
    }
}
