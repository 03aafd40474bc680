//! Parses campaign files: TOML settings between two `+++` lines, then the email in Markdown or HTML. The file holds the
//! whole campaign, so that it can be compared and kept in version control.

use super::front_matter::{FrontMatter, split};
use super::mistakes;
use super::schedule::{Schedule, ScheduleText};
pub use super::sender::Sender;
use super::uncertain_policy::UncertainPolicy;
use crate::audience::address::is_hidden;
use crate::content::email::{EmailSource, Format, Layout, Tracking};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;

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
    /// The language of the email; `None` for the installation's.
    pub language: Option<Lang>,
}

/// The mistakes of the settings of a file, and its email as far as it could be read.
#[derive(Debug)]
pub struct FileMistakes {
    /// The mistakes; at least one.
    pub problems: Vec<Message>,
    /// The email; `None` if there are no settings.
    pub draft: Option<Box<EmailSource>>,
}

/// Maximum length of a campaign file in bytes. Mail programs clip a message long before.
pub const MAX_BYTES: usize = 1 << 20;

/// Characters of a name.
const MAX_NAME_CHARS: usize = 100;

impl CampaignFile {
    /// Parses a campaign file. `format` follows from the extension of its name.
    ///
    /// # Errors
    /// Invalid, with the line where a setting is wrong.
    pub fn parse(text: &str, format: Format) -> Result<Self> {
        Self::parse_all(text, format).map_err(|mistakes| mistakes::combined(mistakes.problems))
    }

    /// The same; with mistakes, what could be read of the email is returned as well.
    ///
    /// # Errors
    /// The mistakes of the settings.
    pub fn parse_all(text: &str, format: Format) -> Result<Self, FileMistakes> {
        let unreadable = |error: Error| FileMistakes { problems: vec![error.message()], draft: None };
        if text.len() > MAX_BYTES {
            return Err(unreadable(Message::new("campaign-file-long").with("limit", MAX_BYTES / 1_024).invalid()));
        }
        if text.contains('\0') {
            return Err(unreadable(Message::new("campaign-file-binary").invalid()));
        }
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let (settings, body) = split(&text).map_err(unreadable)?;
        let mut front = FrontMatter::parse(&settings).map_err(unreadable)?;
        let name = front.needed("name").map(|name| name.trim().to_owned());
        let is_wrong =
            |name: &String| name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(is_hidden);
        if name.as_ref().is_some_and(is_wrong) {
            front.refuse("name", Message::new("campaign-name").with("limit", MAX_NAME_CHARS));
        }
        let name = name.unwrap_or_default();
        let list = front.needed("list").unwrap_or_default();
        let segment = front.text("segment").filter(|segment| !segment.trim().is_empty());
        let from = front.needed("from").map(|text| Sender::parse_setting("from", &text));
        let from = from.and_then(|parsed| front.check(parsed));
        let reply_to = front.text("reply-to").map(|text| Sender::parse_setting("reply-to", &text));
        let reply_to = reply_to.and_then(|parsed| front.check(parsed));
        let relay = front.text("relay").filter(|relay| !relay.trim().is_empty());
        let subject = front.needed("subject").unwrap_or_default();
        let preheader = front.text("preheader").unwrap_or_default();
        let layout = front.word("layout", "plain").unwrap_or(Layout::Plain);
        let tracking = front.word("tracking", "none").unwrap_or(Tracking::None);
        let uncertain_policy = front.word("uncertain", "hold").unwrap_or(UncertainPolicy::Hold);
        let language = front.text("language").and_then(|text| front.language(&text));
        let links = front.links(&name);
        let times = ScheduleText {
            at: front.scalar("at"),
            at_local: front.scalar("at-local"),
            zone: front.text("zone"),
            zone_field: front.text("zone-field"),
            until: front.scalar("until"),
            hold: front.scalar("hold"),
            every: front.text("every"),
            on: front.scalar("on"),
            late: front.text("late"),
        };
        let schedule = front.check(Schedule::parse(times).map_err(|error| error.message()));
        let draft = EmailSource { subject, preheader, layout, format, body, tracking, links };
        let problems = front.finish();
        let (Some(from), Some(schedule), true) = (from, schedule, problems.is_empty()) else {
            return Err(FileMistakes { problems, draft: Some(Box::new(draft)) });
        };
        Ok(Self { name, list, segment, from, relay, reply_to, draft, schedule, uncertain_policy, language })
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
        assert_eq!(refusal(&with("uncertain = \"perhaps\"")).key, "campaign-key-word");
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
        assert_eq!(refusal(&FILE.replace("Магазин <news@example.org>", "")).key, "campaign-sender");
        assert_eq!(refusal(&FILE.replace("news@example.org", "nobody")).key, "campaign-sender");
        assert_eq!(arg(&refusal(&FILE.replace("\"Осень\"", "Осень")), "line"), "5");
        assert_eq!(refusal(&FILE.replace("+++\n#", "layout = \"fancy\"\n+++\n#")).key, "campaign-key-word");
    }

