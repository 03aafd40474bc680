//! What a file of another program says about each person: may be mailed, left, blocked, bounced. Columns of that kind
//! are recognised by their names, their cells by the words that these programs write. A word that is not known means
//! “do not mail”.

use std::path::Path;

use super::column_names::fold;
use crate::audience::address::{is_hidden, trim_blank};
use crate::audience::field;

crate::text_enum! {
    /// Whether a person may be mailed, as a file says. The worst of several columns counts: the last of these.
    Standing {
        /// The person may be mailed.
        Mailable = "mailable",
        /// Not confirmed yet, never subscribed, or a word that is not known: not mailed.
        Unknown = "unknown",
        /// The person left the list.
        Left = "left",
        /// The person must not be mailed on any list: blocklisted, or complained.
        Blocked = "blocked",
        /// The mailbox does not exist.
        Bounced = "bounced",
    }
}

impl Standing {
    /// The standing with this number in the order of [`Standing::ALL`].
    pub fn of_number(number: u8) -> Self {
        Self::ALL.get(usize::from(number)).copied().unwrap_or(Self::Unknown)
    }
}

/// A column that says whether people may be mailed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StatusColumn {
    /// Words such as `unsubscribed`.
    Words,
    /// Yes, or any other word: the person has this standing. No, or nothing: not.
    Mark(Standing),
    /// A time or a reason, whatever its words are: the person has this standing. Nothing: not.
    Reason(Standing),
    /// Yes: the person may be mailed. No, or nothing: not.
    Consent,
}

/// Names of columns of words, as [`fold`] gives them.
const WORDS: [&str; 21] = [
    "status",
    "emailstatus",
    "subscriberstatus",
    "subscriptionstatus",
    "substatus",
    "memberstatus",
    "contactstatus",
    "mailstatus",
    "mailingstatus",
    "optinstatus",
    "marketingstatus",
    "emailmarketingstatus",
    "marketingcontactstatus",
    "consentstatus",
    "deliverystatus",
    "статус",
    "состояние",
    "статусподписки",
    "статусподписчика",
    "статусemail",
    "статусконтакта",
];

/// Parts of names of marks, the first that fits counts.
const MARKS: [(&str, Standing); 33] = [
    ("unsub", Standing::Left),
    ("optout", Standing::Left),
    ("optedout", Standing::Left),
    ("leavetime", Standing::Left),
    ("отпис", Standing::Left),
    ("blocklist", Standing::Blocked),
    ("blacklist", Standing::Blocked),
    ("blocked", Standing::Blocked),
    ("banned", Standing::Blocked),
    ("suppress", Standing::Blocked),
    ("donotcontact", Standing::Blocked),
    ("donotemail", Standing::Blocked),
    ("donotmail", Standing::Blocked),
    ("dncreason", Standing::Blocked),
    ("complain", Standing::Blocked),
    ("spamreport", Standing::Blocked),
    ("abuse", Standing::Blocked),
    ("чёрныйсписок", Standing::Blocked),
    ("черныйсписок", Standing::Blocked),
    ("стоплист", Standing::Blocked),
    ("заблокирован", Standing::Blocked),
    ("жалоб", Standing::Blocked),
    ("cleantime", Standing::Bounced),
    ("cleaned", Standing::Bounced),
    ("cleancampaign", Standing::Bounced),
    ("hardbounce", Standing::Bounced),
    ("bounced", Standing::Bounced),
    ("bouncereason", Standing::Bounced),
    ("bouncetime", Standing::Bounced),
    ("bouncedate", Standing::Bounced),
    ("bouncetype", Standing::Bounced),
    ("isbounce", Standing::Bounced),
    ("недоставлен", Standing::Bounced),
];

/// Parts of names of marks that hold a time, a reason or a campaign.
const REASONS: [&str; 12] = [
    "reason",
    "time",
    "date",
    "campaign",
    "comment",
    "причин",
    "дата",
    "время",
    "когда",
    "почему",
    "рассылк",
    "коммент",
];

/// Names of columns of consent.
const CONSENT: [&str; 15] = [
    "subscribed",
    "issubscribed",
    "emailsubscribed",
    "optin",
    "optedin",
    "emailoptin",
    "acceptsmarketing",
    "acceptsemailmarketing",
    "emailmarketing",
    "emailconsent",
    "emailmarketingconsent",
    "marketingconsent",
    "подписан",
    "согласие",
    "согласиенарассылку",
];

/// The kind of status column that a name means.
pub fn column_of(name: &str) -> Option<StatusColumn> {
    let name = fold(name);
    if WORDS.contains(&&*name) || is_status_name(&name) {
        return Some(StatusColumn::Words);
    }
    if CONSENT.contains(&&*name) {
        return Some(StatusColumn::Consent);
    }
    if name.starts_with("dnc") || name == "stop" {
        return Some(StatusColumn::Mark(Standing::Blocked));
    }
    let (_, standing) = *MARKS.iter().find(|(part, _)| name.contains(part))?;
    let is_reason = REASONS.iter().any(|part| name.contains(part));
    Some(if is_reason { StatusColumn::Reason(standing) } else { StatusColumn::Mark(standing) })
}

