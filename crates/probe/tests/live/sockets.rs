//! Sockets: what connects to what, and what goes through.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd;
use std::os::unix::net::{UnixDatagram, UnixListener, UnixStream};

use crate::Case;
use crate::files::Folder;
use crate::harness::{Harness, Value, at, call, check, minus};

pub(crate) const CASES: &[Case] = &[
    (
        &[
            "socket",
            "socketpair",
            "getsockname",
            "getpeername",
            "shutdown",
        ],
        making,
    ),
    (&["bind", "listen", "connect", "accept", "accept4"], inet),
    (&["connect"], connect_that_fails),
    (&["connect", "accept"], unix),
    (&["setsockopt", "getsockopt"], options),
    (&["sendto", "recvfrom"], datagrams),
    (&["sendmsg", "recvmsg"], messages),
    (&["sendmmsg", "recvmmsg"], many_messages),
];

/// PT_SOCKADDR.
fn address(addr: SocketAddr) -> Vec<u8> {
    let mut bytes = match addr.ip() {
        IpAddr::V4(ip) => [&[2][..], &ip.octets()].concat(),
        IpAddr::V6(ip) => [&[10][..], &ip.octets()].concat(),
    };
    bytes.extend(addr.port().to_le_bytes());
    bytes
}

/// PT_SOCKTUPLE.
fn tuple(from: SocketAddr, to: SocketAddr) -> Vec<u8> {
    [&address(from)[..], &address(to)[1..]].concat()
}

/// A `struct sockaddr` as a caller passes it.
fn sockaddr(addr: SocketAddr) -> Vec<u8> {
    let port = addr.port().to_be_bytes();
    match addr.ip() {
        IpAddr::V4(ip) => [&2u16.to_ne_bytes()[..], &port, &ip.octets(), &[0; 8]].concat(),
        IpAddr::V6(ip) => [
            &10u16.to_ne_bytes()[..],
            &port,
            &[0; 4],
            &ip.octets(),
            &[0; 4],
        ]
        .concat(),
    }
}

fn fd(socket: &impl AsRawFd) -> usize {
    socket.as_raw_fd() as usize
}

fn loopbacks() -> [IpAddr; 2] {
    [Ipv4Addr::LOCALHOST.into(), Ipv6Addr::LOCALHOST.into()]
}

fn making(h: &mut Harness) {
    let kind = (libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK) as usize;
    let (res, event) = h.one("socket", || call(libc::SYS_socket, [10, kind, 6]));
    assert!(res >= 0);
    check!(event, fd: res, domain: 10, type: kind, proto: 6, flags: 4096 | 64);
    // A family without a name in the table.
    let (res, event) = h.one("socket", || call(libc::SYS_socket, [45, 1, 0]));
    check!(event, fd: res, domain: 0, type: 1, proto: 0, flags: 0);

    let mut pair = [0i32; 2];
    let to = pair.as_mut_ptr() as usize;
    let (_, event) = h.one("socketpair", || call(libc::SYS_socketpair, [1, 1, 0, to]));
    let (source, peer) = (event.number("source"), event.number("peer"));
    assert!(source != 0 && peer != 0 && source != peer);
    check!(event, res: 0, fd1: pair[0], fd2: pair[1], source: Value::Any, peer: Value::Any,
        domain: 1, type: 1, proto: 0);
    // Even a call that fails may write to where the descriptors go.
    let mut scrap = [0i32; 2];
    let to = scrap.as_mut_ptr() as usize;
    let (res, event) = h.one("socketpair", || call(libc::SYS_socketpair, [2, 1, 0, to]));
    check!(event, res: res, fd1: -1, fd2: -1, source: 0, peer: 0, domain: 2, type: 1, proto: 0);

    let buffer = ([0u8; 128], 128u32);
    for (name, number) in [
        ("getsockname", libc::SYS_getsockname),
        ("getpeername", libc::SYS_getpeername),
    ] {
        let (_, event) = h.one(name, || {
            call(number, [pair[0] as usize, at(&buffer.0), at(&buffer.1)])
        });
        check!(event,);
    }
    let (_, event) = h.one("shutdown", || {
        call(libc::SYS_shutdown, [pair[0] as usize, 1])
    });
    check!(event, res: 0, fd: pair[0], how: 1);
    let (res, event) = h.one("shutdown", || {
        call(libc::SYS_shutdown, [pair[0] as usize, 9])
    });
    check!(event, res: res, fd: pair[0], how: 255);
}

