//! Checks: operators and constants are matched with types.

use super::error::{CompileErrorKind, WarningKind};
use super::operand::Resolved;
use super::{Compilation, PoolBuilder, constant, types, warn};
use crate::ast::{
    Check, Literal, Operand, OperandKind, Operator, Quantifier, Right, Values, ValuesKind,
};
use crate::context::Shape;
use crate::pool::{CheckDef, CondId, Constant, RightDef};
use crate::span::Span;
use crate::value::ValueType;

impl PoolBuilder {
    pub(super) fn check(&mut self, check: &Check, compilation: &mut Compilation<'_>) -> CondId {
        let left = match &check.left.kind {
            OperandKind::Field(_) | OperandKind::Call(_) => self.operand(&check.left, compilation),
            OperandKind::Constant(_) | OperandKind::List(_) => {
                compilation.error(check.left.span, CompileErrorKind::Hole);
                None
            }
        };
        let Some(left) = left else {
            // What is wrong on the right is worth knowing at the same time.
            if let Right::Operand(right) = &check.right {
                self.operand(right, compilation);
            }
            return CondId::NEVER;
        };
        let operator = check.operator;
        let list = left.shape == Shape::List;
        if !types::operator_applies(operator, left.ty, list) {
            let kind = CompileErrorKind::Operator {
                operator,
                ty: left.ty,
                list,
            };
            compilation.error(check.operator_span, kind);
            return CondId::NEVER;
        }
        let compiled = match &check.right {
            Right::Nothing => Some(RightDef::Nothing),
            Right::Value(literal) => {
                read(literal, operator, &left, compilation).map(RightDef::Constant)
            }
            Right::Values(values) => {
                read_all(values, operator, &left, compilation).map(RightDef::Constants)
            }
            Right::Quantified(quantifier, values) => read_all(values, operator, &left, compilation)
                .map(|constants| RightDef::Quantified(*quantifier, constants)),
            Right::Operand(right) => self
                .right_operand(check, &left, right, compilation)
                .map(RightDef::Operand),
        };
        let Some(right) = compiled else {
            return CondId::NEVER;
        };
        let Some((operator, right)) = simplify(operator, right, left.shape) else {
            return CondId::NEVER;
        };
        let def = CheckDef {
            left: left.id,
            operator,
            right,
        };
        match self.intern_check(&def) {
            Ok(condition) => condition,
            Err(reason) => {
                let constant = right_text(&check.right);
                let kind = CompileErrorKind::Constant { constant, reason };
                compilation.error(right_span(check), kind);
                CondId::NEVER
            }
        }
    }

    fn right_operand(
        &mut self,
        check: &Check,
        left: &Resolved,
        right: &Operand,
        compilation: &mut Compilation<'_>,
    ) -> Option<crate::pool::OperandId> {
        let resolved = self.operand(right, compilation)?;
        let mut fail = |span, kind| {
            compilation.error(span, kind);
            None
        };
        if matches!(check.operator, Operator::PMatch | Operator::Regex) {
            return fail(
                check.operator_span,
                CompileErrorKind::OperatorTakesConstants(check.operator),
            );
        }
        for (side, operand) in [(left, &check.left), (&resolved, right)] {
            let refused = side.field.is_some_and(|desc| !desc.rhs_allowed);
            if refused || side.ty == ValueType::IpNet {
                let kind = CompileErrorKind::FieldNotComparable(operand.to_string());
                return fail(operand.span, kind);
            }
        }
        if (left.shape == Shape::List) != (resolved.shape == Shape::List) {
            return fail(right.span, CompileErrorKind::ListMismatch);
        }
        if !types::comparable(left.ty, resolved.ty) {
            let kind = CompileErrorKind::TypeMismatch {
                left: left.ty,
                right: resolved.ty,
            };
            return fail(right.span, kind);
        }
        Some(resolved.id)
    }
}

