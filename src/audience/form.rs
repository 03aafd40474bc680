//! Tables `form` and `form_count`: the forms by which people sign up, and what happened to each on each day, as counts.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, is_unique_violation};
use crate::infra::error::{Error, Message, Result};
use crate::infra::id::Id;

/// Characters that a name may have.
const MAX_NAME_CHARS: usize = 100;

/// A form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Primary key; also its address on the web.
    pub id: Id,
    /// The workspace.
    pub workspace: Id,
    /// Its name, for the staff.
    pub name: String,
    /// What it asks for.
    pub definition: Definition,
    /// When it was added.
    pub created_at: Millis,
}

/// What a form asks for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Definition {
    /// The heading.
    pub title: String,
    /// A sentence above the fields; may be empty.
    pub intro: String,
    /// The language of its pages and of its message.
    pub language: String,
    /// The sender of the message, as `Name <address>`; empty for that of the newest campaign.
    pub from: String,
    /// The relay of the message; one that takes the sender without it.
    pub relay: Option<String>,
    /// The boxes, each with the text that a person agrees to.
    pub boxes: Vec<ConsentBox>,
    /// The names of the fields that can be filled in.
    pub fields: Vec<String>,
}

/// A box that a person may tick. It is never ticked before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentBox {
    /// The list that it subscribes to; `None` for a purpose that concerns no list.
    pub list: Option<Id>,
    /// The purpose.
    pub purpose: String,
    /// The text that is agreed to.
    pub text: String,
    /// Whether the form is refused without it.
    pub required: bool,
}

crate::text_enum! {
    /// What is counted for a form.
    FormEvent {
        /// It was sent with a valid address.
        Posted = "posted",
        /// A message with the link was handed to a relay.
        Mailed = "mailed",
        /// The owner of the address pressed the button.
        Confirmed = "confirmed",
        /// The owner of the address said that it was not they who signed up.
        Refused = "refused",
    }
}

fn read(row: &AnyRow) -> Result<Form> {
    let id = row.cell(0)?;
    let broken =
        || Message::new("row-broken").with("table", "form").with("column", "definition").with("id", id).internal();
    Ok(Form {
        id,
        workspace: row.cell(1)?,
        name: row.cell(2)?,
        definition: serde_json::from_str(row.cell(3)?).map_err(|_| broken())?,
        created_at: row.cell(4)?,
    })
}

/// Adds a form.
///
/// # Errors
/// `Conflict` for a name that is taken.
pub async fn add(conn: &mut Conn, form: &Form) -> Result<()> {
    let name = form.name.trim();
    if name.is_empty() || name.chars().count() > MAX_NAME_CHARS || name.chars().any(super::address::is_hidden) {
        return Err(Message::new("form-name").with("limit", MAX_NAME_CHARS).invalid_field("name"));
    }
    let query = Query::new(
        "insert into form (id, workspace_id, name, definition, created_at)
         values (:id, :workspace, :name, :definition, :now)",
    );
    let added = query
        .bind("id", form.id)
        .bind("workspace", form.workspace)
        .bind("name", name)
        .bind("definition", text(&form.definition))
        .bind("now", form.created_at)
        .execute(conn)
        .await;
    match added {
        Err(Error::Db(error)) if is_unique_violation(&error) => {
            Err(Message::new("form-name-taken").with("name", name).conflict())
        }
        added => added.map(drop),
    }
}

/// Replaces what a form asks for.
pub async fn change(conn: &mut Conn, id: Id, definition: &Definition) -> Result<()> {
    let query = Query::new("update form set definition = :definition where id = :id");
    query.bind("definition", text(definition)).bind("id", id).execute(conn).await.map(drop)
}

/// Removes a form with its counts. Links that wait for their button are no longer valid.
pub async fn remove(conn: &mut Conn, id: Id) -> Result<()> {
    Query::new("delete from form_count where form_id = :id").bind("id", id).execute(&mut *conn).await?;
    Query::new("delete from form where id = :id").bind("id", id).execute(conn).await.map(drop)
}

/// Finds a form by key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<Form>> {
    let query = Query::new("select id, workspace_id, name, definition, created_at from form where id = :id");
    query.bind("id", id).fetch_optional(conn).await?.as_ref().map(read).transpose()
}

/// A form of a workspace by name or by key.
///
/// # Errors
/// `NotFound`, with the known names.
pub async fn need(conn: &mut Conn, workspace: Id, name: &str) -> Result<Form> {
    let forms = all(conn, workspace).await?;
    let known: Vec<String> = forms.iter().map(|form| form.name.clone()).collect();
    let found = forms.into_iter().find(|form| form.name == name || form.id.to_string() == name);
    let known = if known.is_empty() { "-".to_owned() } else { known.join(", ") };
    found.ok_or_else(|| Message::new("form-unknown").with("name", name).with("known", known).not_found())
}

/// All forms of a workspace, by name.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<Form>> {
    let query = Query::new(
        "select id, workspace_id, name, definition, created_at
           from form
          where workspace_id = :workspace
          order by name{bytewise}",
    );
    query.bind("workspace", workspace).fetch_all(conn).await?.iter().map(read).collect()
}

/// Counts one more event of a form on a day.
pub async fn count(conn: &mut Conn, form: Id, day: i64, event: FormEvent) -> Result<()> {
    let query = Query::new(
        "insert into form_count (form_id, day, kind, count)
         values (:form, :day, :kind, 1)
             on conflict (form_id, day, kind) do update set count = form_count.count + 1",
    );
    query.bind("form", form).bind("day", day).bind("kind", event.as_str()).execute(conn).await.map(drop)
}

/// The counts of a form by day, newest first: the events in the order of [`FormEvent::ALL`].
pub async fn counts(conn: &mut Conn, form: Id) -> Result<Vec<(i64, [i64; 4])>> {
    let query = Query::new("select day, kind, count from form_count where form_id = :form");
    let mut days: BTreeMap<i64, [i64; 4]> = BTreeMap::new();
    for row in query.bind("form", form).fetch_all(conn).await? {
        let kind: FormEvent = row.cell::<String>(1)?.parse()?;
        days.entry(row.cell(0)?).or_default()[kind as usize] = row.cell(2)?;
    }
    Ok(days.into_iter().rev().collect())
}

fn text(definition: &Definition) -> String {
    serde_json::to_string(definition).expect("texts and numbers always serialise")
}
