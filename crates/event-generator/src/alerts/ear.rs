//! The thread that listens.

use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError, mpsc};
use std::thread::JoinHandle;

use tokio::sync::oneshot;

use super::Error;

/// Listens until it is dropped.
#[derive(Debug)]
pub struct Ear {
    address: String,
    connected: bool,
    failure: Arc<Mutex<Option<String>>>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Ear {
    /// Starts a thread that first makes ready and then listens, both with the same runtime.
    ///
    /// `ready` gives the address and the future that listens; that one ends only when nothing can be
    /// heard any more, with the reason.
    /// `connected` says that being ready means being connected to an engine.
    pub(super) fn start<Ready, Listening>(connected: bool, ready: Ready) -> Result<Self, Error>
    where
        Ready: Future<Output = Result<(String, Listening), Error>> + Send + 'static,
        Listening: Future<Output = String>,
    {
        let (report, reported) = mpsc::channel();
        let (stop, stopped) = oneshot::channel();
        let failure = Arc::new(Mutex::new(None));
        let failed = Arc::clone(&failure);
        let body = move || {
            let runtime = match tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
            {
                Ok(runtime) => runtime,
                Err(error) => {
                    let _ = report.send(Err(Error::Start(error)));
                    return;
                }
            };
            runtime.block_on(async {
                let listening = match ready.await {
                    Ok((address, listening)) => {
                        let _ = report.send(Ok(address));
                        listening
                    }
                    Err(error) => {
                        let _ = report.send(Err(error));
                        return;
                    }
                };
                tokio::select! {
                    reason = listening => {
                        *failed.lock().unwrap_or_else(PoisonError::into_inner) = Some(reason);
                    }
                    _ = stopped => {}
                }
            });
        };
        let thread = std::thread::Builder::new()
            .name("alerts".to_owned())
            .spawn(body)
            .map_err(Error::Start)?;
        let address = reported
            .recv()
            .unwrap_or_else(|_| Err(Error::Start(std::io::Error::other("the thread ended"))))?;
        Ok(Self {
            address,
            connected,
            failure,
            stop: Some(stop),
            thread: Some(thread),
        })
    }

    /// Where alerts are heard, for people.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// Whether there is an engine for certain; otherwise one has yet to show itself.
    pub fn is_connected(&self) -> bool {
        self.connected
    }

    /// Why nothing can be heard any more, if so.
    pub fn failure(&self) -> Option<String> {
        self.failure
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for Ear {
    fn drop(&mut self) {
        if let Some(stop) = self.stop.take() {
            // Fails only when the thread has ended by itself.
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
