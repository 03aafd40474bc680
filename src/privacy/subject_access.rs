//! Everything that is held on one person, for them to see (the right of access).

use serde_json::{Value, json};
use sqlx::Row;

use crate::audience::contact::Contact;
use crate::audience::{consent, list, subscription};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// What is held on a person, as one JSON object: address, fields, subscriptions, consents with their
/// evidence, letters and how each ended, opens and clicks.
pub async fn collect(conn: &mut Conn, person: &Contact) -> Result<Value> {
    let mut subscriptions = Vec::new();
    for one in subscription::of_contact(conn, person.id).await? {
        subscriptions
            .push(json!({ "list": one.list_name, "state": one.state.as_str(), "joined_at": time(one.joined_at) }));
    }
    let mut consents = Vec::new();
    for receipt in consent::of_contact(conn, person.id).await? {
        let name = list::get(conn, receipt.list).await?.map(|list| list.name);
        let evidence = receipt.evidence;
        consents.push(json!({
            "list": name, "purpose": receipt.purpose, "basis": evidence.basis.as_str(), "channel": evidence.channel,
            "source": evidence.source, "wording": evidence.wording, "proof": evidence.proof,
            "given_at": time(evidence.given_at), "recorded_at": time(receipt.recorded_at),
        }));
    }
    Ok(json!({
        "address": person.address.expose(),
        "fields": person.values,
        "created_at": time(person.created_at),
        "updated_at": time(person.updated_at),
        "subscriptions": subscriptions,
        "consents": consents,
        "deliveries": deliveries(conn, person.id).await?,
        "events": events(conn, person.id).await?,
    }))
}

/// How many rows each kind of data has, by the name it has in the sentence of an erasure.
pub async fn count_rows(conn: &mut Conn, person: Id) -> Result<[(&'static str, i64); 4]> {
    let row = sqlx::query(
        "select (select count(*) from subscription where contact_id = $1), (select count(*) from consent where contact_id = $1), \
         (select count(*) from delivery where contact_id = $1), (select count(*) from event where contact_id = $1)",
    )
    .bind(person)
    .fetch_one(conn)
    .await?;
    Ok([("subscriptions", row.get(0)), ("consents", row.get(1)), ("deliveries", row.get(2)), ("events", row.get(3))])
}

async fn deliveries(conn: &mut Conn, person: Id) -> Result<Vec<Value>> {
    let rows = Sql::new(
        "select k.name, d.state, d.reason, d.attempts, d.dated_at, d.code, d.reply, d.changed_at from delivery d \
         join campaign k on k.id = d.campaign_id where d.contact_id = ",
    )
    .bind(person)
    .push(" order by d.id")
    .all(conn)
    .await?;
    let value = |row: &sqlx::any::AnyRow| {
        json!({
            "campaign": row.get::<String, _>(0), "state": row.get::<String, _>(1), "reason": row.get::<Option<String>, _>(2),
            "attempts": row.get::<i32, _>(3), "dated_at": row.get::<Option<Millis>, _>(4).map(time),
            "code": row.get::<Option<i32>, _>(5), "reply": row.get::<Option<String>, _>(6),
            "changed_at": time(row.get(7)),
        })
    };
    Ok(rows.iter().map(value).collect())
}

async fn events(conn: &mut Conn, person: Id) -> Result<Vec<Value>> {
    let rows = Sql::new(
        "select k.name, e.kind, l.destination, e.at from event e join campaign k on k.id = e.campaign_id \
         left join link l on l.campaign_id = e.campaign_id and l.position = e.position and e.kind = 'click' where e.contact_id = ",
    )
    .bind(person)
    .push(" order by e.at, e.id")
    .all(conn)
    .await?;
    let value = |row: &sqlx::any::AnyRow| {
        json!({
            "campaign": row.get::<String, _>(0), "kind": row.get::<String, _>(1),
            "destination": row.get::<Option<String>, _>(2), "at": time(row.get(3)),
        })
    };
    Ok(rows.iter().map(value).collect())
}

fn time(at: Millis) -> String {
    jiff::Timestamp::from_millisecond(at).map_or_else(|_| at.to_string(), |at| at.to_string())
}