/// Whether a name ends in “status” or begins with «статус», and is about mail or subscribing: not `Order status`.
fn is_status_name(name: &str) -> bool {
    let has = |parts: &[&str]| parts.iter().any(|part| name.contains(part));
    let english =
        name.ends_with("status") && has(&["mail", "subscri", "member", "contact", "optin", "permission", "consent"]);
    english || name.starts_with("статус") && has(&["почт", "адрес", "подпис", "рассыл", "контакт"])
}

/// Words for people who may be mailed.
const MAILABLE: [&str; 26] = [
    "reachable",
    "express",
    "implied",
    "explicit",
    "subscribed",
    "active",
    "confirmed",
    "enabled",
    "optedin",
    "optin",
    "doubleoptin",
    "singleoptin",
    "marketingcontact",
    "whitelisted",
    "valid",
    "ok",
    "yes",
    "true",
    "да",
    "подписан",
    "подписана",
    "подписчик",
    "активен",
    "активна",
    "активный",
    "подтвержден",
];

/// Parts of words for everyone else, the first that fits counts. `Unknown` stands for people who are not to be mailed and
/// may return.
const PARTS: [(&str, Standing); 32] = [
    ("nonsub", Standing::Unknown),
    ("notsub", Standing::Unknown),
    ("soft", Standing::Unknown),
    ("unconfirmed", Standing::Unknown),
    ("неподтвер", Standing::Unknown),
    ("unsub", Standing::Left),
    ("optout", Standing::Left),
    ("optedout", Standing::Left),
    ("отпис", Standing::Left),
    ("removed", Standing::Left),
    ("left", Standing::Left),
    ("desabonn", Standing::Left),
    ("désabonn", Standing::Left),
    ("abgemeldet", Standing::Left),
    ("block", Standing::Blocked),
    ("black", Standing::Blocked),
    ("banned", Standing::Blocked),
    ("suppress", Standing::Blocked),
    ("complain", Standing::Blocked),
    ("spam", Standing::Blocked),
    ("abuse", Standing::Blocked),
    ("junk", Standing::Blocked),
    ("donot", Standing::Blocked),
    ("dnc", Standing::Blocked),
    ("заблок", Standing::Blocked),
    ("жалоб", Standing::Blocked),
    ("стоп", Standing::Blocked),
    ("clean", Standing::Bounced),
    ("bounc", Standing::Bounced),
    ("undeliver", Standing::Bounced),
    ("несуществ", Standing::Bounced),
    ("недостав", Standing::Bounced),
];

impl StatusColumn {
    /// What a cell says; `None` for one that says nothing.
    pub fn read(self, cell: &str) -> Option<Standing> {
        let cell = trim_blank(cell);
        match self {
            Self::Words => Some(read_word(cell)),
            Self::Consent => Some(match field::read_flag(cell) {
                Some(1) => Standing::Mailable,
                Some(_) => Standing::Unknown,
                None => read_word(cell),
            }),
            Self::Mark(_) | Self::Reason(_) if cell.is_empty() => None,
            Self::Mark(_) | Self::Reason(_) if is_nothing(cell) => Some(Standing::Mailable),
            Self::Mark(standing) => match field::read_flag(cell) {
                Some(0) => Some(Standing::Mailable),
                _ => Some(standing),
            },
            Self::Reason(standing) => Some(standing),
        }
    }
}

impl StatusColumn {
    /// The word under which a cell is counted: as written, or for a mark whether it is set.
    pub fn word(self, cell: &str, standing: Standing) -> String {
        match self {
            Self::Mark(marked) | Self::Reason(marked) if marked == standing => "✓".to_owned(),
            _ => match trim_blank(cell) {
                "" => "—".to_owned(),
                word => word.chars().filter(|c| !is_hidden(*c)).take(40).flat_map(char::to_lowercase).collect(),
            },
        }
    }
}

/// Whether a cell is how a program writes that there is nothing: no word, or a time of zeros.
fn is_nothing(cell: &str) -> bool {
    let is_zero_time = cell.starts_with("0000") && cell.chars().all(|c| matches!(c, '0' | '-' | ':' | ' ' | 'T' | '.'));
    is_zero_time || matches!(fold(cell).as_str(), "null" | "none" | "nan" | "na" | "never")
}

fn read_word(cell: &str) -> Standing {
    let word = fold(cell);
    if MAILABLE.contains(&&*word) || word == "подтверждён" {
        return Standing::Mailable;
    }
    PARTS.iter().find(|(part, _)| word.contains(part)).map_or(Standing::Unknown, |(_, standing)| *standing)
}

