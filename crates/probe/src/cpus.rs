//! Which CPUs there are.

use crate::error::Error;

const ONLINE: &str = "/sys/devices/system/cpu/online";
const POSSIBLE: &str = "/sys/devices/system/cpu/possible";

/// The CPUs that run now.
pub(crate) fn online() -> Result<Vec<u16>, Error> {
    read(ONLINE)
}

/// The CPUs that could ever run until the next boot.
pub(crate) fn possible() -> Result<Vec<u16>, Error> {
    read(POSSIBLE)
}

fn read(path: &'static str) -> Result<Vec<u16>, Error> {
    let text = std::fs::read_to_string(path).map_err(|source| Error::Cpus { path, source })?;
    parse(text.trim()).ok_or_else(|| Error::Cpus {
        path,
        source: std::io::Error::new(
            std::io::ErrorKind::InvalidData,
            format!("`{}` is not a list of CPUs", text.trim()),
        ),
    })
}

/// Reads `0-3,8,10-11`.
fn parse(list: &str) -> Option<Vec<u16>> {
    let mut cpus = Vec::new();
    for part in list.split(',') {
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        cpus.extend(first.parse::<u16>().ok()?..=last.parse().ok()?);
    }
    (!cpus.is_empty()).then_some(cpus)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_and_ranges() {
        assert_eq!(parse("0"), Some(vec![0]));
        assert_eq!(parse("0-2,5,7-8"), Some(vec![0, 1, 2, 5, 7, 8]));
        assert_eq!(parse(""), None);
        assert_eq!(parse("a-b"), None);
        assert_eq!(parse("3-1"), None);
    }
}
