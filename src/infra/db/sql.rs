//! Statements that are put together at run time.

use futures_util::Stream;
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::{Any, Arguments, Either, Executor};

use crate::infra::db::Conn;
use crate::infra::error::Result;

/// SQL put together at run time whose values are always bound; numbers its own placeholders.
/// Text pushed must come from the source, never from a user.
#[derive(Default)]
pub struct Sql {
    pub(super) text: String,
    /// Where the last statement begins, when it is not the only one.
    pub(super) start: usize,
    args: AnyArguments,
    count: usize,
}

impl Sql {
    /// Starts with a piece of statement.
    pub fn new(text: &str) -> Self {
        Self { text: text.to_owned(), ..Self::default() }
    }

    /// Begins a statement behind those that are there.
    pub(super) fn begin(&mut self, text: &str) -> &mut Self {
        if !self.text.is_empty() {
            self.text.push_str("; ");
        }
        self.start = self.text.len();
        self.push(text)
    }

    /// Appends a piece of statement; placeholders come from [`Sql::bind`] alone.
    pub fn push(&mut self, text: &str) -> &mut Self {
        debug_assert!(!text.contains('$'), "a placeholder pushed by hand: {text}");
        self.text.push_str(text);
        self
    }

    /// Appends a placeholder for the value.
    pub fn bind<T>(&mut self, value: T) -> &mut Self
    where
        T: for<'q> sqlx::Encode<'q, Any> + sqlx::Type<Any> + Send + 'static,
    {
        self.args.add(value).expect("the six portable types always encode");
        self.count += 1;
        self.text.push('$');
        self.text.push_str(&self.count.to_string());
        self
    }

    /// Appends a last piece, where a caller is asked for one.
    pub fn end_with(&mut self, text: &str) {
        self.push(text);
    }

    /// Appends placeholders for the values, separated by commas.
    pub fn bind_all<T>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self
    where
        T: for<'q> sqlx::Encode<'q, Any> + sqlx::Type<Any> + Send + 'static,
    {
        for (index, value) in values.into_iter().enumerate() {
            if index > 0 {
                self.push(", ");
            }
            self.bind(value);
        }
        self
    }

    /// The statement so far, for tests that look at it.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Number of values bound so far; databases take at most 32,766.
    pub fn bound(&self) -> usize {
        self.count
    }

    /// Runs the statement and returns the number of rows it touched.
    pub async fn run(&mut self, conn: &mut Conn) -> Result<u64> {
        Ok(self.take(conn).execute(conn).await?.rows_affected())
    }

    /// All rows.
    pub async fn all(&mut self, conn: &mut Conn) -> Result<Vec<AnyRow>> {
        Ok(self.take(conn).fetch_all(conn).await?)
    }

    /// The first row, if any.
    pub async fn first(&mut self, conn: &mut Conn) -> Result<Option<AnyRow>> {
        Ok(self.take(conn).fetch_optional(conn).await?)
    }

    /// The rows one by one as they come, for tables of any size.
    pub fn stream<'c>(
        &mut self,
        conn: &'c mut Conn,
    ) -> impl Stream<Item = std::result::Result<AnyRow, sqlx::Error>> + Unpin + Send + 'c {
        self.take(conn).fetch(conn)
    }

    /// What its statements return and did, as it comes.
    pub(super) fn steps<'c>(
        &mut self,
        conn: &'c mut Conn,
    ) -> impl Stream<Item = std::result::Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>> + Unpin + Send + 'c {
        let query = self.take(conn);
        conn.fetch_many(query)
    }

    /// The one use of `AssertSqlSafe`: every value is bound, and text comes from the source alone.
    fn take(&mut self, conn: &Conn) -> sqlx::query::Query<'static, Any, AnyArguments> {
        let built = std::mem::take(self);
        // SQLite compares each `$n` with all before it: seconds for thousands. Ours stand in order.
        let text = if conn.backend_name() == "SQLite" { unnumbered(&built.text) } else { built.text };
        sqlx::query_with(sqlx::AssertSqlSafe(text), built.args).persistent(built.count <= 64)
    }
}

/// The text with `?` for each `$n`.
fn unnumbered(text: &str) -> String {
    let mut parts = text.split('$');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        plain.push('?');
        plain.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    plain
}
