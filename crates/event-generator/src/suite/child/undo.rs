//! Taking back what the steps of a test have done.

use std::ffi::CString;
use std::os::fd::{BorrowedFd, RawFd};

use rustix::fs::{AtFlags, CWD};

/// Something to take back.
pub(super) enum Undone {
    /// A descriptor to close.
    Close(RawFd),
    /// A file or an empty directory to remove.
    Remove { dir: RawFd, path: CString },
    /// A file to rename.
    Rename {
        from: (RawFd, CString),
        to: (RawFd, CString),
    },
    /// A mount point.
    Unmount(CString),
}

impl Undone {
    /// Takes it back. What is not there any more needs nothing, and what fails is the concern of the
    /// private files, or of the runner, which knows what was made.
    pub(super) fn undo(self) {
        match self {
            Self::Close(fd) => {
                #[expect(unsafe_code, reason = "the kernel gave it by number")]
                // SAFETY: the test opened it, and no value in this process owns it. If the test has
                // closed it already, this fails without harm.
                unsafe {
                    libc::close(fd);
                }
            }
            Self::Remove { dir, path } => {
                let dir = borrowed(dir);
                if rustix::fs::unlinkat(dir, &*path, AtFlags::empty()).is_err() {
                    let _ = rustix::fs::unlinkat(dir, &*path, AtFlags::REMOVEDIR);
                }
            }
            Self::Rename { from, to } => {
                let _ = rustix::fs::renameat(borrowed(from.0), &*from.1, borrowed(to.0), &*to.1);
            }
            Self::Unmount(path) => {
                let _ = rustix::mount::unmount(&*path, rustix::mount::UnmountFlags::DETACH);
            }
        }
    }
}

/// Whether something is at a path.
pub(super) fn exists(dir: RawFd, path: &CString) -> bool {
    rustix::fs::statat(borrowed(dir), &**path, AtFlags::SYMLINK_NOFOLLOW).is_ok()
}

fn borrowed(dir: RawFd) -> BorrowedFd<'static> {
    if dir < 0 {
        return CWD;
    }
    #[expect(unsafe_code, reason = "the test knows it by number")]
    // SAFETY: it is not negative; if it is not open, the call that it is for fails.
    unsafe {
        BorrowedFd::borrow_raw(dir)
    }
}
