//! Table `contact`: a person in a workspace, with address and field values.
//!
//! Values are stored twice: as given (`fields`) and with texts in lower case (`folded`), so that both
//! databases compare them alike. Segments read further, derived columns (`derived_columns`).

use serde_json::{Map, Value, json};
use sqlx::any::AnyRow;

use super::address::Address;
use super::indexed_field;
use crate::infra::clock::Millis;
use crate::infra::db::json_rows::{column, whole};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;

mod bulk_insert;
mod canonical_form;
mod derived_columns;
mod field_values;
mod measured;
mod page;

pub use bulk_insert::{ContactRow, NewContactIds, copy_in, insert_subscribed};
pub use canonical_form::{Outdated, find_outdated, set_canonical};
pub use derived_columns::{
    backfill, create_activity_index, create_index, create_index_of_name, drop_index, lock, recompute_activity,
    recompute_reachable, record_activity,
};
pub use field_values::{copy_value, count_with_value, remove_value};
pub use measured::{count_measured, count_measured_under, is_measured, measured, set_measured};
pub use page::{Order, Page, find_of_workspace, list_page, page};

/// Field values by field name.
pub type Values = Map<String, Value>;

/// A person in a workspace.
#[derive(Debug, Clone)]
pub struct Contact {
    /// Primary key.
    pub id: Id,
    /// The address as the person spells it.
    pub address: Address,
    /// The field values.
    pub values: Values,
    /// When the contact was added.
    pub created_at: Millis,
    /// When address or values last changed.
    pub updated_at: Millis,
}

/// A contact to insert, or the new content of one to update.
#[derive(Debug, Clone)]
pub struct NewContact {
    /// Primary key.
    pub id: Id,
    /// The address.
    pub address: Address,
    /// The field values.
    pub values: Values,
}

/// Reads a contact from columns `id, address, fields, created_at, updated_at`. An address that only an earlier version
/// accepted is no error: one such row must not stop an import or a page.
pub fn read(row: &AnyRow) -> Result<Contact> {
    let id = row.cell(0)?;
    let broken = |column: &str| {
        Message::new("row-broken").with("table", "contact").with("column", column).with("id", id).internal()
    };
    Ok(Contact {
        id,
        address: Address::parse_stored(row.cell(1)?),
        values: serde_json::from_str(row.cell(2)?).map_err(|_| broken("fields"))?,
        created_at: row.cell(3)?,
        updated_at: row.cell(4)?,
    })
}

/// The text values in lower case: segments compare these.
pub fn fold(values: &Values) -> Values {
    let folded = |value: &Value| value.as_str().map(|text| Value::from(text.to_lowercase()));
    values.iter().filter_map(|(name, value)| Some((name.clone(), folded(value)?))).collect()
}

/// The canonical addresses of the contacts of a workspace.
pub async fn canonical_of_workspace(conn: &mut Conn, workspace: Id) -> Result<Vec<String>> {
    let query = Query::new("select canonical from contact where workspace_id = :workspace");
    query.bind("workspace", workspace).fetch_all(conn).await?.iter().map(|row| row.cell(0)).collect()
}

