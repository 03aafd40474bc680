//! Translation catalogues in Fluent format, one bundle per language. A key that a language lacks is taken from the
//! default language. Plural rules are those of CLDR, from the crate `fluent-bundle`.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource, FluentValue};
use unic_langid::LanguageIdentifier;

use crate::infra::error::message::{Argument, Message, StoredArgument, StoredMessage};

/// Key of the language's own name; its attribute `.status` is `default`, `complete` or absent (a translation in
/// progress).
const NAME: &str = "language-name";

/// The attribute of a message that is worded otherwise at the desk.
const DESK: &str = "desk";

/// The catalogues of all languages.
pub struct Catalogues {
    bundles: Vec<(String, FluentBundle<FluentResource>)>,
    default: usize,
}

impl Catalogues {
    /// Parses the texts of each language. A text with a syntax error loses the entry concerned; the tests of the
    /// catalogues find it.
    pub fn parse<'a, T: AsRef<str>>(languages: impl IntoIterator<Item = (&'a str, Vec<T>)>) -> Self {
        let bundles: Vec<_> = languages.into_iter().map(|(tag, texts)| (tag.to_owned(), bundle(tag, &texts))).collect();
        let default = bundles.iter().position(|(_, bundle)| status(bundle).as_deref() == Some("default")).unwrap_or(0);
        Self { bundles, default }
    }

    /// Position of the default language.
    pub fn default_language(&self) -> usize {
        self.default
    }

    /// Position of the language that fits a tag best: `pt-BR` before `pt`, in any case; `None` without one.
    pub fn find(&self, tag: &str) -> Option<usize> {
        let find = |tag: &str| self.bundles.iter().position(|(own, _)| own.eq_ignore_ascii_case(tag));
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
            let bundle = &self.bundles.get(language)?.1;
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
