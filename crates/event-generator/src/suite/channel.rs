//! What the processes of a test tell the runner.
//!
//! One message a packet, as JSON. The kernel adds the sender's process id, in the runner's own terms
//! also from inside a container.

use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer,
    SendFlags, SocketFlags, SocketType, recvmsg, sendmsg, socketpair, sockopt,
};
use serde::{Deserialize, Serialize};

/// The most a message has.
const LIMIT: usize = 64 << 10;

/// What a process of a test says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub(super) enum Message {
    /// I belong to the test; alerts about me count.
    Here,
    /// I am about to make this; remove it if I do not come to it.
    Makes(String),
    /// It is gone.
    Gone(String),
    /// The test cannot go on.
    Failed {
        /// Where: a step, a resource, a script.
        at: String,
        /// Why.
        error: String,
    },
    /// Everything was done.
    Done,
}

/// The runner's end.
pub(super) struct Listener(OwnedFd);

/// The end of the test's processes.
pub(super) struct Speaker(pub(super) OwnedFd);

/// Both ends.
pub(super) fn channel() -> io::Result<(Listener, Speaker)> {
    let (ours, theirs) = socketpair(
        AddressFamily::UNIX,
        SocketType::SEQPACKET,
        SocketFlags::CLOEXEC,
        None,
    )?;
    sockopt::set_socket_passcred(&ours, true)?;
    Ok((Listener(ours), Speaker(theirs)))
}

/// What came of waiting for a message.
pub(super) enum Heard {
    /// A message, and the id of its sender.
    Message(Message, i32),
    /// None in time.
    Nothing,
    /// Nobody is left who could send one.
    End,
}

impl Listener {
    /// Waits for a message until `deadline`.
    pub(super) fn hear(&self, deadline: Instant) -> io::Result<Heard> {
        let left = deadline.saturating_duration_since(Instant::now());
        // Rounded up, so that the last wait does not spin.
        let timeout =
            Timespec::try_from(left + Duration::from_millis(1)).map_err(io::Error::other)?;
        match poll(&mut [PollFd::new(&self.0, PollFlags::IN)], Some(&timeout)) {
            Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(Heard::Nothing),
            Ok(_) => {}
            Err(errno) => return Err(errno.into()),
        }
        let mut bytes = vec![0; LIMIT];
        let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmCredentials(1))];
        let mut ancillary = RecvAncillaryBuffer::new(&mut space);
        let received = recvmsg(
            &self.0,
            &mut [IoSliceMut::new(&mut bytes)],
            &mut ancillary,
            RecvFlags::CMSG_CLOEXEC,
        )?;
        if received.bytes == 0 {
            return Ok(Heard::End);
        }
        let sender = ancillary.drain().find_map(|message| match message {
            RecvAncillaryMessage::ScmCredentials(credentials) => {
                Some(credentials.pid.as_raw_nonzero().get())
            }
            _ => None,
        });
        let message = serde_json::from_slice(&bytes[..received.bytes]).map_err(io::Error::other)?;
        Ok(Heard::Message(message, sender.unwrap_or(0)))
    }
}

impl Speaker {
    /// Tells the runner; that it is not there any more is no concern of a test.
    pub(super) fn tell(&self, message: &Message) {
        if let Ok(bytes) = serde_json::to_vec(message) {
            let mut nothing = SendAncillaryBuffer::default();
            let _ = sendmsg(
                self.0.as_fd(),
                &[IoSlice::new(&bytes[..bytes.len().min(LIMIT)])],
                &mut nothing,
                SendFlags::NOSIGNAL,
            );
        }
    }

    /// Moves it out of the way of descriptors that a test may give out by number.
    pub(super) fn out_of_the_way(self) -> io::Result<Self> {
        const HIGH: i32 = 900;
        rustix::io::fcntl_dupfd_cloexec(&self.0, HIGH)
            .map(Self)
            .map_err(io::Error::from)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_comes_with_its_sender() {
        let (listener, speaker) = channel().unwrap();
        speaker.tell(&Message::Here);
        let deadline = Instant::now() + Duration::from_secs(60);
        let Heard::Message(message, sender) = listener.hear(deadline).unwrap() else {
            panic!("no message");
        };
        assert_eq!(message, Message::Here);
        assert_eq!(u32::try_from(sender).unwrap(), std::process::id());
        assert!(matches!(
            listener.hear(Instant::now()).unwrap(),
            Heard::Nothing
        ));
        drop(speaker);
        assert!(matches!(listener.hear(deadline).unwrap(), Heard::End));
    }
}
