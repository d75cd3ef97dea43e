//! docs/language.md: every case that it names exists, and every area of the cases is named.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Words of the page like `ok/maps/keyed`.
fn named_cases(page: &str) -> BTreeSet<String> {
    let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '/' | '-');
    let words = page.split(|c: char| !is_part(c));
    let kinds = ["ok/", "err/", "warn/"];
    words.filter(|word| kinds.iter().any(|kind| word.starts_with(kind))).map(str::to_owned).collect()
}

#[test]
fn every_case_that_is_named_exists() {
    let page = fs::read_to_string(repository().join("docs/language.md")).expect("docs/language.md");
    let cases = repository().join("tests/cases");
    let missing: Vec<String> =
        named_cases(&page).into_iter().filter(|name| !cases.join(format!("{name}.bt")).is_file()).collect();
    assert!(missing.is_empty(), "docs/language.md names cases that do not exist: {missing:?}");
}

#[test]
fn every_area_is_named() {
    let page = fs::read_to_string(repository().join("docs/language.md")).expect("docs/language.md");
    let named: BTreeSet<String> =
        named_cases(&page).iter().filter_map(|name| name.split('/').nth(1)).map(str::to_owned).collect();
    let mut areas = BTreeSet::new();
    for entry in fs::read_dir(repository().join("tests/cases/ok")).expect("tests/cases/ok").flatten() {
        if entry.path().is_dir() {
            areas.insert(entry.file_name().to_string_lossy().into_owned());
        }
    }
    let unnamed: Vec<&String> = areas.difference(&named).collect();
    assert!(unnamed.is_empty(), "areas of tests/cases/ok that docs/language.md does not name: {unnamed:?}");
}