fn inet(h: &mut Harness) {
    for ip in loopbacks() {
        let family = if ip.is_ipv4() { 2 } else { 10 };
        let server = call(libc::SYS_socket, [family, 1, 0]);
        let name = sockaddr(SocketAddr::new(ip, 0));
        let (res, event) = h.one("bind", || {
            call(libc::SYS_bind, [server as usize, at(&name[..]), name.len()])
        });
        assert_eq!(res, 0);
        check!(event, res: 0, addr: address(SocketAddr::new(ip, 0)), fd: server);
        let (_, event) = h.one("listen", || call(libc::SYS_listen, [server as usize, 4]));
        check!(event, res: 0, fd: server, backlog: 4);
        // SAFETY: the descriptor was made above and belongs to nothing else.
        let listener: TcpListener = unsafe { std::os::fd::FromRawFd::from_raw_fd(server as i32) };
        let server_addr = listener.local_addr().expect("it is bound");

        let client = call(libc::SYS_socket, [family, 1, 0]);
        let to = sockaddr(server_addr);
        let (res, event) = h.one("connect", || {
            call(libc::SYS_connect, [client as usize, at(&to[..]), to.len()])
        });
        assert_eq!(res, 0);
        // SAFETY: the descriptor was made above and belongs to nothing else.
        let stream: TcpStream = unsafe { std::os::fd::FromRawFd::from_raw_fd(client as i32) };
        let client_addr = stream.local_addr().expect("it is connected");
        check!(event, res: 0, tuple: tuple(client_addr, server_addr), fd: client,
            addr: address(server_addr));

        let connect = || TcpStream::connect(server_addr).expect("there is room in the queue");
        let waiting = [connect(), connect()];
        let (res, event) = h.one("accept4", || {
            call(libc::SYS_accept4, [server as usize, 0, 0, 2048])
        });
        assert!(res >= 0);
        check!(event, fd: res, tuple: tuple(client_addr, server_addr), queuepct: 50, queuelen: 2,
            queuemax: 4, flags: 2048);
        #[cfg(target_arch = "x86_64")]
        let accept = libc::SYS_accept;
        #[cfg(not(target_arch = "x86_64"))]
        let accept = 202;
        let (res, event) = h.one("accept", || call(accept, [server as usize, 0, 0]));
        let second = waiting[0].local_addr().expect("it is connected");
        check!(event, fd: res, tuple: tuple(second, server_addr), queuepct: 25, queuelen: 1,
            queuemax: 4);
        let (res, event) = h.one("accept", || call(accept, [client as usize, 0, 0]));
        assert!(res < 0);
        check!(event, fd: res, tuple: Value::Empty, queuepct: 0, queuelen: 0, queuemax: 0);
    }
}

fn connect_that_fails(h: &mut Harness) {
    let closed = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port");
    let to = sockaddr(closed);
    let client = call(libc::SYS_socket, [2, 1, 0]);
    let (res, event) = h.one("connect", || {
        call(libc::SYS_connect, [client as usize, at(&to[..]), to.len()])
    });
    assert_eq!(res, -i64::from(libc::ECONNREFUSED));
    check!(event, res: res, tuple: Value::Empty, fd: client, addr: address(closed));
    let (res, event) = h.one("connect", || {
        call(libc::SYS_connect, [client as usize, 0, 16])
    });
    check!(event, res: res, tuple: Value::Empty, fd: client, addr: Value::Empty);
}

/// A unix `struct sockaddr` and its length.
fn unix_sockaddr(path: &[u8]) -> Vec<u8> {
    [&1u16.to_ne_bytes()[..], path].concat()
}

