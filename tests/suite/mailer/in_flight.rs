//! What mailers claim in memory and in the rows, when one that was alone is joined by another.

use sendoff::campaign::delivery::claim::Hand;
use sendoff::campaign::delivery::{Claim, Claimed};
use sendoff::infra::id::Id;

use super::fixture::{LETTER, house_with, start, states};
use crate::canary;
use crate::fixture::{House, both};

const ALONE: Id = 11;
const OTHER: Id = 12;

fn wanted(house: &House, mailer: Id, campaign: Id, limit: usize) -> Claim<'static> {
    Claim { mailer, campaign, lane: "rest", limit, now: house.home.clock.now() }
}

async fn in_memory(house: &House, hand: &Hand, wanted: &Claim<'_>) -> Vec<Id> {
    ids(&canary::claim_in_memory(house, hand, wanted).await)
}

async fn in_rows(house: &House, hand: &Hand, wanted: &Claim<'_>) -> Vec<Id> {
    ids(&canary::claim_in_rows(house, hand, wanted).await)
}

fn ids(claimed: &[Claimed]) -> Vec<Id> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

/// Marks deliveries and returns those that may be sent.
async fn mark(house: &House, mailer: Id, campaign: Id, ids: &[Id]) -> Vec<Id> {
    let claimed: Vec<_> = ids.iter().map(|id| Claimed { id: *id, campaign, lane: "rest".into() }).collect();
    let mut marked: Vec<Id> = canary::mark(house, mailer, &claimed).await.into_keys().collect();
    marked.sort_unstable();
    marked
}

both!(of_two_who_claim_one_letter_the_first_to_have_it_in_the_rows_sends_it, |house| {
    house_with(house, 4).await;
    let campaign = start(house, LETTER).await.id;
    let (alone, other) = (Hand::default(), Hand::default());

    let held = in_memory(house, &alone, &wanted(house, ALONE, campaign, 2)).await;
    assert_eq!(states(house).await, [("pending", 4)].into());
    let taken = in_rows(house, &other, &wanted(house, OTHER, campaign, 2)).await;

    assert_eq!(held, taken);
    assert!(mark(house, ALONE, campaign, &held).await.is_empty());
    assert_eq!(mark(house, OTHER, campaign, &taken).await, taken);
    assert_eq!(states(house).await, [("pending", 2), ("sending", 2)].into());
});

both!(what_is_in_memory_is_not_claimed_again_in_the_rows, |house| {
    house_with(house, 3).await;
    let (campaign, hand) = (start(house, LETTER).await.id, Hand::default());
    let held = in_memory(house, &hand, &wanted(house, ALONE, campaign, 2)).await;

    let more = in_rows(house, &hand, &wanted(house, ALONE, campaign, 3)).await;

    assert_eq!(more.len(), 1);
    assert!(!held.contains(&more[0]));
    assert_eq!(states(house).await, [("leased", 1), ("pending", 2)].into());
    let both = [held, more].concat();
    assert_eq!(mark(house, ALONE, campaign, &both).await, both);
});
