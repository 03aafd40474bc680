//! A statement as one readable SQL text with named parameters and fragments.
//!
//! ```text
//! Query::new(
//!     "update delivery
//!         set state = 'leased', mailer_id = :mailer, changed_at = :now
//!       where id in :due
//!      returning id",
//! )
//! .bind("mailer", mailer)
//! .bind("now", now)
//! .bind_query("due", Query::new("select id from delivery where {is_due} order by due_at, id limit :limit {for_update_skip_locked}") …)
//! .fetch_all(conn)
//! .await?
//! ```
//!
//! | in the text | comes from | becomes |
//! |---|---|---|
//! | `:name` | [`Query::bind`] | a placeholder; the same name may occur several times |
//! | `in :name` | [`Query::bind_ids`], [`Query::bind_texts`], [`Query::bind_query`] | membership in a set, in the form that each database searches by index |
//! | `from :name as given` | [`Query::bind_rows`], [`Query::bind_strips`] | a table `given` whose column `value` is one row; `given.value ->> 0` reads a cell of a JSON row |
//! | `{name}` | [`Query::fragment`] | SQL text of the source, with its own parameters |
//! | `{for_update}`, `{for_share}`, `{for_update_skip_locked}`, `{skip_locked}` | built in | a row lock on PostgreSQL, nothing on SQLite, which has one writer |
//! | `{or_rollback}` | built in | on SQLite a failure of the statement ends the transaction; otherwise SQLite keeps every page that the statement changes in memory, to undo it alone |
//! | `{now_ms}`, `{position}`, `{bytewise}` | built in | the database's clock in ms; the function that finds a text in a text; the collation that compares bytes |
//!
//! Text must come from the source, never from a user: values are bound. A `:name` inside a quoted literal is left alone.

use std::borrow::Cow;

use futures_util::Stream;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sqlx::any::AnyRow;

use super::fixed_width::FixedWidthRows;
use super::json_rows::{self, STRIP_TABLE};
use super::sql::{Binding, Sql};
use super::{Conn, Db, Dialect};
use crate::infra::error::Result;

/// One SQL statement, or a fragment of one, with its parameters.
#[derive(Debug, Clone, Default)]
pub struct Query {
    text: Cow<'static, str>,
    parameters: Vec<(&'static str, Parameter)>,
}

#[derive(Debug, Clone)]
enum Parameter {
    Value(Binding),
    /// A JSON array of whole numbers.
    Ids(String),
    /// A JSON array of texts.
    Texts(String),
    /// A JSON array of arrays.
    Rows(String),
    /// A JSON array of fixed-width texts.
    Strips(String),
    Set(Box<Query>),
    Fragment(Box<Query>),
    /// A condition that was built piece by piece (`audience::segment`).
    Built(Box<Sql>),
}

impl Query {
    /// A statement or fragment whose text is of the source.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Self {
        Self { text: text.into(), parameters: Vec::new() }
    }

    /// Gives `:name` a value.
    #[must_use]
    pub fn bind(self, name: &'static str, value: impl Into<Binding>) -> Self {
        self.with(name, Parameter::Value(value.into()))
    }

    /// Gives `in :name` a set of ids of any size.
    #[must_use]
    pub fn bind_ids(self, name: &'static str, ids: &[i64]) -> Self {
        self.with(name, Parameter::Ids(json_rows::text(ids)))
    }

    /// Gives `in :name` a set of texts of any size.
    #[must_use]
    pub fn bind_texts(self, name: &'static str, texts: &[impl AsRef<str> + Serialize]) -> Self {
        self.with(name, Parameter::Texts(json_rows::text(texts)))
    }

    /// Gives `in :name` the rows of a select of one column.
    #[must_use]
    pub fn bind_query(self, name: &'static str, select: Self) -> Self {
        self.with(name, Parameter::Set(Box::new(select)))
    }

    /// Gives `from :name as given` rows, each a JSON array.
    #[must_use]
    pub fn bind_rows(self, name: &'static str, rows: &[impl Serialize]) -> Self {
        self.with(name, Parameter::Rows(json_rows::text(rows)))
    }

    /// Gives `from :name as given` rows of some whole numbers, not negative, and a text;
    /// [`number`](super::fixed_width::number) and [`words`](super::fixed_width::words) read from it.
    #[must_use]
    pub fn bind_strips<'t, const N: usize>(
        self,
        name: &'static str,
        rows: impl Iterator<Item = ([i64; N], &'t str)>,
    ) -> Self {
        self.with(name, Parameter::Strips(FixedWidthRows::encode(rows).into_json()))
    }

