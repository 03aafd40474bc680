//! A position in the tokens of an expression, with the steps that the parser takes.

use super::lexer::{SpannedToken, Token};
use super::parse_error::{ParseError, Span};

/// The tokens and the index of the next one. The last token is [`Token::End`]; the cursor stays on it.
pub struct Cursor {
    tokens: Vec<SpannedToken>,
    next: usize,
}

impl Cursor {
    /// A cursor at the first token that `lexer::tokenize` returned.
    pub fn new(tokens: Vec<SpannedToken>) -> Self {
        Self { tokens, next: 0 }
    }

    /// The next token.
    pub fn peek(&self) -> &SpannedToken {
        &self.tokens[self.next]
    }

    /// Whether the token after the next one is this symbol.
    pub fn is_followed_by(&self, symbol: &str) -> bool {
        self.tokens.get(self.next + 1).is_some_and(|token| is_symbol(token, symbol))
    }

    /// The span of the previous token; that of the next one at the beginning.
    pub fn previous_span(&self) -> Span {
        self.tokens[self.next.saturating_sub(1)].span
    }

    /// Moves to the following token.
    pub fn advance(&mut self) {
        self.next = (self.next + 1).min(self.tokens.len() - 1);
    }

    /// Moves past one of these words, given in lower case, if it is next.
    pub fn take_word(&mut self, words: &[&str]) -> bool {
        let found = matches!(&self.peek().token, Token::Word(word) if words.contains(&word.to_lowercase().as_str()));
        if found {
            self.advance();
        }
        found
    }

    /// Moves past this symbol, if it is next.
    pub fn take_symbol(&mut self, symbol: &str) -> bool {
        let found = is_symbol(self.peek(), symbol);
        if found {
            self.advance();
        }
        found
    }

    /// Moves past this word; an error if another token is next.
    pub fn expect_word(&mut self, word: &'static str) -> Result<(), ParseError> {
        if self.take_word(&[word]) { Ok(()) } else { Err(self.error("segment-expected-sign").with("sign", word)) }
    }

    /// Moves past this symbol; an error if another token is next.
    pub fn expect_symbol(&mut self, symbol: &'static str) -> Result<(), ParseError> {
        if self.take_symbol(symbol) { Ok(()) } else { Err(self.error("segment-expected-sign").with("sign", symbol)) }
    }

    /// An error about the next token.
    pub fn error(&self, key: &'static str) -> ParseError {
        ParseError::new(self.peek().span, key)
    }
}

fn is_symbol(token: &SpannedToken, symbol: &str) -> bool {
    matches!(token.token, Token::Symbol(found) if found == symbol)
}
