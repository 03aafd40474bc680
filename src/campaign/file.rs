//! A campaign as a file: TOML between two `+++` lines, then the letter in Markdown or HTML. The file
//! is the campaign: it can be read, compared and kept beside code.

use serde::{Deserialize, Serialize};

use super::delivery::uncertain::UncertainPolicy;
use super::schedule::{Schedule, ScheduleText};
use crate::audience::address::{Address, is_hidden};
use crate::content::email::{EmailSource, Format, Layout, Tracking};
use crate::infra::error::{Message, Result};

/// What a campaign file says.
#[derive(Debug, Clone)]
pub struct File {
    /// The campaign's name.
    pub name: String,
    /// The list it is sent to.
    pub list: String,
    /// The segment that narrows the list.
    pub segment: Option<String>,
    /// Who writes.
    pub from: Sender,
    /// The relay that is to carry it, where it must be this one.
    pub relay: Option<String>,
    /// Where answers go, when not to the sender.
    pub reply_to: Option<Sender>,
    /// The letter.
    pub draft: EmailSource,
    /// When it is sent.
    pub schedule: Schedule,
    /// What becomes of letters whose answer was lost.
    pub fate: UncertainPolicy,
}

/// A mailbox with a name, as in `Shop <news@example.org>`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// The displayed name; may be empty.
    pub name: String,
    /// The address as its owner spells it.
    pub address: String,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Sender {
    /// Reads `Name <address>` or a bare address.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        let (name, address) = match text.strip_suffix('>').and_then(|rest| rest.rsplit_once('<')) {
            Some((name, address)) => (name.trim().trim_matches('"').trim(), address),
            None => ("", text),
        };
        let address = Address::parse(address).ok()?;
        (!name.chars().any(is_hidden) && name.len() <= 200)
            .then(|| Self { name: name.to_owned(), address: address.expose() })
    }

    /// The address, which was checked when it was read.
    pub fn mailbox(&self) -> Address {
        Address::parse(&self.address).expect("a sender is only ever made from a parsed address")
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Front {
    name: String,
    list: String,
    segment: Option<String>,
    from: String,
    #[serde(alias = "reply_to")]
    reply_to: Option<String>,
    relay: Option<String>,
    subject: String,
    preheader: Option<String>,
    layout: Option<String>,
    tracking: Option<String>,
    at: Option<toml::Value>,
    at_local: Option<toml::Value>,
    zone: Option<String>,
    zone_field: Option<String>,
    until: Option<toml::Value>,
    hold: Option<toml::Value>,
    every: Option<String>,
    on: Option<toml::Value>,
    late: Option<String>,
    uncertain: Option<String>,
}

/// Longest campaign file, in bytes; a letter is clipped by mail programs long before.
pub const LONGEST: usize = 1 << 20;

impl File {
    /// Reads a campaign file. `format` follows from the ending of its name.
    pub fn parse(text: &str, format: Format) -> Result<Self> {
        if text.len() > LONGEST {
            return Err(Message::new("campaign-file-long").invalid());
        }
        if text.contains('\0') {
            return Err(Message::new("campaign-file-binary").invalid());
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let (front, body) = split(&text)?;
        let front: Front = toml::from_str(&front).map_err(|error| front_error(&front, &error))?;
        let name = front.name.trim();
        if name.is_empty() || name.chars().count() > 100 || name.chars().any(is_hidden) {
            return Err(Message::new("campaign-name").invalid_field("name"));
        }
        let sender = |field: &'static str, text: &str| {
            Sender::parse(text).ok_or_else(|| {
                Message::new("campaign-sender").with("field", field).with("text", text).invalid_field("from")
            })
        };
        let schedule = Schedule::read(ScheduleText {
            at: front.at.map(plain),
            at_local: front.at_local.map(plain),
            zone: front.zone,
            zone_field: front.zone_field,
            until: front.until.map(plain),
            hold: front.hold.map(plain),
            every: front.every,
            on: front.on.map(plain),
            late: front.late,
        })?;
        Ok(Self {
            name: name.to_owned(),
            list: front.list,
            segment: front.segment.filter(|segment| !segment.trim().is_empty()),
            from: sender("from", &front.from)?,
            relay: front.relay.filter(|relay| !relay.trim().is_empty()),
            reply_to: front.reply_to.as_deref().map(|text| sender("reply-to", text)).transpose()?,
            draft: EmailSource {
                subject: front.subject,
                preheader: front.preheader.unwrap_or_default(),
                layout: front.layout.as_deref().unwrap_or("plain").parse::<Layout>()?,
                format,
                body,
                tracking: front.tracking.as_deref().unwrap_or("none").parse::<Tracking>()?,
            },
            schedule,
            fate: front.uncertain.as_deref().unwrap_or("hold").parse()?,
        })
    }
}

/// The settings and the letter. Each is preceded by as many empty lines as there are lines before it
/// in the file, so that a mistake in it is named by the line of the file.
fn split(text: &str) -> Result<(String, String)> {
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

const KEYS: &[&str] = &[
    "name",
    "list",
    "segment",
    "from",
    "reply-to",
    "subject",
    "preheader",
    "layout",
    "tracking",
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

/// Names the line of the file, the key and, for a misspelt key, the one that was meant.
fn front_error(front: &str, error: &toml::de::Error) -> crate::infra::error::Error {
    let text = error.message();
    let start = error.span().map_or(0, |span| span.start.min(front.len()));
    let above = front[..start].matches('\n').count();
    let key = || front.lines().nth(above).and_then(|line| line.split('=').next()).unwrap_or_default().trim();
    let quoted = text.split('`').nth(1).unwrap_or_default();
    let message = if text.starts_with("unknown field") {
        let near = KEYS.iter().max_by(|a, b| strsim::jaro(a, quoted).total_cmp(&strsim::jaro(b, quoted)));
        Message::new("campaign-key-unknown").with("key", quoted).with("near", near.unwrap_or(&"name"))
    } else if text.starts_with("missing field") {
        return Message::new("campaign-key-missing").with("key", quoted).invalid();
    } else if text.starts_with("duplicate key") {
        Message::new("campaign-key-twice").with("key", key())
    } else if text.starts_with("invalid type") {
        Message::new("campaign-key-text").with("key", key())
    } else {
        Message::new("campaign-toml")
    };
    message.with("line", above + 1).invalid()
}

/// A time or a number as it is written, with quotes or without.
fn plain(value: toml::Value) -> String {
    match value {
        toml::Value::String(text) => text,
        other => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::campaign::schedule::Start;
    use crate::campaign::zoned_time::ZonedTime;

    const LETTER: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Магазин <news@example.org>\"\nsubject = \"Осень\"\n+++\n# Привет\n";

    fn refusal(text: &str) -> Message {
        File::parse(text, Format::Md).expect_err("a refusal").message()
    }

    fn arg<'a>(message: &'a Message, name: &str) -> &'a str {
        message.args.iter().find(|(key, _)| *key == name).map_or("", |(_, value)| value)
    }

    #[test]
    fn a_file_is_read_whole() {
        let file = File::parse(LETTER, Format::Md).expect("reads");

        assert_eq!((file.name.as_str(), file.list.as_str()), ("autumn", "News"));
        assert_eq!(file.from.name, "Магазин");
        assert_eq!(file.from.address, "news@example.org");
        assert_eq!(file.draft.body, format!("{}# Привет\n", "\n".repeat(6)));
        assert_eq!(file.draft.tracking, Tracking::None);
        assert_eq!(file.fate, UncertainPolicy::Hold);
    }

    #[test]
    fn a_campaign_chooses_what_becomes_of_lost_answers() {
        let with = |line: &str| LETTER.replace("+++\n#", &format!("{line}\n+++\n#"));

        let resend = File::parse(&with("uncertain = \"resend\""), Format::Md).expect("reads");
        assert_eq!(resend.fate, UncertainPolicy::Resend);
        assert_eq!(refusal(&with("uncertain = \"perhaps\"")).key, "unknown-word");
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_change_nothing() {
        let text = format!("\u{feff}{}", LETTER.replace('\n', "\r\n"));

        assert_eq!(File::parse(&text, Format::Md).expect("reads").draft.body.trim(), "# Привет");
    }

    #[test]
    fn mistakes_are_named_with_their_line() {
        let unknown = refusal(&LETTER.replace("list =", "lisst ="));
        assert_eq!(unknown.key, "campaign-key-unknown");
        assert_eq!((arg(&unknown, "line"), arg(&unknown, "near")), ("3", "list"));

        assert_eq!(arg(&refusal(&LETTER.replace("subject = \"Осень\"\n", "")), "key"), "subject");
        assert_eq!(refusal("# Привет").key, "campaign-front");
        assert_eq!(refusal(&LETTER.replace("news@example.org", "nobody")).key, "campaign-sender");
        assert_eq!(arg(&refusal(&LETTER.replace("\"Осень\"", "Осень")), "line"), "5");
        assert_eq!(refusal(&LETTER.replace("+++\n#", "layout = \"fancy\"\n+++\n#")).key, "unknown-word");
    }

    #[test]
    fn lines_are_counted_from_the_top_of_the_file() {
        let lower = format!("\n \n{}", LETTER.replace("+++\n", "+++ \t\n"));

        assert_eq!(File::parse(&lower, Format::Md).expect("reads").draft.body, format!("{}# Привет\n", "\n".repeat(8)));
        assert_eq!(arg(&refusal(&lower.replace("list =", "lisst =")), "line"), "5");
        let old_mac = File::parse(&LETTER.replace('\n', "\r"), Format::Md).expect("reads");
        assert_eq!(old_mac.draft.body.trim(), "# Привет");
    }

    #[test]
    fn a_setting_that_is_no_text_or_stands_twice_is_named() {
        for (wrong, key, setting) in [
            ("name = 5", "campaign-key-text", "name"),
            ("name = [\"autumn\"]", "campaign-key-text", "name"),
            ("name = \"autumn\"\nname = \"winter\"", "campaign-key-twice", "name"),
            ("name = autumn", "campaign-toml", ""),
        ] {
            let message = refusal(&LETTER.replace("name = \"autumn\"", wrong));
            assert_eq!((message.key, arg(&message, "key")), (key, setting), "{wrong}");
        }
        assert_eq!(refusal(&LETTER.replace("+++\n#", "zone = \"Mars\"\n+++\n#")).key, "campaign-zone");
    }

    #[test]
    fn times_are_read_with_quotes_and_without() {
        let with = |line: &str| LETTER.replace("+++\n#", &format!("{line}\n+++\n#"));
        let moscow = with("at = 2026-12-01 10:00:00\nzone = \"Europe/Moscow\"\nhold = 30");
        let schedule = File::parse(&moscow, Format::Md).expect("reads").schedule;
        let Some(Start::At(moment)) = schedule.start else { panic!("a moment") };
        assert_eq!(moment.at, ZonedTime::parse("2026-12-01T07:00:00Z", None).expect("a time").at);
        assert_eq!(schedule.hold, Some(30));

        assert_eq!(refusal(&with("at = \"tomorrow\"")).key, "campaign-time");
        assert_eq!(refusal(&with("every = \"week\"\nat = \"09:00\"\non = 31")).key, "series-on");
        assert_eq!(arg(&refusal(&with("untill = \"x\"")), "near"), "until");
    }
}
