//! Finds the translation catalogues at build time: `locales/LANG.ftl`, `locales/LANG/*.ftl`, or both, where `LANG`
//! is a BCP 47 language tag. A new language needs no code.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// Languages in alphabetical order, each with its catalogue files.
pub fn discover(locales: &Path) -> io::Result<BTreeMap<String, Vec<PathBuf>>> {
    let mut languages: BTreeMap<String, Vec<PathBuf>> = BTreeMap::new();
    for entry in fs::read_dir(locales)? {
        let path = entry?.path();
        let Some(tag) = path.file_stem().map(|stem| stem.to_string_lossy().into_owned()) else { continue };
        if path.is_dir() {
            let files = fs::read_dir(&path)?.map(|file| Ok(file?.path())).collect::<io::Result<Vec<_>>>()?;
            languages.entry(tag).or_default().extend(files.into_iter().filter(|file| is_catalogue(file)));
        } else if is_catalogue(&path) {
            languages.entry(tag).or_default().push(path);
        }
    }
    languages.retain(|_, files| !files.is_empty());
    languages.values_mut().for_each(|files| files.sort());
    Ok(languages)
}

/// Rust source: the table `CATALOGUES` of tags and texts, and one constant of `Lang` per language.
pub fn generate(languages: &BTreeMap<String, Vec<PathBuf>>) -> String {
    let (mut table, mut constants) = (String::new(), String::new());
    for (index, (tag, files)) in languages.iter().enumerate() {
        let texts: String =
            files.iter().map(|file| format!("include_str!({:?}), ", file.display().to_string())).collect();
        table += &format!("    ({tag:?}, &[{texts}]),\n");
        let name = tag.to_uppercase().replace('-', "_");
        constants += &format!("    /// The language `{tag}`.\n    pub const {name}: Self = Self({index});\n");
    }
    let all: String = (0..languages.len()).map(|index| format!("Self({index}), ")).collect();
    format!(
        "const CATALOGUES: &[(&str, &[&str])] = &[\n{table}];\n\
         impl Lang {{\n{constants}    /// All languages, in alphabetical order of their tags.\n    pub const ALL: &'static [Self] = &[{all}];\n}}\n"
    )
}

fn is_catalogue(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "ftl")
}
