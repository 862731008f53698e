//! The text format of Prometheus, and getting it.

use std::io::{Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::time::Duration;

use metrics::names::{OWN_PREFIX, PREFIX};

/// A sample of the text format, its name as [`metrics::Description`] has it.
pub(super) struct Sample<'a> {
    pub(super) name: &'a str,
    labels: &'a str,
    pub(super) value: u64,
}

/// Reads a line; `None` for comments, for metrics of others and for what is no count.
pub(super) fn sample(line: &str) -> Option<Sample<'_>> {
    let line = match line.strip_prefix(PREFIX) {
        Some(line) => line,
        None => Some(line).filter(|line| line.starts_with(OWN_PREFIX))?,
    };
    let (name, labels, rest) = match line.split_once('{') {
        // The last brace, because values of labels may hold some.
        Some((name, rest)) => {
            let (labels, rest) = rest.rsplit_once('}')?;
            (name, labels, rest)
        }
        None => {
            let (name, rest) = line.split_once(' ')?;
            (name, "", rest)
        }
    };
    // A time may follow the value.
    let value = rest.split_whitespace().next()?;
    let value = value
        .parse()
        .ok()
        .or_else(|| whole(value.parse::<f64>().ok()?))?;
    Some(Sample {
        name,
        labels,
        value,
    })
}

/// Prometheus clients may write counts as `1.5e+06`.
fn whole(number: f64) -> Option<u64> {
    (number.fract() == 0.0 && (0.0..9e15).contains(&number)).then_some(number as u64)
}

impl<'a> Sample<'a> {
    /// The value of a label. Quotes in it need not be escaped: it ends at a quote that the next label
    /// or the end follows.
    pub(super) fn label(&self, name: &str) -> Option<&'a str> {
        let mut rest = self.labels;
        while let Some((key, tail)) = rest.split_once("=\"") {
            let end = tail
                .match_indices("\",")
                .map(|(at, _)| at)
                .find(|at| begins_label(&tail[at + 2..]))
                .or_else(|| tail.rfind('"'))?;
            if key.trim_start_matches(',') == name {
                return Some(&tail[..end]);
            }
            rest = tail[end + 1..].trim_start_matches(',');
        }
        None
    }
}

/// Whether a label stands here, or nothing.
fn begins_label(text: &str) -> bool {
    text.is_empty()
        || text.split_once("=\"").is_some_and(|(name, _)| {
            !name.is_empty()
                && name
                    .bytes()
                    .all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        })
}

/// How long an engine may take to answer.
const PATIENCE: Duration = Duration::from_secs(2);
/// The most that an answer may be.
const LIMIT: u64 = 8 << 20;

fn failed(step: &str) -> impl Fn(std::io::Error) -> String {
    move |error| format!("{step}: {error}")
}

/// Gets a page. `http` only; over HTTP 1.0, so that the answer comes in one piece.
///
/// # Errors
/// Says what went wrong.
pub(super) fn get(url: &str) -> Result<String, String> {
    let rest = url
        .strip_prefix("http://")
        .ok_or("expected a URL such as http://127.0.0.1:8765/metrics")?;
    let (host, path) = rest.split_once('/').unwrap_or((rest, "metrics"));
    let address = if host.contains(':') {
        host.to_owned()
    } else {
        format!("{host}:80")
    };
    let mut stream = None;
    for address in address.to_socket_addrs().map_err(failed("look up"))? {
        stream = Some(TcpStream::connect_timeout(&address, PATIENCE));
        if matches!(stream, Some(Ok(_))) {
            break;
        }
    }
    let mut stream = stream
        .ok_or_else(|| format!("{host} has no address"))?
        .map_err(failed("connect"))?;
    stream
        .set_read_timeout(Some(PATIENCE))
        .map_err(failed("set a limit of time"))?;
    let request = format!(
        "GET /{path} HTTP/1.0\r\nHost: {host}\r\nAccept: text/plain\r\nConnection: close\r\n\r\n"
    );
    stream
        .write_all(request.as_bytes())
        .map_err(failed("send"))?;
    let mut answer = Vec::new();
    stream
        .take(LIMIT)
        .read_to_end(&mut answer)
        .map_err(failed("receive"))?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer
        .split_once("\r\n\r\n")
        .ok_or("the answer is not HTTP")?;
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(format!(
            "answered with status {status}; is webserver.prometheus_metrics_enabled set?"
        ));
    }
    Ok(body.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn samples_and_labels() {
        let line = r#"falcosecurity_x_total{a="1",b="two, "three",c="{}",d="\"e\""} 1.5e+06"#;
        let found = sample(line).unwrap();
        assert_eq!((found.name, found.value), ("x_total", 1_500_000));
        let labels: Vec<_> = ["a", "b", "c", "d", "e"]
            .iter()
            .map(|name| found.label(name))
            .collect();
        assert_eq!(
            labels,
            [
                Some("1"),
                Some("two, \"three"),
                Some("{}"),
                Some("\\\"e\\\""),
                None
            ]
        );
        for line in [
            "# TYPE falcosecurity_x counter",
            "falcosecurity_x 0.5",
            "falcosecurity_x NaN",
            "other 1",
            "falcosecurity_",
            "falcosecurity_x{",
            "",
        ] {
            assert!(sample(line).is_none(), "{line}");
        }
    }

    fn answered(answer: &'static str) -> Result<String, String> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/metrics", listener.local_addr().unwrap());
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let (mut stream, _) = listener.accept().unwrap();
                let mut request = Vec::new();
                while !request.ends_with(b"\r\n\r\n") {
                    let mut byte = [0];
                    stream.read_exact(&mut byte).unwrap();
                    request.push(byte[0]);
                }
                assert!(request.starts_with(b"GET /metrics HTTP/1.0\r\n"));
                stream.write_all(answer.as_bytes()).unwrap();
            });
            get(&url)
        })
    }

    #[test]
    fn pages_are_got_or_the_reason_said() {
        let page = answered("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\na 1\n");
        assert_eq!(page.as_deref(), Ok("a 1\n"));
        let error = answered("HTTP/1.1 404 Not Found\r\n\r\n").unwrap_err();
        assert!(error.contains("404"), "{error}");
        assert!(answered("nonsense").unwrap_err().contains("not HTTP"));
        assert!(get("https://127.0.0.1/").unwrap_err().contains("http://"));
        let port = TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap();
        assert!(
            get(&format!("http://{port}/metrics"))
                .unwrap_err()
                .contains("connect")
        );
    }
}
