//! Many values as one: they travel as the text of a JSON array, and the statement reads it as a
//! table. A statement with a placeholder for each value would be parsed anew for every slice, which
//! costs more than to write the rows.

use serde::de::DeserializeOwned;
use serde_json::Value;
use sqlx::{Executor, Row};

use super::super::error::Result;
use super::{Conn, Sql};

impl Sql {
    /// Appends a table `given` whose column `value` is a row, a JSON array; [`column()`] reads from it.
    pub fn table(&mut self, conn: &Conn, rows: &[Value]) -> &mut Self {
        self.unfold(
            conn,
            text(rows),
            ["json_each(", ") as given"],
            ["jsonb_array_elements(cast(", " as jsonb)) as given"],
        )
    }

    /// Appends `in (…)` with these numbers.
    pub fn among(&mut self, conn: &Conn, numbers: &[i64]) -> &mut Self {
        self.push(" in (select cast(value as bigint) from ").values(conn, text(numbers)).push(")")
    }

    /// Appends `in (…)` with these texts.
    pub fn among_texts(&mut self, conn: &Conn, texts: &[impl AsRef<str> + serde::Serialize]) -> &mut Self {
        self.push(" in (select value from ").values(conn, text(texts)).push(")")
    }

    /// Runs this select and returns its rows, read from these columns of it. They come as one text:
    /// the driver of SQLite wakes another thread for each row.
    pub async fn gathered<T: DeserializeOwned>(&mut self, conn: &mut Conn, columns: &str) -> Result<Vec<T>> {
        let [before, after] = match conn.backend_name() {
            "SQLite" => ["select json_group_array(json_array(", ")) from ("],
            _ => ["select cast(json_agg(json_build_array(", ")) as text) from ("],
        };
        self.text = [before, columns, after, &self.text, ") as gathered"].concat();
        let row = self.first(conn).await?;
        let text: Option<String> = row.and_then(|row| row.get(0));
        Ok(serde_json::from_str(text.as_deref().unwrap_or("[]")).expect("the database writes JSON of these columns"))
    }

    /// Runs a statement that is to touch so many rows. False when it would have touched another
    /// number: then nothing is changed.
    pub async fn run_whole(&mut self, conn: &mut Conn, rows: usize) -> Result<bool> {
        conn.execute("savepoint whole").await?;
        let whole = self.run(conn).await? == rows as u64;
        if !whole {
            conn.execute("rollback to savepoint whole").await?;
        }
        conn.execute("release savepoint whole").await?;
        Ok(whole)
    }

    fn values(&mut self, conn: &Conn, text: String) -> &mut Self {
        self.unfold(conn, text, ["json_each(", ")"], ["jsonb_array_elements_text(cast(", " as jsonb)) as value"])
    }

    fn unfold(&mut self, conn: &Conn, text: String, sqlite: [&str; 2], postgres: [&str; 2]) -> &mut Self {
        let [before, after] = if conn.backend_name() == "SQLite" { sqlite } else { postgres };
        self.push(before).bind(text).push(after)
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

fn text(values: &(impl serde::Serialize + ?Sized)) -> String {
    serde_json::to_string(values).expect("texts and numbers always serialise")
}
