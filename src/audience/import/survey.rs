//! Survey of an import file: reads it before any row is taken. It finds the header, assigns the columns, and judges dates,
//! numbers and statuses by all rows, so that what a column leaves open is asked about and never guessed row by row.

use std::collections::BTreeMap;

use super::address_column::{has_address, has_address_name};
use super::charset::Charset;
use super::column_names::quoted;
use super::decoder;
use super::delimiter::{Delimiter, MAX_TITLE_LINES};
use super::header::Header;
use super::input::Input;
use super::record::{MAX_ROW_BYTES, Record, Records};
use super::row;
use super::source::Source;
use super::standing::{self, Standing};
use super::target::Target;
use super::type_inference::TypeInference;
use super::{Purpose, StatusRule};
use crate::audience::address::{Address, trim_blank};
use crate::audience::cell_format::{CellFormat, DateOrder, Evidence, NumberStyle, Unclear};
use crate::audience::field::Kind;
use crate::infra::error::{Error, Message, Result};

/// Rows at the beginning of a file by which its columns are told apart.
const SAMPLE: usize = 1_000;

/// Bytes from which no more of these are kept.
const SAMPLE_BYTES: usize = 4 << 20;

/// Different words of status columns that are counted one by one.
const MAX_WORDS: usize = 30;

/// What the survey found.
pub struct Survey {
    /// The columns.
    pub header: Header,
    /// The line of the header; 0 without one.
    pub header_line: u64,
    /// Rows above the header.
    pub titles: usize,
    /// The format of each column.
    pub formats: Vec<CellFormat>,
    /// What everyone in the file is who has no status of his own.
    pub everyone: Standing,
    /// The delimiter that the user named.
    pub delimiter: Option<Delimiter>,
}

/// The rows of a file from its beginning.
fn records(source: &Source, charset: Charset, delimiter: Option<Delimiter>) -> Result<Records> {
    Records::with_delimiter(decoder::text(source, charset)?, &source.name, delimiter)
}

/// The rows below the header.
pub fn rows(source: &Source, charset: Charset, survey: &Survey) -> Result<Records> {
    let mut records = records(source, charset, survey.delimiter)?;
    if survey.header_line > 0 {
        while records.next()?.is_some_and(|record| record.line < survey.header_line) {}
    }
    records.set_shape(survey.header.shape());
    Ok(records)
}

/// Surveys a file.
pub fn survey(source: &Source, charset: Charset, input: &Input) -> Result<Survey> {
    let mut survey = read_header(source, charset, input)?;
    let undeclared = if input.purpose == Purpose::Subscribe { survey.header.undeclared() } else { Vec::new() };
    if !undeclared.is_empty() {
        return Err(survey.header.refuse(&infer_types(rows(source, charset, &survey)?, undeclared)?));
    }
    let mut columns = Vec::new();
    for (column, target) in survey.header.targets.iter().enumerate() {
        if let Some(Target::Field(index)) = target
            && input.purpose == Purpose::Subscribe
            && matches!(input.fields[*index].kind, Kind::Date | Kind::Number)
        {
            columns.push((column, input.fields[*index].kind, Evidence::default()));
        }
    }
    let mut words = StatusWords::default();
    if !columns.is_empty() || !survey.header.statuses.is_empty() {
        let mut records = rows(source, charset, &survey)?;
        while let Some(record) = records.next()? {
            if record.defect.is_some() {
                continue;
            }
            for (column, kind, evidence) in &mut columns {
                match kind {
                    Kind::Date => evidence.observe_date(record.cell(*column)),
                    _ => evidence.observe_number(record.cell(*column)),
                }
            }
            words.observe(&record, &survey.header);
        }
    }
    for (column, kind, evidence) in columns {
        let asked = match kind {
            Kind::Date => evidence.date_format(input.reading.dates),
            _ => evidence
                .number_style(input.reading.numbers)
                .map(|numbers| CellFormat { numbers, ..CellFormat::default() }),
        };
        let name = survey.header.name(column);
        survey.formats[column] = asked.map_err(|unclear| ask_format(&name, &evidence, unclear, input.year))?;
    }
    if input.purpose == Purpose::Subscribe && input.reading.statuses == StatusRule::Ask {
        refuse_undecided(source, input, &survey.header, &words)?;
    }
    Ok(survey)
}

