//! Stopping when the user wants to.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use action::Cancel;
use signal_hook::consts::{SIGINT, SIGTERM};

/// Whether the user wants to stop, and by which signal.
///
/// The first SIGINT or SIGTERM asks: sleeps end at once, the action under way is finished or given
/// up, and what it made is removed. The second kills the program on the spot.
#[derive(Clone, Debug, Default)]
pub struct Interrupt {
    cancel: Cancel,
    terminated: Arc<AtomicBool>,
}

/// How long an interruption may go unnoticed in a sleep.
const EAR: Duration = Duration::from_millis(20);

impl Interrupt {
    /// Listens to SIGINT and SIGTERM from now on.
    ///
    /// # Errors
    /// When the system refuses to register the handlers.
    pub fn by_signals() -> Result<Self, crate::Error> {
        let interrupt = Self::default();
        let flag = interrupt.cancel.flag();
        let register = || -> std::io::Result<()> {
            for signal in [SIGINT, SIGTERM] {
                // The order matters: on the first signal the flag is not yet set and this does
                // nothing; then the second handler sets it.
                signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&flag))?;
                signal_hook::flag::register(signal, Arc::clone(&flag))?;
            }
            signal_hook::flag::register(SIGTERM, Arc::clone(&interrupt.terminated))?;
            Ok(())
        };
        register().map_err(crate::Error::io("listen to signals"))?;
        Ok(interrupt)
    }

    /// The flag that actions look at.
    pub fn cancel(&self) -> &Cancel {
        &self.cancel
    }

    /// Whether to stop.
    pub fn is_set(&self) -> bool {
        self.cancel.is_cancelled()
    }

    /// The name of the signal.
    pub fn signal(&self) -> &'static str {
        if self.terminated.load(Ordering::Relaxed) {
            "SIGTERM"
        } else {
            "SIGINT"
        }
    }

    /// Sleeps; `false` when it was interrupted.
    pub fn sleep(&self, duration: Duration) -> bool {
        let deadline = Instant::now() + duration;
        loop {
            if self.is_set() {
                return false;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return true;
            }
            std::thread::sleep(left.min(EAR));
        }
    }
}
