//! The settings at the beginning of a campaign file, between two lines `+++` (TOML). Every mistake is reported with its
//! line, all at once.

use toml::{Table, Value};

use crate::content::link::LinkSettings;
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;

/// The settings that there are.
pub const KEYS: &[&str] = &[
    "name",
    "list",
    "segment",
    "from",
    "reply-to",
    "subject",
    "preheader",
    "layout",
    "language",
    "tracking",
    "link-hosts",
    "utm",
    "at",
    "at-local",
    "zone",
    "zone-field",
    "until",
    "hold",
    "every",
    "on",
    "late",
    "relay",
    "uncertain",
];

/// The parameters of `utm`.
const UTM: &[&str] = &["source", "medium", "campaign", "term", "content", "id"];

/// The settings of one file, and the mistakes found so far.
pub struct FrontMatter<'t> {
    text: &'t str,
    table: Table,
    problems: Vec<Message>,
}

impl<'t> FrontMatter<'t> {
    /// Parses settings. `text` is preceded by as many empty lines as there are lines before it in the file.
    ///
    /// # Errors
    /// Invalid, with the line, if the text is not TOML.
    pub fn parse(text: &'t str) -> Result<Self> {
        let table: Table = toml::from_str(text).map_err(|error| syntax_error(text, &error))?;
        let mut front = Self { text, table, problems: Vec::new() };
        let unknown: Vec<_> = front.table.keys().filter(|key| !is_known(key)).cloned().collect();
        for key in unknown {
            let near = KEYS.iter().max_by(|a, b| strsim::jaro(a, &key).total_cmp(&strsim::jaro(b, &key)));
            let message = Message::new("campaign-key-unknown").with("key", &key).with("near", near.unwrap_or(&"name"));
            let message = message.with("line", front.line(&key));
            front.problems.push(message);
        }
        Ok(front)
    }

    /// A setting that is a text.
    pub fn text(&mut self, key: &str) -> Option<String> {
        match self.take(key)? {
            Value::String(text) => Some(text),
            _ => self.refuse_type(key, "campaign-key-text"),
        }
    }

    /// A setting that is a text and must be there; `None` with a mistake.
    pub fn needed(&mut self, key: &'static str) -> Option<String> {
        let is_misspelt = self.problems.iter().any(|problem| problem.text("near") == key);
        if !self.table.contains_key(key) && !is_misspelt {
            self.problems.push(Message::new("campaign-key-missing").with("key", key));
        }
        self.text(key)
    }

    /// A setting that is one of a few words.
    pub fn word<T: std::str::FromStr<Err = Error>>(&mut self, key: &str, default: &str) -> Option<T> {
        let text = self.text(key).unwrap_or_else(|| default.to_owned());
        let line = self.line(key);
        self.check(text.parse::<T>().map_err(|error| {
            let message = Message::new("campaign-key-word").with("line", line).with("key", key).with("word", &text);
            message.with("known", error.message().text("known"))
        }))
    }

    /// A language of the catalogues.
    pub fn language(&mut self, tag: &str) -> Option<Lang> {
        let found = tag.trim().parse().ok();
        if found.is_none() {
            let known = Lang::ALL.iter().map(Lang::to_string).collect::<Vec<_>>().join(", ");
            self.refuse("language", Message::new("campaign-language").with("tag", tag).with("known", known));
        }
        found
    }

    /// What is set for all links. `utm = true` names source, medium and the campaign; `utm = "x"` another campaign; a table
    /// `utm = { source = "…" }` each parameter.
    pub fn links(&mut self, campaign: &str) -> LinkSettings {
        let mut links = LinkSettings::default();
        for host in self.texts("link-hosts") {
            match LinkSettings::parse_host(&host) {
                Some(host) => links.hosts.push(host),
                None => self.refuse("link-hosts", Message::new("campaign-link-host").with("host", host)),
            }
        }
        let value = self.take("utm");
        let mut chosen =
            [("source", "newsletter".to_owned()), ("medium", "email".to_owned()), ("campaign", campaign.to_owned())]
                .map(|(name, text)| (name.to_owned(), text))
                .to_vec();
        match value {
            None | Some(Value::Boolean(false)) => return links,
            Some(Value::Boolean(true)) => {}
            Some(Value::String(name)) => chosen[2].1 = name,
            Some(Value::Table(table)) => {
                for (name, value) in table {
                    let (true, Value::String(text)) = (UTM.contains(&name.as_str()), value) else {
                        self.refuse("utm", Message::new("campaign-utm").with("name", name));
                        continue;
                    };
                    match chosen.iter_mut().find(|(known, _)| *known == name) {
                        Some((_, own)) => *own = text,
                        None => chosen.push((name, text)),
                    }
                }
            }
            Some(_) => self.refuse("utm", Message::new("campaign-utm").with("name", "utm")),
        }
        if let Some((_, text)) = chosen.iter().find(|(_, text)| text.contains(['{', '}', '\n'])) {
            self.refuse("utm", Message::new("campaign-utm-tag").with("text", text));
        }
        chosen.retain(|(_, text)| !text.trim().is_empty());
        links.parameters = chosen.into_iter().map(|(name, text)| (format!("utm_{name}"), text)).collect();
        links
    }

