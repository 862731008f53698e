//! `and`, `or` and `not` as a graph in which equal nodes exist once.

use hashbrown::HashMap;

use crate::pool::{CheckId, CondId, NodeDef};

/// The nodes of a pool while it is built.
pub(super) struct Nodes {
    pub(super) nodes: Vec<NodeDef>,
    pub(super) children: Vec<CondId>,
    pub(super) costs: Vec<u32>,
    checks: HashMap<CheckId, CondId, foldhash::fast::FixedState>,
    /// By kind (true for `and`) and sorted operands.
    known: HashMap<(bool, Box<[CondId]>), CondId, foldhash::fast::FixedState>,
}

impl Default for Nodes {
    fn default() -> Self {
        Self {
            nodes: vec![NodeDef::Always],
            children: Vec::new(),
            costs: vec![0],
            checks: HashMap::default(),
            known: HashMap::default(),
        }
    }
}

impl Nodes {
    pub(super) fn check(&mut self, check: CheckId, cost: u32) -> CondId {
        if let Some(&known) = self.checks.get(&check) {
            return known;
        }
        let condition = self.push(NodeDef::Check(check), cost);
        self.checks.insert(check, condition);
        condition
    }

    pub(super) fn and(&mut self, operands: Vec<CondId>) -> CondId {
        self.join(true, operands)
    }

    /// `a or b` is `not (not a and not b)`, but is kept as it is written, for those who look at the
    /// pool.
    pub(super) fn or(&mut self, operands: Vec<CondId>) -> CondId {
        self.join(false, operands)
    }

    fn join(&mut self, and: bool, mut operands: Vec<CondId>) -> CondId {
        let (neutral, absorbing) = if and {
            (CondId::ALWAYS, CondId::NEVER)
        } else {
            (CondId::NEVER, CondId::ALWAYS)
        };
        operands.retain(|&operand| operand != neutral);
        let mut sorted = operands.clone();
        sorted.sort_unstable();
        sorted.dedup();
        // A node and its opposite are neighbours in the order of their numbers.
        let opposites = sorted.windows(2).any(|pair| pair[0] == !pair[1]);
        if opposites || sorted.contains(&absorbing) {
            return absorbing;
        }
        match *sorted {
            [] => return neutral,
            [single] => return single,
            _ => {}
        }
        let key = (and, sorted.into_boxed_slice());
        if let Some(&known) = self.known.get(&key) {
            return known;
        }
        let mut seen = hashbrown::HashSet::<_, foldhash::fast::FixedState>::default();
        operands.retain(|operand| seen.insert(*operand));
        // What costs less goes first; the order of the text decides between equals. No order can
        // be observed, for a check has no effect but its result.
        operands.sort_by_key(|operand| self.costs[operand.index()]);
        let mut costs = operands.iter().map(|operand| self.costs[operand.index()]);
        let first_cost = costs.next().unwrap_or(0);
        let cost = costs.fold(first_cost, |sum, cost| sum.saturating_add(cost / 2));
        let offset = |length| u32::try_from(length).expect("a pool has less than 4 G operands");
        let (first, length) = (offset(self.children.len()), offset(operands.len()));
        self.children.extend(&operands);
        let node = if and {
            NodeDef::And { first, length }
        } else {
            NodeDef::Or { first, length }
        };
        let condition = self.push(node, cost);
        self.known.insert(key, condition);
        condition
    }

    fn push(&mut self, node: NodeDef, cost: u32) -> CondId {
        self.nodes.push(node);
        self.costs.push(cost);
        CondId::new(self.nodes.len() - 1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_nodes_exist_once() {
        let mut nodes = Nodes::default();
        let [a, b, c] = [0, 1, 2].map(|id| nodes.check(CheckId(id), 10 - id));
        let and = nodes.and(vec![a, b]);
        assert_eq!(nodes.and(vec![b, a, b]), and);
        assert_ne!(nodes.or(vec![a, b]), and);
        assert_eq!(nodes.and(vec![c, CondId::ALWAYS]), c);
        assert_eq!(nodes.and(vec![c, CondId::NEVER]), CondId::NEVER);
        assert_eq!(nodes.or(vec![c, !c, a]), CondId::ALWAYS);
        assert_eq!(nodes.or(vec![]), CondId::NEVER);
        assert_eq!(nodes.children[..2], [b, a], "what costs less goes first");
    }
}
