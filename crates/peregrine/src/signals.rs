//! What signals ask for, as flags that the event loop looks at.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1};

/// The flags. A second SIGINT or SIGTERM ends the process at once.
pub(crate) struct Signals {
    stop: Arc<AtomicBool>,
    reopen: Arc<AtomicBool>,
    reload: Arc<AtomicBool>,
}

impl Signals {
    /// Takes over SIGINT, SIGTERM, SIGUSR1 and SIGHUP, and ignores SIGPIPE.
    ///
    /// # Errors
    ///
    /// When the system refuses a handler.
    pub(crate) fn install() -> io::Result<Self> {
        let signals = Self {
            stop: Arc::default(),
            reopen: Arc::default(),
            reload: Arc::default(),
        };
        for signal in [SIGINT, SIGTERM] {
            // In this order: the first signal finds the flag unset and only sets it.
            signal_hook::flag::register_conditional_shutdown(signal, 1, Arc::clone(&signals.stop))?;
            signal_hook::flag::register(signal, Arc::clone(&signals.stop))?;
        }
        signal_hook::flag::register(SIGUSR1, Arc::clone(&signals.reopen))?;
        signal_hook::flag::register(SIGHUP, Arc::clone(&signals.reload))?;
        // A reader that goes away is an error of that output, not the end of the engine.
        signal_hook::flag::register(SIGPIPE, Arc::new(AtomicBool::new(false)))?;
        Ok(signals)
    }

    /// Whether the end was asked for.
    pub(crate) fn stop(&self) -> bool {
        self.stop.load(Ordering::Relaxed)
    }

    /// Whether outputs are to be opened again; asking takes the wish back.
    pub(crate) fn take_reopen(&self) -> bool {
        self.reopen.swap(false, Ordering::Relaxed)
    }

    /// Whether a reload was asked for; asking takes the wish back.
    pub(crate) fn take_reload(&self) -> bool {
        self.reload.swap(false, Ordering::Relaxed)
    }
}
