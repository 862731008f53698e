//! The values of fields in one event.

use std::cell::Cell;
use std::ops::ControlFlow;

use condition::{Context, FieldDesc, FieldId, Shape, Value};

use crate::catalog::{Fields, Spec, SpecKind};
use crate::extract::{container, event, fd, fdlist, fs_path, generic, process, user};
use crate::table::{FdKey, FieldInfo, Key, ProcessKey};
use crate::view::{Extracted, Occurrence, View};

/// Memory that contexts use again, event after event. Text that has to be put together is put here,
/// once per event and field.
#[derive(Default)]
pub struct Scratch {
    epoch: u64,
    slots: Vec<Slot>,
    list: Vec<u8>,
    paths: Cell<Vec<u8>>,
    looks: Cell<u64>,
}

/// What was found out about a field in the event with this epoch.
#[derive(Clone, Default)]
struct Slot {
    epoch: u64,
    present: bool,
    text: Vec<u8>,
}

impl Scratch {
    /// Empty scratch memory.
    pub fn new() -> Self {
        Self::default()
    }
}

/// One event as conditions and outputs see it.
///
/// Making one is cheap: nothing is looked up before a field asks for it.
pub struct EventContext<'a> {
    fields: &'a Fields,
    view: View<'a>,
    epoch: u64,
    slots: &'a mut [Slot],
    list: &'a mut Vec<u8>,
}

impl<'a> EventContext<'a> {
    /// The fields of an event. `scratch` forgets the event before.
    pub fn new(fields: &'a Fields, now: Occurrence<'a>, scratch: &'a mut Scratch) -> Self {
        let Scratch {
            epoch,
            slots,
            list,
            paths,
            looks,
        } = scratch;
        *epoch += 1;
        if slots.len() < fields.len() {
            slots.resize(fields.len(), Slot::default());
        }
        Self {
            fields,
            view: View::new(now, paths, looks),
            epoch: *epoch,
            slots,
            list,
        }
    }

    /// The catalogue that ids are looked up in.
    pub fn fields(&self) -> &'a Fields {
        self.fields
    }

    /// The event and what surrounds it.
    pub fn occurrence(&self) -> &Occurrence<'a> {
        &self.view.now
    }

    pub(crate) fn spec(&self, field: FieldId) -> Option<&'a Spec> {
        self.fields.spec(field)
    }

    pub(crate) fn view_and_scratch(&mut self) -> (&View<'a>, &mut Vec<u8>) {
        (&self.view, self.list)
    }
}

impl Context for EventContext<'_> {
    fn subject(&self) -> Option<(u64, u64)> {
        let now = &self.view.now;
        let known = now.subject.known && now.subject.tid > 0;
        known.then(|| (now.subject.tid.unsigned_abs(), now.state.version()))
    }

    fn value(&mut self, field: FieldId) -> Option<Value<'_>> {
        let spec = self.fields.spec(field)?;
        let (info, argument) = match &spec.kind {
            SpecKind::Builtin { info, argument } => (info, argument),
            SpecKind::Static(text) => return Some(Value::Bytes(text.as_bytes())),
        };
        let slot = self.slots.get_mut(field.0 as usize)?;
        if slot.epoch != self.epoch {
            slot.text.clear();
            let (view, out) = (&self.view, &mut slot.text);
            let extracted = match info.key {
                Key::Generic(key) => generic::extract(view, key, out),
                Key::Event(key) => event::extract(view, key, argument, spec.desc.ty, out),
                Key::Process(key) => process::extract(view, key, argument, out),
                Key::User(key) => user::extract(view, key),
                Key::Group(key) => user::extract_group(view, key),
                Key::Fd(key) => fd::extract(view, key, out),
                Key::FsPath(key) => fs_path::extract(view, key, out),
                Key::Fdlist(key) => fdlist::extract(view, key, out),
                Key::Container(key) => container::extract(view, key, argument, out),
                Key::Util(_) => {
                    view.looks.set(view.looks.get() + 1);
                    return Some(Value::U64(view.looks.get()));
                }
            };
            slot.present = match extracted {
                Extracted::Value(value) => return Some(value),
                Extracted::Written => true,
                Extracted::Absent => false,
            };
            slot.epoch = self.epoch;
        }
        slot.present.then_some(Value::Bytes(&slot.text))
    }

    fn each(
        &mut self,
        field: FieldId,
        visit: &mut dyn FnMut(Value<'_>) -> ControlFlow<()>,
    ) -> bool {
        let Some(spec) = self.fields.spec(field) else {
            return false;
        };
        match several(spec) {
            Some(Several::Fd(key)) => {
                let SpecKind::Builtin { argument, .. } = &spec.kind else {
                    return false;
                };
                fd::each(&self.view, key, argument, visit)
            }
            Some(Several::Process(key)) => process::each(&self.view, key, self.list, visit),
            None => match self.value(field) {
                Some(value) => {
                    let _ = visit(value);
                    true
                }
                None => false,
            },
        }
    }
}

/// The fields with several values.
enum Several {
    Fd(FdKey),
    Process(ProcessKey),
}

fn several(spec: &Spec) -> Option<Several> {
    let Spec {
        desc: FieldDesc {
            shape: Shape::Any | Shape::List,
            ..
        },
        kind: SpecKind::Builtin {
            info: FieldInfo { key, .. },
            ..
        },
        ..
    } = spec
    else {
        return None;
    };
    match key {
        Key::Fd(key) => Some(Several::Fd(*key)),
        Key::Process(key) => Some(Several::Process(*key)),
        _ => None,
    }
}
