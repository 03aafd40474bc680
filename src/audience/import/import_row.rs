//! A valid row of an import file, packed for sorting and for files of sorted runs.

use std::cmp::Ordering;
use std::fs::File;
use std::io::{self, BufReader, Read, Write};

use super::standing::Standing;

/// A valid row. Its texts are stored in one string: allocating five strings for each of a million rows costs more
/// than sorting them. Ordered by canonical address, then the worst
/// standing, then line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportRow {
    /// The line of the file that the row begins on, from 1.
    pub line: u64,
    /// What the file says of the person.
    pub standing: Standing,
    text: String,
    /// Where each text ends.
    ends: [u32; TEXTS],
}

/// Canonical address, address as spelled, values, folded values, raw text.
const TEXTS: usize = 5;

impl ImportRow {
    /// A row of: canonical address, address as spelled, field values as JSON, text values in lower case as JSON, and
    /// the raw text of the row, which is empty when rejects are not written. The parser bounds rows, so lengths fit.
    pub fn new(line: u64, standing: Standing, texts: [&str; TEXTS]) -> Self {
        let mut ends = [0; TEXTS];
        let mut text = String::with_capacity(texts.iter().map(|text| text.len()).sum());
        for (end, part) in ends.iter_mut().zip(texts) {
            text.push_str(part);
            *end = u32::try_from(text.len()).unwrap_or(u32::MAX);
        }
        Self { line, standing, text, ends }
    }

    fn part(&self, index: usize) -> &str {
        let start = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[start as usize..self.ends[index] as usize]
    }

    /// The canonical form of the address.
    pub fn canonical(&self) -> &str {
        self.part(0)
    }

    /// The address as spelled.
    pub fn address(&self) -> &str {
        self.part(1)
    }

    /// The field values as JSON.
    pub fn values(&self) -> &str {
        self.part(2)
    }

    /// The text values in lower case, as JSON.
    pub fn folded(&self) -> &str {
        self.part(3)
    }

    /// The raw text of the row.
    pub fn raw(&self) -> &str {
        self.part(4)
    }

    /// Bytes of memory that it takes.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Self>() + self.text.capacity()
    }

    /// Writes it to a run.
    pub fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&self.line.to_le_bytes())?;
        out.write_all(&[self.standing as u8])?;
        for end in self.ends {
            out.write_all(&end.to_le_bytes())?;
        }
        out.write_all(self.text.as_bytes())
    }

    /// Reads what [`ImportRow::write`] wrote.
    pub fn read(from: &mut BufReader<File>) -> io::Result<Self> {
        let mut head = [0; 8 + 1 + 4 * TEXTS];
        from.read_exact(&mut head)?;
        let (line, rest) = head.split_first_chunk().expect("eight of them");
        let (standing, rest) = rest.split_first().expect("one more");
        let mut ends = [0; TEXTS];
        for (end, bytes) in ends.iter_mut().zip(rest.as_chunks().0) {
            *end = u32::from_le_bytes(*bytes);
        }
        let mut text = vec![0; ends[TEXTS - 1] as usize];
        from.read_exact(&mut text)?;
        let text = String::from_utf8(text).map_err(io::Error::other)?;
        Ok(Self { line: u64::from_le_bytes(*line), standing: Standing::of_number(*standing), text, ends })
    }
}

impl Ord for ImportRow {
    fn cmp(&self, other: &Self) -> Ordering {
        let worst_first = || other.standing.cmp(&self.standing);
        self.canonical().cmp(other.canonical()).then_with(worst_first).then(self.line.cmp(&other.line))
    }
}

impl PartialOrd for ImportRow {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
