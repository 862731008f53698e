//! From program and event to a verdict.
//!
//! What was found out about an event is stamped with the number of the event, its epoch: nothing
//! has to be cleared for the next one, and each node of the graph is evaluated at most once per
//! event, however many conditions contain it. What only depends on the subject of the event, its
//! process, is kept for the next event of the same subject.

mod base64;
mod getopt;
pub(crate) mod memo;
mod transform;
mod values;

use std::mem;
use std::ops::ControlFlow;
use std::sync::Arc;

use crate::ast::Quantifier;
use crate::context::{Context, Shape};
use crate::dispatch::{Dispatch, Step};
use crate::matching::matcher::{Matcher, compare};
use crate::pool::{CheckId, CondId, NodeDef, OperandDefKind, OperandId, Pool};
use crate::program::{Fold, Test};
use crate::value::Value;
use memo::{LookUp, Memos};
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
        self.state.begin_event(None);
    }

    /// As [`begin_event`](Self::begin_event), but keeps what was found out about the subject of this
    /// event, if the context [names it](Context::subject) and knows nothing new of it.
    pub fn begin_event_of<C: Context + ?Sized>(&mut self, context: &C) {
        self.state.begin_event(context.subject());
    }

    /// Whether a condition of the pool holds in the current event.
    pub fn matches<C: Context + ?Sized>(&mut self, condition: CondId, context: &mut C) -> bool {
        self.state.condition(&self.pool, condition, context)
    }

    /// Writes into `live`, which must have [`Dispatch::words`] words, a bit for each condition of
    /// a dispatch made from this pool: those without one do not hold in the current event.
    pub fn live<C: Context + ?Sized>(
        &mut self,
        dispatch: &Dispatch,
        context: &mut C,
        live: &mut [u64],
    ) {
        self.state.live(&self.pool, dispatch, context, live);
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
    memos: Memos,
    /// The number of the current event; never 0.
    event: u64,
    /// For each operand that is a transformer its values.
    transformed: Vec<Transformed>,
    /// Space for values of a right-hand side.
    right: Values,
    /// Space for text that must become UTF-8.
    text: String,
    /// Space for text that is looked up from its end.
    turned: Vec<u8>,
    /// Space for the conditions that a look-up leaves.
    hits: Vec<u64>,
    /// For each `and` and `or` the place of the operand that decided it last.
    decisive: Vec<u32>,
    /// For each dispatch its steps, in the order in which they are taken.
    orders: Vec<Vec<u32>>,
}

#[derive(Debug, Default)]
struct Transformed {
    event: u64,
    present: bool,
    values: Values,
}

/// After so many events of a subject it pays to find out everything about it that rules out
/// conditions.
const WORTH_A_MASK: u32 = 16;

/// When no more conditions than this remain, they are evaluated without a further look for what
/// rules out many of them.
const FEW: u32 = 4;

/// An operand that decided the last time is asked first unless it costs so many times what the
/// first one does.
const MUCH: u32 = 4;

/// In one event of so many all is asked in the order of its cost, so that what is cheaper and decides
/// as well is found again.
const ANEW: u64 = 16;

/// Whether no more than [`FEW`] bits are set.
fn few(live: &[u64]) -> bool {
    live.iter().map(|word| word.count_ones()).sum::<u32>() <= FEW
}

/// Whether a bit is set in both.
fn any_common(left: &[u64], right: &[u64]) -> bool {
    left.iter()
        .zip(right)
        .any(|(left, right)| left & right != 0)
}

impl State {
    fn new(pool: &Pool) -> Self {
        Self {
            memos: Memos::new(pool),
            event: 1,
            transformed: pool
                .operands
                .iter()
                .map(|_| Transformed::default())
                .collect(),
            right: Values::default(),
            text: String::new(),
            turned: Vec::new(),
            hits: Vec::new(),
            decisive: vec![0; pool.nodes.len()],
            orders: Vec::new(),
        }
    }

