//! Parquet files of flat rows: writes columns, and copies a file without some of its rows. Built with the feature
//! `parquet`.
//!
//! Pages are not compressed, so that a search for a person's traces finds texts as they are.

use std::fs::File;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, LogicalType, Repetition, TimeUnit, Type as Physical};
use parquet::column::reader::{ColumnReader, ColumnReaderImpl};
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, DoubleType, Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::schema::types::{Type, TypePtr};

use crate::infra::atomic_file::AtomicFile;

/// The largest group of rows that is read, in bytes.
const MAX_GROUP: i64 = 256 << 20;

/// What the values of a column are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ColumnKind {
    /// UTF-8 text.
    Text,
    /// A whole number.
    Whole,
    /// A decimal number.
    Number,
    /// A time in UTC, in ms.
    Time,
    /// A date, in days since 1970-01-01.
    Date,
    /// Yes or no.
    Flag,
}

/// The values of one column in a group of rows; `None` is no value.
#[derive(Debug)]
pub enum Column {
    /// Texts.
    Text(Vec<Option<ByteArray>>),
    /// Whole numbers and times.
    Long(Vec<Option<i64>>),
    /// Dates.
    Int(Vec<Option<i32>>),
    /// Decimal numbers.
    Double(Vec<Option<f64>>),
    /// Yes or no.
    Flag(Vec<Option<bool>>),
}

/// A Parquet file that is being written.
pub struct ParquetFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
}

impl<W: Write + Send> ParquetFile<W> {
    /// Begins a file with these columns.
    ///
    /// # Errors
    /// What the output refuses, and two columns of one name.
    pub fn create(columns: &[(String, ColumnKind)], out: W) -> io::Result<Self> {
        let types: Result<Vec<TypePtr>, _> = columns.iter().map(|(name, kind)| column_type(name, *kind)).collect();
        let schema = types.and_then(|types| Type::group_type_builder("rows").with_fields(types).build());
        Self::with_schema(Arc::new(schema.map_err(io_error)?), WriterProperties::builder().build(), out)
    }

    fn with_schema(schema: TypePtr, properties: WriterProperties, out: W) -> io::Result<Self> {
        let writer = SerializedFileWriter::new(out, schema, Arc::new(properties)).map_err(io_error)?;
        Ok(Self { writer })
    }

    /// Writes a group of rows: a column for each of the file, all of one length.
    pub fn write_group(&mut self, columns: &[Column]) -> io::Result<()> {
        let mut write = || {
            let mut group = self.writer.next_row_group()?;
            for column in columns {
                let writer =
                    group.next_column()?.ok_or_else(|| ParquetError::General("a column too many".to_owned()))?;
                column.write(writer)?;
            }
            group.close().map(drop)
        };
        write().map_err(io_error)
    }

    /// Writes the end of the file and returns the output.
    pub fn finish(self) -> io::Result<W> {
        self.writer.into_inner().map_err(io_error)
    }
}

fn column_type(name: &str, kind: ColumnKind) -> Result<TypePtr, ParquetError> {
    let (physical, logical) = match kind {
        ColumnKind::Text => (Physical::BYTE_ARRAY, Some(LogicalType::String)),
        ColumnKind::Whole => (Physical::INT64, None),
        ColumnKind::Number => (Physical::DOUBLE, None),
        ColumnKind::Time => (Physical::INT64, Some(LogicalType::timestamp(true, TimeUnit::MILLIS))),
        ColumnKind::Date => (Physical::INT32, Some(LogicalType::Date)),
        ColumnKind::Flag => (Physical::BOOLEAN, None),
    };
    let column = Type::primitive_type_builder(name, physical).with_logical_type(logical);
    column.with_repetition(Repetition::OPTIONAL).build().map(Arc::new)
}

impl Column {
    /// An empty column.
    pub fn new(kind: ColumnKind) -> Self {
        match kind {
            ColumnKind::Text => Self::Text(Vec::new()),
            ColumnKind::Whole | ColumnKind::Time => Self::Long(Vec::new()),
            ColumnKind::Number => Self::Double(Vec::new()),
            ColumnKind::Date => Self::Int(Vec::new()),
            ColumnKind::Flag => Self::Flag(Vec::new()),
        }
    }

