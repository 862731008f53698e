//! `/proc` of the machine that the tests run on, and of one made of files.

use std::fs::File;
use std::io::Write as _;
use std::net::{IpAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;

use state::procfs::Procfs;
use state::{DescriptorKind as Kind, L4Proto, Limits, Lookup as _, SocketRole, State, Thread};

fn own() -> (State, i64) {
    let mut state = State::new(Limits::default());
    Procfs::new("/").seed(&mut state);
    (state, i64::from(std::process::id()))
}

fn name(state: &State, thread: &Thread, fd: &impl std::os::fd::AsRawFd) -> String {
    let descriptor = state.descriptor(thread, i64::from(fd.as_raw_fd()));
    String::from_utf8_lossy(&descriptor.expect("it is open").name).into_owned()
}

fn kind(state: &State, thread: &Thread, fd: &impl std::os::fd::AsRawFd) -> Kind {
    state
        .descriptor(thread, i64::from(fd.as_raw_fd()))
        .expect("it is open")
        .kind
}

#[test]
fn this_process() {
    let waits =
        std::thread::spawn(|| std::thread::park_timeout(std::time::Duration::from_secs(60)));
    let (state, pid) = own();
    let thread = state.thread(pid).expect("this process is there");
    let args: Vec<String> = std::env::args().collect();
    assert_eq!(&*thread.exe, args[0].as_bytes());
    let rest: String = args[1..].iter().map(|arg| format!("{arg}\0")).collect();
    assert_eq!(&*thread.args, rest.as_bytes());
    let exe = std::env::current_exe().expect("there is one");
    assert_eq!(&*thread.exepath, exe.as_os_str().as_encoded_bytes());
    let cwd = std::env::current_dir().expect("there is one");
    let cwd = cwd.as_os_str().as_encoded_bytes();
    assert_eq!(
        thread.cwd.strip_suffix(b"/").expect("it ends in a slash"),
        cwd
    );
    assert_eq!(&*thread.root, b"/");
    assert!(thread.comm.len() <= 15 && !thread.comm.is_empty());
    assert!(thread.env.windows(5).any(|window| window == b"PATH="));
    assert_eq!(thread.ptid, i64::from(std::os::unix::process::parent_id()));
    assert!(thread.fd_limit > 0 && thread.vm_rss > 0 && thread.exe_ino > 0);
    assert!(
        thread.exe_mtime > 1_500_000_000_000_000_000,
        "{}",
        thread.exe_mtime
    );
    let now = std::time::SystemTime::now()
        .duration_since(std::time::UNIX_EPOCH)
        .expect("after");
    let age = now.as_nanos() as u64 - thread.clone_ts;
    assert!(age < 3_600_000_000_000, "started {age} ns ago");
    assert!(thread.cgroups.is_empty() || thread.cgroups.contains(&b'='));
    assert!(state.thread_count(thread) >= 2, "the threads of the tests");
    assert!(state.parent(thread).is_some());
    assert!(state.user(0).is_some_and(|root| &*root.name == b"root"));
    let loopback: IpAddr = [127, 0, 0, 1].into();
    assert!(
        state
            .interfaces()
            .iter()
            .any(|interface| interface.address == loopback)
    );
    waits.thread().unpark();
}

#[test]
fn open_files_and_sockets() {
    let path = std::env::temp_dir().join(format!("state-live-{}", std::process::id()));
    let file = File::create(&path).expect("a file");
    let directory = File::open("/").expect("a directory");
    let (pipe, _writer) = rustix::pipe::pipe().expect("a pipe");
    let listener = TcpListener::bind("127.0.0.1:0").expect("a listener");
    let address = listener.local_addr().expect("an address");
    let client = TcpStream::connect(address).expect("a connection");
    let (server, _) = listener.accept().expect("a connection");
    let udp = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let socket_path = path.with_extension("sock");
    let unix = UnixListener::bind(&socket_path).expect("a listener");
    let (pair, _other) = UnixStream::pair().expect("a pair");

    let (mut state, pid) = own();
    let mut encoder = event::Encoder::new();
    encoder.begin(event::EventType::DROP_E, 1, -1).u32(1);
    let record = encoder.finish().expect("a record").to_vec();
    state.apply(&event::EventView::parse(&record).expect("just encoded"));

    let thread = state.thread(pid).expect("this process is there");
    assert_eq!(name(&state, thread, &file), path.to_string_lossy());
    assert_eq!(kind(&state, thread, &file), Kind::File);
    let descriptor = state
        .descriptor(thread, i64::from(file.as_raw_fd()))
        .expect("it is open");
    assert!(descriptor.ino > 0 && descriptor.is_cloexec());
    assert_eq!(descriptor.open_flags & 3, 2, "for writing only");
    assert_eq!(kind(&state, thread, &directory), Kind::Directory);
    assert_eq!(kind(&state, thread, &pipe), Kind::Fifo);
    assert!(name(&state, thread, &pipe).starts_with("pipe:["));

    let Kind::InetServer(endpoint) = kind(&state, thread, &listener) else {
        panic!("no server")
    };
    assert_eq!((endpoint.ip, endpoint.port), (address.ip(), address.port()));
    assert_eq!(endpoint.l4, L4Proto::Tcp);
    let peer = client.local_addr().expect("an address");
    for (socket, role) in [(&client, SocketRole::Client), (&server, SocketRole::Server)] {
        let Kind::Inet(tuple) = kind(&state, thread, socket) else {
            panic!("no connection")
        };
        assert_eq!(
            (tuple.source_port, tuple.destination_port),
            (peer.port(), address.port())
        );
        assert_eq!((tuple.role, tuple.l4), (role, L4Proto::Tcp));
    }
    let Kind::InetServer(endpoint) = kind(&state, thread, &udp) else {
        panic!("no server")
    };
    assert_eq!(endpoint.l4, L4Proto::Udp);
    assert!(matches!(kind(&state, thread, &unix), Kind::Unix { .. }));
    assert_eq!(name(&state, thread, &unix), socket_path.to_string_lossy());
    assert!(matches!(kind(&state, thread, &pair), Kind::Unix { .. }));
    assert!(state.descriptor_count(thread) >= 9);
    let _ = (
        std::fs::remove_file(path),
        std::fs::remove_file(socket_path),
    );
}

#[test]
fn single_threads_are_looked_up() {
    let mut procfs = Procfs::new("/");
    let pid = i64::from(std::process::id());
    let (send, receive) = std::sync::mpsc::channel();
    let (done, wait) = std::sync::mpsc::channel::<()>();
    let other = std::thread::spawn(move || {
        let link = std::fs::read_link("/proc/thread-self").expect("a link");
        let tid = link
            .file_name()
            .and_then(|name| name.to_str()?.parse::<i64>().ok());
        send.send(tid.expect("a number")).expect("somebody listens");
        let _ = wait.recv();
    });
    let tid = receive.recv().expect("it says");
    let found = procfs.thread(tid).expect("it is there");
    assert_eq!((found.thread.tid, found.thread.pid), (tid, pid));
    assert_eq!(found.main.expect("it is not the main one").tid, pid);
    assert!(!found.descriptors.is_empty());
    assert!(procfs.is_alive(tid));
    drop(done);
    other.join().expect("no panic");
    assert!(!procfs.is_alive(i64::from(u32::MAX)));
    assert!(procfs.thread(i64::from(u32::MAX)).is_none());
    assert!(
        procfs.users(pid).is_none(),
        "this process sees the host's users"
    );

    let file = File::open("/dev/null").expect("a file");
    let descriptor = procfs
        .descriptor(pid, i64::from(file.as_raw_fd()))
        .expect("it is open");
    assert_eq!(&*descriptor.name, b"/dev/null");
}

/// A directory that goes with the test.
struct Root(PathBuf);

impl Root {
    fn file(&self, path: &str, content: &str) {
        let path = self.0.join(path);
        std::fs::create_dir_all(path.parent().expect("it has one")).expect("a directory");
        File::create(path)
            .and_then(|mut file| file.write_all(content.as_bytes()))
            .expect("a file");
    }
}

impl Drop for Root {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_mounted_host() {
    let root = Root(std::env::temp_dir().join(format!("state-root-{}", std::process::id())));
    root.file("etc/passwd", "joe:x:7:8::/home/joe:/bin/sh\n");
    root.file("etc/group", "staff:x:8:\n");
    root.file("sys/fs/cgroup/cgroup.controllers", "cpu io memory\n");
    for (pid, ppid) in [(1, 0), (70, 1)] {
        root.file(&format!("proc/{pid}/cmdline"), "/bin/tool\0-a\0b c\0");
        root.file(
            &format!("proc/{pid}/status"),
            &format!("Name:\ttool\nTgid:\t{pid}\nPPid:\t{ppid}\nNSpid:\t{pid}\nThreads:\t2\n"),
        );
        root.file(
            &format!("proc/{pid}/stat"),
            &format!("{pid} (tool) S {ppid} 1 1 0 -1 0 "),
        );
        root.file(
            &format!("proc/{pid}/cgroup"),
            &format!("0::/docker/{}\n", "ab".repeat(32)),
        );
    }
    root.file("proc/70/task/70/status", "");
    root.file(
        "proc/70/task/71/status",
        "Name:\tother\nTgid:\t70\nNSpid:\t71\n",
    );
    // A process whose main thread has exited.
    root.file(
        "proc/90/status",
        "Name:\tdead\nTgid:\t90\nPPid:\t1\nNSpid:\t90\nThreads:\t2\n",
    );
    root.file("proc/90/task/90/cmdline", "");
    root.file(
        "proc/90/task/91/status",
        "Name:\tlive\nTgid:\t90\nNSpid:\t91\n",
    );
    root.file("proc/90/task/91/cmdline", "/bin/survivor\0");
    // A kernel thread, one that is vanishing, and things that are no processes.
    root.file("proc/2/status", "Name:\tkthreadd\nTgid:\t2\nPPid:\t0\n");
    root.file("proc/80/cmdline", "gone\0");
    root.file("proc/self/cmdline", "x\0");
    root.file("proc/uptime", "1 2\n");

    let mut state = State::new(Limits::default());
    Procfs::new(&root.0).seed(&mut state);
    let mut tids: Vec<i64> = state.threads().map(|thread| thread.tid).collect();
    tids.sort_unstable();
    assert_eq!(tids, [1, 70, 71, 90, 91]);
    for tid in [90, 91] {
        assert_eq!(
            &*state.thread(tid).expect("it is there").exe,
            b"/bin/survivor"
        );
    }
    let thread = state.thread(70).expect("it is there");
    assert_eq!(
        (&*thread.exe, &*thread.args),
        (b"/bin/tool".as_slice(), b"-a\0b c\0".as_slice())
    );
    assert_eq!((thread.ptid, &*thread.comm), (1, b"tool".as_slice()));
    let cgroup = format!("/docker/{}\0", "ab".repeat(32));
    let expected = format!("cpu={cgroup}blkio={cgroup}memory={cgroup}");
    assert_eq!(&*thread.cgroups, expected.as_bytes());
    let (container, _) = state.container(thread).expect("it is in one");
    assert_eq!(container.as_bytes(), b"abababababab");
    assert_eq!(state.thread_count(thread), 2);
    assert_eq!(&*state.user(7).expect("it is there").name, b"joe");
    assert_eq!(&*state.group(8).expect("it is there").name, b"staff");
}
