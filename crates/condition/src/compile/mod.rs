//! From tree to program: names are resolved, types checked, constants read, equal parts shared.

mod check;
mod constant;
mod error;
mod nodes;
mod operand;
mod types;
mod warn;

use std::collections::BTreeMap;
use std::hash::Hash;
use std::sync::atomic::AtomicUsize;

use hashbrown::HashMap;

pub use error::{CompileError, CompileErrorKind, Warning, WarningKind};

use crate::ast::{Expr, ExprKind, Operand, Operator, Quantifier};
use crate::context::{Catalog, Shape};
use crate::eval::memo::Place;
use crate::index::{Kind, TextIndex};
use crate::matching::matcher::Matcher;
use crate::pool::{
    CheckDef, CheckId, CondId, Constant, NodeDef, OperandDef, OperandDefKind, OperandId, Pool,
    RightDef,
};
use crate::program::{Fold, Test};
use crate::span::Span;
use crate::value::ValueType;
use nodes::Nodes;
use operand::Resolved;

type Ids<T> = HashMap<T, u32, foldhash::fast::FixedState>;

/// Collects the conditions of a ruleset.
#[derive(Default)]
pub struct PoolBuilder {
    operands: Vec<OperandDef>,
    operand_ids: Ids<OperandDef>,
    operand_costs: Vec<u32>,
    /// For each operand whether it is a field whose value lasts.
    lasting: Vec<bool>,
    checks: Vec<CheckDef>,
    check_ids: Ids<CheckDef>,
    tests: Vec<Test>,
    nodes: Nodes,
}

/// A condition in a pool.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Compiled {
    /// Its number.
    pub condition: CondId,
    /// What may not be meant.
    pub warnings: Vec<Warning>,
}

/// The names that a condition may use, and what was found out about it.
struct Compilation<'c> {
    catalog: &'c mut dyn Catalog,
    errors: Vec<CompileError>,
    warnings: Vec<Warning>,
}