    /// Gives `{name}` a piece of SQL: text of the source, another query, or a built condition.
    #[must_use]
    pub fn fragment(self, name: &'static str, fragment: impl Into<Fragment>) -> Self {
        let parameter = match fragment.into() {
            Fragment::Query(query) => Parameter::Fragment(Box::new(query)),
            Fragment::Built(sql) => Parameter::Built(Box::new(sql)),
        };
        self.with(name, parameter)
    }

    fn with(mut self, name: &'static str, parameter: Parameter) -> Self {
        debug_assert!(self.parameters.iter().all(|(known, _)| *known != name), "{name} is given twice");
        self.parameters.push((name, parameter));
        self
    }

    /// Runs the statement and returns the number of rows it touched.
    pub async fn execute(self, conn: &mut Conn) -> Result<u64> {
        self.render(conn).run(conn).await
    }

    /// All rows.
    pub async fn fetch_all(self, conn: &mut Conn) -> Result<Vec<AnyRow>> {
        self.render(conn).all(conn).await
    }

    /// The first row, if any.
    pub async fn fetch_optional(self, conn: &mut Conn) -> Result<Option<AnyRow>> {
        self.render(conn).first(conn).await
    }

    /// The rows one by one as they come, for tables of any size.
    pub fn fetch<'c>(
        self,
        conn: &'c mut Conn,
    ) -> impl Stream<Item = std::result::Result<AnyRow, sqlx::Error>> + Unpin + Send + use<'c> {
        self.render(conn).stream(conn)
    }

    /// Runs this select and returns these columns of all its rows, which travel as one JSON text: the
    /// driver of SQLite wakes another thread for each row.
    pub async fn fetch_json<T: DeserializeOwned>(self, conn: &mut Conn, columns: &str) -> Result<Vec<T>> {
        self.render(conn).fetch_json(conn, columns).await
    }

    /// Runs this select and returns these columns of its rows as one text, a JSON array for each row and
    /// nothing between them, with the greatest value of column `key`; `None` without rows.
    pub async fn fetch_json_lines(self, conn: &mut Conn, columns: &str, key: &str) -> Result<Option<(String, i64)>> {
        self.render(conn).fetch_json_lines(conn, columns, key).await
    }

    /// The statement for this connection, for tests that look at it.
    pub fn render(&self, conn: &Conn) -> Sql {
        let mut sql = Sql::default();
        self.write(Dialect::of(conn), &mut sql);
        sql
    }

    /// Appends the statement to one that is built piece by piece.
    pub fn append_to(&self, db: &Db, sql: &mut Sql) {
        self.write(db.dialect, sql);
    }

    /// Appends the statement, with its values bound, to another.
    pub(super) fn write(&self, dialect: Dialect, sql: &mut Sql) {
        let mut rest = self.text.as_ref();
        while let Some(at) = rest.find([':', '{', '\'']) {
            let (before, from) = rest.split_at(at);
            match from.as_bytes()[0] {
                b'\'' => {
                    let end = from[1..].find('\'').map_or(from.len(), |end| end + 2);
                    sql.push(before).push(&from[..end]);
                    rest = &from[end..];
                }
                b'{' => {
                    let end = from.find('}').expect("a fragment ends with }");
                    sql.push(before);
                    self.write_fragment(&from[1..end], dialect, sql);
                    rest = &from[end + 1..];
                }
                _ => {
                    let name = name(&from[1..]);
                    rest = &from[1 + name.len()..];
                    if name.is_empty() {
                        sql.push(before).push(":");
                    } else {
                        self.write_parameter(before, name, dialect, sql);
                    }
                }
            }
        }
        sql.push(rest);
    }

    fn write_fragment(&self, name: &str, dialect: Dialect, sql: &mut Sql) {
        match self.find(name) {
            Some(Parameter::Fragment(query)) => query.write(dialect, sql),
            Some(Parameter::Built(built)) => sql.append(built),
            Some(_) => panic!("{{{name}}} is a value: write :{name}"),
            None => {
                sql.push(dialect.built_in(name).unwrap_or_else(|| panic!("the fragment {{{name}}} is not given")));
            }
        }
    }

    fn write_parameter(&self, before: &str, name: &str, dialect: Dialect, sql: &mut Sql) {
        let set = |sql: &mut Sql| {
            let before = before.trim_end().strip_suffix("in").expect("a set stands behind `in`");
            sql.push(before).push(dialect.set_open());
        };
        match self.find(name).unwrap_or_else(|| panic!(":{name} is not given")) {
            Parameter::Value(value) => {
                sql.push(before).bind(value.clone());
            }
            Parameter::Ids(ids) => {
                set(sql);
                sql.push("select cast(value as bigint) from ");
                dialect.unfold_texts(ids, sql);
                sql.push(dialect.set_close());
            }
            Parameter::Texts(texts) => {
                set(sql);
                sql.push("select value from ");
                dialect.unfold_texts(texts, sql);
                sql.push(dialect.set_close());
            }
            Parameter::Set(select) => {
                set(sql);
                select.write(dialect, sql);
                sql.push(dialect.set_close());
            }
            Parameter::Rows(rows) => {
                sql.push(before);
                dialect.unfold_rows(rows, sql);
            }
            Parameter::Strips(strips) => {
                sql.push(before).push(STRIP_TABLE[0]);
                dialect.unfold_texts(strips, sql);
                sql.push(STRIP_TABLE[1]);
            }
            Parameter::Fragment(_) | Parameter::Built(_) => panic!(":{name} is a fragment: write {{{name}}}"),
        }
    }

    fn find(&self, name: &str) -> Option<&Parameter> {
        self.parameters.iter().find(|(known, _)| *known == name).map(|(_, parameter)| parameter)
    }
}

