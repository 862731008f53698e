//! Which operators work on which types.

use crate::ast::Operator;
use crate::value::ValueType;

/// Whether an operator works on values of a type, or on lists of them.
pub(super) fn operator_applies(operator: Operator, ty: ValueType, list: bool) -> bool {
    use Operator as Op;
    match operator {
        Op::Exists | Op::In | Op::Intersects => true,
        _ if list => false,
        Op::Eq | Op::Ne => true,
        Op::Lt | Op::Le | Op::Gt | Op::Ge => !matches!(
            ty,
            ValueType::Bool | ValueType::Buffer | ValueType::IpAddr | ValueType::IpNet
        ),
        Op::Contains | Op::StartsWith | Op::EndsWith => ty.is_text() || ty == ValueType::Buffer,
        Op::IContains | Op::Glob | Op::IGlob | Op::Regex | Op::PMatch => ty.is_text(),
        Op::BContains | Op::BStartsWith => ty == ValueType::Buffer,
    }
}

/// Whether values of both types can be compared with each other.
pub(super) fn comparable(left: ValueType, right: ValueType) -> bool {
    left == right || (left.is_text() && right.is_text())
}
