//! Several statements in one round trip. The driver of SQLite wakes a thread of its own for each message
//! and ours for each answer, which costs more than most statements: there they travel as one text.
//! PostgreSQL gets them one after another.

use futures_util::TryStreamExt;
use serde::de::DeserializeOwned;
use sqlx::Either;
use sqlx::any::AnyRow;

use super::json_rows::{self, gathering};
use super::{Conn, Dialect, Query, Sql};
use crate::infra::error::{Error, Result};

/// Statements in their order. None may depend on what another returns; when one fails, those after it
/// are not run, and the transaction must not be committed.
pub struct Script {
    dialect: Dialect,
    parts: Vec<Sql>,
    /// For each statement whether it only reads again what the one before it changed.
    rereads: Vec<bool>,
}

/// What a statement did.
#[derive(Default)]
pub struct StatementResult {
    /// How many rows it touched; without meaning for one that only reads.
    pub rows_affected: u64,
    /// The rows it returned.
    pub rows: Vec<AnyRow>,
    /// True when the rows were read by a statement of their own after the change.
    is_reread: bool,
}

impl StatementResult {
    /// The rows of a statement added by [`Script::push_returning`] or [`Script::push_json`].
    ///
    /// # Errors
    /// When a change and its second reading do not find the same number of rows.
    pub fn json_rows<T: DeserializeOwned>(&self) -> Result<Vec<T>> {
        let rows: Vec<T> = json_rows::read(self.rows.first())?;
        if self.is_reread && rows.len() as u64 != self.rows_affected {
            return Err(Error::Db(sqlx::Error::RowNotFound));
        }
        Ok(rows)
    }
}

impl Script {
    /// An empty script for this connection.
    pub fn new(conn: &Conn) -> Self {
        Self { dialect: Dialect::of(conn), parts: Vec::new(), rereads: Vec::new() }
    }

    /// Appends a statement.
    pub fn push(&mut self, query: &Query) {
        let dialect = self.dialect;
        query.write(dialect, self.add(""));
    }

    /// Appends a select whose rows, these columns of them, are read by [`StatementResult::json_rows`].
    pub fn push_json(&mut self, select: &Query, columns: &str) {
        let dialect = self.dialect;
        let sql = self.add("");
        select.write(dialect, sql);
        sql.wrap(&gathering(dialect, columns));
    }

    /// Appends a change that returns these columns of the rows it touched, read by [`StatementResult::json_rows`]. SQLite
    /// could return them only one by one: there `again`, a select of the same rows and columns, reads them afterwards.
    pub fn push_returning(&mut self, change: &Query, columns: &str, again: &Query) {
        let dialect = self.dialect;
        match dialect {
            Dialect::Postgres => {
                let sql = self.add("with changed as (");
                change.write(dialect, sql);
                sql.push(&format!(" returning {columns}) {}changed", gathering(dialect, columns)));
            }
            Dialect::Sqlite => {
                self.push(change);
                self.push_json(again, columns);
                if let Some(reread) = self.rereads.last_mut() {
                    *reread = true;
                }
            }
        }
    }

    /// Appends a statement, to be written by the caller.
    pub fn add(&mut self, text: &str) -> &mut Sql {
        self.rereads.push(false);
        if self.parts.is_empty() || self.dialect == Dialect::Postgres {
            self.parts.push(Sql::default());
        }
        let part = self.parts.len() - 1;
        self.parts[part].begin(text)
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.rereads.iter().filter(|reread| !**reread).count()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.rereads.is_empty()
    }

    /// Runs them all and returns what each did.
    pub async fn run(self, conn: &mut Conn) -> Result<Vec<StatementResult>> {
        let mut all: Vec<StatementResult> = Vec::with_capacity(self.rereads.len());
        let mut rereads = self.rereads.into_iter();
        for mut part in self.parts {
            let mut done = StatementResult::default();
            let mut steps = part.steps(conn);
            while let Some(step) = steps.try_next().await? {
                match step {
                    Either::Right(row) => done.rows.push(row),
                    Either::Left(end) => {
                        let done = StatementResult { rows_affected: end.rows_affected(), ..std::mem::take(&mut done) };
                        let is_reread = rereads.next() == Some(true);
                        match all.last_mut().filter(|_| is_reread) {
                            Some(change) => {
                                *change = StatementResult { rows: done.rows, is_reread: true, ..std::mem::take(change) }
                            }
                            None => all.push(done),
                        }
                    }
                }
            }
        }
        Ok(all)
    }
}
