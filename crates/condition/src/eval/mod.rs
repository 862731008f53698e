//! From program and event to a verdict.
//!
//! What was found out about an event is stamped with the number of the event, its epoch: nothing
//! has to be cleared for the next one, and each node of the graph is evaluated at most once per
//! event, however many conditions contain it.

mod base64;
mod getopt;
mod transform;
mod values;

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ast::Quantifier;
use crate::context::{Context, Shape};
use crate::matching::matcher::{Matcher, compare};
use crate::pool::{CheckId, CondId, NodeDef, OperandDefKind, OperandId, Pool};
use crate::program::{Fold, Test};
use crate::value::Value;
use transform::Call;
use values::Values;

/// Evaluates the conditions of a pool, one event after another. Holds what was found out about
/// the current event and the scratch space for it; after some events it needs no more memory.
#[derive(Debug)]
pub struct Evaluator {
    pool: Arc<Pool>,
    state: State,
}

impl Evaluator {
    /// An evaluator for a pool.
    pub fn new(pool: Arc<Pool>) -> Self {
        let state = State::new(&pool);
        Self { pool, state }
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Forgets the event before. Must be called whenever the values in the context may have
    /// changed.
    pub fn begin_event(&mut self) {
        self.state.begin_event();
    }

    /// Whether a condition of the pool holds in the current event.
    pub fn matches<C: Context + ?Sized>(&mut self, condition: CondId, context: &mut C) -> bool {
        self.state.condition(&self.pool, condition, context)
    }

    /// Calls `visit` with each value of a field or transformer until it breaks. Returns whether
    /// there is any value.
    pub fn each_value<C: Context + ?Sized>(
        &mut self,
        operand: OperandId,
        context: &mut C,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> bool {
        self.state.visit(&self.pool, operand, context, visit)
    }
}

#[derive(Debug)]
struct State {
    /// The number of the current event; never 0, and less than 2³¹.
    epoch: u32,
    /// For each node the epoch of its result, shifted left by one, and the result.
    nodes: Vec<u32>,
    /// For each operand that is a transformer its values.
    transformed: Vec<Transformed>,
    look_ups: Vec<LookUp>,
    /// Space for values of a right-hand side.
    right: Values,
    /// Space for text that must become UTF-8.
    text: String,
}

#[derive(Debug, Default)]
struct Transformed {
    epoch: u32,
    present: bool,
    values: Values,
}

/// The answers of a [`TextIndex`](crate::program::TextIndex).
#[derive(Debug)]
struct LookUp {
    epoch: u32,
    /// Whether there is a value.
    present: bool,
    /// For each slot, whether one value is in its set.
    some: Box<[u64]>,
    /// For each slot, whether all values are.
    all: Box<[u64]>,
}

impl State {
    fn new(pool: &Pool) -> Self {
        let look_up = |words| LookUp {
            epoch: 0,
            present: false,
            some: vec![0; words].into(),
            all: vec![0; words].into(),
        };
        Self {
            epoch: 1,
            nodes: vec![0; pool.nodes.len()],
            transformed: pool
                .operands
                .iter()
                .map(|_| Transformed::default())
                .collect(),
            look_ups: pool
                .indexes
                .iter()
                .map(|index| look_up(index.words))
                .collect(),
            right: Values::default(),
            text: String::new(),
        }
    }

    fn begin_event(&mut self) {
        self.epoch += 1;
        if self.epoch == 1 << 31 {
            self.nodes.fill(0);
            self.transformed
                .iter_mut()
                .for_each(|transformed| transformed.epoch = 0);
            self.look_ups
                .iter_mut()
                .for_each(|look_up| look_up.epoch = 0);
            self.epoch = 1;
        }
    }

    fn condition<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        condition: CondId,
        context: &mut C,
    ) -> bool {
        let index = condition.index();
        let known = self.nodes[index];
        let result = if known >> 1 == self.epoch {
            known & 1 == 1
        } else {
            let result = match pool.nodes[index] {
                NodeDef::Always => true,
                NodeDef::Check(check) => self.check(pool, check, context),
                NodeDef::And { first, length } => pool
                    .children(first, length)
                    .iter()
                    .all(|&operand| self.condition(pool, operand, context)),
                NodeDef::Or { first, length } => pool
                    .children(first, length)
                    .iter()
                    .any(|&operand| self.condition(pool, operand, context)),
            };
            self.nodes[index] = self.epoch << 1 | u32::from(result);
            result
        };
        result != condition.negated()
    }

    fn check<C: Context + ?Sized>(&mut self, pool: &Pool, check: CheckId, context: &mut C) -> bool {
        let left = pool.check(check).left;
        match &pool.tests[check.0 as usize] {
            Test::Exists => self.visit(pool, left, context, &mut |_| ControlFlow::Break(())),
            Test::Field {
                field,
                negated,
                matcher,
            } => context
                .value(*field)
                .and_then(|value| matcher.matches(value, &mut self.text))
                .is_some_and(|passes| passes != *negated),
            Test::Indexed { fold, index, slot } => {
                self.look_up(pool, *index as usize, *slot as usize, *fold, context)
            }
            Test::Each(fold, matcher) => {
                let mut text = mem::take(&mut self.text);
                let result = self.fold(pool, left, *fold, context, |value| {
                    matcher.matches(value, &mut text)
                });
                self.text = text;
                result
            }
            Test::Quantified(quantifier, fold, matchers) => {
                let mut text = mem::take(&mut self.text);
                let mut satisfied = |matcher: &Matcher| {
                    self.fold(pool, left, *fold, context, |value| {
                        matcher.matches(value, &mut text)
                    })
                };
                let result = match quantifier {
                    Quantifier::AnyOf => matchers.iter().any(&mut satisfied),
                    Quantifier::AllOf => matchers.iter().all(&mut satisfied),
                    Quantifier::OneOf => {
                        matchers
                            .iter()
                            .filter(|matcher| satisfied(matcher))
                            .take(2)
                            .count()
                            == 1
                    }
                };
                self.text = text;
                result
            }
            Test::Compare(fold, operator, right) => {
                let mut values = mem::take(&mut self.right);
                values.clear();
                self.visit(pool, *right, context, &mut |value| {
                    values.push(value);
                    ControlFlow::Continue(())
                });
                let present = !values.items.is_empty();
                let result = present
                    && self.fold(pool, left, *fold, context, |value| {
                        let results = values.iter().map(|right| compare(*operator, value, right));
                        results.flatten().reduce(|one, other| one | other)
                    });
                self.right = values;
                result
            }
        }
    }

    /// Makes one result of the results for the values of an operand. Values for which `test` has
    /// no result count as absent.
    fn fold<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        operand: OperandId,
        fold: Fold,
        context: &mut C,
        mut test: impl FnMut(Value<'_>) -> Option<bool>,
    ) -> bool {
        let def = pool.operand(operand);
        if let (OperandDefKind::Field(field), Shape::Scalar) = (&def.kind, def.shape) {
            let result = context.value(*field).and_then(test);
            return result.is_some_and(|result| result != (fold == Fold::None));
        }
        let mut tested = false;
        // The result of one value that decides: a pass, or for `All` a failure.
        let decisive = fold != Fold::All;
        let mut decided = false;
        self.visit(pool, operand, context, &mut |value| {
            let Some(result) = test(value) else {
                return ControlFlow::Continue(());
            };
            tested = true;
            if result == decisive {
                decided = true;
                return ControlFlow::Break(());
            }
            ControlFlow::Continue(())
        });
        tested && (decided == (fold == Fold::Some))
    }

    fn look_up<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        index: usize,
        slot: usize,
        fold: Fold,
        context: &mut C,
    ) -> bool {
        if self.look_ups[index].epoch != self.epoch {
            let text_index = &pool.indexes[index];
            let def = pool.operand(text_index.operand);
            if let (OperandDefKind::Field(field), Shape::Scalar) = (&def.kind, def.shape) {
                let look_up = &mut self.look_ups[index];
                look_up.epoch = self.epoch;
                look_up.present = false;
                if let Some(Value::Bytes(text)) = context.value(*field) {
                    look_up.present = true;
                    match text_index.row(text) {
                        Some(row) => look_up.some.copy_from_slice(row),
                        None => look_up.some.fill(0),
                    }
                }
            } else {
                self.look_up_each(pool, index, context);
            }
        }
        let look_up = &self.look_ups[index];
        let bit = |words: &[u64]| words[slot / 64] >> (slot % 64) & 1 == 1;
        look_up.present
            && match fold {
                Fold::Some => bit(&look_up.some),
                Fold::None => !bit(&look_up.some),
                Fold::All => bit(&look_up.all),
            }
    }

