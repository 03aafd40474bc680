//! Subject access: all data held on a contact (GDPR Art. 15), for the preferences page, the command line and an export.

use serde::{Serialize, Serializer};
use sqlx::any::AnyRow;

use crate::audience::consent::{self, Basis};
use crate::audience::contact::{Contact, Values};
use crate::audience::subscription::{self, State};
use crate::audience::{address::Address, hard_bounce, list};
use crate::infra::clock::Millis;
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn};
use crate::infra::error::Result;
use crate::infra::id::Id;

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
pub async fn collect(conn: &mut Conn, contact: &Contact) -> Result<SubjectData> {
    let subscriptions = subscription::of_contact(conn, contact.id).await?;
    Ok(SubjectData {
        address: contact.address.clone(),
        fields: contact.values.clone(),
        created_at: contact.created_at,
        updated_at: contact.updated_at,
        subscriptions: subscriptions.into_iter().map(SubscriptionData::from).collect(),
        bounce: hard_bounce::of_contact(conn, contact.id).await?.map(|(status, at)| BounceData { status, at }),
        consents: consents(conn, contact.id).await?,
        deliveries: deliveries(conn, contact.id).await?,
        events: events(conn, contact.id).await?,
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

impl From<subscription::Subscription> for SubscriptionData {
    fn from(one: subscription::Subscription) -> Self {
        Self { list_id: one.list, list: one.list_name, state: one.state, joined_at: one.joined_at }
    }
}

async fn consents(conn: &mut Conn, contact: Id) -> Result<Vec<ConsentData>> {
    let mut consents = Vec::new();
    for receipt in consent::of_contact(conn, contact).await? {
        let evidence = receipt.evidence;
        consents.push(ConsentData {
            list_id: receipt.list,
            list: list::get(conn, receipt.list).await?.map(|list| list.name),
            purpose: receipt.purpose,
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
        "select k.name, d.state, d.reason, d.attempts, d.dated_at, d.code, d.reply, d.changed_at
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

fn timestamp<S: Serializer>(at: &Millis, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339(*at))
}

fn optional_timestamp<S: Serializer>(at: &Option<Millis>, serializer: S) -> std::result::Result<S::Ok, S::Error> {
    at.map(rfc3339).serialize(serializer)
}

fn rfc3339(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
