//! Pages of an import: choose a file and a list; see how the file was read and what it would do, answer what it asks; import.
//! The page of an import can be left: it shows how far it is, and later what it did.

use std::io::Write;
use std::sync::Arc;

use askama::Template;
use axum::extract::{Multipart, State};
use axum::http::StatusCode;
use axum::http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

use super::people::bases;
use super::visit::{Key, Params, Visit};
use super::{DeskState, Progress, exports};
use crate::audience::import::{self, ImportProgress, Phase, Summary};
use crate::infra::error::{Error, Message};
use crate::infra::id::Id;
use crate::usecase::field::{self, FieldRow};
use crate::usecase::import_upload::{self, COLUMN, Upload};
use crate::usecase::{Action, list};
use crate::web::form::Form;
use crate::web::refusal::Refusal;

/// The largest file, in bytes.
pub const FILE_LIMIT: usize = 4 * 1024 * 1024 * 1024;

#[derive(Template)]
#[template(path = "desk/import_new.html")]
struct NewPage {
    visit: Visit,
    title: String,
    form: Form,
    lists: Vec<String>,
}

#[derive(Template)]
#[template(path = "desk/import.html")]
struct ImportPage {
    visit: Visit,
    title: String,
    id: Id,
    upload: Upload,
    form: Form,
    fields: Vec<FieldRow>,
    bases: Vec<(&'static str, String)>,
    working: Option<Progress>,
    found: Option<Found>,
    /// Whether it brought people who can be removed again.
    can_be_undone: bool,
    /// What the import did, by the names of the counts.
    done: Vec<(String, String)>,
}

impl ImportPage {
    /// Whether the target of a column is a field.
    fn is_field(&self, target: &str) -> bool {
        self.fields.iter().any(|field| field.name == target)
    }

