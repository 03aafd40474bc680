//! Changes the name in a campaign file and leaves everything else as it was written.

use serde::Deserialize;
use toml::{Spanned, Value};

use crate::infra::error::{Message, Result};

#[derive(Deserialize)]
struct Name {
    name: Spanned<String>,
}

/// The file with another name.
///
/// # Errors
/// Invalid when the settings of the file cannot be read.
pub fn rename(text: &str, name: &str) -> Result<String> {
    let missing = || Message::new("campaign-front").invalid();
    let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
    let start = text.find("+++").ok_or_else(missing)? + "+++".len();
    let length = text[start..].find("\n+++").ok_or_else(missing)?;
    let front: Name = toml::from_str(&text[start..start + length]).map_err(|_| missing())?;
    let span = front.name.span();
    let value = Value::String(name.to_owned()).to_string();
    Ok(format!("{}{value}{}", &text[..start + span.start], &text[start + span.end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_name_changes() {
        let file =
            "+++\r\n# name = \"a\"\nlist = \"News\"\nname = 'autumn' # ours\nsubject = \"name\"\n+++\nname = body\n";
        let renamed = rename(file, "winter \"2\"").expect("renamed");
        assert!(renamed.contains("\nlist = \"News\"\nname = ") && renamed.ends_with("+++\nname = body\n"), "{renamed}");
        assert!(renamed.contains(" # ours\nsubject = \"name\""), "{renamed}");
        let again: Name = toml::from_str(renamed.split("+++").nth(1).expect("settings")).expect("TOML");
        assert_eq!(again.name.get_ref(), "winter \"2\"");
        assert!(rename("no settings", "x").is_err());
    }
}
