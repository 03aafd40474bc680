//! Subject access: all data held on a contact (GDPR Art. 15), for the preferences page, the command line and an export.

use serde::{Serialize, Serializer};
use sqlx::any::AnyRow;

use super::subject_request::{self, SubjectRequest};
use crate::audience::consent::{self, Basis, Kind};
use crate::audience::contact::{self, Contact, Values};
use crate::audience::subscription::{self, State};
use crate::audience::{address::Address, hard_bounce, list, mailed_link, preference};
use crate::infra::clock::Millis;
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// All data held on a contact. Serializes with the whole address and with times as RFC 3339 text.
#[derive(Debug, Clone, Serialize)]
pub struct SubjectData {
    /// The address.
    #[serde(serialize_with = "expose")]
    pub address: Address,
    /// Field values by field name.
    pub fields: Values,
    /// When the contact was added.
    #[serde(serialize_with = "timestamp")]
    pub created_at: Millis,
    /// When its data last changed.
    #[serde(serialize_with = "timestamp")]
    pub updated_at: Millis,
    /// Whether the person agreed to be measured or refused it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub measured: Option<bool>,
    /// The lists it is subscribed to.
    pub subscriptions: Vec<SubscriptionData>,
    /// Why no messages are sent although it is subscribed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bounce: Option<BounceData>,
    /// Consent receipts with their evidence.
    pub consents: Vec<ConsentData>,
    /// Deliveries, and how each ended.
    pub deliveries: Vec<DeliveryData>,
    /// Opens, clicks and other events.
    pub events: Vec<EventData>,
    /// How often emails are wanted, where that was chosen.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preferences: Option<PreferenceData>,
    /// What waits for a button behind a link that was mailed.
    pub waiting: Vec<WaitingData>,
    /// Requests of the person.
    pub requests: Vec<RequestData>,
}

/// A request of the person about their data.
#[derive(Debug, Clone, Serialize)]
pub struct RequestData {
    /// Its number.
    pub request: Id,
    /// What was asked for.
    pub kind: &'static str,
    /// `open`, `done` or `refused`.
    pub state: &'static str,
    /// The way it came in.
    pub channel: String,
    /// How it was known who asked.
    pub identity: &'static str,
    /// When it came in.
    #[serde(serialize_with = "timestamp")]
    pub received_at: Millis,
    /// When it must be answered.
    #[serde(serialize_with = "timestamp")]
    pub due_at: Millis,
    /// When it was closed.
    #[serde(serialize_with = "optional_timestamp")]
    pub closed_at: Option<Millis>,
    /// What was asked, in words.
    pub note: String,
    /// How the identity was checked.
    pub checked: String,
    /// Why the due date was extended.
    pub extension: String,
    /// What was answered.
    pub outcome: String,
}

impl From<SubjectRequest> for RequestData {
    fn from(request: SubjectRequest) -> Self {
        let text = request.text.unwrap_or_default();
        Self {
            request: request.id,
            kind: request.kind.as_str(),
            state: request.state.as_str(),
            channel: request.channel,
            identity: request.identity.as_str(),
            received_at: request.received_at,
            due_at: request.due_at,
            closed_at: request.closed_at,
            note: text.note,
            checked: text.identity,
            extension: text.extension,
            outcome: text.outcome,
        }
    }
}

/// How often a contact wants emails.
#[derive(Debug, Clone, Serialize)]
pub struct PreferenceData {
    /// `all`, `weekly` or `monthly`.
    pub frequency: &'static str,
    /// Until when none are wanted.
    #[serde(serialize_with = "optional_timestamp")]
    pub paused_until: Option<Millis>,
}

/// Something that waits for a button behind a link that was mailed to the address.
#[derive(Debug, Clone, Serialize)]
pub struct WaitingData {
    /// What waits, such as `sign_up`.
    pub kind: &'static str,
    /// When it was asked for.
    #[serde(serialize_with = "timestamp")]
    pub asked_at: Millis,
    /// When it is deleted.
    #[serde(serialize_with = "timestamp")]
    pub expires_at: Millis,
}

/// A subscription of the contact.
#[derive(Debug, Clone, Serialize)]
pub struct SubscriptionData {
    /// The list.
    #[serde(skip)]
    pub list_id: Id,
    /// Its name.
    pub list: String,
    /// Whether messages are sent.
    #[serde(serialize_with = "state_word")]
    pub state: State,
    /// When the contact subscribed.
    #[serde(serialize_with = "timestamp")]
    pub joined_at: Millis,
    /// When a message of the list was opened last.
    #[serde(serialize_with = "optional_timestamp")]
    pub opened_at: Option<Millis>,
    /// When a link in a message of the list was followed last.
    #[serde(serialize_with = "optional_timestamp")]
    pub clicked_at: Option<Millis>,
    /// Whether a relay accepted the last message of the list; `None` before the first.
    pub reachable: Option<bool>,
}

