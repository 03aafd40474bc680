//! Mistakes of a campaign file, reported all at once: those of its settings and those of its email.

use crate::infra::error::message::Argument;
use crate::infra::error::{Error, Message};

/// The error that names all mistakes.
///
/// # Panics
/// Without any mistake.
pub fn combined(mut problems: Vec<Message>) -> Error {
    if problems.len() == 1 {
        return problems.remove(0).invalid();
    }
    let count = problems.len();
    let items = problems.into_iter().map(|problem| Message::new("list-item").with_message("text", problem));
    Message::new("campaign-problems").with("count", count).with_list("problems", items.collect()).invalid()
}

/// Each mistake that a message names, such as that of an email that does not compile.
pub fn each(message: Message) -> Vec<Message> {
    match list(&message, "problems") {
        Some(items) => items.iter().flat_map(|item| list(item, "text").unwrap_or_default()).collect(),
        None => vec![message],
    }
}

fn list(message: &Message, name: &str) -> Option<Vec<Message>> {
    message.args.iter().find_map(|(own, argument)| match argument {
        Argument::Messages(messages) if *own == name => Some(messages.clone()),
        _ => None,
    })
}
