//! Retired vocabulary: words that the field's terms have replaced must not come back in code, tests, documentation,
//! pages or English catalogues. `docs/architecture.md` has the terms.

use crate::catalogue::texts;

/// Each retired word with the term to use.
const RETIRED: &[(&str, &str)] = &[
    ("letter", "email (written by a marketer) or message (bytes of one recipient)"),
    ("goodbye", "unsubscribe"),
    ("farewell", "unsubscribe"),
    ("leaver", "recipient, unsubscribed contact"),
    ("purse", "token reserve"),
    ("crew", "keyed tasks"),
    ("grave", "tombstone"),
    ("oath", "invariant"),
    ("dossier", "subject access"),
    ("vigil", "mailer supervisor"),
    ("knock", "a timeout or interval"),
    ("haste", "a timeout or interval"),
    ("glance", "an interval"),
    ("pulse", "lease freshness"),
    ("shelf", "derived columns"),
    ("wheel", "relay selection"),
    ("unless_told", "or_stopped"),
    ("neighbour", "another workspace, another process"),
    ("river", "end to end"),
    ("weather", "faults"),
    ("dice", "random numbers"),
    ("tally", "erased counts"),
    ("facet", "indexed field"),
    ("reception", "lane back-off"),
    ("last word", "final eligibility check"),
    ("house", "installation"),
    ("errand", "purpose"),
];

/// Where a retired word means something else, or must stay: a word and the start of a path.
const EXCEPTIONS: &[(&str, &str)] = &[
    // Letters of an alphabet.
    ("letter", "src/campaign/composer.rs"),
    ("letter", "src/campaign/lane.rs"),
    ("letter", "locales/en/audience.ftl"),
    ("letter", "locales/en/lanes.ftl"),
    ("letter", "src/audience/import/"),
    ("letter", "locales/en/import.ftl"),
    ("letter", "src/audience/segment/lexer.rs"),
    ("letter", "src/content/"),
    // A key in stored rows, and a property of CSS.
    ("letter", "locales/en/content.ftl"),
    ("letter", "templates/layout/announcement.html"),
    ("letter", "templates/gallery/"),
    // Files, tables and columns of earlier versions.
    ("reception", "tests/suite/mailer/upgrade.rs"),
    ("facet", "tests/suite/people_upgrade.rs"),
    ("letter", "CHANGELOG.md"),
    ("residue", "README.md"),
    // This list.
    ("", "tests/suite/vocabulary.rs"),
];

/// The line numbers where a word, or its plural, stands alone; `_` separates words in identifiers.
fn lines_with(text: &str, word: &str) -> Vec<usize> {
    let holds = |line: &str| {
        let line = line.to_lowercase();
        line.match_indices(word).any(|(at, _)| {
            let before = line[..at].chars().next_back();
            let after = line[at + word.len()..].strip_prefix('s').unwrap_or(&line[at + word.len()..]).chars().next();
            !before.is_some_and(char::is_alphanumeric) && !after.is_some_and(char::is_alphanumeric)
        })
    };
    text.lines().enumerate().filter(|(_, line)| holds(line)).map(|(index, _)| index + 1).collect()
}

#[test]
fn retired_words_do_not_come_back() {
    let folders = ["src", "tests", "benches", "docs", "templates", "locales/en", "README.md", "CONTRIBUTING.md"];
    let mut found = Vec::new();
    for (path, text) in texts(&folders, &["rs", "md", "html", "txt", "ftl", "mjs"]) {
        if path.contains("node_modules") || path.starts_with("tests/corpus") {
            continue;
        }
        for (word, term) in RETIRED {
            let is_exception =
                EXCEPTIONS.iter().any(|(known, start)| (known.is_empty() || known == word) && path.starts_with(start));
            for line in lines_with(&text, word).into_iter().filter(|_| !is_exception) {
                found.push(format!("{path}:{line}: {word} → {term}"));
            }
        }
    }
    assert!(found.is_empty(), "{} retired words:\n{}", found.len(), found.join("\n"));
}

#[test]
fn words_are_found_in_identifiers_and_plurals_but_not_inside_words() {
    let text = "let old_letters = 1;\nnewsletter\nLETTER\nhandlers";

    assert_eq!(lines_with(text, "letter"), [1, 3]);
    assert_eq!(lines_with(text, "hand"), Vec::<usize>::new());
}
