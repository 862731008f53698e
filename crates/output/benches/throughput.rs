//! How many alerts a second go through to one sink, and what each costs this process.
//!
//! `cargo bench -p output` prints, for each sink, alerts delivered per second with the queue always
//! full of work, and CPU time for each alert: the engine's side, and for gRPC also a client's that
//! runs as another process.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers"
)]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use alert::{Alert, Format, Priority};
use output::{FileConfig, GrpcBind, GrpcConfig, Outputs, OutputsConfig};
use outputs_api::outputs::{Request, ServiceClient};
use tonic::transport::Endpoint;

const ALERTS: u64 = 500_000;

fn main() {
    let mut arguments = std::env::args()
        .skip_while(|argument| argument != "--subscribe")
        .skip(1);
    if let Some(socket) = arguments.next() {
        subscribe(&socket);
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let file = |json| OutputsConfig {
        format: Format {
            json,
            ..Format::default()
        },
        file: Some(FileConfig {
            path: directory.path().join("out"),
            keep_alive: true,
        }),
        ..OutputsConfig::default()
    };
    run(
        "file, text",
        &file(false),
        Outputs::start(&file(false)).unwrap(),
    );
    run(
        "file, JSON",
        &file(true),
        Outputs::start(&file(true)).unwrap(),
    );

    let socket = directory.path().join("out.sock");
    for subscribers in [0, 1, 4] {
        let config = OutputsConfig {
            grpc: Some(GrpcConfig {
                bind: GrpcBind::Unix(socket.clone()),
                ..GrpcConfig::default()
            }),
            ..OutputsConfig::default()
        };
        let outputs = Outputs::start(&config).unwrap();
        let clients: Vec<_> = (0..subscribers).map(|_| client(&socket)).collect();
        while outputs.counters().grpc.unwrap().subscribers.len() < subscribers {
            std::thread::sleep(Duration::from_millis(1));
        }
        run(
            &format!("gRPC, {subscribers} subscribers"),
            &config,
            outputs,
        );
        for mut client in clients {
            client.wait().unwrap();
        }
    }
}

fn run(name: &str, config: &OutputsConfig, outputs: Outputs) {
    let alert = sample();
    let cpu = cpu_time();
    let begin = Instant::now();
    let mut sending = Duration::ZERO;
    for _ in 0..ALERTS / 1_000 {
        // As fast as it takes them, and no faster: loss is another question.
        while waiting(&outputs) > 50_000 {
            std::thread::sleep(Duration::from_micros(100));
        }
        let alerts: Vec<_> = (0..1_000).map(|_| alert.clone()).collect();
        let start = Instant::now();
        for alert in alerts {
            assert!(outputs.send(alert), "nothing is lost");
        }
        sending += start.elapsed();
    }
    while waiting(&outputs) > 0 {
        std::thread::sleep(Duration::from_micros(100));
    }
    let elapsed = begin.elapsed();
    let cpu = cpu_time() - cpu;
    let lost = outputs
        .stop(Duration::from_secs(10))
        .grpc
        .map_or(0, |grpc| grpc.lost);
    println!(
        "{name}: {:.0} alerts/s, {:.2} µs CPU for each in all, {:.0} ns in send(), {lost} lost{}",
        ALERTS as f64 / elapsed.as_secs_f64(),
        cpu.as_secs_f64() * 1e6 / ALERTS as f64,
        sending.as_secs_f64() * 1e9 / ALERTS as f64,
        if config.grpc.is_some() {
            ", unix socket"
        } else {
            ""
        },
    );
}

/// How many alerts are on their way.
fn waiting(outputs: &Outputs) -> u64 {
    let counters = outputs.counters();
    counters.queue.pending
        + counters
            .sinks
            .iter()
            .map(|sink| sink.pending)
            .max()
            .unwrap_or(0)
        + counters.grpc.map_or(0, |grpc| {
            grpc.subscribers
                .iter()
                .map(|subscriber| subscriber.pending)
                .max()
                .unwrap_or(0)
        })
}

/// An alert as rules make them: twelve fields, 200 bytes of text.
fn sample() -> Alert {
    let fields = [
        ("container.id", "host"),
        ("container.name", "host"),
        ("evt.type", "openat"),
        ("fd.name", "/etc/shadow"),
        ("proc.aname[2]", "sshd"),
        ("proc.cmdline", "cat /etc/shadow"),
        ("proc.exepath", "/usr/bin/cat"),
        ("proc.name", "cat"),
        ("proc.pname", "bash"),
        ("proc.tty", "34816"),
        ("user.name", "root"),
        ("user.uid", "0"),
    ];
    Alert {
        ts: 1_700_000_000_000_000_000,
        rule: "Read sensitive file untrusted".into(),
        priority: Priority::Warning,
        source: "syscall".into(),
        output: "Sensitive file opened for reading by non-trusted program | file=/etc/shadow \
                 gparent=sshd evt_type=openat user=root user_uid=0 process=cat \
                 proc_exepath=/usr/bin/cat parent=bash command=cat /etc/shadow terminal=34816 \
                 container_id=host container_name=host"
            .into(),
        fields: fields
            .iter()
            .map(|&(name, value)| (name.into(), value.into()))
            .collect(),
        tags: Some(Arc::from([
            "T1555".to_owned(),
            "filesystem".to_owned(),
            "host".to_owned(),
        ])),
        hostname: "node-1".into(),
    }
}

/// User and system time of this process.
fn cpu_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let (_, after) = stat.rsplit_once(')').unwrap();
    let ticks: u64 = after
        .split_whitespace()
        .skip(11)
        .take(2)
        .map(|ticks| ticks.parse::<u64>().unwrap())
        .sum();
    Duration::from_millis(ticks * 10)
}

fn client(socket: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .arg("--subscribe")
        .arg(socket)
        .stdout(Stdio::inherit())
        .spawn()
        .unwrap()
}

/// A subscriber that reads and forgets.
fn subscribe(socket: &str) {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let (received, begin) = runtime.block_on(async {
        let channel = Endpoint::from_shared(format!("unix://{socket}"))
            .unwrap()
            .initial_stream_window_size(8 << 20)
            .initial_connection_window_size(16 << 20)
            .connect()
            .await
            .unwrap();
        let requests = tokio_stream::once(Request {});
        let mut responses = ServiceClient::new(channel)
            .sub(requests)
            .await
            .unwrap()
            .into_inner();
        let mut received = 0u64;
        let mut begin = Instant::now();
        while let Ok(Some(_)) = responses.message().await {
            if received == 0 {
                begin = Instant::now();
            }
            received += 1;
        }
        (received, begin)
    });
    println!(
        "  client: {received} alerts in {:?}, {:.2} µs CPU for each",
        begin.elapsed(),
        cpu_time().as_secs_f64() * 1e6 / received as f64,
    );
}
