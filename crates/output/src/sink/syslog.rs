//! The syslog daemon, spoken to over its local socket as `syslog(3)` does.

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;

use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::{BatchSink, SinkInbox};
use crate::batch::Slice;
use crate::config::SyslogConfig;

/// The facility of user processes, in its place in a message's number.
const FACILITY_USER: u8 = 1 << 3;

/// The syslog daemon.
#[derive(Debug)]
pub(crate) struct SyslogSink {
    path: PathBuf,
    /// ` ident[pid]: `
    tag: String,
    zone: TimeZone,
    connection: Option<Connection>,
    message: String,
}

#[derive(Debug)]
enum Connection {
    Datagram(UnixDatagram),
    /// Some daemons listen on a stream instead; there a NUL ends a message.
    Stream(UnixStream),
}

impl SyslogSink {
    /// The daemon may come later, so it is not an error if it is not there; but it is worth a word.
    pub(crate) fn new(config: &SyslogConfig) -> Self {
        let mut sink = Self {
            path: config.socket.clone(),
            tag: format!(" {}[{}]: ", config.ident, std::process::id()),
            zone: TimeZone::system(),
            connection: None,
            message: String::new(),
        };
        if let Err(error) = sink.connect() {
            tracing::warn!(
                "syslog: cannot reach {}: {error}; alerts are lost to syslog until it is there",
                sink.path.display()
            );
        }
        sink
    }

    fn connect(&mut self) -> io::Result<&mut Connection> {
        if self.connection.is_none() {
            let datagram = UnixDatagram::unbound()?;
            self.connection = Some(match datagram.connect(&self.path) {
                Ok(()) => Connection::Datagram(datagram),
                Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                    Connection::Stream(UnixStream::connect(&self.path)?)
                }
                Err(error) => return Err(error),
            });
        }
        Ok(self.connection.as_mut().expect("just connected"))
    }

    /// Sends `self.message`; once more if the daemon was restarted meanwhile.
    fn send(&mut self) -> io::Result<()> {
        let had_connection = self.connection.is_some();
        let message = std::mem::take(&mut self.message);
        let mut result = self.try_send(&message);
        if let Err(error) = &result {
            // A message that is too long says nothing about the connection.
            if error.raw_os_error() != Some(libc::EMSGSIZE) {
                self.connection = None;
                if had_connection {
                    result = self.try_send(&message);
                }
            }
        }
        self.message = message;
        result
    }

    fn try_send(&mut self, message: &str) -> io::Result<()> {
        match self.connect()? {
            Connection::Datagram(socket) => socket.send(message.as_bytes()).map(drop),
            Connection::Stream(socket) => {
                socket.write_all(message.as_bytes())?;
                socket.write_all(b"\0")
            }
        }
    }

    fn now(&self) -> String {
        let now = self.zone.to_datetime(Timestamp::now());
        now.strftime("%b %e %H:%M:%S").to_string()
    }
}

impl BatchSink for SyslogSink {
    fn name(&self) -> &'static str {
        "syslog"
    }

    fn deliver(&mut self, slice: Slice, inbox: &SinkInbox) {
        let now = self.now();
        for (line, priority) in slice.lines() {
            self.message.clear();
            let number = FACILITY_USER | priority.number();
            write!(self.message, "<{number}>{now}{}{line}", self.tag)
                .expect("writing to a string cannot fail");
            match self.send() {
                Ok(()) => {
                    if !inbox.settle(1) {
                        return;
                    }
                }
                Err(error) => inbox.fail(1, format!("{}: {error}", self.path.display())),
            }
        }
    }

    fn reopen(&mut self) {
        self.connection = None;
    }
}
