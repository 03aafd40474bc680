//! Table `subject_request`: requests of people about their data, from receipt to outcome. Address and notes are encrypted; when
//! the person is erased they go, and kind, dates and outcome stay under the number of the request.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};
use sqlx::any::AnyRow;

use super::due_date::Law;
use crate::audience::address::Address;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::hex;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::secret::Keyring;

crate::text_enum! {
    /// What a person asks for.
    RequestKind {
        /// To know whether and how their data is processed.
        Access = "access",
        /// A copy of it.
        Copy = "copy",
        /// To have it corrected.
        Correction = "correction",
        /// That it is not used for something.
        Objection = "objection",
        /// To have it erased.
        Erasure = "erasure",
        /// To have it kept and not used.
        Restriction = "restriction",
        /// To have it handed to another organisation.
        Portability = "portability",
        /// To take a consent back.
        Withdrawal = "withdrawal",
        /// Something is wrong.
        Complaint = "complaint",
    }
}

crate::text_enum! {
    /// How far a request is.
    RequestState {
        /// It waits for an answer.
        Open = "open",
        /// It was answered.
        Done = "done",
        /// It was refused.
        Refused = "refused",
    }
}

crate::text_enum! {
    /// How it is known who asks.
    Identity {
        /// It is not known.
        Unknown = "unknown",
        /// By a link that was mailed to the address on file.
        Link = "link",
        /// An operator has noted how they checked it.
        Noted = "noted",
    }
}

impl RequestKind {
    /// Whether the answer gives or changes data, so that it must be known who asks.
    pub const fn gives_data(self) -> bool {
        matches!(self, Self::Access | Self::Copy | Self::Correction | Self::Portability)
    }
}

/// What names the person, encrypted in the row.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestText {
    /// The address.
    pub address: String,
    /// What was asked, in words.
    pub note: String,
    /// How the identity was checked.
    pub identity: String,
    /// Why the due date was extended.
    pub extension: String,
    /// What was answered, or why it was refused.
    pub outcome: String,
}

/// A request.
#[derive(Debug, Clone)]
pub struct SubjectRequest {
    /// Primary key, and the number that stays after an erasure.
    pub id: Id,
    /// The workspace.
    pub workspace: Id,
    /// The contact, while there is one.
    pub contact: Option<Id>,
    /// What names the person; `None` after an erasure.
    pub text: Option<RequestText>,
    /// What they ask for.
    pub kind: RequestKind,
    /// The way it came in, such as `post` or `self`.
    pub channel: String,
    /// The law that sets the due date.
    pub law: Law,
    /// How far it is.
    pub state: RequestState,
    /// How it is known who asks.
    pub identity: Identity,
    /// When it came in.
    pub received_at: Millis,
    /// When it must be answered.
    pub due_at: Millis,
    /// When the due date was extended.
    pub extended_at: Option<Millis>,
    /// When it was answered or refused.
    pub closed_at: Option<Millis>,
}

const COLUMNS: &str = "id, workspace_id, contact_id, content, kind, channel, law, state, identity, received_at, due_at, \
                       extended_at, closed_at";

fn read(keys: &Keyring, row: &AnyRow) -> Result<SubjectRequest> {
    let sealed = STANDARD.decode(row.cell::<String>(3)?).unwrap_or_default();
    let text = keys.open(&sealed).and_then(|text| serde_json::from_str(&text).ok());
    Ok(SubjectRequest {
        id: row.cell(0)?,
        workspace: row.cell(1)?,
        contact: row.cell(2)?,
        text,
        kind: row.cell::<String>(4)?.parse()?,
        channel: row.cell(5)?,
        law: row.cell::<String>(6)?.parse()?,
        state: row.cell::<String>(7)?.parse()?,
        identity: row.cell::<String>(8)?.parse()?,
        received_at: row.cell(9)?,
        due_at: row.cell(10)?,
        extended_at: row.cell(11)?,
        closed_at: row.cell(12)?,
    })
}

/// Stores a new request or the changed state of one.
pub async fn save(installation: &Installation, conn: &mut Conn, request: &SubjectRequest) -> Result<()> {
    let keys = &installation.keys;
    let (lookup, content) = match &request.text {
        Some(text) => {
            let json = serde_json::to_string(text).expect("texts always serialise");
            (lookup_of(keys, &Address::parse_stored(&text.address).canonical()), STANDARD.encode(keys.seal(&json)))
        }
        None => (String::new(), String::new()),
    };
    let query = Query::new(
        "insert into subject_request (id, workspace_id, contact_id, lookup, content, kind, channel, law, state, identity,
                                      received_at, due_at, extended_at, closed_at)
         values (:id, :workspace, :contact, :lookup, :content, :kind, :channel, :law, :state, :identity,
                 :received_at, :due_at, :extended_at, :closed_at)
             on conflict (id) do update
            set content = excluded.content, state = excluded.state, identity = excluded.identity,
                due_at = excluded.due_at, extended_at = excluded.extended_at, closed_at = excluded.closed_at",
    );
    query
        .bind("id", request.id)
        .bind("workspace", request.workspace)
        .bind("contact", request.contact)
        .bind("lookup", lookup)
        .bind("content", content)
        .bind("kind", request.kind.as_str())
        .bind("channel", &request.channel)
        .bind("law", request.law.as_str())
        .bind("state", request.state.as_str())
        .bind("identity", request.identity.as_str())
        .bind("received_at", request.received_at)
        .bind("due_at", request.due_at)
        .bind("extended_at", request.extended_at)
        .bind("closed_at", request.closed_at)
        .execute(conn)
        .await
        .map(drop)
}

