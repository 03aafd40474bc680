//! Table `setting`: configuration of the installation by key. Each key is declared here with its default and the
//! validation of its value.

use url::Url;

use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::i18n::Lang;

/// Seconds that a campaign may hold its first message.
pub const MAX_HOLD: u32 = 3_600;

/// A key of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Setting {
    /// URL of this installation for recipients, e.g. `https://news.example.org`.
    PublicUrl,
    /// URL of the desk for the staff, e.g. `https://desk.example.org`; empty for its own address.
    DeskUrl,
    /// Language of pages and messages when the recipient's is unknown; one of `Lang::ALL`.
    Language,
    /// Host name sent in EHLO (RFC 5321 §4.1.4): an ASCII host name, not `localhost`.
    EhloName,
    /// Mailbox for unsubscribe requests by e-mail (RFC 2369); `+TOKEN` is added to the local part.
    UnsubscribeMailbox,
    /// Domain whose mail comes back to this installation: each message gets a return path of its own there (VERP).
    BounceDomain,
    /// Seconds before the first retry of a deferred message; doubles with each retry.
    RetryAfter,
    /// SMTP timeouts in per cent of those of RFC 5321 §4.5.3.2.
    SmtpTimers,
    /// Seconds for which a relay may fail before its campaigns are paused.
    RelayPatience,
    /// Seconds between the start of a campaign and its first message, during which it can be recalled.
    Hold,
    /// Term of a mailer's lease in seconds: a mailer that does not renew it in time has failed.
    LeaseTerm,
    /// PostgreSQL: hours after an erasure within which its bytes leave the files of the database; 0 is at once.
    ErasureHours,
}

impl Setting {
    /// Every key.
    pub const ALL: &'static [Self] = &[
        Self::PublicUrl,
        Self::DeskUrl,
        Self::Language,
        Self::EhloName,
        Self::UnsubscribeMailbox,
        Self::BounceDomain,
        Self::RetryAfter,
        Self::SmtpTimers,
        Self::RelayPatience,
        Self::Hold,
        Self::LeaseTerm,
        Self::ErasureHours,
    ];

    /// Name of the key.
    pub const fn name(self) -> &'static str {
        match self {
            Self::PublicUrl => "public-url",
            Self::DeskUrl => "desk-url",
            Self::Language => "language",
            Self::EhloName => "ehlo-name",
            Self::UnsubscribeMailbox => "unsubscribe-mailbox",
            Self::BounceDomain => "bounce-domain",
            Self::RetryAfter => "retry-after",
            Self::SmtpTimers => "smtp-timers",
            Self::RelayPatience => "relay-patience",
            Self::Hold => "hold",
            Self::LeaseTerm => "lease-term",
            Self::ErasureHours => "erasure-hours",
        }
    }

    /// Description with an example, for lists of settings.
    pub fn description(self) -> Message {
        let message = Message::new(match self {
            Self::PublicUrl => "setting-public-url",
            Self::DeskUrl => "setting-desk-url",
            Self::Language => "setting-language",
            Self::EhloName => "setting-ehlo-name",
            Self::UnsubscribeMailbox => "setting-unsubscribe-mailbox",
            Self::BounceDomain => "setting-bounce-domain",
            Self::RetryAfter => "setting-retry-after",
            Self::SmtpTimers => "setting-smtp-timers",
            Self::RelayPatience => "setting-relay-patience",
            Self::Hold => "setting-hold",
            Self::LeaseTerm => "setting-lease-term",
            Self::ErasureHours => "setting-erasure-hours",
        });
        let languages = Lang::ALL.iter().map(|lang| format!("{lang} ({})", lang.name())).collect::<Vec<_>>();
        let (least, most) = self.range();
        message.with("languages", languages.join(", ")).with("least", least).with("most", most)
    }

    /// The least and the greatest value of a setting that is a whole number.
    const fn range(self) -> (u32, u32) {
        match self {
            Self::LeaseTerm => (2, 600),
            Self::ErasureHours => (0, 168),
            Self::Hold => (0, MAX_HOLD),
            _ => (1, u32::MAX),
        }
    }

    /// Default value.
    pub fn default(self) -> &'static str {
        match self {
            Self::PublicUrl => "http://localhost:8080",
            Self::Language => Lang::default().as_str(),
            Self::DeskUrl | Self::EhloName | Self::UnsubscribeMailbox | Self::BounceDomain => "",
            Self::RetryAfter => "900",
            Self::SmtpTimers => "100",
            Self::RelayPatience | Self::LeaseTerm => "30",
            Self::Hold => "0",
            Self::ErasureHours => "12",
        }
    }

    /// Finds a key by its name; the error lists the known keys.
    pub fn find(name: &str) -> Result<Self> {
        Self::ALL.iter().copied().find(|setting| setting.name() == name).ok_or_else(|| {
            let known: Vec<_> = Self::ALL.iter().map(|setting| setting.name()).collect();
            Message::new("setting-unknown").with("name", name).with("known", known.join(", ")).not_found()
        })
    }

    fn check(self, value: &str) -> Result<String> {
        let accepted = match self {
            Self::DeskUrl if value.is_empty() => Some(String::new()),
            Self::PublicUrl | Self::DeskUrl => Url::parse(value)
                .ok()
                .filter(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
                .filter(|url| url.query().is_none() && url.fragment().is_none())
                .filter(|url| url.username().is_empty() && url.password().is_none())
                .map(|url| url.as_str().trim_end_matches('/').to_owned()),
            Self::Language => value.parse::<Lang>().ok().map(|lang| lang.to_string()),
            Self::BounceDomain if value.is_empty() => Some(String::new()),
            Self::EhloName | Self::BounceDomain => idna::domain_to_ascii(value).ok().filter(|name| {
                name != "localhost"
                    && name.contains('.')
                    && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '.' || c == '-')
            }),
            Self::UnsubscribeMailbox => Some(value.to_owned()).filter(|value| {
                value
                    .split_once('@')
                    .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && value.is_ascii())
            }),
            Self::LeaseTerm
            | Self::ErasureHours
            | Self::RetryAfter
            | Self::SmtpTimers
            | Self::RelayPatience
            | Self::Hold => {
                let (least, most) = self.range();
                let number = value.parse::<u32>().ok().filter(|number| (least..=most).contains(number));
                number.map(|number| number.to_string())
            }
        };
        accepted.ok_or_else(|| {
            let message = Message::new("setting-value").with("name", self.name()).with("value", value);
            message.with_message("wanted", self.description()).invalid_field("value")
        })
    }
}

