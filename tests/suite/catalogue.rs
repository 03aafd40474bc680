//! Translation catalogues: every key that the code names exists, every key is used, no key is given twice, and a new
//! language is one file.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::Path;

use sendoff::infra::error::Message;
use sendoff::infra::i18n::Catalogues;

#[path = "../../build/catalogues.rs"]
mod build;

/// The keys of a catalogue with the number of times each is given.
fn keys(text: &str) -> BTreeMap<String, usize> {
    let mut keys = BTreeMap::new();
    for key in text.lines().filter_map(|line| Some(line.split_once(" =")?.0)) {
        if key.starts_with(|c: char| c.is_ascii_lowercase()) && !key.contains(' ') {
            *keys.entry(key.to_owned()).or_default() += 1;
        }
    }
    keys
}

/// The joined catalogue texts of each language.
fn languages() -> BTreeMap<String, String> {
    let found = build::discover(&Path::new(env!("CARGO_MANIFEST_DIR")).join("locales")).expect("catalogues");
    let text = |file: &std::path::PathBuf| fs::read_to_string(file).expect("a catalogue");
    found.into_iter().map(|(tag, files)| (tag, files.iter().map(text).collect::<Vec<_>>().join("\n"))).collect()
}

/// The text of the default language.
fn default_catalogue() -> String {
    languages().into_values().find(|text| text.contains(".status = default")).expect("a default language")
}

/// Reads all files below these folders of the tree that have one of these extensions.
pub fn texts(folders: &[&str], extensions: &[&str]) -> Vec<(String, String)> {
    fn walk(path: &Path, extensions: &[&str], found: &mut Vec<(String, String)>) {
        if path.is_dir() {
            for entry in fs::read_dir(path).expect("a folder").flatten() {
                walk(&entry.path(), extensions, found);
            }
        } else if path.extension().and_then(|own| own.to_str()).is_some_and(|own| extensions.contains(&own)) {
            let name = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).expect("below the root").display().to_string();
            found.push((name, fs::read_to_string(path).expect("a text")));
        }
    }
    let mut found = Vec::new();
    for folder in folders {
        walk(&Path::new(env!("CARGO_MANIFEST_DIR")).join(folder), extensions, &mut found);
    }
    found
}

#[test]
fn every_key_is_used() {
    let code: String = texts(&["src", "templates"], &["rs", "html", "txt"]).into_iter().map(|(_, text)| text).collect();
    let catalogue = default_catalogue();
    let quoted: HashSet<&str> = code.split('"').collect();
    let placed: HashSet<&str> = catalogue.split("{ ").filter_map(|rest| rest.split(" }").next()).collect();
    let is_used = |key: &String| quoted.contains(key.as_str()) || placed.contains(key.as_str());
    // Keys that the code builds from a prefix.
    let is_built = |key: &String| {
        ["invalid-", "action-", "audit-channel-", "audit-outcome-", "provider-", "retention-"]
            .iter()
            .any(|own| key.starts_with(own))
    };
    let unused: Vec<_> = keys(&catalogue).into_keys().filter(|key| !is_used(key) && !is_built(key)).collect();

    assert!(unused.is_empty(), "{unused:#?}");
}

/// The same limit must have the same number everywhere, so sentences take it from the code.
#[test]
fn no_limit_is_typed_in_a_catalogue() {
    let words = ["longer than ", "at most ", "limit is ", "длиннее ", "не больше ", "не более ", "Допустимо "];
    // What mail programs show.
    let known = ["lint-"];
    for (tag, text) in languages() {
        for line in text.lines().filter(|line| !known.iter().any(|key| line.starts_with(key))) {
            let typed = words
                .iter()
                .find(|word| line.split(**word).skip(1).any(|rest| rest.starts_with(|c: char| c.is_ascii_digit())));
            assert_eq!(typed, None, "{tag}: {line}");
        }
    }
}

