//! Translation catalogues in Fluent format, one bundle per language. A key that a language lacks is taken from the
//! default language. Plural rules are those of CLDR, from the crate `fluent-bundle`.

use std::borrow::Cow;
use std::sync::OnceLock;

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::infra::error::message::{Argument, Message, StoredArgument, StoredMessage};

/// Key of the language's own name; its attribute `.status` is `default`, `complete` or absent (a translation in
/// progress).
const NAME: &str = "language-name";

/// The attribute of a message that is worded otherwise at the desk.
const DESK: &str = "desk";

/// The catalogues of all languages. Each is parsed when a sentence of it is first asked for: most processes speak one language.
pub struct Catalogues {
    languages: Vec<Language>,
    default: usize,
}

/// The catalogue of one language.
struct Language {
    tag: String,
    texts: Vec<Cow<'static, str>>,
    bundle: OnceLock<FluentBundle<FluentResource>>,
}

impl Language {
    fn bundle(&self) -> &FluentBundle<FluentResource> {
        self.bundle.get_or_init(|| bundle(&self.tag, &self.texts))
    }

    /// Whether this is the default language. Only the file with its name is parsed.
    fn is_default(&self) -> bool {
        let named: Vec<_> = self.texts.iter().filter(|text| text.contains(NAME)).collect();
        status(&bundle(&self.tag, &named)).as_deref() == Some("default")
    }
}

impl Catalogues {
    /// The catalogues of these texts. A text with a syntax error loses the entry concerned; the tests of the
    /// catalogues find it.
    pub fn parse<'a, T: Into<Cow<'static, str>>>(languages: impl IntoIterator<Item = (&'a str, Vec<T>)>) -> Self {
        let language = |(tag, texts): (&str, Vec<T>)| Language {
            tag: tag.to_owned(),
            texts: texts.into_iter().map(Into::into).collect(),
            bundle: OnceLock::new(),
        };
        let languages: Vec<_> = languages.into_iter().map(language).collect();
        let default = languages.iter().position(Language::is_default).unwrap_or(0);
        Self { languages, default }
    }

    /// Position of the default language.
    pub fn default_language(&self) -> usize {
        self.default
    }

    /// Position of the language that fits a tag best: `pt-BR` before `pt`, in any case; `None` without one.
    pub fn find(&self, tag: &str) -> Option<usize> {
        let find = |tag: &str| self.languages.iter().position(|own| own.tag.eq_ignore_ascii_case(tag));
        find(tag).or_else(|| find(tag.split('-').next().unwrap_or_default()))
    }

    /// The language's own name, such as `English`.
    pub fn name(&self, language: usize) -> String {
        self.translate(language, &Message::new(NAME))
    }

    /// The sentence of a message. A key that no catalogue has is returned as it is.
    pub fn translate(&self, language: usize, message: &Message) -> String {
        self.translate_as(language, message, None)
    }

    /// The sentence of a message for somebody at the desk: that of attribute `.desk` where there is one, which names pages in
    /// place of commands.
    pub fn translate_for_desk(&self, language: usize, message: &Message) -> String {
        self.translate_as(language, message, Some(DESK))
    }

    fn translate_as(&self, language: usize, message: &Message, attribute: Option<&str>) -> String {
        let args = message.args.iter().map(|(name, value)| {
            let value = match value {
                Argument::Text(text) => argument(text),
                Argument::Messages(messages) => {
                    joined(messages.iter().map(|inner| self.translate_as(language, inner, attribute)))
                }
            };
            (*name, value)
        });
        self.format(language, message.key, args.collect(), attribute)
    }

    /// The sentence of a packed message (`Message::pack`); any other text is returned as it is.
    pub fn translate_packed(&self, language: usize, packed: &str) -> String {
        let stored = StoredMessage::parse(packed);
        stored.map_or_else(|| packed.to_owned(), |message| self.translate_stored(language, &message))
    }

    fn translate_stored(&self, language: usize, message: &StoredMessage) -> String {
        let args = message.args.iter().map(|(name, value)| {
            let value = match value {
                StoredArgument::Text(text) => argument(text),
                StoredArgument::Messages(messages) => {
                    joined(messages.iter().map(|inner| self.translate_stored(language, inner)))
                }
            };
            (name.as_str(), value)
        });
        self.format(language, &message.key, args.collect(), None)
    }

    fn format(&self, language: usize, key: &str, args: FluentArgs<'_>, attribute: Option<&str>) -> String {
        let find = |language: usize| {
            let bundle = self.languages.get(language)?.bundle();
            let message = bundle.get_message(key)?;
            let other = attribute.and_then(|name| Some(message.get_attribute(name)?.value()));
            Some((bundle, other.or(message.value())?))
        };
        match find(language).or_else(|| find(self.default)) {
            Some((bundle, pattern)) => bundle.format_pattern(pattern, Some(&args), &mut Vec::new()).into_owned(),
            None => key.to_owned(),
        }
    }
}

/// Sentences as one value.
fn joined(sentences: impl Iterator<Item = String>) -> FluentValue<'static> {
    FluentValue::from(sentences.collect::<Vec<_>>().join(" "))
}

/// Passes whole numbers as numbers, so that plural rules apply. Text that a number would be shown differently from, such as
/// `007` or `+5`, stays text.
fn argument(value: &str) -> FluentValue<'_> {
    match value.parse::<i64>() {
        Ok(number) if value.len() < 16 && number.to_string() == value => FluentValue::try_number(value),
        _ => FluentValue::from(value),
    }
}

fn bundle(tag: &str, texts: &[impl AsRef<str>]) -> FluentBundle<FluentResource> {
    let mut bundle = FluentBundle::new_concurrent(vec![tag.parse::<LanguageIdentifier>().unwrap_or_default()]);
    bundle.set_use_isolating(false);
    for text in texts {
        let resource = FluentResource::try_new(text.as_ref().to_owned()).unwrap_or_else(|(resource, _)| resource);
        // A duplicate key keeps its first sentence; the tests of the catalogues find it.
        let _ = bundle.add_resource(resource);
    }
    bundle
}

fn status(bundle: &FluentBundle<FluentResource>) -> Option<String> {
    let status = bundle.get_message(NAME)?.get_attribute("status")?;
    Some(bundle.format_pattern(status.value(), None, &mut Vec::new()).into_owned())
}