/// A request of a workspace; its row is kept until the transaction ends.
pub async fn get(installation: &Installation, conn: &mut Conn, id: Id) -> Result<Option<SubjectRequest>> {
    let query = Query::new("select {columns} from subject_request where id = :id{for_update}");
    let row = query.fragment("columns", COLUMNS).bind("id", id).fetch_optional(conn).await?;
    row.map(|row| read(&installation.keys, &row)).transpose()
}

/// The requests of a workspace: open ones first, by due date, then the newest of the others.
pub async fn list(installation: &Installation, conn: &mut Conn, workspace: Id) -> Result<Vec<SubjectRequest>> {
    let query = Query::new(
        "select {columns}
           from subject_request
          where workspace_id = :workspace
          order by case state when 'open' then 0 else 1 end, case state when 'open' then due_at else -id end, id
          limit 1000",
    );
    let rows = query.fragment("columns", COLUMNS).bind("workspace", workspace).fetch_all(conn).await?;
    rows.iter().map(|row| read(&installation.keys, row)).collect()
}

/// The requests of a contact, oldest first.
pub async fn of_contact(installation: &Installation, conn: &mut Conn, contact: Id) -> Result<Vec<SubjectRequest>> {
    let query = Query::new("select {columns} from subject_request where contact_id = :contact order by id");
    let rows = query.fragment("columns", COLUMNS).bind("contact", contact).fetch_all(conn).await?;
    rows.iter().map(|row| read(&installation.keys, row)).collect()
}

/// Open requests of all workspaces that are due before a moment: all of them, and those due before another.
pub async fn count_due(conn: &mut Conn, soon: Millis, now: Millis) -> Result<(i64, i64)> {
    let query = Query::new(
        "select count(*), coalesce(sum(case when due_at < :now then 1 else 0 end), 0)
           from subject_request
          where state = 'open' and due_at < :soon",
    );
    let row = query.bind("soon", soon).bind("now", now).fetch_optional(conn).await?;
    row.map_or(Ok((0, 0)), |row| Ok((row.cell(0)?, row.cell(1)?)))
}

/// Takes the open requests that are due before a moment and that nobody was reminded of.
pub async fn take_unreminded(
    installation: &Installation,
    conn: &mut Conn,
    soon: Millis,
) -> Result<Vec<SubjectRequest>> {
    let query = Query::new(
        "select {columns}
           from subject_request
          where state = 'open' and due_at < :soon and reminded_at is null
          order by due_at
          limit 100{for_update_skip_locked}",
    );
    let rows = query.fragment("columns", COLUMNS).bind("soon", soon).fetch_all(conn).await?;
    let taken: Vec<SubjectRequest> = rows.iter().map(|row| read(&installation.keys, row)).collect::<Result<_>>()?;
    let ids: Vec<Id> = taken.iter().map(|request| request.id).collect();
    if !ids.is_empty() {
        let mark = Query::new("update subject_request set reminded_at = :now where id in :ids");
        mark.bind("now", installation.clock.now()).bind_ids("ids", &ids).execute(conn).await?;
    }
    Ok(taken)
}

/// Number of requests of an address in all workspaces.
pub async fn count_of_address(conn: &mut Conn, keys: &Keyring, address: &Address) -> Result<u64> {
    let query = Query::new("select count(*) from subject_request where lookup = :lookup");
    let row = query.bind("lookup", lookup_of(keys, &address.canonical())).fetch_optional(conn).await?;
    row.map_or(Ok(0), |row| Ok(row.cell::<i64>(0)?.unsigned_abs()))
}

/// Takes everything that names anybody out of the requests of a workspace.
pub async fn forget_all(conn: &mut Conn, workspace: Id) -> Result<()> {
    let query = Query::new(
        "update subject_request
            set contact_id = null, lookup = '', content = ''
          where workspace_id = :workspace",
    );
    query.bind("workspace", workspace).execute(conn).await.map(drop)
}

/// Takes everything that names contacts out of their requests.
pub async fn forget(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    let query = Query::new(
        "update subject_request
            set contact_id = null, lookup = '', content = ''
          where contact_id in :contacts",
    );
    query.bind_ids("contacts", contacts).execute(conn).await.map(drop)
}

/// The same for requests about addresses, given in canonical form, that were no contacts.
pub async fn forget_addresses(
    conn: &mut Conn,
    keys: &Keyring,
    workspace: Id,
    canonical: &[impl AsRef<str>],
) -> Result<()> {
    let lookups: Vec<String> = canonical.iter().map(|text| lookup_of(keys, text.as_ref())).collect();
    let query = Query::new(
        "update subject_request
            set contact_id = null, lookup = '', content = ''
          where workspace_id = :workspace and lookup in :lookups",
    );
    query.bind("workspace", workspace).bind_texts("lookups", &lookups).execute(conn).await.map(drop)
}

fn lookup_of(keys: &Keyring, canonical: &str) -> String {
    hex::encode(&keys.tombstone.mac(&[b"subject request", canonical.as_bytes()]))
}