    #[test]
    fn links_are_set_for_the_whole_campaign() {
        let with = |line: &str| CampaignFile::parse(&FILE.replace("+++\n#", &format!("{line}\n+++\n#")), Format::Md);
        let utm = |line: &str| -> Vec<String> {
            let links = with(line).expect(line).draft.links;
            links.parameters.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
        };
        assert_eq!(utm(""), [""; 0]);
        assert_eq!(utm("utm = false"), [""; 0]);
        assert_eq!(utm("utm = true"), ["utm_source=newsletter", "utm_medium=email", "utm_campaign=autumn"]);
        assert_eq!(utm("utm = \"x\""), ["utm_source=newsletter", "utm_medium=email", "utm_campaign=x"]);
        assert_eq!(
            utm("utm = { source = \"n\", medium = \"\", content = \"a\" }"),
            ["utm_source=n", "utm_campaign=autumn", "utm_content=a"]
        );
        let hosts = with("link-hosts = [\"Shop.example\", \"*.cdn.example\"]").expect("reads").draft.links.hosts;
        assert_eq!(hosts, ["shop.example", "*.cdn.example"]);
        for (line, key) in [
            ("utm = 5", "campaign-utm"),
            ("utm = { sorce = \"x\" }", "campaign-utm"),
            ("utm = \"{{ city }}\"", "campaign-utm-tag"),
            ("link-hosts = [\"https://a.example\"]", "campaign-link-host"),
            ("link-hosts = [1]", "campaign-key-texts"),
        ] {
            let refused = with(line).expect_err(line).message();
            assert_eq!((refused.key, refused.text("line")), (key, "6"), "{line}");
        }
    }

    #[test]
    fn all_mistakes_are_named_at_once() {
        let file = "+++\nname = \"a\"\nlisst = \"News\"\nfrom = \"nobody\"\nlayout = \"fancy\"\nhold = \"long\"\nlanguage = \"xx\"\n+++\nx";
        let message = refusal(file);
        assert_eq!((message.key, arg(&message, "count")), ("campaign-problems", "6"));
        let sentence = Lang::EN.translate(&message);
        for part in ["“lisst”", "“nobody”", "“subject” is missing", "fancy", "“xx”"] {
            assert!(sentence.contains(part), "{part}: {sentence}");
        }
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
            ("name = autumn", "campaign-toml", "name"),
        ] {
            let message = refusal(&FILE.replace("name = \"autumn\"", wrong));
            assert_eq!((message.key, arg(&message, "key")), (key, setting), "{wrong}");
        }
        for (wrong, cause) in [
            ("name = autumn", "bare"),
            ("name autumn", "equals"),
            ("reply to = \"x\"", "key"),
            ("name =", "empty"),
            ("name = “autumn”", "curly"),
            ("name = \"autumn", "quote"),
            ("name = \"a\\d\"", "backslash"),
        ] {
            let message = refusal(&FILE.replace("name = \"autumn\"", wrong));
            assert_eq!(
                (message.key, arg(&message, "cause"), arg(&message, "line")),
                ("campaign-toml", cause, "2"),
                "{wrong}"
            );
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