    fn write(&self, mut writer: SerializedColumnWriter<'_>) -> Result<(), ParquetError> {
        match self {
            Self::Text(values) => write_values::<ByteArrayType>(&mut writer, values),
            Self::Long(values) => write_values::<Int64Type>(&mut writer, values),
            Self::Int(values) => write_values::<Int32Type>(&mut writer, values),
            Self::Double(values) => write_values::<DoubleType>(&mut writer, values),
            Self::Flag(values) => write_values::<BoolType>(&mut writer, values),
        }?;
        writer.close()
    }

    /// Drops the rows that are not kept.
    fn retain(&mut self, keep: &[bool]) {
        fn retain<T>(values: &mut Vec<T>, keep: &[bool]) {
            let mut keep = keep.iter();
            values.retain(|_| keep.next().is_none_or(|keep| *keep));
        }
        match self {
            Self::Text(values) => retain(values, keep),
            Self::Long(values) => retain(values, keep),
            Self::Int(values) => retain(values, keep),
            Self::Double(values) => retain(values, keep),
            Self::Flag(values) => retain(values, keep),
        }
    }

    fn read(reader: ColumnReader, rows: usize, is_optional: bool) -> Result<Self, ParquetError> {
        Ok(match reader {
            ColumnReader::ByteArrayColumnReader(reader) => Self::Text(read_values(reader, rows, is_optional)?),
            ColumnReader::Int64ColumnReader(reader) => Self::Long(read_values(reader, rows, is_optional)?),
            ColumnReader::Int32ColumnReader(reader) => Self::Int(read_values(reader, rows, is_optional)?),
            ColumnReader::DoubleColumnReader(reader) => Self::Double(read_values(reader, rows, is_optional)?),
            ColumnReader::BoolColumnReader(reader) => Self::Flag(read_values(reader, rows, is_optional)?),
            _ => return Err(ParquetError::NYI("a column of this type".to_owned())),
        })
    }
}

/// Columns that need a value are written with one in each row, as they were read.
fn write_values<T: DataType>(
    writer: &mut SerializedColumnWriter<'_>,
    values: &[Option<T::T>],
) -> Result<(), ParquetError> {
    let present: Vec<T::T> = values.iter().flatten().cloned().collect();
    let levels: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    writer.typed::<T>().write_batch(&present, Some(&levels), None).map(drop)
}

fn read_values<T: DataType>(
    mut reader: ColumnReaderImpl<T>,
    rows: usize,
    is_optional: bool,
) -> Result<Vec<Option<T::T>>, ParquetError> {
    let (mut present, mut levels, mut read) = (Vec::new(), Vec::new(), 0);
    while read < rows {
        let (more, _, _) = reader.read_records(rows - read, Some(&mut levels), None, &mut present)?;
        if more == 0 {
            return Err(ParquetError::EOF("rows are missing".to_owned()));
        }
        read += more;
    }
    if !is_optional {
        return Ok(present.into_iter().map(Some).collect());
    }
    let mut present = present.into_iter();
    Ok(levels.into_iter().map(|level| if level > 0 { present.next() } else { None }).collect())
}

/// Whether the rows of a file can be read here: flat columns of known types, not compressed.
pub fn is_readable(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| SerializedFileReader::new(file).is_ok_and(|reader| is_flat(&reader)))
}

fn is_flat(reader: &SerializedFileReader<File>) -> bool {
    let known = [Physical::BYTE_ARRAY, Physical::INT64, Physical::INT32, Physical::DOUBLE, Physical::BOOLEAN];
    let columns = reader.metadata().file_metadata().schema_descr().columns();
    let groups = reader.metadata().row_groups();
    columns.iter().all(|column| {
        column.max_rep_level() == 0 && column.max_def_level() <= 1 && known.contains(&column.physical_type())
    }) && groups.iter().all(|group| {
        let is_plain = group.columns().iter().all(|chunk| chunk.compression() == Compression::UNCOMPRESSED);
        is_plain && group.total_byte_size() <= MAX_GROUP
    })
}

/// Rewrites a file without the rows in which a text is unwanted; a file without such a row is not written.
///
/// # Errors
/// `Unsupported` for a file whose rows cannot be read here.
pub fn erase_rows(path: &Path, is_unwanted: &impl Fn(&str) -> bool) -> io::Result<()> {
    let reader = SerializedFileReader::new(File::open(path)?).map_err(unreadable)?;
    if !is_flat(&reader) {
        return Err(io::ErrorKind::Unsupported.into());
    }
    if !(0..reader.num_row_groups()).map(|group| read_group(&reader, group)).any(|group| match group {
        Ok(columns) => kept(&columns, is_unwanted).contains(&false),
        Err(_) => true,
    }) {
        return Ok(());
    }
    let described = reader.metadata().file_metadata();
    let properties = WriterProperties::builder().set_key_value_metadata(described.key_value_metadata().cloned());
    let schema = described.schema_descr().root_schema_ptr();
    let mut to = ParquetFile::with_schema(schema, properties.build(), AtomicFile::create(path)?)?;
    for group in 0..reader.num_row_groups() {
        let mut columns = read_group(&reader, group).map_err(unreadable)?;
        let keep = kept(&columns, is_unwanted);
        columns.iter_mut().for_each(|column| column.retain(&keep));
        if keep.contains(&true) {
            to.write_group(&columns)?;
        }
    }
    to.finish()?.persist()
}