/// Finds a contact by the canonical form of an address.
pub async fn find(conn: &mut Conn, workspace: Id, address: &Address) -> Result<Option<Contact>> {
    let query = Query::new(
        "select id, address, fields, created_at, updated_at
           from contact
          where workspace_id = :workspace and canonical = :canonical",
    );
    let row = query.bind("workspace", workspace).bind("canonical", address.canonical()).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Finds a contact by key.
pub async fn get(conn: &mut Conn, id: Id) -> Result<Option<Contact>> {
    let query = Query::new("select id, address, fields, created_at, updated_at from contact where id = :id");
    let row = query.bind("id", id).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Finds a contact of a workspace by key.
pub async fn get_of_workspace(conn: &mut Conn, workspace: Id, id: Id) -> Result<Option<Contact>> {
    let query = Query::new(
        "select id, address, fields, created_at, updated_at
           from contact
          where id = :id and workspace_id = :workspace",
    );
    let row = query.bind("id", id).bind("workspace", workspace).fetch_optional(conn).await?;
    row.as_ref().map(read).transpose()
}

/// Up to `limit` contacts whose address or a text value contains `text`, in any case.
pub async fn search(conn: &mut Conn, workspace: Id, text: &str, limit: i64) -> Result<Vec<Contact>> {
    let plain = text.to_lowercase().replace('\\', "\\\\").replace('%', "\\%").replace('_', "\\_");
    let query = Query::new(
        "select id, address, fields, created_at, updated_at
           from contact
          where workspace_id = :workspace
            and (canonical like :pattern escape '\\' or folded like :pattern escape '\\')
          order by id
          limit :limit",
    );
    let query = query.bind("workspace", workspace).bind("pattern", format!("%{plain}%"));
    query.bind("limit", limit).fetch_all(conn).await?.iter().map(read).collect()
}

/// Number of contacts of a workspace.
pub async fn count(conn: &mut Conn, workspace: Id) -> Result<i64> {
    let query = Query::new("select count(*) from contact where workspace_id = :workspace");
    let row = query.bind("workspace", workspace).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Number of contacts of all workspaces.
pub async fn count_all(conn: &mut Conn) -> Result<i64> {
    let row = Query::new("select count(*) from contact").fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

/// Finds contacts by the canonical forms of their addresses; in no particular order.
pub async fn find_many(
    conn: &mut Conn,
    workspace: Id,
    canonical: &[impl AsRef<str> + serde::Serialize],
) -> Result<Vec<Contact>> {
    let texts = || canonical.iter().map(AsRef::as_ref);
    let (Some(first), Some(last)) = (texts().min(), texts().max()) else { return Ok(Vec::new()) };
    // An import of new contacts in order of addresses ends here: one look into the index for the whole slice.
    let any = Query::new(
        "select 1
           from contact
          where workspace_id = :workspace and canonical >= :first and canonical <= :last
          limit 1",
    );
    let any = any.bind("workspace", workspace).bind("first", first).bind("last", last);
    if any.fetch_optional(conn).await?.is_none() {
        return Ok(Vec::new());
    }
    let query = Query::new(
        "select id, address, fields, created_at, updated_at
           from contact
          where workspace_id = :workspace and canonical in :canonical",
    );
    let rows = query.bind("workspace", workspace).bind_texts("canonical", canonical).fetch_all(conn).await?;
    rows.iter().map(read).collect()
}

/// Inserts contacts whose addresses the workspace does not have yet. They are not reachable until they
/// join a list.
pub async fn insert(conn: &mut Conn, workspace: Id, contacts: &[NewContact], now: Millis) -> Result<()> {
    let rows: Vec<_> = contacts.iter().map(row).collect();
    bulk_insert::insert_rows(conn, workspace, &rows, false, now).await
}

/// Replaces the address spelling and the values of existing contacts.
pub async fn update(conn: &mut Conn, workspace: Id, contacts: &[NewContact], now: Millis) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let indexed = indexed_field::list_writable(conn, workspace).await?;
    let rows: Vec<_> = contacts.iter().map(row).collect();
    let query = Query::new(
        "update contact
            set updated_at = :now, address = {address}, canonical = {canonical}, fields = {fields}, folded = {folded}{indexed_columns}
           from :rows as given
          where contact.id = {id}",
    );
    query
        .bind("now", now)
        .bind_rows("rows", &rows)
        .fragment("id", whole(0))
        .fragment("address", column(1))
        .fragment("canonical", column(2))
        .fragment("fields", column(3))
        .fragment("folded", column(4))
        .fragment("indexed_columns", derived_columns::assignments(", ", &indexed, &column(3), &column(4)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Replaces the values of existing contacts. Their addresses are not written again, nor is the index of addresses.
pub async fn update_values(conn: &mut Conn, workspace: Id, contacts: &[(Id, Values)], now: Millis) -> Result<()> {
    if contacts.is_empty() {
        return Ok(());
    }
    let indexed = indexed_field::list_writable(conn, workspace).await?;
    let rows: Vec<_> = contacts.iter().map(|(id, values)| json!([id, text(values), text(&fold(values))])).collect();
    let query = Query::new(
        "update contact
            set updated_at = :now, fields = {fields}, folded = {folded}{indexed_columns}
           from :rows as given
          where contact.id = {id}",
    );
    query
        .bind("now", now)
        .bind_rows("rows", &rows)
        .fragment("id", whole(0))
        .fragment("fields", column(1))
        .fragment("folded", column(2))
        .fragment("indexed_columns", derived_columns::assignments(", ", &indexed, &column(1), &column(2)))
        .execute(conn)
        .await?;
    Ok(())
}

/// Key, address, canonical form, values and folded values, as the columns hold them.
fn row(contact: &NewContact) -> Value {
    let address = &contact.address;
    json!([contact.id, address.expose(), address.canonical(), text(&contact.values), text(&fold(&contact.values))])
}

/// Locks these contacts against change and removal until the transaction ends. Returns those that
/// still exist and when each was last updated.
pub async fn lock_existing(conn: &mut Conn, ids: &[Id]) -> Result<Vec<(Id, Millis)>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let query = Query::new("select id, updated_at from contact where id in :ids order by id{for_update}");
    query.bind_ids("ids", ids).fetch_json(conn, "id, updated_at").await
}

/// Deletes contacts. The caller deletes what refers to them in the same transaction.
pub async fn forget(conn: &mut Conn, ids: &[Id]) -> Result<()> {
    Query::new("delete from contact where id in :ids").bind_ids("ids", ids).execute(conn).await?;
    Ok(())
}

/// Refuses an address that another contact than `but` has.
pub async fn ensure_free(conn: &mut Conn, workspace: Id, address: &Address, but: Id) -> Result<()> {
    match find(conn, workspace, address).await? {
        Some(other) if other.id != but => Err(Message::new("contact-exists").with("address", address).conflict()),
        _ => Ok(()),
    }
}

fn text(values: &Values) -> String {
    serde_json::to_string(values).expect("a map of values always serialises")
}
