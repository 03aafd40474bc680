//! Every sentence that the code asks for stands in the catalogues, and every sentence there is asked
//! for.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn texts(folder: &Path, endings: &[&str], found: &mut Vec<String>) {
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        let path = entry.path();
        if path.is_dir() {
            texts(&path, endings, found);
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|ending| endings.contains(&ending)) {
            found.push(fs::read_to_string(&path).expect("a text"));
        }
    }
}

fn all(folders: &[&str], endings: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for folder in folders {
        texts(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), endings, &mut found);
    }
    found
}

fn keys() -> BTreeSet<String> {
    let starts = |line: &str| line.split_once(" =").map(|(key, _)| key.to_owned());
    let is_key = |key: &String| key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains(' ');
    all(&["locales/en"], &["ftl"])
        .iter()
        .flat_map(|text| text.lines().filter_map(starts).collect::<Vec<_>>())
        .filter(is_key)
        .collect()
}

#[test]
fn every_key_is_used() {
    let code = all(&["src", "templates"], &["rs", "html", "txt"]).join("\n");
    let sentences = all(&["locales/en"], &["ftl"]).join("\n");
    let asked = |key: &String| code.contains(&format!("\"{key}\"")) || sentences.contains(&format!("{{ {key} }}"));
    let unused: Vec<_> = keys().into_iter().filter(|key| !asked(key) && !made_up(key)).collect();

    assert!(unused.is_empty(), "{unused:#?}");
}

/// Keys that the code puts together from a word of its own.
fn made_up(key: &str) -> bool {
    ["invalid-"].iter().any(|prefix| key.starts_with(prefix))
}

#[test]
fn every_message_has_a_sentence() {
    let known = keys();
    let mut missing = BTreeSet::new();
    for text in all(&["src"], &["rs"]) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        for opening in ["Message::new(\"", ".tr(\""] {
            for rest in code.split(opening).skip(1) {
                let key = rest.split('"').next().unwrap_or_default();
                if !known.contains(key) {
                    missing.insert(key.to_owned());
                }
            }
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}
