//! Statements that are put together at run time.

use futures_util::Stream;
use sqlx::any::{AnyArguments, AnyQueryResult, AnyRow};
use sqlx::{Any, Arguments, Either, Executor};

use crate::infra::db::Conn;
use crate::infra::error::Result;

/// A value of a placeholder. Null has a type, because PostgreSQL asks for one.
#[derive(Debug, Clone, PartialEq)]
pub enum Binding {
    /// `bigint`.
    Bigint(Option<i64>),
    /// `integer`.
    Integer(Option<i32>),
    /// `double precision`.
    Double(Option<f64>),
    /// `text`.
    Text(Option<String>),
    /// `bytea`.
    Bytes(Option<Vec<u8>>),
}

macro_rules! binding_from {
    ($($type:ty => $variant:ident),+ $(,)?) => {$(
        impl From<$type> for Binding {
            fn from(value: $type) -> Self {
                Self::$variant(Some(value.into()))
            }
        }
        impl From<Option<$type>> for Binding {
            fn from(value: Option<$type>) -> Self {
                Self::$variant(value.map(Into::into))
            }
        }
    )+};
}

binding_from! { i64 => Bigint, i32 => Integer, f64 => Double, String => Text, &str => Text, &String => Text, Vec<u8> => Bytes, &[u8] => Bytes }

impl Binding {
    fn add_to(self, args: &mut AnyArguments) {
        let added = match self {
            Self::Bigint(value) => args.add(value),
            Self::Integer(value) => args.add(value),
            Self::Double(value) => args.add(value),
            Self::Text(value) => args.add(value),
            Self::Bytes(value) => args.add(value),
        };
        added.expect("the five portable types always encode");
    }
}

/// SQL put together at run time whose values are always bound; numbers its own placeholders.
/// Text pushed must come from the source, never from a user. Statements whose shape is fixed are a
/// [`Query`](super::Query); this builder is for conditions that a user composed.
#[derive(Debug, Clone, Default)]
pub struct Sql {
    pub(super) text: String,
    /// Where the last statement begins, when it is not the only one.
    pub(super) start: usize,
    bindings: Vec<Binding>,
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
    pub fn bind(&mut self, value: impl Into<Binding>) -> &mut Self {
        self.bindings.push(value.into());
        self.text.push('$');
        self.text.push_str(&self.bindings.len().to_string());
        self
    }

    /// Appends a piece that was built elsewhere, with its values.
    pub fn append(&mut self, piece: &Self) {
        let mut parts = piece.text.split('$');
        self.push(parts.next().unwrap_or_default());
        for (part, value) in parts.zip(&piece.bindings) {
            self.bind(value.clone()).push(part.trim_start_matches(|c: char| c.is_ascii_digit()));
        }
    }

    /// Appends a last piece, where a caller is asked for one.
    pub fn end_with(&mut self, text: &str) {
        self.push(text);
    }

    /// Appends placeholders for the values, separated by commas.
    pub fn bind_all<T: Into<Binding>>(&mut self, values: impl IntoIterator<Item = T>) -> &mut Self {
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
        self.bindings.len()
    }

    /// Runs the statement and returns the number of rows it touched.
    pub async fn run(&mut self, conn: &mut Conn) -> Result<u64> {
        Ok(self.take(conn).execute(conn).await?.rows_affected())
    }

    /// Runs statements without values, separated by semicolons. PostgreSQL runs several as one transaction.
    pub(super) async fn run_script(&mut self, conn: &mut Conn) -> Result<()> {
        sqlx::raw_sql(sqlx::AssertSqlSafe(std::mem::take(&mut self.text))).execute(conn).await?;
        Ok(())
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
    ) -> impl Stream<Item = std::result::Result<AnyRow, sqlx::Error>> + Unpin + Send + use<'c> {
        self.take(conn).fetch(conn)
    }

    /// What its statements return and did, as it comes.
    pub(super) fn steps<'c>(
        &mut self,
        conn: &'c mut Conn,
    ) -> impl Stream<Item = std::result::Result<Either<AnyQueryResult, AnyRow>, sqlx::Error>> + Unpin + Send + use<'c>
    {
        let query = self.take(conn);
        conn.fetch_many(query)
    }

    /// `AssertSqlSafe` here and in [`Sql::run_script`] alone: every value is bound, and text comes from the source.
    fn take(&mut self, conn: &Conn) -> sqlx::query::Query<'static, Any, AnyArguments> {
        let built = std::mem::take(self);
        // SQLite compares each `$n` with all before it: seconds for thousands. Ours stand in order.
        let text = if conn.backend_name() == "SQLite" { unnumbered(&built.text) } else { built.text };
        super::statement_trace::note(&text);
        let is_short = built.bindings.len() <= 64;
        let mut args = AnyArguments::default();
        built.bindings.into_iter().for_each(|value| value.add_to(&mut args));
        sqlx::query_with(sqlx::AssertSqlSafe(text), args).persistent(is_short)
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
