//! Several statements on one errand. The driver of SQLite wakes a thread of its own for each message
//! and ours for each answer, which costs more than most statements: there they travel as one text.
//! PostgreSQL is told one after another.

use futures_util::TryStreamExt;
use sqlx::Either;
use sqlx::any::AnyRow;

use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;

/// Statements in their order. None may depend on what another returns; when one fails, those after it
/// are not run, and the transaction must not be committed.
pub struct Script {
    parts: Vec<Sql>,
    is_one: bool,
    len: usize,
}

/// What a statement did.
#[derive(Default)]
pub struct StatementResult {
    /// How many rows it touched; without meaning for one that only reads.
    pub rows_affected: u64,
    /// The rows it returned.
    pub rows: Vec<AnyRow>,
}

impl Script {
    /// An empty script for this connection.
    pub fn new(conn: &Conn) -> Self {
        Self { parts: Vec::new(), is_one: conn.backend_name() == "SQLite", len: 0 }
    }

    /// Appends a statement, to be written by the caller.
    pub fn add(&mut self, text: &str) -> &mut Sql {
        self.len += 1;
        if self.parts.is_empty() || !self.is_one {
            self.parts.push(Sql::default());
        }
        let part = self.parts.len() - 1;
        self.parts[part].begin(text)
    }

    /// How many statements it has.
    pub fn len(&self) -> usize {
        self.len
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Runs them all and returns what each did.
    pub async fn run(self, conn: &mut Conn) -> Result<Vec<StatementResult>> {
        let mut all = Vec::with_capacity(self.len);
        for mut part in self.parts {
            let mut done = StatementResult::default();
            let mut steps = part.steps(conn);
            while let Some(step) = steps.try_next().await? {
                match step {
                    Either::Right(row) => done.rows.push(row),
                    Either::Left(end) => {
                        all.push(StatementResult { rows_affected: end.rows_affected(), ..std::mem::take(&mut done) });
                    }
                }
            }
        }
        Ok(all)
    }
}
