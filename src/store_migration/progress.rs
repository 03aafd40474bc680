//! Table `carried`, in the store that data arrive in: how far each table has come. A table is noted
//! after its rows, so what lies behind the note may be there too, and is removed before going on.

use std::collections::HashMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use sqlx::Row;

use crate::infra::db::store_status::WritePurpose;
use crate::infra::db::value::Value;
use crate::infra::db::{Conn, Db, Sql};
use crate::infra::error::{Message, Result};

/// How far a table has come.
#[derive(Debug, Clone, PartialEq)]
pub enum TableProgress {
    /// Up to the row with this key.
    UpTo(Vec<Value>),
    /// To its end.
    Complete,
}

/// How far each table has come; one that has not begun is missing.
pub async fn all(db: &Db) -> Result<HashMap<String, TableProgress>> {
    let rows = sqlx::query("select name, last from carried").fetch_all(&mut *db.read().await?).await?;
    rows.iter()
        .map(|row| {
            let name: String = row.get(0);
            let mark = read(row.get(1)).ok_or_else(|| Message::new("move-progress").with("table", &name).internal())?;
            Ok((name, mark))
        })
        .collect()
}

/// Notes how far a table has come.
pub async fn note(db: &Db, table: &str, mark: &TableProgress) -> Result<()> {
    let mut tx = db.write_for(WritePurpose::Migration).await?;
    Sql::new("insert into carried (name, last) values (")
        .bind_all([table.to_owned(), write(mark)])
        .push(") on conflict (name) do update set last = excluded.last")
        .run(&mut tx)
        .await?;
    tx.commit().await
}

/// Forgets it all: everything has come.
pub async fn clear(conn: &mut Conn) -> Result<()> {
    sqlx::query("delete from carried").execute(conn).await?;
    Ok(())
}

fn write(mark: &TableProgress) -> String {
    let word = |value: &Value| match value {
        Value::Null => "n".to_owned(),
        Value::Integer(number) => format!("i{number}"),
        Value::Real(number) => format!("r{}", number.to_bits()),
        Value::Text(text) => format!("t{}", STANDARD.encode(text)),
        Value::Bytes(bytes) => format!("b{}", STANDARD.encode(bytes)),
    };
    match mark {
        TableProgress::Complete => "whole".to_owned(),
        TableProgress::UpTo(key) => key.iter().map(word).collect::<Vec<_>>().join(" "),
    }
}

fn read(text: &str) -> Option<TableProgress> {
    if text == "whole" {
        return Some(TableProgress::Complete);
    }
    let value = |word: &str| {
        let (kind, rest) = word.split_at_checked(1)?;
        Some(match kind {
            "n" => Value::Null,
            "i" => Value::Integer(rest.parse().ok()?),
            "r" => Value::Real(f64::from_bits(rest.parse().ok()?)),
            "t" => Value::Text(String::from_utf8(STANDARD.decode(rest).ok()?).ok()?),
            "b" => Value::Bytes(STANDARD.decode(rest).ok()?),
            _ => return None,
        })
    };
    text.split(' ').map(value).collect::<Option<_>>().map(TableProgress::UpTo)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_of_any_kind_is_read_as_it_was_written() {
        let key = vec![
            Value::Integer(-7),
            Value::Bytes(vec![0, 255]),
            Value::Text("a b".to_owned()),
            Value::Real(0.1),
            Value::Null,
            Value::Text(String::new()),
        ];
        for mark in [TableProgress::UpTo(key), TableProgress::Complete] {
            assert_eq!(read(&write(&mark)), Some(mark));
        }
        assert_eq!(read("x7"), None);
    }
}
