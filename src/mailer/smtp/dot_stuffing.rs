//! Dot-stuffing (RFC 5321 §4.5.2) and canonical line ends (§2.3.8) of messages.
//!
//! If two servers disagree about the end of a line, a third party can smuggle a message (SMTP smuggling). Session and
//! capture server therefore refuse messages that are not canonical, and never repair them.

use memchr::{memchr_iter, memchr3_iter, memmem};

/// Octets that a line may have without its CR LF (RFC 5322 §2.1.1).
pub const MAX_LINE: usize = 998;

/// True when CR and LF occur only as pairs and there is no NUL.
pub fn is_canonical(text: &[u8]) -> bool {
    memchr3_iter(b'\r', b'\n', b'\0', text).all(|at| match text[at] {
        b'\r' => text.get(at + 1) == Some(&b'\n'),
        b'\n' => at > 0 && text[at - 1] == b'\r',
        _ => false,
    })
}

/// True when no line has more than [`MAX_LINE`] octets.
pub fn has_short_lines(text: &[u8]) -> bool {
    let mut start = 0;
    let longest = memchr_iter(b'\n', text).map(|at| at + 1 - std::mem::replace(&mut start, at + 1)).max();
    longest.unwrap_or(0).max(text.len() - start) <= MAX_LINE + 2
}

/// The message with leading dots doubled and the final dot added, ready to be sent.
pub fn stuff(text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len() + text.len() / 64 + 8);
    if text.starts_with(b".") {
        out.push(b'.');
    }
    let mut done = 0;
    for at in memmem::find_iter(text, b"\r\n.") {
        out.extend_from_slice(&text[done..at + 2]);
        out.push(b'.');
        done = at + 2;
    }
    out.extend_from_slice(&text[done..]);
    if !text.is_empty() && !text.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// Finds the final dot in the bytes that have arrived: where the message ends and where the next command begins. An
/// earlier search has covered the bytes before `from`.
pub fn find_end(arrived: &[u8], from: usize) -> Option<(usize, usize)> {
    if from < 3 && arrived.starts_with(b".\r\n") {
        return Some((0, 3));
    }
    let from = from.saturating_sub(4).min(arrived.len());
    memmem::find(&arrived[from..], b"\r\n.\r\n").map(|at| (from + at + 2, from + at + 5))
}

/// Undoes [`stuff`]: the message without doubled dots. `wire` has no final dot.
pub fn unstuff(wire: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(wire.len());
    let mut done = usize::from(wire.starts_with(b"."));
    for at in memmem::find_iter(wire, b"\r\n.") {
        out.extend_from_slice(&wire[done..at + 2]);
        done = at + 3;
    }
    out.extend_from_slice(&wire[done..]);
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn lone_cr_lf_and_nul_are_not_canonical() {
        for text in ["a\nb\r\n", "a\rb\r\n", "\n", "\r", "\r\r\n", "\r\n\n", "a\0\r\n", "a\r\n\0.\r\n", "a\r\n\r"] {
            assert!(!is_canonical(text.as_bytes()), "{text:?}");
        }
        for text in ["", "a", "a\r\n", "\r\n\r\n", ".\r\n..\r\n"] {
            assert!(is_canonical(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn stuff_doubles_leading_dots_and_adds_the_final_dot() {
        for (text, wire) in [
            ("", ".\r\n"),
            ("a", "a\r\n.\r\n"),
            ("a\r\n", "a\r\n.\r\n"),
            (".", "..\r\n.\r\n"),
            (".\r\n.\r\n", "..\r\n..\r\n.\r\n"),
            ("a\r\n.\r\nb\r\n", "a\r\n..\r\nb\r\n.\r\n"),
            ("a.b\r\n c.\r\n", "a.b\r\n c.\r\n.\r\n"),
        ] {
            assert_eq!(stuff(text.as_bytes()), wire.as_bytes(), "{text:?}");
        }
    }

    #[test]
    fn only_crlf_dot_crlf_ends_a_message() {
        for text in ["a\r\n.", "a\r\n.\n", "a\n.\r\n", "a\r.\r\n", "a\r\n..\r\n", "a\r\n\0.\r\n", ".\n"] {
            assert_eq!(find_end(text.as_bytes(), 0), None, "{text:?}");
        }
        assert_eq!(find_end(b"a\r\n.\r\nRSET\r\n", 0), Some((3, 6)));
        for seen in 0..3 {
            assert_eq!(find_end(b".\r\n", seen), Some((0, 3)), "after {seen} octets");
        }
        for seen in 0..6 {
            assert_eq!(find_end(b"a\r\n.\r\n", seen), Some((3, 6)), "after {seen} octets");
        }
    }

    #[test]
    fn line_of_998_octets_is_allowed_and_999_is_not() {
        let line = |length| [&b"Subject: x\r\n"[..], "a".repeat(length).as_bytes(), b"\r\nb\r\n"].concat();

        assert!(has_short_lines(&line(MAX_LINE)));
        assert!(!has_short_lines(&line(MAX_LINE + 1)));
        assert!(has_short_lines(b""));
    }

    proptest! {
        #[test]
        fn unstuff_reverses_stuff(lines in proptest::collection::vec("[.a]{0,3}", 0..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut wire = stuff(text.as_bytes());
            let length = wire.len();
            wire.extend_from_slice(b"QUIT\r\n");

            let (stop, next) = find_end(&wire, 0).expect("an end");

            prop_assert_eq!(next, length);
            prop_assert_eq!(unstuff(&wire[..stop]), text.as_bytes());
        }
    }
}