    fn begin_event(&mut self, subject: Option<(u64, u64)>) {
        self.event += 1;
        self.memos.begin(subject);
    }

    fn condition<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        condition: CondId,
        context: &mut C,
    ) -> bool {
        let index = condition.index();
        let place = pool.node_places[index];
        let memo = self.memos.of(place);
        let known = memo.nodes[place.index()];
        let result = if known >> 1 == memo.epoch {
            known & 1 == 1
        } else {
            let result = match pool.nodes[index] {
                NodeDef::Always => true,
                NodeDef::Check(check) => self.check(pool, check, context),
                NodeDef::And { first, length } => {
                    !self.any_is(pool, index, pool.children(first, length), false, context)
                }
                NodeDef::Or { first, length } => {
                    self.any_is(pool, index, pool.children(first, length), true, context)
                }
            };
            let memo = self.memos.of(place);
            memo.nodes[place.index()] = memo.epoch << 1 | u32::from(result);
            result
        };
        result != condition.negated()
    }

    /// Whether one of the operands of a node has this result, which decides it. Events come in runs
    /// of the same kind: the operand that decided the last time most likely decides again, and is
    /// asked first.
    fn any_is<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        node: usize,
        operands: &[CondId],
        wanted: bool,
        context: &mut C,
    ) -> bool {
        let last = if self.event.is_multiple_of(ANEW) {
            0
        } else {
            self.decisive[node] as usize
        };
        if let Some(&operand) = operands.get(last)
            && self.condition(pool, operand, context) == wanted
        {
            self.decisive[node] = last as u32;
            return true;
        }
        for (place, &operand) in operands.iter().enumerate() {
            if place != last && self.condition(pool, operand, context) == wanted {
                let cost = |operand: CondId| pool.costs[operand.index()];
                if cost(operand) < MUCH * cost(operands[0]).max(1) {
                    self.decisive[node] = place as u32;
                }
                return true;
            }
        }
        false
    }

    fn live<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        dispatch: &Dispatch,
        context: &mut C,
        live: &mut [u64],
    ) {
        let mask = self.memos.of_subject().mask(dispatch.number);
        if mask.ready {
            live.copy_from_slice(&mask.bits);
        } else {
            live.copy_from_slice(&dispatch.all);
            mask.wanted += 1;
            if mask.wanted >= WORTH_A_MASK {
                for step in &dispatch.lasting {
                    self.step(pool, step, context, live);
                }
                let mask = self.memos.of_subject().mask(dispatch.number);
                mask.bits.clear();
                mask.bits.extend_from_slice(live);
                mask.ready = true;
            } else {
                for step in &dispatch.lasting[..dispatch.worthwhile] {
                    self.step(pool, step, context, live);
                }
            }
        }
        if few(live) {
            return;
        }
        if self.orders.len() <= dispatch.number {
            self.orders.resize(dispatch.number + 1, Vec::new());
        }
        let mut order = mem::take(&mut self.orders[dispatch.number]);
        if order.len() != dispatch.steps.len() || self.event.is_multiple_of(16 * ANEW) {
            order.clear();
            order.extend(0..dispatch.steps.len() as u32);
        }
        let mut useful_before = true;
        for at in 0..order.len() {
            let useful = self.step(pool, &dispatch.steps[order[at] as usize], context, live);
            if useful && !useful_before {
                // What was of no use in this event comes later in the next.
                order.swap(at - 1, at);
            }
            if useful && few(live) {
                break;
            }
            useful_before = useful;
        }
        self.orders[dispatch.number] = order;
    }

    /// Takes a step of a dispatch. Whether it ruled anything out.
    fn step<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        step: &Step,
        context: &mut C,
        live: &mut [u64],
    ) -> bool {
        match step {
            Step::Shared { condition, users } => {
                let ruled_out =
                    any_common(live, users) && !self.condition(pool, *condition, context);
                if ruled_out {
                    live.iter_mut()
                        .zip(users)
                        .for_each(|(live, users)| *live &= !users);
                }
                ruled_out
            }
            Step::LookUp(look_up) => {
                if !any_common(live, &look_up.users) {
                    return false;
                }
                let mut hits = mem::take(&mut self.hits);
                hits.clear();
                hits.resize(live.len(), 0);
                for part in &look_up.parts {
                    let found = self.looked_up(pool, part.index, context);
                    if found.present {
                        part.add_hits(&found.some, &mut hits);
                    }
                }
                let mut ruled_out = false;
                for ((live, users), hits) in live.iter_mut().zip(&look_up.users).zip(&hits) {
                    let left = *live & (!users | hits);
                    ruled_out |= left != *live;
                    *live = left;
                }
                self.hits = hits;
                ruled_out
            }
        }
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
        let look_up = self.looked_up(pool, index, context);
        let bit = |words: &[u64]| words[slot / 64] >> (slot % 64) & 1 == 1;
        look_up.present
            && match fold {
                Fold::Some => bit(&look_up.some),
                Fold::None => !bit(&look_up.some),
                Fold::All => bit(&look_up.all),
            }
    }

    /// The answers of an index, found out at most once per event.
    fn looked_up<C: Context + ?Sized>(
        &mut self,
        pool: &Pool,
        index: usize,
        context: &mut C,
    ) -> &LookUp {
        let place = pool.index_places[index];
        let memo = self.memos.of(place);
        let epoch = memo.epoch;
        if memo.look_ups[place.index()].epoch != epoch {
            let text_index = &pool.indexes[index];
            let def = pool.operand(text_index.operand);
            if let (OperandDefKind::Field(field), Shape::Scalar) = (&def.kind, def.shape) {
                let look_up = &mut memo.look_ups[place.index()];
                look_up.epoch = epoch;
                look_up.present = false;
                if let Some(Value::Bytes(text)) = context.value(*field) {
                    look_up.present = true;
                    text_index.find(text, &mut look_up.some, &mut self.turned);
                }
            } else {
                self.look_up_each(pool, index, context);
            }
        }
        &self.memos.of(place).look_ups[place.index()]
    }

    /// Looks up each value of an operand that may have several.
    fn look_up_each<C: Context + ?Sized>(&mut self, pool: &Pool, index: usize, context: &mut C) {
        let text_index = &pool.indexes[index];
        let place = pool.index_places[index];
        let memo = self.memos.of(place);
        let epoch = memo.epoch;
        let look_up = &mut memo.look_ups[place.index()];
        let mut some = mem::take(&mut look_up.some);
        let mut all = mem::take(&mut look_up.all);
        let mut one = mem::take(&mut look_up.one);
        let mut turned = mem::take(&mut self.turned);
        some.fill(0);
        all.fill(u64::MAX);
        let mut present = false;
        self.visit(pool, text_index.operand, context, &mut |value| {
            let Value::Bytes(text) = value else {
                return ControlFlow::Continue(());
            };
            present = true;
            text_index.find(text, &mut one, &mut turned);
            some.iter_mut()
                .zip(&one)
                .for_each(|(some, one)| *some |= one);
            all.iter_mut().zip(&one).for_each(|(all, one)| *all &= one);
            ControlFlow::Continue(())
        });
        self.turned = turned;
        self.memos.of(place).look_ups[place.index()] = LookUp {
            epoch,
            present,
            some,
            all,
            one,
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
        if self.transformed[slot].event != self.event {
            let mut values = mem::take(&mut self.transformed[slot].values);
            values.clear();
            let present = transform::evaluate(call, self, pool, context, &mut values).is_some();
            self.transformed[slot] = Transformed {
                event: self.event,
                present,
                values,
            };
        }
        &self.transformed[slot]
    }
}
