//! Table `mailed_link`: something that waits until a person presses the button behind a link that was mailed to their address: a
//! sign-up, a way to their preferences, a copy of their data for another organisation.
//!
//! The address stands there only as a keyed digest, and the content is encrypted with a key of the installation. A row is
//! deleted when the button is pressed, when it expires, and when the address is erased.

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::address::Address;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Message, Result};
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;

/// Times that a message is tried.
const MAX_ATTEMPTS: i64 = 5;
/// How long after a failed attempt the next one comes.
const RETRY_AFTER: Millis = 5 * 60 * 1_000;
/// How long a process may take to send a message before it counts as killed and another one sends it.
const TAKEN_FOR: Millis = 15 * 60 * 1_000;

crate::text_enum! {
    /// What waits for the button.
    LinkKind {
        /// A sign-up by a form.
        SignUp = "sign_up",
        /// A way to one's preferences.
        Preferences = "preferences",
        /// A copy of one's data that another organisation may fetch once.
        HandOver = "hand_over",
        /// The confirmation that a request comes from the owner of the address.
        Identity = "identity",
    }
}

/// A link to store.
#[derive(Debug)]
pub struct NewLink<'a> {
    /// What waits.
    pub kind: LinkKind,
    /// The workspace; 0 for a link that may concern several.
    pub workspace: Id,
    /// The form, or 0.
    pub form: Id,
    /// The address.
    pub address: &'a Address,
    /// The content, as JSON.
    pub content: String,
    /// How long it is valid.
    pub lifetime: Millis,
    /// Whether a message with the link is to be sent.
    pub is_mailed: bool,
}

/// A stored link. Has no `Debug`, since its content names a person.
#[derive(Clone)]
pub struct MailedLink {
    /// Primary key.
    pub id: Id,
    /// The workspace, or 0.
    pub workspace: Id,
    /// The form, or 0.
    pub form: Id,
    /// What waits.
    pub kind: LinkKind,
    /// The content, as JSON.
    pub content: String,
    /// When it was stored.
    pub created_at: Millis,
    /// Attempts to send its message.
    pub attempts: i64,
}

/// What the token in the link holds.
#[derive(Serialize, Deserialize)]
struct Token {
    purpose: String,
    id: Id,
}

/// Stores a link. Returns its key.
pub async fn insert(installation: &Installation, conn: &mut Conn, new: &NewLink<'_>) -> Result<Id> {
    let (id, now) = (installation.ids.next()?, installation.clock.now());
    let query = Query::new(
        "insert into mailed_link (id, workspace_id, form_id, kind, lookup, content, created_at, expires_at, due_at, attempts)
         values (:id, :workspace, :form, :kind, :lookup, :content, :now, :expires_at, :due_at, 0)",
    );
    query
        .bind("id", id)
        .bind("workspace", new.workspace)
        .bind("form", new.form)
        .bind("kind", new.kind.as_str())
        .bind("lookup", lookup(&installation.keys, &new.address.canonical()))
        .bind("content", STANDARD.encode(installation.keys.seal(&new.content)))
        .bind("now", now)
        .bind("expires_at", now + new.lifetime)
        .bind("due_at", new.is_mailed.then_some(now))
        .execute(conn)
        .await?;
    Ok(id)
}

/// The token of a link, for its address on the web.
pub fn token(keys: &Keyring, kind: LinkKind, id: Id) -> String {
    let token = Token { purpose: format!("link {kind}"), id };
    let text = serde_json::to_string(&token).expect("numbers and texts always serialise");
    URL_SAFE_NO_PAD.encode(keys.seal(&text))
}

/// The link that a token names; `None` for a forged, used or expired one.
pub async fn open(
    installation: &Installation,
    conn: &mut Conn,
    kind: LinkKind,
    token: &str,
) -> Result<Option<MailedLink>> {
    let opened = URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| installation.keys.open(&bytes));
    let opened = opened.and_then(|text| serde_json::from_str::<Token>(&text).ok());
    let Some(token) = opened.filter(|token| token.purpose == format!("link {kind}")) else { return Ok(None) };
    let query = Query::new(
        "select id, workspace_id, form_id, kind, content, created_at, attempts
           from mailed_link
          where id = :id and expires_at > :now",
    );
    let row = query.bind("id", token.id).bind("now", installation.clock.now()).fetch_optional(conn).await?;
    row.map(|row| read(&installation.keys, &row)).transpose()
}

fn read(keys: &Keyring, row: &AnyRow) -> Result<MailedLink> {
    let id = row.cell(0)?;
    let broken = || Message::new("row-broken").with("table", "mailed_link").with("column", "content").with("id", id);
    let content = STANDARD.decode(row.cell::<String>(4)?).ok().and_then(|bytes| keys.open(&bytes));
    Ok(MailedLink {
        id,
        workspace: row.cell(1)?,
        form: row.cell(2)?,
        kind: row.cell::<String>(3)?.parse()?,
        content: content.ok_or_else(|| broken().internal())?,
        created_at: row.cell(5)?,
        attempts: row.cell(6)?,
    })
}