fn unix(h: &mut Harness) {
    let dir = Folder::new("unix");
    let name = dir.c("socket");
    let listener = UnixListener::bind(dir.path("socket")).expect("new");
    let to = unix_sockaddr(name.to_bytes_with_nul());
    let client = call(libc::SYS_socket, [1, 1, 0]);
    let (res, event) = h.one("connect", || {
        call(libc::SYS_connect, [client as usize, at(&to[..]), to.len()])
    });
    assert_eq!(res, 0);
    let bytes = event.bytes("tuple");
    assert_eq!(bytes[0], 1);
    assert_eq!(&bytes[17..], name.to_bytes_with_nul());
    let addr = [&[1], name.to_bytes_with_nul()].concat();
    check!(event, res: 0, tuple: Value::Any, fd: client, addr: addr);
    let (client_end, server_end) = (bytes[1..9].to_vec(), bytes[9..17].to_vec());
    assert_ne!(client_end, [0; 8]);
    // One that nobody has accepted yet has no number outside the kernel.
    assert_eq!(server_end != [0; 8], h.knows_the_kernel());

    #[cfg(target_arch = "x86_64")]
    {
        let (res, event) = h.one("accept", || call(libc::SYS_accept, [fd(&listener), 0, 0]));
        assert!(res >= 0);
        let bytes = event.bytes("tuple");
        // From the client to this end, whose name is the server's.
        assert_eq!(bytes[1..9], client_end);
        if h.knows_the_kernel() {
            assert_eq!(bytes[9..17], server_end);
        }
        assert_ne!(bytes[9..17], [0; 8]);
        assert_eq!(&bytes[17..], name.to_bytes_with_nul());
    }
    // An abstract name, which has no NUL at its end but one at its start.
    let to = unix_sockaddr(b"\0peregrine-probe-test");
    let (res, event) = h.one("connect", || {
        call(libc::SYS_connect, [client as usize, at(&to[..]), to.len()])
    });
    assert!(res < 0);
    let addr = [&[1], &b"peregrine-probe-test\0"[..]].concat();
    check!(event, res: res, tuple: Value::Empty, fd: client, addr: addr);
    let to = unix_sockaddr(&[b'x'; 108]);
    let (res, event) = h.one("connect", || {
        call(libc::SYS_connect, [client as usize, at(&to[..]), to.len()])
    });
    let addr = [&[1], &[b'x'; 108][..], &[0]].concat();
    check!(event, res: res, tuple: Value::Empty, fd: client, addr: addr);
}

fn options(h: &mut Harness) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let fd = fd(&socket);
    let number = |value: u32| [&[2][..], &value.to_le_bytes()].concat();
    let one = 1u32;
    let (_, event) = h.one("setsockopt", || {
        call(
            libc::SYS_setsockopt,
            [fd, 1, libc::SO_REUSEADDR as usize, at(&one), 4],
        )
    });
    check!(event, res: 0, fd: fd, level: 1, optname: 2, val: number(1), optlen: 4);
    let time = [2u64, 500];
    let (_, event) = h.one("setsockopt", || {
        call(
            libc::SYS_setsockopt,
            [fd, 1, libc::SO_RCVTIMEO as usize, at(&time), 16],
        )
    });
    let value = [&[4][..], &2_000_500_000u64.to_le_bytes()].concat();
    check!(event, res: 0, fd: fd, level: 1, optname: 20, val: value, optlen: 16);
    let (res, event) = h.one("setsockopt", || {
        call(libc::SYS_setsockopt, [fd, 41, 26, at(b"raw"), 3])
    });
    check!(event, res: res, fd: fd, level: 0, optname: 0, val: b"\0raw".to_vec(), optlen: 3);

    let mut answer = [0u8; 64];
    let to = answer.as_mut_ptr() as usize;
    let mut get = |level: usize, name: i32| {
        let mut len = 64u32;
        let len_at = (&raw mut len) as usize;
        h.one("getsockopt", || {
            call(libc::SYS_getsockopt, [fd, level, name as usize, to, len_at])
        })
    };
    let (_, event) = get(1, libc::SO_TYPE);
    check!(event, res: 0, fd: fd, level: 1, optname: 3, val: number(2), optlen: 4);
    let (_, event) = get(1, libc::SO_ERROR);
    let none = [&[1][..], &[0; 8]].concat();
    check!(event, res: 0, fd: fd, level: 1, optname: 4, val: none, optlen: 4);
    let (_, event) = get(1, libc::SO_COOKIE);
    assert_eq!(event.bytes("val")[0], 3, "a 64-bit number");
    check!(event, res: 0, fd: fd, level: 1, optname: 53, val: Value::Any, optlen: 8);
    let cookie = event.bytes("val")[1..].to_vec();
    let (res, event) = get(6, 99);
    check!(event, res: res, fd: fd, level: 2, optname: 0, val: Value::Empty, optlen: 64);
    get(1, libc::SO_COOKIE);
    assert_eq!(answer[..8], cookie);
}

