//! What is looked at of an alert, however it came.

/// An alert, borrowed from the message it came in.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Alert<'a> {
    /// Name of the rule.
    pub rule: &'a str,
    /// Name of the event source.
    pub source: &'a str,
    /// When the event happened, in nanoseconds since the epoch, by the engine's clock.
    pub time: Option<u64>,
    /// Who did it, as far as the alert says.
    pub process: Process,
}

/// The process of an alert and its ancestors, as the output fields of the alert name them: `proc.pid`,
/// `proc.ppid`, `proc.apid[…]`. Rules seldom print them; `append_output` of the engine adds them to all.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Process {
    pids: [Option<u32>; 6],
    len: usize,
}

impl Process {
    /// Takes note of an output field, if it is the number of a process.
    pub fn note(&mut self, field: &str, pid: u32) {
        if Self::is_wanted(field)
            && let Some(place) = self.pids.get_mut(self.len)
        {
            *place = Some(pid);
            self.len += 1;
        }
    }

    /// Whether an output field is looked at.
    pub fn is_wanted(field: &str) -> bool {
        matches!(field, "proc.pid" | "proc.ppid") || field.starts_with("proc.apid[")
    }

    /// Whether the alert is about process `pid` or a child of it; `None` when the alert does not say.
    pub fn is_of(&self, pid: u32) -> Option<bool> {
        (self.len > 0).then(|| self.pids[..self.len].contains(&Some(pid)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_itself_or_an_ancestor() {
        let mut process = Process::default();
        assert_eq!(process.is_of(7), None);
        process.note("proc.name", 7);
        assert_eq!(process.is_of(7), None);
        process.note("proc.pid", 12);
        assert_eq!(process.is_of(7), Some(false));
        process.note("proc.apid[2]", 7);
        assert_eq!(process.is_of(7), Some(true));
        for pid in 0..20 {
            process.note("proc.ppid", pid);
        }
        assert_eq!(
            (process.is_of(12), process.is_of(19)),
            (Some(true), Some(false))
        );
    }
}
