//! Which of many conditions can hold in an event? Found out without looking at each.
//!
//! Most conditions are an `and`, and what one asks for first, many ask for. A [`Dispatch`] is made
//! once for conditions that are evaluated together, and takes apart what must be true for each:
//!
//! * **Shared parts**: a check or macro that several conditions need. One that does not hold rules
//!   out all of them.
//! * **Texts**: a condition that needs `proc.name in (a, b)`, or that each side of an `or` asks for
//!   some text, of one operand or of a few, cannot hold unless one of these texts is found. The
//!   look-up that the pool shares among all checks of an operand tells which are, and so which
//!   conditions remain, at a cost that does not grow with their number.
//!
//! What only depends on the subject of an event, its process, is found out once for many events of
//! it, down to parts that a single condition needs: then a mask is all that is left of it.
//!
//! What remains may still not hold and is evaluated as a whole. A part is only evaluated while at
//! least one condition that needs it remains; it would have been evaluated for that one anyway, and
//! the result is kept.

use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::atomic::Ordering;

use hashbrown::HashMap;

use crate::context::Shape;
use crate::pool::{CondId, NodeDef, OperandId, Pool};
use crate::program::{Fold, Test};

/// More shared parts than this are not looked at for each event: each costs a little even where it
/// is not needed.
const MAX_SHARED: usize = 24;

/// An `or` whose sides ask for texts of more operands than this is not taken apart.
const MAX_OPERANDS: usize = 3;

/// Made by [`Dispatch::new`], used by [`Evaluator::live`](crate::Evaluator::live).
#[derive(Debug)]
pub struct Dispatch {
    /// Its number among those of its pool.
    pub(crate) number: usize,
    /// A bit for each condition.
    pub(crate) all: Box<[u64]>,
    /// What depends on the subject of an event alone.
    pub(crate) lasting: Box<[Step]>,
    /// The first so many of `lasting` are worth it even for a single event.
    pub(crate) worthwhile: usize,
    /// What depends on more.
    pub(crate) steps: Box<[Step]>,
}

/// A way to rule conditions out.
#[derive(Debug)]
pub(crate) enum Step {
    /// The users do not hold unless this condition does.
    Shared {
        condition: CondId,
        users: Box<[u64]>,
    },
    LookUp(LookUp),
}

/// The users do not hold unless a text of one of the operands is one of theirs.
#[derive(Debug)]
pub(crate) struct LookUp {
    pub(crate) users: Box<[u64]>,
    /// One for each index of the operands.
    pub(crate) parts: Box<[Part]>,
}

/// The conditions that a slot of an index lets remain.
#[derive(Debug)]
pub(crate) struct Part {
    pub(crate) index: usize,
    /// For each slot where its conditions start in `conditions`; one more for the end.
    starts: Box<[u32]>,
    conditions: Box<[u32]>,
    /// The slots with any.
    slots: Box<[u64]>,
}

impl Part {
    /// Sets the bits of the conditions that the slots which are set let remain.
    pub(crate) fn add_hits(&self, found: &[u64], hits: &mut [u64]) {
        for (word, (found, slots)) in found.iter().zip(&self.slots).enumerate() {
            let mut rest = found & slots;
            while rest != 0 {
                let slot = word * 64 + rest.trailing_zeros() as usize;
                rest &= rest - 1;
                let conditions = self.starts[slot] as usize..self.starts[slot + 1] as usize;
                for &condition in &self.conditions[conditions] {
                    hits[condition as usize / 64] |= 1 << (condition % 64);
                }
            }
        }
    }
}

