//! Lexer of segment expressions: names, quoted texts, numbers, dates and symbols, each with its span.

use jiff::civil::Date;

use super::parse_error::{ParseError, Span};
use crate::audience::field::read_date;

/// A token.
#[derive(Debug, Clone, PartialEq)]
pub enum Token {
    /// A bare word: a keyword, a function or a field.
    Word(String),
    /// A name in backticks: always a field, even where it looks like a keyword.
    Name(String),
    /// A text in quotes.
    Text(String),
    /// A finite number.
    Number(f64),
    /// A day.
    Day(Date),
    /// A comparison, a parenthesis or a comma.
    Symbol(&'static str),
    /// The end of the expression.
    End,
}

/// A token and where it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct SpannedToken {
    /// The token.
    pub token: Token,
    /// Where it stands.
    pub span: Span,
}

/// Spellings of symbols and the symbol meant. Longer spellings come before their prefixes.
const SYMBOLS: &[(&str, &str)] = &[
    ("==", "="),
    ("!=", "!="),
    ("<>", "!="),
    ("<=", "<="),
    (">=", ">="),
    ("=", "="),
    ("<", "<"),
    (">", ">"),
    ("≠", "!="),
    ("≤", "<="),
    ("≥", ">="),
    ("(", "("),
    (")", ")"),
    (",", ","),
];

/// Splits an expression into tokens; the last one is [`Token::End`].
pub fn tokenize(expression: &str) -> Result<Vec<SpannedToken>, ParseError> {
    let chars: Vec<char> = expression.chars().collect();
    let mut lexer = Lexer { chars: &chars, at: 0 };
    let mut tokens = Vec::new();
    loop {
        lexer.skip(char::is_whitespace);
        let start = lexer.at;
        let token = lexer.token()?;
        let done = token == Token::End;
        tokens.push(SpannedToken { token, span: Span { start, end: lexer.at } });
        if done {
            return Ok(tokens);
        }
    }
}

/// Parses a date in any spelling that a file may have.
pub fn day(text: &str) -> Option<Date> {
    read_date(text)?.parse().ok()
}

struct Lexer<'a> {
    chars: &'a [char],
    at: usize,
}

impl Lexer<'_> {
    fn token(&mut self) -> Result<Token, ParseError> {
        let Some(first) = self.peek(0) else {
            return Ok(Token::End);
        };
        match first {
            '`' => self.quoted(&['`']).map(Token::Name),
            '"' | '\'' => self.quoted(&[first]).map(Token::Text),
            '«' => self.quoted(&['»']).map(Token::Text),
            '“' => self.quoted(&['”']).map(Token::Text),
            '„' => self.quoted(&['“', '”']).map(Token::Text),
            _ if first.is_alphabetic() || first == '_' => Ok(Token::Word(self.word())),
            _ if first.is_ascii_digit() => self.number(),
            '-' if self.peek(1).is_some_and(|next| next.is_ascii_digit()) => self.number(),
            _ => self.symbol(),
        }
    }

    fn peek(&self, ahead: usize) -> Option<char> {
        self.chars.get(self.at + ahead).copied()
    }

    fn skip(&mut self, wanted: impl Fn(char) -> bool) {
        while self.peek(0).is_some_and(&wanted) {
            self.at += 1;
        }
    }

    fn word(&mut self) -> String {
        let start = self.at;
        self.skip(|c| c.is_alphanumeric() || c == '_');
        self.chars[start..self.at].iter().collect()
    }

    /// The text up to one of `closing`. A backslash escapes the next character.
    fn quoted(&mut self, closing: &[char]) -> Result<String, ParseError> {
        let start = self.at;
        let mut text = String::new();
        self.at += 1;
        while let Some(mut c) = self.peek(0) {
            self.at += 1;
            if closing.contains(&c) {
                return Ok(text);
            }
            if c == '\\' {
                let Some(next) = self.peek(0) else { break };
                self.at += 1;
                c = next;
            }
            // PostgreSQL stores no NUL in a text.
            if c == '\0' {
                return Err(self.error(self.at - 1, "segment-character"));
            }
            text.push(c);
        }
        Err(ParseError::new(Span { start, end: start + 1 }, "segment-unclosed"))
    }

    /// A number such as `-1.5`, or a date such as `2026-01-31` or `31.01.2026`.
    fn number(&mut self) -> Result<Token, ParseError> {
        let start = self.at;
        self.at += 1;
        self.skip(|c| c.is_ascii_digit() || c == '.' || c == '-');
        let text: String = self.chars[start..self.at].iter().collect();
        if let Some(number) = text.parse().ok().filter(|number: &f64| number.is_finite()) {
            return Ok(Token::Number(number));
        }
        day(&text).map(Token::Day).ok_or_else(|| self.error(start, "segment-number"))
    }

    fn symbol(&mut self) -> Result<Token, ParseError> {
        let rest = &self.chars[self.at..];
        let found =
            SYMBOLS.iter().find(|(written, _)| written.chars().enumerate().all(|(i, c)| rest.get(i) == Some(&c)));
        let Some((written, meant)) = found else {
            self.at += 1;
            return Err(self.error(self.at - 1, "segment-character"));
        };
        self.at += written.chars().count();
        Ok(Token::Symbol(meant))
    }

    fn error(&self, at: usize, key: &'static str) -> ParseError {
        ParseError::new(Span { start: at, end: self.at }, key)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(expression: &str) -> Vec<Token> {
        let mut tokens = tokenize(expression).expect(expression);
        assert_eq!(tokens.pop().expect("an end").token, Token::End);
        tokens.into_iter().map(|token| token.token).collect()
    }

    fn text(text: &str) -> Token {
        Token::Text(text.to_owned())
    }

    #[test]
    fn every_kind_of_quote_encloses_a_text() {
        assert_eq!(
            tokens(r#""a" 'b' «в» “г” „д“ "q\"\\n" 'it\'s'"#),
            ["a", "b", "в", "г", "д", "q\"\\n", "it's"].map(text)
        );
    }

    #[test]
    fn numbers_and_dates_are_distinguished() {
        let day = || Token::Day(Date::constant(2026, 1, 31));

        assert_eq!(tokens("18 -1.5 2026-01-31 31.01.2026"), [Token::Number(18.0), Token::Number(-1.5), day(), day()]);
        for wrong in ["2026-02-31", "1.2.3.4", "1-2", &"9".repeat(400)] {
            assert!(tokenize(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn symbols_need_no_space_around_them() {
        let word = |text: &str| Token::Word(text.to_owned());

        assert_eq!(tokens("a<=1"), [word("a"), Token::Symbol("<="), Token::Number(1.0)]);
        assert_eq!(tokens("a<>-1"), [word("a"), Token::Symbol("!="), Token::Number(-1.0)]);
        assert_eq!(tokens("a==b"), [word("a"), Token::Symbol("="), word("b")]);
    }

    #[test]
    fn an_invalid_token_is_refused() {
        for wrong in ["a & b", "a = 1;", "\"open", "«open\"", "'\\", "\"nul\0\"", "\0", "@", "-"] {
            assert!(tokenize(wrong).is_err(), "{wrong:?}");
        }
    }
}
