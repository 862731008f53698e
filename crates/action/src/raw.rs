//! The one system call that has no safe form.

use rustix::fd::OwnedFd;
use rustix::mm::UserfaultfdFlags;

/// `UFFD_USER_MODE_ONLY`: handle only faults of user code, which is what unprivileged callers are
/// allowed since Linux 5.11.
const USER_MODE_ONLY: UserfaultfdFlags = UserfaultfdFlags::from_bits_retain(1);

/// Opens a userfaultfd and hands it back to be closed.
#[expect(
    unsafe_code,
    reason = "rustix marks the call unsafe, for what can be done with the result"
)]
pub(crate) fn userfaultfd() -> rustix::io::Result<OwnedFd> {
    // SAFETY: the call only makes a descriptor. What is unsafe about it, serving page faults of
    // registered memory, does not happen: no memory is registered and the descriptor is closed.
    unsafe { rustix::mm::userfaultfd(USER_MODE_ONLY | UserfaultfdFlags::CLOEXEC) }
}