/// The reply that the contact's mailbox does not exist.
#[derive(Debug, Clone, Serialize)]
pub struct BounceData {
    /// Reply code and enhanced code.
    pub status: String,
    /// When it came.
    #[serde(serialize_with = "timestamp")]
    pub at: Millis,
}

/// A consent receipt of the contact.
#[derive(Debug, Clone, Serialize)]
pub struct ConsentData {
    /// The list.
    #[serde(skip)]
    pub list_id: Id,
    /// Its name; `None` when the list does not exist any more.
    pub list: Option<String>,
    /// What the data may be used for.
    pub purpose: String,
    /// Whether consent was given or withdrawn.
    #[serde(serialize_with = "kind_word")]
    pub kind: Kind,
    /// The edition of the policy in force; empty without a policy.
    pub edition: String,
    /// The legal basis.
    #[serde(serialize_with = "basis_word")]
    pub basis: Basis,
    /// How consent was given, e.g. `import`.
    pub channel: String,
    /// Where it was collected.
    pub source: String,
    /// The text that was agreed to.
    pub wording: String,
    /// The proof of it.
    pub proof: String,
    /// When it was given.
    #[serde(serialize_with = "timestamp")]
    pub given_at: Millis,
    /// When the receipt was written.
    #[serde(serialize_with = "timestamp")]
    pub recorded_at: Millis,
}

/// A delivery to the contact.
#[derive(Debug, Clone, Serialize)]
pub struct DeliveryData {
    /// The name of the campaign.
    pub campaign: String,
    /// The delivery state.
    pub state: String,
    /// The reason of a refusal.
    pub reason: Option<String>,
    /// Attempts to send.
    pub attempts: i32,
    /// The date of the message.
    #[serde(serialize_with = "optional_timestamp")]
    pub dated_at: Option<Millis>,
    /// The SMTP reply code.
    pub code: Option<i32>,
    /// The SMTP reply text.
    pub reply: Option<String>,
    /// When the state last changed.
    #[serde(serialize_with = "timestamp")]
    pub changed_at: Millis,
    /// The address of the last attempt, while the message may be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_to: Option<String>,
    /// The field values of the last attempt, while the message may be sent again.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sent_values: Option<serde_json::Value>,
}

/// An event of the contact.
#[derive(Debug, Clone, Serialize)]
pub struct EventData {
    /// The name of the campaign.
    pub campaign: String,
    /// The event kind, also one that this version does not know.
    pub kind: String,
    /// The destination of a clicked link.
    pub destination: Option<String>,
    /// When it happened.
    #[serde(serialize_with = "timestamp")]
    pub at: Millis,
}

/// Collects all data held on a contact.
pub async fn collect(
    installation: &Installation,
    conn: &mut Conn,
    workspace: Id,
    contact: &Contact,
) -> Result<SubjectData> {
    let preference = preference::get(conn, contact.id).await?;
    let chosen = PreferenceData {
        frequency: preference.frequency.as_str(),
        paused_until: Some(preference.paused_until).filter(|until| *until > 0),
    };
    let waiting = mailed_link::of_address(conn, &installation.keys, workspace, &contact.address).await?;
    let waiting = waiting.into_iter().map(|(kind, asked_at, expires_at)| {
        let kind = kind.as_str();
        WaitingData { kind, asked_at, expires_at }
    });
    let requests = subject_request::of_contact(installation, conn, contact.id).await?;
    let subscriptions = subscriptions(conn, contact.id).await?;
    Ok(SubjectData {
        address: contact.address.clone(),
        fields: contact.values.clone(),
        created_at: contact.created_at,
        updated_at: contact.updated_at,
        measured: contact::measured(conn, contact.id).await?,
        subscriptions,
        bounce: hard_bounce::of_contact(conn, contact.id).await?.map(|(status, at)| BounceData { status, at }),
        consents: consents(conn, contact.id).await?,
        deliveries: deliveries(conn, contact.id).await?,
        events: events(conn, contact.id).await?,
        preferences: Some(chosen).filter(|_| preference != preference::USUAL),
        waiting: waiting.collect(),
        requests: requests.into_iter().map(RequestData::from).collect(),
    })
}

