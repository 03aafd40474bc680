//! Parses campaign files: TOML settings between two `+++` lines, then the email in Markdown or HTML. The file holds the
//! whole campaign, so that it can be compared and kept in version control.

use serde::{Deserialize, Serialize};

use super::schedule::{Schedule, ScheduleText};
use super::uncertain_policy::UncertainPolicy;
use crate::audience::address::{Address, is_hidden};
use crate::content::email::{EmailSource, Format, Layout, Tracking};
use crate::infra::error::{Message, Result};

/// A parsed campaign file.
#[derive(Debug, Clone)]
pub struct CampaignFile {
    /// Name of the campaign.
    pub name: String,
    /// Name of the list.
    pub list: String,
    /// Name of the segment that narrows the list.
    pub segment: Option<String>,
    /// Mailbox of header From.
    pub from: Sender,
    /// Name of the only relay that may send the campaign.
    pub relay: Option<String>,
    /// Mailbox of header Reply-To.
    pub reply_to: Option<Sender>,
    /// The email.
    pub draft: EmailSource,
    /// Start, latest time, hold and recurrence.
    pub schedule: Schedule,
    /// What happens to deliveries whose reply was lost.
    pub uncertain_policy: UncertainPolicy,
}

/// A mailbox with a name, as in `Shop <news@example.org>`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sender {
    /// Display name; may be empty.
    pub name: String,
    /// Address in the owner's spelling.
    pub address: String,
}

impl std::fmt::Debug for Sender {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

impl Sender {
    /// Parses `Name <address>` or a bare address.
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

