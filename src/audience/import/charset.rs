//! Detects the character encoding of a file from its bytes: a byte order mark, the NUL pattern of UTF-16,
//! valid UTF-8, and otherwise letter frequencies. Decoded as Russian text, frequent letters must be frequent and no
//! capital may follow a small letter inside a word; of the one-byte Cyrillic encodings only the right one meets both.

use chardetng::{EncodingDetector, Iso2022JpDetection, Utf8Detection};
use encoding_rs::{Encoding, IBM866, KOI8_R, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_1251};

use crate::infra::error::{Message, Result};

/// One-byte encodings of Russian files; a tie goes to the first.
const CYRILLIC: [&Encoding; 3] = [WINDOWS_1251, KOI8_R, IBM866];

/// Frequency of each letter in Russian text, per mille.
const LETTER_FREQUENCIES: [(char, f64); 33] = [
    ('о', 109.0),
    ('е', 84.0),
    ('а', 80.0),
    ('и', 73.0),
    ('н', 67.0),
    ('т', 62.0),
    ('с', 55.0),
    ('р', 47.0),
    ('в', 45.0),
    ('л', 44.0),
    ('к', 35.0),
    ('м', 32.0),
    ('д', 30.0),
    ('п', 28.0),
    ('у', 26.0),
    ('я', 20.0),
    ('ы', 19.0),
    ('ь', 17.0),
    ('г', 17.0),
    ('з', 16.0),
    ('б', 16.0),
    ('ч', 14.0),
    ('й', 12.0),
    ('х', 10.0),
    ('ж', 9.0),
    ('ш', 7.0),
    ('ю', 6.0),
    ('ц', 5.0),
    ('щ', 4.0),
    ('э', 3.0),
    ('ф', 3.0),
    ('ъ', 1.0),
    ('ё', 1.0),
];

/// Score of a character that is no Russian letter, and of a capital inside a word.
const OTHER_CHARACTER: f64 = -3.0;
const CAPITAL_INSIDE: f64 = -12.0;

/// Bytes without a line end after which detection stops: the parser will refuse the file.
const MAX_LINE_BYTES: usize = 4 << 20;

/// Bytes that are fed to the general detector.
const MAX_DETECTOR_BYTES: usize = 1 << 20;

/// The encoding that the user named.
pub fn by_label(label: &str) -> Result<&'static Encoding> {
    Encoding::for_label_no_replacement(label.trim().as_bytes())
        .ok_or_else(|| Message::new("import-encoding-unknown").with("encoding", label).invalid_field("encoding"))
}

/// The encoding that the first bytes prove: by a byte order mark, or as text in UTF-16.
pub fn detect_certain(head: &[u8]) -> Option<&'static Encoding> {
    Encoding::for_bom(head).map(|(encoding, _)| encoding).or_else(|| detect_utf16(head))
}

/// UTF-16 without a mark: nearly every pair is an ASCII or a Cyrillic character, and some are ASCII.
fn detect_utf16(head: &[u8]) -> Option<&'static Encoding> {
    let pairs = &head[..head.len().min(4096)];
    let fits = |high: usize, low: usize| {
        let (mut ascii, mut cyrillic, mut all) = (0, 0, 0);
        for pair in pairs.chunks_exact(2) {
            all += 1;
            ascii += usize::from(pair[high] == 0 && pair[low] != 0);
            cyrillic += usize::from(pair[high] == 4);
        }
        all > 1 && ascii * 10 > all && (ascii + cyrillic) * 10 >= all * 9
    };
    match (fits(1, 0), fits(0, 1)) {
        (true, false) => Some(UTF_16LE),
        (false, true) => Some(UTF_16BE),
        _ => None,
    }
}

/// Detector that is fed the bytes of a file piece by piece.
pub struct CharsetDetector {
    /// Counts of pairs of adjacent bytes above ASCII.
    pairs: Box<[[u64; 128]; 128]>,
    high: u64,
    previous: u8,
    /// Sequences of several bytes that are UTF-8, and bytes that are not.
    good: u64,
    bad: u64,
    cut: Vec<u8>,
    detector: EncodingDetector,
    shown: usize,
    line: usize,
}

impl Default for CharsetDetector {
    fn default() -> Self {
        Self {
            pairs: Box::new([[0; 128]; 128]),
            high: 0,
            previous: 0,
            good: 0,
            bad: 0,
            cut: Vec::new(),
            detector: EncodingDetector::new(Iso2022JpDetection::Deny),
            shown: 0,
            line: 0,
        }
    }
}

impl CharsetDetector {
    /// Counts the next bytes. Returns false when a line is so long that detection may stop.
    pub fn feed(&mut self, bytes: &[u8]) -> bool {
        self.line = match bytes.iter().rposition(|byte| matches!(byte, b'\n' | b'\r')) {
            Some(end) => bytes.len() - end,
            None => self.line + bytes.len(),
        };
        if bytes.is_ascii() && self.cut.is_empty() {
            self.previous = 0;
        } else {
            self.count(bytes);
            self.check(bytes);
            if self.shown < MAX_DETECTOR_BYTES {
                self.detector.feed(bytes, false);
                self.shown += bytes.len();
            }
        }
        self.line < MAX_LINE_BYTES
    }