/// The number of rows of each kind of data, by the name it has in the message about an erasure.
pub async fn count_rows(conn: &mut Conn, contact: Id) -> Result<[(&'static str, i64); 4]> {
    let row = Query::new(
        "select (select count(*) from subscription where contact_id = :contact),
                (select count(*) from consent where contact_id = :contact),
                (select count(*) from delivery where contact_id = :contact),
                (select count(*) from event where contact_id = :contact)",
    )
    .bind("contact", contact)
    .fetch_optional(conn)
    .await?;
    let count = |index: usize| row.as_ref().map_or(Ok(0), |row| row.cell(index));
    Ok([("subscriptions", count(0)?), ("consents", count(1)?), ("deliveries", count(2)?), ("events", count(3)?)])
}

/// The subscriptions of a contact, each with the facts that a mailing processor reports.
async fn subscriptions(conn: &mut Conn, contact: Id) -> Result<Vec<SubscriptionData>> {
    let mut found = Vec::new();
    for one in subscription::of_contact(conn, contact).await? {
        let query = Query::new(
            "select (select max(o.at)
                       from event o
                       join campaign k on k.id = o.campaign_id
                      where o.contact_id = :contact and o.kind = 'open' and k.list_id = :list),
                    (select max(o.at)
                       from event o
                       join campaign k on k.id = o.campaign_id
                      where o.contact_id = :contact and o.kind = 'click' and k.list_id = :list),
                    (select d.state
                       from delivery d
                       join campaign k on k.id = d.campaign_id
                      where d.contact_id = :contact and k.list_id = :list and d.state in ('accepted', 'rejected')
                      order by d.changed_at desc, d.id desc
                      limit 1)",
        );
        let row = query.bind("contact", contact).bind("list", one.list).fetch_optional(conn).await?;
        let (opened_at, clicked_at, result): (_, _, Option<String>) = match row {
            Some(row) => (row.cell(0)?, row.cell(1)?, row.cell(2)?),
            None => (None, None, None),
        };
        found.push(SubscriptionData {
            list_id: one.list,
            list: one.list_name,
            state: one.state,
            joined_at: one.joined_at,
            opened_at,
            clicked_at,
            reachable: result.map(|state| state == "accepted"),
        });
    }
    Ok(found)
}

/// The consent receipts of a contact, oldest first.
pub async fn consents(conn: &mut Conn, contact: Id) -> Result<Vec<ConsentData>> {
    let mut consents = Vec::new();
    for receipt in consent::of_contact(conn, contact).await? {
        let evidence = receipt.evidence;
        consents.push(ConsentData {
            list_id: receipt.list,
            list: list::get(conn, receipt.list).await?.map(|list| list.name),
            purpose: receipt.purpose,
            kind: receipt.kind,
            edition: receipt.edition,
            basis: evidence.basis,
            channel: evidence.channel,
            source: evidence.source,
            wording: evidence.wording,
            proof: evidence.proof,
            given_at: evidence.given_at,
            recorded_at: receipt.recorded_at,
        });
    }
    Ok(consents)
}

async fn deliveries(conn: &mut Conn, contact: Id) -> Result<Vec<DeliveryData>> {
    let rows = Query::new(
        "select k.name, d.state, d.reason, d.attempts, d.dated_at, d.code, d.reply, d.changed_at, d.snapshot_address, d.snapshot_fields
           from delivery d
           join campaign k on k.id = d.campaign_id
          where d.contact_id = :contact
          order by d.id",
    )
    .bind("contact", contact)
    .fetch_all(conn)
    .await?;
    let read = |row: &AnyRow| {
        Ok(DeliveryData {
            campaign: row.cell(0)?,
            state: row.cell(1)?,
            reason: row.cell(2)?,
            attempts: row.cell(3)?,
            dated_at: row.cell(4)?,
            code: row.cell(5)?,
            reply: row.cell(6)?,
            changed_at: row.cell(7)?,
            sent_to: row.cell(8)?,
            sent_values: row.cell::<Option<String>>(9)?.and_then(|text| serde_json::from_str(&text).ok()),
        })
    };
    rows.iter().map(read).collect()
}

async fn events(conn: &mut Conn, contact: Id) -> Result<Vec<EventData>> {
    let rows = Query::new(
        "select k.name, e.kind, l.destination, e.at
           from event e
           join campaign k on k.id = e.campaign_id
           left join link l on l.campaign_id = e.campaign_id
                           and l.position = e.position
                           and e.kind = 'click'
          where e.contact_id = :contact
          order by e.at, e.id",
    )
    .bind("contact", contact)
    .fetch_all(conn)
    .await?;
    let read = |row: &AnyRow| {
        Ok(EventData { campaign: row.cell(0)?, kind: row.cell(1)?, destination: row.cell(2)?, at: row.cell(3)? })
    };
    rows.iter().map(read).collect()
}

fn expose<S: Serializer>(address: &Address, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&address.expose())
}

fn state_word<S: Serializer>(state: &State, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(state.as_str())
}

fn basis_word<S: Serializer>(basis: &Basis, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(basis.as_str())
}

fn kind_word<S: Serializer>(kind: &Kind, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(kind.as_str())
}

fn timestamp<S: Serializer>(at: &Millis, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn optional_timestamp<S: Serializer>(at: &Option<Millis>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

/// A moment as RFC 3339 text.
pub fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
