//! Sets of rows as one parameter: a JSON array that the statement reads as a table. With a placeholder per value the
//! database would parse a new statement for each batch size, which costs more than writing the rows.

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use sqlx::Row;
use sqlx::any::AnyRow;

pub use super::fixed_width::{bytes, number, words, words_after};
use crate::infra::db::fixed_width::FixedWidthRows;
use crate::infra::db::{Conn, Dialect, Query, Script, Sql};
use crate::infra::error::Result;

impl Sql {
    /// Appends a table `given` whose column `value` is a row, a JSON array; [`column()`] reads from it.
    pub fn table(&mut self, conn: &Conn, rows: &[impl Serialize]) -> &mut Self {
        self.unfold(
            conn,
            text(rows),
            ["json_each(", ") as given"],
            ["jsonb_array_elements(cast(", " as jsonb)) as given"],
        )
    }

    /// Appends `in (…)` with these numbers.
    pub fn among(&mut self, conn: &Conn, numbers: &[i64]) -> &mut Self {
        self.any(conn, "select cast(value as bigint) from ", text(numbers))
    }

    /// Appends `in (…)` with these texts.
    pub fn among_texts(&mut self, conn: &Conn, texts: &[impl AsRef<str> + Serialize]) -> &mut Self {
        self.any(conn, "select value from ", text(texts))
    }

    /// PostgreSQL searches an index for an array; a select it may join with, whole tables at a time.
    fn any(&mut self, conn: &Conn, select: &str, values: String) -> &mut Self {
        let [before, after] =
            if Dialect::of(conn) == Dialect::Sqlite { [" in (", ")"] } else { [" = any(array(", "))"] };
        self.push(before).push(select).values(conn, values).push(after)
    }

    /// Runs this select and returns its rows, read from these columns of it. They come as one text:
    /// the driver of SQLite wakes another thread for each row.
    pub async fn gathered<T: DeserializeOwned>(&mut self, conn: &mut Conn, columns: &str) -> Result<Vec<T>> {
        self.gather(conn, columns);
        Ok(read(self.first(conn).await?.as_ref()))
    }

    /// Makes the select just written one that returns its rows as one text, for [`read`].
    pub fn gather(&mut self, conn: &Conn, columns: &str) {
        self.wrap(&gathering(Dialect::of(conn), columns));
    }

    /// Runs this select and returns these columns of its rows as one text, a JSON array for each row
    /// and nothing between them, and the greatest of column `key`; `None` when there are no rows.
    pub async fn strung(&mut self, conn: &mut Conn, columns: &str, key: &str) -> Result<Option<(String, i64)>> {
        self.wrap(&match Dialect::of(conn) {
            Dialect::Sqlite => format!("select group_concat(json_array({columns}), ''), max({key}) from "),
            Dialect::Postgres => {
                format!("select string_agg(cast(json_build_array({columns}) as text), ''), max({key}) from ")
            }
        });
        let row = self.first(conn).await?;
        Ok(row.and_then(|row| row.get::<Option<String>, _>(0).map(|text| (text, row.get(1)))))
    }

    /// Makes the update just written one that returns these columns of its rows as one text, for [`read`].
    /// False on SQLite, which could return them only one by one: there they must be read again.
    pub fn tell(&mut self, conn: &Conn, columns: &str) -> bool {
        let can = Dialect::of(conn) != Dialect::Sqlite;
        if can {
            self.text.insert_str(self.start, "with told as (");
            self.push(&format!(" returning {columns}) {}told", gathering(Dialect::of(conn), columns)));
        }
        can
    }

    /// Puts a select around the one just written.
    pub(super) fn wrap(&mut self, select: &str) {
        self.text.insert_str(self.start, &format!("{select}("));
        self.text.push_str(") as gathered");
    }

    /// Appends a table `given` whose rows are some whole numbers, not negative, and a text;
    /// [`number`] and [`words`] read from it. A row travels as one text with the numbers at fixed
    /// places, which both databases cut much faster than they read JSON.
    pub fn strips<'t, const N: usize>(
        &mut self,
        conn: &Conn,
        rows: impl Iterator<Item = ([i64; N], &'t str)>,
    ) -> &mut Self {
        self.push(STRIP_TABLE[0])
            .values(conn, FixedWidthRows::encode(rows).into_json())
            .push(STRIP_TABLE[1])
            .push(" as given")
    }

    fn values(&mut self, conn: &Conn, text: String) -> &mut Self {
        self.unfold(conn, text, ["json_each(", ")"], ["jsonb_array_elements_text(cast(", " as jsonb)) as value"])
    }

    fn unfold(&mut self, conn: &Conn, text: String, sqlite: [&str; 2], postgres: [&str; 2]) -> &mut Self {
        let [before, after] = if Dialect::of(conn) == Dialect::Sqlite { sqlite } else { postgres };
        self.push(before).bind(text).push(after)
    }
}

/// Deletes rows of a table and returns these columns of them. `narrow` appends the condition; the caller's
/// transaction must be a write transaction.
pub async fn take<T: DeserializeOwned>(
    conn: &mut Conn,
    table: &str,
    columns: &str,
    narrow: impl Fn(&mut Sql, &Conn),
) -> Result<Vec<T>> {
    let mut script = Script::new(conn);
    if Dialect::of(conn) == Dialect::Sqlite {
        // No other transaction writes meanwhile, so both statements find the same rows.
        // SQLite stores values of any type in any column, and JSON cannot hold bytes.
        let readable = |column: &str| {
            format!("case typeof({column}) when 'blob' then hex({column}) else {column} end as {column}")
        };
        let readable: Vec<String> = columns.split(", ").map(readable).collect();
        let sql = script.add(&format!("select {} from {table} where ", readable.join(", ")));
        narrow(sql, conn);
        sql.gather(conn, columns);
        narrow(script.add(&format!("delete from {table} where ")), conn);
    } else {
        let sql = script.add(&format!("with taken as (delete from {table} where "));
        narrow(sql, conn);
        sql.push(&format!(" returning {columns}) {}taken", gathering(Dialect::of(conn), columns)));
    }
    let done = script.run(conn).await?;
    Ok(read(done.first().and_then(|done| done.rows.first())))
}

/// Deletes the rows of a table that meet a condition and returns these columns of them; the caller's
/// transaction must be a write transaction.
pub async fn delete_returning<T: DeserializeOwned>(
    conn: &mut Conn,
    table: &'static str,
    columns: &str,
    condition: Query,
) -> Result<Vec<T>> {
    take(conn, table, columns, |sql, conn| condition.write(Dialect::of(conn), sql)).await
}

/// The start of a select that returns these columns of all rows as one text.
pub(super) fn gathering(dialect: Dialect, columns: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("select json_group_array(json_array({columns})) from "),
        Dialect::Postgres => format!("select cast(json_agg(json_build_array({columns})) as text) from "),
    }
}

/// The rows of a select that returned them as one text.
pub fn read<T: DeserializeOwned>(row: Option<&AnyRow>) -> Vec<T> {
    let text: Option<String> = row.and_then(|row| row.get(0));
    serde_json::from_str(text.as_deref().unwrap_or("[]")).expect("the database writes JSON of these columns")
}

/// A text in a row of [`take`]; a value of another type as its JSON text.
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

/// A whole number in a row of [`take`]; 0 for a value of another type.
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
