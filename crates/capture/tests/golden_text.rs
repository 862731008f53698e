//! The text of parameters, against what Falco prints for the captures of the conformance folder.
//!
//! What needs state (names of descriptors and threads) is read off the expected line, so that the
//! test is about text alone: numbers, flags, addresses, buffers, order, what resolves and what not.

#![expect(
    clippy::print_stderr,
    clippy::unwrap_used,
    reason = "helpers of tests are tests"
)]

mod common;

use std::collections::HashMap;

use capture::{Block, Reader};
use event::render::{self, FdType, Resolve};
use event::{EventView, ParamType};

#[derive(Default)]
struct FromLine {
    fds: HashMap<i64, (FdType, String)>,
    threads: HashMap<i64, String>,
    paths: HashMap<Vec<u8>, String>,
}

impl Resolve for FromLine {
    fn fd_type(&self, fd: i64) -> Option<FdType> {
        self.fds.get(&fd).map(|(ty, _)| *ty)
    }

    fn fd_name(&self, fd: i64, out: &mut Vec<u8>) -> bool {
        let name = self.fds.get(&fd).map(|(_, name)| name.as_bytes());
        out.extend_from_slice(name.unwrap_or_default());
        name.is_some()
    }

    fn thread_name(&self, tid: i64, out: &mut Vec<u8>) -> bool {
        let name = self.threads.get(&tid).map(|name| name.as_bytes());
        out.extend_from_slice(name.unwrap_or_default());
        name.is_some()
    }

    fn path(&self, _dirfd: Option<i64>, path: &[u8], out: &mut Vec<u8>) -> bool {
        out.extend_from_slice(self.paths.get(path).map_or(path, |path| path.as_bytes()));
        true
    }
}

impl FromLine {
    /// Learns what a line says of descriptors, threads and paths.
    fn learn(view: &EventView<'_>, line: &str) -> Self {
        let mut known = Self::default();
        let params = &view.info().params[..view.param_count().min(view.info().params.len())];
        let mut rest = line;
        for (index, info) in params.iter().enumerate() {
            let head = format!("{}=", info.name);
            rest = rest
                .strip_prefix(&head)
                .unwrap_or_else(|| panic!("{head} in {line}"));
            let end = match params.get(index + 1) {
                Some(next) => rest.find(&format!(" {}=", next.name)).unwrap(),
                None => rest.len(),
            };
            let text = &rest[..end];
            rest = rest.get(end + 1..).unwrap_or_default();
            let resolved = text
                .split_once('(')
                .and_then(|(_, text)| text.strip_suffix(')'));
            let number = view.i64(index).unwrap_or(-1);
            match (info.ty, resolved) {
                (ParamType::Fd, Some(text)) if text.starts_with('<') => {
                    let (mark, name) = text[1..].split_once('>').unwrap();
                    let mark = mark.as_bytes();
                    let ty = FdType {
                        letter: mark[0],
                        transport: mark.get(1).copied(),
                    };
                    known.fds.insert(number, (ty, name.to_owned()));
                }
                (ParamType::Fdlist, _) => {
                    for entry in text.split(' ').filter(|entry| !entry.is_empty()) {
                        let (fd, rest) = entry.split_once(':').unwrap();
                        let ty = FdType {
                            letter: rest.as_bytes()[0],
                            transport: None,
                        };
                        known
                            .fds
                            .entry(fd.parse().unwrap())
                            .or_insert((ty, String::new()));
                    }
                }
                (ParamType::Pid, Some(name)) => {
                    known.threads.insert(number, name.to_owned());
                }
                (ParamType::Fspath | ParamType::Fsrelpath, Some(path)) => {
                    known
                        .paths
                        .insert(view.str(index).unwrap().to_vec(), path.to_owned());
                }
                _ => {}
            }
        }
        known
    }
}

#[test]
fn parameters_read_as_in_falco() {
    let (mut lines, mut parameters) = (0, 0);
    for (path, expected) in common::captures() {
        let mut reader = Reader::open(&path).unwrap();
        let mut number = 0;
        while let Some(block) = reader.next_block().unwrap() {
            let Block::Event(event) = block else { continue };
            number += 1;
            let Some(line) = expected.get(&number) else {
                continue;
            };
            let view = EventView::parse(event.record).unwrap();
            let args = line["evt.args"].as_str().unwrap();
            let known = if args.is_empty() {
                FromLine::default()
            } else {
                FromLine::learn(&view, args)
            };
            let mut out = Vec::new();
            render::args(&view, &known, &mut out);
            let place = format!("{} event {number}", path.display());
            assert_eq!(String::from_utf8_lossy(&out), args, "{place}");
            assert_eq!(line["evt.info"], line["evt.args"], "{place}");
            lines += 1;
            for name in ["flags", "path", "name", "fd"] {
                out.clear();
                let index = view.info().param(name).map(|(index, _)| index);
                let there = index.is_some_and(|index| render::text(&view, index, &known, &mut out));
                let expected = line.get(format!("evt.arg.{name}")).and_then(|v| v.as_str());
                assert_eq!(
                    there.then_some(&*String::from_utf8_lossy(&out)),
                    expected,
                    "{place}"
                );
                parameters += usize::from(there);
            }
        }
    }
    eprintln!("{lines} lines, {parameters} single parameters compared");
}
