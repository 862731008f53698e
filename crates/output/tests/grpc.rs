//! The gRPC server on a unix socket, with the generated clients.

mod common;

use std::fs;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::time::Duration;

use output::{Outputs, StartError, VersionInfo};
use outputs_api::outputs::{Request, ServiceClient};
use outputs_api::{BACKLOG_HEADER, BACKLOG_SKIP, version};

use common::grpc::{
    PATIENCE, connect, fresh, on_socket, receive, requests, rest, runtime, subscribe, subscribers,
};
use common::{assert_balanced, assert_complete, eventually, numbered, start};

#[test]
fn every_subscriber_gets_every_alert() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let (mut one, mut two) = runtime.block_on(async {
        let one = subscribe(connect(&path).await).await;
        let two = subscribe(connect(&path).await).await;
        (one, two)
    });
    for number in 0..5_000 {
        assert!(outputs.send(numbered(number)));
    }
    runtime.block_on(async {
        assert_eq!(
            receive(&mut one.1, 5_000).await,
            (0..5_000).collect::<Vec<_>>()
        );
        assert_eq!(
            receive(&mut two.1, 5_000).await,
            (0..5_000).collect::<Vec<_>>()
        );
    });
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    let grpc = counters.grpc.unwrap();
    assert_eq!(
        (grpc.offered, grpc.fanned_out, grpc.delivered),
        (5_000, 10_000, 10_000)
    );
    assert_eq!(runtime.block_on(rest(&mut one.1)), 0, "the stream ends");
}

#[test]
fn a_message_has_it_all() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let (_sender, mut responses) =
        runtime.block_on(async { subscribe(connect(&path).await).await });
    outputs.send(numbered(3));
    let response = runtime.block_on(responses.message()).unwrap().unwrap();
    let time = response.time.unwrap();
    assert_eq!((time.seconds, time.nanos), (1_700_000_000, 3));
    assert_eq!(response.priority, 5);
    assert_eq!(response.rule, "Test rule");
    assert_eq!(response.output, "22:13:20.000000003: Notice 3");
    assert_eq!(response.output_fields["proc.name"], "cat");
    assert_eq!(response.output_fields["number"], "3");
    assert_eq!(response.output_fields["evt.time"], "22:13:20.000000003");
    assert_eq!(response.hostname, "node");
    assert_eq!(response.tags, ["host"]);
    assert_eq!(response.source, "syscall");
}

/// As the original's clients do: a request whenever nothing came for a while.
#[test]
fn clients_that_poll_work_too() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let (sender, mut responses) = runtime.block_on(async { subscribe(connect(&path).await).await });
    let mut received = Vec::new();
    for number in 0..200 {
        sender.send(Request {}).unwrap();
        outputs.send(numbered(number));
        received.extend(runtime.block_on(receive(&mut responses, 1)));
    }
    assert_eq!(received, (0..200).collect::<Vec<_>>());
    // A client that has no more to say still receives.
    drop(sender);
    outputs.send(numbered(200));
    assert_eq!(runtime.block_on(receive(&mut responses, 1)), [200]);
}

#[test]
fn a_slow_subscriber_loses_its_own_alerts_and_each_is_counted() {
    let (_directory, path) = fresh();
    let mut config = on_socket(&path);
    config.grpc.as_mut().unwrap().subscriber_capacity = 500;
    let outputs = start(&config);
    let runtime = runtime();
    let mut slow = runtime.block_on(async { subscribe(connect(&path).await).await });
    eventually("the slow one is there", || subscribers(&outputs) == 1);
    let mut fast = runtime.block_on(async { subscribe(connect(&path).await).await });
    const ROUNDS: usize = 200;
    for round in 0..ROUNDS {
        for number in 0..100 {
            outputs.send(numbered(round * 100 + number));
        }
        assert_eq!(
            runtime.block_on(receive(&mut fast.1, 100)).last(),
            Some(&(round * 100 + 99))
        );
    }
    let grpc = outputs.counters().grpc.unwrap();
    let [ref slow_counters, ref fast_counters] = grpc.subscribers[..] else {
        panic!("{grpc:?}")
    };
    assert_eq!((fast_counters.delivered, fast_counters.lost), (20_000, 0));
    assert!(
        slow_counters
            .peer
            .contains(&format!("pid {}", std::process::id()))
    );
    assert!(slow_counters.lost > 0, "{grpc:?}");
    assert!(slow_counters.pending <= 500);
    let (offered, lost) = (slow_counters.offered, slow_counters.lost);
    assert_eq!(offered, 20_000);
    assert_balanced(&outputs.counters());

    // It wakes up and gets all that was not counted as lost.
    let expected = (offered - lost) as usize;
    let got = runtime.block_on(receive(&mut slow.1, expected));
    assert!(got.is_sorted(), "in order, with gaps");
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(counters.grpc.unwrap().lost, lost);
    assert_eq!(runtime.block_on(rest(&mut slow.1)), 0);
}

#[test]
fn a_subscriber_that_leaves_is_accounted_for() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let gone = runtime.block_on(async { subscribe(connect(&path).await).await });
    for number in 0..20_000 {
        outputs.send(numbered(number));
    }
    drop(gone);
    eventually("it is noticed", || subscribers(&outputs) == 0);
    eventually("all is routed", || outputs.counters().queue.pending == 0);
    outputs.send(numbered(0));
    eventually("the next is kept", || {
        outputs.counters().grpc.unwrap().backlog > 0
    });
    assert_balanced(&outputs.counters());
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    let grpc = counters.grpc.unwrap();
    assert_eq!(grpc.offered, grpc.fanned_out + grpc.kept);
}

