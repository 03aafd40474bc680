//! Values of any column, for code that is generic over tables: store migration and bulk inserts.

use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;

use crate::infra::db::Sql;
use crate::infra::error::Result;

/// Type of a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `bigint` and `integer`.
    Integer,
    /// `double precision`.
    Real,
    /// `text`.
    Text,
    /// `bytea`.
    Bytes,
}

impl Kind {
    /// The kind of a declared SQL type; `None` for types outside the portable subset.
    pub(super) fn of(declared: &str) -> Option<Self> {
        match declared.to_ascii_lowercase().as_str() {
            "bigint" | "integer" | "smallint" | "int" => Some(Self::Integer),
            "double precision" | "real" => Some(Self::Real),
            "text" | "character varying" => Some(Self::Text),
            "bytea" | "blob" => Some(Self::Bytes),
            _ => None,
        }
    }
}

/// A value of a column.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// SQL null.
    Null,
    /// Of a `bigint` or `integer`.
    Integer(i64),
    /// Of a `double precision`.
    Real(f64),
    /// Of a `text`.
    Text(String),
    /// Of a `bytea`.
    Bytes(Vec<u8>),
}

impl Value {
    /// Reads one column of a row.
    pub(super) fn read(row: &AnyRow, index: usize, kind: Kind) -> Result<Self> {
        Ok(match kind {
            Kind::Integer => row.try_get::<Option<i64>, _>(index)?.map_or(Self::Null, Self::Integer),
            Kind::Real => row.try_get::<Option<f64>, _>(index)?.map_or(Self::Null, Self::Real),
            Kind::Text => row.try_get::<Option<String>, _>(index)?.map_or(Self::Null, Self::Text),
            Kind::Bytes => row.try_get::<Option<Vec<u8>>, _>(index)?.map_or(Self::Null, Self::Bytes),
        })
    }

    /// Appends a placeholder for the value.
    pub(super) fn bind(self, sql: &mut Sql) {
        match self {
            Self::Null => sql.bind(None::<String>),
            Self::Integer(number) => sql.bind(number),
            Self::Real(number) => sql.bind(number),
            Self::Text(text) => sql.bind(text),
            Self::Bytes(bytes) => sql.bind(bytes),
        };
    }

    /// Approximate bytes in memory.
    pub fn weight(&self) -> usize {
        match self {
            Self::Null | Self::Integer(_) | Self::Real(_) => size_of::<Self>(),
            Self::Text(text) => size_of::<Self>() + text.len(),
            Self::Bytes(bytes) => size_of::<Self>() + bytes.len(),
        }
    }

    /// Adds the value to a checksum. Kind and length come first, so that different rows have different checksums; both
    /// databases give the same bytes.
    pub fn digest(&self, into: &mut Sha256) {
        let mut framed = |kind: u8, bytes: &[u8]| {
            let mut head = [kind; 9];
            head[1..].copy_from_slice(&(bytes.len() as u64).to_be_bytes());
            into.update(head);
            into.update(bytes);
        };
        match self {
            Self::Null => framed(b'n', &[]),
            Self::Integer(number) => framed(b'i', &number.to_be_bytes()),
            Self::Real(number) => framed(b'r', &number.to_bits().to_be_bytes()),
            Self::Text(text) => framed(b't', text.as_bytes()),
            Self::Bytes(bytes) => framed(b'b', bytes),
        }
    }

    /// Appends the value in the text format of PostgreSQL's `copy`.
    pub(super) fn write(&self, line: &mut String) {
        use std::fmt::Write;
        // Writing to a string cannot fail.
        let _ = match self {
            Self::Null => write!(line, "\\N"),
            Self::Integer(number) => write!(line, "{number}"),
            Self::Real(number) if number.is_infinite() => {
                write!(line, "{}", if *number > 0.0 { "Infinity" } else { "-Infinity" })
            }
            Self::Real(number) => write!(line, "{number:?}"),
            Self::Text(text) => {
                escape(text, line);
                Ok(())
            }
            Self::Bytes(bytes) => {
                line.push_str("\\\\x");
                bytes.iter().try_for_each(|byte| write!(line, "{byte:02x}"))
            }
        };
    }
}

fn escape(text: &str, line: &mut String) {
    let mut rest = text;
    while let Some(at) = rest.find(['\\', '\t', '\n', '\r']) {
        line.push_str(&rest[..at]);
        line.push_str(match rest.as_bytes()[at] {
            b'\\' => "\\\\",
            b'\t' => "\\t",
            b'\n' => "\\n",
            _ => "\\r",
        });
        rest = &rest[at + 1..];
    }
    line.push_str(rest);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(values: &[Value]) -> Vec<u8> {
        let mut hasher = Sha256::new();
        values.iter().for_each(|value| value.digest(&mut hasher));
        hasher.finalize().to_vec()
    }

    #[test]
    fn copy_format_escapes_separators() {
        let mut line = String::new();
        for value in [
            Value::Text("a\tb\\N\n\rя".to_owned()),
            Value::Null,
            Value::Bytes(vec![0, 0x5c, 255]),
            Value::Real(0.1),
            Value::Integer(-7),
        ] {
            value.write(&mut line);
            line.push('|');
        }
        assert_eq!(line, "a\\tb\\\\N\\n\\rя|\\N|\\\\x005cff|0.1|-7|");
    }

    #[test]
    fn different_rows_have_different_checksums() {
        let text = |text: &str| Value::Text(text.to_owned());

        assert_ne!(sum(&[text("ab"), text("c")]), sum(&[text("a"), text("bc")]));
        assert_ne!(sum(&[Value::Null]), sum(&[text("")]));
        assert_ne!(sum(&[text("a")]), sum(&[Value::Bytes(b"a".to_vec())]));
        assert_eq!(sum(&[text("a"), Value::Integer(1)]), sum(&[text("a"), Value::Integer(1)]));
    }
}