impl Compilation<'_> {
    fn error(&mut self, span: Span, kind: CompileErrorKind) {
        self.errors.push(CompileError { span, kind });
    }

    fn warning(&mut self, span: Span, kind: WarningKind) {
        self.warnings.push(Warning { span, kind });
    }
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
        expr: &Expr,
        catalog: &mut dyn Catalog,
    ) -> Result<Compiled, Vec<CompileError>> {
        let mut compilation = Compilation {
            catalog,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        let condition = self.condition(expr, &mut compilation);
        let Compilation {
            errors, warnings, ..
        } = compilation;
        if errors.is_empty() {
            Ok(Compiled {
                condition,
                warnings,
            })
        } else {
            Err(errors)
        }
    }

    /// Compiles a field or transformer on its own, for example one in an output text.
    ///
    /// # Errors
    ///
    /// All mistakes, in the order of the text.
    pub fn add_operand(
        &mut self,
        operand: &Operand,
        catalog: &mut dyn Catalog,
    ) -> Result<OperandId, Vec<CompileError>> {
        let mut compilation = Compilation {
            catalog,
            errors: Vec::new(),
            warnings: Vec::new(),
        };
        match self.operand(operand, &mut compilation) {
            Some(resolved) => Ok(resolved.id),
            None => Err(compilation.errors),
        }
    }

    /// The pool, ready to be evaluated.
    pub fn finish(mut self) -> Pool {
        let indexes = self.share_look_ups();
        let lasting_indexes = indexes
            .iter()
            .map(|index| self.lasting[index.operand.0 as usize]);
        Pool {
            node_places: Place::number(self.lasting_nodes().into_iter()),
            index_places: Place::number(lasting_indexes),
            dispatches: AtomicUsize::new(0),
            operands: self.operands,
            operand_costs: self.operand_costs,
            checks: self.checks,
            tests: self.tests,
            nodes: self.nodes.nodes,
            children: self.nodes.children,
            costs: self.nodes.costs,
            indexes,
        }
    }

    fn condition(&mut self, expr: &Expr, compilation: &mut Compilation<'_>) -> CondId {
        match &expr.kind {
            ExprKind::And(operands) => {
                let operands = self.conditions(operands, compilation);
                self.nodes.and(operands)
            }
            ExprKind::Or(operands) => {
                let operands = self.conditions(operands, compilation);
                self.nodes.or(operands)
            }
            ExprKind::Not(operand) => !self.condition(operand, compilation),
            ExprKind::Check(check) => self.check(check, compilation),
            ExprKind::Macro(name) => {
                compilation.error(expr.span, CompileErrorKind::Macro(name.clone()));
                CondId::NEVER
            }
            ExprKind::Hole => {
                compilation.error(expr.span, CompileErrorKind::Hole);
                CondId::NEVER
            }
        }
    }

    fn conditions(&mut self, operands: &[Expr], compilation: &mut Compilation<'_>) -> Vec<CondId> {
        operands
            .iter()
            .map(|operand| self.condition(operand, compilation))
            .collect()
    }

    fn define(&mut self, kind: OperandDefKind, ty: ValueType, shape: Shape) -> Resolved {
        let cost = match &kind {
            OperandDefKind::Field(_) | OperandDefKind::Constant(_) => 1,
            OperandDefKind::List(operands)
            | OperandDefKind::Call {
                arguments: operands,
                ..
            } => {
                operands
                    .iter()
                    .map(|id| self.operand_costs[id.0 as usize])
                    .sum::<u32>()
                    + 10
            }
        };
        let def = OperandDef { kind, ty, shape };
        let id = intern(def, &mut self.operand_ids, &mut self.operands);
        if id as usize == self.operand_costs.len() {
            self.operand_costs.push(cost);
            self.lasting.push(false);
        }
        Resolved {
            id: OperandId(id),
            ty,
            shape,
            field: None,
        }
    }

    fn operand_def(&self, operand: OperandId) -> &OperandDef {
        &self.operands[operand.0 as usize]
    }

    fn describe_field(&mut self, operand: OperandId, cost: u32, lasts: bool) {
        self.operand_costs[operand.0 as usize] = cost;
        self.lasting[operand.0 as usize] = lasts;
    }

    /// The condition that a check is. Fails when a regular expression is wrong.
    fn intern_check(&mut self, def: &CheckDef) -> Result<CondId, String> {
        let operand = &self.operands[def.left.0 as usize];
        let id = match self.check_ids.get(def) {
            Some(&id) => id,
            None => {
                let test = test(def, operand)?;
                self.tests.push(test);
                intern(def.clone(), &mut self.check_ids, &mut self.checks)
            }
        };
        let operand_cost = |id: OperandId| self.operand_costs[id.0 as usize];
        let test_cost = match &self.tests[id as usize] {
            Test::Exists | Test::Indexed { .. } => 1,
            Test::Field { matcher, .. } | Test::Each(_, matcher) => matcher.cost(),
            Test::Quantified(_, _, matchers) => matchers
                .iter()
                .map(Matcher::cost)
                .fold(0, u32::saturating_add),
            Test::Compare(_, _, right) => operand_cost(*right).saturating_add(20),
        };
        let several = if operand.shape == Shape::Scalar {
            0
        } else {
            20
        };
        let cost = operand_cost(def.left)
            .saturating_add(test_cost)
            .saturating_add(several);
        Ok(self.nodes.check(CheckId(id), cost))
    }

    /// For each node whether its result lasts.
    fn lasting_nodes(&self) -> Vec<bool> {
        let mut lasting: Vec<bool> = Vec::with_capacity(self.nodes.nodes.len());
        for node in &self.nodes.nodes {
            // What a node is made of comes before it.
            let lasts = match *node {
                NodeDef::Always => true,
                NodeDef::Check(check) => {
                    let check = &self.checks[check.0 as usize];
                    let right = match check.right {
                        RightDef::Operand(right) => self.lasting[right.0 as usize],
                        _ => true,
                    };
                    self.lasting[check.left.0 as usize] && right
                }
                NodeDef::And { first, length } | NodeDef::Or { first, length } => {
                    let operands = &self.nodes.children[first as usize..][..length as usize];
                    operands.iter().all(|operand| lasting[operand.index()])
                }
            };
            lasting.push(lasts);
        }
        lasting
    }

    /// Lets checks that compare the same operand with texts share one look-up.
    fn share_look_ups(&mut self) -> Vec<TextIndex> {
        let mut checks_on: BTreeMap<(u32, Kind), Vec<usize>> = BTreeMap::new();
        for (id, check) in self.checks.iter().enumerate() {
            if let Some((kind, _)) = texts(check) {
                checks_on.entry((check.left.0, kind)).or_default().push(id);
            }
        }
        let mut indexes = Vec::new();
        for ((operand, kind), checks) in checks_on {
            if checks.len() < kind.worthwhile() {
                continue;
            }
            let id = |id: usize| u32::try_from(id).expect("a pool has less than 4 G checks");
            for (slot, &check) in checks.iter().enumerate() {
                let fold = fold(&self.checks[check], self.operands[operand as usize].shape);
                let (index, slot) = (id(indexes.len()), id(slot));
                self.tests[check] = Test::Indexed { fold, index, slot };
            }
            let sets = checks.iter().map(|&check| {
                let found = texts(&self.checks[check]);
                found.map(|(_, texts)| texts).unwrap_or_default()
            });
            indexes.push(TextIndex::new(kind, OperandId(operand), sets));
        }
        indexes
    }
}