fn datagrams(h: &mut Harness) {
    for ip in loopbacks() {
        let bind = || UdpSocket::bind(SocketAddr::new(ip, 0)).expect("a port");
        let (here, there) = (bind(), bind());
        let addrs = (
            here.local_addr().expect("bound"),
            there.local_addr().expect("bound"),
        );
        let to = sockaddr(addrs.1);
        let (_, event) = h.one("sendto", || {
            call(
                libc::SYS_sendto,
                [fd(&here), at(b"hello"), 5, 0, at(&to[..]), to.len()],
            )
        });
        check!(event, res: 5, data: b"hello".to_vec(), fd: fd(&here), size: 5,
            tuple: tuple(addrs.0, addrs.1));
        let (mut buffer, mut from, mut len) = ([0u8; 32], [0u8; 32], 32u32);
        let (data, name) = (buffer.as_mut_ptr() as usize, from.as_mut_ptr() as usize);
        let len_at = (&raw mut len) as usize;
        let (_, event) = h.one("recvfrom", || {
            call(libc::SYS_recvfrom, [fd(&there), data, 32, 0, name, len_at])
        });
        check!(event, res: 5, data: b"hello".to_vec(), tuple: tuple(addrs.0, addrs.1),
            fd: fd(&there), size: 32);
        // Connected sockets need no address.
        here.connect(addrs.1).expect("datagrams always connect");
        let (_, event) = h.one("sendto", || {
            call(libc::SYS_sendto, [fd(&here), at(b"again"), 5, 0, 0, 0])
        });
        check!(event, res: 5, data: b"again".to_vec(), fd: fd(&here), size: 5,
            tuple: tuple(addrs.0, addrs.1));
        there.set_nonblocking(true).expect("it can");
        let _ = there.recv(&mut [0; 9]);
        let (res, event) = h.one("recvfrom", || {
            call(libc::SYS_recvfrom, [fd(&there), data, 32, 0, 0, 0])
        });
        assert_eq!(res, -i64::from(libc::EAGAIN));
        check!(event, res: res, data: Value::Empty, tuple: Value::Empty, fd: fd(&there), size: 32);
    }
    let (res, event) = h.one("sendto", || {
        call(libc::SYS_sendto, [minus(1), at(b"lost"), 4, 0, 0, 0])
    });
    check!(event, res: res, data: b"lost".to_vec(), fd: -1, size: 4, tuple: Value::Empty);
}

/// `struct msghdr`.
#[repr(C)]
struct Message {
    name: usize,
    name_len: u32,
    vector: usize,
    count: usize,
    control: usize,
    control_len: usize,
    flags: i32,
}

impl Message {
    fn new(name: &[u8], parts: &[(usize, usize)], control: &[u8]) -> Self {
        Self {
            name: if name.is_empty() { 0 } else { at(name) },
            name_len: name.len() as u32,
            vector: at(parts),
            count: parts.len(),
            control: at(control),
            control_len: control.len(),
            flags: 0,
        }
    }
}

