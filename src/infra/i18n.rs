//! The catalogues: every sentence that a person reads, in English and Russian, with plurals.
//! One folder a language under `locales/`, one file a room.

use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::infra::error::Message;

crate::text_enum! {
    /// A language that Sendoff speaks.
    Lang {
        /// English.
        En = "en",
        /// Russian.
        Ru = "ru",
    }
}

macro_rules! catalogue {
    ($lang:literal) => {
        &[
            include_str!(concat!("../../locales/", $lang, "/ground.ftl")),
            include_str!(concat!("../../locales/", $lang, "/audience.ftl")),
            include_str!(concat!("../../locales/", $lang, "/import.ftl")),
            include_str!(concat!("../../locales/", $lang, "/segment.ftl")),
            include_str!(concat!("../../locales/", $lang, "/data.ftl")),
            include_str!(concat!("../../locales/", $lang, "/content.ftl")),
            include_str!(concat!("../../locales/", $lang, "/campaign.ftl")),
            include_str!(concat!("../../locales/", $lang, "/time.ftl")),
            include_str!(concat!("../../locales/", $lang, "/mailer.ftl")),
            include_str!(concat!("../../locales/", $lang, "/lanes.ftl")),
            include_str!(concat!("../../locales/", $lang, "/nodes.ftl")),
            include_str!(concat!("../../locales/", $lang, "/public.ftl")),
            include_str!(concat!("../../locales/", $lang, "/privacy.ftl")),
            include_str!(concat!("../../locales/", $lang, "/report.ftl")),
            include_str!(concat!("../../locales/", $lang, "/cli.ftl")),
            include_str!(concat!("../../locales/", $lang, "/relocation.ftl")),
            include_str!(concat!("../../locales/", $lang, "/outside.ftl")),
        ]
    };
}

const EN: &[&str] = catalogue!("en");
const RU: &[&str] = catalogue!("ru");

impl Lang {
    /// English.
    pub const EN: Self = Self::En;
    /// Russian.
    pub const RU: Self = Self::Ru;

    /// The language of a POSIX locale such as `ru_RU.UTF-8`; English when it is any other.
    pub fn from_locale(locale: &str) -> Self {
        if locale.starts_with("ru") { Self::Ru } else { Self::En }
    }

    /// The reader's language from an `Accept-Language` header, if it is one of ours.
    pub fn from_accept_language(header: &str) -> Option<Self> {
        let (mut best, mut most) = (None, 0.0);
        for part in header.split(',') {
            let (range, weight) = part.split_once(';').unwrap_or((part, ""));
            let lang = match range.trim().split('-').next().unwrap_or_default().to_ascii_lowercase().as_str() {
                "ru" => Self::Ru,
                "en" => Self::En,
                _ => continue,
            };
            let weight = weight.trim().strip_prefix("q=").and_then(|weight| weight.parse().ok()).unwrap_or(1.0);
            if weight > most {
                (best, most) = (Some(lang), weight);
            }
        }
        best
    }

    /// The sentence in this language. A missing key prints itself, which the catalogue test forbids.
    pub fn translate(self, message: &Message) -> String {
        self.format(message.key, message.args.iter().map(|(name, value)| (*name, value.as_str())))
    }

    /// A sentence that `Message::pack` had stored; any other text comes back as it is.
    pub fn translate_packed(self, packed: &str) -> String {
        match serde_json::from_str::<(String, Vec<(String, String)>)>(packed) {
            Ok((key, args)) => self.format(&key, args.iter().map(|(name, value)| (name.as_str(), value.as_str()))),
            Err(_) => packed.to_owned(),
        }
    }

    fn format<'a>(self, key: &str, values: impl Iterator<Item = (&'a str, &'a str)>) -> String {
        let bundle = self.bundle();
        let Some(pattern) = bundle.get_message(key).and_then(|found| found.value()) else {
            return key.to_owned();
        };
        let mut args = FluentArgs::new();
        for (name, value) in values {
            // A value may be a sentence itself, packed.
            match value.starts_with("[\"") {
                true => args.set(name.to_owned(), self.translate_packed(value)),
                false => args.set(name.to_owned(), argument(value)),
            }
        }
        bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned()
    }

    /// A sentence without values.
    pub fn tr(self, key: &'static str) -> String {
        self.translate(&Message::new(key))
    }

    fn bundle(self) -> &'static FluentBundle<FluentResource> {
        static BUNDLES: OnceLock<[FluentBundle<FluentResource>; 2]> = OnceLock::new();
        let bundles = BUNDLES.get_or_init(|| [build(Self::En, EN), build(Self::Ru, RU)]);
        match self {
            Self::En => &bundles[0],
            Self::Ru => &bundles[1],
        }
    }
}

/// Whole numbers go in as numbers, so that plural rules see them.
fn argument(value: &str) -> FluentValue<'_> {
    match value.parse::<i64>() {
        Ok(_) if value.len() < 16 && !value.starts_with('0') || value == "0" => FluentValue::try_number(value),
        _ => FluentValue::from(value),
    }
}

fn build(lang: Lang, files: &[&str]) -> FluentBundle<FluentResource> {
    let id: LanguageIdentifier = lang.as_str().parse().expect("a language of ours");
    let mut bundle = FluentBundle::new_concurrent(vec![id]);
    bundle.set_use_isolating(false);
    for text in files {
        let resource = FluentResource::try_new((*text).to_owned()).unwrap_or_else(|(resource, _)| resource);
        // A key given twice keeps its first sentence; the catalogue test finds it.
        let _ = bundle.add_resource(resource);
    }
    bundle
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn keys(files: &[&str]) -> BTreeMap<String, usize> {
        let mut keys = BTreeMap::new();
        for text in files {
            let resource = FluentResource::try_new((*text).to_owned()).map_err(|(_, errors)| errors);
            resource.expect("the catalogue parses");
            for line in text.lines() {
                if let Some((key, _)) = line.split_once(" =")
                    && key.starts_with(|c: char| c.is_ascii_lowercase())
                {
                    *keys.entry(key.to_owned()).or_default() += 1;
                }
            }
        }
        keys
    }

    #[test]
    fn both_languages_have_the_same_keys_once() {
        let (en, ru) = (keys(EN), keys(RU));

        assert_eq!(en.keys().collect::<Vec<_>>(), ru.keys().collect::<Vec<_>>());
        let twice: Vec<_> = en.iter().chain(&ru).filter(|(_, count)| **count > 1).map(|(key, _)| key).collect();
        assert!(twice.is_empty(), "given twice: {twice:?}");
    }

    #[test]
    fn numbers_choose_the_plural() {
        let people = |count: i64| Lang::Ru.translate(&Message::new("people").with("count", count));

        assert_eq!(people(1), "1 человек");
        assert_eq!(people(3), "3 человека");
        assert_eq!(people(25), "25 человек");
    }

    #[test]
    fn the_reader_chooses_the_language() {
        assert_eq!(Lang::from_accept_language("ru-RU,ru;q=0.9,en;q=0.8"), Some(Lang::Ru));
        assert_eq!(Lang::from_accept_language("de, en-GB;q=0.5"), Some(Lang::En));
        assert_eq!(Lang::from_accept_language("ru;q=0, en;q=0.1"), Some(Lang::En));
        assert_eq!(Lang::from_accept_language("en;q=0.3, ru;q=0.8"), Some(Lang::Ru));
        assert_eq!(Lang::from_accept_language("de"), None);
        assert_eq!(Lang::from_locale("ru_RU.UTF-8"), Lang::Ru);
    }
}
