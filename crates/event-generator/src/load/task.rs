//! What a load does.

use std::sync::Arc;

use action::{Action, Context, Failure, Prepared};

type Prepare = Arc<dyn Fn() -> Result<Prepared, Failure> + Send + Sync>;

/// Something that is done again and again.
#[derive(Clone)]
pub struct Task {
    /// Its name. Of an action: `package.Name`.
    pub name: &'static str,
    /// System calls that one act makes, where that is known.
    pub calls: Option<u64>,
    /// Directories below which it makes files.
    pub writes: &'static [&'static str],
    prepare: Prepare,
}

impl Task {
    /// A task that each worker makes ready with `prepare`, on its own thread.
    pub fn new(
        name: &'static str,
        prepare: impl Fn() -> Result<Prepared, Failure> + Send + Sync + 'static,
    ) -> Self {
        Self {
            name,
            calls: None,
            writes: &[],
            prepare: Arc::new(prepare),
        }
    }

    /// An action.
    pub fn of_action(action: &'static Action, context: &Context) -> Self {
        let context = context.clone();
        Self {
            writes: action.writes,
            ..Self::new(action.name, move || action.prepare(&context))
        }
    }

    /// The same, when it is known how many system calls an act makes.
    pub fn with_calls(mut self, calls: u64) -> Self {
        self.calls = Some(calls);
        self
    }

    pub(super) fn prepare(&self) -> Result<Prepared, Failure> {
        (self.prepare)()
    }
}

impl std::fmt::Debug for Task {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Task").field(&self.name).finish()
    }
}
