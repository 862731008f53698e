//! Old events as current ones.
//!
//! Early writers put half of a call's parameters into an event at its start and the rest into one
//! at its end; today the end has them all. So start events are kept per thread until the end comes,
//! and then merged into it. Other old types only lack parameters, or have them in another order.
//! What to do is in `table/conversions.txt`; here is only how.

mod store;
mod table;

use event::{
    EncodeError, Encoder, EventFlags, EventInfo, EventType, EventView, ParamType, ViewError,
};

use store::Store;
use table::{Action, Missing, Source, Step, step};

/// More steps than any chain of the table has.
const MAX_STEPS: usize = 50;

/// Why an event cannot be converted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ConvertError {
    /// It is not a record.
    #[error(transparent)]
    View(#[from] ViewError),
    /// No writer is known to have written it with so many parameters.
    #[error("no conversion is known for {ident} with {params} parameters")]
    NoConversion {
        /// The type.
        ident: &'static str,
        /// Its number of parameters.
        params: usize,
    },
    /// The new record does not fit the format.
    #[error("{ident} does not fit its current form: {source}")]
    TooLarge {
        /// The new type.
        ident: &'static str,
        /// What does not fit.
        source: EncodeError,
    },
    /// The table leads in circles.
    #[error("conversion of {ident} does not end")]
    Endless {
        /// The type.
        ident: &'static str,
    },
}

/// What became of an event.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Converted {
    /// It is current already.
    Unchanged,
    /// [`Converter::record`] has the current form.
    Changed,
    /// There is nothing to hand out: the event is no longer needed, or kept for a later one.
    Dropped,
}

/// Converts the events of one capture, in their order.
#[derive(Default, Debug)]
pub struct Converter {
    stored: Store,
    encoder: Encoder,
    record: Vec<u8>,
    scratch: Vec<u8>,
}

impl Converter {
    /// A converter that has not seen any event.
    pub fn new() -> Self {
        Self::default()
    }

    /// Forgets the events that wait for their other half.
    pub fn clear(&mut self) {
        self.stored.clear();
    }

    /// How many events were forgotten before their other half came, to bound memory.
    pub fn forgotten(&self) -> u64 {
        self.stored.forgotten()
    }

    /// The current form of the last event that was [`Converted::Changed`].
    pub fn record(&self) -> &[u8] {
        &self.record
    }

    /// Brings an event to the current schema.
    ///
    /// # Errors
    ///
    /// When it is no record, or one that nobody is known to have written.
    pub fn convert(&mut self, record: &[u8]) -> Result<Converted, ConvertError> {
        let view = EventView::parse(record)?;
        let info = view.info();
        if info.is_unused() {
            return Ok(Converted::Dropped);
        }
        if !info.flags.contains(EventFlags::CONVERTER_MANAGED) {
            return match (info.is_old_version(), info.is_exit()) {
                (false, _) => Ok(Converted::Unchanged),
                (true, false) => Ok(Converted::Dropped),
                (true, true) => Err(no_conversion(&view)),
            };
        }
        if is_current_exit(&view) {
            return Ok(Converted::Unchanged);
        }
        let result = self.walk(&view);
        if info.is_exit() {
            self.stored.remove(view.tid());
        }
        result
    }

    /// Follows the table until the event is current.
    fn walk(&mut self, original: &EventView<'_>) -> Result<Converted, ConvertError> {
        let mut changed = false;
        for _ in 0..MAX_STEPS {
            let reparsed;
            let view = if changed {
                reparsed = EventView::parse(&self.record)?;
                &reparsed
            } else {
                original
            };
            let done = if changed {
                Converted::Changed
            } else {
                Converted::Unchanged
            };
            if changed && is_current_exit(view) {
                return Ok(done);
            }
            let Some(step) = step(view.event_type(), view.param_count()) else {
                // A current type with a number of parameters that the table does not list comes
                // from a writer that is newer than the table, or is as good as it gets.
                return match (view.info().is_old_version(), view.info().is_exit()) {
                    (false, _) => Ok(done),
                    (true, false) => Ok(Converted::Dropped),
                    (true, true) => Err(no_conversion(view)),
                };
            };
            match step.action {
                Action::Pass => return Ok(done),
                Action::Store => {
                    self.stored.insert(view.tid(), view.record());
                    return Ok(Converted::Dropped);
                }
                Action::StoreAndPass => {
                    self.stored.insert(view.tid(), view.record());
                    return Ok(done);
                }
                Action::Append | Action::Become(_) => {
                    build(
                        step,
                        view,
                        &self.stored,
                        &mut self.encoder,
                        &mut self.scratch,
                    )?;
                    let ident = target(step).ident;
                    let record = self
                        .encoder
                        .finish()
                        .map_err(|source| ConvertError::TooLarge { ident, source })?;
                    self.record.clear();
                    self.record.extend_from_slice(record);
                    changed = true;
                }
            }
        }
        Err(ConvertError::Endless {
            ident: original.info().ident,
        })
    }
}

