//! `fdlist.*`: the descriptors that `poll` and `ppoll` wait for.

use std::io::Write as _;

use event::{FdList, ParamType};

use super::socket;
use crate::table::FdlistKey as K;
use crate::time::digits;
use crate::view::{Extracted, View};

/// Stands for what an entry does not have.
const UNKNOWN: &[u8] = b"<NA>";

pub(crate) fn extract<'a>(view: &View<'a>, key: K, out: &mut Vec<u8>) -> Extracted<'a> {
    let (Some(thread), Some(list)) = (view.thread(), parameter(view)) else {
        return Extracted::Absent;
    };
    for (index, (fd, _)) in list.enumerate() {
        if index > 0 {
            out.push(b',');
        }
        let descriptor = view.state.descriptor(thread, fd);
        let kind = descriptor.map(|descriptor| descriptor.kind);
        match key {
            // Writing to memory cannot fail.
            K::Nums => drop(write!(out, "{fd}")),
            K::Names => match descriptor {
                Some(descriptor) => socket::write_name(descriptor, out),
                None => out.extend_from_slice(UNKNOWN),
            },
            K::Cips => ip(kind.and_then(socket::client), out),
            K::Sips => ip(kind.and_then(socket::server), out),
            K::Cports => port(kind.and_then(socket::client), out),
            K::Sports => port(kind.and_then(socket::server), out),
        }
    }
    Extracted::Written
}

fn parameter<'a>(view: &View<'a>) -> Option<FdList<'a>> {
    let index = view
        .event
        .info()
        .params
        .iter()
        .position(|param| param.ty == ParamType::Fdlist)?;
    FdList::parse(view.event.param(index)?)
}

fn ip(end: Option<socket::End>, out: &mut Vec<u8>) {
    match end {
        Some((ip, _)) => drop(write!(out, "{ip}")),
        None => out.extend_from_slice(UNKNOWN),
    }
}

fn port(end: Option<socket::End>, out: &mut Vec<u8>) {
    match end {
        Some((_, port)) => digits(out, u64::from(port), 1),
        None => out.extend_from_slice(UNKNOWN),
    }
}
