//! Unwritten hits: opens and clicks of deliveries that are not in table `event` yet, from memory and from the spool. An
//! erasure inserts those of the person first, so that they are counted: once the deliveries are gone, nothing can be.

use std::collections::{BTreeMap, HashSet};

use super::event::NewEvent;
use super::recorder;
use super::spool_line;
use crate::infra::db::{Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::waiting_hit::WaitingHit;

/// The unwritten hits of contacts. Reads the whole spool when it is not empty. A spool that cannot be read is logged: it must
/// not prevent an erasure.
pub async fn of_contacts(installation: &Installation, contacts: &[Id]) -> Result<Vec<NewEvent>> {
    let spool = recorder::spool(installation);
    let in_memory = &installation.waiting_hits;
    if contacts.is_empty() || in_memory.is_empty() && spool.is_empty() {
        return Ok(Vec::new());
    }
    let deliveries: Vec<(Id,)> = Query::new("select id from delivery where contact_id in :contacts")
        .bind_ids("contacts", contacts)
        .fetch_json(&mut *installation.db.read().await?, "id")
        .await?;
    let deliveries: HashSet<Id> = deliveries.into_iter().map(|(id,)| id).collect();
    // In the order that hits move, so that none is missed.
    let in_memory = deliveries.iter().flat_map(|id| in_memory.of(*id)).filter_map(from_memory);
    // One of each kind is enough: reports count messages, and the rows go at once.
    let mut hits: BTreeMap<Key, NewEvent> = in_memory.map(|hit| (key(&hit), hit)).collect();
    let scanning = tokio::task::spawn_blocking(move || {
        let mut found = BTreeMap::new();
        let scanned = spool.scan(|line| {
            if spool_line::delivery(line).is_some_and(|delivery| deliveries.contains(&delivery)) {
                found.extend(spool_line::parse(line).map(|hit| (key(&hit), hit)));
            }
        });
        (found, scanned)
    });
    match scanning.await {
        Ok((found, scanned)) => {
            hits.extend(found);
            if let Err(error) = scanned {
                tracing::warn!(%error, "the spool of events cannot be read; an erasure goes on without its hits");
            }
        }
        Err(_) => tracing::warn!("reading the spool of events stopped; an erasure goes on without its hits"),
    }
    Ok(hits.into_values().collect())
}

/// The hits whose deliveries belong to a list; all without one.
pub async fn of_list(conn: &mut Conn, hits: &[NewEvent], list: Option<Id>) -> Result<Vec<NewEvent>> {
    if hits.is_empty() || list.is_none() {
        return Ok(hits.to_vec());
    }
    let ids: Vec<Id> = hits.iter().map(|hit| hit.delivery).collect();
    let of_list: Vec<(Id,)> = Query::new("select id from delivery where id in :ids and {of_list}")
        .bind_ids("ids", &ids)
        .fragment("of_list", crate::campaign::model::is_of_list(list))
        .fetch_json(conn, "id")
        .await?;
    let of_list: HashSet<Id> = of_list.into_iter().map(|(id,)| id).collect();
    Ok(hits.iter().filter(|hit| of_list.contains(&hit.delivery)).copied().collect())
}

fn from_memory(hit: WaitingHit) -> Option<NewEvent> {
    let WaitingHit { delivery, kind, position, at } = hit;
    Some(NewEvent { delivery, kind: kind.parse().ok()?, position, at })
}

/// Delivery, kind and position.
type Key = (Id, &'static str, i32);

fn key(hit: &NewEvent) -> Key {
    (hit.delivery, hit.kind.as_str(), hit.position)
}
