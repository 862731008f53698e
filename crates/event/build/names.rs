//! Names of error numbers and signals.

use std::fmt::Write as _;

use crate::text::rows;

/// Writes one dense array per table, so that a number is its own index.
pub(crate) fn generate(out: &mut String) -> std::fmt::Result {
    for (file, table) in [
        ("errno.txt", "ERRNO_NAMES"),
        ("signals.txt", "SIGNAL_NAMES"),
    ] {
        let mut names: Vec<String> = Vec::new();
        for row in rows(file) {
            let (number, name) = row.split_once(' ').expect("a number and a name");
            let number: usize = number.parse().expect("a number comes first");
            if names.len() <= number {
                names.resize(number + 1, String::new());
            }
            assert!(names[number].is_empty(), "{file}: {number} has two names");
            names[number] = name.to_owned();
        }
        writeln!(
            out,
            "pub(crate) static {table}: [&str; {}] = {names:?};",
            names.len()
        )?;
    }
    Ok(())
}