impl Dispatch {
    /// A dispatch for these conditions; their places become the numbers of the bits.
    pub fn new(pool: &Pool, conditions: &[CondId]) -> Self {
        let words = conditions.len().div_ceil(64);
        let mut all = vec![0; words];
        let mut needs = Needs::new(pool);
        let mut shared: BTreeMap<CondId, Vec<usize>> = BTreeMap::new();
        let mut by_operands: BTreeMap<Operands, Vec<(usize, Texts)>> = BTreeMap::new();
        for (number, &condition) in conditions.iter().enumerate() {
            all[number / 64] |= 1u64 << (number % 64);
            for part in needs.parts(condition) {
                shared.entry(part).or_default().push(number);
            }
            for (operands, texts) in needs.texts(condition).iter() {
                let users = by_operands.entry(operands.clone()).or_default();
                users.push((number, Rc::clone(texts)));
            }
        }
        let (lasting, shared): (BTreeMap<_, _>, BTreeMap<_, _>) = shared
            .into_iter()
            .partition(|(part, _)| pool.node_places[part.index()].is_lasting());
        let mut steps = shared_steps(pool, largest(pool, shared), words);
        let mut lasting = shared_steps(pool, lasting, words);
        for (operands, users) in by_operands {
            let mut texts = users.iter().flat_map(|(_, texts)| texts.iter());
            let lasts = texts.all(|&(index, _)| pool.index_places[index].is_lasting());
            let mut shapes = operands.iter().map(|&operand| pool.operand(operand).shape);
            let scalar = shapes.all(|shape| shape == Shape::Scalar);
            let costs = operands.iter().map(|operand| operand.0 as usize);
            let step = Weighed {
                cost: costs.map(|operand| pool.operand_costs[operand] + 10).sum(),
                users: users.len(),
                worthwhile: scalar && users.len() >= 2,
                step: look_up(pool, &users, words),
            };
            if lasts {
                lasting.push(step);
            } else if step.worthwhile {
                steps.push(step);
            }
        }
        lasting.sort_by(Weighed::order);
        steps.retain(|step| step.worthwhile);
        steps.sort_by(Weighed::order);
        steps.truncate(MAX_SHARED);
        let mut worthwhile = lasting.iter().take_while(|step| step.worthwhile).count();
        worthwhile = worthwhile.min(MAX_SHARED);
        Self {
            number: pool.dispatches.fetch_add(1, Ordering::Relaxed),
            all: all.into(),
            lasting: lasting.into_iter().map(|weighed| weighed.step).collect(),
            worthwhile,
            steps: steps.into_iter().map(|weighed| weighed.step).collect(),
        }
    }

    /// How many words of 64 bits there are for the conditions.
    pub fn words(&self) -> usize {
        self.all.len()
    }
}

/// A step and what speaks for it.
struct Weighed {
    cost: u32,
    users: usize,
    /// Whether it pays for a single event.
    worthwhile: bool,
    step: Step,
}

impl Weighed {
    /// What rules out most for its cost goes first; what does not pay, last.
    fn order(&self, other: &Self) -> std::cmp::Ordering {
        let weight = |one: &Self, users: usize| u64::from(one.cost) * users as u64;
        other
            .worthwhile
            .cmp(&self.worthwhile)
            .then(weight(self, other.users).cmp(&weight(other, self.users)))
    }
}

/// Each set of users needs only one of the parts that it has in common, the largest, which mostly
/// holds the others.
fn largest(pool: &Pool, shared: BTreeMap<CondId, Vec<usize>>) -> BTreeMap<CondId, Vec<usize>> {
    let mut by_users: BTreeMap<Vec<usize>, CondId> = BTreeMap::new();
    for (part, users) in shared {
        let kept = by_users.entry(users).or_insert(part);
        if pool.costs[part.index()] > pool.costs[kept.index()] {
            *kept = part;
        }
    }
    by_users
        .into_iter()
        .map(|(users, part)| (part, users))
        .collect()
}

fn shared_steps(pool: &Pool, shared: BTreeMap<CondId, Vec<usize>>, words: usize) -> Vec<Weighed> {
    let steps = shared.into_iter().map(|(condition, users)| Weighed {
        cost: pool.costs[condition.index()].max(1),
        users: users.len(),
        worthwhile: users.len() >= 2,
        step: Step::Shared {
            condition,
            users: bits(users.into_iter(), words),
        },
    });
    steps.collect()
}

fn look_up(pool: &Pool, users: &[(usize, Texts)], words: usize) -> Step {
    let mut conditions: BTreeMap<(usize, usize), Vec<u32>> = BTreeMap::new();
    for (number, texts) in users {
        let number = u32::try_from(*number).expect("there are few conditions");
        for &slot in texts.iter() {
            conditions.entry(slot).or_default().push(number);
        }
    }
    let mut indexes: Vec<usize> = conditions.keys().map(|(index, _)| *index).collect();
    indexes.dedup();
    let parts = indexes.into_iter().map(|index| {
        let slots = pool.indexes[index].words * 64;
        let (mut starts, mut flat, mut used) = (vec![0], Vec::new(), vec![0; slots / 64]);
        for slot in 0..slots {
            if let Some(found) = conditions.get(&(index, slot)) {
                used[slot / 64] |= 1u64 << (slot % 64);
                flat.extend_from_slice(found);
            }
            starts.push(u32::try_from(flat.len()).expect("there are few conditions"));
        }
        Part {
            index,
            starts: starts.into(),
            conditions: flat.into(),
            slots: used.into(),
        }
    });
    Step::LookUp(LookUp {
        users: bits(users.iter().map(|(number, _)| *number), words),
        parts: parts.collect(),
    })
}

fn bits(numbers: impl Iterator<Item = usize>, words: usize) -> Box<[u64]> {
    let mut bits = vec![0; words];
    for number in numbers {
        bits[number / 64] |= 1u64 << (number % 64);
    }
    bits.into()
}

