//! Reading of database rows: a value of another type than the program expects is an error that names the column, never
//! a panic. SQLite stores values of any type in any column, and another program may have written to the database.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use sqlx::any::AnyRow;
use sqlx::{Any, Column, ColumnIndex, Decode, Row, Type};

use crate::infra::error::{Error, Message, Result};

/// Reads values of a row.
pub trait Cells {
    /// The value of a column.
    ///
    /// # Errors
    /// Internal, with the name of the column, when the value is null or of another type.
    fn cell<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, index: usize) -> Result<T>;
}

impl Cells for AnyRow {
    fn cell<'r, T: Decode<'r, Any> + Type<Any>>(&'r self, index: usize) -> Result<T> {
        self.try_get(index).map_err(|_| {
            let column = index.index(self).map(|at| self.column(at).name().to_owned());
            Message::new("value-unreadable").with("column", column.unwrap_or_else(|_| index.to_string())).internal()
        })
    }
}

/// The rows of `table` that can be read; the others are logged, once in a process, and left out. For lists whose items do
/// not depend on each other: one row that cannot be read must not hide the others.
pub fn read_each<'r, T>(table: &'static str, rows: &'r [AnyRow], read: impl Fn(&'r AnyRow) -> Result<T>) -> Vec<T> {
    let mut readable = Vec::with_capacity(rows.len());
    for row in rows {
        match read(row) {
            Ok(value) => readable.push(value),
            Err(error) => log(table, row, &error),
        }
    }
    readable
}

/// Rows that were logged, by table and key. Pages and workers read the same rows again and again.
static LOGGED: Mutex<BTreeSet<(&'static str, i64)>> = Mutex::new(BTreeSet::new());

/// Rows that are remembered as logged; further ones are logged each time.
const MAX_LOGGED: usize = 10_000;

fn log(table: &'static str, row: &AnyRow, error: &Error) {
    let id = row.try_get::<i64, _>("id").unwrap_or_default();
    let mut logged = LOGGED.lock().unwrap_or_else(PoisonError::into_inner);
    if logged.contains(&(table, id)) {
        return;
    }
    if logged.len() < MAX_LOGGED {
        logged.insert((table, id));
    }
    drop(logged);
    let message = error.message();
    tracing::warn!(
        table,
        id,
        column = message.text("column"),
        why = message.key,
        "a row cannot be read and is left out"
    );
}
