//! Joining and normalising paths as text, without a look at the file system.

/// Longer results than this are replaced by [`PATH_TOO_LONG`], bytes.
pub const PATH_MAX: usize = 1024;

/// Stands for a path that is too long.
pub const PATH_TOO_LONG: &[u8] = b"/DIR_TOO_LONG/FILENAME_TOO_LONG";

/// Writes `path`, taken as relative to `base` unless it starts with `/`, into `out` (cleared
/// first).
///
/// `base` is taken over as it is and should end with `/`; in `path`, empty components and `.` are
/// dropped and `..` takes back the component before it, also one of `base`. A trailing `/` is
/// dropped except from the root.
pub fn concatenate(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    out.clear();
    if let Some(rest) = path.strip_prefix(b"/") {
        out.push(b'/');
        join(rest, out);
    } else {
        out.extend_from_slice(base);
        join(path, out);
    }
}

/// Appends the components of `path` to the base that is in `out`.
fn join(path: &[u8], out: &mut Vec<u8>) {
    if out.len() + path.len() >= PATH_MAX {
        out.clear();
        out.extend_from_slice(PATH_TOO_LONG);
        return;
    }
    for component in path.split(|&byte| byte == b'/') {
        match component {
            b"" | b"." => {}
            b".." => take_back(out),
            _ => {
                out.extend_from_slice(component);
                out.push(b'/');
            }
        }
    }
    if out.len() > 1 && out.last() == Some(&b'/') {
        out.pop();
    }
}

/// [`concatenate`] with a slash after `base`, for the name of a directory.
pub(crate) fn concatenate_below(base: &[u8], path: &[u8], out: &mut Vec<u8>) {
    if base.last() == Some(&b'/') || path.first() == Some(&b'/') {
        return concatenate(base, path, out);
    }
    out.clear();
    out.extend_from_slice(base);
    out.push(b'/');
    join(path, out);
}

/// Removes the last component, and leaves the slash before it.
fn take_back(out: &mut Vec<u8>) {
    let end = out.strip_suffix(b"/").map_or(out.len(), <[u8]>::len);
    let keep = out[..end]
        .iter()
        .rposition(|&byte| byte == b'/')
        .map_or(0, |slash| slash + 1);
    if keep > 0 || out.as_slice() != b"/" {
        out.truncate(keep);
    }
}
