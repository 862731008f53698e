//! A gRPC subscriber that counts alerts and forgets them, for `scripts/bench-live`.
//!
//! `subscribe SOCKET` waits for the engine's unix socket, prints `subscribed`, and then, whenever a
//! line comes on its standard input, `alerts N`. Ends with its input.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a program for developers"
)]

use std::io::BufRead;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use outputs_api::outputs::{Request, ServiceClient};
use tonic::transport::Endpoint;

static RECEIVED: AtomicU64 = AtomicU64::new(0);

fn main() {
    let socket = std::env::args().nth(1).expect("usage: subscribe SOCKET");
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(1)
        .enable_all()
        .build()
        .unwrap();
    let task = runtime.spawn(subscribe(socket));
    for _ in std::io::stdin().lock().lines() {
        println!("alerts {}", RECEIVED.load(Ordering::Relaxed));
    }
    task.abort();
}

async fn subscribe(socket: String) {
    let endpoint = Endpoint::from_shared(format!("unix://{socket}"))
        .unwrap()
        .initial_stream_window_size(8 << 20)
        .initial_connection_window_size(16 << 20);
    let channel = loop {
        match endpoint.connect().await {
            Ok(channel) => break channel,
            Err(_) => tokio::time::sleep(Duration::from_millis(10)).await,
        }
    };
    let requests = tokio_stream::once(Request {});
    let answer = ServiceClient::new(channel).sub(requests).await.unwrap();
    println!("subscribed");
    let mut responses = answer.into_inner();
    while let Ok(Some(_)) = responses.message().await {
        RECEIVED.fetch_add(1, Ordering::Relaxed);
    }
}
