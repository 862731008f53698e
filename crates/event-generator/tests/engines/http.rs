//! Over HTTP.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use event_generator::alerts::{self, Ear, Tally};
use event_generator::log::Log;

use super::{Fixture, alert_flags};

/// A connection to our HTTP server that is kept open.
pub(crate) struct Poster<S>(pub(crate) S);

impl Poster<TcpStream> {
    pub(crate) fn to(address: &str) -> Self {
        Self(TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap())
    }
}

impl<S: Read + Write> Poster<S> {
    /// Sends a request; returns the status.
    pub(crate) fn send(&mut self, method: &str, body: &str) -> u16 {
        self.try_send(method, body).unwrap()
    }

    pub(crate) fn try_send(&mut self, method: &str, body: &str) -> std::io::Result<u16> {
        let length = body.len();
        let head = format!("{method} /any/path HTTP/1.1\r\nHost: x\r\nContent-Length: {length}");
        // In one piece: pieces would wait for each other's acknowledgements.
        self.0
            .write_all(format!("{head}\r\n\r\n{body}").as_bytes())?;
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte)?;
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body)?;
        Ok(head.split(' ').nth(1).unwrap().parse().unwrap())
    }
}

pub(crate) fn over_http(tally: Arc<Tally>, log: &Log) -> Ear {
    let flags = alert_flags(&["--http-server-address=127.0.0.1:0"]);
    alerts::listen(&flags, Duration::from_millis(2), tally, log).unwrap()
}

#[test]
fn nothing_is_lost_over_http() {
    let (mut fixture, ear) = Fixture::new(over_http);
    for at in 0..2 {
        let address = ear.address().to_owned();
        fixture.add(at, 1, move || {
            let mut poster = Poster::to(&address);
            move |rule: &str| {
                let alert = format!(
                    r#"{{"output":"\u00e9 \"x\"","rule":"{rule}","source":"syscall","time":"1"}}"#
                );
                assert_eq!(poster.send("POST", &alert), 200);
            }
        });
    }
    fixture.plan.workers = 1;
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    assert_eq!(lines.matches("ratio=1\n").count(), 6, "{lines}");
}

#[test]
fn what_is_no_alert_is_refused() {
    let (fixture, ear) = Fixture::new(over_http);
    let mut poster = Poster::to(ear.address());
    assert_eq!(poster.send("GET", ""), 405);
    for body in [
        "",
        "nonsense",
        "{}",
        r#"{"rule":1}"#,
        "[]",
        "19:00 Warning text output",
    ] {
        assert_eq!(poster.send("POST", body), 400, "{body}");
    }
    assert_eq!(fixture.tally.heard_in_all(), 0);
    assert_eq!(
        poster.send("POST", r#"{"rule":"Write below \u0065tc"}"#),
        200
    );
    assert_eq!(fixture.tally.heard(1), 1);
}
