//! The reference in `docs/suite.md` is the table's.

use std::fs;

const BEGIN: &str = "<!-- reference -->\n";
const END: &str = "<!-- end of the reference -->\n";

/// `UPDATE=1` writes the reference anew.
#[test]
fn the_reference_is_that_of_the_table() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/suite.md");
    let text = fs::read_to_string(path).unwrap();
    let (before, rest) = text.split_once(BEGIN).unwrap();
    let (found, after) = rest.split_once(END).unwrap();
    let expected = suite::reference();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(path, format!("{before}{BEGIN}{expected}{END}{after}")).unwrap();
        return;
    }
    assert_eq!(found, expected, "run with UPDATE=1");
}

/// The samples are read without a remark.
#[test]
fn the_samples_are_right() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/suites");
    let mut paths: Vec<_> = fs::read_dir(format!("{root}/samples"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    paths.sort();
    let names: Vec<_> = paths
        .iter()
        .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "context_container",
            "context_processes",
            "expected_outcome",
            "resources_clientserver",
            "resources_fd",
            "resources_process",
            "scripts",
            "steps_syscall",
            "templates"
        ]
    );
    paths.push(format!("{root}/extensions.yaml").into());
    for path in paths {
        let source = suite::Source {
            name: path.display().to_string(),
            text: fs::read_to_string(&path).unwrap(),
        };
        let sources = [source];
        let loaded = suite::load(&sources, true);
        assert!(
            loaded.problems.is_empty(),
            "{}",
            suite::render(&sources, &loaded.problems, false)
        );
        assert!(!loaded.tests.is_empty());
    }
}