#[test]
fn every_message_of_the_code_has_a_translation() {
    let known = keys(&default_catalogue());
    let mut missing = BTreeSet::new();
    for (_, text) in texts(&["src"], &["rs"]) {
        let code = text.split("#[cfg(test)]").next().unwrap_or_default().to_owned();
        for opening in ["Message::new(\"", ".tr(\""] {
            let named = code.split(opening).skip(1).filter_map(|rest| rest.split('"').next());
            missing.extend(named.filter(|key| !known.contains_key(*key)).map(str::to_owned));
        }
    }
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn catalogues_parse_and_have_the_keys_of_the_default_language_once() {
    let default = keys(&default_catalogue());
    for (tag, text) in languages() {
        let parsed = fluent_bundle::FluentResource::try_new(text.clone());
        assert!(parsed.is_ok(), "{tag}: {:?}", parsed.err().map(|(_, errors)| errors));
        let own = keys(&text);
        let twice: Vec<_> = own.iter().filter(|(_, count)| **count > 1).map(|(key, _)| key).collect();
        let unknown: Vec<_> = own.keys().filter(|key| !default.contains_key(*key)).collect();
        let missing: Vec<_> = default.keys().filter(|key| !own.contains_key(*key)).collect();
        assert!(twice.is_empty() && unknown.is_empty(), "{tag}: given twice {twice:#?}, unknown {unknown:#?}");
        if !missing.is_empty() {
            eprintln!("{tag}: {} of {} keys are not translated: {missing:#?}", missing.len(), default.len());
        }
        let is_complete = text.contains(".status = complete");
        assert!(missing.is_empty() || !is_complete, "{tag} is complete and lacks {missing:#?}");
    }
}

#[test]
fn a_third_language_is_one_file_and_falls_back_to_the_default() {
    let locales = tempfile::tempdir().expect("a folder");
    for (tag, text) in languages() {
        fs::write(locales.path().join(format!("{tag}.ftl")), text).expect("written");
    }
    let polish = "language-name = Polski\npeople = { $count ->\n    [one] { $count } osoba\n    [few] { $count } osoby\n   *[many] { $count } osób\n}\n";
    fs::write(locales.path().join("pl.ftl"), polish).expect("written");

    let found = build::discover(locales.path()).expect("found");
    let source = build::generate(&found);
    let text = |file: &std::path::PathBuf| fs::read_to_string(file).expect("a catalogue");
    let parsed =
        Catalogues::parse(found.iter().map(|(tag, files)| (tag.as_str(), files.iter().map(text).collect::<Vec<_>>())));

    assert!(
        source.contains("pub const PL: Self = Self(1);") && source.contains("(\"pl\", &[include_str!("),
        "{source}"
    );
    let pl = parsed.find("pl-PL").expect("Polish");
    let people = |count| parsed.translate(pl, &Message::new("people").with("count", count));
    assert_eq!(parsed.name(pl), "Polski");
    assert_eq!([people(1), people(3), people(5)], ["1 osoba", "3 osoby", "5 osób"]);
    let english = parsed.default_language();
    assert_eq!(
        parsed.translate(pl, &Message::new("unsubscribe-button")),
        parsed.translate(english, &Message::new("unsubscribe-button"))
    );
    assert_ne!(english, pl);
}

#[test]
fn what_is_worded_for_the_desk_names_no_command_in_any_language() {
    let mut found = BTreeMap::new();
    for (name, text) in languages() {
        let lines: Vec<&str> = text.lines().collect();
        let worded =
            lines.iter().enumerate().filter_map(|(at, line)| Some((at, line.trim().strip_prefix(".desk = ")?)));
        let key = |at: usize| {
            lines[..at].iter().rev().find_map(|line| Some(line.split_once(" =")?.0).filter(|key| !key.starts_with(' ')))
        };
        let worded: Vec<_> = worded.map(|(at, sentence)| (key(at).expect("a key").to_owned(), sentence)).collect();
        for (key, sentence) in &worded {
            assert!(
                !sentence.contains("sendoff ") && !sentence.contains("--"),
                "{name}: {key} names a command: {sentence}"
            );
        }
        found.insert(name, worded.into_iter().map(|(key, _)| key).collect::<std::collections::BTreeSet<_>>());
    }
    let keys: Vec<_> = found.values().collect();
    assert!(keys[0].len() > 20 && keys.iter().all(|other| *other == keys[0]), "each language has the same: {found:#?}");
}
