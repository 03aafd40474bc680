//! Options whose value is one of some words.

use std::str::FromStr;

use crate::infra::error::{Error, Message, Result};

/// Parses one of some words, and names the option where it is none of them.
pub fn parse_word<T: FromStr<Err = Error>>(option: &'static str, text: &str) -> Result<T> {
    text.parse().map_err(|error: Error| {
        let message = error.message();
        let known = message.text("known").to_owned();
        Message::new("unknown-option-word").with("word", text).with("option", option).with("known", known).invalid()
    })
}