#[test]
fn get_hands_over_what_nobody_has_got() {
    let (_directory, path) = fresh();
    let mut config = on_socket(&path);
    config.grpc.as_mut().unwrap().backlog = 10;
    let outputs = start(&config);
    let runtime = runtime();
    let kept = |outputs: &Outputs| outputs.counters().grpc.unwrap().kept;
    for number in 0..25 {
        outputs.send(numbered(number));
    }
    eventually("they are kept", || kept(&outputs) == 25);
    runtime.block_on(async {
        let mut client = ServiceClient::new(connect(&path).await);
        let mut responses = client.get(Request {}).await.unwrap().into_inner();
        assert_eq!(
            receive(&mut responses, 10).await,
            (15..25).collect::<Vec<_>>()
        );
        assert!(responses.message().await.unwrap().is_none(), "get ends");
        let mut responses = client.get(Request {}).await.unwrap().into_inner();
        assert!(
            responses.message().await.unwrap().is_none(),
            "nothing twice"
        );
    });

    // The first subscriber finds what came before it, unless it does not want to.
    outputs.send(numbered(25));
    eventually("it is kept", || kept(&outputs) == 26);
    let (_sender, stream) = requests();
    let mut request = tonic::Request::new(stream);
    request
        .metadata_mut()
        .insert(BACKLOG_HEADER, BACKLOG_SKIP.parse().unwrap());
    let mut choosy = runtime.block_on(async {
        let mut client = ServiceClient::new(connect(&path).await);
        client.sub(request).await.unwrap().into_inner()
    });
    let mut first = runtime.block_on(async { subscribe(connect(&path).await).await });
    assert_eq!(runtime.block_on(receive(&mut first.1, 1)), [25]);
    outputs.send(numbered(26));
    assert_eq!(runtime.block_on(receive(&mut first.1, 1)), [26]);
    assert_eq!(runtime.block_on(receive(&mut choosy, 1)), [26]);
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    let grpc = counters.grpc.unwrap();
    assert_eq!((grpc.kept, grpc.taken, grpc.forgotten), (26, 11, 15));
}

#[test]
fn version_answers() {
    let (_directory, path) = fresh();
    let mut config = on_socket(&path);
    config.grpc.as_mut().unwrap().version = VersionInfo {
        version: "0.1.0".into(),
        minor: 1,
        engine_version: 62,
        engine_fields_checksum: "abc".into(),
        ..VersionInfo::default()
    };
    let _outputs = start(&config);
    let answer = runtime().block_on(async {
        let mut client = version::ServiceClient::new(connect(&path).await);
        client
            .version(version::Request {})
            .await
            .unwrap()
            .into_inner()
    });
    assert_eq!(
        (answer.version.as_str(), answer.minor, answer.engine_version),
        ("0.1.0", 1, 62)
    );
    assert_eq!(answer.engine_fields_checksum, "abc");
}

#[test]
fn socket_is_made_guarded_and_removed() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&path), 0o660);
    assert_eq!(mode(path.parent().unwrap()), 0o755);

    // In use: the second says so, and the first goes on.
    let error = Outputs::start(&on_socket(&path)).unwrap_err();
    assert!(matches!(error, StartError::InUse { .. }), "{error}");
    assert!(
        error.to_string().contains(path.to_str().unwrap()),
        "{error}"
    );
    runtime().block_on(connect(&path));
    outputs.stop(PATIENCE);
    assert!(!path.exists());

    // Stale: replaced.
    drop(UnixListener::bind(&path).unwrap());
    assert!(fs::metadata(&path).unwrap().file_type().is_socket());
    let outputs = start(&on_socket(&path));
    runtime().block_on(connect(&path));

    // Replaced by somebody else while we run: not ours to remove.
    fs::remove_file(&path).unwrap();
    let _other = UnixListener::bind(&path).unwrap();
    outputs.stop(PATIENCE);
    assert!(path.exists());

    // Not a socket at all: left alone.
    fs::remove_file(&path).unwrap();
    fs::write(&path, "precious").unwrap();
    let error = Outputs::start(&on_socket(&path)).unwrap_err();
    assert!(matches!(error, StartError::NotASocket { .. }), "{error}");
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");

    let error = Outputs::start(&on_socket(Path::new("relative.sock"))).unwrap_err();
    assert!(matches!(error, StartError::Address { .. }), "{error}");
    let error = Outputs::start(&on_socket(Path::new("/proc/no/such.sock"))).unwrap_err();
    assert!(
        error.to_string().contains("making its directory"),
        "{error}"
    );
}

/// An orderly end delivers what was raised before it, down to what is in the connection's buffers.
#[test]
fn stop_delivers_what_waits() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let (_sender, mut responses) =
        runtime.block_on(async { subscribe(connect(&path).await).await });
    let reader = runtime.spawn(async move { rest(&mut responses).await });
    for number in 0..30_000 {
        outputs.send(numbered(number));
    }
    let counters = outputs.stop(PATIENCE);
    assert_complete(&counters);
    assert_eq!(counters.grpc.unwrap().lost, 0);
    assert_eq!(runtime.block_on(reader).unwrap(), 30_000);
}

/// A subscriber that never reads does not hold up the end.
#[test]
fn stop_has_a_deadline() {
    let (_directory, path) = fresh();
    let outputs = start(&on_socket(&path));
    let runtime = runtime();
    let _idle = runtime.block_on(async { subscribe(connect(&path).await).await });
    for number in 0..20_000 {
        outputs.send(numbered(number));
    }
    let begin = std::time::Instant::now();
    let counters = outputs.stop(Duration::from_millis(500));
    assert!(begin.elapsed() < Duration::from_secs(5));
    assert_complete(&counters);
    let grpc = counters.grpc.unwrap();
    assert_eq!(grpc.fanned_out, 20_000);
    assert!(grpc.lost > 0);
}
