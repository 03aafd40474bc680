//! The gallery: ready emails that a draft begins with, one of each kind in each language, embedded in the program
//! (`templates/gallery`).

use serde::Deserialize;

use super::email::{EmailSource, Format, Layout, Tracking};
use super::link::LinkSettings;
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

crate::text_enum! {
    /// What a ready email is for.
    Occasion {
        /// The first email to somebody who joined.
        Welcome = "welcome",
        /// News at regular times.
        Newsletter = "newsletter",
        /// One thing that is new.
        Announcement = "announcement",
        /// A lower price, with a code.
        Sale = "sale",
        /// An invitation with place and time.
        Event = "event",
        /// One question with a scale.
        Survey = "survey",
        /// What was bought and paid.
        Receipt = "receipt",
        /// A question to people who have not opened an email for long.
        ReEngagement = "re-engagement",
    }
}

impl Occasion {
    /// Catalogue key of its name.
    pub const fn key(self) -> &'static str {
        match self {
            Self::Welcome => "gallery-welcome",
            Self::Newsletter => "gallery-newsletter",
            Self::Announcement => "gallery-announcement",
            Self::Sale => "gallery-sale",
            Self::Event => "gallery-event",
            Self::Survey => "gallery-survey",
            Self::Receipt => "gallery-receipt",
            Self::ReEngagement => "gallery-re-engagement",
        }
    }
}

/// The files: occasion, English, Russian.
const FILES: &[(Occasion, &str, &str)] = &[
    (
        Occasion::Welcome,
        include_str!("../../templates/gallery/welcome.en.md"),
        include_str!("../../templates/gallery/welcome.ru.md"),
    ),
    (
        Occasion::Newsletter,
        include_str!("../../templates/gallery/newsletter.en.md"),
        include_str!("../../templates/gallery/newsletter.ru.md"),
    ),
    (
        Occasion::Announcement,
        include_str!("../../templates/gallery/announcement.en.md"),
        include_str!("../../templates/gallery/announcement.ru.md"),
    ),
    (
        Occasion::Sale,
        include_str!("../../templates/gallery/sale.en.md"),
        include_str!("../../templates/gallery/sale.ru.md"),
    ),
    (
        Occasion::Event,
        include_str!("../../templates/gallery/event.en.md"),
        include_str!("../../templates/gallery/event.ru.md"),
    ),
    (
        Occasion::Survey,
        include_str!("../../templates/gallery/survey.en.md"),
        include_str!("../../templates/gallery/survey.ru.md"),
    ),
    (
        Occasion::Receipt,
        include_str!("../../templates/gallery/receipt.en.md"),
        include_str!("../../templates/gallery/receipt.ru.md"),
    ),
    (
        Occasion::ReEngagement,
        include_str!("../../templates/gallery/re-engagement.en.md"),
        include_str!("../../templates/gallery/re-engagement.ru.md"),
    ),
];

/// A ready email.
#[derive(Debug, Clone)]
pub struct ReadyEmail {
    /// What it is for.
    pub occasion: Occasion,
    /// Its language.
    pub lang: Lang,
    /// A template of one line.
    pub subject: String,
    /// A template of one line.
    pub preheader: String,
    /// Its layout.
    pub layout: Layout,
    /// Markdown.
    pub body: String,
}

/// The settings of a file.
#[derive(Deserialize)]
struct Settings {
    subject: String,
    preheader: String,
    layout: String,
}

/// The ready email of an occasion in a language, English where there is none, for a workspace with these fields: a tag of
/// another field is replaced by its fallback.
///
/// # Errors
/// Internal when the embedded file cannot be read.
pub fn find(occasion: Occasion, lang: Lang, fields: &[String]) -> Result<ReadyEmail> {
    let broken = || Message::new("gallery-broken").with("name", occasion.as_str()).internal();
    let (_, english, russian) = FILES.iter().find(|(own, ..)| *own == occasion).ok_or_else(broken)?;
    let (lang, file) = if lang.as_str() == "ru" { (lang, russian) } else { (Lang::EN, english) };
    let (settings, body) = file.strip_prefix("+++\n").and_then(|rest| rest.split_once("+++\n")).ok_or_else(broken)?;
    let settings: Settings = toml::from_str(settings).map_err(|_| broken())?;
    Ok(ReadyEmail {
        occasion,
        lang,
        subject: without_unknown_fields(&settings.subject, fields),
        preheader: without_unknown_fields(&settings.preheader, fields),
        layout: settings.layout.parse()?,
        body: without_unknown_fields(body, fields),
    })
}

impl ReadyEmail {
    /// The email as a marketer would have written it.
    pub fn source(&self) -> EmailSource {
        EmailSource {
            subject: self.subject.clone(),
            preheader: self.preheader.clone(),
            layout: self.layout,
            format: Format::Md,
            body: self.body.clone(),
            tracking: Tracking::None,
            links: LinkSettings::default(),
        }
    }
}

/// Replaces `{{ field | default('text') }}` by the text where the workspace has no such field.
fn without_unknown_fields(text: &str, fields: &[String]) -> String {
    let (mut out, mut rest) = (String::with_capacity(text.len()), text);
    while let Some(at) = rest.find("{{ ") {
        out.push_str(&rest[..at]);
        let tag_end = rest[at..].find("}}").map_or(rest.len(), |length| at + length + 2);
        let tag = &rest[at..tag_end];
        let parts = tag[3..].split_once(" | default('").and_then(|(name, tail)| Some((name, tail.split_once("')")?.0)));
        match parts {
            Some((name, fallback)) if !fields.iter().any(|field| field == name) => out.push_str(fallback),
            _ => out.push_str(tag),
        }
        rest = &rest[tag_end..];
    }
    out + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tags_of_unknown_fields_become_their_fallback() {
        let fields = ["city".to_owned()];
        let text = "{{ first_name | default('Hello') }}, {{ city | default('your city') }} {{ unsubscribe_url }}";
        let expected = "Hello, {{ city | default('your city') }} {{ unsubscribe_url }}";
        assert_eq!(without_unknown_fields(text, &fields), expected);
        assert_eq!(without_unknown_fields("{{ open", &fields), "{{ open");
    }

    #[test]
    fn every_occasion_is_there_in_every_language() {
        for occasion in Occasion::ALL {
            let mut subjects: Vec<_> = Lang::ALL
                .iter()
                .map(|lang| find(*occasion, *lang, &[]).expect("a ready email"))
                .map(|email| (email.subject, email.body))
                .collect();
            subjects.dedup();
            assert_eq!(subjects.len(), Lang::ALL.len(), "{occasion}");
        }
    }
}