/// What may stand for `{name}`.
pub enum Fragment {
    /// Text of the source with its parameters.
    Query(Query),
    /// A condition that was built piece by piece.
    Built(Sql),
}

impl From<&'static str> for Fragment {
    fn from(text: &'static str) -> Self {
        Self::Query(Query::new(text))
    }
}

impl From<String> for Fragment {
    fn from(text: String) -> Self {
        Self::Query(Query::new(text))
    }
}

impl From<Query> for Fragment {
    fn from(query: Query) -> Self {
        Self::Query(query)
    }
}

impl From<Sql> for Fragment {
    fn from(sql: Sql) -> Self {
        Self::Built(sql)
    }
}

/// The parameter name at the start of a text.
fn name(text: &str) -> &str {
    let end = text.find(|c: char| !c.is_ascii_lowercase() && c != '_').unwrap_or(text.len());
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(query: &Query, dialect: Dialect) -> String {
        let mut sql = Sql::default();
        query.write(dialect, &mut sql);
        sql.text().to_owned()
    }

    #[test]
    fn named_parameters_become_placeholders_in_order() {
        let query =
            Query::new("select ':no' from t where a = :b and c < :d and e = :b").bind("b", 1_i64).bind("d", 2.5);

        assert_eq!(text(&query, Dialect::Postgres), "select ':no' from t where a = $1 and c < $2 and e = $3");
    }

    #[test]
    fn a_set_of_ids_is_searched_by_index_on_both() {
        let query = Query::new("delete from t where id in :ids and b = :b").bind_ids("ids", &[1, 2]).bind("b", "x");

        assert_eq!(
            text(&query, Dialect::Sqlite),
            "delete from t where id in (select cast(value as bigint) from json_each($1)) and b = $2"
        );
        assert_eq!(
            text(&query, Dialect::Postgres),
            "delete from t where id = any(array(select cast(value as bigint) from \
             jsonb_array_elements_text(cast($1 as jsonb)) as value)) and b = $2"
        );
    }

    #[test]
    fn fragments_bring_their_own_parameters() {
        let mut built = Sql::new("c.age >= ");
        built.bind(18_i64);
        let query = Query::new("select 1 from contact c where {eligible} and ({segment}){for_update}")
            .fragment("eligible", Query::new("c.reachable = :one").bind("one", 1_i64))
            .fragment("segment", built);

        assert_eq!(
            text(&query, Dialect::Postgres),
            "select 1 from contact c where c.reachable = $1 and (c.age >= $2) for update"
        );
    }

    #[test]
    fn a_select_is_a_set_too() {
        let query = Query::new("update t set a = :a where id in :due")
            .bind("a", 1_i64)
            .bind_query("due", Query::new("select id from t where b < :b{for_update_skip_locked}").bind("b", 7_i64));

        assert_eq!(
            text(&query, Dialect::Postgres),
            "update t set a = $1 where id = any(array(select id from t where b < $2 for update skip locked))"
        );
        assert_eq!(text(&query, Dialect::Sqlite), "update t set a = $1 where id in (select id from t where b < $2)");
    }

    #[test]
    #[should_panic(expected = ":b is not given")]
    fn a_forgotten_parameter_is_named() {
        text(&Query::new("select :b"), Dialect::Sqlite);
    }
}