fn messages(h: &mut Harness) {
    let bind = || UdpSocket::bind("127.0.0.1:0").expect("a port");
    let (here, there) = (bind(), bind());
    let addrs = (
        here.local_addr().expect("bound"),
        there.local_addr().expect("bound"),
    );
    let to = sockaddr(addrs.1);
    let parts = [(at(b"two"), 3usize), (at(b" parts"), 6)];
    let message = Message::new(&to, &parts, &[]);
    let (res, event) = h.one("sendmsg", || {
        call(libc::SYS_sendmsg, [fd(&here), at(&message), 0])
    });
    assert_eq!(res, 9);
    check!(event, res: 9, data: b"two parts".to_vec(), fd: fd(&here), size: 9,
        tuple: tuple(addrs.0, addrs.1));
    let mut buffer = [0u8; 40];
    let from = [0u8; 16];
    let parts = [
        (buffer.as_mut_ptr() as usize, 4usize),
        (buffer.as_mut_ptr() as usize + 4, 36),
    ];
    let message = Message::new(&from, &parts, &[]);
    let (res, event) = h.one("recvmsg", || {
        call(libc::SYS_recvmsg, [fd(&there), at(&message), 0])
    });
    assert_eq!(res, 9);
    check!(event, res: 9, size: 40, data: b"two parts".to_vec(), tuple: tuple(addrs.0, addrs.1),
        msgcontrol: Value::Empty, fd: fd(&there));
    let dontwait = libc::MSG_DONTWAIT as usize;
    let (res, event) = h.one("recvmsg", || {
        call(libc::SYS_recvmsg, [fd(&there), at(&message), dontwait])
    });
    assert!(res < 0);
    check!(event, res: res, size: 0, data: Value::Empty, tuple: Value::Empty,
        msgcontrol: Value::Empty, fd: fd(&there));

    // A descriptor goes through a unix socket.
    let (left, right) = UnixStream::pair().expect("a pair");
    let control = [20u64.to_le_bytes(), [1, 0, 0, 0, 1, 0, 0, 0], [0; 8]].concat();
    let parts = [(at(b"x"), 1usize)];
    let message = Message::new(&[], &parts, &control);
    assert_eq!(call(libc::SYS_sendmsg, [fd(&left), at(&message), 0]), 1);
    let mut space = [0u8; 64];
    let parts = [(buffer.as_mut_ptr() as usize, 40usize)];
    let mut message = Message::new(&[], &parts, &[]);
    message.control = space.as_mut_ptr() as usize;
    message.control_len = space.len();
    let message_at = (&raw mut message) as usize;
    let (res, event) = h.one("recvmsg", || {
        call(libc::SYS_recvmsg, [fd(&right), message_at, 0])
    });
    assert_eq!(res, 1);
    let control = event.bytes("msgcontrol");
    assert_eq!(control, space[..message.control_len]);
    assert_eq!(
        control[..16],
        [&20u64.to_le_bytes()[..], &[1, 0, 0, 0, 1, 0, 0, 0]].concat()
    );
    assert_eq!(event.bytes("tuple").len(), 18, "family, both ends, no name");
}

fn many_messages(h: &mut Harness) {
    let (left, right) = UnixDatagram::pair().expect("a pair");
    let texts = ["first", "the second", "3"];
    let parts: Vec<[(usize, usize); 1]> =
        texts.iter().map(|text| [(at(*text), text.len())]).collect();
    let mut headers: Vec<(Message, u64)> = parts
        .iter()
        .map(|parts| (Message::new(&[], parts, &[]), 0))
        .collect();
    let to = headers.as_mut_ptr() as usize;
    let (res, events) = h.all("sendmmsg", || {
        call(libc::SYS_sendmmsg, [fd(&left), to, 3, 0])
    });
    assert_eq!((res, events.len()), (3, 3));
    for (event, text) in events.iter().zip(texts) {
        check!(event, res: text.len(), fd: fd(&left), size: text.len(), data: text.as_bytes().to_vec(),
            tuple: Value::Any);
        assert_eq!(event.bytes("tuple").len(), 18);
    }
    let mut buffers = [[0u8; 20]; 3];
    let parts: Vec<[(usize, usize); 1]> = buffers
        .iter_mut()
        .map(|buffer| [(buffer.as_mut_ptr() as usize, 20)])
        .collect();
    let mut headers: Vec<(Message, u64)> = parts
        .iter()
        .map(|parts| (Message::new(&[], parts, &[]), 0))
        .collect();
    let to = headers.as_mut_ptr() as usize;
    let dontwait = libc::MSG_DONTWAIT as usize;
    let (res, events) = h.all("recvmmsg", || {
        call(libc::SYS_recvmmsg, [fd(&right), to, 3, dontwait, 0])
    });
    assert_eq!((res, events.len()), (3, 3));
    for (event, text) in events.iter().zip(texts) {
        check!(event, res: text.len(), fd: fd(&right), size: 20, data: text.as_bytes().to_vec(),
            tuple: Value::Any, msgcontrol: Value::Empty);
    }
    let (res, event) = h.one("recvmmsg", || {
        call(libc::SYS_recvmmsg, [fd(&right), to, 3, dontwait, 0])
    });
    assert_eq!(res, -i64::from(libc::EAGAIN));
    check!(event, res: res, fd: fd(&right), size: 0, data: Value::Empty, tuple: Value::Empty,
        msgcontrol: Value::Empty);
}
