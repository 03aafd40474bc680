//! Encodings of two bytes a character (Chinese, Japanese, Korean): counts the units of a file in each, and scores them by
//! the frequency of their characters.

use encoding_rs::{BIG5, EUC_JP, EUC_KR, Encoding, GBK, SHIFT_JIS};

use super::charset::Charset;
use super::letter_model::{UNDEFINED, language};

/// The score of each of these encodings before anything is read.
const PRIOR: f64 = -1.0;
/// Malformed bytes after which an encoding is given up.
const MAX_MALFORMED: u64 = 64;

/// One of the encodings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Gbk,
    Big5,
    EucKr,
    ShiftJis,
    EucJp,
}

const KINDS: [Kind; 5] = [Kind::Gbk, Kind::Big5, Kind::EucKr, Kind::ShiftJis, Kind::EucJp];

impl Kind {
    fn encoding(self) -> &'static Encoding {
        match self {
            Self::Gbk => GBK,
            Self::Big5 => BIG5,
            Self::EucKr => EUC_KR,
            Self::ShiftJis => SHIFT_JIS,
            Self::EucJp => EUC_JP,
        }
    }

    fn language(self) -> &'static str {
        match self {
            Self::Gbk => "zh",
            Self::Big5 => "zht",
            Self::EucKr => "ko",
            Self::ShiftJis | Self::EucJp => "ja",
        }
    }

    fn is_lead(self, byte: u8) -> bool {
        match self {
            Self::ShiftJis => matches!(byte, 0x81..=0x9f | 0xe0..=0xfc),
            Self::EucJp => matches!(byte, 0x8e | 0xa1..=0xfe),
            _ => matches!(byte, 0x81..=0xfe),
        }
    }

    /// The share of a character that is not among the measured ones, by its place in the character set: common, less
    /// common, signs.
    fn share(self, [lead, trail]: [u8; 2], c: char) -> f64 {
        match (self, lead) {
            (Self::ShiftJis | Self::EucJp, _) if matches!(c, '\u{3040}'..='\u{30ff}') => 0.25 / 170.0,
            (Self::Gbk, 0xb0..=0xd7) if trail >= 0xa1 => 0.45 / 3_755.0,
            (Self::Gbk, 0xd8..=0xf7) if trail >= 0xa1 => 0.03 / 3_008.0,
            (Self::Gbk, 0xa1..=0xa9) if trail >= 0xa1 => 4.5e-5,
            (Self::Gbk, _) => 0.01 / 14_000.0,
            (Self::Big5, 0xa4..=0xc6) => 0.45 / 5_401.0,
            (Self::Big5, 0xc9..=0xf9) => 0.03 / 7_652.0,
            (Self::EucKr, 0xb0..=0xc8) if trail >= 0xa1 => 0.45 / 2_350.0,
            (Self::EucKr, 0xca..=0xfd) if trail >= 0xa1 => 0.02 / 4_888.0,
            (Self::EucKr, _) => 1.7e-5,
            (Self::ShiftJis, 0x88..=0x97) | (Self::EucJp, 0xb0..=0xcf) => 0.3 / 2_965.0,
            (Self::ShiftJis, 0x98..=0xea) | (Self::EucJp, 0xd0..=0xf4) => 0.02 / 3_390.0,
            _ => 4.5e-5,
        }
    }
}

/// Share of a Japanese letter of half width, which has one byte.
const HALF_WIDTH: f64 = 2e-4;

/// The units of a file in one encoding.
struct Units {
    kind: Kind,
    pairs: Box<[u32]>,
    half_width: u64,
    malformed: u64,
    lead: Option<u8>,
}

/// The units of a file in each encoding.
pub struct DoubleByteCounts(Vec<Units>);

impl Default for DoubleByteCounts {
    fn default() -> Self {
        let units = |kind| Units { kind, pairs: vec![0; 1 << 16].into(), half_width: 0, malformed: 0, lead: None };
        Self(KINDS.map(units).into())
    }
}

impl DoubleByteCounts {
    /// Counts a byte above ASCII, or one that follows such a byte.
    pub fn feed(&mut self, byte: u8) {
        for units in self.0.iter_mut().filter(|units| units.malformed <= MAX_MALFORMED) {
            units.feed(byte);
        }
    }
}

impl Units {
    fn feed(&mut self, byte: u8) {
        match self.lead.take() {
            Some(lead) if byte >= 0x40 => {
                let count = &mut self.pairs[usize::from(lead) << 8 | usize::from(byte)];
                *count = count.saturating_add(1);
                return;
            }
            Some(_) => self.malformed += 1,
            None => {}
        }
        match byte {
            0..0x80 => {}
            0xa1..=0xdf if self.kind == Kind::ShiftJis => self.half_width += 1,
            _ if self.kind.is_lead(byte) => self.lead = Some(byte),
            _ => self.malformed += 1,
        }
    }

    fn score(&self) -> f64 {
        let model = language(self.kind.language());
        let mut score = self.malformed as f64 * UNDEFINED + self.half_width as f64 * HALF_WIDTH.ln();
        for (pair, count) in self.pairs.iter().enumerate().filter(|(_, count)| **count > 0) {
            let bytes = [(pair >> 8) as u8, pair as u8];
            let decoded = self.kind.encoding().decode_without_bom_handling_and_without_replacement(&bytes);
            let log = decoded.and_then(|text| text.chars().next()).map_or(UNDEFINED, |c| {
                let share = self.kind.share(bytes, c);
                model.get(&c).map_or(share.ln(), |log| (0.5 * log.exp()).max(share).ln())
            });
            score += log * f64::from(*count);
        }
        score
    }
}

/// The score of each encoding that the file may be in.
pub fn scores(counts: &DoubleByteCounts) -> Vec<(f64, Charset)> {
    let possible = counts.0.iter().filter(|units| units.malformed <= MAX_MALFORMED);
    possible.map(|units| (units.score() + PRIOR, Charset::Standard(units.kind.encoding()))).collect()
}
