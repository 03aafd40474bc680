//! Removes records from a file of CSV, of JSON, or of lines, in UTF-8 or UTF-16, perhaps compressed with gzip. Records
//! that stay keep every byte.

use std::fs::{self, File};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::ops::Range;
use std::path::Path;

use encoding_rs::{Encoding, UTF_16BE, UTF_16LE};
use flate2::Compression;
use flate2::read::MultiGzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

use super::mention;
use crate::audience::address::Address;
use crate::infra::atomic_file::AtomicFile;
use crate::infra::error::of_csv;
#[cfg(feature = "parquet")]
use crate::infra::parquet_file;

/// The largest file that is read into memory as a whole: one in UTF-16, or one JSON document.
const MAX_WHOLE: u64 = 256 << 20;

/// How Parquet files begin.
const PARQUET: &[u8] = b"PAR1";

/// What became of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// No record of it had to go, or those that had to are gone.
    Searched,
    /// Its format cannot be searched: an archive, a database, a document.
    Opaque,
}

/// What the file is made of, by its first bytes and its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Format {
    Csv { delimiter: u8 },
    Lines,
    Json,
}

/// Rewrites a file without the records that mention a wanted address. A file without such a record is not written.
pub fn erase(path: &Path, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Outcome> {
    let head = head(File::open(path)?)?;
    #[cfg(feature = "parquet")]
    if head.starts_with(PARQUET) {
        return match parquet_file::erase_rows(path, &|text| mention::mentions(text, is_wanted)) {
            Err(error) if error.kind() == io::ErrorKind::Unsupported => Ok(Outcome::Opaque),
            done => done.map(|()| Outcome::Searched),
        };
    }
    if is_opaque(&head) {
        return Ok(Outcome::Opaque);
    }
    let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase()).unwrap_or_default();
    if head.starts_with(&[0x1f, 0x8b]) {
        return erase_compressed(path, name.strip_suffix(".gz").unwrap_or(&name), is_wanted);
    }
    if let Some((encoding, _)) = Encoding::for_bom(&head).filter(|(found, _)| [UTF_16LE, UTF_16BE].contains(found)) {
        return erase_utf16(path, &name, encoding, is_wanted);
    }
    let format = format_of(&name, &head);
    if format == Format::Json && fs::metadata(path)?.len() <= MAX_WHOLE {
        let text = fs::read(path)?;
        if let Ok(document) = serde_json::from_slice::<Value>(&text) {
            return erase_from_document(path, document, is_wanted);
        }
    }
    let found = matches(format, BufReader::new(File::open(path)?), is_wanted)?;
    if !found.is_empty() {
        let mut to = AtomicFile::create(path)?;
        copy_without(BufReader::with_capacity(1 << 16, File::open(path)?), &mut to, &found)?;
        to.persist()?;
    }
    Ok(Outcome::Searched)
}