/// The value, or the default of a key that is not set.
pub async fn get(conn: &mut Conn, setting: Setting) -> Result<String> {
    let select = Query::new("select value from setting where name = :name").bind("name", setting.name());
    let row = select.fetch_optional(conn).await?;
    row.map_or_else(|| Ok(setting.default().to_owned()), |row| row.cell(0))
}

/// Validates and stores a value.
pub async fn set(conn: &mut Conn, setting: Setting, value: &str) -> Result<()> {
    let value = setting.check(value)?;
    Query::new(
        "insert into setting (name, value)
         values (:name, :value)
         on conflict (name) do update set value = excluded.value",
    )
    .bind("name", setting.name())
    .bind("value", value)
    .execute(conn)
    .await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_url_is_normalised_and_validated() {
        let check = |value: &str| Setting::PublicUrl.check(value).ok();

        assert_eq!(check("https://x.example/mail/").as_deref(), Some("https://x.example/mail"));
        assert_eq!(check("https://почта.рф").as_deref(), Some("https://xn--80a1acny.xn--p1ai"));
        for bad in
            ["x.example", "ftp://x.example", "https://x.example/?a=1", "https://x.example/#a", "https://u:p@x.example"]
        {
            assert_eq!(check(bad), None, "{bad}");
        }
    }

    #[test]
    fn every_setting_is_in_the_reference() {
        let page = include_str!("../../docs/reference.md");
        for setting in Setting::ALL {
            let default = match setting.default() {
                "" => "empty".to_owned(),
                default => format!("`{default}`"),
            };
            assert!(page.contains(&format!("| `{}` | {default}", setting.name())), "{}", setting.name());
        }
    }
}
