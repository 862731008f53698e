//! The text of single parameters.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use event::render::{self, BufferFormat, FdType, Resolve, Unresolved};
use event::{Encoder, EventType, EventView};

struct State;

impl Resolve for State {
    fn fd_type(&self, fd: i64) -> Option<FdType> {
        match fd {
            3 => Some(FdType {
                letter: b'f',
                transport: None,
            }),
            4 => Some(FdType {
                letter: b'4',
                transport: Some(b't'),
            }),
            5 => Some(FdType {
                letter: b'6',
                transport: None,
            }),
            6 => Some(FdType {
                letter: b'f',
                transport: None,
            }),
            _ => None,
        }
    }

    fn fd_name(&self, fd: i64, out: &mut Vec<u8>) -> bool {
        match fd {
            3 => out.extend_from_slice(b"/etc"),
            4 => out.extend_from_slice(b"10.0.0.1:1->10.0.0.2:2"),
            6 => out.extend_from_slice(b"/tmp/a\nb"),
            _ => return false,
        }
        true
    }

    fn path(&self, dirfd: Option<i64>, path: &[u8], out: &mut Vec<u8>) -> bool {
        if !path.starts_with(b"/") {
            out.extend_from_slice(if dirfd.is_some() {
                b"/etc/"
            } else {
                b"/home/me/"
            });
        }
        out.extend_from_slice(path);
        true
    }

    fn thread_name(&self, tid: i64, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"bash");
        tid == 42
    }

    fn user_name(&self, uid: u32, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"www-data");
        uid == 33
    }

    fn group_name(&self, gid: u32, out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(b"adm");
        gid == 4
    }

    fn utc_offset(&self, _seconds: i64) -> i32 {
        3600
    }
}

fn args_with(resolve: &impl Resolve, ty: EventType, fill: impl FnOnce(&mut Encoder)) -> String {
    let mut encoder = Encoder::new();
    encoder.begin(ty, 0, 1);
    fill(&mut encoder);
    let view = EventView::parse(encoder.finish().unwrap()).unwrap();
    let mut out = Vec::new();
    render::args(&view, resolve, &mut out);
    String::from_utf8(out).unwrap()
}

fn args(ty: EventType, fill: impl FnOnce(&mut Encoder)) -> String {
    args_with(&State, ty, fill)
}

type E = EventType;

#[test]
fn descriptors_and_paths() {
    assert_eq!(
        args(E::SYSCALL_OPENAT_2_X, |e| {
            e.i64(3)
                .i64(-100)
                .str("a.txt")
                .u32(262)
                .u32(0o666)
                .u32(0x802)
                .u64(29);
        }),
        "fd=3(<f>/etc) dirfd=-100(AT_FDCWD) name=a.txt(/home/me/a.txt) \
         flags=262(O_TRUNC|O_CREAT|O_WRONLY) mode=0666 dev=802 ino=29"
    );
    assert_eq!(
        args(E::SYSCALL_OPENAT_2_X, |e| {
            e.i64(-2).i64(3).str("a.txt").u32(1).u32(0).empty().empty();
        }),
        "fd=-2(ENOENT) dirfd=3(<f>/etc) name=a.txt(/etc/a.txt) flags=1(O_RDONLY) mode=0 \
         dev=<NA> ino=<NA>"
    );
    // An absolute path is its own resolution; an unreadable one has none.
    assert_eq!(
        args(E::SYSCALL_CHDIR_X, |e| {
            e.i64(0).str("/tmp");
        }),
        "res=0 path=/tmp"
    );
    for nothing in [&b""[..], b"(NULL)\0"] {
        let text = args(E::SYSCALL_CHDIR_X, |e| {
            e.i64(-14).bytes(nothing);
        });
        assert_eq!(text, "res=-14(EFAULT) path=<NA>");
    }
    assert_eq!(
        args(E::SYSCALL_CLOSE_X, |e| {
            e.i64(0).i64(4);
        }),
        "res=0 fd=4(<4t>10.0.0.1:1->10.0.0.2:2)"
    );
    assert_eq!(
        args(E::SYSCALL_CLOSE_X, |e| {
            e.i64(0).i64(5);
        }),
        "res=0 fd=5(<6>)"
    );
    assert_eq!(
        args(E::SYSCALL_CLOSE_X, |e| {
            e.i64(-9).i64(77);
        }),
        "res=-9(EBADF) fd=77"
    );
}

