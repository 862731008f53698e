//! Reading a file that grows.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

/// A file to which another program adds lines.
#[derive(Debug)]
pub(super) struct Follow {
    path: PathBuf,
    offset: u64,
    /// The beginning of a line whose end is not there yet.
    part: Vec<u8>,
}

/// How much of an old file is looked at for its last line.
const TAIL: u64 = 1 << 20;

impl Follow {
    /// Starts with the last lines that are there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        let length = File::open(path)?.metadata()?.len();
        Ok(Self {
            path: path.to_owned(),
            offset: length.saturating_sub(TAIL),
            part: Vec::new(),
        })
    }

    /// The whole lines that were added. A file that has become shorter was begun anew.
    pub(super) fn lines(&mut self) -> io::Result<Vec<String>> {
        let mut file = File::open(&self.path)?;
        if file.metadata()?.len() < self.offset {
            self.offset = 0;
            self.part.clear();
        }
        file.seek(SeekFrom::Start(self.offset))?;
        self.offset += file.read_to_end(&mut self.part)? as u64;
        let Some(end) = self.part.iter().rposition(|byte| *byte == b'\n') else {
            return Ok(Vec::new());
        };
        let rest = self.part.split_off(end + 1);
        let whole = std::mem::replace(&mut self.part, rest);
        Ok(String::from_utf8_lossy(&whole)
            .lines()
            .map(str::to_owned)
            .collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::fs::OpenOptions;
    use std::io::Write;

    #[test]
    fn lines_come_whole_and_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("file");
        assert!(Follow::open(&path).is_err());
        std::fs::write(&path, "old\nhalf").unwrap();
        let mut follow = Follow::open(&path).unwrap();
        assert_eq!(follow.lines().unwrap(), ["old"]);
        assert!(follow.lines().unwrap().is_empty());
        let mut file = OpenOptions::new().append(true).open(&path).unwrap();
        file.write_all(b" a line\nnext\n").unwrap();
        assert_eq!(follow.lines().unwrap(), ["half a line", "next"]);
        std::fs::write(&path, "new\n").unwrap();
        assert_eq!(follow.lines().unwrap(), ["new"]);
    }
}
