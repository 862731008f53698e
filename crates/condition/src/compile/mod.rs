//! From tree to program: names are resolved, types checked, constants read, equal parts shared.

mod error;

pub use error::{CompileError, CompileErrorKind, Warning, WarningKind};

use crate::ast::{Expr, Operand};
use crate::context::Catalog;
use crate::pool::{CondId, OperandId, Pool};

/// Collects the conditions of a ruleset.
#[derive(Default)]
pub struct PoolBuilder {}

/// A condition in a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// Its number.
    pub condition: CondId,
    /// What may not be meant.
    pub warnings: Vec<Warning>,
}

impl PoolBuilder {
    /// An empty pool.
    pub fn new() -> Self {
        Self::default()
    }

    /// Compiles a condition, with its macros expanded, into the pool.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text. What was compiled before stays as it is.
    pub fn add(
        &mut self,
        _expr: &Expr,
        _catalog: &mut dyn Catalog,
    ) -> Result<Compiled, Vec<CompileError>> {
        unimplemented!()
    }

    /// Compiles a field or transformer on its own, for example one in an output text.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text.
    pub fn add_operand(
        &mut self,
        _operand: &Operand,
        _catalog: &mut dyn Catalog,
    ) -> Result<OperandId, Vec<CompileError>> {
        unimplemented!()
    }

    /// The pool, ready to be evaluated.
    pub fn finish(self) -> Pool {
        unimplemented!()
    }
}