#[test]
fn nothing_is_resolved_without_state() {
    assert_eq!(
        args_with(&Unresolved, E::SYSCALL_OPENAT_2_X, |e| {
            e.i64(3).i64(-100).str("a").u32(0).u32(0).u32(0).u64(0);
        }),
        "fd=3 dirfd=-100(AT_FDCWD) name=a flags=0(O_NONE) mode=0 dev=0 ino=0"
    );
}

#[test]
fn control_characters_cannot_forge_lines() {
    assert_eq!(
        args(E::SYSCALL_CHDIR_X, |e| {
            e.i64(0).str("/tmp/a\n\x1b[31mb\u{e9}\x7f");
        }),
        "res=0 path=/tmp/a[31mb\u{e9}"
    );
    assert_eq!(
        args(E::SYSCALL_CLOSE_X, |e| {
            e.i64(0).i64(6);
        }),
        "res=0 fd=6(<f>/tmp/ab)"
    );
}

#[test]
fn numbers_by_format() {
    assert_eq!(
        args(E::SYSCALL_BRK_4_X, |e| {
            e.u64(0x55DB_0DE7_3000).u32(508).u32(4).u32(0).u64(0);
        }),
        "res=55DB0DE73000 vm_size=508 vm_rss=4 vm_swap=0 addr=0"
    );
    // The result of mmap is an address, but large enough to be read as one only in decimal.
    let mmap = args(E::SYSCALL_MMAP_X, |e| {
        e.u64(140_382_215_696_384)
            .u32(1)
            .u32(2)
            .u32(3)
            .u64(0x10)
            .u64(5)
            .u32(3)
            .u32(10)
            .i64(-1);
        e.u64(0);
    });
    assert_eq!(
        mmap,
        "res=140382215696384 vm_size=1 vm_rss=2 vm_swap=3 addr=10 length=5 \
         prot=3(PROT_READ|PROT_WRITE) flags=10(MAP_PRIVATE|MAP_ANONYMOUS) fd=-1(EPERM) offset=0"
    );
    assert_eq!(
        args(E::SYSCALL_CHMOD_X, |e| {
            e.i64(0).str("/tmp/test").u32(0o4000);
        }),
        "res=0 filename=/tmp/test mode=04000(S_ISUID)"
    );
}

#[test]
fn users_signals_and_processes() {
    for (uid, text) in [
        (33u32, "uid=33(www-data)"),
        (1, "uid=1"),
        (u32::MAX, "uid=-1(<NONE>)"),
    ] {
        let found = args(E::SYSCALL_GETUID_X, |e| {
            e.u32(uid);
        });
        assert_eq!(found, text);
    }
    assert_eq!(
        args(E::SYSCALL_GETGID_X, |e| {
            e.u32(4);
        }),
        "gid=4(adm)"
    );
    assert_eq!(
        args(E::SIGNALDELIVER_E, |e| {
            e.i64(0).i64(42).u8(11);
        }),
        "spid=0 dpid=42(bash) sig=11(SIGSEGV)"
    );
    assert_eq!(
        args(E::SIGNALDELIVER_E, |e| {
            e.i64(-5).i64(43).u8(64);
        }),
        "spid=-5 dpid=43 sig=64"
    );
}

