//! Pages of the segments: all of them, and one expression with its count and some of its contacts while it is written. Every
//! expression that is not saved is a link.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::listing::{self, Shape};
use super::table::Table;
use super::visit::{Params, Visit};
use crate::infra::id::Id;
use crate::usecase::field::{self, FieldRow};
use crate::usecase::segment::{self, SegmentRow};
use crate::usecase::{Action, list, segment_preview};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/segments.html")]
struct SegmentsPage {
    visit: Visit,
    title: String,
    segments: Vec<SegmentRow>,
    table: Table,
    form: Form,
}

#[derive(Template)]
#[template(path = "desk/segment.html")]
struct SegmentPage {
    visit: Visit,
    title: String,
    form: Form,
    fields: Vec<FieldRow>,
    lists: Vec<String>,
    preview: Option<PreviewView>,
}

/// What the expression selects.
struct PreviewView {
    count: Option<i64>,
    is_estimate: bool,
    sample: Vec<(Id, String)>,
}

/// The operators of a condition that is added by a form: their names, how they are written, and whether a value follows.
const OPERATORS: &[(&str, &str, bool)] = &[
    ("is", "=", true),
    ("is-not", "!=", true),
    ("contains", "contains", true),
    ("starts", "starts with", true),
    ("least", ">=", true),
    ("most", "<=", true),
    ("set", "is set", false),
    ("not-set", "is not set", false),
];

/// `GET /segments?sort=`
pub async fn list(
    State(state): State<Arc<DeskState>>,
    visit: Visit,
    params: Params,
    shape: Shape,
) -> Result<Response, Refusal> {
    list_page(&state, visit, &params, shape, Form::default()).await
}

async fn list_page(
    state: &DeskState,
    visit: Visit,
    params: &Params,
    shape: Shape,
    form: Form,
) -> Result<Response, Refusal> {
    let table = Table::of(params, &[], &["name", "expression"], "name");
    let mut segments = segment::list(&state.installation, &visit.actor).await?;
    table.arrange(&mut segments.segments, |column, one, other| match column {
        "expression" => one.expression.cmp(&other.expression),
        _ => one.segment.to_lowercase().cmp(&other.segment.to_lowercase()),
    });
    if let Some(file) = listing::file(&visit, shape, "segments", &segments) {
        return Ok(file);
    }
    let page = SegmentsPage { title: visit.tr("desk-segments"), segments: segments.segments, table, form, visit };
    Ok(if page.form.mistake().is_some() { page.visit.refuse(&page) } else { page.visit.show(&page) })
}

/// `GET /segments/edit?name=&q=`: a saved segment by its name, or an expression. `field`, `op` and `value` add a condition.
pub async fn edit(State(state): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let (name, query) = (params.get("name"), params.get("q"));
    let mut expression = query.to_owned();
    if query.is_empty() && !name.is_empty() {
        let all = segment::list(&state.installation, &visit.actor).await?.segments;
        let saved = all.into_iter().find(|segment| segment.segment == name);
        expression = saved.map(|segment| segment.expression).unwrap_or_default();
    }
    let fields = field::list(&state.installation, &visit.actor).await?;
    let kind = match params.get("field") {
        "email" => Some("text"),
        name => fields.iter().find(|field| field.name == name).map(|field| field.kind),
    };
    if let Some(kind) = kind {
        let condition = condition(params.get("field"), kind, params.get("op"), params.get("value"));
        expression = match expression.is_empty() {
            true => condition,
            false => format!("({expression}) and {condition}"),
        };
    }
    let form = Form::of([("name", name.to_owned()), ("expression", expression)]);
    let page = page(&state, visit, form).await?;
    Ok(if page.form.mistake().is_some() { page.visit.refuse(&page) } else { page.visit.show(&page) })
}

/// A condition on a field of this kind, as text.
fn condition(field: &str, kind: &str, operator: &str, value: &str) -> String {
    let (_, written, has_value) = OPERATORS.iter().find(|(name, ..)| *name == operator).unwrap_or(&OPERATORS[0]);
    let quoted = || format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""));
    let value = match kind {
        "text" | "choice" => quoted(),
        _ => value.to_owned(),
    };
    if *has_value { format!("`{field}` {written} {value}") } else { format!("`{field}` {written}") }
}

/// `POST /segments/save`
pub async fn save(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (name, expression) = (form.value("name"), form.value("expression"));
    match segment::save(&state.installation, &visit.actor, name, expression, false, |_, _| {}).await {
        Ok(_) => Ok(visit.go("segments", "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&state, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `POST /segments/remove`
pub async fn remove(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    match segment::remove(&state.installation, &visit.actor, form.value("name")).await {
        Ok(_) => Ok(visit.go("segments", "removed")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            list_page(&state, visit, &Params::default(), Shape::Page, form).await
        }
    }
}

async fn page(state: &DeskState, visit: Visit, form: Form) -> Result<SegmentPage, Refusal> {
    let (installation, actor) = (&state.installation, &visit.actor);
    let (fields, lists) = (field::list(installation, actor).await?, list::names(installation, actor).await?);
    let mut form = form;
    let mut preview = None;
    if let Some(expression) = form.given("expression").map(str::to_owned) {
        match segment_preview::preview(installation, actor, &expression).await {
            Ok(found) => {
                let sample = found.sample.map(|sample| sample.contacts).unwrap_or_default();
                preview = Some(PreviewView {
                    count: found.count,
                    is_estimate: found.is_estimate,
                    sample: sample.into_iter().map(|one| (one.id, one.email)).collect(),
                });
            }
            Err(error) if form.mistake().is_none() => form = form.refused(visit.frame.lang, error)?,
            Err(_) => {}
        }
    }
    Ok(SegmentPage { title: visit.tr("desk-segment"), form, fields, lists, preview, visit })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_condition_is_written_as_the_language_wants_it() {
        for (kind, operator, value, written) in [
            ("text", "is", "Nizhny \"N\"", "`x` = \"Nizhny \\\"N\\\"\""),
            ("number", "least", "3", "`x` >= 3"),
            ("flag", "is", "yes", "`x` = yes"),
            ("text", "set", "ignored", "`x` is set"),
            ("choice", "unknown", "Pro", "`x` = \"Pro\""),
        ] {
            assert_eq!(condition("x", kind, operator, value), written);
        }
    }
}
