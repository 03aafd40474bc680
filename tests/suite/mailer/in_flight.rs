//! Claims in memory and in rows, when a second mailer starts beside the only one.

use sendoff::campaign::delivery::claim::InFlight;
use sendoff::campaign::delivery::{Claim, Claimed};
use sendoff::infra::id::Id;

use super::fixture::{EMAIL, start, states, subscribe_many};
use crate::canary;
use crate::fixture::{Fixture, both};

const ALONE: Id = 11;
const OTHER: Id = 12;

fn wanted(fixture: &Fixture, mailer: Id, campaign: Id, limit: usize) -> Claim<'static> {
    Claim { mailer, campaign, lane: "rest", limit, now: fixture.installation.clock.now() }
}

async fn in_memory(fixture: &Fixture, hand: &InFlight, wanted: &Claim<'_>) -> Vec<Id> {
    ids(&canary::claim_in_memory(fixture, hand, wanted).await)
}

async fn in_rows(fixture: &Fixture, hand: &InFlight, wanted: &Claim<'_>) -> Vec<Id> {
    ids(&canary::claim_in_rows(fixture, hand, wanted).await)
}

fn ids(claimed: &[Claimed]) -> Vec<Id> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

/// Marks deliveries and returns those that may be sent.
async fn mark(fixture: &Fixture, mailer: Id, campaign: Id, ids: &[Id]) -> Vec<Id> {
    let claimed: Vec<_> = ids.iter().map(|id| Claimed { id: *id, campaign, lane: "rest".into() }).collect();
    let mut marked: Vec<Id> = canary::mark(fixture, mailer, &claimed).await.into_keys().collect();
    marked.sort_unstable();
    marked
}

both!(delivery_claimed_twice_is_sent_by_the_first_mark, |fixture| {
    subscribe_many(fixture, 4).await;
    let campaign = start(fixture, EMAIL).await.id;
    let (alone, other) = (InFlight::default(), InFlight::default());

    let held = in_memory(fixture, &alone, &wanted(fixture, ALONE, campaign, 2)).await;
    assert_eq!(states(fixture).await, [("pending", 4)].into());
    let taken = in_rows(fixture, &other, &wanted(fixture, OTHER, campaign, 2)).await;

    assert_eq!(held, taken);
    assert!(mark(fixture, ALONE, campaign, &held).await.is_empty());
    assert_eq!(mark(fixture, OTHER, campaign, &taken).await, taken);
    assert_eq!(states(fixture).await, [("pending", 2), ("sending", 2)].into());
});

both!(delivery_in_flight_is_not_claimed_again_in_the_rows, |fixture| {
    subscribe_many(fixture, 3).await;
    let (campaign, hand) = (start(fixture, EMAIL).await.id, InFlight::default());
    let held = in_memory(fixture, &hand, &wanted(fixture, ALONE, campaign, 2)).await;

    let more = in_rows(fixture, &hand, &wanted(fixture, ALONE, campaign, 3)).await;

    assert_eq!(more.len(), 1);
    assert!(!held.contains(&more[0]));
    assert_eq!(states(fixture).await, [("leased", 1), ("pending", 2)].into());
    let both = [held, more].concat();
    assert_eq!(mark(fixture, ALONE, campaign, &both).await, both);
});