    fn count(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if byte >= 128 {
                self.high += 1;
                if self.previous >= 128 {
                    self.pairs[usize::from(self.previous - 128)][usize::from(byte - 128)] += 1;
                }
            }
            self.previous = byte;
        }
    }

    fn check(&mut self, bytes: &[u8]) {
        let mut joined = std::mem::take(&mut self.cut);
        joined.extend_from_slice(bytes);
        for chunk in joined.utf8_chunks() {
            self.good += chunk.valid().chars().filter(|c| !c.is_ascii()).count() as u64;
            let rest = chunk.invalid();
            if !rest.is_empty() && joined.as_ptr_range().end == rest.as_ptr_range().end && rest.len() < 4 {
                self.cut = rest.to_vec();
            } else {
                self.bad += rest.len() as u64;
            }
        }
    }

    /// The likeliest encoding of the bytes fed so far. A few invalid bytes do not rule out UTF-8.
    pub fn encoding(&mut self) -> &'static Encoding {
        if self.high == 0 || self.good > self.bad + self.cut.len() as u64 {
            return UTF_8;
        }
        let paired: u64 = self.pairs.iter().flatten().sum();
        if paired * 3 < self.high {
            // High bytes among Latin letters: accents of some western language.
            self.detector.feed(&[], true);
            return self.detector.guess(None, Utf8Detection::Deny);
        }
        let mut best = (CYRILLIC[0], f64::NEG_INFINITY);
        for encoding in CYRILLIC {
            let score = self.score(encoding);
            if score > best.1 {
                best = (encoding, score);
            }
        }
        best.0
    }

    /// How well the pairs match Russian text in this encoding.
    fn score(&self, encoding: &'static Encoding) -> f64 {
        let bytes: Vec<u8> = (128..=255).collect();
        let (text, _) = encoding.decode_without_bom_handling(&bytes);
        let chars: Vec<char> = text.chars().collect();
        let weights: Vec<f64> = chars.iter().map(|c| weight(*c)).collect();
        let mut score = 0.0;
        for (first, row) in self.pairs.iter().enumerate() {
            for (second, count) in row.iter().enumerate().filter(|(_, count)| **count > 0) {
                let inside = chars[first].is_lowercase() && chars[second].is_uppercase();
                let turn = if inside { CAPITAL_INSIDE } else { 0.0 };
                score += (weights[first] + weights[second] + turn) * *count as f64;
            }
        }
        score
    }
}

fn weight(c: char) -> f64 {
    let small = c.to_lowercase().next().unwrap_or(c);
    LETTER_FREQUENCIES.iter().find(|(letter, _)| *letter == small).map_or(OTHER_CHARACTER, |(_, often)| often.ln())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn guess(bytes: &[u8]) -> &'static str {
        detect_certain(bytes).map_or_else(
            || {
                let mut detector = CharsetDetector::default();
                for piece in bytes.chunks(5) {
                    detector.feed(piece);
                }
                detector.encoding().name()
            },
            Encoding::name,
        )
    }

    #[test]
    fn russian_encodings_are_distinguished_in_any_letter_case() {
        for text in [
            "email,имя\nanna@example.org,Анна\n",
            "email;ФИО\na@example.org;ИВАНОВ ИВАН ПЕТРОВИЧ\nb@example.org;ЩУКИНА ЮЛИЯ\n",
            "email;город\na@example.org;нижний новгород\nb@example.org;санкт-петербург\n",
            "почта\tфамилия\na@example.org\tЖуков\nb@example.org\tЁлкина\n",
        ] {
            for encoding in [UTF_8, WINDOWS_1251, KOI8_R, IBM866] {
                let (bytes, _, lost) = encoding.encode(text);
                assert!(!lost);
                assert_eq!(guess(&bytes), encoding.name(), "{text}");
            }
        }
    }

    #[test]
    fn utf_16_is_detected_with_and_without_a_byte_order_mark() {
        let text = "email;имя\r\nanna@example.org;Анна Петрова\r\n";
        let little: Vec<u8> = text.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = text.encode_utf16().flat_map(u16::to_be_bytes).collect();

        assert_eq!(guess(&little), "UTF-16LE");
        assert_eq!(guess(&big), "UTF-16BE");
        assert_eq!(guess(&[&[0xFE, 0xFF], &big[..]].concat()), "UTF-16BE");
        assert_eq!(guess(&[&[0xFF, 0xFE], &little[..]].concat()), "UTF-16LE");
        assert_ne!(guess(&[0; 512]), "UTF-16LE");
    }

    #[test]
    fn one_invalid_row_does_not_rule_out_utf_8() {
        let bytes = ["email,имя\na@example.org,Анна\n".as_bytes(), b"b@example.org,\xc0\xed\n"].concat();

        assert_eq!(guess(&bytes), "UTF-8");
    }

    #[test]
    fn western_accents_are_not_detected_as_cyrillic() {
        let text = "email;prénom;ville\na@example.org;Françoise;Orléans\nb@example.org;Jürgen;Köln\n";
        let (bytes, ..) = encoding_rs::WINDOWS_1252.encode(text);

        assert_eq!(guess(&bytes), "windows-1252");
    }

    #[test]
    fn labels_are_those_of_the_encoding_standard() {
        assert_eq!(by_label("cp1251").expect("known").name(), "windows-1251");
        assert_eq!(by_label(" KOI8-R ").expect("known").name(), "KOI8-R");
        assert_eq!(by_label("klingon").expect_err("unknown").message().key, "import-encoding-unknown");
    }
}
