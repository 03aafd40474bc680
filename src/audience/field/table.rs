//! Table `field`: the declared fields of a workspace with their labels.

use super::{Field, check_name};
use crate::audience::address::is_hidden;
use crate::infra::db::{Cells, Conn, Query, is_unique_violation, lock_configuration};
use crate::infra::error::{Error, Message, Result};
use crate::infra::i18n::Lang;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// Characters that a label may have.
const MAX_LABEL_CHARS: usize = 60;

/// Declares a field; the same declaration again changes nothing. Columns of a file match fields in any
/// case, so two names that differ only in case are refused.
pub async fn add(installation: &Installation, workspace: Id, field: &Field) -> Result<()> {
    let mut tx = installation.db.write().await?;
    lock_configuration(&mut tx).await?;
    let known = all(&mut tx, workspace).await?;
    refuse_twin(known.iter(), &field.name)?;
    let insert = Query::new(
        "insert into field (id, workspace_id, name, kind, choices, created_at)
         values (:id, :workspace, :name, :kind, :choices, :now)",
    );
    let inserted = insert
        .bind("id", installation.ids.next()?)
        .bind("workspace", workspace)
        .bind("name", &field.name)
        .bind("kind", field.kind.as_str())
        .bind("choices", serde_json::to_string(&field.choices).expect("texts always serialise"))
        .bind("now", installation.clock.now())
        .execute(&mut tx)
        .await;
    match inserted {
        Ok(_) => tx.commit().await,
        Err(Error::Db(error)) if is_unique_violation(&error) => {
            drop(tx);
            let known = all(&mut *installation.db.read().await?, workspace).await?;
            let is_same =
                |one: &Field| (&one.name, one.kind, &one.choices) == (&field.name, field.kind, &field.choices);
            if known.iter().any(is_same) {
                return Ok(());
            }
            Err(Message::new("field-exists").with("name", &field.name).conflict())
        }
        Err(error) => Err(error),
    }
}

/// Refuses a name that differs from another field's only in upper and lower case.
fn refuse_twin<'f>(mut others: impl Iterator<Item = &'f Field>, name: &str) -> Result<()> {
    let lower = name.to_lowercase();
    match others.find(|other| other.name != name && other.name.to_lowercase() == lower) {
        Some(twin) => Err(Message::new("field-twin").with("name", name).with("twin", &twin.name).conflict()),
        None => Ok(()),
    }
}

/// The declared fields of a workspace in the order of declaration.
pub async fn all(conn: &mut Conn, workspace: Id) -> Result<Vec<Field>> {
    select(conn, Query::new("where workspace_id = :workspace order by id").bind("workspace", workspace)).await
}

/// [`all`], and none is renamed or removed until the transaction ends.
pub async fn all_locked(conn: &mut Conn, workspace: Id) -> Result<Vec<Field>> {
    let which = Query::new("where workspace_id = :workspace order by id{for_share}");
    select(conn, which.bind("workspace", workspace)).await
}

/// Locks the fields until the transaction ends: those who write values wait, and so does this for those who have begun.
pub async fn lock_all(conn: &mut Conn, workspace: Id) -> Result<()> {
    let which = Query::new("where workspace_id = :workspace order by id{for_update}");
    select(conn, which.bind("workspace", workspace)).await.map(drop)
}

async fn select(conn: &mut Conn, which: Query) -> Result<Vec<Field>> {
    let query = Query::new("select id, name, kind, choices, labels from field {which}");
    let rows = query.fragment("which", which).fetch_all(conn).await?;
    rows.iter()
        .map(|row| {
            let id: Id = row.cell(0)?;
            let broken = |column: &'static str| {
                let message = Message::new("row-broken").with("table", "field").with("column", column);
                message.with("id", id).internal()
            };
            Ok(Field {
                name: row.cell(1)?,
                kind: row.cell::<String>(2)?.parse()?,
                choices: serde_json::from_str(row.cell(3)?).map_err(|_| broken("choices"))?,
                labels: serde_json::from_str(row.cell(4)?).map_err(|_| broken("labels"))?,
            })
        })
        .collect()
}

/// The declared field of a name; the error for an unknown name lists the known ones.
pub async fn need(conn: &mut Conn, workspace: Id, name: &str) -> Result<Field> {
    let fields = all(conn, workspace).await?;
    fields.iter().find(|field| field.name == name).cloned().ok_or_else(|| {
        let known: Vec<_> = fields.iter().map(|field| field.name.as_str()).collect();
        let known = if known.is_empty() { "—".to_owned() } else { known.join(", ") };
        Message::new("field-unknown").with("name", name).with("known", known).not_found()
    })
}

/// Checks the new name of a field before it is given.
///
/// # Errors
///
/// `Invalid` for a name that no field may have; `Conflict` when another field has it.
pub async fn check_new_name<'n>(conn: &mut Conn, workspace: Id, name: &str, new: &'n str) -> Result<&'n str> {
    let new = check_name(new)?;
    let others = all(conn, workspace).await?;
    let mut others = others.iter().filter(|other| other.name != name);
    refuse_twin(others.clone(), new)?;
    match others.any(|other| other.name == new) {
        true => Err(Message::new("field-name-taken").with("name", new).conflict()),
        false => Ok(new),
    }
}

/// Gives a field another name, which was checked. The caller moves the values and changes what names the field.
pub async fn rename(conn: &mut Conn, workspace: Id, name: &str, new: &str) -> Result<()> {
    let query = Query::new("update field set name = :new where workspace_id = :workspace and name = :name");
    query.bind("new", new).bind("workspace", workspace).bind("name", name).execute(conn).await.map(drop)
}

/// Removes the declaration of a field. The caller removes the values. Returns false when there was none.
pub async fn remove(conn: &mut Conn, workspace: Id, name: &str) -> Result<bool> {
    let query = Query::new("delete from field where workspace_id = :workspace and name = :name");
    Ok(query.bind("workspace", workspace).bind("name", name).execute(conn).await? > 0)
}

/// Sets what recipients' pages call a field in these languages; a blank text takes the label away. Returns the field.
pub async fn set_labels(conn: &mut Conn, workspace: Id, name: &str, labels: &[(Lang, String)]) -> Result<Field> {
    let mut field = need(conn, workspace, name).await?;
    for (lang, text) in labels {
        let text = text.trim();
        if text.chars().count() > MAX_LABEL_CHARS || text.chars().any(is_hidden) {
            let message = Message::new("field-label").with("limit", MAX_LABEL_CHARS).with("lang", lang);
            return Err(message.invalid_field("label"));
        }
        match text {
            "" => drop(field.labels.remove(lang.as_str())),
            text => drop(field.labels.insert(lang.as_str().to_owned(), text.to_owned())),
        }
    }
    let query = Query::new("update field set labels = :labels where workspace_id = :workspace and name = :name");
    query
        .bind("labels", serde_json::to_string(&field.labels).expect("texts always serialise"))
        .bind("workspace", workspace)
        .bind("name", name)
        .execute(conn)
        .await?;
    Ok(field)
}