fn read(
    literal: &Literal,
    operator: Operator,
    left: &Resolved,
    compilation: &mut Compilation<'_>,
) -> Option<Constant> {
    let shown = || String::from_utf8_lossy(&literal.bytes).into_owned();
    let constant = match constant::read(&literal.bytes, operator, left.ty) {
        Ok(constant) => constant,
        Err(reason) => {
            let kind = CompileErrorKind::Constant {
                constant: shown(),
                reason,
            };
            compilation.error(literal.span, kind);
            return None;
        }
    };
    let whole_value = matches!(
        operator,
        Operator::Eq | Operator::Ne | Operator::In | Operator::Intersects
    );
    if let Some(desc) = left.field
        && whole_value
        && let Err(reason) = compilation.catalog.check_constant(desc.id, &literal.bytes)
    {
        let kind = CompileErrorKind::ImpossibleConstant {
            constant: shown(),
            reason,
        };
        compilation.error(literal.span, kind);
        return None;
    }
    match &constant {
        Constant::Bytes(bytes) => {
            if let Some(kind) = warn::constant(&literal.bytes, compilation.catalog) {
                compilation.warning(literal.span, kind);
            }
            if operator == Operator::Regex
                && let Ok(pattern) = std::str::from_utf8(bytes)
                && let Some(kind) = warn::regex(pattern)
            {
                compilation.warning(literal.span, kind);
            }
        }
        Constant::U64(value) if literal.bytes.starts_with(b"-") && *value > 0 => {
            let kind = WarningKind::NegativeUnsigned {
                constant: shown(),
                value: *value,
            };
            compilation.warning(literal.span, kind);
        }
        _ => {}
    }
    Some(constant)
}

fn read_all(
    values: &Values,
    operator: Operator,
    left: &Resolved,
    compilation: &mut Compilation<'_>,
) -> Option<Vec<Constant>> {
    match &values.kind {
        ValuesKind::List(items) => {
            let constants: Vec<_> = items
                .iter()
                .map(|item| read(item, operator, left, compilation))
                .collect();
            constants.into_iter().collect()
        }
        ValuesKind::Named(name) => {
            let literal = Literal {
                bytes: name.as_bytes().into(),
                span: values.span,
            };
            let constant = read(&literal, operator, left, compilation)?;
            compilation.warning(values.span, WarningKind::UnknownList(name.clone()));
            Some(vec![constant])
        }
    }
}

/// Brings checks that mean the same into the same form. `None` is a check that never holds.
fn simplify(
    mut operator: Operator,
    mut right: RightDef,
    shape: Shape,
) -> Option<(Operator, RightDef)> {
    if let RightDef::Quantified(quantifier, constants) = &mut right {
        if *quantifier != Quantifier::OneOf {
            constants.sort_unstable();
            constants.dedup();
        }
        if operator == Operator::Eq && *quantifier == Quantifier::AnyOf {
            (operator, right) = (Operator::In, RightDef::Constants(std::mem::take(constants)));
        } else if let [_] = constants[..] {
            right = RightDef::Constant(constants.remove(0));
        }
    }
    if let RightDef::Constants(constants) = &mut right {
        constants.sort_unstable();
        constants.dedup();
        if shape != Shape::List && operator != Operator::PMatch {
            // On one value, or on candidates of which one is enough, both ask the same.
            operator = Operator::In;
            if let [_] = constants[..] {
                (operator, right) = (Operator::Eq, RightDef::Constant(constants.remove(0)));
            }
        }
    }
    match &right {
        RightDef::Constants(constants) | RightDef::Quantified(_, constants)
            if constants.is_empty() =>
        {
            None
        }
        _ => Some((operator, right)),
    }
}

fn right_span(check: &Check) -> Span {
    match &check.right {
        Right::Nothing => check.operator_span,
        Right::Value(literal) => literal.span,
        Right::Values(values) | Right::Quantified(_, values) => values.span,
        Right::Operand(operand) => operand.span,
    }
}

fn right_text(right: &Right) -> String {
    match right {
        Right::Nothing => String::new(),
        Right::Value(literal) => String::from_utf8_lossy(&literal.bytes).into_owned(),
        Right::Values(values) | Right::Quantified(_, values) => values.to_string(),
        Right::Operand(operand) => operand.to_string(),
    }
}
