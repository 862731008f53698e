//! How many look-ups may be made.

const SECOND: u64 = 1_000_000_000;

/// A number of look-ups per second of event time. Asking `/proc` costs some hundred times what an
/// event does, and a flood of short-lived processes must not turn every event into a question.
#[derive(Debug)]
pub(crate) struct Budget {
    per_second: u32,
    second: u64,
    used: u32,
}

impl Budget {
    pub(crate) fn new(per_second: u32) -> Self {
        Self {
            per_second,
            second: 0,
            used: 0,
        }
    }

    /// Takes one look-up; false when there is none left in this second.
    pub(crate) fn take(&mut self, now: u64) -> bool {
        let second = now / SECOND;
        if second != self.second {
            self.second = second;
            self.used = 0;
        }
        let granted = self.used < self.per_second;
        self.used += u32::from(granted);
        granted
    }
}
