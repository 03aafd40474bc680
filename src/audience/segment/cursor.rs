//! A finger that moves along the words of an expression.

use super::lexer::{Spot, Token};
use super::parse_error::{Fault, Place};

/// The words, and which is next. The last word is the end, and nothing moves past it.
pub struct Cursor {
    spots: Vec<Spot>,
    next: usize,
}

impl Cursor {
    /// At the first word of what `token::split` gave.
    pub fn new(spots: Vec<Spot>) -> Self {
        Self { spots, next: 0 }
    }

    /// The next word.
    pub fn peek(&self) -> &Spot {
        &self.spots[self.next]
    }

    /// Whether this sign stands after the next word.
    pub fn follows(&self, sign: &str) -> bool {
        self.spots.get(self.next + 1).is_some_and(|spot| is_sign(spot, sign))
    }

    /// Where the word before stands; the next one when there is none before.
    pub fn last(&self) -> Place {
        self.spots[self.next.saturating_sub(1)].place
    }

    /// Moves to the word after.
    pub fn skip(&mut self) {
        self.next = (self.next + 1).min(self.spots.len() - 1);
    }

    /// Moves past one of these words, given in lower case, if it is next.
    pub fn take_word(&mut self, words: &[&str]) -> bool {
        let found = matches!(&self.peek().token, Token::Word(word) if words.contains(&word.to_lowercase().as_str()));
        if found {
            self.skip();
        }
        found
    }

    /// Moves past this sign, if it is next.
    pub fn take_sign(&mut self, sign: &str) -> bool {
        let found = is_sign(self.peek(), sign);
        if found {
            self.skip();
        }
        found
    }

    /// Moves past this word; a mistake if another is next.
    pub fn need_word(&mut self, word: &'static str) -> Result<(), Fault> {
        if self.take_word(&[word]) { Ok(()) } else { Err(self.fault("segment-expected-sign").with("sign", word)) }
    }

    /// Moves past this sign; a mistake if another word is next.
    pub fn need_sign(&mut self, sign: &'static str) -> Result<(), Fault> {
        if self.take_sign(sign) { Ok(()) } else { Err(self.fault("segment-expected-sign").with("sign", sign)) }
    }

    /// A mistake about the next word.
    pub fn fault(&self, key: &'static str) -> Fault {
        Fault::new(self.peek().place, key)
    }
}

fn is_sign(spot: &Spot, sign: &str) -> bool {
    matches!(spot.token, Token::Sign(found) if found == sign)
}
