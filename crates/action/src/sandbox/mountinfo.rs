//! What is mounted where.

use std::ffi::OsString;
use std::io;
use std::os::unix::ffi::OsStringExt;
use std::path::PathBuf;

/// A mount, as this process sees it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Mount {
    /// The directory of its file system that is mounted.
    pub(super) root: PathBuf,
    /// Where.
    pub(super) at: PathBuf,
    /// The type of the file system.
    pub(super) kind: String,
    /// The options of the file system itself, such as the controllers of a control group hierarchy.
    pub(super) options: String,
}

/// The mounts of this process, in the order in which they were made.
pub(super) fn read() -> io::Result<Vec<Mount>> {
    Ok(parse(&std::fs::read("/proc/self/mountinfo")?))
}

/// `ID PARENT MAJOR:MINOR ROOT AT OPTIONS [TAG…] - KIND SOURCE OPTIONS`, one a line.
fn parse(text: &[u8]) -> Vec<Mount> {
    text.split(|byte| *byte == b'\n')
        .filter_map(|line| {
            let mut words = line.split(|byte| *byte == b' ');
            let root = words.nth(3)?;
            let at = words.next()?;
            let mut after = words.skip_while(|word| *word != b"-").skip(1);
            let word = |word: &[u8]| String::from_utf8_lossy(word).into_owned();
            let kind = word(after.next()?);
            let options = word(after.nth(1)?);
            Some(Mount {
                root: unescape(root),
                at: unescape(at),
                kind,
                options,
            })
        })
        .collect()
}

/// Blanks, newlines and backslashes of paths are written as `\` and three octal digits.
fn unescape(text: &[u8]) -> PathBuf {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&first, tail)) = rest.split_first() {
        let code = (first == b'\\')
            .then(|| tail.get(..3))
            .flatten()
            .and_then(|digits| std::str::from_utf8(digits).ok())
            .and_then(|digits| u8::from_str_radix(digits, 8).ok());
        match code {
            Some(byte) => {
                bytes.push(byte);
                rest = &tail[3..];
            }
            None => {
                bytes.push(first);
                rest = tail;
            }
        }
    }
    PathBuf::from(OsString::from_vec(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read_with_and_without_tags() {
        let text = b"22 1 254:0 / / rw,relatime - ext4 /dev/vda rw,discard\n\
            30 22 0:26 /docker/x /sys/fs/cgroup/cpu rw,nosuid shared:9 master:1 - cgroup cgroup rw,cpu\n\
            31 22 0:27 / /mnt/a\\040b rw - tmpfs none rw\nnonsense\n";
        let mounts = parse(text);
        assert_eq!(mounts.len(), 3);
        assert_eq!(mounts[0].kind, "ext4");
        assert_eq!(mounts[1].root, PathBuf::from("/docker/x"));
        assert_eq!(mounts[1].options, "rw,cpu");
        assert_eq!(mounts[2].at, PathBuf::from("/mnt/a b"));
    }

    #[test]
    fn this_machine_has_a_root() {
        let mounts = read().unwrap();
        assert!(mounts.iter().any(|mount| mount.at.as_os_str() == "/"));
    }
}