/// Slots of indexes, as `(index, slot)`, one of which must be found. Sorted, each once.
type Texts = Rc<[(usize, usize)]>;

/// The operands that texts are of. Sorted, each once.
type Operands = Vec<OperandId>;

/// By operands, texts one of which must be found.
type NeededTexts = BTreeMap<Operands, Texts>;

/// What must be true for conditions to hold.
struct Needs<'p> {
    pool: &'p Pool,
    texts: HashMap<CondId, Rc<NeededTexts>, foldhash::fast::FixedState>,
}

impl<'p> Needs<'p> {
    fn new(pool: &'p Pool) -> Self {
        Self {
            pool,
            texts: HashMap::default(),
        }
    }

    /// The parts of a condition that must hold, itself included; each once.
    fn parts(&self, condition: CondId) -> Vec<CondId> {
        let (mut parts, mut open) = (Vec::new(), vec![condition]);
        while let Some(part) = open.pop() {
            parts.push(part);
            if let Some(operands) = self.all_of(part) {
                open.extend(operands);
            }
        }
        parts.sort_unstable();
        parts.dedup();
        parts
    }

    /// The operands of an `and`, or of an `or` that must not hold.
    fn all_of(&self, condition: CondId) -> Option<Vec<CondId>> {
        match self.pool.nodes[condition.index()] {
            NodeDef::And { first, length } if !condition.negated() => {
                Some(self.pool.children(first, length).to_vec())
            }
            NodeDef::Or { first, length } if condition.negated() => {
                let operands = self.pool.children(first, length).iter();
                Some(operands.map(|&operand| !operand).collect())
            }
            _ => None,
        }
    }

    /// The operands of an `or`, or of an `and` that must not hold.
    fn one_of(&self, condition: CondId) -> Option<Vec<CondId>> {
        self.all_of(!condition)
            .map(|operands| operands.into_iter().map(|operand| !operand).collect())
    }

    /// For operands that are looked up, the slots one of which must be found for the condition to
    /// hold.
    fn texts(&mut self, condition: CondId) -> Rc<NeededTexts> {
        if let Some(known) = self.texts.get(&condition) {
            return Rc::clone(known);
        }
        let found = Rc::new(self.find_texts(condition));
        self.texts.insert(condition, Rc::clone(&found));
        found
    }

    fn find_texts(&mut self, condition: CondId) -> NeededTexts {
        if let NodeDef::Check(check) = self.pool.nodes[condition.index()] {
            let operand = self.pool.check(check).left;
            return match self.pool.tests[check.0 as usize] {
                Test::Indexed {
                    fold: Fold::Some,
                    index,
                    slot,
                } if !condition.negated() => {
                    BTreeMap::from([(vec![operand], Rc::from([(index as usize, slot as usize)]))])
                }
                _ => BTreeMap::new(),
            };
        }
        if let Some(operands) = self.all_of(condition) {
            let mut found = NeededTexts::new();
            for operand in operands {
                for (operands, texts) in self.texts(operand).iter() {
                    let best = found
                        .entry(operands.clone())
                        .or_insert_with(|| Rc::clone(texts));
                    if texts.len() < best.len() {
                        *best = Rc::clone(texts);
                    }
                }
            }
            return found;
        }
        let Some(operands) = self.one_of(condition) else {
            return BTreeMap::new();
        };
        let all: Vec<_> = operands.into_iter().map(|one| self.texts(one)).collect();
        let Some((first, others)) = all.split_first() else {
            return BTreeMap::new();
        };
        let mut found = BTreeMap::new();
        for (operands, texts) in first.iter() {
            let mut union = texts.to_vec();
            let in_all = others.iter().all(|other| {
                let texts = other.get(operands);
                union.extend(texts.iter().flat_map(|texts| texts.iter().copied()));
                texts.is_some()
            });
            if in_all {
                union.sort_unstable();
                union.dedup();
                found.insert(operands.clone(), Rc::from(union));
            }
        }
        if found.is_empty() {
            found.extend(of_several(&all));
        }
        found
    }
}

/// The sides of an `or` that have no operands in common, but all ask for texts of some: one of all
/// these must be found.
fn of_several(sides: &[Rc<NeededTexts>]) -> Option<(Operands, Texts)> {
    let (mut operands, mut texts) = (Vec::new(), Vec::new());
    for side in sides {
        let fewest = side
            .iter()
            .min_by_key(|(operands, texts)| (operands.len(), texts.len()))?;
        operands.extend_from_slice(fewest.0);
        texts.extend_from_slice(fewest.1);
    }
    operands.sort_unstable();
    operands.dedup();
    texts.sort_unstable();
    texts.dedup();
    (operands.len() <= MAX_OPERANDS).then(|| (operands, texts.into()))
}
