//! The line of parent processes.

use crate::{State, Thread};

/// Iterator over the main threads of the parent processes of a thread, nearest first. It ends at
/// the first unknown parent, at a loop, or after 1024 steps.
pub struct Ancestors<'a> {
    state: &'a State,
    current: Option<&'a Thread>,
    /// Brent's algorithm: a mark that moves up at powers of two finds any loop.
    mark: i64,
    steps: u32,
    mark_at: u32,
}

impl<'a> Ancestors<'a> {
    pub(crate) fn new(state: &'a State, thread: &'a Thread) -> Self {
        Self {
            state,
            current: Some(thread),
            mark: thread.pid,
            steps: 0,
            mark_at: 1,
        }
    }
}

impl<'a> Iterator for Ancestors<'a> {
    type Item = &'a Thread;

    fn next(&mut self) -> Option<&'a Thread> {
        let parent = self
            .state
            .parent(self.current?)
            .filter(|parent| parent.pid != self.mark && self.steps < 1024);
        self.current = parent;
        self.steps += 1;
        if self.steps == self.mark_at {
            self.mark_at *= 2;
            self.mark = parent.map_or(self.mark, |parent| parent.pid);
        }
        parent
    }
}
