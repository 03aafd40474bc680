//! Sets of rows as one parameter: a JSON array that the statement reads as a table. With a placeholder per value the
//! database would parse a new statement for each batch size, which costs more than writing the rows.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::infra::db::{Cells, Conn, Dialect, Query, Script, Sql};
use crate::infra::error::{Message, Result};

impl Sql {
    /// Runs this select and returns its rows, read from these columns of it. They arrive as one text:
    /// the SQLite driver wakes another thread for each row.
    pub(super) async fn fetch_json<T: DeserializeOwned>(&mut self, conn: &mut Conn, columns: &str) -> Result<Vec<T>> {
        self.wrap(&gathering(Dialect::of(conn), columns));
        read(self.first(conn).await?.as_ref())
    }

    /// Runs this select and returns these columns of its rows as one text, a JSON array for each row
    /// and nothing between them, and the greatest of column `key`; `None` when there are no rows.
    pub(super) async fn fetch_json_lines(
        &mut self,
        conn: &mut Conn,
        columns: &str,
        key: &str,
    ) -> Result<Option<(String, i64)>> {
        self.wrap(&match Dialect::of(conn) {
            Dialect::Sqlite => format!("select group_concat(json_array({columns}), ''), max({key}) from "),
            Dialect::Postgres => {
                format!("select string_agg(cast(json_build_array({columns}) as text), ''), max({key}) from ")
            }
        });
        let row = self.first(conn).await?;
        let Some(row) = row else { return Ok(None) };
        let text: Option<String> = row.cell(0)?;
        text.map(|text| Ok((text, row.cell(1)?))).transpose()
    }

    /// Puts a select around the one just written.
    pub(super) fn wrap(&mut self, select: &str) {
        self.text.insert_str(self.start, &format!("{select}("));
        self.text.push_str(") as gathered");
    }
}

/// Deletes the rows of a table that meet a condition and returns these columns of them; the caller's
/// transaction must be a write transaction.
pub async fn delete_returning<T: DeserializeOwned>(
    conn: &mut Conn,
    table: &'static str,
    columns: &str,
    condition: Query,
) -> Result<Vec<T>> {
    // SQLite stores values of any type in any column, and JSON cannot hold bytes.
    let readable =
        |column: &str| format!("case typeof({column}) when 'blob' then hex({column}) else {column} end as {column}");
    let select = Query::new("select {columns} from {table} where {condition}")
        .fragment("columns", columns.split(", ").map(readable).collect::<Vec<_>>().join(", "))
        .fragment("table", table)
        .fragment("condition", condition.clone());
    let delete =
        Query::new("delete from {table} where {condition}").fragment("table", table).fragment("condition", condition);
    let mut script = Script::new(conn);
    match Dialect::of(conn) {
        // No other transaction writes meanwhile, so both statements find the same rows.
        Dialect::Sqlite => {
            script.push_json(&select, columns);
            script.push(&delete);
        }
        Dialect::Postgres => script.push_returning(&delete, columns, &select),
    }
    read(script.run(conn).await?.first().and_then(|result| result.rows.first()))
}

/// The start of a select that returns these columns of all rows as one text.
pub(super) fn gathering(dialect: Dialect, columns: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("select json_group_array(json_array({columns})) from "),
        Dialect::Postgres => format!("select cast(json_agg(json_build_array({columns})) as text) from "),
    }
}

/// The rows of a select that returned them as one text.
///
/// # Errors
/// Internal, when a row has a value of another type than `T` has.
pub fn read<T: DeserializeOwned>(row: Option<&AnyRow>) -> Result<Vec<T>> {
    let text: Option<String> = row.map_or(Ok(None), |row| row.cell(0))?;
    // The error of the parser is not kept: it can hold the value.
    let unreadable = |_| Message::new("value-unreadable").with("column", "json").internal();
    serde_json::from_str(text.as_deref().unwrap_or("[]")).map_err(unreadable)
}

/// A text in a row of [`delete_returning`]; a value of another type as its JSON text.
#[derive(Debug, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct AnyText(pub String);

impl From<serde_json::Value> for AnyText {
    fn from(value: serde_json::Value) -> Self {
        match value {
            serde_json::Value::String(text) => Self(text),
            other => Self(other.to_string()),
        }
    }
}

/// A whole number in a row of [`delete_returning`]; 0 for a value of another type.
#[derive(Debug, Deserialize)]
#[serde(from = "serde_json::Value")]
pub struct AnyInteger(pub i64);

impl From<serde_json::Value> for AnyInteger {
    fn from(value: serde_json::Value) -> Self {
        Self(value.as_i64().unwrap_or(0))
    }
}

/// The text around the values of fixed-width rows, which makes them a table with the column `value`.
pub(super) const STRIP_TABLE: [&str; 2] = ["(select value from ", ")"];

/// A column of the table `given` as text.
pub fn column(index: usize) -> String {
    format!("given.value ->> {index}")
}

/// A column of the table `given` as a whole number.
pub fn whole(index: usize) -> String {
    format!("cast(given.value ->> {index} as bigint)")
}

pub(super) fn text(values: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("texts and numbers always serialise")
}
