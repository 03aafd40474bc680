//! Table `store_migration_progress`, in the target store of a move: how far the rows of each table are copied. Progress is
//! recorded after the rows, so rows behind it may exist too; they are deleted before copying resumes.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::infra::db::query::Query;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::value::Value;
use crate::infra::db::{Cells, Conn, Db};
use crate::infra::error::{Message, Result};

/// How far the rows of a table are copied.
#[derive(Debug, Clone, PartialEq)]
pub enum TableProgress {
    /// Up to the row with this key.
    UpTo(Vec<Value>),
    /// Completely.
    Complete,
}

/// The progress of each table whose copying has started.
pub async fn list(db: &Db) -> Result<HashMap<String, TableProgress>> {
    let rows = Query::new("select table_name, progress from store_migration_progress")
        .fetch_all(&mut *db.read().await?)
        .await?;
    rows.iter()
        .map(|row| {
            let table: String = row.cell(0)?;
            let progress = row.cell(1).ok().and_then(parse);
            let unreadable = || Message::new("move-progress").with("table", &table).internal();
            let progress = progress.ok_or_else(unreadable)?;
            Ok((table, progress))
        })
        .collect()
}

/// Records the progress of a table.
pub async fn record(db: &Db, table: &str, progress: &TableProgress) -> Result<()> {
    let mut tx = db.write_for(WritePurpose::Migration).await?;
    Query::new(
        "insert into store_migration_progress (table_name, progress)
         values (:table, :progress)
         on conflict (table_name) do update set progress = excluded.progress",
    )
    .bind("table", table)
    .bind("progress", text(progress))
    .execute(&mut tx)
    .await?;
    tx.commit().await
}

/// Deletes the progress of all tables.
pub async fn clear(conn: &mut Conn) -> Result<()> {
    Query::new("delete from store_migration_progress").execute(conn).await?;
    Ok(())
}

/// [`TableProgress`] as JSON.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredProgress {
    UpTo(Vec<StoredValue>),
    Complete,
}

/// A [`Value`] as JSON; `real` holds the bits of the number, `bytes` is base64.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum StoredValue {
    Null,
    Integer(i64),
    Real(u64),
    Text(String),
    Bytes(String),
}

fn text(progress: &TableProgress) -> String {
    let stored = |value: &Value| match value {
        Value::Null => StoredValue::Null,
        Value::Integer(number) => StoredValue::Integer(*number),
        Value::Real(number) => StoredValue::Real(number.to_bits()),
        Value::Text(text) => StoredValue::Text(text.clone()),
        Value::Bytes(bytes) => StoredValue::Bytes(STANDARD.encode(bytes)),
    };
    let stored = match progress {
        TableProgress::Complete => StoredProgress::Complete,
        TableProgress::UpTo(key) => StoredProgress::UpTo(key.iter().map(stored).collect()),
    };
    serde_json::to_string(&stored).unwrap_or_default()
}

fn parse(text: &str) -> Option<TableProgress> {
    let value = |stored| {
        Some(match stored {
            StoredValue::Null => Value::Null,
            StoredValue::Integer(number) => Value::Integer(number),
            StoredValue::Real(bits) => Value::Real(f64::from_bits(bits)),
            StoredValue::Text(text) => Value::Text(text),
            StoredValue::Bytes(text) => Value::Bytes(STANDARD.decode(text).ok()?),
        })
    };
    Some(match serde_json::from_str(text).ok()? {
        StoredProgress::Complete => TableProgress::Complete,
        StoredProgress::UpTo(key) => TableProgress::UpTo(key.into_iter().map(value).collect::<Option<_>>()?),
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn any_value() -> impl Strategy<Value = Value> {
        prop_oneof![
            Just(Value::Null),
            any::<i64>().prop_map(Value::Integer),
            any::<f64>().prop_filter("NaN differs from itself", |number| !number.is_nan()).prop_map(Value::Real),
            any::<String>().prop_map(Value::Text),
            any::<Vec<u8>>().prop_map(Value::Bytes),
        ]
    }

    proptest! {
        #[test]
        fn key_of_any_kind_is_parsed_as_it_was_written(key in proptest::collection::vec(any_value(), 0..4)) {
            let progress = TableProgress::UpTo(key);
            prop_assert_eq!(parse(&text(&progress)), Some(progress));
        }
    }

    #[test]
    fn complete_is_parsed_and_other_text_is_not() {
        assert_eq!(parse(&text(&TableProgress::Complete)), Some(TableProgress::Complete));
        assert_eq!(parse("whole"), None);
    }
}