    /// The address.
    ///
    /// # Errors
    /// Invalid if an earlier version, whose rules were laxer, accepted and stored the sender.
    pub fn mailbox(&self) -> Result<Address> {
        Address::parse(&self.address).map_err(|_| Message::new("campaign-sender-invalid").invalid_field("from"))
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

/// Maximum length of a campaign file in bytes. Mail programs clip a message long before.
pub const MAX_BYTES: usize = 1 << 20;

impl CampaignFile {
    /// Parses a campaign file. `format` follows from the extension of its name.
    ///
    /// # Errors
    /// Invalid, with the line where a setting is wrong.
    pub fn parse(text: &str, format: Format) -> Result<Self> {
        if text.len() > MAX_BYTES {
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
        let schedule = Schedule::parse(ScheduleText {
            at: front.at.map(text_of),
            at_local: front.at_local.map(text_of),
            zone: front.zone,
            zone_field: front.zone_field,
            until: front.until.map(text_of),
            hold: front.hold.map(text_of),
            every: front.every,
            on: front.on.map(text_of),
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
            uncertain_policy: front.uncertain.as_deref().unwrap_or("hold").parse()?,
        })
    }
}

/// Splits a file into settings and email. Each is preceded by as many empty lines as there are lines before it in the
/// file, so that errors name the line of the file.
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

/// Error of the settings: line of the file, key, and for a misspelt key the nearest known one.
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

/// A time or a number as text, written with quotes or without.
fn text_of(value: toml::Value) -> String {
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

    const FILE: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Магазин <news@example.org>\"\nsubject = \"Осень\"\n+++\n# Привет\n";

    fn refusal(text: &str) -> Message {
        CampaignFile::parse(text, Format::Md).expect_err("a refusal").message()
    }

    fn arg<'a>(message: &'a Message, name: &str) -> &'a str {
        message.text(name)
    }

    #[test]
    fn all_parts_of_a_file_are_parsed() {
        let file = CampaignFile::parse(FILE, Format::Md).expect("reads");

        assert_eq!((file.name.as_str(), file.list.as_str()), ("autumn", "News"));
        assert_eq!(file.from.name, "Магазин");
        assert_eq!(file.from.address, "news@example.org");
        assert_eq!(file.draft.body, format!("{}# Привет\n", "\n".repeat(6)));
        assert_eq!(file.draft.tracking, Tracking::None);
        assert_eq!(file.uncertain_policy, UncertainPolicy::Hold);
    }

    #[test]
    fn uncertain_policy_is_parsed_hold_by_default() {
        let with = |line: &str| FILE.replace("+++\n#", &format!("{line}\n+++\n#"));

        let resend = CampaignFile::parse(&with("uncertain = \"resend\""), Format::Md).expect("reads");
        assert_eq!(resend.uncertain_policy, UncertainPolicy::Resend);
        assert_eq!(refusal(&with("uncertain = \"perhaps\"")).key, "unknown-word");
    }

    #[test]
    fn windows_line_ends_and_a_byte_order_mark_are_ignored() {
        let text = format!("\u{feff}{}", FILE.replace('\n', "\r\n"));

        assert_eq!(CampaignFile::parse(&text, Format::Md).expect("reads").draft.body.trim(), "# Привет");
    }

    #[test]
    fn errors_name_the_line() {
        let unknown = refusal(&FILE.replace("list =", "lisst ="));
        assert_eq!(unknown.key, "campaign-key-unknown");
        assert_eq!((arg(&unknown, "line"), arg(&unknown, "near")), ("3", "list"));

        assert_eq!(arg(&refusal(&FILE.replace("subject = \"Осень\"\n", "")), "key"), "subject");
        assert_eq!(refusal("# Привет").key, "campaign-front");
        assert_eq!(refusal(&FILE.replace("news@example.org", "nobody")).key, "campaign-sender");
        assert_eq!(arg(&refusal(&FILE.replace("\"Осень\"", "Осень")), "line"), "5");
        assert_eq!(refusal(&FILE.replace("+++\n#", "layout = \"fancy\"\n+++\n#")).key, "unknown-word");
    }

    #[test]
    fn lines_are_counted_from_the_start_of_the_file() {
        let lower = format!("\n \n{}", FILE.replace("+++\n", "+++ \t\n"));

        assert_eq!(
            CampaignFile::parse(&lower, Format::Md).expect("reads").draft.body,
            format!("{}# Привет\n", "\n".repeat(8))
        );
        assert_eq!(arg(&refusal(&lower.replace("list =", "lisst =")), "line"), "5");
        let old_mac = CampaignFile::parse(&FILE.replace('\n', "\r"), Format::Md).expect("reads");
        assert_eq!(old_mac.draft.body.trim(), "# Привет");
    }

    #[test]
    fn a_setting_of_a_wrong_type_or_given_twice_is_refused() {
        for (wrong, key, setting) in [
            ("name = 5", "campaign-key-text", "name"),
            ("name = [\"autumn\"]", "campaign-key-text", "name"),
            ("name = \"autumn\"\nname = \"winter\"", "campaign-key-twice", "name"),
            ("name = autumn", "campaign-toml", ""),
        ] {
            let message = refusal(&FILE.replace("name = \"autumn\"", wrong));
            assert_eq!((message.key, arg(&message, "key")), (key, setting), "{wrong}");
        }
        assert_eq!(refusal(&FILE.replace("+++\n#", "zone = \"Mars\"\n+++\n#")).key, "campaign-zone");
    }

    #[test]
    fn times_are_parsed_with_and_without_quotes() {
        let with = |line: &str| FILE.replace("+++\n#", &format!("{line}\n+++\n#"));
        let moscow = with("at = 2026-12-01 10:00:00\nzone = \"Europe/Moscow\"\nhold = 30");
        let schedule = CampaignFile::parse(&moscow, Format::Md).expect("reads").schedule;
        let Some(Start::At(start)) = schedule.start else { panic!("a time") };
        assert_eq!(start.at, ZonedTime::parse("2026-12-01T07:00:00Z", None).expect("a time").at);
        assert_eq!(schedule.hold, Some(30));

        assert_eq!(refusal(&with("at = \"tomorrow\"")).key, "campaign-time");
        assert_eq!(refusal(&with("every = \"week\"\nat = \"09:00\"\non = 31")).key, "series-on");
        assert_eq!(arg(&refusal(&with("untill = \"x\"")), "near"), "until");
    }
}
