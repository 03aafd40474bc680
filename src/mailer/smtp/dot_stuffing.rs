//! The text of a message as SMTP carries it (RFC 5321 §2.3.8, §4.5.2): lines that end with CR LF
//! and nothing else, dots at their beginning doubled, a lone dot at the end. Where one side sees
//! an end of line that the other does not, a stranger's letter can be smuggled in; so what is not
//! canonical is refused by the session and by the capture alike, never mended.

use memchr::{memchr_iter, memchr3_iter, memmem};

/// Octets a line may have without its CR LF (RFC 5322 §2.1.1).
pub const LINE: usize = 998;

/// True when CR and LF stand only as pairs and there is no NUL.
pub fn is_canonical(text: &[u8]) -> bool {
    memchr3_iter(b'\r', b'\n', b'\0', text).all(|at| match text[at] {
        b'\r' => text.get(at + 1) == Some(&b'\n'),
        b'\n' => at > 0 && text[at - 1] == b'\r',
        _ => false,
    })
}

/// True when no line has more than [`LINE`] octets.
pub fn fits(text: &[u8]) -> bool {
    let mut start = 0;
    let longest = memchr_iter(b'\n', text).map(|at| at + 1 - std::mem::replace(&mut start, at + 1)).max();
    longest.unwrap_or(0).max(text.len() - start) <= LINE + 2
}

/// The text with its leading dots doubled and the final dot, ready for the wire.
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

/// Where the text ends in what has arrived, and where the next command begins. `from` is how far
/// an earlier search came.
pub fn end(arrived: &[u8], from: usize) -> Option<(usize, usize)> {
    if from < 3 && arrived.starts_with(b".\r\n") {
        return Some((0, 3));
    }
    let from = from.saturating_sub(4).min(arrived.len());
    memmem::find(&arrived[from..], b"\r\n.\r\n").map(|at| (from + at + 2, from + at + 5))
}

/// The text as its author wrote it, from the wire form without the final dot.
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
    fn lone_line_ends_and_nul_are_not_canonical() {
        for text in ["a\nb\r\n", "a\rb\r\n", "\n", "\r", "\r\r\n", "\r\n\n", "a\0\r\n", "a\r\n\0.\r\n", "a\r\n\r"] {
            assert!(!is_canonical(text.as_bytes()), "{text:?}");
        }
        for text in ["", "a", "a\r\n", "\r\n\r\n", ".\r\n..\r\n"] {
            assert!(is_canonical(text.as_bytes()), "{text:?}");
        }
    }

    #[test]
    fn leading_dots_are_doubled_and_the_last_dot_stands_alone() {
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
    fn only_a_whole_end_ends_the_text() {
        for text in ["a\r\n.", "a\r\n.\n", "a\n.\r\n", "a\r.\r\n", "a\r\n..\r\n", "a\r\n\0.\r\n", ".\n"] {
            assert_eq!(end(text.as_bytes(), 0), None, "{text:?}");
        }
        assert_eq!(end(b"a\r\n.\r\nRSET\r\n", 0), Some((3, 6)));
        for seen in 0..3 {
            assert_eq!(end(b".\r\n", seen), Some((0, 3)), "after {seen} octets");
        }
        for seen in 0..6 {
            assert_eq!(end(b"a\r\n.\r\n", seen), Some((3, 6)), "after {seen} octets");
        }
    }

    #[test]
    fn a_line_of_998_octets_fits_and_one_more_does_not() {
        let line = |length| [&b"Subject: x\r\n"[..], "a".repeat(length).as_bytes(), b"\r\nb\r\n"].concat();

        assert!(fits(&line(LINE)));
        assert!(!fits(&line(LINE + 1)));
        assert!(fits(b""));
    }

    proptest! {
        #[test]
        fn what_was_stuffed_comes_back_whole(lines in proptest::collection::vec("[.a]{0,3}", 0..20)) {
            let text: String = lines.iter().map(|line| format!("{line}\r\n")).collect();
            let mut wire = stuff(text.as_bytes());
            let length = wire.len();
            wire.extend_from_slice(b"QUIT\r\n");

            let (stop, next) = end(&wire, 0).expect("an end");

            prop_assert_eq!(next, length);
            prop_assert_eq!(unstuff(&wire[..stop]), text.as_bytes());
        }
    }
}