    /// A time or a number as text, written with quotes or without.
    pub fn scalar(&mut self, key: &str) -> Option<String> {
        Some(match self.take(key)? {
            Value::String(text) => text,
            other => other.to_string(),
        })
    }

    /// A setting that is one text or a list of texts.
    pub fn texts(&mut self, key: &str) -> Vec<String> {
        let texts = match self.take(key) {
            None => return Vec::new(),
            Some(Value::String(text)) => Some(vec![text]),
            Some(Value::Array(values)) => values
                .into_iter()
                .map(|value| if let Value::String(text) = value { Some(text) } else { None })
                .collect::<Option<Vec<_>>>(),
            Some(_) => None,
        };
        texts.or_else(|| self.refuse_type(key, "campaign-key-texts")).unwrap_or_default()
    }

    /// A setting of any type.
    pub fn take(&mut self, key: &str) -> Option<Value> {
        let underscored = key.replace('-', "_");
        self.table.remove(key).or_else(|| self.table.remove(&underscored))
    }

    /// What `parse` makes of a value; a refusal is recorded as a mistake.
    pub fn check<T>(&mut self, parsed: Result<T, Message>) -> Option<T> {
        parsed.map_err(|message| self.problems.push(message)).ok()
    }

    /// Records a mistake of a setting on its line.
    pub fn refuse(&mut self, key: &str, message: Message) {
        let message = message.with("line", self.line(key));
        self.problems.push(message);
    }

    fn refuse_type<T>(&mut self, key: &str, message: &'static str) -> Option<T> {
        self.refuse(key, Message::new(message).with("key", key));
        None
    }

    /// The mistakes.
    pub fn finish(self) -> Vec<Message> {
        self.problems
    }

    /// The line on which a setting stands.
    fn line(&self, key: &str) -> usize {
        let same = |written: &str| {
            written.trim().trim_matches(['[', ']', '"', '\'']).replace('_', "-") == key.replace('_', "-")
        };
        let at = self.text.lines().position(|line| same(line.split(['=', '.']).next().unwrap_or_default()));
        at.map_or(1, |at| at + 1)
    }
}

/// Names of two words may be written with an underscore.
fn is_known(key: &str) -> bool {
    KEYS.contains(&key) || KEYS.contains(&key.replace('_', "-").as_str())
}

/// Splits a file into settings and email. Each is preceded by as many empty lines as there are lines before it in the
/// file, so that errors name the line of the file.
pub fn split(text: &str) -> Result<(String, String)> {
    let missing = || Message::new("campaign-front").invalid();
    let mut end = 0;
    let mut lines = text
        .split_inclusive('\n')
        .enumerate()
        .map(|(number, line)| {
            let start = end;
            end += line.len();
            (number + 1, line.trim_end(), start, end)
        })
        .skip_while(|(_, line, ..)| line.is_empty());
    let (above, _, _, front) = lines.next().filter(|(_, line, ..)| line.trim() == "+++").ok_or_else(missing)?;
    let (before, _, close, body) = lines.find(|(_, line, ..)| *line == "+++").ok_or_else(missing)?;
    Ok(("\n".repeat(above) + &text[front..close], "\n".repeat(before) + &text[body..]))
}

/// What is wrong with a line that is not TOML, as a word of the message.
fn syntax_mistake(line: &str) -> &'static str {
    let Some((key, value)) = line.split_once('=') else { return "equals" };
    let (key, value) = (key.trim(), value.trim());
    match value.chars().next() {
        _ if key.contains(' ') && !key.starts_with('"') => "key",
        None => "empty",
        Some('“' | '”' | '„' | '«' | '‘' | '’') => "curly",
        Some('"') if value.contains('\\') => "backslash",
        Some('"' | '\'') => "quote",
        Some(_) => "bare",
    }
}

/// Error of a text that is not TOML: line of the file and key.
fn syntax_error(front: &str, error: &toml::de::Error) -> Error {
    let text = error.message();
    let start = error.span().map_or(0, |span| span.start.min(front.len()));
    let above = front[..start].matches('\n').count();
    let key = || front.lines().nth(above).and_then(|line| line.split('=').next()).unwrap_or_default().trim();
    let message = match text.starts_with("duplicate key") {
        true => Message::new("campaign-key-twice").with("key", key()),
        false => {
            let line = front.lines().nth(above).unwrap_or_default();
            Message::new("campaign-toml").with("key", key()).with("cause", syntax_mistake(line))
        }
    };
    message.with("line", above + 1).invalid()
}