fn read_group(reader: &SerializedFileReader<File>, group: usize) -> Result<Vec<Column>, ParquetError> {
    let group = reader.get_row_group(group)?;
    let rows = usize::try_from(group.metadata().num_rows()).unwrap_or_default();
    let is_optional = |column: usize| group.metadata().column(column).column_descr().max_def_level() > 0;
    (0..group.num_columns())
        .map(|column| Column::read(group.get_column_reader(column)?, rows, is_optional(column)))
        .collect()
}

/// Which rows stay.
fn kept(columns: &[Column], is_unwanted: &impl Fn(&str) -> bool) -> Vec<bool> {
    let mut keep = Vec::new();
    for column in columns {
        let Column::Text(texts) = column else { continue };
        keep.resize(texts.len(), true);
        for (text, keep) in texts.iter().zip(&mut keep) {
            let found = text.as_ref().is_some_and(|text| is_unwanted(&String::from_utf8_lossy(text.data())));
            *keep &= !found;
        }
    }
    keep
}

fn io_error(error: ParquetError) -> io::Error {
    match error {
        ParquetError::External(inner) => inner.downcast::<io::Error>().map_or_else(io::Error::other, |error| *error),
        error => io::Error::other(error),
    }
}

fn unreadable(_: ParquetError) -> io::Error {
    io::ErrorKind::Unsupported.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &str) -> Option<ByteArray> {
        Some(value.into())
    }

    #[test]
    fn rows_with_an_unwanted_text_go_and_others_keep_their_values() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.parquet");
        let kinds = [ColumnKind::Text, ColumnKind::Whole, ColumnKind::Number, ColumnKind::Date, ColumnKind::Flag];
        let columns: Vec<_> = kinds.iter().enumerate().map(|(index, kind)| (format!("c{index}"), *kind)).collect();
        let mut file = ParquetFile::create(&columns, File::create(&path).expect("a file")).expect("begun");
        for (name, number) in [("anna", 1), ("boris", 2)] {
            let group = [
                Column::Text(vec![text(name), None]),
                Column::Long(vec![Some(number), Some(-number)]),
                Column::Double(vec![None, Some(1.5)]),
                Column::Int(vec![Some(20_000), None]),
                Column::Flag(vec![Some(true), Some(false)]),
            ];
            file.write_group(&group).expect("written");
        }
        file.finish().expect("finished");
        let before = std::fs::read(&path).expect("read");
        assert!(is_readable(&path));

        erase_rows(&path, &|text| text == "vera").expect("searched");
        assert_eq!(std::fs::read(&path).expect("read"), before, "nothing to erase, nothing written");
        erase_rows(&path, &|text| text == "anna").expect("erased");

        let after = std::fs::read(&path).expect("read");
        let contains = |name: &[u8]| memchr::memmem::find(&after, name).is_some();
        assert!(!contains(b"anna") && contains(b"boris"));
        let reader = SerializedFileReader::new(File::open(&path).expect("a file")).expect("Parquet");
        let rows: Vec<String> = reader.into_iter().map(|row| row.expect("a row").to_string()).collect();
        assert_eq!(
            rows,
            [
                "{c0: null, c1: -1, c2: 1.5, c3: null, c4: false}",
                "{c0: \"boris\", c1: 2, c2: null, c3: 2024-10-04, c4: true}",
                "{c0: null, c1: -2, c2: 1.5, c3: null, c4: false}",
            ]
        );
    }

    #[test]
    fn file_that_is_no_parquet_is_told_apart() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("a.parquet");
        std::fs::write(&path, b"PAR1 nothing else PAR1").expect("written");
        assert!(!is_readable(&path));
        let refused = erase_rows(&path, &|_| true).expect_err("not Parquet");
        assert_eq!(refused.kind(), io::ErrorKind::Unsupported);
    }
}
