//! Replaces the names of macros and lists by what they stand for.

use crate::ast::{Expr, ExprKind, Literal, Right, ValuesKind};
use crate::parse::ParseOptions;
use crate::span::Span;

/// Why a macro cannot be expanded. The [`Display`](std::fmt::Display) form is the message.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ExpandError {
    /// There is no such macro.
    #[error("Undefined macro '{name}' used in filter.")]
    Undefined {
        /// Its name.
        name: String,
        /// Where it is used.
        span: Span,
    },
    /// A macro uses itself, directly or through others.
    #[error("reference loop in macro '{name}'")]
    Loop {
        /// The macro that was being expanded already.
        name: String,
        /// Where it is used again.
        span: Span,
    },
    /// The condition with all macros expanded nests too deeply.
    #[error("exceeded max depth limit of {limit} while expanding macro '{name}'")]
    TooDeep {
        /// The macro that goes too deep.
        name: String,
        /// Where it is used.
        span: Span,
        /// The limit.
        limit: usize,
    },
    /// The condition with all macros expanded is too large: macros that use others several times
    /// grow with every step.
    #[error("more than {limit} checks and macros after expanding macro '{name}'")]
    TooLarge {
        /// The macro that goes over the limit.
        name: String,
        /// Where it is used.
        span: Span,
        /// The limit.
        limit: usize,
    },
}

impl ExpandError {
    /// Where the macro is used.
    pub fn span(&self) -> Span {
        match *self {
            Self::Undefined { span, .. }
            | Self::Loop { span, .. }
            | Self::TooDeep { span, .. }
            | Self::TooLarge { span, .. } => span,
        }
    }
}

/// How many parts a condition may have once its macros are expanded. Real ones have a few hundred.
const MAX_PARTS: usize = 1 << 17;

/// Replaces each macro by its definition, whose own macros are replaced as well. Returns the
/// expanded tree; the spans of what comes from a macro point into that macro's text.
///
/// # Errors
///
/// All macros that cannot be expanded.
pub fn expand_macros<'a>(
    expr: &'a Expr,
    definition: &mut dyn FnMut(&str) -> Option<&'a Expr>,
) -> Result<Expr, Vec<ExpandError>> {
    let limit = ParseOptions::default().max_depth;
    let mut expansion = Expansion {
        definition,
        open: Vec::new(),
        limit,
        parts: 0,
        errors: Vec::new(),
    };
    let expanded = expansion.expand(expr, 0);
    if expansion.errors.is_empty() {
        Ok(expanded)
    } else {
        Err(expansion.errors)
    }
}

struct Expansion<'a, 'd> {
    definition: &'d mut dyn FnMut(&str) -> Option<&'a Expr>,
    /// The macros that are being expanded, from the outside in, and where they are used.
    open: Vec<(&'a str, Span)>,
    limit: usize,
    parts: usize,
    errors: Vec<ExpandError>,
}

impl<'a> Expansion<'a, '_> {
    fn expand(&mut self, expr: &'a Expr, depth: usize) -> Expr {
        self.parts += 1;
        if depth > self.limit
            && let Some(&(name, span)) = self.open.last()
        {
            let error = ExpandError::TooDeep {
                name: name.to_owned(),
                span,
                limit: self.limit,
            };
            if self.errors.last() != Some(&error) {
                self.errors.push(error);
            }
            return Expr {
                kind: ExprKind::Hole,
                span: expr.span,
            };
        }
        let kind = match &expr.kind {
            ExprKind::And(operands) => ExprKind::And(self.expand_all(operands, depth)),
            ExprKind::Or(operands) => ExprKind::Or(self.expand_all(operands, depth)),
            ExprKind::Not(operand) => ExprKind::Not(Box::new(self.expand(operand, depth + 1))),
            ExprKind::Macro(name) => return self.expand_macro(name, expr.span, depth),
            ExprKind::Check(check) => ExprKind::Check(check.clone()),
            ExprKind::Hole => ExprKind::Hole,
        };
        Expr {
            kind,
            span: expr.span,
        }
    }

    fn expand_all(&mut self, operands: &'a [Expr], depth: usize) -> Vec<Expr> {
        operands
            .iter()
            .map(|operand| self.expand(operand, depth + 1))
            .collect()
    }