    /// The words of the button, with the number of people.
    fn button(&self, people: &i64) -> String {
        self.visit.say(&Message::new("desk-import-button").with("count", people))
    }
}

/// What an import of the file would do.
struct Found {
    notices: Vec<String>,
    encoding: String,
    columns: Vec<Column>,
    people: Vec<(String, String)>,
    counts: Vec<(String, i64)>,
    /// People who would join the list.
    joining: i64,
}

/// A column of the file, and what it fills.
struct Column {
    number: usize,
    name: String,
    target: String,
    /// The first different values.
    samples: Vec<String>,
}

/// `GET /people/import?list=`
pub async fn begin(State(desk): State<Arc<DeskState>>, visit: Visit, params: Params) -> Result<Response, Refusal> {
    let page = new_page(&desk, visit, Form::of([("list", params.get("list").to_owned())])).await?;
    Ok(page.visit.show(&page))
}

async fn new_page(desk: &DeskState, visit: Visit, form: Form) -> Result<NewPage, Refusal> {
    let lists = list::names(&desk.installation, &visit.actor).await?;
    Ok(NewPage { title: visit.tr("desk-import"), form, lists, visit })
}

/// `POST /people/import`: takes the file, part by part, and leads to the page of the import.
pub async fn upload(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    mut parts: Multipart,
) -> Result<Response, Refusal> {
    let broken = |_| Refusal::new(StatusCode::BAD_REQUEST, "desk-import-broken");
    let (mut chosen, mut begun) = (String::new(), None);
    while let Some(mut part) = parts.next_field().await.map_err(broken)? {
        match part.name() {
            Some("list") => chosen = part.text().await.map_err(broken)?,
            Some("file") => {
                let name = part.file_name().unwrap_or_default().to_owned();
                let mut new = import_upload::begin(&desk.installation, &visit.actor, &name, &chosen).await?;
                let mut length = 0;
                while let Some(chunk) = part.chunk().await.map_err(broken)? {
                    length += chunk.len();
                    new.file.write_all(&chunk).map_err(|error| Refusal::from(Error::io("upload")(error)))?;
                }
                if length > 0 {
                    begun = Some(new.id);
                }
            }
            _ => {}
        }
    }
    match begun {
        Some(id) => Ok(visit.go(&format!("imports/{id}"), "")),
        None => {
            let error = Message::new("desk-import-no-file").invalid_field("file");
            let form = Form::of([("list", chosen)]).refused(visit.frame.lang, error)?;
            let page = new_page(&desk, visit, form).await?;
            Ok(page.visit.refuse(&page))
        }
    }
}

/// `GET /imports/{id}`
pub async fn read(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let upload = import_upload::read(&desk.installation, &visit.actor, id).await?;
    let page = page(&desk, visit, id, upload, Form::default()).await?;
    Ok(page.visit.show(&page))
}

/// `POST /imports/{id}`: stores the answers; with `import` the import is begun.
pub async fn answer(
    State(desk): State<Arc<DeskState>>,
    visit: Visit,
    Key(id): Key,
    form: Form,
) -> Result<Response, Refusal> {
    let answers = answers(&form);
    let stored = import_upload::answer(&desk.installation, &visit.actor, id, answers).await;
    let upload = match stored {
        Ok(upload) => upload,
        Err(error) => {
            let form = form.refused(visit.frame.lang, error)?;
            let upload = import_upload::read(&desk.installation, &visit.actor, id).await?;
            let page = page(&desk, visit, id, upload, form).await?;
            return Ok(page.visit.refuse(&page));
        }
    };
    desk.rehearsals.forget(id);
    if !form.has("import") {
        return Ok(visit.go(&format!("imports/{id}"), ""));
    }
    let (installation, actor, lang) = (desk.installation.clone(), visit.actor, visit.frame.lang);
    let job = desk.imports.run(id, |job| async move {
        let mut progress = |progress| report(&job, progress);
        import_upload::run(&installation, &actor, id, lang, &mut progress).await.map(|imported| imported.0)
    });
    let job = job.await;
    if let Some(Err(message)) = job.result() {
        let form = form.refused(visit.frame.lang, message.clone().conflict())?;
        desk.imports.forget(id);
        let page = page(&desk, visit, id, upload, form).await?;
        return Ok(page.visit.refuse(&page));
    }
    desk.notify_erased();
    Ok(visit.go(&format!("imports/{id}"), ""))
}

/// `GET /imports/{id}/rejects.csv`
pub async fn rejects(State(desk): State<Arc<DeskState>>, visit: Visit, Key(id): Key) -> Result<Response, Refusal> {
    let file = import_upload::rejects(&desk.installation, &visit.actor, id).await?.ok_or_else(Refusal::unknown)?;
    let headers = [(CONTENT_TYPE, "text/csv"), (CONTENT_DISPOSITION, "attachment; filename=\"rejects.csv\"")];
    Ok((headers, exports::body(file)).into_response())
}

/// The answers of the form: those of the page, and what each column fills.
fn answers(form: &Form) -> Vec<(String, String)> {
    const PLAIN: [&str; 10] =
        ["basis", "source", "proof", "date", "encoding", "delimiter", "dates", "years", "numbers", "statuses"];
    let plain = PLAIN.iter().filter(|name| form.has(name));
    let mut answers: Vec<_> = plain.map(|name| ((*name).to_owned(), form.value(name).to_owned())).collect();
    if form.has("answers") {
        answers.push(("no-header".to_owned(), form.value("no-header").to_owned()));
    }
    for (number, target) in form.with_prefix(COLUMN) {
        let name = form.value(&format!("name-{number}"));
        let target = match target.strip_prefix("new:") {
            Some(kind) => format!("new:{kind}:{}", field_name(name)),
            None => target.to_owned(),
        };
        answers.push((format!("{COLUMN}{number}"), target));
    }
    answers
}

/// The name of a column as that of a field.
fn field_name(column: &str) -> String {
    let word = |c: char| if c.is_alphanumeric() { c.to_ascii_lowercase() } else { '_' };
    column.trim().chars().map(word).collect::<String>().trim_matches('_').to_owned()
}

fn report<T>(job: &super::job::Job<T>, progress: ImportProgress) {
    match progress.phase {
        Phase::Reading => job.set_progress(progress.bytes_read / 2, progress.bytes_total),
        // The second pass is the second half.
        Phase::Merging => job.set_progress(progress.rows_total + progress.rows, 2 * progress.rows_total),
    }
}

async fn page(desk: &DeskState, visit: Visit, id: Id, upload: Upload, form: Form) -> Result<ImportPage, Refusal> {
    let running = desk.imports.find(id).filter(|job| job.result().is_none());
    let mut working = running.map(|job| Progress::of(job.progress()));
    let (mut form, mut found) = (form, None);
    if working.is_none() && upload.summary.is_none() {
        let (installation, actor, lang) = (desk.installation.clone(), visit.actor, visit.frame.lang);
        let known = desk.rehearsals.find(id);
        let job = match known {
            Some(job) => job,
            None => {
                let rehearsal = |job: Arc<super::job::Job<Summary>>| async move {
                    let mut progress = |progress| report(&job, progress);
                    let done = import_upload::rehearse(&installation, &actor, id, lang, &mut progress).await?;
                    Ok(done.0)
                };
                desk.rehearsals.run(id, rehearsal).await
            }
        };
        match job.result() {
            None => working = Some(Progress::of(job.progress())),
            Some(Ok(summary)) => found = Some(found_view(&visit, summary)),
            Some(Err(message)) if form.mistake().is_none() => {
                form = form.refused(visit.frame.lang, message.clone().conflict())?;
            }
            Some(Err(_)) => {}
        }
    }
    Ok(ImportPage {
        title: visit.say(&Message::new("desk-import-title").with("file", &upload.name)),
        id,
        fields: field::list(&desk.installation, &visit.actor).await?,
        bases: bases(&visit),
        working,
        found,
        can_be_undone: import_upload::can_be_undone(&upload, desk.installation.clock.now()),
        done: upload.summary.as_ref().map(|summary| done_view(&visit, summary)).unwrap_or_default(),
        upload,
        form,
        visit,
    })
}

fn found_view(visit: &Visit, summary: &Summary) -> Found {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    let person = |person: &Value| {
        let fields = person["fields"].as_object().into_iter().flatten();
        let fields: Vec<_> = fields.map(|(name, value)| format!("{name}: {}", text(value))).collect();
        (text(&person["email"]), fields.join(", "))
    };
    let column = |(at, (name, target)): (usize, &(String, String))| Column {
        number: at + 1,
        name: name.clone(),
        target: target.clone(),
        samples: summary.samples.get(at).cloned().unwrap_or_default(),
    };
    let counts = [
        ("import-new", summary.new),
        ("import-updated", summary.updated),
        ("import-unchanged", summary.unchanged),
        ("import-duplicates", summary.duplicates),
        ("import-tombstoned", summary.tombstoned),
        ("import-suppressed", summary.suppressed.total()),
        ("import-not-mailed", summary.not_mailed),
    ];
    let reasons = summary.invalid.iter().map(|(reason, count)| (import::explain(reason, visit.frame.lang), *count));
    let counts = counts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| (visit.tr(key), count));
    Found {
        notices: summary.notices.iter().map(|notice| visit.say(notice)).collect(),
        encoding: summary.encoding.clone(),
        columns: summary.columns.iter().enumerate().map(column).collect(),
        people: summary.people.iter().map(person).collect(),
        counts: counts.chain(reasons).collect(),
        joining: summary.new + summary.updated,
    }
}

/// What an import did, from its stored summary.
fn done_view(visit: &Visit, summary: &Value) -> Vec<(String, String)> {
    let counts = [
        ("new", "import-new"),
        ("updated", "import-updated"),
        ("unchanged", "import-unchanged"),
        ("duplicates", "import-duplicates"),
        ("tombstoned", "import-tombstoned"),
        ("suppressed", "import-suppressed"),
        ("not_mailed", "import-not-mailed"),
        ("invalid", "import-invalid"),
    ];
    let shown = counts.iter().filter_map(|(name, key)| {
        let count = summary.get(name).and_then(Value::as_i64).filter(|count| *count > 0)?;
        Some((visit.tr(key), count.to_string()))
    });
    shown.collect()
}
