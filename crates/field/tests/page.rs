//! `docs/fields.md` is made from the table; `UPDATE_EXPECTED=1` makes it again.

use std::fs;
use std::path::Path;

#[test]
fn the_page_about_fields_is_the_table() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/fields.md");
    let page = field::fields_page();
    if std::env::var_os("UPDATE_EXPECTED").is_some() {
        fs::write(&path, &page).unwrap();
    }
    let written = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        written == page,
        "docs/fields.md is out of date: run UPDATE_EXPECTED=1 cargo test -p field"
    );
}
