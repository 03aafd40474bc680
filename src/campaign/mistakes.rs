//! Mistakes of a campaign file, reported all at once: those of its settings and those of its email.

use crate::infra::error::message::{Argument, StoredArgument, StoredMessage};
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

/// Counts the lines of a message, and those of the messages in it, from the line behind `above`. Lines before it stay.
pub fn lower_lines(message: &mut Message, above: usize) {
    for (name, argument) in &mut message.args {
        match argument {
            Argument::Messages(inner) => inner.iter_mut().for_each(|one| lower_lines(one, above)),
            Argument::Text(text) if *name == "line" => {
                if let Some(line) = text.parse::<usize>().ok().filter(|line| *line > above) {
                    *text = (line - above).to_string();
                }
            }
            Argument::Text(_) => {}
        }
    }
}

/// The lines that a message and those in it name, in order, each once.
pub fn lines(message: &Message) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (name, argument) in &message.args {
        match argument {
            Argument::Messages(inner) => found.extend(inner.iter().flat_map(lines)),
            Argument::Text(text) if *name == "line" => found.extend(text.parse::<usize>()),
            Argument::Text(_) => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

/// [`lines`] of a message that was stored.
pub fn stored_lines(message: &StoredMessage) -> Vec<usize> {
    let mut found: Vec<usize> = Vec::new();
    for (name, argument) in &message.args {
        match argument {
            StoredArgument::Messages(inner) => found.extend(inner.iter().flat_map(stored_lines)),
            StoredArgument::Text(text) if name == "line" => found.extend(text.parse::<usize>()),
            StoredArgument::Text(_) => {}
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_counted_from_the_email() {
        let inner = |line: usize| Message::new("inner").with("line", line);
        let mut message = Message::new("outer").with_list("problems", vec![inner(3), inner(9), inner(12)]);
        lower_lines(&mut message, 8);
        assert_eq!(lines(&message), [1, 3, 4]);
        assert_eq!(stored_lines(&StoredMessage::parse(&message.pack()).expect("read back")), [1, 3, 4]);
    }
}