#[test]
fn times() {
    assert_eq!(
        args(E::SYSCALL_NANOSLEEP_X, |e| {
            e.i64(0).u64(1_500_000_000);
        }),
        "res=0 interval=1500000000(1.5s)"
    );
    assert_eq!(
        args(E::SYSCALL_PPOLL_X, |e| {
            e.i64(0).bytes(&[0, 0]).u64(u64::MAX).u32(0b101);
        }),
        "res=0 fds= timeout=none sigmask=5(SIGHUP SIGQUIT)"
    );
    let info = E::SYSCALL_EXECVE_19_X.info().unwrap();
    let (index, _) = info.param("exe_ino_ctime").unwrap();
    let mut encoder = Encoder::new();
    encoder.begin(info.event_type, 0, 1);
    for _ in 0..index {
        encoder.empty();
    }
    encoder.u64(1_740_045_993_456_577_163);
    let view = EventView::parse(encoder.finish().unwrap()).unwrap();
    let mut out = Vec::new();
    assert!(render::raw(&view, index, &State, &mut out));
    assert_eq!(out, b"2025-02-20 11:06:33.456577163");
    assert!(!render::resolved(&view, index, &State, &mut out));
}

#[test]
fn sockets() {
    let tuple = |bytes: &[u8]| {
        args(E::SOCKET_CONNECT_X, |e| {
            e.i64(0).bytes(bytes).i64(4).bytes(&[2, 10, 0, 0, 2, 2, 0]);
        })
    };
    let v4 = [2, 10, 0, 0, 1, 1, 0, 10, 0, 0, 2, 2, 0];
    let end = "fd=4(<4t>10.0.0.1:1->10.0.0.2:2) addr=10.0.0.2:2";
    assert_eq!(
        tuple(&v4),
        format!("res=0 tuple=10.0.0.1:1->10.0.0.2:2 {end}")
    );
    assert_eq!(tuple(&v4[..12]), format!("res=0 tuple=INVALID IPv4 {end}"));
    assert_eq!(tuple(&[]), format!("res=0 tuple=NULL {end}"));
    assert_eq!(tuple(&[16]), format!("res=0 tuple=family 16 {end}"));
    let mut mapped = vec![10];
    for ip in [[10, 0, 0, 1], [10, 0, 0, 2]] {
        mapped.extend([0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF]);
        mapped.extend(ip);
        mapped.extend([9, 0]);
    }
    assert_eq!(
        tuple(&mapped),
        format!("res=0 tuple=10.0.0.1:9->10.0.0.2:9 {end}")
    );
    let unix = [
        &[1][..],
        &[0; 8],
        &0xffff_88ffu64.to_le_bytes(),
        b"/run/a\nb\0junk",
    ]
    .concat();
    assert_eq!(
        tuple(&unix),
        format!("res=0 tuple=0->ffff88ff /run/ab {end}")
    );
    assert_eq!(
        args(E::SOCKET_BIND_X, |e| {
            let addr = [&[10][..], &[0x20, 1, 0xd, 0xb8], &[0; 11], &[4], &[0xd2, 4]].concat();
            e.i64(0).bytes(&addr).i64(5);
        }),
        "res=0 addr=2001:db8::4:1234 fd=5(<6>)"
    );
    assert_eq!(
        args(E::SOCKET_SOCKET_X, |e| {
            e.i64(5).u32(1).u32(526_337).u32(0).u32(0);
        }),
        "fd=5(<6>) domain=1(AF_LOCAL|AF_UNIX) type=526337 proto=0 flags=0(O_NONE)"
    );
}

#[test]
fn polled_descriptors() {
    let mut list = vec![2, 0];
    for (fd, flags) in [(4i64, 0x35i16), (77, -1)] {
        list.extend(fd.to_le_bytes());
        list.extend(flags.to_le_bytes());
    }
    let text = |list: &[u8]| {
        args(E::SYSCALL_POLL_X, |e| {
            e.i64(1).bytes(list).i64(5000);
        })
    };
    assert_eq!(text(&list), "res=1 fds=4:435 77:?ffff timeout=5000");
    // A list that promises more than it has is no list.
    assert_eq!(text(&list[..15]), "res=1 fds=NULL timeout=5000");
}

