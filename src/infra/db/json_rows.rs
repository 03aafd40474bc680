//! Many values as one: they travel as the text of a JSON array, and the statement reads it as a
//! table. A statement with a placeholder for each value would be parsed anew for every slice, which
//! costs more than to write the rows.

use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::Row;
use sqlx::any::AnyRow;

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
        let [before, after] = if conn.backend_name() == "SQLite" { [" in (", ")"] } else { [" = any(array(", "))"] };
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
        self.wrap(&match conn.backend_name() {
            "SQLite" => format!("select group_concat(json_array({columns}), ''), max({key}) from "),
            _ => format!("select string_agg(cast(json_build_array({columns}) as text), ''), max({key}) from "),
        });
        let row = self.first(conn).await?;
        Ok(row.and_then(|row| row.get::<Option<String>, _>(0).map(|text| (text, row.get(1)))))
    }

    /// Makes the update just written one that returns these columns of its rows as one text, for [`read`].
    /// False on SQLite, which could return them only one by one: there they must be read again.
    pub fn tell(&mut self, conn: &Conn, columns: &str) -> bool {
        let can = conn.backend_name() != "SQLite";
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
        self.push(STRIP_TABLE[0]).values(conn, strip_text(rows)).push(STRIP_TABLE[1]).push(" as given")
    }

    fn values(&mut self, conn: &Conn, text: String) -> &mut Self {
        self.unfold(conn, text, ["json_each(", ")"], ["jsonb_array_elements_text(cast(", " as jsonb)) as value"])
    }

    fn unfold(&mut self, conn: &Conn, text: String, sqlite: [&str; 2], postgres: [&str; 2]) -> &mut Self {
        let [before, after] = if conn.backend_name() == "SQLite" { sqlite } else { postgres };
        self.push(before).bind(text).push(after)
    }
}

/// Deletes rows of a table and returns these columns of them. `narrow` appends which; the caller's
/// transaction is one that means to write.
pub async fn take<T: DeserializeOwned>(
    conn: &mut Conn,
    table: &str,
    columns: &str,
    narrow: impl Fn(&mut Sql, &Conn),
) -> Result<Vec<T>> {
    let mut script = Script::new(conn);
    if conn.backend_name() == "SQLite" {
        // Nobody else writes meanwhile, so both find the same rows.
        let sql = script.add(&format!("select {columns} from {table} where "));
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
/// transaction is one that means to write.
pub async fn delete_returning<T: DeserializeOwned>(
    conn: &mut Conn,
    table: &'static str,
    columns: &str,
    condition: Query,
) -> Result<Vec<T>> {
    take(conn, table, columns, |sql, conn| condition.write(Dialect::of(conn), sql)).await
}

/// The beginning of a select that returns these columns of all rows as one text.
pub(super) fn gathering(dialect: Dialect, columns: &str) -> String {
    match dialect {
        Dialect::Sqlite => format!("select json_group_array(json_array({columns})) from "),
        Dialect::Postgres => format!("select cast(json_agg(json_build_array({columns})) as text) from "),
    }
}

/// The rows of a select that was gathered.
pub fn read<T: DeserializeOwned>(row: Option<&AnyRow>) -> Vec<T> {
    let text: Option<String> = row.and_then(|row| row.get(0));
    serde_json::from_str(text.as_deref().unwrap_or("[]")).expect("the database writes JSON of these columns")
}

/// The text around the values of strips, which makes them a table of the column `value`.
pub(super) const STRIP_TABLE: [&str; 2] = ["(select value from ", ")"];

/// Rows of whole numbers and a text as a JSON array of fixed-width texts.
pub(super) fn strip_text<'t, const N: usize>(rows: impl Iterator<Item = ([i64; N], &'t str)>) -> String {
    let mut strips = String::with_capacity(rows.size_hint().0 * (N * WIDTH + 16));
    for (numbers, words) in rows {
        strips.push_str(if strips.is_empty() { "[\"" } else { ",\"" });
        numbers.iter().for_each(|number| write_digits(&mut strips, *number));
        strips.push_str(&text(words)[1..]);
    }
    strips.push_str(if strips.is_empty() { "[]" } else { "]" });
    strips
}

/// The digits of a number in a strip.
const WIDTH: usize = 20;

/// Appends the digits of a number, with zeros before them.
fn write_digits(strip: &mut String, number: i64) {
    let (mut digits, mut rest) = ([b'0'; WIDTH], number.unsigned_abs());
    for digit in digits.iter_mut().rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    strip.push_str(str::from_utf8(&digits).expect("digits are ASCII"));
}

/// A number of a strip of the table `given`.
pub fn number(index: usize) -> String {
    format!("cast(substr(given.value, {}, {WIDTH}) as bigint)", index * WIDTH + 1)
}

/// The text behind so many numbers of a strip of the table `given`.
pub fn words(numbers: usize) -> String {
    words_after(numbers, 0)
}

/// The same without its first characters.
pub fn words_after(numbers: usize, characters: usize) -> String {
    format!("substr(given.value, {})", numbers * WIDTH + characters + 1)
}

/// So many bytes, which stand as hexadecimal digits behind the numbers of a strip of the table `given`.
pub fn bytes(conn: &Conn, numbers: usize, count: usize) -> String {
    let digits = format!("substr(given.value, {}, {})", numbers * WIDTH + 1, 2 * count);
    match conn.backend_name() {
        "SQLite" => format!("unhex({digits})"),
        _ => format!("decode({digits}, 'hex')"),
    }
}

/// A column of the table `given` as text.
pub fn column(index: usize) -> String {
    format!("given.value ->> {index}")
}

/// The same as a whole number.
pub fn whole(index: usize) -> String {
    format!("cast(given.value ->> {index} as bigint)")
}

pub(super) fn text(values: &(impl Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("texts and numbers always serialise")
}
