//! The two SQL dialects, and what a statement says differently in them.

use super::Conn;
use super::sql::Sql;

/// The SQL dialect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Dialect {
    Sqlite,
    Postgres,
}

impl Dialect {
    /// The dialect that a connection speaks.
    pub(super) fn of(conn: &Conn) -> Self {
        if conn.backend_name() == "SQLite" { Self::Sqlite } else { Self::Postgres }
    }

    pub(super) fn built_in(self, name: &str) -> Option<&'static str> {
        Some(match (name, self) {
            ("for_update" | "for_share" | "for_update_skip_locked" | "skip_locked", Self::Sqlite) => "",
            ("for_update", Self::Postgres) => " for update",
            ("for_share", Self::Postgres) => " for share",
            ("for_update_skip_locked", Self::Postgres) => " for update skip locked",
            ("skip_locked", Self::Postgres) => " skip locked",
            ("or_rollback", Self::Sqlite) => " or rollback",
            ("or_rollback", Self::Postgres) => "",
            ("now_ms", _) => self.now_ms(),
            ("position", Self::Sqlite) => "instr",
            ("position", Self::Postgres) => "strpos",
            ("bytewise", Self::Sqlite) => " collate binary",
            ("bytewise", Self::Postgres) => " collate \"C\"",
            _ => return None,
        })
    }

    /// PostgreSQL searches an index for an array; a select it may join with, whole tables at a time.
    pub(super) fn set_open(self) -> &'static str {
        match self {
            Self::Sqlite => "in (",
            Self::Postgres => "= any(array(",
        }
    }

    pub(super) fn set_close(self) -> &'static str {
        match self {
            Self::Sqlite => ")",
            Self::Postgres => "))",
        }
    }

    /// A table function over a JSON array of scalars; its column is `value`.
    pub(super) fn unfold_texts(self, json: &str, sql: &mut Sql) {
        match self {
            Self::Sqlite => sql.push("json_each(").bind(json).push(")"),
            Self::Postgres => sql.push("jsonb_array_elements_text(cast(").bind(json).push(" as jsonb)) as value"),
        };
    }

    /// A table function over a JSON array of arrays.
    pub(super) fn unfold_rows(self, json: &str, sql: &mut Sql) {
        match self {
            Self::Sqlite => sql.push("json_each(").bind(json).push(")"),
            Self::Postgres => sql.push("jsonb_array_elements(cast(").bind(json).push(" as jsonb))"),
        };
    }

    /// The expression for the database's own clock in ms since 1970 UTC.
    pub(super) fn now_ms(self) -> &'static str {
        match self {
            Self::Sqlite => "cast((julianday('now') - 2440587.5) * 86400000.0 as bigint)",
            Self::Postgres => "cast(extract(epoch from clock_timestamp()) * 1000 as bigint)",
        }
    }
}
