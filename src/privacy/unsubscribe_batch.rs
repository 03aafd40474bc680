//! The way out of a list. Those who ask at the same moment leave in one transaction: a goodbye waits
//! for two syncs of the disk, and many share them. While one transaction is on its way the next
//! gathers, so nobody waits for company.

use std::collections::HashMap;
use std::collections::hash_map::Entry;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::erasure::{self, Erased, Reason, Unsubscription};
use super::request_journal::KNOCK;
use crate::campaign::model::Campaign;
use crate::campaign::{delivery, model};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::token::DeliveryRef;

/// Goodbyes a transaction: some ten milliseconds, for which a mailer waits too.
pub const MOST: usize = 500;
/// Goodbyes that wait; who comes then waits at the door.
const QUEUE: usize = 4 * MOST;

/// A request to leave the list that a letter was sent to, or another one.
#[derive(Debug, Clone, Copy)]
pub struct UnsubscribeRequest {
    /// What the token names.
    pub claim: DeliveryRef,
    /// The list, where it is not that of the letter.
    pub list: Option<Id>,
}

/// What a goodbye took away, and from whom: nobody when the letter's reader is gone.
#[derive(Debug, Clone, Copy)]
pub struct Left {
    /// What went.
    pub gone: Erased,
    /// Whom the letter was sent to.
    pub reader: Option<Id>,
}

/// Lets people leave together. Cheap to clone; ends with its last clone.
#[derive(Clone)]
pub struct UnsubscribeBatcher {
    queue: mpsc::Sender<Waiting>,
}

struct Waiting {
    goodbye: UnsubscribeRequest,
    answer: oneshot::Sender<Result<Left>>,
}

impl UnsubscribeBatcher {
    /// Opens the way out of an installation.
    pub fn open(installation: &Installation) -> Self {
        let (queue, waiting) = mpsc::channel(QUEUE);
        tokio::spawn(run(installation.clone(), waiting));
        Self { queue }
    }

    /// Waits until a goodbye is on disk. Who stops waiting may have left all the same.
    pub async fn leave(&self, goodbye: UnsubscribeRequest) -> Result<Left> {
        let stopped = || Error::Db(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.queue.send(Waiting { goodbye, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(installation: Installation, mut queue: mpsc::Receiver<Waiting>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MOST).await > 0 {
        let goodbyes: Vec<UnsubscribeRequest> = batch.iter().map(|one| one.goodbye).collect();
        match leave(&installation, &goodbyes).await {
            Ok(left) => batch.drain(..).zip(left).for_each(|(one, left)| tell(one, Ok(left))),
            Err(error) if goodbyes.len() == 1 => drop(batch.pop().map(|one| tell(one, Err(error)))),
            // One of them may be to blame. Who has stopped waiting meanwhile stands in the journal.
            Err(_) => {
                for one in batch.drain(..).filter(|one| !one.answer.is_closed()) {
                    let left = leave(&installation, &[one.goodbye]).await.map(|left| left[0]);
                    tell(one, left);
                }
            }
        }
    }
}

/// Who has stopped waiting is told nothing.
fn tell(one: Waiting, left: Result<Left>) {
    drop(one.answer.send(left));
}

/// Lets people leave in one transaction. Of those who are gone nothing is left to do.
pub async fn leave(installation: &Installation, goodbyes: &[UnsubscribeRequest]) -> Result<Vec<Left>> {
    let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
    let mut conn = timeout(KNOCK, installation.db.read()).await.map_err(away)??;
    let letters: Vec<Id> = goodbyes.iter().map(|goodbye| goodbye.claim.delivery).collect();
    let readers: HashMap<Id, Id> = delivery::contacts_of(&mut conn, &letters).await?.into_iter().collect();
    let mut campaigns: HashMap<Id, Option<Campaign>> = HashMap::new();
    for UnsubscribeRequest { claim, .. } in goodbyes {
        if let Entry::Vacant(unmet) = campaigns.entry(claim.campaign) {
            unmet.insert(model::find(&mut conn, claim.campaign).await?);
        }
    }
    drop(conn);
    let reader = |goodbye: &UnsubscribeRequest| readers.get(&goodbye.claim.delivery).copied();
    let leaver = |goodbye: &UnsubscribeRequest| {
        let (person, campaign) = (reader(goodbye)?, campaigns.get(&goodbye.claim.campaign)?.as_ref()?);
        let list = goodbye.list.unwrap_or(campaign.list);
        Some(Unsubscription { workspace: campaign.workspace, person, list, through: Some(campaign.id) })
    };
    let leavers: Vec<Option<Unsubscription>> = goodbyes.iter().map(leaver).collect();
    let there: Vec<Unsubscription> = leavers.iter().flatten().copied().collect();
    let mut gone = erasure::unsubscribe_many(installation, &there, Reason::Unsubscribed).await?.into_iter();
    let left = |(goodbye, leaver): (&UnsubscribeRequest, &Option<Unsubscription>)| {
        let gone = leaver.and_then(|_| gone.next()).unwrap_or(Erased::Nothing);
        Left { gone, reader: reader(goodbye) }
    };
    Ok(goodbyes.iter().zip(&leavers).map(left).collect())
}