/// Finds the header among the first rows and assigns its columns.
fn read_header(source: &Source, charset: Charset, input: &Input) -> Result<Survey> {
    let mut records = records(source, charset, input.reading.delimiter)?;
    let mut head: Vec<(u64, Vec<String>)> = Vec::new();
    let mut bytes = 0;
    while head.len() < SAMPLE && bytes < SAMPLE_BYTES {
        let Some(record) = records.next()? else { break };
        bytes += record.raw.len();
        if head.is_empty() {
            refuse_unreadable_header(&record, source, charset)?;
        }
        head.push((record.line, record.iter().map(str::to_owned).collect()));
    }
    if head.is_empty() {
        return Err(Message::new("import-empty").with("file", source.name.display()).invalid());
    }
    let is_person = |(_, cells): &(u64, Vec<String>)| cells.iter().any(|cell| Address::parse(cell).is_ok());
    let first_person = head.iter().position(is_person);
    let is_header = |row: &(u64, Vec<String>)| has_address_name(&row.1, &input.map) && !is_person(row);
    let named = head.iter().take(MAX_TITLE_LINES).position(is_header);
    let place = match (named, first_person) {
        _ if input.reading.no_header => None,
        (Some(named), person) if person.is_none_or(|person| named <= person) => Some(named),
        (_, Some(0)) => return Err(no_header(source, &head)),
        (_, Some(person)) if person <= MAX_TITLE_LINES && is_bad_person(&head[person - 1].1, &head[person].1) => {
            return Err(no_header(source, &head));
        }
        (_, Some(person)) if person <= MAX_TITLE_LINES => Some(person - 1),
        _ => Some(0),
    };
    let below = place.map_or(0, |place| place + 1);
    let sample: Vec<Vec<String>> = head[below..].iter().map(|(_, cells)| cells.clone()).collect();
    let columns = sample.iter().map(Vec::len).max().unwrap_or(0);
    let numbered = || (1..=columns).map(|number| format!("#{number}")).collect();
    let mut map = input.map.clone();
    if place.is_none() && !map.iter().any(|(_, field)| field.trim().eq_ignore_ascii_case("email")) {
        let address = (0..columns).find(|column| has_address(&sample, *column));
        map.extend(address.map(|column| (format!("#{}", column + 1), "email".to_owned())));
    }
    let names: Vec<String> = place.map_or_else(numbered, |place| head[place].1.clone());
    let header = Header::read(&names, &sample, &input.fields, &map)?;
    Ok(Survey {
        formats: vec![CellFormat::default(); header.targets.len()],
        delimiter: input.reading.delimiter,
        header_line: place.map_or(0, |place| head[place].0),
        titles: place.unwrap_or(0),
        everyone: standing::of_file_name(&source.name).unwrap_or(Standing::Left),
        header,
    })
}

/// Whether a row holds no address but something like one, where the person below has an address: it is a person too, and
/// no header.
fn is_bad_person(row: &[String], person: &[String]) -> bool {
    let column = person.iter().position(|cell| Address::parse(cell).is_ok());
    let cell = column.and_then(|column| row.get(column)).map_or("", |cell| trim_blank(cell));
    cell.contains('@') || (cell.contains('.') && !cell.contains(char::is_whitespace) && !cell.ends_with('.'))
}

fn refuse_unreadable_header(record: &Record<'_>, source: &Source, charset: Charset) -> Result<()> {
    let file = source.name.display();
    let has = |sign: char| record.iter().any(|cell| cell.contains(sign));
    if record.defect.is_some() {
        return Err(Message::new("import-line-endless")
            .with("limit", MAX_ROW_BYTES)
            .with("file", file)
            .with("line", record.line)
            .invalid());
    }
    if has('\0') {
        return Err(Message::new("import-binary").with("file", file).invalid());
    }
    if has('\u{fffd}') {
        return Err(Message::new("import-header-encoding").with("encoding", charset.name()).invalid());
    }
    Ok(())
}

/// The refusal of a file whose first row is a person, with the columns by number.
fn no_header(source: &Source, head: &[(u64, Vec<String>)]) -> Error {
    let sample: Vec<Vec<String>> = head.iter().map(|(_, cells)| cells.clone()).collect();
    let columns = sample.iter().map(Vec::len).max().unwrap_or(0);
    let address = (0..columns).find(|column| has_address(&sample, *column)).unwrap_or(0);
    let mut command = format!("--no-header --map {}", quoted(&format!("#{}=email", address + 1)));
    if let Some(other) = (0..columns).find(|column| *column != address) {
        command += &format!(" --map {}", quoted(&format!("#{}=first_name", other + 1)));
    }
    Message::new("import-no-header")
        .with("file", source.name.display())
        .with("line", head[0].0)
        .with("columns", columns)
        .with("command", command)
        .invalid()
}