    fn expand_macro(&mut self, name: &'a str, span: Span, depth: usize) -> Expr {
        let hole = Expr {
            kind: ExprKind::Hole,
            span,
        };
        let Some(body) = (self.definition)(name) else {
            self.errors.push(ExpandError::Undefined {
                name: name.to_owned(),
                span,
            });
            return hole;
        };
        if self.open.iter().any(|&(open, _)| open == name) {
            self.errors.push(ExpandError::Loop {
                name: name.to_owned(),
                span,
            });
            return hole;
        }
        if self.parts > MAX_PARTS {
            // Said once; every other use would only repeat it.
            let said = |error: &ExpandError| matches!(error, ExpandError::TooLarge { .. });
            if !self.errors.iter().any(said) {
                let name = name.to_owned();
                self.errors.push(ExpandError::TooLarge {
                    name,
                    span,
                    limit: MAX_PARTS,
                });
            }
            return hole;
        }
        self.open.push((name, span));
        let expanded = self.expand(body, depth + 1);
        self.open.pop();
        expanded
    }
}

/// Replaces the name of each list after `in`, `intersects`, `pmatch`, `oneof`, `anyof` and `allof`
/// by its values. A name that `values` does not know is left as it is.
pub fn expand_lists(expr: &mut Expr, values: &mut dyn FnMut(&str) -> Option<Vec<Literal>>) {
    match &mut expr.kind {
        ExprKind::And(operands) | ExprKind::Or(operands) => {
            for operand in operands {
                expand_lists(operand, values);
            }
        }
        ExprKind::Not(operand) => expand_lists(operand, values),
        ExprKind::Check(check) => {
            if let Right::Values(list) | Right::Quantified(_, list) = &mut check.right
                && let ValuesKind::Named(name) = &list.kind
                && let Some(items) = values(name)
            {
                list.kind = ValuesKind::List(items);
            }
        }
        ExprKind::Macro(_) | ExprKind::Hole => {}
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use super::*;
    use crate::parse::parse;

    fn expand(condition: &str, macros: &[(&str, &str)]) -> Result<String, Vec<String>> {
        let macros: HashMap<_, _> = macros
            .iter()
            .map(|(name, body)| (*name, parse(body).unwrap()))
            .collect();
        let condition = parse(condition).unwrap();
        expand_macros(&condition, &mut |name| macros.get(name))
            .map(|expanded| expanded.to_string())
            .map_err(|errors| errors.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn macros_are_replaced_as_if_in_parentheses() {
        let macros = [("m", "a.a exists or n"), ("n", "a.b exists")];
        assert_eq!(
            expand("m and not n", &macros).unwrap(),
            "(a.a exists or a.b exists) and not a.b exists"
        );
    }

    #[test]
    fn every_wrong_macro_is_reported() {
        let macros = [("m", "n or a.a exists"), ("n", "not m")];
        assert_eq!(
            expand("m and missing and other", &macros).unwrap_err(),
            [
                "reference loop in macro 'm'",
                "Undefined macro 'missing' used in filter.",
                "Undefined macro 'other' used in filter.",
            ]
        );
    }

    #[test]
    fn depth_adds_up() {
        let levels = |depth: usize, inner: &str| {
            format!(
                "{}{inner}{}",
                "a.a exists and (a.b exists or (".repeat(depth),
                "))".repeat(depth)
            )
        };
        let bodies: Vec<_> = (0..10)
            .map(|n| levels(40, &format!("m{}", n + 1)))
            .collect();
        let names: Vec<_> = (0..11).map(|n| format!("m{n}")).collect();
        let mut macros: Vec<_> = names
            .iter()
            .zip(&bodies)
            .map(|(name, body)| (name.as_str(), body.as_str()))
            .collect();
        macros.push(("m10", "a.c exists"));
        assert!(expand("m0", &macros).unwrap().contains("a.c"));
        let body = levels(120, "a.d exists");
        *macros.last_mut().unwrap() = ("m10", &body);
        let errors = expand("m0", &macros).unwrap_err();
        assert_eq!(
            errors,
            ["exceeded max depth limit of 1000 while expanding macro 'm10'"]
        );
    }

    #[test]
    fn growth_without_end_is_refused() {
        let bodies: Vec<_> = (0..64).map(|n| format!("m{0} and m{0}", n + 1)).collect();
        let names: Vec<_> = (0..65).map(|n| format!("m{n}")).collect();
        let mut macros: Vec<_> = names
            .iter()
            .zip(&bodies)
            .map(|(name, body)| (name.as_str(), body.as_str()))
            .collect();
        macros.push(("m64", "a.a exists"));
        let errors = expand("m0", &macros).unwrap_err();
        assert_eq!(errors.len(), 1);
        assert!(
            errors[0].starts_with("more than 131072 checks"),
            "{errors:?}"
        );
    }
}