fn intern<T: Clone + Eq + Hash>(value: T, ids: &mut Ids<T>, values: &mut Vec<T>) -> u32 {
    let next = u32::try_from(values.len()).expect("a pool has less than 4 G parts");
    let id = *ids.entry(value.clone()).or_insert(next);
    if id == next {
        values.push(value);
    }
    id
}

/// The texts of which a check asks whether one is equal to a value, begins it, ends it or is in it,
/// if that is all it asks.
fn texts(check: &CheckDef) -> Option<(Kind, Vec<&[u8]>)> {
    let (operator, constants) = match (check.operator, &check.right) {
        (operator, RightDef::Constant(constant)) => (operator, std::slice::from_ref(constant)),
        (Operator::In | Operator::Intersects, RightDef::Constants(constants))
        | (Operator::Ne, RightDef::Quantified(Quantifier::AllOf, constants)) => {
            (Operator::Eq, constants.as_slice())
        }
        (operator, RightDef::Quantified(Quantifier::AnyOf, constants))
            if operator != Operator::Ne =>
        {
            (operator, constants.as_slice())
        }
        _ => return None,
    };
    let kind = match operator {
        Operator::Eq | Operator::Ne => Kind::Equal,
        Operator::StartsWith | Operator::BStartsWith => Kind::Prefix,
        Operator::EndsWith => Kind::Suffix,
        Operator::Contains | Operator::BContains => Kind::Substring,
        _ => return None,
    };
    let texts: Option<_> = constants.iter().map(Constant::bytes).collect();
    Some((kind, texts?))
}

/// How a check is evaluated as long as nothing is shared.
fn test(check: &CheckDef, left: &OperandDef) -> Result<Test, String> {
    let fold = fold(check, left.shape);
    let each = |matcher| match left.kind {
        OperandDefKind::Field(field) if left.shape == Shape::Scalar => Test::Field {
            field,
            negated: fold == Fold::None,
            matcher,
        },
        _ => Test::Each(fold, matcher),
    };
    Ok(match &check.right {
        RightDef::Nothing => Test::Exists,
        RightDef::Constant(constant) => each(Matcher::new(check.operator, constant)?),
        RightDef::Constants(constants) => each(Matcher::set(check.operator, left.ty, constants)),
        // `!= allof` asks that no value is in the set.
        RightDef::Quantified(Quantifier::AllOf, constants) if check.operator == Operator::Ne => {
            each(Matcher::set(check.operator, left.ty, constants))
        }
        RightDef::Quantified(quantifier, constants) => {
            let matchers: Result<Box<_>, _> = constants
                .iter()
                .map(|constant| Matcher::new(check.operator, constant))
                .collect();
            Test::Quantified(*quantifier, fold, matchers?)
        }
        RightDef::Operand(right) => Test::Compare(fold, check.operator, *right),
    })
}

fn fold(check: &CheckDef, shape: Shape) -> Fold {
    match check.operator {
        Operator::Ne => Fold::None,
        Operator::In if shape == Shape::List => Fold::All,
        _ => Fold::Some,
    }
}
