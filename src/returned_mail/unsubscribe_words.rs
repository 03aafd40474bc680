//! A reply in which someone asks to get no more email, in English or Russian.

use super::auto_reply::decoded;
use super::returned_parts::ReturnedParts;

/// Words that ask for it as the whole of a subject or of a line.
const WHOLE: &[&str] = &[
    "stop",
    "remove",
    "unsubscribe",
    "unsubscribe me",
    "remove me",
    "opt out",
    "opt-out",
    "leave",
    "стоп",
    "отписка",
    "отписаться",
    "отпишите",
    "отпишите меня",
    "удалите",
    "удалите меня",
    "отмена подписки",
];

/// Words that ask for it anywhere in a short line.
const ANYWHERE: &[&str] = &[
    "unsubscribe",
    "remove me from",
    "take me off",
    "stop sending",
    "stop emailing",
    "do not email me",
    "don't email me",
    "do not send me",
    "opt me out",
    "отпишите",
    "отписаться",
    "отписать меня",
    "отмените подписку",
    "отменить подписку",
    "не присылайте",
    "не шлите",
    "прекратите рассылку",
    "прекратите присылать",
    "удалите меня",
    "удалите мой адрес",
    "уберите меня",
    "исключите меня",
    "откажитесь",
    "отказываюсь от рассылки",
];

/// Words with which a line asks for the opposite, or about it.
const NOT: &[&str] = &[
    "не отпис",
    "do not unsubscribe",
    "don't unsubscribe",
    "did not unsubscribe",
    "resubscribe",
    "как отпис",
    "how to unsubscribe",
    "how do i unsubscribe",
];

/// Characters of a line that can still be a request; longer ones are text that mentions the word.
const LONGEST: usize = 160;

/// Whether the subject or one of the first own lines asks to leave.
pub fn asks_to_leave(parts: &ReturnedParts) -> bool {
    let subject = parts.header("subject").map(decoded).unwrap_or_default();
    let is_answer = ["re:", "fw:", "fwd:", "на:", "отв:"].iter().any(|start| subject.starts_with(start));
    let own = parts.text.lines().map(str::trim).take_while(|line| !starts_quote(line));
    // The subject of an answer is ours, not theirs.
    (!is_answer && asks(&subject)) || own.filter(|line| !line.is_empty()).take(5).any(|line| asks(&line.to_lowercase()))
}

fn asks(line: &str) -> bool {
    let bare = line.trim_matches(|c: char| !c.is_alphanumeric());
    if line.chars().count() > LONGEST || NOT.iter().any(|words| line.contains(words)) {
        return false;
    }
    WHOLE.contains(&bare) || ANYWHERE.iter().any(|words| line.contains(words))
}

/// Whether the quoted message begins here.
fn starts_quote(line: &str) -> bool {
    let low = line.to_lowercase();
    line.starts_with('>')
        || line.starts_with("-----")
        || line.starts_with("_____")
        || (low.starts_with("on ") && low.ends_with("wrote:"))
        || (low.ends_with(':') && (low.contains("написал") || low.contains("пишет")))
        || low.starts_with("from:")
        || low.starts_with("от:")
}
