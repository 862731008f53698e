//! Rules files and what is said of them: `tests/cases/NAME.yaml` and `NAME.txt`. A line
//! `# file NAME` starts another file, as the configuration would list it. Set
//! `UPDATE_EXPECTED=1` to write the results down anew, and read the difference.

#![expect(clippy::unwrap_used, reason = "tests may panic")]

use std::fs;
use std::path::Path;

use rules::{EventSource, Settings, Source, load, report};

#[test]
fn cases_say_what_is_written_down() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let update = std::env::var_os("UPDATE_EXPECTED").is_some();
    let mut cases: Vec<_> = fs::read_dir(&folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| {
            path.extension()
                .is_some_and(|extension| extension == "yaml")
        })
        .collect();
    cases.sort();
    assert!(cases.len() >= 10, "{} cases", cases.len());
    let mut wrong = Vec::new();
    for path in cases {
        let found = diagnose(&fs::read_to_string(&path).unwrap());
        let expected_path = path.with_extension("txt");
        if update {
            fs::write(&expected_path, &found).unwrap();
        } else if fs::read_to_string(&expected_path).unwrap_or_default() != found {
            wrong.push(format!("{}:\n{found}", path.display()));
        }
    }
    assert!(wrong.is_empty(), "not as expected:\n{}", wrong.join("\n"));
}

/// The human form, which has everything, after a line that says whether the files load.
fn diagnose(text: &str) -> String {
    let mut files = vec![Source {
        name: "rules.yaml".to_owned(),
        text: String::new(),
    }];
    for line in text.split_inclusive('\n') {
        match line.strip_prefix("# file ") {
            Some(name) => {
                files.push(Source {
                    name: name.trim().to_owned(),
                    text: String::new(),
                });
            }
            None => files.last_mut().unwrap().text.push_str(line),
        }
    }
    let loaded = load(files, vec![EventSource::syscall()], &Settings::default());
    let summary = match &loaded.ruleset {
        Some(ruleset) => format!("loads: {} rules\n\n", ruleset.rules().len()),
        None => "does not load\n\n".to_owned(),
    };
    let report = report::human(&loaded, false);
    let lines: Vec<&str> = report.lines().map(str::trim_end).collect();
    summary + &lines.join("\n") + "\n"
}
