//! Where descriptions come from.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use suite::Source;

use crate::Error;
use crate::cli::SuiteRunFlags;

/// Reads the descriptions that the flags name: files, then the files of folders, sorted; or the one
/// given as it is; or standard input.
pub(super) fn descriptions(flags: &SuiteRunFlags) -> Result<Vec<Source>, Error> {
    if let Some(text) = &flags.description {
        return Ok(vec![Source {
            name: "--description".to_owned(),
            text: text.clone(),
        }]);
    }
    if flags.description_file.is_empty() && flags.description_dir.is_empty() {
        let mut text = String::new();
        std::io::stdin()
            .read_to_string(&mut text)
            .map_err(Error::io("read standard input"))?;
        return Ok(vec![Source {
            name: "<stdin>".to_owned(),
            text,
        }]);
    }
    let mut paths = flags.description_file.clone();
    for dir in &flags.description_dir {
        paths.extend(files_of(dir)?);
    }
    paths
        .into_iter()
        .map(|path| {
            let text =
                fs::read_to_string(&path).map_err(Error::io(format!("read {}", path.display())))?;
            Ok(Source {
                name: path.display().to_string(),
                text,
            })
        })
        .collect()
}

fn files_of(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let step = || format!("read {}", dir.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(dir).map_err(Error::io(step()))? {
        let path = entry.map_err(Error::io(step()))?.path();
        if path
            .extension()
            .is_some_and(|extension| extension == "yaml")
            && path.is_file()
        {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        let none = std::io::Error::new(std::io::ErrorKind::NotFound, "no *.yaml file is in it");
        return Err(Error::io(step())(none));
    }
    paths.sort_unstable();
    Ok(paths)
}