    /// Looks up each value of an operand that may have several.
    fn look_up_each<C: Context + ?Sized>(&mut self, pool: &Pool, index: usize, context: &mut C) {
        let text_index = &pool.indexes[index];
        let look_up = &mut self.look_ups[index];
        let mut some = mem::take(&mut look_up.some);
        let mut all = mem::take(&mut look_up.all);
        some.fill(0);
        all.fill(u64::MAX);
        let mut present = false;
        self.visit(pool, text_index.operand, context, &mut |value| {
            let Value::Bytes(text) = value else {
                return ControlFlow::Continue(());
            };
            present = true;
            match text_index.row(text) {
                Some(row) => {
                    some.iter_mut()
                        .zip(row)
                        .for_each(|(some, row)| *some |= row);
                    all.iter_mut().zip(row).for_each(|(all, row)| *all &= row);
                }
                None => all.fill(0),
            }
            ControlFlow::Continue(())
        });
        self.look_ups[index] = LookUp {
            epoch: self.epoch,
            present,
            some,
            all,
        };
    }

    /// Calls `visit` with each value of an operand until it breaks. Returns whether there is any
    /// value.
    fn visit<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        operand: OperandId,
        context: &mut C,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> bool {
        let def = pool.operand(operand);
        match &def.kind {
            OperandDefKind::Field(field) if def.shape == Shape::Scalar => {
                match context.value(*field) {
                    Some(value) => {
                        // There is no other value that breaking could spare.
                        let _ = visit(value);
                        true
                    }
                    None => false,
                }
            }
            OperandDefKind::Field(field) => {
                let mut any = false;
                context.each(*field, &mut |value| {
                    any = true;
                    visit(value)
                });
                any
            }
            OperandDefKind::Constant(bytes) => {
                let _ = visit(Value::Bytes(bytes));
                true
            }
            OperandDefKind::List(items) => {
                let mut broken = false;
                let mut any = false;
                for &item in items {
                    any |= self.visit(pool, item, context, &mut |value| {
                        let flow = visit(value);
                        broken = flow.is_break();
                        flow
                    });
                    if broken {
                        break;
                    }
                }
                any
            }
            OperandDefKind::Call {
                transformer,
                arguments,
                selector,
            } => {
                let call = Call {
                    transformer: *transformer,
                    arguments,
                    selector: *selector,
                };
                let transformed = self.transformed(pool, operand, call, context);
                if !transformed.present {
                    return false;
                }
                // Ending early is not an outcome of its own.
                let _ = transformed.values.iter().try_for_each(visit);
                true
            }
        }
    }

    /// The values of a transformer, computed at most once per event.
    fn transformed<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        operand: OperandId,
        call: Call<'_>,
        context: &mut C,
    ) -> &Transformed {
        let slot = operand.0 as usize;
        if self.transformed[slot].epoch != self.epoch {
            let mut values = mem::take(&mut self.transformed[slot].values);
            values.clear();
            let present = transform::evaluate(call, self, pool, context, &mut values).is_some();
            self.transformed[slot] = Transformed {
                epoch: self.epoch,
                present,
                values,
            };
        }
        &self.transformed[slot]
    }
}
