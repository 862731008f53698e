//! What the probe lists, in the form in which the state takes it. The probe does not know the state,
//! so whoever joins the two translates.

use state::procfs::{OpenFile, OpenFiles};

/// Descriptors.
pub(crate) fn open_files(listed: Vec<probe::OpenFile>) -> OpenFiles {
    listed
        .into_iter()
        .map(|file| {
            let of_state = OpenFile {
                fd: file.fd.into(),
                flags: file.flags,
                dev: file.dev,
                ino: file.ino,
                mode: file.mode.into(),
                link: file.link,
            };
            (file.pid.into(), of_state)
        })
        .collect()
}
