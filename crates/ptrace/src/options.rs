//! How a command is traced.

/// How a command is traced. [`Default`] is what the probe does by default.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes of data an I/O event carries at most, 0 … 65000.
    pub snaplen: u16,
    /// Leave out calls that failed.
    pub drop_failed: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            snaplen: 80,
            drop_failed: false,
        }
    }
}
