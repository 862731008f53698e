//! An action that is ready.

use crate::failure::Failure;

/// An action ready to be done, holding all it will have to undo.
///
/// Dropping it removes every file and ends every process it made.
pub struct Prepared {
    run: Box<dyn FnMut() -> Result<(), Failure> + Send>,
}

impl Prepared {
    /// An action done by `run`. What `run` owns is what is undone when the action is dropped.
    pub fn new(run: impl FnMut() -> Result<(), Failure> + Send + 'static) -> Self {
        Self { run: Box::new(run) }
    }

    /// Does it once.
    ///
    /// # Errors
    /// When a step failed. What the step had made is removed at the latest when `self` is dropped.
    pub fn run(&mut self) -> Result<(), Failure> {
        (self.run)()
    }
}

impl std::fmt::Debug for Prepared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Prepared")
    }
}
