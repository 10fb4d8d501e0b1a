//! Who waits for whom: components and cycles of a graph. Iterative: its size is the author's, the stack is ours.

use std::collections::VecDeque;

/// In a component of no more nodes all cycles are looked for, whoever asks.
const FEW: usize = 64;

/// Edges by node: `edges[a]` holds `b` where `a` depends on `b`.
#[derive(Debug, Default)]
pub(super) struct Graph {
    edges: Vec<Vec<usize>>,
}

impl Graph {
    /// A graph of this many nodes, without edges.
    pub(super) fn new(nodes: usize) -> Self {
        Self { edges: vec![Vec::new(); nodes] }
    }

    /// Adds a node and tells its number.
    pub(super) fn add_node(&mut self) -> usize {
        self.edges.push(Vec::new());
        self.edges.len() - 1
    }

    /// Lets `from` depend on `to`.
    pub(super) fn add_edge(&mut self, from: usize, to: usize) {
        if let Some(targets) = self.edges.get_mut(from) {
            targets.push(to);
        }
    }

    /// What a node depends on.
    pub(super) fn targets(&self, node: usize) -> &[usize] {
        self.edges.get(node).map_or(&[], Vec::as_slice)
    }

    /// The strongly connected components, each after all that it depends on (Tarjan).
    pub(super) fn components(&self) -> Vec<Vec<usize>> {
        let mut search = Search::new(self.edges.len());
        for root in 0..self.edges.len() {
            search.run(self, root);
        }
        search.components
    }

    /// Does every node depend on earlier ones only? Then there is no cycle, which is so for nearly all that was planned.
    pub(super) fn leads_back_only(&self) -> bool {
        self.edges.iter().enumerate().all(|(from, targets)| targets.iter().all(|&to| to < from))
    }

    /// The components whose nodes wait for themselves.
    pub(super) fn cyclic_components(&self) -> impl Iterator<Item = Vec<usize>> {
        let components = if self.leads_back_only() { Vec::new() } else { self.components() };
        components.into_iter().filter(|component| match component.as_slice() {
            [node] => self.targets(*node).contains(node),
            _ => true,
        })
    }

    /// Cycles that together go through every node of a cyclic component: each begins at its smallest node, and each is
    /// the shortest through that node. In a component of very many nodes only through those that are `wanted`.
    pub(super) fn cycles(&self, component: &[usize], wanted: impl Fn(usize) -> bool) -> Vec<Vec<usize>> {
        let mut open = vec![false; self.edges.len()];
        mark(&mut open, component, true);
        let all = component.len() <= FEW;
        let mut uncovered: Vec<usize> = component.iter().copied().filter(|node| all || wanted(*node)).collect();
        uncovered.sort_unstable_by(|a, b| b.cmp(a));
        let mut covered = vec![false; self.edges.len()];
        let mut cycles = Vec::new();
        while let Some(node) = uncovered.pop() {
            if covered.get(node).copied().unwrap_or(true) {
                continue;
            }
            let cycle = self.shortest_cycle(node, &open);
            mark(&mut covered, &cycle, true);
            cycles.push(cycle);
        }
        cycles
    }

    /// The shortest way from a node back to itself through open nodes.
    fn shortest_cycle(&self, start: usize, open: &[bool]) -> Vec<usize> {
        let mut reached_from: Vec<Option<usize>> = vec![None; self.edges.len()];
        let mut queue = VecDeque::from([start]);
        while let Some(node) = queue.pop_front() {
            for &target in self.targets(node) {
                if target == start {
                    return path(&reached_from, start, node);
                }
                let is_open = open.get(target).copied().unwrap_or(false);
                if let Some(seen @ None) = reached_from.get_mut(target).filter(|_| is_open) {
                    *seen = Some(node);
                    queue.push_back(target);
                }
            }
        }
        vec![start]
    }
}

fn mark(flags: &mut [bool], nodes: &[usize], value: bool) {
    for &node in nodes {
        if let Some(flag) = flags.get_mut(node) {
            *flag = value;
        }
    }
}

/// The nodes from `start` to `end`, walked back from the end.
fn path(reached_from: &[Option<usize>], start: usize, end: usize) -> Vec<usize> {
    let mut nodes = vec![end];
    let mut node = end;
    while node != start {
        let Some(&Some(before)) = reached_from.get(node) else { break };
        node = before;
        nodes.push(node);
    }
    nodes.reverse();
    nodes
}

/// The state of Tarjan's search; the recursion of the textbook is the stack `calls`.
struct Search {
    /// When a node was found, counted from 1; 0 where it was not.
    found: Vec<usize>,
    /// The earliest node of its component that a node leads to.
    low: Vec<usize>,
    on_stack: Vec<bool>,
    stack: Vec<usize>,
    /// Nodes being looked at, each with the number of its edges that were followed.
    calls: Vec<(usize, usize)>,
    count: usize,
    components: Vec<Vec<usize>>,
}

