//! The two sides of a test: the traced command asks, the tracer answers.

use std::ffi::OsString;
use std::io::{Read, Write};
use std::os::fd::{AsRawFd, FromRawFd};
use std::os::unix::net::UnixStream;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use event::{SyscallCode, SyscallCodeSet};
use ptrace::{Options, Progress, Tracer};

use crate::harness::Source;

/// The variable that tells the command which descriptor leads to its tracer.
const VARIABLE: &str = "PTRACE_LIVE_TEST";

/// The command's side.
pub(crate) struct Remote {
    stream: UnixStream,
}

impl Remote {
    /// `None` where no tracer is waiting.
    pub(crate) fn connect() -> Option<Self> {
        let fd = std::env::var(VARIABLE).ok()?.parse().ok()?;
        // SAFETY: the tracer left the descriptor open for this, and nothing else uses it.
        let stream = unsafe { UnixStream::from_raw_fd(fd) };
        Some(Self { stream })
    }

    fn ask(&mut self, request: u8, body: &[u8]) -> Vec<u8> {
        send(&mut self.stream, request, body);
        receive(&mut self.stream).expect("the tracer answers").1
    }
}

fn send(stream: &mut UnixStream, kind: u8, body: &[u8]) {
    let mut message = vec![kind];
    message.extend((body.len() as u32).to_le_bytes());
    message.extend(body);
    stream.write_all(&message).expect("the other side is there");
}

fn receive(stream: &mut UnixStream) -> Option<(u8, Vec<u8>)> {
    let mut head = [0; 5];
    stream.read_exact(&mut head).ok()?;
    let [kind, len @ ..] = head;
    let mut body = vec![0; u32::from_le_bytes(len) as usize];
    stream.read_exact(&mut body).ok()?;
    Some((kind, body))
}

impl Source for Remote {
    fn select(&mut self, codes: &[SyscallCode]) {
        let body: Vec<u8> = codes.iter().flat_map(|code| code.0.to_le_bytes()).collect();
        self.ask(b'S', &body);
    }

    fn drain(&mut self, each: &mut dyn FnMut(&[u8])) {
        let records = self.ask(b'D', &[]);
        let mut rest = records.as_slice();
        while let Some((len, after)) = rest.split_first_chunk::<4>() {
            let (record, after) = after.split_at(u32::from_le_bytes(*len) as usize);
            each(record);
            rest = after;
        }
    }

    fn has_data(&self) -> bool {
        // Whatever happened was told before it went on.
        false
    }

    fn knows_the_kernel(&self) -> bool {
        false
    }
}

type Request = (u8, Vec<u8>, Sender<Vec<u8>>);

/// Takes the command's wishes to the one thread that may trace.
fn serve(mut stream: UnixStream, requests: &Sender<Request>) {
    while let Some((kind, body)) = receive(&mut stream) {
        let (answer, wait_for_answer) = channel();
        let sent = requests.send((kind, body, answer));
        let Some(body) = sent.ok().and_then(|()| wait_for_answer.recv().ok()) else {
            return;
        };
        send(&mut stream, kind, &body);
    }
}

/// Runs a command under watch; how it ended.
pub(crate) fn watch(command: &[OsString]) -> Option<i32> {
    let (own, of_command) = UnixStream::pair().expect("a pair");
    // SAFETY: changes a flag of our own descriptor, so that the command inherits it; no other
    // command is started meanwhile by this test.
    unsafe { libc::fcntl(of_command.as_raw_fd(), libc::F_SETFD, 0) };
    let mut with_variable: Vec<OsString> = vec!["/usr/bin/env".into()];
    with_variable.push(format!("{VARIABLE}={}", of_command.as_raw_fd()).into());
    with_variable.extend(command.iter().cloned());
    let all = SyscallCodeSet::all();
    let mut tracer = Tracer::prepare(&with_variable, &all, Options::default())
        .unwrap_or_else(|err| panic!("{err}"));
    drop(of_command);
    let (requests, received): (Sender<Request>, Receiver<Request>) = channel();
    let server = std::thread::spawn(move || serve(own, &requests));
    tracer.set_syscalls(&SyscallCodeSet::new());
    tracer.start().expect("it is there");
    let mut records = Vec::new();
    let each = |records: &mut Vec<u8>, record: &[u8]| {
        records.extend((record.len() as u32).to_le_bytes());
        records.extend(record);
    };
    loop {
        let progress = tracer.poll(Duration::from_millis(1), |_, record| {
            each(&mut records, record);
        });
        if progress.unwrap_or_else(|err| panic!("{err}")) == Progress::Ended {
            break;
        }
        for (kind, body, answer) in received.try_iter() {
            let reply = if kind == b'S' {
                let codes = body
                    .chunks_exact(2)
                    .map(|code| SyscallCode(u16::from_le_bytes([code[0], code[1]])));
                assert_eq!(tracer.set_syscalls(&codes.collect()), [""; 0]);
                Vec::new()
            } else {
                std::mem::take(&mut records)
            };
            answer.send(reply).expect("somebody waits for it");
        }
    }
    server.join().expect("it ends with the command");
    tracer.status()
}
