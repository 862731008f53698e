//! How much of the data an event carries.

use std::net::UdpSocket;
use std::os::fd::AsRawFd;

use probe::{DynamicSnaplen, Options};

use crate::harness::{at, call};
use crate::with_probe;

/// Data that begins like this and goes on.
fn data(start: &[u8]) -> Vec<u8> {
    let mut data = start.to_vec();
    data.resize(20_000, b'x');
    data
}

#[test]
fn ports_and_content_decide_how_much_an_event_carries() {
    with_probe(|| {
        let receiver = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        let ours = receiver.local_addr().expect("it is bound").port();
        let other = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
        let other = other.local_addr().expect("it is bound").port();
        let mut h = crate::source::harness(&Options {
            exclude_own: false,
            dynamic_snaplen: Some(DynamicSnaplen {
                full_ports: ours..=ours,
                ..DynamicSnaplen::default()
            }),
            ..Options::default()
        });
        let mongodb = [0, 0, 0, 0, 1, 1, 1, 1, 1, 1, 1, 1, 0xdd, 7, 0, 0];
        let cases: [(u16, &[u8], usize); 12] = [
            (ours, b"anything", 16_000),
            (8125, b"anything", 2000),
            (53, b"anything", 512),
            (3306, &[9, 9, 0, 0, 3], 2000),
            (3306, b"anything", 80),
            (5432, b"Q\0\0\0", 2000),
            (5432, b"anything", 80),
            (27017, &mongodb, 2000),
            (other, &mongodb, 80),
            (other, b"GET / HTTP/1.1", 2000),
            (other, b"HTTP/1.1 200 OK", 2000),
            (other, b"HTTPS", 80),
        ];
        for (port, start, expected) in cases {
            let data = data(start);
            let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
            let fd = socket.as_raw_fd() as usize;
            // Nothing need listen there: the first datagram of a socket is always sent.
            let to = [
                &2u16.to_ne_bytes()[..],
                &port.to_be_bytes(),
                &[127, 0, 0, 1],
                &[0; 8],
            ]
            .concat();
            let (sent, event) = h.one("sendto", || {
                call(
                    libc::SYS_sendto,
                    [fd, at(&data[..]), data.len(), 0, at(&to[..]), to.len()],
                )
            });
            assert_eq!(sent, data.len() as i64);
            let carried = event.bytes("data");
            assert_eq!(carried.len(), expected, "port {port}, {start:?}");
            assert!(carried == data[..expected], "port {port}, {start:?}");
            // Connected, the socket knows the port.
            let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
            socket
                .connect(("127.0.0.1", port))
                .expect("any port will do");
            let fd = socket.as_raw_fd() as usize;
            let (_, event) = h.one("write", || {
                call(libc::SYS_write, [fd, at(&data[..]), data.len()])
            });
            assert_eq!(
                event.bytes("data").len(),
                expected,
                "port {port}, {start:?}"
            );
            let vector = [data.as_ptr() as u64, 10, data[10..].as_ptr() as u64, 10_000];
            let socket = UdpSocket::bind("127.0.0.1:0").expect("loopback is there");
            socket
                .connect(("127.0.0.1", port))
                .expect("any port will do");
            let fd = socket.as_raw_fd() as usize;
            let (_, event) = h.one("writev", || call(libc::SYS_writev, [fd, at(&vector), 2]));
            let expected = expected.min(10_010);
            let carried = event.bytes("data");
            assert!(carried == data[..expected], "port {port}, {start:?}");
        }
        // What is no socket is not looked at.
        let mut pipe = [0i32; 2];
        let ends = std::ptr::from_mut(&mut pipe) as usize;
        assert_eq!(call(libc::SYS_pipe2, [ends, 0]), 0);
        let http = data(b"GET / HTTP/1.1");
        let (_, event) = h.one("write", || {
            call(libc::SYS_write, [pipe[1] as usize, at(&http[..]), 4000])
        });
        assert_eq!(event.bytes("data").len(), 80);
        for end in pipe {
            call(libc::SYS_close, [end as usize]);
        }
    });
}