/// Takes the next message that is due, so that no other process sends it too; `None` when nothing is due. It is due again later,
/// in case this process is killed before [`set_sent`] or [`retry`], until it was tried five times.
pub async fn take_due(installation: &Installation, conn: &mut Conn) -> Result<Option<MailedLink>> {
    let now = installation.clock.now();
    let query = Query::new(
        "select id, workspace_id, form_id, kind, content, created_at, attempts
           from mailed_link
          where due_at <= :now and expires_at > :now and attempts < :most
          order by due_at, id
          limit 1{for_update_skip_locked}",
    );
    let query = query.bind("now", now).bind("most", MAX_ATTEMPTS);
    let Some(row) = query.fetch_optional(conn).await? else { return Ok(None) };
    let id: Id = row.cell(0)?;
    Query::new("update mailed_link set due_at = :again_at, attempts = attempts + 1 where id = :id")
        .bind("again_at", now + TAKEN_FOR)
        .bind("id", id)
        .execute(conn)
        .await?;
    read(&installation.keys, &row).map(Some)
}

/// Whether any message is due.
pub async fn is_due(conn: &mut Conn, now: Millis) -> Result<bool> {
    let query = Query::new("select 1 from mailed_link where due_at <= :now and attempts < :most limit 1");
    Ok(query.bind("now", now).bind("most", MAX_ATTEMPTS).fetch_optional(conn).await?.is_some())
}

/// Lets a message that was not sent be tried again, unless it was tried often enough.
pub async fn retry(conn: &mut Conn, link: &MailedLink, now: Millis) -> Result<()> {
    let again = link.attempts + 1 < MAX_ATTEMPTS;
    set_due(conn, link, again.then_some(now + RETRY_AFTER * (link.attempts + 1))).await
}

/// Records that a relay has taken the message.
pub async fn set_sent(conn: &mut Conn, link: &MailedLink) -> Result<()> {
    set_due(conn, link, None).await
}

/// Sets when the message of an attempt is due again, unless another process has taken it since.
async fn set_due(conn: &mut Conn, link: &MailedLink, due_at: Option<Millis>) -> Result<()> {
    let query = Query::new("update mailed_link set due_at = :due_at where id = :id and attempts = :attempts");
    let query = query.bind("due_at", due_at).bind("id", link.id).bind("attempts", link.attempts + 1);
    query.execute(conn).await.map(drop)
}

/// Deletes a link. Returns false when it was used or deleted before.
pub async fn remove(conn: &mut Conn, id: Id) -> Result<bool> {
    Ok(Query::new("delete from mailed_link where id = :id").bind("id", id).execute(conn).await? > 0)
}

/// Deletes the links that have expired. Returns their number.
pub async fn expire(conn: &mut Conn, now: Millis) -> Result<u64> {
    Query::new("delete from mailed_link where expires_at <= :now").bind("now", now).execute(conn).await
}

/// Deletes the links of addresses, given in canonical form, that are erased from a workspace; of addresses that leave one list
/// their sign-ups alone.
pub async fn forget(
    conn: &mut Conn,
    keys: &Keyring,
    workspace: Id,
    canonical: &[impl AsRef<str>],
    all: bool,
) -> Result<()> {
    let lookups: Vec<String> = canonical.iter().map(|text| lookup(keys, text.as_ref())).collect();
    let query = Query::new(
        "delete from mailed_link
          where lookup in :lookups and workspace_id in (0, :workspace) and {kind}",
    );
    let query = query.fragment("kind", if all { "1 = 1" } else { "kind = 'sign_up'" });
    query.bind_texts("lookups", &lookups).bind("workspace", workspace).execute(conn).await.map(drop)
}

/// What waits for an address in a workspace: kind, when it was stored, and until when it is valid.
pub async fn of_address(
    conn: &mut Conn,
    keys: &Keyring,
    workspace: Id,
    address: &Address,
) -> Result<Vec<(LinkKind, Millis, Millis)>> {
    let query = Query::new(
        "select kind, created_at, expires_at
           from mailed_link
          where lookup = :lookup and workspace_id in (0, :workspace)
          order by id",
    );
    let query = query.bind("lookup", lookup(keys, &address.canonical())).bind("workspace", workspace);
    let rows = query.fetch_all(conn).await?;
    rows.iter().map(|row| Ok((row.cell::<String>(0)?.parse()?, row.cell(1)?, row.cell(2)?))).collect()
}

/// Number of links of an address in all workspaces.
pub async fn count_of_address(conn: &mut Conn, keys: &Keyring, address: &Address) -> Result<u64> {
    let query = Query::new("select count(*) from mailed_link where lookup = :lookup");
    let row = query.bind("lookup", lookup(keys, &address.canonical())).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| Ok(row.cell::<i64>(0)?.unsigned_abs()))
}

/// Deletes the links of a workspace.
pub async fn remove_all(conn: &mut Conn, workspace: Id) -> Result<()> {
    let query = Query::new("delete from mailed_link where workspace_id = :workspace");
    query.bind("workspace", workspace).execute(conn).await.map(drop)
}

/// Number of sign-ups that wait for the confirmation of their owners, by form.
pub async fn count_waiting(conn: &mut Conn, form: Id, now: Millis) -> Result<i64> {
    let query = Query::new("select count(*) from mailed_link where form_id = :form and expires_at > :now");
    let row = query.bind("form", form).bind("now", now).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| row.cell(0))
}

fn lookup(keys: &Keyring, canonical: &str) -> String {
    hex::encode(&keys.tombstone.mac(&[b"mailed link", canonical.as_bytes()]))
}