/// Whether any line of a file mentions a wanted address.
pub fn mentions(path: &Path, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<bool> {
    Ok(!line_matches(BufReader::new(File::open(path)?), is_wanted)?.is_empty())
}

/// Whether a file is of a format that cannot be searched.
pub fn is_unsearchable(path: &Path) -> io::Result<bool> {
    let head = head(File::open(path)?)?;
    #[cfg(feature = "parquet")]
    if head.starts_with(PARQUET) {
        return Ok(!parquet_file::is_readable(path));
    }
    Ok(is_opaque(&head))
}

/// The first bytes of a file, by which its format is told.
fn head(from: impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    from.take(4_096).read_to_end(&mut head)?;
    Ok(head)
}

/// Archives, databases and documents.
fn is_opaque(head: &[u8]) -> bool {
    const SIGNS: [&[u8]; 9] = [
        b"PK\x03\x04",
        b"\x28\xb5\x2f\xfd",
        b"\xfd7zXZ\0",
        b"BZh",
        b"7z\xbc\xaf\x27\x1c",
        PARQUET,
        b"SQLite format 3\0",
        b"%PDF",
        b"Rar!",
    ];
    SIGNS.iter().any(|sign| head.starts_with(sign))
}

fn format_of(name: &str, head: &[u8]) -> Format {
    let ending = name.rsplit('.').next().unwrap_or_default();
    let first = head.split(|byte| *byte == b'\n').next().unwrap_or_default();
    let count = |delimiter: u8| first.iter().filter(|byte| **byte == delimiter).count();
    match ending {
        "csv" | "tsv" => {
            let delimiter = [b',', b';', b'\t', b'|'].into_iter().rev().max_by_key(|one| count(*one)).unwrap_or(b',');
            Format::Csv { delimiter }
        }
        "json" => Format::Json,
        _ => Format::Lines,
    }
}

fn erase_compressed(path: &Path, name: &str, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Outcome> {
    let open = || File::open(path).map(|file| BufReader::new(MultiGzDecoder::new(BufReader::new(file))));
    let Ok(head) = head(open()?) else { return Ok(Outcome::Opaque) };
    if is_opaque(&head) || Encoding::for_bom(&head).is_some() {
        return Ok(Outcome::Opaque);
    }
    let format = match format_of(name, &head) {
        Format::Json => Format::Lines,
        format => format,
    };
    let Ok(found) = matches(format, open()?, is_wanted) else { return Ok(Outcome::Opaque) };
    if !found.is_empty() {
        let mut to = GzEncoder::new(AtomicFile::create(path)?, Compression::default());
        copy_without(open()?, &mut to, &found)?;
        to.finish()?.persist()?;
    }
    Ok(Outcome::Searched)
}

fn erase_utf16(
    path: &Path,
    name: &str,
    encoding: &'static Encoding,
    is_wanted: &impl Fn(&Address) -> bool,
) -> io::Result<Outcome> {
    if fs::metadata(path)?.len() > MAX_WHOLE {
        return Ok(Outcome::Opaque);
    }
    let bytes = fs::read(path)?;
    let (text, _) = encoding.decode_with_bom_removal(&bytes);
    let format = match format_of(name, text.as_bytes()) {
        Format::Json => Format::Lines,
        format => format,
    };
    let found = matches(format, text.as_bytes(), is_wanted)?;
    if !found.is_empty() {
        let mut left = Vec::new();
        copy_without(text.as_bytes(), &mut left, &found)?;
        let mut to = AtomicFile::create(path)?;
        let units = String::from_utf8_lossy(&left).into_owned();
        for unit in [0xfeff].into_iter().chain(units.encode_utf16()) {
            to.write_all(&if encoding == UTF_16LE { unit.to_le_bytes() } else { unit.to_be_bytes() })?;
        }
        to.persist()?;
    }
    Ok(Outcome::Searched)
}

/// Removes the elements of lists that mention a wanted address, and the whole file when the document is about one.
fn erase_from_document(path: &Path, mut document: Value, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Outcome> {
    let before = document.clone();
    if !prune(&mut document, is_wanted) {
        fs::remove_file(path)?;
    } else if document != before {
        let mut to = AtomicFile::create(path)?;
        serde_json::to_writer_pretty(&mut to, &document)?;
        to.write_all(b"\n")?;
        to.persist()?;
    }
    Ok(Outcome::Searched)
}

/// False when the value itself is about a wanted address and has to go.
fn prune(value: &mut Value, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    match value {
        Value::String(text) => !mention::mentions(text, is_wanted),
        Value::Array(values) => {
            values.retain_mut(|value| prune(value, is_wanted));
            true
        }
        Value::Object(fields) => {
            fields.keys().all(|key| !mention::mentions(key, is_wanted))
                && fields.values_mut().all(|value| prune(value, is_wanted))
        }
        _ => true,
    }
}

fn matches(format: Format, from: impl BufRead, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    match format {
        Format::Csv { delimiter } => csv_matches(delimiter, from, is_wanted),
        Format::Lines | Format::Json => line_matches(from, is_wanted),
    }
}

fn csv_matches(delimiter: u8, from: impl Read, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let mut builder = csv::ReaderBuilder::new();
    let mut reader = builder.has_headers(false).flexible(true).delimiter(delimiter).from_reader(from);
    let mut record = csv::ByteRecord::new();
    let mut found = Vec::new();
    while reader.read_byte_record(&mut record).map_err(of_csv)? {
        let start = record.position().map_or(0, csv::Position::byte);
        if record.iter().any(|cell| mention::mentions(&String::from_utf8_lossy(cell), is_wanted)) {
            found.push(start..reader.position().byte());
        }
    }
    Ok(found)
}

fn line_matches(from: impl BufRead, is_wanted: &impl Fn(&Address) -> bool) -> io::Result<Vec<Range<u64>>> {
    let (mut found, mut start) = (Vec::new(), 0);
    // Lines that hold nothing but base64 belong together: an address may begin on one and end on the next.
    let (mut block, mut block_start) = (String::new(), 0);
    let end_block = |block: &mut String, range: Range<u64>, found: &mut Vec<Range<u64>>| {
        if mention::mentions(block, is_wanted) {
            found.push(range);
        }
        block.clear();
    };
    for line in from.split(b'\n') {
        let line = line?;
        let end = start + line.len() as u64 + 1;
        let text = String::from_utf8_lossy(&line);
        let content = text.trim_end();
        if is_base64(content) {
            if block.is_empty() {
                block_start = start;
            }
            block.push_str(content);
        } else {
            if !block.is_empty() {
                end_block(&mut block, block_start..start, &mut found);
            }
            if mentions_in_line(&text, is_wanted) {
                found.push(start..end);
            }
        }
        start = end;
    }
    if !block.is_empty() {
        end_block(&mut block, block_start..start, &mut found);
    }
    Ok(found)
}

fn is_base64(line: &str) -> bool {
    line.len() >= 20 && line.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"+/=-_".contains(&byte))
}

fn mentions_in_line(text: &str, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    match serde_json::from_str(text) {
        Ok(value) => json_mentions(&value, is_wanted),
        Err(_) => mention::mentions(text, is_wanted),
    }
}

fn json_mentions(value: &Value, is_wanted: &impl Fn(&Address) -> bool) -> bool {
    match value {
        Value::String(text) => mention::mentions(text, is_wanted),
        Value::Array(values) => values.iter().any(|value| json_mentions(value, is_wanted)),
        Value::Object(fields) => {
            fields.iter().any(|(key, value)| mention::mentions(key, is_wanted) || json_mentions(value, is_wanted))
        }
        _ => false,
    }
}

/// Copies all bytes but those of the ranges, which are in order.
fn copy_without(mut from: impl Read, to: &mut impl Write, ranges: &[Range<u64>]) -> io::Result<()> {
    let mut at = 0;
    for range in ranges {
        io::copy(&mut from.by_ref().take(range.start - at), to)?;
        io::copy(&mut from.by_ref().take(range.end - range.start), &mut io::sink())?;
        at = range.end;
    }
    io::copy(&mut from, to)?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_wanted(found: &Address) -> bool {
        found.canonical() == "b@x.org"
    }

    fn erased(name: &str, before: &[u8]) -> (Outcome, Option<Vec<u8>>) {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join(name);
        fs::write(&path, before).expect("written");
        let outcome = erase(&path, &is_wanted).expect("erased");
        (outcome, fs::read(&path).ok())
    }

    #[test]
    fn records_of_other_contacts_keep_every_byte() {
        for (name, before, after) in [
            (
                "a.csv",
                "\"n\",\"a\"\r\n1,a@x.org\r\n\"2\n2\",B@x.org\r\n3,c@x.org\r\n",
                "\"n\",\"a\"\r\n1,a@x.org\r\n3,c@x.org\r\n",
            ),
            ("b.csv", "b@x.org,1\nc@x.org,2", "c@x.org,2"),
            ("s.csv", "email;note\nb@x.org;\"two\nlines\"\nc@x.org;3\n", "email;note\nc@x.org;3\n"),
            ("c.ndjson", "{\"a\":\"a@x.org\"}\n{\"a\":\"\\u0062@x.org\"}\n", "{\"a\":\"a@x.org\"}\n"),
            ("d.txt", "a@x.org\nb@x.org", "a@x.org\n"),
            ("e.csv", "joe b@x.organ\n", "joe b@x.organ\n"),
            ("f.txt", "one\nbmFtZSwgZW1haWwKYW5uYSwgYk\nB4Lm9yZywgMTIzNDU2Nzg5MCwg\ntwo\n", "one\ntwo\n"),
        ] {
            let (outcome, left) = erased(name, before.as_bytes());
            assert_eq!(outcome, Outcome::Searched);
            assert_eq!(String::from_utf8(left.expect("a file")).expect("text"), after, "{name}");
        }
    }

    #[test]
    fn file_in_utf_16_is_searched_and_stays_in_utf_16() {
        let encode = |text: &str, encode: fn(u16) -> [u8; 2]| -> Vec<u8> {
            format!("\u{feff}{text}").encode_utf16().flat_map(encode).collect()
        };
        for bytes in [u16::to_le_bytes, u16::to_be_bytes] {
            let (_, left) = erased("a.csv", &encode("имя,a\nАнна,b@x.org\nИван,c@x.org\n", bytes));
            assert_eq!(left, Some(encode("имя,a\nИван,c@x.org\n", bytes)));
        }
    }

    #[test]
    fn compressed_file_is_searched_and_stays_compressed() {
        let pack = |text: &str| {
            let mut to = GzEncoder::new(Vec::new(), Compression::default());
            to.write_all(text.as_bytes()).expect("packed");
            to.finish().expect("packed")
        };
        let (_, left) = erased("a.csv.gz", &pack("a\nb@x.org\nc@x.org\n"));
        let mut text = String::new();
        MultiGzDecoder::new(left.expect("a file").as_slice()).read_to_string(&mut text).expect("unpacked");

        assert_eq!(text, "a\nc@x.org\n");
        assert_eq!(erased("broken.gz", b"\x1f\x8bnothing").0, Outcome::Opaque);
        assert_eq!(erased("a.xlsx", b"PK\x03\x04b@x.org").0, Outcome::Opaque);
    }

    #[test]
    fn json_document_loses_elements_or_goes_as_a_whole() {
        let (_, left) =
            erased("a.json", b"{\"people\": [{\"email\": \"b@x.org\", \"n\": 1}, {\"email\": \"c@x.org\"}]}");
        let left: Value = serde_json::from_slice(&left.expect("a file")).expect("JSON");
        assert_eq!(left, serde_json::json!({ "people": [{ "email": "c@x.org" }] }));

        assert_eq!(erased("b.json", b"{\n \"contact\": {\"email\": \"b@x.org\"},\n \"events\": []\n}").1, None);
    }
}
