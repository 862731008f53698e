//! A formula as alternatives, each of which asks separate questions of separate tables.
//!
//! A table answers for one kind of value only: the class of the call (sign of the result and
//! properties of arguments), a path, the process, the port or the address of the other end. So a formula is brought into the form "this of the
//! class and that of the path, or …". Where that would become too large, alternatives are replaced
//! by one that covers them all.

use std::collections::BTreeMap;

use crate::formula::{Atom, Formula, PeerAtom};

/// How many alternatives one rule may have.
const MOST: usize = 8;

/// The tables that a clause asks.
pub(crate) const CLASS: usize = 0;
pub(crate) const PATHS: [usize; 2] = [1, 2];
pub(crate) const PROCESS: usize = 3;
pub(crate) const PORT: usize = 4;
pub(crate) const ADDRESS: usize = 5;
const TABLES: usize = 6;

/// One alternative: what each table must say.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Clause {
    pub(crate) of: [Formula; TABLES],
}

impl Clause {
    /// The alternative that everything passes.
    pub(crate) fn anything() -> Self {
        Self {
            of: std::array::from_fn(|_| Formula::True),
        }
    }

    fn of_table(table: usize, formula: Formula) -> Self {
        let mut clause = Self::anything();
        clause.of[table] = formula;
        clause
    }

    /// Whether everything passes it.
    pub(crate) fn is_anything(&self) -> bool {
        self.of.iter().all(|formula| *formula == Formula::True)
    }

    /// The whole of it as one formula.
    pub fn formula(&self) -> Formula {
        Formula::and(self.of.iter().cloned())
    }

    fn and(&self, other: &Self) -> Option<Self> {
        let of: [Formula; TABLES] = std::array::from_fn(|table| {
            Formula::and([self.of[table].clone(), other.of[table].clone()])
        });
        (!of.contains(&Formula::False)).then_some(Self { of })
    }

    /// A clause that is passed by whatever passes either.
    fn cover(&self, other: &Self) -> Self {
        Self {
            of: std::array::from_fn(|table| {
                Formula::or([self.of[table].clone(), other.of[table].clone()])
            }),
        }
    }

    /// In how many tables two clauses differ.
    fn distance(&self, other: &Self) -> usize {
        (0..TABLES)
            .filter(|&table| self.of[table] != other.of[table])
            .count()
    }
}

/// The table that answers a question.
fn table_of(atom: &Atom) -> usize {
    match atom {
        Atom::Sign(_) | Atom::Test(_) => CLASS,
        Atom::Path(which, _) => PATHS[usize::from(*which != 0)],
        Atom::Process(_) => PROCESS,
        Atom::Peer(PeerAtom::Port(_)) => PORT,
        Atom::Peer(PeerAtom::Network(_)) => ADDRESS,
    }
}

/// The one table that answers a formula, if it is one.
fn only_table(formula: &Formula) -> Option<usize> {
    let mut found = None;
    let mut single = true;
    formula.for_each_atom(&mut |atom| {
        let table = table_of(atom);
        single &= *found.get_or_insert(table) == table;
    });
    found.filter(|_| single)
}

/// The alternatives of a formula. None: it never holds.
pub(crate) fn clauses(formula: &Formula) -> Vec<Clause> {
    match formula {
        Formula::True => return vec![Clause::anything()],
        Formula::False => return Vec::new(),
        _ => {}
    }
    if let Some(table) = only_table(formula) {
        return vec![Clause::of_table(table, formula.clone())];
    }
    match formula {
        Formula::Or(parts) => {
            let all = parts.iter().flat_map(clauses).collect();
            limit(all, MOST)
        }
        Formula::And(parts) => {
            // What asks one table only comes first: it multiplies nothing.
            let (single, mixed): (Vec<&Formula>, Vec<&Formula>) =
                parts.iter().partition(|part| only_table(part).is_some());
            let mut product = vec![Clause::anything()];
            for part in single.into_iter().chain(mixed) {
                let right = clauses(part);
                let all = product
                    .iter()
                    .flat_map(|left| right.iter().filter_map(move |right| left.and(right)))
                    .collect();
                product = limit(all, MOST);
            }
            product
        }
        Formula::True | Formula::False | Formula::Is(_) | Formula::Not(_) => Vec::new(),
    }
}

/// Joins clauses that differ in one table only, which loses nothing, and then those that differ
/// least, until there are at most `most`.
pub(crate) fn limit(all: Vec<Clause>, most: usize) -> Vec<Clause> {
    let mut all = merge(all);
    if all.iter().any(Clause::is_anything) {
        return vec![Clause::anything()];
    }
    let mut allowed = 2;
    while all.len() > most {
        let Some((left, right)) = nearest(&all, allowed) else {
            allowed += 1;
            continue;
        };
        let joined = all[left].cover(&all[right]);
        all.swap_remove(right);
        all.swap_remove(left);
        all.push(joined);
        all = merge(all);
    }
    all
}

/// Joins clauses that differ in one table only.
pub(crate) fn merge(mut all: Vec<Clause>) -> Vec<Clause> {
    loop {
        let before = all.len();
        for table in 0..TABLES {
            let mut groups: BTreeMap<[Formula; TABLES], Vec<Formula>> = BTreeMap::new();
            for mut clause in all {
                let own = std::mem::replace(&mut clause.of[table], Formula::True);
                groups.entry(clause.of).or_default().push(own);
            }
            all = groups
                .into_iter()
                .map(|(mut of, parts)| {
                    of[table] = Formula::or(parts);
                    Clause { of }
                })
                .collect();
        }
        if all.len() == before {
            return all;
        }
    }
}

/// Two clauses that differ in at most so many tables, the later one second.
fn nearest(all: &[Clause], most: usize) -> Option<(usize, usize)> {
    all.iter().enumerate().find_map(|(left, one)| {
        let right = all[left + 1..]
            .iter()
            .position(|other| one.distance(other) <= most)?;
        Some((left, left + 1 + right))
    })
}
