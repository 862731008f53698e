//! Event records as the first versions of the format have them: the header ends before the number
//! of parameters.

use event::{EventType, HEADER_LEN, MAX_PARAMS, ViewError};

/// Time, thread id, length, type.
const HEADER: usize = 22;
/// What old writers added to the length of two event types.
const EXCESS: u32 = 3;

/// Rebuilds a record of version 1, whose header ends before the number of parameters. That number
/// is the one for which header, lengths and parameters add up. Tells whether the type is known.
pub(crate) fn rebuild(bytes: &[u8], out: &mut Vec<u8>) -> Result<bool, ViewError> {
    let truncated = |needed| ViewError::Truncated {
        needed,
        available: bytes.len(),
    };
    let header = bytes
        .first_chunk::<HEADER>()
        .ok_or_else(|| truncated(HEADER))?;
    let declared = u32::from_le_bytes([header[16], header[17], header[18], header[19]]);
    let ty = EventType(u16::from_le_bytes([header[20], header[21]]));
    let Some(info) = ty.info() else {
        return Ok(false);
    };
    let width = if info.is_large() { 4 } else { 2 };
    let parts = |declared: u32| {
        let record = bytes.get(HEADER..declared as usize)?;
        count_params(record, width).map(|count| (count, record))
    };
    let excess = matches!(
        ty,
        EventType::NOTIFICATION_E | EventType::INFRASTRUCTURE_EVENT_E
    );
    let found = match parts(declared) {
        None if excess => parts(declared.saturating_sub(EXCESS)),
        found => found,
    };
    let Some((count, rest)) = found else {
        let declared = declared as usize;
        return Err(if bytes.len() < declared {
            truncated(declared)
        } else {
            ViewError::LengthMismatch {
                declared,
                computed: bytes.len(),
            }
        });
    };
    out.clear();
    out.extend_from_slice(&header[..16]);
    out.extend_from_slice(&((HEADER_LEN + rest.len()) as u32).to_le_bytes());
    out.extend_from_slice(&header[20..]);
    out.extend_from_slice(&(count as u32).to_le_bytes());
    out.extend_from_slice(rest);
    Ok(true)
}

/// For how many parameters lengths and parameters fill `record` exactly.
fn count_params(record: &[u8], width: usize) -> Option<usize> {
    let mut used = 0usize;
    for count in 0..=MAX_PARAMS {
        if used == record.len() {
            return Some(count);
        }
        let length = record.get(count * width..(count + 1) * width)?;
        let length = length
            .iter()
            .rev()
            .fold(0usize, |sum, byte| sum << 8 | usize::from(*byte));
        used = used.checked_add(width)?.checked_add(length)?;
    }
    None
}
