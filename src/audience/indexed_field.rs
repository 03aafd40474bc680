//! Table `indexed_field`: fields that segments name, copied into columns of `contact` that an index can serve.
//!
//! The JSON in `contact.fields` remains the truth; a field without such a column is read from there.
//!
//! ```text
//!             every contact has it           no segment names it     an hour later
//!   filling ─────────────────────► ready ──────────────────► retiring ─────────► clearing ─► deleted
//! ```
//!
//! Writers of contacts fill the columns in every state but `clearing`. So a reader that found an indexed
//! field ready may use its column for an hour.

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, has_row_locks};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Characters of a text that its column keeps: one more than [`COMPARABLE_CHARS`], so that a longer
/// value differs from one that ends there. Eight such texts fit into an index entry of PostgreSQL.
pub const INDEXED_CHARS: usize = 65;

/// Characters of a text that can be compared with the column.
pub const COMPARABLE_CHARS: usize = 64;

/// Columns of `contact` for texts, choices and dates.
pub const TEXT_COLUMNS: [&str; 8] = ["text_1", "text_2", "text_3", "text_4", "text_5", "text_6", "text_7", "text_8"];

/// Columns of `contact` for numbers and flags.
pub const NUMBER_COLUMNS: [&str; 8] =
    ["number_1", "number_2", "number_3", "number_4", "number_5", "number_6", "number_7", "number_8"];

crate::text_enum! {
    /// How far the column of a field is.
    State {
        /// New contacts get it; a backfill gives it to the others.
        Filling = "filling",
        /// Every contact has it.
        Ready = "ready",
        /// No new statement reads it.
        Retiring = "retiring",
        /// It is being emptied.
        Clearing = "clearing",
    }
}

/// A field with an indexed column.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IndexedField {
    /// The column: one of [`TEXT_COLUMNS`] or [`NUMBER_COLUMNS`].
    pub column: &'static str,
    /// The name of the field.
    pub field: String,
    /// How far it is.
    pub state: State,
    /// Whether it is kept though no segment names the field.
    pub pinned: bool,
    /// When its state changed.
    pub changed_at: Millis,
    /// The last contact whose column is filled, or cleared, as the state says; later ones may be.
    pub filled_to: Id,
}

impl IndexedField {
    /// Whether the column holds numbers.
    pub fn is_number(&self) -> bool {
        NUMBER_COLUMNS.contains(&self.column)
    }
}

/// The indexed fields of a workspace in every state, by column.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    let query = Query::new(
        "select column_name, field, state, pinned, changed_at, filled_to
           from indexed_field
          where workspace_id = :workspace
          order by column_name{bytewise}",
    );
    let mut found = Vec::new();
    for row in query.bind("workspace", workspace).fetch_all(conn).await? {
        let name: String = row.cell(0)?;
        if let Some(column) = TEXT_COLUMNS.iter().chain(&NUMBER_COLUMNS).copied().find(|column| *column == name) {
            let (state, pinned) = (row.cell::<String>(2)?.parse()?, row.cell::<i32>(3)? == 1);
            let (changed_at, filled_to) = (row.cell(4)?, row.cell(5)?);
            found.push(IndexedField { column, field: row.cell(1)?, state, pinned, changed_at, filled_to });
        }
    }
    Ok(found)
}

/// The indexed fields whose columns a writer of contacts fills. No column is assigned or cleared until the
/// transaction ends.
pub async fn list_writable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    if has_row_locks(conn) {
        let lock = Query::new("select 1 from workspace where id = :workspace{for_share}");
        lock.bind("workspace", workspace).fetch_optional(conn).await?;
    }
    let mut found = all(conn, workspace).await?;
    found.retain(|indexed| indexed.state != State::Clearing);
    Ok(found)
}

/// The indexed fields whose columns a condition may read.
pub async fn list_readable(conn: &mut Conn, workspace: Id) -> Result<Vec<IndexedField>> {
    list_in_state(conn, workspace, State::Ready).await
}

/// The indexed fields in this state.
pub async fn list_in_state(conn: &mut Conn, workspace: Id, state: State) -> Result<Vec<IndexedField>> {
    let mut found = all(conn, workspace).await?;
    found.retain(|indexed| indexed.state == state);
    Ok(found)
}
