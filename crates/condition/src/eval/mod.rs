//! From program and event to a verdict.

use std::ops::ControlFlow;
use std::sync::Arc;

use crate::context::Context;
use crate::pool::{CondId, OperandId, Pool};
use crate::value::Value;

/// Evaluates the conditions of a pool, one event after another. Holds what was found out about
/// the current event and the scratch space for it.
pub struct Evaluator {
    pool: Arc<Pool>,
}

impl Evaluator {
    /// An evaluator for a pool. Call [`begin_event`](Self::begin_event) before the first event.
    pub fn new(pool: Arc<Pool>) -> Self {
        Self { pool }
    }

    /// The pool.
    pub fn pool(&self) -> &Arc<Pool> {
        &self.pool
    }

    /// Forgets the event before.
    pub fn begin_event(&mut self) {
        unimplemented!()
    }

    /// Whether a condition holds in the current event.
    pub fn matches<C: Context + ?Sized>(&mut self, _condition: CondId, _context: &mut C) -> bool {
        unimplemented!()
    }

    /// Calls `visit` with each value of a field or transformer until it breaks. Returns whether
    /// there is any value.
    pub fn each_value<C: Context + ?Sized>(
        &mut self,
        _operand: OperandId,
        _context: &mut C,
        _visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> bool {
        unimplemented!()
    }
}
