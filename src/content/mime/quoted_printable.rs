//! Quoted-printable (RFC 2045 §6.7), piece by piece.
//!
//! Each piece begins and ends on lines of its own: a piece that does not end with a line break is closed by a soft line
//! break. So the encoding of a piece does not depend on the pieces beside it, and pieces that all messages share are
//! encoded once (`content::encoded_parts`).

/// Columns of a line, without its end (RFC 2045 §6.7, rule 5).
const COLUMNS: usize = 76;

/// Encodes a piece. A dot or `From ` at the beginning of a line is encoded as well, so that no server on the way can
/// take it for the end of the message or for the beginning of another; so is a space or tab at the end of a line.
pub fn encode(out: &mut Vec<u8>, piece: &str) {
    let mut lines = piece.split('\n').peekable();
    while let Some(line) = lines.next() {
        match lines.peek() {
            Some(_) => {
                encode_line(out, line.strip_suffix('\r').unwrap_or(line).as_bytes(), 0);
                out.extend_from_slice(b"\r\n");
            }
            None if line.is_empty() => {}
            None => {
                encode_line(out, line.as_bytes(), 1);
                out.extend_from_slice(b"=\r\n");
            }
        }
    }
}

/// Ends the text that begins at `start` with exactly one line break.
pub fn finish(out: &mut Vec<u8>, start: usize) {
    while out.len() > start && out.ends_with(b"\r\n") {
        let is_soft = out.ends_with(b"=\r\n");
        out.truncate(out.len() - 2 - usize::from(is_soft));
    }
    out.extend_from_slice(b"\r\n");
}

/// Bytes that a text takes in quoted-printable, with line ends.
pub fn weight(text: &str) -> usize {
    let mut encoded = Vec::new();
    encode(&mut encoded, text);
    encoded.len()
}

/// The encoding of one byte, and how many columns it takes.
type EncodedByte = ([u8; 3], usize);

/// `=XX` for every byte.
const QUOTED: [EncodedByte; 256] = {
    let hex = b"0123456789ABCDEF";
    let mut quoted = [([0; 3], 3); 256];
    let mut byte = 0;
    while byte < 256 {
        quoted[byte].0 = [b'=', hex[byte >> 4], hex[byte & 15]];
        byte += 1;
    }
    quoted
};

/// The same, with printable ASCII and tab as they are.
const ENCODED: [EncodedByte; 256] = {
    let mut encoded = QUOTED;
    let mut byte = 0x20;
    while byte < 0x7f {
        if byte != b'=' {
            encoded[byte as usize] = ([byte, 0, 0], 1);
        }
        byte += 1;
    }
    encoded[b'\t' as usize] = ([b'\t', 0, 0], 1);
    encoded
};

/// Encodes the byte `line[at]`, which comes to stand at this column.
fn encode_byte(line: &[u8], at: usize, column: usize) -> EncodedByte {
    let byte = line[at];
    let is_quoted = match byte {
        b' ' | b'\t' => at + 1 == line.len(),
        b'.' => column == 0,
        b'F' => column == 0 && line[at..].starts_with(b"From "),
        _ => false,
    };
    if is_quoted { QUOTED[usize::from(byte)] } else { ENCODED[usize::from(byte)] }
}

/// Appends a line without its end, for which `reserved` columns are kept free.
fn encode_line(out: &mut Vec<u8>, line: &[u8], reserved: usize) {
    let mut row = [0; COLUMNS + 2];
    let mut column = 0;
    for at in 0..line.len() {
        let free = if at + 1 == line.len() { reserved } else { 1 };
        let (mut bytes, mut width) = encode_byte(line, at, column);
        if column + width + free > COLUMNS {
            row[column] = b'=';
            out.extend_from_slice(&row[..=column]);
            out.extend_from_slice(b"\r\n");
            column = 0;
            // The byte now begins a line, where a dot or `From ` must be encoded.
            (bytes, width) = encode_byte(line, at, column);
        }
        row[column..column + 3].copy_from_slice(&bytes);
        column += width;
    }
    out.extend_from_slice(&row[..column]);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn body(pieces: &[&str]) -> String {
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| encode(&mut out, piece));
        finish(&mut out, 0);
        String::from_utf8(out).expect("ASCII")
    }

    #[test]
    fn body_is_encoded_by_rfc_2045() {
        for (text, quoted) in [
            ("a = b\n", "a =3D b\r\n"),
            ("end \nx\t\n\n", "end=20\r\nx=09\r\n"),
            (".\nMAIL FROM:<x>\n.", "=2E\r\nMAIL FROM:<x>\r\n=2E\r\n"),
            ("From me", "=46rom me\r\n"),
            ("я", "=D1=8F\r\n"),
            ("a\r\nb\rc", "a\r\nb=0Dc\r\n"),
            ("", "\r\n"),
        ] {
            assert_eq!(body(&[text]), quoted, "{text:?}");
        }
        for length in 60..240 {
            let line = format!("{}.{}From .", "x".repeat(length / 2), ".".repeat(length / 2));
            let quoted = body(&[&line]);
            assert!(quoted.lines().all(|line| line.len() <= COLUMNS), "{quoted}");
            assert!(quoted.lines().all(|line| !line.starts_with(['.']) && !line.starts_with("From ")), "{quoted}");
            assert_eq!(quoted.trim_end().replace("=\r\n", "").replace("=2E", ".").replace("=46", "F"), line);
        }
    }

    #[test]
    fn piece_encodes_alike_in_any_place() {
        assert_eq!(body(&["Hi ", "Анна", "", ",\n", ".b", "\n\n", "c\n"]), {
            "Hi=20=\r\n=D0=90=D0=BD=D0=BD=D0=B0=\r\n,\r\n=2Eb=\r\n\r\n\r\nc\r\n"
        });
        assert_eq!(body(&["a\n", "b", "\n"]), "a\r\nb\r\n");
        let line = "x".repeat(76);
        assert_eq!(body(&[&line, "y"]), format!("{}=\r\nx=\r\ny\r\n", &line[1..]));
    }
}
