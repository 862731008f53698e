//! Benchmarks against engines of our own, over both channels.
//!
//! The actions of these benchmarks tell the engine what they do and wait until its alert has come
//! back, so nothing depends on how fast the machine is.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests too")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use action::{Failure, Prepared};
use event_generator::alerts::{self, Ear};
use event_generator::bench::{Job, Plan, Tally, measure};
use event_generator::cli::{AlertFlags, Command, parse};
use event_generator::log::{Format, Level, Log};
use event_generator::{Error, Interrupt};
use outputs_api::EncodedAlert;
use outputs_api::outputs::{Request, Response, Service, ServiceServer};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::wrappers::{ReceiverStream, UnixListenerStream};
use tonic::{Status, Streaming};

/// When an engine hands out its alerts.
#[derive(Clone, Copy, PartialEq)]
enum Habit {
    /// As they come.
    Push,
    /// All there are, whenever it is asked.
    WhenAsked,
}

/// A gRPC engine that raises the alerts it is told to.
struct Engine {
    habit: Habit,
    told: Mutex<Option<mpsc::UnboundedReceiver<String>>>,
}

#[tonic::async_trait]
impl Service for Engine {
    type subStream = ReceiverStream<Result<EncodedAlert, Status>>;
    type getStream = ReceiverStream<Result<EncodedAlert, Status>>;

    async fn sub(
        &self,
        request: tonic::Request<Streaming<Request>>,
    ) -> Result<tonic::Response<Self::subStream>, Status> {
        let mut told = self
            .told
            .lock()
            .unwrap()
            .take()
            .ok_or(Status::resource_exhausted("one"))?;
        let (alerts, stream) = mpsc::channel(16);
        let habit = self.habit;
        tokio::spawn(async move {
            let mut requests = request.into_inner();
            loop {
                if habit == Habit::WhenAsked {
                    match requests.message().await {
                        Ok(Some(_)) => {}
                        _ => return,
                    }
                    while let Ok(rule) = told.try_recv() {
                        if alerts.send(Ok(encode(&rule))).await.is_err() {
                            return;
                        }
                    }
                } else {
                    match told.recv().await {
                        Some(rule) if alerts.send(Ok(encode(&rule))).await.is_ok() => {}
                        _ => return,
                    }
                }
            }
        });
        Ok(tonic::Response::new(ReceiverStream::new(stream)))
    }

    async fn get(
        &self,
        _: tonic::Request<Request>,
    ) -> Result<tonic::Response<Self::getStream>, Status> {
        Err(Status::unimplemented("get"))
    }
}

fn encode(rule: &str) -> EncodedAlert {
    let fields = [("proc.name".to_owned(), "x".to_owned())].into();
    let alert = Response {
        rule: rule.to_owned(),
        source: "syscall".to_owned(),
        output_fields: fields,
        ..Response::default()
    };
    let bytes = alert.encode_to_vec();
    let length = bytes.len();
    EncodedAlert::new(Arc::new(bytes), 0..length)
}

/// A gRPC engine on a socket, on a thread of its own; it ends when it is hung up on.
fn start_engine(name: &str, habit: Habit) -> (PathBuf, mpsc::UnboundedSender<String>) {
    let path = std::env::temp_dir().join(format!("{name}-{}.sock", std::process::id()));
    let _ = std::fs::remove_file(&path);
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let (tell, told) = mpsc::unbounded_channel();
    let engine = Engine {
        habit,
        told: Mutex::new(Some(told)),
    };
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(async {
            let incoming =
                UnixListenerStream::new(tokio::net::UnixListener::from_std(listener).unwrap());
            let server =
                tonic::transport::Server::builder().add_service(ServiceServer::new(engine));
            server.serve_with_incoming(incoming).await.unwrap();
        });
    });
    (path, tell)
}

/// The flags that a command line gives.
fn alert_flags(arguments: &[&str]) -> AlertFlags {
    let line = ["event-generator", "bench", "x"].iter().chain(arguments);
    match parse(line.map(Into::into)).unwrap().command {
        Some(Command::Bench(flags)) => flags.alerts,
        other => panic!("{other:?}"),
    }
}

const NAMES: [&str; 2] = [
    "syscall.ReadSensitiveFileUntrusted",
    "syscall.WriteBelowEtc",
];
const RULES: [&str; 2] = ["Read sensitive file untrusted", "Write below etc"];

