//! Changes settings or the email in a campaign file and leaves everything else as it was written, comments too.

use std::collections::BTreeMap;

use toml::{Spanned, Value};

use crate::infra::error::{Message, Result};

/// A setting and its new value; `None` removes it.
pub type Change<'a> = (&'a str, Option<&'a str>);

/// The parts of a file.
struct Parts<'t> {
    /// Up to the settings, with the line `+++`.
    head: &'t str,
    settings: &'t str,
    /// Behind the settings, from the line `+++`.
    tail: &'t str,
}

fn split(text: &str) -> Result<Parts<'_>> {
    let missing = || Message::new("campaign-front").invalid();
    let start = text.find("+++").ok_or_else(missing)? + "+++".len();
    let length = text[start..].find("\n+++").ok_or_else(missing)? + 1;
    Ok(Parts { head: &text[..start], settings: &text[start..start + length], tail: &text[start + length..] })
}

/// The text without a byte order mark, with line ends of Unix.
fn plain(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n")
}

/// The file with other settings.
///
/// # Errors
/// Invalid when the settings of the file cannot be read.
pub fn set(text: &str, changes: &[Change<'_>]) -> Result<String> {
    let text = plain(text);
    let parts = split(&text)?;
    let mut settings = parts.settings.to_owned();
    for (key, value) in changes {
        settings = set_one(&settings, key, *value)?;
    }
    Ok(format!("{}{settings}{}", parts.head, parts.tail))
}

fn set_one(settings: &str, key: &str, value: Option<&str>) -> Result<String> {
    let table: BTreeMap<String, Spanned<Value>> =
        toml::from_str(settings).map_err(|_| Message::new("campaign-front").invalid())?;
    let known = table.iter().find(|(name, _)| name.replace('_', "-") == key).map(|(_, found)| found);
    let written = value.map(|value| Value::String(value.to_owned()).to_string());
    Ok(match (known, written) {
        (Some(known), Some(_)) if known.get_ref().as_str() == value => settings.to_owned(),
        (Some(known), Some(written)) => {
            format!("{}{written}{}", &settings[..known.span().start], &settings[known.span().end..])
        }
        (Some(known), None) => {
            let start = settings[..known.span().start].rfind('\n').map_or(0, |at| at + 1);
            let end = settings[known.span().end..].find('\n').map_or(settings.len(), |at| known.span().end + at + 1);
            format!("{}{}", &settings[..start], &settings[end..])
        }
        (None, Some(written)) => match settings.find("\n[") {
            // Settings stand before the tables.
            Some(at) => format!("{}\n{key} = {written}{}", &settings[..at], &settings[at..]),
            None => format!("{settings}{key} = {written}\n"),
        },
        (None, None) => settings.to_owned(),
    })
}

/// The file with another email below its settings.
///
/// # Errors
/// Invalid when the file has no settings.
pub fn set_body(text: &str, body: &str) -> Result<String> {
    let (text, body) = (plain(text), plain(body));
    let parts = split(&text)?;
    Ok(format!("{}{}+++\n{body}", parts.head, parts.settings))
}

/// How many lines of a file stand above its email.
///
/// # Errors
/// Invalid when the file has no settings.
pub fn lines_above_body(text: &str) -> Result<usize> {
    let text = plain(text);
    let parts = split(&text)?;
    Ok(parts.head.matches('\n').count() + parts.settings.matches('\n').count() + 1)
}

/// The email below the settings of a file.
///
/// # Errors
/// Invalid when the file has no settings.
pub fn body(text: &str) -> Result<String> {
    let text = plain(text);
    let parts = split(&text)?;
    Ok(parts.tail.split_once('\n').map(|(_, body)| body.to_owned()).unwrap_or_default())
}

/// A setting that is a text; empty without one.
///
/// # Errors
/// Invalid when the settings of the file cannot be read.
pub fn get(text: &str, key: &str) -> Result<String> {
    let text = plain(text);
    let table: toml::Table =
        toml::from_str(split(&text)?.settings).map_err(|_| Message::new("campaign-front").invalid())?;
    let found = table.iter().find(|(name, _)| name.replace('_', "-") == key).map(|(_, value)| value);
    Ok(found.and_then(Value::as_str).unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "+++\r\n# name = \"a\"\nlist = \"News\"\nname = 'autumn' # ours\nreply_to = \"a@b.c\"\nsubject = \"name\"\n+++\nname = body\n";

    #[test]
    fn only_the_setting_changes() {
        let renamed = set(FILE, &[("name", Some("winter \"2\""))]).expect("renamed");
        assert!(renamed.contains("\nlist = \"News\"\nname = ") && renamed.ends_with("+++\nname = body\n"), "{renamed}");
        assert!(renamed.contains(" # ours\nreply_to"), "{renamed}");
        assert_eq!(get(&renamed, "name").expect("read"), "winter \"2\"");
        assert!(set("no settings", &[]).is_err());
    }

    #[test]
    fn settings_are_added_and_removed() {
        let changed = set(FILE, &[("preheader", Some("x\ny")), ("reply-to", None), ("relay", None)]).expect("changed");
        assert_eq!(get(&changed, "preheader").expect("read"), "x\ny");
        assert!(!changed.contains("reply_to") && changed.contains("# name = \"a\""), "{changed}");
        let with_table = FILE.replace("\n+++", "\n[utm]\nsource = \"x\"\n+++");
        let changed = set(&with_table, &[("preheader", Some("x"))]).expect("changed");
        assert_eq!(get(&changed, "preheader").expect("read"), "x");
    }

    #[test]
    fn the_email_is_replaced() {
        assert_eq!(body(FILE).expect("read"), "name = body\n");
        let changed = set_body(FILE, "# New\r\n+++\nx").expect("changed");
        assert_eq!(body(&changed).expect("read"), "# New\n+++\nx");
        assert_eq!(get(&changed, "list").expect("read"), "News");
    }
}
