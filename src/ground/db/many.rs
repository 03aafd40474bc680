//! Many values as one: they travel as the text of a JSON array, and the statement reads it as a
//! table. A statement with a placeholder for each value would be parsed anew for every slice, which
//! costs more than to write the rows.

use serde_json::Value;

use super::{Conn, Sql};

impl Sql {
    /// Appends a table `given` whose column `value` is a row, a JSON array; [`column`] reads from it.
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
