//! Sending and receiving.

use super::socket::{passed, tuple};
use crate::facts::address::Direction;
use crate::record::{Record, total};

pub(super) fn sendto(r: &mut Record<'_>) {
    r.ret();
    r.data(r.arg(1), r.written(r.arg(2)));
    r.fd(0);
    r.word(2);
    let to = passed(r, r.arg(4), r.arg(5));
    tuple(r, r.arg(0), Direction::Outbound, to.as_ref());
}

pub(super) fn recvfrom(r: &mut Record<'_>) {
    r.ret();
    r.data(r.arg(1), r.transferred());
    if r.call.ret >= 0 {
        let len = u64::from(r.number(r.arg(5)));
        let from = passed(r, r.arg(4), len);
        tuple(r, r.arg(0), Direction::Inbound, from.as_ref());
    } else {
        r.empty();
    }
    r.fd(0);
    r.word(2);
}

/// `struct msghdr`.
#[derive(Clone, Copy, Default, Debug)]
struct Message {
    name: u64,
    name_len: u64,
    vector: u64,
    count: u64,
    control: u64,
    control_len: u64,
}

impl Message {
    /// The one at an address; nothing when it cannot be read.
    fn at(r: &Record<'_>, address: u64) -> Self {
        let memory = r.caller.memory;
        let words = if r.call.compat {
            let narrow = memory.words::<3>(address).unwrap_or_default();
            let [a, b, c] = narrow.map(|pair| [pair & 0xffff_ffff, pair >> 32]);
            [a[0], a[1], b[0], b[1], c[0], c[1]]
        } else {
            memory.words::<6>(address).unwrap_or_default()
        };
        let [name, name_len, vector, count, control, control_len] = words;
        Self {
            name,
            name_len: name_len & 0xffff_ffff,
            vector,
            count,
            control,
            control_len,
        }
    }
}

/// What a message may carry beside data (descriptors, for one), at most so many bytes of it.
const CONTROL_MAX: u64 = 4096;

fn control(r: &mut Record<'_>, message: &Message) {
    let mut bytes = vec![0; message.control_len.min(CONTROL_MAX) as usize];
    if !r.caller.memory.read(message.control, &mut bytes) {
        bytes.clear();
    }
    r.bytes(&bytes);
}

pub(super) fn sendmsg(r: &mut Record<'_>) {
    let message = Message::at(r, r.arg(1));
    let parts = r.vector(message.vector, message.count);
    let size = u64::from(total(&parts) as u32);
    r.ret();
    r.gathered(&parts, r.written(size));
    r.fd(0);
    r.u32(size);
    let to = passed(r, message.name, message.name_len);
    tuple(r, r.arg(0), Direction::Outbound, to.as_ref());
}

pub(super) fn recvmsg(r: &mut Record<'_>) {
    r.ret();
    if r.call.ret < 0 {
        r.u32(0);
        r.empty();
        r.empty();
        r.empty();
    } else {
        let message = Message::at(r, r.arg(1));
        let parts = r.vector(message.vector, message.count);
        r.u32(total(&parts));
        r.gathered(&parts, r.transferred());
        let from = passed(r, message.name, message.name_len);
        tuple(r, r.arg(0), Direction::Inbound, from.as_ref());
        control(r, &message);
    }
    r.fd(0);
}

/// sendmmsg and recvmmsg carry many messages, each of which is an event of its own: the result of
/// one is the number of bytes of its message. More than this are not looked at, as with the probe.
pub(crate) const MAX_MESSAGES: i64 = 16;

/// One of the messages; 0 stands for the whole call when it failed.
pub(crate) fn one_of_many(r: &mut Record<'_>, index: u64, sending: bool) {
    const HEADER: (u64, u64) = (56, 28);
    const STRIDE: (u64, u64) = (64, 32);
    let pick = |sizes: (u64, u64)| if r.call.compat { sizes.1 } else { sizes.0 };
    let address = r.arg(1) + index * pick(STRIDE);
    let message = Message::at(r, address);
    let mut result = r.call.ret;
    if result >= 0 {
        result = i64::from(r.number(address + pick(HEADER)));
    }
    let parts = r.vector(message.vector, message.count);
    let size = u64::from(total(&parts) as u32);
    let shown = sending || result >= 0;
    r.u64(result as u64);
    r.fd(0);
    r.u32(if shown { size } else { 0 });
    let available = match result {
        0.. => result as u64,
        _ if sending => size,
        _ => 0,
    };
    r.gathered(&parts, available);
    if shown {
        let direction = if sending {
            Direction::Outbound
        } else {
            Direction::Inbound
        };
        let other = passed(r, message.name, message.name_len);
        tuple(r, r.arg(0), direction, other.as_ref());
    } else {
        r.empty();
    }
    if !sending {
        if result >= 0 {
            control(r, &message);
        } else {
            r.empty();
        }
    }
}