#[test]
fn variants() {
    let option = |value: &[u8]| {
        args(E::SOCKET_SETSOCKOPT_X, |e| {
            e.i64(0).i64(77).u8(1).u8(4).bytes(value).u32(4);
        })
    };
    let head = "res=0 fd=77 level=1(SOL_SOCKET) optname=4(SO_ERROR)";
    assert_eq!(option(&[2, 1, 0, 0, 0]), format!("{head} val=1 optlen=4"));
    let refused = [&[1][..], &(-111i64).to_le_bytes()].concat();
    assert_eq!(
        option(&refused),
        format!("{head} val=-111(ECONNREFUSED) optlen=4")
    );
    let time = [&[4][..], &2_000_000_000u64.to_le_bytes()].concat();
    assert_eq!(option(&time), format!("{head} val=2000000000(2s) optlen=4"));
    assert_eq!(
        option(&[0, b'e', 0, b'h']),
        format!("{head} val=e.h optlen=4")
    );
    assert_eq!(option(&[]), format!("{head} val=NULL optlen=4"));
}

#[test]
fn buffers() {
    struct As(BufferFormat);
    impl Resolve for As {
        fn buffer_format(&self) -> BufferFormat {
            self.0
        }
    }
    let text = |format, data: &[u8]| {
        args_with(&As(format), E::SYSCALL_READ_X, |e| {
            e.i64(1).bytes(data).i64(1).u32(9);
        })
    };
    let line = |data: &str| format!("res=1 data={data} fd=1 size=9");
    assert_eq!(
        text(BufferFormat::Printable, b"a \n\x00\xFFz"),
        line("a ...z")
    );
    assert_eq!(text(BufferFormat::Hex, b"\x01\xAB"), line("01ab"));
    for (data, base64) in [
        ("f", "Zg=="),
        ("fo", "Zm8="),
        ("foo", "Zm9v"),
        ("foob", "Zm9vYg=="),
        ("hello world\n", "aGVsbG8gd29ybGQK"),
    ] {
        assert_eq!(text(BufferFormat::Base64, data.as_bytes()), line(base64));
    }
    assert_eq!(text(BufferFormat::Base64, b""), line("NULL"));
    let exec = args(E::SYSCALL_CLONE_20_X, |e| {
        e.i64(0).str("cat").bytes(b"-n\0/etc/passwd\0");
    });
    assert_eq!(exec, "res=0 exe=cat args=-n./etc/passwd.");
}

#[test]
fn generic_events_have_no_arguments() {
    let text = args(E::GENERIC_X, |e| {
        e.u16(16).u16(39);
    });
    assert_eq!(text, "");
    let mut encoder = Encoder::new();
    encoder.begin(E::GENERIC_X, 0, 1).u16(16).u16(39);
    let view = EventView::parse(encoder.finish().unwrap()).unwrap();
    let mut out = Vec::new();
    assert!(render::text(&view, 0, &State, &mut out));
    assert_eq!(out, b"getpid");
    assert_eq!(view.syscall().unwrap().name, "getpid");
    // Writers that did not know the code gave the number alone.
    encoder.begin(E::GENERIC_X, 0, 1).u16(0).u16(39);
    let view = EventView::parse(encoder.finish().unwrap()).unwrap();
    if cfg!(target_arch = "x86_64") {
        assert_eq!(view.syscall().unwrap().name, "getpid");
    }
}

#[test]
fn flags_are_used_up_by_the_first_entry_that_has_them() {
    let flags = |value: u32| {
        let text = args(E::SYSCALL_OPEN_X, |e| {
            e.i64(-2).str("/x").u32(value).u32(0).u32(0).u64(0);
        });
        let start = text.find("flags=").unwrap();
        text[start..].split(' ').next().unwrap().to_owned()
    };
    assert_eq!(flags(3), "flags=3(O_RDWR)");
    assert_eq!(flags(1 | 8), "flags=9(O_APPEND|O_RDONLY)");
    assert_eq!(flags(0x8000_0001), "flags=2147483649(O_RDONLY)");
    assert_eq!(flags(0x8000_0000), "flags=2147483648");
}