/// A benchmark of two actions that call `tell` with their rule.
struct Fixture {
    tally: Arc<Tally>,
    lines: Arc<Mutex<Vec<u8>>>,
    log: Log,
    plan: Plan,
}

impl Fixture {
    fn new(ear: impl FnOnce(Arc<Tally>, &Log) -> Ear) -> (Self, Ear) {
        let tally = Arc::new(Tally::new(NAMES));
        let lines = Arc::new(Mutex::new(Vec::new()));
        let log = Log::to(Arc::clone(&lines) as _, Level::Info, Format::Text);
        let ear = ear(Arc::clone(&tally), &log);
        let plan = Plan {
            jobs: Vec::new(),
            sleep: Duration::from_millis(4),
            halve: true,
            round: Duration::from_millis(40),
            rest: Duration::from_millis(1),
            rounds: Some(3),
            duration: None,
            workers: 1,
            humanize: true,
            pid: None,
            first_alert_timeout: Duration::from_secs(60),
            silence: Duration::from_millis(1),
            json_result: None,
        };
        (
            Self {
                tally,
                lines,
                log,
                plan,
            },
            ear,
        )
    }

    /// Adds an action that is done by telling the engine, every `every`th time.
    fn add<T: FnMut(&str) + Send + 'static>(
        &mut self,
        at: usize,
        every: usize,
        tell: impl Fn() -> T + 'static,
    ) {
        let tally = Arc::clone(&self.tally);
        let prepare = move || {
            let (tally, mut tell) = (Arc::clone(&tally), tell());
            let mut times = 0;
            Ok(Prepared::new(move || {
                times += 1;
                if times % every == 0 {
                    let heard = tally.heard(at);
                    tell(RULES[at]);
                    while tally.heard(at) == heard {
                        std::thread::yield_now();
                    }
                }
                Ok(())
            }))
        };
        self.plan.jobs.push(Job {
            name: NAMES[at],
            prepare: Box::new(prepare),
        });
    }

    fn measure(&self, ear: &Ear) -> Result<(), Error> {
        measure(
            &self.plan,
            Some(ear),
            &self.tally,
            &Interrupt::default(),
            &self.log,
        )
    }

    fn lines(&self) -> String {
        String::from_utf8(self.lines.lock().unwrap().clone()).unwrap()
    }
}

fn over_grpc(path: &std::path::Path) -> impl FnOnce(Arc<Tally>, &Log) -> Ear {
    let socket = format!("--grpc-unix-socket=unix://{}", path.display());
    move |tally, log| {
        let flags = alert_flags(&[&socket]);
        alerts::listen(&flags, Duration::from_millis(2), tally, log).unwrap()
    }
}

