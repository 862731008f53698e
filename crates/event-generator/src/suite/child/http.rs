//! One HTTP request, and the server that answers it, in one thread: what is in flight fits into the
//! buffers of the sockets.

use std::fmt::Write as _;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use suite::Http;

use super::Failure;

/// How long either side waits for the other.
const PATIENCE: Duration = Duration::from_secs(10);

/// The most a request may have, so that it fits.
const LIMIT: usize = 64 << 10;

/// Sends the request of the step called `step` and gives the status of the answer.
pub(super) fn perform(step: &str, request: &Http) -> Result<i64, Failure> {
    let at = |what: &str| format!("step {step}: http: {what}");
    let address: SocketAddr = request
        .address
        .parse()
        .map_err(Failure::at(at("address")))?;
    let text = render(request);
    if text.len() > LIMIT {
        return Err(Failure::new(
            at("request"),
            format!("it has more than {LIMIT} bytes"),
        ));
    }
    let listener = TcpListener::bind(address).map_err(Failure::at(at("listen")))?;
    let mut client =
        TcpStream::connect_timeout(&address, PATIENCE).map_err(Failure::at(at("connect")))?;
    client
        .set_read_timeout(Some(PATIENCE))
        .map_err(Failure::at(at("connect")))?;
    let (mut server, _) = listener.accept().map_err(Failure::at(at("accept")))?;
    server
        .set_read_timeout(Some(PATIENCE))
        .map_err(Failure::at(at("accept")))?;
    client
        .write_all(text.as_bytes())
        .map_err(Failure::at(at("send")))?;
    let mut received = vec![0; text.len()];
    server
        .read_exact(&mut received)
        .map_err(Failure::at(at("serve")))?;
    let answer = format!(
        "HTTP/1.1 {} Answered\r\nContent-Length: 0\r\nConnection: close\r\n\r\n",
        request.status
    );
    server
        .write_all(answer.as_bytes())
        .map_err(Failure::at(at("serve")))?;
    server
        .shutdown(Shutdown::Both)
        .map_err(Failure::at(at("serve")))?;
    let mut answer = String::new();
    client
        .read_to_string(&mut answer)
        .map_err(Failure::at(at("receive")))?;
    answer
        .split(' ')
        .nth(1)
        .and_then(|status| status.parse().ok())
        .ok_or_else(|| Failure::new(at("receive"), "the answer has no status"))
}

fn render(request: &Http) -> String {
    let host = request.host.as_deref().unwrap_or(&request.address);
    let mut text = format!(
        "{} {} HTTP/1.1\r\nHost: {host}\r\n",
        request.method, request.path
    );
    for (name, value) in &request.headers {
        let _ = write!(text, "{name}: {value}\r\n");
    }
    if !request.body.is_empty() {
        let _ = write!(text, "Content-Length: {}\r\n", request.body.len());
    }
    let _ = write!(text, "\r\n{}", request.body);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_request_is_answered() {
        let free = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        let request = Http {
            address: free.to_string(),
            method: "PUT".to_owned(),
            path: "/latest".to_owned(),
            host: None,
            headers: vec![("X-A".to_owned(), "b".to_owned())],
            body: "hello".to_owned(),
            status: 418,
        };
        assert!(render(&request).ends_with("X-A: b\r\nContent-Length: 5\r\n\r\nhello"));
        assert_eq!(perform("s", &request).unwrap(), 418);
    }
}
