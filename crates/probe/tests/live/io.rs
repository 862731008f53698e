//! Reading and writing.

use std::os::fd::AsRawFd;

use crate::Case;
use crate::files::Folder;
use crate::harness::{Harness, Value, at, call, check, minus};

pub(crate) const CASES: &[Case] = &[
    (&["read", "write", "pread64", "pwrite64"], plain),
    (&["readv", "writev", "preadv", "pwritev"], vectors),
    (&["sendfile", "splice", "copy_file_range"], copying),
];

/// As many bytes of data as an event carries.
const SNAPLEN: usize = 80;

fn file(dir: &Folder, content: &[u8]) -> std::fs::File {
    std::fs::write(dir.path("data"), content).expect("the temporary folder can be written");
    std::fs::File::options()
        .read(true)
        .write(true)
        .open(dir.path("data"))
        .expect("just made")
}

fn plain(h: &mut Harness) {
    let dir = Folder::new("plain");
    let content: Vec<u8> = (0..200).collect();
    let file = file(&dir, &content);
    let fd = file.as_raw_fd() as usize;
    let mut buffer = [0u8; 300];
    let to = buffer.as_mut_ptr() as usize;
    let (res, event) = h.one("read", || call(libc::SYS_read, [fd, to, 300]));
    assert_eq!(res, 200);
    check!(event, res: 200, data: content[..SNAPLEN].to_vec(), fd: fd, size: 300);
    let (_, event) = h.one("read", || call(libc::SYS_read, [fd, to, 300]));
    check!(event, res: 0, data: Value::Empty, fd: fd, size: 300);
    let (res, event) = h.one("read", || call(libc::SYS_read, [minus(5), to, 10]));
    check!(event, res: res, data: Value::Empty, fd: -5, size: 10);
    let (res, event) = h.one("pread64", || call(libc::SYS_pread64, [fd, to, 7, 100]));
    assert_eq!(res, 7);
    check!(event, res: 7, data: content[100..107].to_vec(), fd: fd, size: 7, pos: 100);

    let (_, event) = h.one("write", || {
        call(libc::SYS_write, [fd, at(&content[..]), 30])
    });
    check!(event, res: 30, data: content[..30].to_vec(), fd: fd, size: 30);
    // What could not be written is shown all the same.
    let (res, event) = h.one("write", || {
        call(libc::SYS_write, [minus(1), at(&content[..]), 90])
    });
    assert_eq!(res, -i64::from(libc::EBADF));
    check!(event, res: res, data: content[..SNAPLEN].to_vec(), fd: -1, size: 90);
    let (_, event) = h.one("pwrite64", || {
        call(libc::SYS_pwrite64, [fd, at(&content[..]), 3, 1 << 33])
    });
    check!(event, res: 3, data: content[..3].to_vec(), fd: fd, size: 3, pos: 1u64 << 33);
}

fn vectors(h: &mut Harness) {
    let dir = Folder::new("vectors");
    let content: Vec<u8> = (0..200).rev().collect();
    let file = file(&dir, &content);
    let fd = file.as_raw_fd() as usize;
    let mut buffer = [0u8; 400];
    let to = buffer.as_mut_ptr() as usize;
    let parts = [(to, 50usize), (to + 100, 0), (to + 200, 120)];
    let (res, event) = h.one("readv", || call(libc::SYS_readv, [fd, at(&parts), 3]));
    assert_eq!(res, 170);
    check!(event, res: 170, size: 170, data: content[..SNAPLEN].to_vec(), fd: fd);
    let (res, event) = h.one("preadv", || {
        call(libc::SYS_preadv, [fd, at(&parts), 3, 190, 0])
    });
    assert_eq!(res, 10);
    check!(event, res: 10, size: 170, data: content[190..].to_vec(), fd: fd, pos: 190);
    let (res, event) = h.one("readv", || call(libc::SYS_readv, [minus(1), at(&parts), 3]));
    check!(event, res: res, size: 170, data: Value::Empty, fd: -1);

    let parts = [(at(&content[..]), 3usize), (at(&content[10..]), 4)];
    let data = [&content[..3], &content[10..14]].concat();
    let (_, event) = h.one("writev", || call(libc::SYS_writev, [fd, at(&parts), 2]));
    check!(event, res: 7, data: data.clone(), fd: fd, size: 7);
    let (_, event) = h.one("pwritev", || {
        call(libc::SYS_pwritev, [fd, at(&parts), 2, 5, 0])
    });
    check!(event, res: 7, data: data.clone(), fd: fd, size: 7, pos: 5);
    let (res, event) = h.one("writev", || {
        call(libc::SYS_writev, [minus(1), at(&parts), 2])
    });
    check!(event, res: res, data: data, fd: -1, size: 7);
}

fn copying(h: &mut Harness) {
    let dir = Folder::new("copying");
    let from = file(&dir, &[7; 100]);
    let to = std::fs::File::create(dir.path("to")).expect("new");
    let (source, sink) = (from.as_raw_fd() as usize, to.as_raw_fd() as usize);
    let mut offset = 10u64;
    let offset_at = (&raw mut offset) as usize;
    let (res, event) = h.one("sendfile", || {
        call(libc::SYS_sendfile, [sink, source, offset_at, 20])
    });
    assert_eq!((res, offset), (20, 30));
    check!(event, res: 20, offset: 30, out_fd: sink, in_fd: source, size: 20);
    let (res, event) = h.one("sendfile", || {
        call(libc::SYS_sendfile, [sink, source, 0, 5])
    });
    check!(event, res: res, offset: 0, out_fd: sink, in_fd: source, size: 5);
    let (res, event) = h.one("splice", || {
        call(
            libc::SYS_splice,
            [source, 0, sink, 0, 10, libc::SPLICE_F_MORE as usize],
        )
    });
    check!(event, res: res, fd_in: source, fd_out: sink, size: 10, flags: 4);
    let mut other = 50u64;
    let other_at = (&raw mut other) as usize;
    let (res, event) = h.one("copy_file_range", || {
        call(
            libc::SYS_copy_file_range,
            [source, offset_at, sink, other_at, 4, 0],
        )
    });
    check!(event, res: res, fdout: sink, offout: other, fdin: source, offin: offset, len: 4);
}
