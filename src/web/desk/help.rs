//! Pages of help: short texts for the users of the desk in both languages, found by topic or by a word.

use askama::Template;
use axum::extract::RawPathParams;
use axum::response::{IntoResponse, Response};

use super::visit::{Params, Visit};
use crate::content::plain_to_html;
use crate::infra::i18n::Lang;
use crate::usecase::Action;
use crate::web::refusal::Refusal;

/// A topic: its name in the address, and its text in English and in Russian. A text begins with its title.
struct Topic {
    name: &'static str,
    english: &'static str,
    russian: &'static str,
}

macro_rules! topics {
    ($($name:literal),+ $(,)?) => {
        &[$(Topic {
            name: $name,
            english: include_str!(concat!("../../../docs/help/en/", $name, ".md")),
            russian: include_str!(concat!("../../../docs/help/ru/", $name, ".md")),
        }),+]
    };
}

const TOPICS: &[Topic] = topics!["start", "people", "import", "segments", "campaigns", "privacy", "team", "words"];

impl Topic {
    fn text(&self, lang: Lang) -> &'static str {
        if lang.as_str() == "ru" { self.russian } else { self.english }
    }

    fn title(&self, lang: Lang) -> &'static str {
        self.text(lang).lines().next().unwrap_or_default().trim_start_matches("# ")
    }
}

#[derive(Template)]
#[template(path = "desk/help.html")]
struct HelpPage {
    visit: Visit,
    title: String,
    /// The topic that is shown; empty for what was found.
    name: &'static str,
    topics: Vec<(&'static str, &'static str)>,
    query: String,
    /// The text as HTML. It is our own.
    text: String,
    /// Topics with the word that was searched for: name, title, and a sentence.
    found: Vec<(&'static str, &'static str, String)>,
}

/// `GET /help?q=`: the first topic, or the topics that have a word.
pub async fn search(visit: Visit, params: Params) -> Result<Response, Refusal> {
    let query = params.get("q").to_owned();
    if query.is_empty() {
        return Ok(visit.go("help/start", ""));
    }
    let lang = visit.frame.lang;
    let found = find(&query, lang);
    let page = HelpPage {
        title: visit.tr("desk-help"),
        name: "",
        topics: topics(lang),
        query,
        text: String::new(),
        found,
        visit,
    };
    Ok(page.visit.show(&page))
}

/// `GET /help/{page}`
pub async fn read(visit: Visit, params: RawPathParams) -> Result<Response, Refusal> {
    let asked = params.iter().find(|(name, _)| *name == "page").map(|(_, value)| value);
    let topic = TOPICS.iter().find(|topic| Some(topic.name) == asked).ok_or_else(Refusal::unknown)?;
    let lang = visit.frame.lang;
    let page = HelpPage {
        title: topic.title(lang).to_owned(),
        name: topic.name,
        topics: topics(lang),
        query: String::new(),
        text: plain_to_html(topic.text(lang)),
        found: Vec::new(),
        visit,
    };
    Ok(page.visit.show(&page).into_response())
}

/// The topic of a page, by the beginning of its path within the workspace.
pub fn topic_of(path: &str) -> &'static str {
    let mut parts = path.split('/');
    match (parts.next().unwrap_or_default(), parts.next().unwrap_or_default()) {
        ("people", "import") | ("imports", _) => "import",
        ("people" | "lists", _) => "people",
        ("segments", _) => "segments",
        ("campaigns" | "series" | "reports" | "exports" | "emails", _) => "campaigns",
        ("privacy", _) => "privacy",
        ("settings", "team" | "users") => "team",
        _ => "start",
    }
}

fn topics(lang: Lang) -> Vec<(&'static str, &'static str)> {
    TOPICS.iter().map(|topic| (topic.name, topic.title(lang))).collect()
}

/// The topics whose text has all words of a query, each with its first line that has one of them.
fn find(query: &str, lang: Lang) -> Vec<(&'static str, &'static str, String)> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let has = |line: &str| {
        let line = line.to_lowercase();
        words.iter().any(|word| line.contains(word))
    };
    let found = TOPICS.iter().filter(|topic| {
        let text = topic.text(lang).to_lowercase();
        words.iter().all(|word| text.contains(word))
    });
    let excerpt = |topic: &Topic| {
        let line = topic.text(lang).lines().skip(1).find(|line| has(line)).unwrap_or_default();
        line.trim_matches(['|', ' ', '*']).replace(['*', '`'], "")
    };
    found.map(|topic| (topic.name, topic.title(lang), excerpt(topic))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_link_of_help_leads_to_a_topic_and_both_languages_have_the_same() {
        for topic in TOPICS {
            let links = |text: &str| -> Vec<String> {
                text.split("](").skip(1).filter_map(|rest| Some(rest.split_once(')')?.0.to_owned())).collect()
            };
            let (english, russian) = (links(topic.english), links(topic.russian));
            assert_eq!(english, russian, "{}", topic.name);
            for link in english {
                assert!(TOPICS.iter().any(|other| other.name == link), "{} links to {link}", topic.name);
            }
            assert!(topic.english.starts_with("# ") && topic.russian.starts_with("# "), "{}", topic.name);
        }
    }

    #[test]
    fn words_are_found_in_any_case() {
        let names = |query| find(query, Lang::EN).into_iter().map(|(name, ..)| name).collect::<Vec<_>>();
        assert_eq!(names("UNDO import"), ["import"]);
        assert!(names("xyzzy").is_empty());
    }
}
