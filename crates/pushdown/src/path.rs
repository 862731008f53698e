//! Checks of paths.

use condition::{CheckDef, Operator};

use crate::formula::{Atom, Formula, PathAtom};
use crate::translate::{Answer, values};

/// A check of a path that the call names, under any of the fields that show it.
pub(crate) fn answer(check: &CheckDef, which: u8) -> Option<Answer> {
    let is = |atom| Formula::Is(Atom::Path(which, atom));
    let constants = values(check)?;
    let mut parts = Vec::new();
    let mut is_exact = true;
    for constant in constants {
        let text = constant.bytes()?;
        parts.push(match check.operator {
            Operator::Eq | Operator::In | Operator::Ne => is(PathAtom::Exact(text.into())),
            Operator::StartsWith => prefix(text, &is),
            Operator::EndsWith => is(PathAtom::Suffix(text.into())),
            Operator::Contains => is(PathAtom::Contains(text.into())),
            Operator::Glob => {
                is_exact = false;
                glob(text, &is)
            }
            Operator::PMatch => {
                is_exact = false;
                below(text, &is)
            }
            _ => return None,
        });
    }
    let formula = Formula::or(parts);
    Some(match check.operator {
        Operator::Ne => Answer::exact(formula.opposite()),
        _ if is_exact => Answer::exact(formula),
        _ => Answer::implied(formula),
    })
}

fn prefix(text: &[u8], is: &dyn Fn(PathAtom) -> Formula) -> Formula {
    if text.is_empty() {
        Formula::True
    } else {
        is(PathAtom::Prefix(text.into()))
    }
}

/// The path itself or what lies below it.
fn below(text: &[u8], is: &dyn Fn(PathAtom) -> Formula) -> Formula {
    if !text.starts_with(b"/") || text.windows(2).any(|pair| pair == b"//") {
        return Formula::True;
    }
    if let Some(at) = text.iter().position(|byte| b"*?[\\".contains(byte)) {
        return prefix(&text[..at], is);
    }
    let text = text.strip_suffix(b"/").unwrap_or(text);
    let mut inside = text.to_vec();
    inside.push(b'/');
    Formula::or([
        is(PathAtom::Exact(text.into())),
        is(PathAtom::Prefix(inside.into())),
    ])
}

/// What is written out in a pattern must be in the path: its beginning, its end, the parts
/// between.
fn glob(text: &[u8], is: &dyn Fn(PathAtom) -> Formula) -> Formula {
    let special = |byte: &u8| b"?[]\\{}()|!@+".contains(byte);
    if text.iter().any(special) {
        let end = text
            .iter()
            .position(|byte| *byte == b'*' || special(byte))
            .unwrap_or(0);
        return prefix(&text[..end], is);
    }
    let parts: Vec<&[u8]> = text.split(|&byte| byte == b'*').collect();
    let [first, middle @ .., last] = parts.as_slice() else {
        return is(PathAtom::Exact(text.into()));
    };
    let middle = middle
        .iter()
        .filter(|part| !part.is_empty())
        .map(|part| is(PathAtom::Contains((*part).into())));
    let last = (!last.is_empty()).then(|| is(PathAtom::Suffix((*last).into())));
    Formula::and(std::iter::once(prefix(first, is)).chain(middle).chain(last))
}

/// A check of the directory of what is opened. A directory that is opened counts as its own.
pub(crate) fn directory(check: &CheckDef, which: u8) -> Option<Answer> {
    let is = |atom| Formula::Is(Atom::Path(which, atom));
    let mut parts = Vec::new();
    for constant in values(check)? {
        let text = constant.bytes()?;
        parts.push(match check.operator {
            Operator::Eq | Operator::In if text == b"/" => {
                Formula::or([is(PathAtom::InRoot), is(PathAtom::Exact(text.into()))])
            }
            Operator::Eq | Operator::In => {
                let mut inside = text.to_vec();
                inside.push(b'/');
                Formula::or([
                    is(PathAtom::Exact(text.into())),
                    is(PathAtom::Prefix(inside.into())),
                ])
            }
            Operator::StartsWith => prefix(text, &is),
            Operator::Contains => is(PathAtom::Contains(text.into())),
            _ => return None,
        });
    }
    Some(Answer::implied(Formula::or(parts)))
}

/// A check of the name of what is opened, without its directory.
pub(crate) fn file_name(check: &CheckDef, which: u8) -> Option<Answer> {
    let is = |atom| Formula::Is(Atom::Path(which, atom));
    let mut parts = Vec::new();
    for constant in values(check)? {
        let text = constant.bytes()?;
        let mut after_slash = b"/".to_vec();
        after_slash.extend_from_slice(text);
        parts.push(match check.operator {
            Operator::Eq | Operator::In => is(PathAtom::Suffix(after_slash.into())),
            Operator::StartsWith => is(PathAtom::Contains(after_slash.into())),
            Operator::EndsWith => is(PathAtom::Suffix(text.into())),
            Operator::Contains => is(PathAtom::Contains(text.into())),
            _ => return None,
        });
    }
    Some(Answer::implied(Formula::or(parts)))
}
