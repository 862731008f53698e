//! What became of every test, for people and programs.

mod json;
mod junit;
mod tap;

use std::path::PathBuf;
use std::time::Duration;

use action::Action;

use super::expect::Expected;
use crate::Error;

/// What became of one test.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Verdict {
    /// With the longest time from the act to an alert; none when silence was expected.
    Passed(Option<Duration>),
    Failed(String),
    Skipped(String),
}

/// One test.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) action: &'static Action,
    pub(super) expected: Vec<Expected>,
    pub(super) verdict: Verdict,
    /// With all that making the action ready took.
    pub(super) took: Duration,
}

/// All tests.
#[derive(Clone, Debug)]
pub(super) struct Report {
    /// In the order in which they ended.
    pub(super) entries: Vec<Entry>,
    pub(super) took: Duration,
}

impl Report {
    /// How many passed, failed and were skipped.
    pub(super) fn counts(&self) -> (usize, usize, usize) {
        count(&self.entries)
    }

    /// The same as text.
    pub(super) fn counts_text(entries: &[Entry]) -> String {
        let (passed, failed, skipped) = count(entries);
        format!("{passed} passed, {failed} failed, {skipped} skipped")
    }
}

fn count(entries: &[Entry]) -> (usize, usize, usize) {
    let of = |is: fn(&Verdict) -> bool| entries.iter().filter(|entry| is(&entry.verdict)).count();
    (
        of(|verdict| matches!(verdict, Verdict::Passed(_))),
        of(|verdict| matches!(verdict, Verdict::Failed(_))),
        of(|verdict| matches!(verdict, Verdict::Skipped(_))),
    )
}

/// A report that the user wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Wanted {
    format: Format,
    /// Standard output when there is none.
    path: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Format {
    Junit,
    Json,
    Tap,
}

/// Reads `FORMAT` and `FORMAT=FILE`.
pub(super) fn wanted(texts: &[String]) -> Result<Vec<Wanted>, Error> {
    let mut wanted = Vec::new();
    for text in texts {
        let (format, path) = match text.split_once('=') {
            Some((format, path)) => (format, Some(path).filter(|path| *path != "-")),
            None => (text.as_str(), None),
        };
        let format = match format {
            "junit" => Format::Junit,
            "json" => Format::Json,
            "tap" => Format::Tap,
            _ => {
                return Err(Error::Flags(format!(
                    "--report takes junit, json or tap, with =FILE or without, not '{text}'"
                )));
            }
        };
        wanted.push(Wanted {
            format,
            path: path.map(PathBuf::from),
        });
    }
    if wanted.iter().filter(|wanted| wanted.path.is_none()).count() > 1 {
        return Err(Error::Flags(
            "only one --report can go to standard output".to_owned(),
        ));
    }
    Ok(wanted)
}

impl Wanted {
    pub(super) fn write(&self, report: &Report) -> Result<(), Error> {
        let text = match self.format {
            Format::Junit => junit::render(report),
            Format::Json => json::render(report),
            Format::Tap => tap::render(report),
        };
        match &self.path {
            None => super::super::print(&text).map(drop),
            Some(path) => std::fs::write(path, text)
                .map_err(Error::io(format!("write the report {}", path.display()))),
        }
    }
}

#[cfg(test)]
pub(super) fn sample() -> Report {
    let entry = |name: &str, verdict, millis| {
        let action = action::find(name).unwrap();
        let expected = action.rule.map(|rule| Expected {
            rule: rule.to_owned(),
            fires: true,
        });
        Entry {
            action,
            expected: expected.into_iter().collect(),
            verdict,
            took: Duration::from_millis(millis),
        }
    };
    Report {
        entries: vec![
            entry(
                "syscall.WriteBelowEtc",
                Verdict::Passed(Some(Duration::from_micros(1500))),
                12,
            ),
            entry(
                "syscall.ExecutionFromDevShm",
                Verdict::Failed("no alert \u{1b} <within> \"1s\" & more\nsecond".to_owned()),
                1000,
            ),
            entry(
                "helper.RunShell",
                Verdict::Skipped("a helper".to_owned()),
                1,
            ),
        ],
        took: Duration::from_millis(1013),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reports_are_asked_for_by_format_and_file() {
        let of = |texts: &[&str]| {
            let texts: Vec<String> = texts.iter().map(|text| (*text).to_owned()).collect();
            wanted(&texts)
        };
        let two = of(&["junit=a=b.xml", "tap"]).unwrap();
        assert_eq!(two[0].path, Some("a=b.xml".into()));
        assert_eq!(two[1].path, None);
        assert!(of(&["xml"]).is_err());
        assert!(of(&["json", "tap=-"]).is_err());
        assert_eq!(
            Report::counts_text(&sample().entries),
            "1 passed, 1 failed, 1 skipped"
        );
    }
}
