//! Names of columns: how they are compared and shown, and which of them mean an address.

use crate::audience::address::is_hidden;

/// Columns that a refusal names.
const MAX_LISTED: usize = 30;

/// Names of a column of addresses as [`fold`] gives them, the most certain first.
const ADDRESS_NAMES: [&str; 23] = [
    "email",
    "emailaddress",
    "address",
    "электроннаяпочта",
    "элпочта",
    "адресэлектроннойпочты",
    "адресэлпочты",
    "электронныйадрес",
    "emailадрес",
    "адресemail",
    "емейл",
    "емайл",
    "имейл",
    "emailadresse",
    "adresseemail",
    "courriel",
    "correoelectronico",
    "correoelectrónico",
    "eposta",
    "epost",
    "mail",
    "почта",
    "адрес",
];

/// Parts of names that have “email” in them and mean something else.
const OTHER_MEANINGS: [&str; 34] = [
    "status",
    "opt",
    "consent",
    "sent",
    "count",
    "type",
    "label",
    "verif",
    "valid",
    "domain",
    "date",
    "time",
    "hash",
    "client",
    "permission",
    "marketing",
    "bounce",
    "unsub",
    "black",
    "block",
    "list",
    "campaign",
    "source",
    "format",
    "subject",
    "open",
    "click",
    "allow",
    "accept",
    "subscribed",
    "frequency",
    "согласие",
    "статус",
    "name",
];

/// The letters and digits of a name, in lower case: two names that differ in nothing else are one.
pub fn fold(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

/// A name without what cannot be seen, in it or around it.
pub fn clean(name: &str) -> String {
    name.chars().filter(|c| !is_hidden(*c)).collect::<String>().trim().to_owned()
}

/// The place among the known names of a column of addresses; the least is the most certain.
pub fn address_rank(name: &str) -> Option<usize> {
    let name = fold(name);
    ADDRESS_NAMES.iter().position(|known| *known == name)
}

/// Whether a name may mean an address: `CustomerEmail`, `E-mail 1 - Value`, `Почта клиента`.
pub fn is_like_address(name: &str) -> bool {
    let name = fold(name);
    let is_named =
        ["email", "почт", "емейл", "имейл", "eposta"].iter().any(|part| name.contains(part)) || name.ends_with("mail");
    is_named && !OTHER_MEANINGS.iter().any(|part| name.contains(part))
}

/// A column's name as a field name: lower case, with underscores for other characters.
pub fn field_name(column: &str) -> String {
    let plain: String = column.chars().map(|c| if c.is_alphanumeric() { c } else { '_' }).collect();
    plain.to_lowercase().trim_matches('_').to_owned()
}

/// A name from a file for a message: without control characters, and cut to 60 characters.
pub fn printable(name: &str) -> String {
    name.chars().filter(|c| !is_hidden(*c)).take(60).collect()
}

pub fn listed(names: &[String]) -> String {
    let more = if names.len() > MAX_LISTED { ", …" } else { "" };
    names.iter().take(MAX_LISTED).map(|name| printable(name)).collect::<Vec<_>>().join(", ") + more
}

/// A quoted word for a POSIX shell.
pub fn quoted(word: &str) -> String {
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_other_programs_mean_an_address() {
        for name in ["E-Mail", "email address", "\u{feff}Email", "em\u{200b}ail", "Эл. почта", "E_MAIL"] {
            assert!(address_rank(&clean(name)).is_some(), "{name}");
        }
        for name in ["E-mail 1 - Value", "CustomerEmail", "user_email", "Primary E-mail", "Почта клиента"] {
            assert!(address_rank(name).is_none() && is_like_address(name), "{name}");
        }
        for name in ["email_status", "Email Opt-In", "E-mail 1 - Label", "city", "Accepts Email Marketing"] {
            assert!(!is_like_address(name), "{name}");
        }
    }
}
