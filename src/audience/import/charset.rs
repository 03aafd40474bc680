//! Character encodings of files: their names, and what the first bytes prove.

use encoding_rs::{Encoding, ISO_2022_JP, UTF_16BE, UTF_16LE};
use oem_cp::code_table::{
    DECODING_TABLE_CP437, DECODING_TABLE_CP737, DECODING_TABLE_CP850, DECODING_TABLE_CP852, DECODING_TABLE_CP858,
};

use crate::infra::error::{Message, Result};

/// A character encoding.
#[derive(Debug, Clone, Copy)]
pub enum Charset {
    /// One of the Encoding Standard.
    Standard(&'static Encoding),
    /// A code page of DOS: its name, and the characters of the bytes above ASCII.
    Dos(&'static str, &'static [char; 128]),
}

/// The code pages of DOS that the Encoding Standard does not have.
const DOS: [(&str, &[char; 128]); 5] = [
    ("cp850", &DECODING_TABLE_CP850),
    ("cp852", &DECODING_TABLE_CP852),
    ("cp437", &DECODING_TABLE_CP437),
    ("cp858", &DECODING_TABLE_CP858),
    ("cp737", &DECODING_TABLE_CP737),
];

impl Charset {
    /// The encoding that the user named.
    pub fn by_label(label: &str) -> Result<Self> {
        let plain: String = label.chars().filter(char::is_ascii_alphanumeric).flat_map(char::to_lowercase).collect();
        let number = plain.trim_start_matches(|c: char| !c.is_ascii_digit());
        let is_page = ["cp", "ibm", "dos", "oem", ""].contains(&&plain[..plain.len() - number.len()]);
        if let Some((name, table)) = DOS.iter().find(|(name, _)| is_page && name[2..] == *number) {
            return Ok(Self::Dos(name, table));
        }
        let label = match plain.as_str() {
            "macroman" => "macintosh",
            "maccyrillic" => "x-mac-cyrillic",
            "cp1250" | "cp1251" | "cp1252" | "cp1253" | "cp1254" | "cp1255" | "cp1256" | "cp1257" | "cp1258" => {
                plain.as_str()
            }
            "cp874" => "windows-874",
            "cp932" => "shift_jis",
            "cp936" => "gbk",
            "cp949" => "euc-kr",
            "cp950" => "big5",
            _ => label.trim(),
        };
        Encoding::for_label_no_replacement(label.as_bytes())
            .map(Self::Standard)
            .ok_or_else(|| Message::new("import-encoding-unknown").with("encoding", label).invalid_field("encoding"))
    }

    /// Decodes a text; bytes that cannot be decoded become U+FFFD.
    pub fn decode(self, bytes: &[u8]) -> String {
        match self {
            Self::Standard(encoding) => encoding.decode_without_bom_handling(bytes).0.into_owned(),
            Self::Dos(_, table) => {
                let c = |byte: &u8| if byte.is_ascii() { char::from(*byte) } else { table[usize::from(byte - 128)] };
                bytes.iter().map(c).collect()
            }
        }
    }

    /// The name in lower case.
    pub fn name(self) -> String {
        match self {
            Self::Standard(encoding) => encoding.name().to_lowercase(),
            Self::Dos(name, _) => name.to_owned(),
        }
    }
}

/// The encoding that the first bytes prove: by a byte order mark, as text in UTF-16, or by the escapes of ISO-2022-JP.
pub fn detect_certain(head: &[u8]) -> Option<&'static Encoding> {
    let escapes = || {
        let has = |escape: &[u8]| head.windows(3).any(|bytes| bytes == escape);
        (head.is_ascii() && (has(b"\x1b$B") || has(b"\x1b$@"))).then_some(ISO_2022_JP)
    };
    Encoding::for_bom(head).map(|(encoding, _)| encoding).or_else(|| detect_utf16(head)).or_else(escapes)
}

/// UTF-16 without a mark. Addresses and delimiters are ASCII, so one byte of many pairs is zero, always on the same side;
/// text in another encoding has no zeros.
fn detect_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = head[..head.len().min(64 << 10)].as_chunks::<2>().0;
    let zeros = |side: usize| pairs.iter().filter(|pair| pair[side] == 0).count();
    let (first, second) = (zeros(0), zeros(1));
    let prevails = |many: usize, few: usize| many * 8 > pairs.len() && many > few * 20;
    match (prevails(second, first), prevails(first, second)) {
        (true, _) => Some(UTF_16LE),
        (_, true) => Some(UTF_16BE),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utf_16_is_detected_with_and_without_a_byte_order_mark() {
        for name in ["Анна Петрова", "Γιώργος", "สมชาย ใจดี", "王一伟", "김민수", "Ann"]
        {
            let text = format!("email;name\r\nanna@example.org;{name}\r\n");
            let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
            let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();
            let named = |bytes: &[u8]| detect_certain(bytes).map(Encoding::name);

            assert_eq!(named(&little), Some("UTF-16LE"));
            assert_eq!(named(&big), Some("UTF-16BE"));
            assert_eq!(named(&[&[0xFE, 0xFF], &big[..]].concat()), Some("UTF-16BE"));
            assert_eq!(named(&[&[0xFF, 0xFE], &little[..]].concat()), Some("UTF-16LE"));
            assert_eq!(named(text.as_bytes()), None);
        }
        assert!(detect_certain(&[0; 512]).is_none());
        assert_eq!(detect_certain(b"a@x.test,\x1b$B;3\x1b(B\n").map(Encoding::name), Some("ISO-2022-JP"));
    }

    #[test]
    fn labels_are_those_of_the_encoding_standard_and_of_code_pages() {
        for (label, name) in [
            ("cp1251", "windows-1251"),
            (" KOI8-R ", "koi8-r"),
            ("cp850", "cp850"),
            ("IBM-437", "cp437"),
            ("852", "cp852"),
            ("mac-roman", "macintosh"),
            ("latin1", "windows-1252"),
            ("cp949", "euc-kr"),
        ] {
            assert_eq!(Charset::by_label(label).expect(label).name(), name);
        }
        for unknown in ["klingon", "", "850x"] {
            assert_eq!(Charset::by_label(unknown).expect_err(unknown).message().key, "import-encoding-unknown");
        }
    }
}
