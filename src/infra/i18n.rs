//! Translations: every sentence shown to a user, in each language of `locales/`. The build script finds the
//! catalogues; [`Lang`] names a language of them.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;

use crate::infra::error::{Error, Message};

mod catalogue;

pub use catalogue::Catalogues;

/// A language of the catalogues, by its position in alphabetical order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Lang(usize);

include!(concat!(env!("OUT_DIR"), "/catalogues.rs"));

impl Lang {
    /// The BCP 47 tag, as in the database, in JSON and on the command line.
    pub fn as_str(self) -> &'static str {
        CATALOGUES.get(self.0).map_or("", |(tag, _)| tag)
    }

    /// The language's own name, such as `English`.
    pub fn name(self) -> String {
        catalogues().name(self.0)
    }

    /// The language of a POSIX locale such as `ru_RU.UTF-8`, or the default language.
    pub fn from_locale(locale: &str) -> Self {
        let tag = locale.split(['.', '@']).next().unwrap_or_default().replace('_', "-");
        catalogues().find(&tag).map_or_else(Self::default, Self)
    }

    /// The preferred language of an `Accept-Language` header (RFC 9110 §12.5.4), if there is a catalogue.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let (mut best, mut highest) = (None, 0.0);
        for part in header.split(',') {
            let (range, weight) = part.split_once(';').unwrap_or((part, ""));
            let Some(language) = catalogues().find(range.trim()) else { continue };
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
            if weight > highest {
                (best, highest) = (Some(Self(language)), weight);
            }
        }
        best
    }

    /// The message in this language, or in the default language where the translation is missing.
    pub fn translate(self, message: &Message) -> String {
        catalogues().translate(self.0, message)
    }

    /// The message in this language for somebody at the desk: it names pages in place of commands, where it names any.
    pub fn translate_for_desk(self, message: &Message) -> String {
        catalogues().translate_for_desk(self.0, message)
    }

    /// A message stored by `Message::pack`, in this language; any other text is returned as it is.
    pub fn translate_packed(self, packed: &str) -> String {
        catalogues().translate_packed(self.0, packed)
    }

    /// The message of a key without arguments.
    pub fn tr(self, key: &'static str) -> String {
        self.translate(&Message::new(key))
    }
}

impl Default for Lang {
    /// The language whose catalogue says that it is the default.
    fn default() -> Self {
        Self(catalogues().default_language())
    }
}

impl fmt::Display for Lang {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl FromStr for Lang {
    type Err = Error;

    fn from_str(tag: &str) -> Result<Self, Error> {
        Self::ALL.iter().copied().find(|lang| lang.as_str() == tag).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|lang| lang.as_str()).collect();
            Message::new("unknown-word").with("word", tag).with("known", known.join(", ")).invalid()
        })
    }
}

fn catalogues() -> &'static Catalogues {
    static PARSED: OnceLock<Catalogues> = OnceLock::new();
    PARSED.get_or_init(|| Catalogues::parse(CATALOGUES.iter().map(|(tag, texts)| (*tag, texts.to_vec()))))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_select_the_plural_form() {
        let people = |count: i64| Lang::RU.translate(&Message::new("people").with("count", count));

        assert_eq!(people(1), "1 человек");
        assert_eq!(people(3), "3 человека");
        assert_eq!(people(25), "25 человек");
    }

    #[test]
    fn accept_language_and_locale_select_the_language() {
        assert_eq!(Lang::from_accept_language("ru-RU,ru;q=0.9,en;q=0.8"), Some(Lang::RU));
        assert_eq!(Lang::from_accept_language("xx, en-GB;q=0.5"), Some(Lang::EN));
        assert_eq!(Lang::from_accept_language("ru;q=0, en;q=0.1"), Some(Lang::EN));
        assert_eq!(Lang::from_accept_language("en;q=0.3, ru;q=0.8"), Some(Lang::RU));
        assert_eq!(Lang::from_accept_language("xx"), None);
        assert_eq!(Lang::from_locale("ru_RU.UTF-8"), Lang::RU);
        assert_eq!(Lang::from_locale("C.UTF-8"), Lang::default());
    }

    #[test]
    fn every_language_has_a_name() {
        assert!(Lang::ALL.iter().all(|lang| lang.name() != "language-name"));
        assert_eq!((Lang::EN.name(), Lang::default()), ("English".to_owned(), Lang::EN));
    }
}