#[allow(clippy::indexing_slicing, reason = "every node is below the number of nodes that the tables were made for")]
impl Search {
    fn new(nodes: usize) -> Self {
        Self {
            found: vec![0; nodes],
            low: vec![0; nodes],
            on_stack: vec![false; nodes],
            stack: Vec::new(),
            calls: Vec::new(),
            count: 0,
            components: Vec::new(),
        }
    }

    fn run(&mut self, graph: &Graph, root: usize) {
        if self.found[root] == 0 {
            self.enter(root);
        }
        while let Some((node, followed)) = self.calls.pop() {
            match graph.targets(node).get(followed) {
                Some(&target) => {
                    self.calls.push((node, followed + 1));
                    self.follow(node, target);
                }
                None => self.leave(node),
            }
        }
    }

    fn enter(&mut self, node: usize) {
        self.count += 1;
        self.found[node] = self.count;
        self.low[node] = self.count;
        self.on_stack[node] = true;
        self.stack.push(node);
        self.calls.push((node, 0));
    }

    fn follow(&mut self, node: usize, target: usize) {
        if self.found[target] == 0 {
            self.enter(target);
        } else if self.on_stack[target] {
            self.low[node] = self.low[node].min(self.found[target]);
        }
    }

    fn leave(&mut self, node: usize) {
        if let Some(&(caller, _)) = self.calls.last() {
            self.low[caller] = self.low[caller].min(self.low[node]);
        }
        if self.low[node] == self.found[node] {
            self.close(node);
        }
    }

    fn close(&mut self, root: usize) {
        let mut component = Vec::new();
        while let Some(node) = self.stack.pop() {
            self.on_stack[node] = false;
            component.push(node);
            if node == root {
                break;
            }
        }
        component.sort_unstable();
        self.components.push(component);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::indexing_slicing, clippy::needless_range_loop)]

    use super::*;
    use proptest::prelude::*;

    fn graph(nodes: usize, edges: &[(usize, usize)]) -> Graph {
        let mut graph = Graph::new(nodes);
        for &(from, to) in edges {
            graph.add_edge(from, to);
        }
        graph
    }

    #[test]
    fn components_come_after_what_they_depend_on() {
        let graph = graph(5, &[(0, 1), (1, 2), (2, 1), (3, 0)]);
        assert_eq!(graph.components(), [vec![1, 2], vec![0], vec![3], vec![4]]);
    }

    #[test]
    fn a_node_that_waits_for_itself_is_a_cycle() {
        let graph = graph(2, &[(0, 0), (1, 0)]);
        assert_eq!(graph.cyclic_components().collect::<Vec<_>>(), [vec![0]]);
        assert_eq!(graph.cycles(&[0], |_| true), [vec![0]]);
    }

    #[test]
    fn cycles_cover_every_node_of_their_component() {
        let graph = graph(4, &[(0, 1), (1, 0), (1, 2), (2, 3), (3, 1)]);
        assert_eq!(graph.cycles(&[0, 1, 2, 3], |_| true), [vec![0, 1], vec![2, 3, 1]]);
    }

    #[test]
    fn a_long_chain_needs_no_stack() {
        let nodes = 200_000;
        let mut ring = Graph::new(nodes);
        (0..nodes).for_each(|node| ring.add_edge(node, (node + 1) % nodes));
        let components = ring.components();
        assert_eq!(components.len(), 1);
        assert_eq!(ring.cycles(&components[0], |_| true)[0].len(), nodes);
    }

    proptest! {
        /// Two nodes share a component exactly where each can be reached from the other.
        #[test]
        fn components_are_mutual_reach(edges in prop::collection::vec((0..7usize, 0..7usize), 0..16)) {
            let graph = graph(7, &edges);
            let mut reach = [[false; 7]; 7];
            for &(from, to) in &edges {
                reach[from][to] = true;
            }
            for via in 0..7 {
                for from in 0..7 {
                    for to in 0..7 {
                        reach[from][to] |= reach[from][via] && reach[via][to];
                    }
                }
            }
            let components = graph.components();
            prop_assert_eq!(components.iter().map(Vec::len).sum::<usize>(), 7);
            let number = |node| components.iter().position(|component| component.contains(&node));
            for a in 0..7 {
                for b in 0..7 {
                    let together = a == b || (reach[a][b] && reach[b][a]);
                    prop_assert_eq!(number(a) == number(b), together);
                    if reach[a][b] && !together {
                        prop_assert!(number(b) < number(a), "what is depended on comes first");
                    }
                }
            }
            for component in graph.cyclic_components() {
                for cycle in graph.cycles(&component, |_| true) {
                    for (at, node) in cycle.iter().enumerate() {
                        prop_assert!(graph.targets(*node).contains(&cycle[(at + 1) % cycle.len()]));
                    }
                }
            }
        }
    }
}