/// Words in the name of a file of people who are not to be mailed.
const FILE_WORDS: [(&str, Standing); 17] = [
    ("unsub", Standing::Left),
    ("optout", Standing::Left),
    ("optedout", Standing::Left),
    ("отпис", Standing::Left),
    ("nonsubscribed", Standing::Left),
    ("cleaned", Standing::Bounced),
    ("bounce", Standing::Bounced),
    ("undeliver", Standing::Bounced),
    ("blocklist", Standing::Blocked),
    ("blacklist", Standing::Blocked),
    ("blocked", Standing::Blocked),
    ("suppress", Standing::Blocked),
    ("donotmail", Standing::Blocked),
    ("donotcontact", Standing::Blocked),
    ("complain", Standing::Blocked),
    ("стоплист", Standing::Blocked),
    ("черныйсписок", Standing::Blocked),
];

/// The standing of everyone in a file whose name says so, such as `unsubscribed_members_export_5c2d.csv`.
pub fn of_file_name(path: &Path) -> Option<Standing> {
    let name = fold(&path.file_stem()?.to_string_lossy());
    FILE_WORDS.iter().find(|(part, _)| name.contains(part)).map(|(_, standing)| *standing)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_and_words_of_other_programs_are_recognised() {
        use Standing::{Blocked, Bounced, Left, Mailable, Unknown};
        for (column, cell, standing) in [
            ("Status", "subscribed", Some(Mailable)),
            ("status", "unsubscribed", Some(Left)),
            ("Subscriber Status", "Non-subscribed", Some(Unknown)),
            ("email_status", "inactive", Some(Unknown)),
            ("STATUS", "Opted Out", Some(Left)),
            ("status", "blocklisted", Some(Blocked)),
            ("status", "cleaned", Some(Bounced)),
            ("status", "soft bounced", Some(Unknown)),
            ("status", "junk", Some(Blocked)),
            ("status", "gold", Some(Unknown)),
            ("status", "reachable", Some(Mailable)),
            ("status", "pending", Some(Unknown)),
            ("status", "", Some(Unknown)),
            ("Статус", "Отписан", Some(Left)),
            ("Статус подписки", "Подписан", Some(Mailable)),
            ("статус", "не подтверждён", Some(Unknown)),
            ("UNSUB_TIME", "2024-05-01 10:00:00", Some(Left)),
            ("UNSUB_REASON", "N/A (Unsubscribed by admin)", Some(Left)),
            ("UNSUB_TIME", "", None),
            ("UNSUB_REASON", "n", Some(Left)),
            ("UNSUB_REASON", "0", Some(Left)),
            ("UNSUB_REASON", "No longer interested", Some(Left)),
            ("Причина отписки", "нет", Some(Left)),
            ("Bounce reason", "-", Some(Bounced)),
            ("UNSUB_TIME", "0000-00-00 00:00:00", Some(Mailable)),
            ("unsubscribed_at", "null", Some(Mailable)),
            ("Unsubscribed", "n", Some(Mailable)),
            ("Unsubscribed", "perhaps", Some(Left)),
            ("CLEAN_TIME", "2024-05-01", Some(Bounced)),
            ("EMAIL_BLACKLISTED", "true", Some(Blocked)),
            ("Blocklisted", "No", Some(Mailable)),
            ("HasOptedOutOfEmail", "1", Some(Left)),
            ("Unsubscribed from all email", "false", Some(Mailable)),
            ("DNC", "1", Some(Blocked)),
            ("Do Not Contact", "0", Some(Mailable)),
            ("dnc_email", "1", Some(Blocked)),
            ("Email permission status", "Unsubscribed", Some(Left)),
            ("Email Marketing Consent", "NEVER_SUBSCRIBED", Some(Unknown)),
            ("Статус адреса", "недоставлено", Some(Bounced)),
            ("Email hard bounce reason", "MAILBOX_FULL", Some(Bounced)),
            ("Accepts Email Marketing", "yes", Some(Mailable)),
            ("Accepts Email Marketing", "no", Some(Unknown)),
            ("Дата отписки", "01.02.2024", Some(Left)),
        ] {
            assert_eq!(column_of(column).expect(column).read(cell), standing, "{column}: {cell}");
        }
        for other in ["city", "OPTIN_TIME", "CONFIRM_TIME", "Order status", "Статус заказа", "State", "Notes", "LEID"]
        {
            assert_eq!(column_of(other), None, "{other}");
        }
    }

    #[test]
    fn the_name_of_a_file_says_who_is_in_it() {
        for (name, standing) in [
            ("unsubscribed_members_export_5c2d.csv", Some(Standing::Left)),
            ("cleaned_segment_export.csv", Some(Standing::Bounced)),
            ("Do not mail.csv", Some(Standing::Blocked)),
            ("отписавшиеся.csv", Some(Standing::Left)),
            ("subscribed_members_export_5c2d.csv", None),
            ("people.csv", None),
        ] {
            assert_eq!(of_file_name(Path::new(name)), standing, "{name}");
        }
    }
}
