//! SMTP reply: code, enhanced status code (RFC 3463) and text, and the parser of its lines (RFC 5321 §4.2).

use std::fmt;

/// Lines that one reply may have.
const MAX_LINES: usize = 100;

/// Bytes that one reply may have.
const MAX_BYTES: usize = 64 * 1024;

/// Bytes of the text that are kept.
const MAX_TEXT: usize = 512;

/// A server's reply to one command.
#[derive(Clone, PartialEq, Eq)]
pub struct Reply {
    /// The code, 200 to 599.
    pub code: u16,
    /// The enhanced status code of RFC 3463, when the reply begins with one.
    pub enhanced: Option<EnhancedCode>,
    /// The text after the code, lines joined by a space, at most 512 bytes. It may repeat an address: it belongs in the
    /// delivery's row, not in a log.
    pub text: String,
}

/// An enhanced status code: class, subject, detail.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EnhancedCode(pub u8, pub u16, pub u16);

impl Reply {
    /// 2xx: done.
    pub fn is_positive(&self) -> bool {
        self.code / 100 == 2
    }

    /// 4xx: not now.
    pub fn is_transient(&self) -> bool {
        self.code / 100 == 4
    }

    /// 5xx: never.
    pub fn is_permanent(&self) -> bool {
        self.code / 100 == 5
    }

    /// 4xx or 5xx.
    pub fn is_refusal(&self) -> bool {
        self.is_transient() || self.is_permanent()
    }
}

/// Prints the codes only.
impl fmt::Display for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.enhanced {
            Some(EnhancedCode(class, subject, detail)) => write!(f, "{} {class}.{subject}.{detail}", self.code),
            None => write!(f, "{}", self.code),
        }
    }
}

impl fmt::Debug for Reply {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Reply({self})")
    }
}

/// The server sent something that is not an SMTP reply, or a reply above the limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Malformed;

/// Parses one reply, line by line.
#[derive(Debug, Default)]
pub struct ReplyParser {
    code: u16,
    /// The text of each line, separated by LF.
    text: String,
    lines: usize,
    bytes: usize,
}

impl ReplyParser {
    /// Adds the next line, without its line end; true when it was the last one.
    pub fn push_line(&mut self, line: &[u8]) -> Result<bool, Malformed> {
        let (code, rest) = line.split_at_checked(3).ok_or(Malformed)?;
        let code = parse_code(code).ok_or(Malformed)?;
        self.bytes += line.len();
        let changed = self.lines > 0 && code != self.code;
        if changed || self.lines == MAX_LINES || self.bytes > MAX_BYTES || line.contains(&0) {
            return Err(Malformed);
        }
        let (last, text) = match rest.split_first() {
            None => (true, rest),
            Some((b' ', text)) => (true, text),
            Some((b'-', text)) => (false, text),
            Some(_) => return Err(Malformed),
        };
        if self.lines > 0 {
            self.text.push('\n');
        }
        self.text.push_str(&String::from_utf8_lossy(text));
        (self.code, self.lines) = (code, self.lines + 1);
        Ok(last)
    }

    /// The whole text of each line.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.split('\n')
    }

    /// The reply, with its text cut to 512 bytes.
    pub fn finish(self) -> Reply {
        let trimmed = self.text.trim();
        let mut text = match trimmed.contains(char::is_control) {
            true => trimmed.replace(char::is_control, " "),
            false if trimmed.len() == self.text.len() => self.text,
            false => trimmed.to_owned(),
        };
        text.truncate(text.floor_char_boundary(MAX_TEXT));
        Reply { code: self.code, enhanced: parse_enhanced(&text, self.code), text }
    }
}

fn parse_code(digits: &[u8]) -> Option<u16> {
    let [first @ b'2'..=b'5', rest @ ..] = digits else { return None };
    rest.iter().all(u8::is_ascii_digit).then(|| {
        let value = |digit: &u8| u16::from(digit - b'0');
        rest.iter().fold(value(first), |code, digit| code * 10 + value(digit))
    })
}

fn parse_enhanced(text: &str, code: u16) -> Option<EnhancedCode> {
    let number = |part: &str| part.parse::<u16>().ok().filter(|n| *n < 1_000 && !part.starts_with('+'));
    let mut parts = text.split(' ').next()?.split('.');
    let class = number(parts.next()?)?;
    let (subject, detail) = (number(parts.next()?)?, number(parts.next()?)?);
    let complete = parts.next().is_none() && class == code / 100;
    complete.then_some(EnhancedCode(u8::try_from(class).ok()?, subject, detail))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(lines: &[&[u8]]) -> Result<Reply, Malformed> {
        let mut parser = ReplyParser::default();
        for line in lines {
            if parser.push_line(line)? {
                return Ok(parser.finish());
            }
        }
        Err(Malformed)
    }

    #[test]
    fn several_lines_make_one_reply() {
        let reply = parse(&[b"550-5.1.1 no such", b"550 5.1.1 user", b"250 next"]).expect("a reply");

        assert_eq!((reply.code, reply.enhanced), (550, Some(EnhancedCode(5, 1, 1))));
        assert_eq!(reply.text, "5.1.1 no such 5.1.1 user");
        assert_eq!(reply.to_string(), "550 5.1.1");
    }

    #[test]
    fn code_without_text_is_a_reply() {
        assert_eq!(parse(&[b"250"]).expect("a reply").code, 250);
        assert_eq!(parse(&[b"250-", b"250 "]).expect("a reply").text, "");
        assert_eq!(parse(&["250 2.0.0 Готово".as_bytes()]).expect("a reply").text, "2.0.0 Готово");
    }

    #[test]
    fn enhanced_code_of_another_class_is_ignored() {
        for text in ["250 5.1.1 x", "250 2.1 x", "250 2.1.1.1 x", "250 2.+1.1 x", "250 2.1.1000"] {
            assert_eq!(parse(&[text.as_bytes()]).expect("a reply").enhanced, None, "{text}");
        }
    }

    #[test]
    fn malformed_lines_are_refused() {
        let large = ["250-".as_bytes(), &[b'x'; MAX_BYTES]].concat();
        let many: Vec<&[u8]> = vec![b"250-x"; MAX_LINES + 1];
        for lines in [
            &[&b""[..]][..],
            &[b"25"],
            &[b"2x0 hi"],
            &[b"150 hi"],
            &[b"650 hi"],
            &[b"2500 hi"],
            &[b"250-a", b"251 b"],
            &[b"250 a\0b"],
            &[b"\xff\xfe\xfd"],
            &[b"HTTP/1.1 400 Bad Request"],
            &[&large],
            &many,
        ] {
            assert_eq!(parse(lines), Err(Malformed), "{:?}", lines[0].get(..20));
        }
    }
}
