//! Page of one expression: as text and as rows, which are two views of the same, with its count and some of its people; what
//! uses it, why a person is in it or not; save. Every expression that is not saved is a link.

use std::sync::Arc;

use askama::Template;
use axum::extract::State;
use axum::response::Response;

use super::DeskState;
use super::segment_form::{self, SubjectView};
use super::visit::{Params, Visit};
use crate::audience::segment::rows::{Group, Join, Row, Rows};
use crate::infra::id::Id;
use crate::usecase::segment::{self, Condition, Explanation};
use crate::usecase::segment_rows::{self, Use};
use crate::usecase::{Action, field, list, segment_preview};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

#[derive(Template)]
#[template(path = "desk/segment.html")]
struct SegmentPage {
    visit: Visit,
    title: String,
    form: Form,
    /// Whether the segment is saved under its name.
    is_saved: bool,
    /// The expression as rows; none while it is wrong.
    rows: Option<Rows>,
    subjects: Vec<SubjectView>,
    operators: Vec<(&'static str, String)>,
    lists: Vec<String>,
    preview: Option<PreviewView>,
    uses: Vec<(Id, String, String)>,
    explanation: Option<ExplanationView>,
}

impl SegmentPage {
    /// Whether a subject of a row is none of those that can be chosen, such as a campaign.
    fn is_other(&self, subject: &str) -> bool {
        !subject.is_empty() && self.subjects.iter().all(|known| known.value != subject)
    }
}

/// What the expression selects.
struct PreviewView {
    count: Option<i64>,
    is_estimate: bool,
    sample: Vec<(Id, String)>,
}

/// Why a person is in the segment or not.
struct ExplanationView {
    included: bool,
    reachability: String,
    /// Each condition with its depth, whether it holds, and what the person has.
    lines: Vec<(usize, String, bool, String)>,
}

/// `GET /segments/edit?name=&q=`: a saved segment by its name, or an expression; with `rows` the rows of the form.
pub async fn edit(State(state): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let (name, query) = (params.get("name"), params.get("q"));
    let (mut expression, mut rows) = (query.to_owned(), None);
    if !params.get("rows").is_empty() {
        let given = segment_form::read(&params);
        expression = segment_rows::compose(&state.installation, &visit.actor, &given).await?;
        rows = Some(given);
    } else if query.is_empty() && !name.is_empty() {
        let all = segment::list(&state.installation, &visit.actor).await?.segments;
        let saved = all.into_iter().find(|segment| segment.segment == name);
        expression = saved.map(|segment| segment.expression).unwrap_or_default();
    }
    let form = Form::of([("name", name.to_owned()), ("expression", expression)]);
    let page = page(&state, visit, form, rows).await?;
    Ok(if page.form.mistake().is_some() { page.visit.refuse(&page) } else { page.visit.show(&page) })
}

/// `POST /segments/save`
pub async fn save(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let (name, expression) = (form.value("name"), form.value("expression"));
    match segment::save(&state.installation, &visit.actor, name, expression, false, |_, _| {}).await {
        Ok(_) => Ok(visit.go("segments", "saved")),
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let page = page(&state, visit, form, None).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `POST /segments/explain`: why the person with an address is in a saved segment or not. Posted, so that the address stands in
/// no URL.
pub async fn explain(State(state): State<Arc<DeskState>>, visit: Visit, form: Form) -> Result<Response, Refusal> {
    let name = form.value("name").to_owned();
    let all = segment::list(&state.installation, &visit.actor).await?.segments;
    let saved = all.into_iter().find(|segment| segment.segment == name).ok_or_else(Refusal::unknown)?;
    let address = form.value("address").to_owned();
    let filled = Form::of([("name", name.clone()), ("expression", saved.expression), ("address", address.clone())]);
    match segment::explain(&state.installation, &visit.actor, &name, &address).await {
        Ok(found) => {
            let explanation = explanation_view(&visit, &found);
            let page = SegmentPage { explanation: Some(explanation), ..page(&state, visit, filled, None).await? };
            Ok(page.visit.show(&page))
        }
        Err(error) => {
            let form = filled.refused(visit.frame.lang, error)?;
            let page = page(&state, visit, form, None).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

fn explanation_view(visit: &Visit, found: &Explanation) -> ExplanationView {
    let mut lines = Vec::new();
    if let Some(condition) = &found.conditions {
        outline(visit, condition, 0, &mut lines);
    }
    let reachability = match found.reachability.as_str() {
        "reachable" => visit.tr("desk-explain-reachable"),
        "unknown" => visit.tr("desk-explain-unknown"),
        "restricted" => visit.tr("desk-explain-restricted"),
        "bounced" => visit.tr("desk-explain-bounced"),
        _ => visit.tr("desk-explain-unlisted"),
    };
    ExplanationView { included: found.included, reachability, lines }
}

fn outline(visit: &Visit, condition: &Condition, depth: usize, lines: &mut Vec<(usize, String, bool, String)>) {
    let mut group = |key: &'static str, parts: &[Condition], holds: bool| {
        lines.push((depth, visit.tr(key), holds, String::new()));
        parts.iter().for_each(|part| outline(visit, part, depth + 1, lines));
    };
    match condition {
        Condition::All { all, holds } => group("desk-explain-all", all, *holds),
        Condition::Any { any, holds } => group("desk-explain-any", any, *holds),
        Condition::Not { not, holds } => group("desk-explain-not", std::slice::from_ref(not), *holds),
        Condition::Leaf { condition, holds, value } => {
            let value = value.clone().unwrap_or_else(|| visit.tr("desk-explain-no-value"));
            lines.push((depth, condition.clone(), *holds, value));
        }
    }
}

async fn page(state: &DeskState, visit: Visit, form: Form, rows: Option<Rows>) -> Result<SegmentPage, Refusal> {
    let (installation, actor) = (&state.installation, &visit.actor);
    let (fields, lists) = (field::list(installation, actor).await?, list::names(installation, actor).await?);
    let (mut form, mut rows, mut preview) = (form, rows, None);
    match form.given("expression").map(str::to_owned) {
        Some(expression) => match segment_preview::preview(installation, actor, &expression).await {
            Ok(found) => {
                let sample = found.sample.map(|sample| sample.contacts).unwrap_or_default();
                preview = Some(PreviewView {
                    count: found.count,
                    is_estimate: found.is_estimate,
                    sample: sample.into_iter().map(|one| (one.id, one.email)).collect(),
                });
                if rows.is_none() {
                    rows = Some(segment_rows::read(installation, actor, &expression).await?);
                }
            }
            Err(error) if form.mistake().is_none() => form = form.refused(visit.frame.lang, error)?,
            Err(_) => {}
        },
        None if rows.is_none() => {
            rows = Some(Rows { join: Join::All, groups: vec![Group { join: Join::All, rows: vec![Row::blank()] }] });
        }
        None => {}
    }
    let name = form.value("name").to_owned();
    let saved = segment::list(installation, actor).await?.segments.into_iter().any(|one| one.segment == name);
    let uses = if saved { segment_rows::list_uses(installation, actor, &name).await? } else { Vec::new() };
    Ok(SegmentPage {
        title: if saved { name } else { visit.tr("desk-segment") },
        is_saved: saved,
        subjects: segment_form::subjects(&visit, &fields, &lists),
        operators: segment_form::operators(&visit),
        rows,
        form,
        lists,
        preview,
        uses: uses.into_iter().map(|Use { id, campaign, state }| (id, campaign, visit.tr(state.key()))).collect(),
        explanation: None,
        visit,
    })
}