/// The refusal of a column whose cells leave its format open.
fn ask_format(column: &str, evidence: &Evidence, unclear: Unclear, year: i16) -> Error {
    let options = |option: &str, readings: &[&str]| -> Vec<String> {
        readings.iter().map(|reading| format!("{option} {reading}")).collect()
    };
    let orders: Vec<&str> = DateOrder::ALL.iter().map(|one| one.as_str()).collect();
    let styles: Vec<&str> = NumberStyle::ALL.iter().map(|one| one.as_str()).collect();
    // Birthdays lie in the past; other dates lie around this year.
    let years = [year - 99, year - 50];
    let (key, options) = match unclear {
        Unclear::Order => ("import-dates-unclear", options("--dates", &orders)),
        Unclear::Numbers => ("import-numbers-unclear", options("--numbers", &styles)),
        Unclear::DayNumbers => ("import-dates-numbers", options("--dates", &["excel"])),
        Unclear::Years => ("import-years-unclear", years.iter().map(|year| format!("--years {year}")).collect()),
    };
    let mut message = Message::new(key)
        .with("column", column)
        .with("values", evidence.samples(unclear).join("; "))
        .with("map", quoted(&format!("{column}=-")))
        .with("first", &options[0]);
    if let Some(second) = options.get(1) {
        message = message.with("second", second);
    }
    if unclear == Unclear::Years {
        let until = |year: i16| format!("{year}–{}", year + 99);
        message = message.with("past", until(years[0])).with("around", until(years[1]));
    }
    message.invalid()
}

fn infer_types(mut records: Records, undeclared: Vec<usize>) -> Result<Vec<(usize, TypeInference)>> {
    let mut inferred: Vec<_> = undeclared.into_iter().map(|column| (column, TypeInference::default())).collect();
    for _ in 0..SAMPLE {
        let Some(record) = records.next()? else { break };
        for (column, inference) in inferred.iter_mut().filter(|_| record.defect.is_none()) {
            inference.observe(record.cell(*column));
        }
    }
    Ok(inferred)
}

/// The words of the status columns with the number of rows.
#[derive(Default)]
struct StatusWords {
    rows: BTreeMap<Standing, u64>,
    words: BTreeMap<(usize, String), (Standing, u64)>,
}

impl StatusWords {
    fn observe(&mut self, record: &Record<'_>, header: &Header) {
        let Some(worst) = row::standing(record, header) else { return };
        *self.rows.entry(worst).or_default() += 1;
        for (place, (column, kind)) in header.statuses.iter().enumerate() {
            let cell = record.cell(*column);
            let Some(standing) = kind.read(cell) else { continue };
            let word = kind.word(cell, standing);
            let is_known = self.words.contains_key(&(place, word.clone()));
            if is_known || self.words.len() < MAX_WORDS {
                self.words.entry((place, word)).or_insert((standing, 0)).1 += 1;
            }
        }
    }
}

/// Refuses a file that says of some people that they may not be mailed, until the user decides.
fn refuse_undecided(source: &Source, input: &Input, header: &Header, words: &StatusWords) -> Result<()> {
    let others: u64 =
        words.rows.iter().filter(|(standing, _)| **standing != Standing::Mailable).map(|(_, count)| count).sum();
    let count = |standing| words.rows.get(&standing).copied().unwrap_or(0);
    if others > 0 {
        let line = |((place, word), (standing, count)): (&(usize, String), &(Standing, u64))| {
            let column = header.name(header.statuses[*place].0);
            let meaning = input.lang.tr(standing_key(*standing));
            format!("{count:>10}  {column}: {word} — {meaning}")
        };
        return Err(Message::new("import-statuses")
            .with("file", source.name.display())
            .with("words", words.words.iter().map(line).collect::<Vec<_>>().join("\n"))
            .with("mailable", count(Standing::Mailable))
            .with("left", count(Standing::Left) + count(Standing::Blocked))
            .with("bounced", count(Standing::Bounced))
            .with("unknown", count(Standing::Unknown))
            .invalid());
    }
    match standing::of_file_name(&source.name) {
        Some(standing) => Err(Message::new("import-file-of-left")
            .with("file", source.name.display())
            .with_message("meaning", Message::new(standing_key(standing)))
            .invalid()),
        None => Ok(()),
    }
}

/// The catalogue key of what becomes of people with a standing.
pub fn standing_key(standing: Standing) -> &'static str {
    match standing {
        Standing::Mailable => "import-standing-mailable",
        Standing::Unknown => "import-standing-unknown",
        Standing::Left => "import-standing-left",
        Standing::Blocked => "import-standing-blocked",
        Standing::Bounced => "import-standing-bounced",
    }
}
