//! Modules of `src/mailer` import their siblings in one direction: no circles other than between a parent and its
//! children.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// A module path, as in `["mailer", "smtp", "session"]`.
type Module = Vec<String>;

fn read_modules(folder: &Path, module: &Module, found: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).expect("a source folder").map(|entry| entry.expect("an entry").path()) {
        let name = entry.file_stem().expect("a name").to_string_lossy().into_owned();
        let child = match name.as_str() {
            "mod" => module.clone(),
            _ => [module.as_slice(), &[name]].concat(),
        };
        if entry.is_dir() {
            read_modules(&entry, &child, found);
        } else {
            let text = fs::read_to_string(&entry).expect("a source file");
            let code = text.split("#[cfg(test)]").next().unwrap_or_default();
            let lines = code.lines().filter(|line| !line.trim_start().starts_with("//"));
            found.insert(child, lines.collect::<Vec<_>>().join("\n"));
        }
    }
}

/// Splits a path into its leading names and the text behind them.
fn names(mut text: &str) -> (Vec<String>, &str) {
    let mut names = Vec::new();
    loop {
        let end = text.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(text.len());
        if end > 0 {
            names.push(text[..end].to_owned());
        }
        match text[end..].strip_prefix("::") {
            Some(rest) if end > 0 => text = rest,
            _ => return (names, &text[end..]),
        }
    }
}

/// The first names inside `{ … }`, without nested braces.
fn group(text: &str) -> Vec<String> {
    let (mut depth, mut all, mut current) = (0, Vec::new(), String::new());
    for c in text.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => all.push(std::mem::take(&mut current)),
            c => current.push(c),
        }
    }
    all.push(current);
    all.iter().filter_map(|path| names(path.trim()).0.into_iter().next()).collect()
}

/// The modules and items that a module names by `crate::mailer` or `super`.
fn targets(module: &Module, code: &str) -> Vec<Module> {
    let mut found = Vec::new();
    for (prefix, at) in
        ["crate::", "super::"].iter().flat_map(|prefix| code.match_indices(prefix)).map(|(at, p)| (p, at))
    {
        if code[..at].ends_with("super::") {
            continue;
        }
        let (path, rest) = names(&code[at..]);
        let up = path.iter().take_while(|name| *name == "super").count();
        let base = if prefix == "crate::" { Vec::new() } else { module[..module.len().saturating_sub(up)].to_vec() };
        let skip = if prefix == "crate::" { 1 } else { up };
        let path = [base.as_slice(), &path[skip..]].concat();
        match rest.strip_prefix('{') {
            Some(inner) => found.extend(group(inner).into_iter().map(|name| [path.as_slice(), &[name]].concat())),
            None => found.push(path),
        }
    }
    found
}

#[test]
fn siblings_import_each_other_in_one_direction() {
    let mut modules = BTreeMap::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/mailer");
    read_modules(&root, &vec!["mailer".to_owned()], &mut modules);
    let mut imports: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (module, code) in &modules {
        for target in targets(module, code) {
            let shared = module.iter().zip(&target).take_while(|(one, other)| one == other).count();
            let is_sibling = shared > 0 && shared < module.len() && shared < target.len();
            if is_sibling && modules.contains_key(&target[..=shared]) {
                imports.entry(module[..=shared].to_vec()).or_default().insert(target[..=shared].to_vec());
            }
        }
    }
    assert!(imports.len() > 20, "the imports are found");

    // Takes away modules whose imports are all gone, until none is left or only circles are.
    let mut left = imports;
    loop {
        let before = left.len();
        let open: BTreeSet<Module> = left.keys().cloned().collect();
        left.retain(|_, targets| targets.iter().any(|target| open.contains(target)));
        if left.len() == before {
            break;
        }
    }
    assert!(left.is_empty(), "modules in a circle: {left:#?}");
}
