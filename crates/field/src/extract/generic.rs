//! `evt.*` of every source.

use event::{EventType, Origin};

use crate::table::GenericKey as K;
use crate::time::{TimeForm, write_time};
use crate::view::{Extracted, View};

pub(crate) const SECOND: u64 = 1_000_000_000;

pub(crate) fn extract<'a>(view: &View<'a>, key: K, out: &mut Vec<u8>) -> Extracted<'a> {
    let (now, event) = (&view.now, view.event);
    let ts = event.ts();
    let since_start = ts.saturating_sub(now.first_ts);
    let mut time = |form| {
        write_time(out, ts, form, &now.surroundings.zone);
        Extracted::Written
    };
    match key {
        K::Num => Extracted::u64(now.number),
        K::Time => time(TimeForm::Time),
        K::TimeS => time(TimeForm::TimeSeconds),
        K::TimeIso8601 => time(TimeForm::Iso8601),
        K::Datetime => time(TimeForm::DateTime),
        K::DatetimeS => time(TimeForm::DateTimeSeconds),
        K::Rawtime => Extracted::u64(ts),
        K::RawtimeS => Extracted::u64(ts / SECOND),
        K::RawtimeNs => Extracted::u64(ts % SECOND),
        K::Reltime => Extracted::u64(since_start),
        K::ReltimeS => Extracted::u64(since_start / SECOND),
        K::ReltimeNs => Extracted::u64(since_start % SECOND),
        K::Pluginname => Extracted::of(now.surroundings.plugin.as_deref(), Extracted::text),
        K::Plugininfo => Extracted::written(describe_plugin_event(view, out)),
        K::Source => Extracted::text(&now.surroundings.source),
        K::IsAsync => Extracted::bool(event.info().origin == Some(Origin::Metaevent)),
        K::Asynctype if event.event_type() == EventType::ASYNCEVENT_E => {
            Extracted::of(event.str(1), Extracted::bytes)
        }
        K::Asynctype => Extracted::Absent,
        K::Hostname => Extracted::text(&now.surroundings.hostname),
    }
}

/// What stands for an event of a plugin that does not describe its events itself: how much data
/// it has, and the beginning if that is text.
fn describe_plugin_event(view: &View<'_>, out: &mut Vec<u8>) -> bool {
    if view.event.event_type() != EventType::PLUGINEVENT_E {
        return false;
    }
    let Some(data) = view.event.param(1) else {
        return false;
    };
    out.extend_from_slice(b"datalen=");
    crate::time::digits(out, data.len() as u64, 1);
    out.extend_from_slice(b" data=");
    let start = &data[..data.len().min(50)];
    let text = start.strip_suffix(&[0]).unwrap_or(start);
    if text.iter().all(|byte| (b' '..0x7f).contains(byte)) {
        out.extend_from_slice(text);
    } else {
        out.extend_from_slice(b"<binary>");
    }
    true
}
