//! Tables as Parquet: rows are collected and written in groups.

use std::io::{self, Write};

use jiff::civil::Date;
use serde_json::Value;

use super::schema::ColumnType;
use super::table_writer::{Cell, Heading, is_in_calendar, key_text};
use crate::infra::parquet_file::{Column, ColumnKind, ParquetFile};

/// Rows of a group: with thirty columns some ten megabytes.
const GROUP: usize = 50_000;

/// The day from which dates are counted.
const EPOCH: Date = Date::constant(1970, 1, 1);

/// A Parquet table that is being written.
pub struct ParquetTable<W: Write + Send> {
    file: ParquetFile<W>,
    kinds: Vec<ColumnKind>,
    /// The columns of the group that is collected.
    group: Vec<Column>,
    rows: usize,
}

impl<W: Write + Send> ParquetTable<W> {
    /// Begins a file with these columns.
    pub fn new(columns: &[Heading], out: W) -> io::Result<Self> {
        let kinds: Vec<_> = columns.iter().map(|column| kind_of(column.kind)).collect();
        let named: Vec<_> = columns.iter().map(|column| column.name.clone()).zip(kinds.iter().copied()).collect();
        let group = kinds.iter().map(|kind| Column::new(*kind)).collect();
        Ok(Self { file: ParquetFile::create(&named, out)?, kinds, group, rows: 0 })
    }

    /// Adds a row, which has a cell for every column.
    pub fn row(&mut self, cells: &[Cell<'_>]) -> io::Result<()> {
        for (column, cell) in self.group.iter_mut().zip(cells) {
            push(column, cell);
        }
        self.rows += 1;
        if self.rows < GROUP { Ok(()) } else { self.write_group() }
    }

    /// Writes what is left and returns the output.
    pub fn finish(mut self) -> io::Result<W> {
        if self.rows > 0 {
            self.write_group()?;
        }
        self.file.finish()
    }

    fn write_group(&mut self) -> io::Result<()> {
        self.rows = 0;
        let next = self.kinds.iter().map(|kind| Column::new(*kind)).collect();
        self.file.write_group(&std::mem::replace(&mut self.group, next))
    }
}

fn kind_of(kind: ColumnType) -> ColumnKind {
    match kind {
        ColumnType::Text | ColumnType::Id(_) => ColumnKind::Text,
        ColumnType::Whole => ColumnKind::Whole,
        ColumnType::Number => ColumnKind::Number,
        ColumnType::Time => ColumnKind::Time,
        ColumnType::Date => ColumnKind::Date,
        ColumnType::Flag => ColumnKind::Flag,
    }
}

/// Adds a cell to its column; one that its type cannot hold is no value.
fn push(column: &mut Column, cell: &Cell<'_>) {
    match column {
        Column::Text(values) => values.push(text(cell).map(|text| text.as_str().into())),
        Column::Long(values) => values.push(match cell {
            Cell::Whole(number) => Some(*number),
            Cell::At(at) => Some(*at).filter(|at| is_in_calendar(*at)),
            Cell::Json(value) => value.as_i64(),
            _ => None,
        }),
        Column::Int(values) => values.push(text(cell).and_then(|text| days(&text))),
        Column::Double(values) => values.push(match cell {
            #[expect(clippy::cast_precision_loss, reason = "a number of the file is a double")]
            Cell::Whole(number) => Some(*number as f64),
            Cell::Json(value) => value.as_f64(),
            _ => None,
        }),
        Column::Flag(values) => values.push(match cell {
            Cell::Whole(number) => Some(*number != 0),
            Cell::Json(Value::Bool(flag)) => Some(*flag),
            Cell::Json(value) => value.as_i64().map(|number| number != 0),
            _ => None,
        }),
    }
}

fn text(cell: &Cell<'_>) -> Option<String> {
    match cell {
        Cell::Null | Cell::Json(Value::Null) => None,
        Cell::Text(text) => Some(text.to_string()),
        Cell::Json(Value::String(text)) => Some(text.clone()),
        Cell::Json(value) => Some(value.to_string()),
        Cell::Key(prefix, id) => Some(key_text(*prefix, *id)),
        Cell::Whole(number) | Cell::At(number) => Some(number.to_string()),
    }
}

/// Days since 1970-01-01 of a date as `YYYY-MM-DD`.
fn days(text: &str) -> Option<i32> {
    let date: Date = text.parse().ok()?;
    EPOCH.until(date).ok().map(|span| span.get_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_counted_from_1970() {
        assert_eq!(days("1970-01-02"), Some(1));
        assert_eq!(days("1969-12-31"), Some(-1));
        assert_eq!(days("2026-11-30"), Some(20_787));
        assert_eq!(days("soon"), None);
    }
}
