//! What we hold about a person and why, ready to be shown to them. The address stays masked, since
//! letters are passed on; everything else is as it is kept.

use serde_json::Value;
use sqlx::Row;

use super::page::Frame;
use crate::audience::consent::{self, Receipt};
use crate::audience::contact::{self, Values};
use crate::audience::field::{self, Field, Kind};
use crate::audience::subscription::{self, State};
use crate::infra::clock::Millis;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::token::DeliveryRef;

/// The delivery in the tokens of a test letter.
pub const TEST: Id = 0;

/// Everything about one person.
pub struct Held {
    /// The address, masked.
    pub address: String,
    /// Since when.
    pub since: String,
    /// Field names and values.
    pub fields: Vec<(String, String)>,
    /// The lists they are on.
    pub lists: Vec<OnList>,
    /// How many letters, opens and clicks are kept with them.
    pub traces: String,
}

/// A person on one list.
pub struct OnList {
    /// Which list.
    pub id: Id,
    /// Its name.
    pub name: String,
    /// Since when, and whether letters go out.
    pub state: String,
    /// What proves that they may be written to.
    pub receipts: Vec<Vec<(String, String)>>,
}

/// Gathers what is held about a person; `None` when nothing is.
pub async fn gather(conn: &mut Conn, frame: Frame, workspace: Id, person: Id) -> Result<Option<Held>> {
    let Some(found) = contact::get(conn, person).await? else {
        return Ok(None);
    };
    let declared = field::all(conn, workspace).await?;
    let receipts = consent::of_contact(conn, person).await?;
    let lists = subscription::of_contact(conn, person).await?.into_iter().map(|one| OnList {
        id: one.list,
        state: frame.lang.translate(&Message::new(standing(one.state)).with("day", day(one.joined_at))),
        receipts: receipts.iter().filter(|r| r.list == one.list).map(|r| explain(frame, r)).collect(),
        name: one.list_name,
    });
    Ok(Some(Held {
        address: found.address.to_string(),
        since: day(found.created_at),
        fields: print(frame, &declared, &found.values),
        lists: lists.collect(),
        traces: traces(conn, frame, person).await?,
    }))
}

/// A letter of theirs that is still on record: where the link of another letter has gone with its
/// list, this one leads to the same person.
pub async fn letter_of(conn: &mut Conn, person: Id) -> Result<Option<DeliveryRef>> {
    let row = sqlx::query("select campaign_id, id from delivery where contact_id = $1 order by id desc limit 1")
        .bind(person)
        .fetch_optional(conn)
        .await?;
    Ok(row.map(|row| DeliveryRef { campaign: row.get(0), delivery: row.get(1) }))
}

async fn traces(conn: &mut Conn, frame: Frame, person: Id) -> Result<String> {
    let row = sqlx::query(
        "select (select count(*) from delivery where contact_id = $1), \
         (select count(*) from event where contact_id = $1 and kind = 'open'), \
         (select count(*) from event where contact_id = $1 and kind = 'click')",
    )
    .bind(person)
    .fetch_one(conn)
    .await?;
    let [letters, opens, clicks]: [i64; 3] = [row.get(0), row.get(1), row.get(2)];
    let message = Message::new("held-traces").with("emails", letters).with("opens", opens).with("clicks", clicks);
    Ok(frame.lang.translate(&message))
}

fn print(frame: Frame, declared: &[Field], values: &Values) -> Vec<(String, String)> {
    let shown = |kind: Kind, value: &Value| match (kind, value) {
        (Kind::Flag, value) => frame.tr(if value.as_i64() == Some(0) { "held-no" } else { "held-yes" }),
        (_, Value::String(text)) => text.clone(),
        (_, other) => other.to_string(),
    };
    let known =
        declared.iter().filter_map(|field| Some((field.name.clone(), shown(field.kind, values.get(&field.name)?))));
    let undeclared = values.iter().filter(|(name, _)| !declared.iter().any(|field| field.name == **name));
    known.chain(undeclared.map(|(name, value)| (name.clone(), shown(Kind::Text, value)))).collect()
}

fn explain(frame: Frame, receipt: &Receipt) -> Vec<(String, String)> {
    let evidence = &receipt.evidence;
    let basis = match evidence.basis {
        consent::Basis::Consent => "held-basis-consent",
        consent::Basis::Contract => "held-basis-contract",
        consent::Basis::Interest => "held-basis-interest",
    };
    [
        ("held-basis", frame.tr(basis)),
        ("held-given", day(evidence.given_at)),
        ("held-source", evidence.source.clone()),
        ("held-wording", evidence.wording.clone()),
        ("held-proof", evidence.proof.clone()),
    ]
    .into_iter()
    .filter(|(_, text)| !text.is_empty())
    .map(|(key, text)| (frame.tr(key), text))
    .collect()
}

fn standing(state: State) -> &'static str {
    match state {
        State::Pending => "held-pending",
        State::Confirmed => "held-confirmed",
        State::Restricted => "held-restricted",
    }
}

/// A day in UTC as `2026-12-31`.
pub fn day(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%d").to_string())
}

/// A minute in UTC as `2026-12-31 10:00`.
pub fn minute(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at)
        .map_or_else(|_| "-".to_owned(), |at| at.strftime("%Y-%m-%d %H:%M").to_string())
}
