//! The rows of a list page in other forms: `.json` and `.csv` under the same address.

use std::collections::BTreeMap;
use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::http::request::Parts;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use serde_json::Value;

use super::visit::Visit;
use crate::usecase::localize::to_json;
use crate::web::refusal::Refusal;

/// The form in which a list is asked for, by the end of the path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A page.
    Page,
    /// `.json`
    Json,
    /// `.csv`
    Csv,
}

impl<S: Send + Sync> FromRequestParts<S> for Shape {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(match parts.uri.path().rsplit_once('.') {
            Some((_, "json")) => Self::Json,
            Some((_, "csv")) => Self::Csv,
            _ => Self::Page,
        })
    }
}

/// The rows as a file; `None` where the page is asked for. `key` names the rows in the output.
pub fn file(visit: &Visit, shape: Shape, key: &str, output: &impl Serialize) -> Option<Response> {
    let name = |extension: &str| format!("attachment; filename=\"{key}.{extension}\"");
    match shape {
        Shape::Page => None,
        Shape::Json => {
            let json = to_json(output, visit.frame.lang).to_string();
            Some(([(CONTENT_TYPE, "application/json".to_owned())], json).into_response())
        }
        Shape::Csv => {
            let json = to_json(output, visit.frame.lang);
            let rows = json.get(key).unwrap_or(&json).as_array().cloned().unwrap_or_default();
            let headers = [(CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (CONTENT_DISPOSITION, name("csv"))];
            Some((headers, csv(&rows)).into_response())
        }
    }
}

/// Rows without an output around them as a file: JSON has them under `key`.
pub fn rows(visit: &Visit, shape: Shape, key: &str, rows: &impl Serialize) -> Response {
    let output = BTreeMap::from([(key, rows)]);
    file(visit, shape, key, &output).unwrap_or_else(|| Refusal::unknown().into_response())
}

/// Rows as CSV with a header. Columns are the members of all rows in the order in which they first appear.
fn csv(rows: &[Value]) -> Vec<u8> {
    let mut columns: Vec<&String> = Vec::new();
    for row in rows.iter().filter_map(Value::as_object) {
        for name in row.keys() {
            if !columns.contains(&name) {
                columns.push(name);
            }
        }
    }
    let mut writer = csv::WriterBuilder::new().flexible(true).from_writer(Vec::new());
    // Writing to memory does not fail.
    let _ = writer.write_record(&columns);
    for row in rows {
        let _ = writer.write_record(columns.iter().map(|name| cell(row.get(name.as_str()))));
    }
    writer.into_inner().unwrap_or_default()
}

/// A value as a cell. Text that a spreadsheet would take for a formula is preceded by an apostrophe.
fn cell(value: Option<&Value>) -> String {
    match value {
        None | Some(Value::Null) => String::new(),
        Some(Value::String(text)) if text.starts_with(['=', '+', '-', '@', '\t', '\r']) => format!("'{text}"),
        Some(Value::String(text)) => text.clone(),
        Some(other) => other.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rows_become_csv_with_all_columns() {
        let rows = [json!({ "name": "a,b", "count": 2 }), json!({ "name": "=1+1", "more": null, "open": true })];
        let text = String::from_utf8(csv(&rows)).expect("text");
        assert_eq!(text, "count,name,more,open\n2,\"a,b\",,\n,'=1+1,,true\n");
    }
}