/// Whether this is an exit event as it is written today. One with more parameters than the table
/// knows comes from a newer writer, which is as good.
fn is_current_exit(view: &EventView<'_>) -> bool {
    let info = view.info();
    info.is_exit() && !info.is_old_version() && view.param_count() >= info.params.len()
}

fn no_conversion(view: &EventView<'_>) -> ConvertError {
    ConvertError::NoConversion {
        ident: view.info().ident,
        params: view.param_count(),
    }
}

/// The type that a step leads to.
fn target(step: &Step) -> &'static EventInfo {
    let ty = match step.action {
        Action::Become(ty) => ty,
        _ => step.event,
    };
    ty.info()
        .expect("the table of conversions is made from idents of the event table")
}

/// Puts the record that a step leads to into the encoder.
fn build(
    step: &Step,
    view: &EventView<'_>,
    stored: &Store,
    encoder: &mut Encoder,
    scratch: &mut Vec<u8>,
) -> Result<(), ConvertError> {
    let info = target(step);
    encoder.begin(info.event_type, view.ts(), view.tid());
    let mut index = 0;
    if step.action == Action::Append {
        for param in view.params() {
            encoder.bytes(param);
            index += 1;
        }
    }
    // The stored event must be the other half of this one: between the two, events may be missing.
    let enter_type = EventType(view.event_type().0 & !1);
    let enter = match stored.get(view.tid()) {
        Some(record) => Some(EventView::parse(record)?).filter(|e| e.event_type() == enter_type),
        None => None,
    };
    for source in step.sources {
        let ty = info.params.get(index).map(|param| param.ty);
        match *source {
            Source::Old(n) => encoder.bytes(fit(view, n, ty).unwrap_or_default()),
            Source::Enter(n, missing) => {
                match (enter.as_ref().and_then(|enter| fit(enter, n, ty)), missing) {
                    (Some(param), _) => encoder.bytes(param),
                    (None, Missing::Empty) => encoder.empty(),
                    (None, Missing::Default) => encoder.bytes(default_of(ty)),
                }
            }
            Source::Empty => encoder.empty(),
            Source::Default => encoder.bytes(default_of(ty)),
            Source::ContainerJson => {
                container_json(view, scratch);
                encoder.str(&scratch)
            }
        };
        index += 1;
    }
    Ok(())
}

/// A parameter in the size of the type that it is to have: two types of old events were wider than
/// what replaced them, a variant (whose number comes first) and a 64-bit number.
fn fit<'a>(view: &EventView<'a>, index: u8, to: Option<ParamType>) -> Option<&'a [u8]> {
    let index = usize::from(index);
    let bytes = view.param(index)?;
    let from = view.info().params.get(index).map(|param| param.ty);
    let Some(size) = to.and_then(ParamType::wire_size) else {
        return Some(bytes);
    };
    Some(match bytes.split_first() {
        Some((_, value)) if from == Some(ParamType::Dyn) && value.len() == size => value,
        // Numbers are little-endian: what is cut off is the high half.
        _ => bytes.get(..size).unwrap_or(bytes),
    })
}

/// The bytes that stand for a value that nobody recorded.
fn default_of(ty: Option<ParamType>) -> &'static [u8] {
    match ty {
        Some(ParamType::Uid | ParamType::Gid) => &[0xFF; 4],
        ty => &[0; 16][..ty.and_then(ParamType::wire_size).unwrap_or(0).min(16)],
    }
}

/// The parameters of the first form of the container event as the text of the later ones.
fn container_json(view: &EventView<'_>, out: &mut Vec<u8>) {
    let text = |index| String::from_utf8_lossy(view.str(index).unwrap_or_default());
    out.clear();
    out.extend_from_slice(b"{\"container\":{\"id\":");
    push_json(&text(0), out);
    out.extend_from_slice(format!(",\"type\":{}", view.u32(1).unwrap_or_default()).as_bytes());
    out.extend_from_slice(b",\"name\":");
    push_json(&text(2), out);
    out.extend_from_slice(b",\"image\":");
    push_json(&text(3), out);
    out.extend_from_slice(b"}}");
}

fn push_json(text: &str, out: &mut Vec<u8>) {
    out.push(b'"');
    for c in text.chars() {
        match c {
            '"' | '\\' => out.extend_from_slice(&[b'\\', c as u8]),
            c if c.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes());
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}