fn nothing_is_lost_over_grpc(name: &str, habit: Habit) {
    let (path, tell) = start_engine(name, habit);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    for at in 0..2 {
        let tell = tell.clone();
        fixture.add(at, 1, move || {
            let tell = tell.clone();
            move |rule: &str| tell.send(rule.to_owned()).unwrap()
        });
    }
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    for round in [
        "#1                                      sleep=4ms",
        "#2                                      sleep=2ms",
        "#3                                      sleep=1ms",
    ] {
        assert!(
            lines.contains(&format!("INFO round {round}\nINFO resting...\n")),
            "{lines}"
        );
    }
    assert_eq!(lines.matches("ratio=1\n").count(), 6, "{lines}");
    assert_eq!(lines.matches("lost=\"0%\"").count(), 3, "{lines}");
    assert!(
        lines.contains("INFO summary                                       best="),
        "{lines}"
    );
    assert!(!lines.contains("WARN"), "{lines}");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn nothing_is_lost_by_an_engine_that_pushes() {
    nothing_is_lost_over_grpc("push", Habit::Push);
}

#[test]
fn nothing_is_lost_by_an_engine_that_waits_to_be_asked() {
    nothing_is_lost_over_grpc("ask", Habit::WhenAsked);
}

#[test]
fn losses_show_and_what_fails_does_not_count() {
    let (path, tell) = start_engine("lossy", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    let json = path.with_extension("json");
    fixture.plan.json_result = Some(json.clone());
    // Only every second one is noticed.
    fixture.add(0, 2, move || {
        let tell = tell.clone();
        move |rule: &str| tell.send(rule.to_owned()).unwrap()
    });
    fixture.plan.jobs.push(Job {
        name: NAMES[1],
        prepare: Box::new(|| Err(Failure::skipped("only applicable to containers"))),
    });
    fixture.plan.first_alert_timeout = Duration::ZERO;
    fixture.plan.rounds = Some(1);
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    let skipped = "WARN action skipped                                action=syscall.WriteBelowEtc reason=\"only applicable to containers\"\n";
    assert_eq!(lines.matches(skipped).count(), 1, "{lines}");
    let silent = "WARN no alert when done once; is its rule loaded and enabled?  action=syscall.ReadSensitiveFileUntrusted\n";
    assert!(lines.contains(silent), "{lines}");
    let result: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(&json).unwrap()).unwrap();
    let round = &result["rounds"][0];
    let (expected, actual) = (
        round["expected"].as_u64().unwrap(),
        round["actual"].as_u64().unwrap(),
    );
    // It was done once before the rounds, unnoticed; so the first of the round is noticed.
    assert_eq!(actual, expected.div_ceil(2));
    assert_eq!(round["actions"][1]["expected"], 0);
    let ratio = actual as f64 / expected as f64;
    assert!((round["lost"].as_f64().unwrap() - (1.0 - ratio)).abs() < 1e-9);
    assert_eq!(result["left_out"][0]["action"], NAMES[1]);
    assert_eq!(result["left_out"][0]["skipped"], true);
    std::fs::remove_file(json).unwrap();
    std::fs::remove_file(path).unwrap();
}

#[test]
fn more_alerts_than_actions_repeat_the_round() {
    let (path, tell) = start_engine("dirty", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture.add(0, 1, move || {
        let tell = tell.clone();
        // Two alerts for one action.
        move |rule: &str| {
            tell.send(rule.to_owned()).unwrap();
            tell.send(rule.to_owned()).unwrap();
        }
    });
    fixture.plan.rounds = Some(2);
    fixture.measure(&ear).unwrap();
    let lines = fixture.lines();
    let repeated = "WARN unexpected events received, retrying with sleep=4ms\n";
    assert_eq!(lines.matches(repeated).count(), 2, "{lines}");
    assert_eq!(
        lines.matches("sleep=4ms\nINFO resting").count(),
        2,
        "{lines}"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_engine_that_goes_away_ends_the_benchmark() {
    let (path, tell) = start_engine("gone", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture.plan.jobs.push(Job {
        name: NAMES[0],
        prepare: Box::new(|| Ok(Prepared::new(|| Ok(())))),
    });
    // The engine ends its stream when nobody can tell it anything any more.
    drop(tell);
    let error = fixture.measure(&ear).unwrap_err();
    assert_eq!(
        error.to_string(),
        "alerts can no longer be heard: the engine ended the stream"
    );
    std::fs::remove_file(path).unwrap();
}

#[test]
fn nothing_to_do_is_an_error() {
    let (path, _tell) = start_engine("idle", Habit::Push);
    let (mut fixture, ear) = Fixture::new(over_grpc(&path));
    fixture.plan.jobs.push(Job {
        name: NAMES[0],
        prepare: Box::new(|| Err(Failure::skipped("no"))),
    });
    assert!(matches!(fixture.measure(&ear), Err(Error::NothingToDo)));
    std::fs::remove_file(path).unwrap();
}

/// A connection to our HTTP server that is kept open.
struct Poster(TcpStream);

impl Poster {
    fn to(address: &str) -> Self {
        Self(TcpStream::connect(address.strip_prefix("http://").unwrap()).unwrap())
    }

    /// Sends a request; returns the status.
    fn send(&mut self, method: &str, body: &str) -> u16 {
        let length = body.len();
        let head = format!("{method} /any/path HTTP/1.1\r\nHost: x\r\nContent-Length: {length}");
        // In one piece: pieces would wait for each other's acknowledgements.
        self.0
            .write_all(format!("{head}\r\n\r\n{body}").as_bytes())
            .unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            self.0.read_exact(&mut byte).unwrap();
            head.push(byte[0]);
        }
        let head = String::from_utf8(head).unwrap().to_lowercase();
        let length = head
            .lines()
            .find_map(|line| line.strip_prefix("content-length: "))
            .unwrap();
        let mut body = vec![0; length.parse().unwrap()];
        self.0.read_exact(&mut body).unwrap();
        head.split(' ').nth(1).unwrap().parse().unwrap()
    }
}

fn over_http(tally: Arc<Tally>, log: &Log) -> Ear {
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
