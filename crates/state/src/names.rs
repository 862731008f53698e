//! Texts that come again and again, kept so that they need not be made again.

use std::hash::{BuildHasher, BuildHasherDefault};
use std::sync::Arc;

use rustc_hash::FxHasher;

/// So many texts are kept: what the busy programs of a machine open over and over.
const KEPT: usize = 1024;

/// The texts that were asked for last, one for each value of their hash.
#[derive(Debug)]
pub(crate) struct Names {
    kept: Box<[Option<Arc<[u8]>>]>,
}

impl Default for Names {
    fn default() -> Self {
        Self {
            kept: vec![None; KEPT].into(),
        }
    }
}

impl Names {
    /// A shared copy of a text; the one of before where there is one.
    pub(crate) fn share(&mut self, text: &[u8]) -> Arc<[u8]> {
        let hash = BuildHasherDefault::<FxHasher>::default().hash_one(text);
        let slot = (hash >> 32) as usize % KEPT;
        match &mut self.kept[slot] {
            Some(kept) if **kept == *text => Arc::clone(kept),
            kept => Arc::clone(kept.insert(Arc::from(text))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_is_shared_as_long_as_it_is_kept() {
        let mut names = Names::default();
        let first = names.share(b"/etc/passwd");
        assert!(Arc::ptr_eq(&first, &names.share(b"/etc/passwd")));
        for number in 0..10 * KEPT {
            let text = number.to_string();
            assert_eq!(*names.share(text.as_bytes()), *text.as_bytes());
        }
        assert_eq!(*first, *b"/etc/passwd");
    }
}
