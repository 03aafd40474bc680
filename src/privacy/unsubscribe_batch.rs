//! Unsubscribe batches: requests that arrive together share one transaction, and so its two syncs of the disk. While one
//! transaction runs, the next batch gathers, so no request waits for others to come.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio::time::timeout;

use super::erasure::{self, Erased, Reason, Unsubscription};
use crate::campaign::delivery;
use crate::infra::db::query::Query;
use crate::infra::db::{Cells, Conn};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::panic::{self, PanicCounter};
use crate::infra::token::DeliveryRef;

/// How long a request waits for a connection of the database.
pub(super) const CONNECTION_TIMEOUT: Duration = Duration::from_secs(2);

/// Requests in one transaction: it takes about ten milliseconds, during which a mailer waits too.
pub const MAX_BATCH: usize = 500;
/// Requests that wait in memory; further ones wait for a place.
const QUEUE_LENGTH: usize = 4 * MAX_BATCH;

/// A request to unsubscribe from the list of a message, or from another list.
#[derive(Debug, Clone, Copy)]
pub struct UnsubscribeRequest {
    /// The delivery named by the token.
    pub delivery: DeliveryRef,
    /// The list, where it is not that of the message.
    pub list: Option<Id>,
}

/// The result of a request.
#[derive(Debug, Clone, Copy)]
pub struct Unsubscribed {
    /// What was deleted.
    pub erased: Erased,
    /// The contact that the message was sent to; `None` when it was erased before.
    pub contact: Option<Id>,
}

/// The queue of unsubscribe requests. Cheap to clone; its task ends with the last clone.
#[derive(Clone)]
pub struct UnsubscribeBatcher {
    queue: mpsc::Sender<PendingRequest>,
}

struct PendingRequest {
    request: UnsubscribeRequest,
    answer: oneshot::Sender<Result<Unsubscribed>>,
}

impl UnsubscribeBatcher {
    /// Starts the task that executes the requests.
    pub fn start(installation: &Installation) -> Self {
        let (queue, requests) = mpsc::channel(QUEUE_LENGTH);
        tokio::spawn(run(installation.clone(), requests));
        Self { queue }
    }

    /// Executes a request. Durable when this returns; a caller that stops waiting does not cancel it.
    pub async fn unsubscribe(&self, request: UnsubscribeRequest) -> Result<Unsubscribed> {
        let stopped = || Error::Db(sqlx::Error::WorkerCrashed);
        let (answer, answered) = oneshot::channel();
        self.queue.send(PendingRequest { request, answer }).await.map_err(|_| stopped())?;
        answered.await.map_err(|_| stopped())?
    }
}

async fn run(installation: Installation, mut queue: mpsc::Receiver<PendingRequest>) {
    let mut batch = Vec::new();
    while queue.recv_many(&mut batch, MAX_BATCH).await > 0 {
        let requests: Vec<UnsubscribeRequest> = batch.iter().map(|pending| pending.request).collect();
        match unsubscribe_guarded(&installation, requests.clone()).await {
            Ok(results) => batch.drain(..).zip(results).for_each(|(pending, result)| answer(pending, Ok(result))),
            Err(error) if requests.len() == 1 => drop(batch.pop().map(|pending| answer(pending, Err(error)))),
            // One request may have made the batch fail. Requests whose caller gave up are in the journal by now.
            Err(_) => {
                for pending in batch.drain(..).filter(|pending| !pending.answer.is_closed()) {
                    let result = unsubscribe_guarded(&installation, vec![pending.request]).await;
                    answer(pending, result.map(|results| results[0]));
                }
            }
        }
    }
}

fn answer(pending: PendingRequest, result: Result<Unsubscribed>) {
    // The caller may have stopped waiting.
    drop(pending.answer.send(result));
}

/// [`unsubscribe_batch`]; a panic becomes an error, so that it ends nothing but this batch.
pub async fn unsubscribe_guarded(
    installation: &Installation,
    requests: Vec<UnsubscribeRequest>,
) -> Result<Vec<Unsubscribed>> {
    let (installation, panics) = (installation.clone(), installation.panics.clone());
    guarded(&panics, async move { unsubscribe_batch(&installation, &requests).await }).await
}

/// Runs work in a task of its own, which a caller that stops waiting does not cancel; a panic becomes an error.
pub(super) async fn guarded<T: Send + 'static>(
    panics: &PanicCounter,
    work: impl Future<Output = Result<T>> + Send + 'static,
) -> Result<T> {
    tokio::spawn(work).await.unwrap_or_else(|_| {
        panics.record("journal");
        Err(panic::error())
    })
}

/// Executes requests in one transaction. Those of erased contacts delete nothing.
pub async fn unsubscribe_batch(
    installation: &Installation,
    requests: &[UnsubscribeRequest],
) -> Result<Vec<Unsubscribed>> {
    let timed_out = |_| Error::Db(sqlx::Error::PoolTimedOut);
    let mut conn = timeout(CONNECTION_TIMEOUT, installation.db.read()).await.map_err(timed_out)??;
    let deliveries: Vec<Id> = requests.iter().map(|request| request.delivery.delivery).collect();
    let contacts: HashMap<Id, Id> = delivery::contacts_of(&mut conn, &deliveries).await?.into_iter().collect();
    let campaigns: Vec<Id> = requests.iter().map(|request| request.delivery.campaign).collect();
    let lists = workspaces_and_lists(&mut conn, &campaigns).await?;
    drop(conn);
    let contact_of = |request: &UnsubscribeRequest| contacts.get(&request.delivery.delivery).copied();
    let unsubscription = |request: &UnsubscribeRequest| {
        let (workspace, list) = *lists.get(&request.delivery.campaign)?;
        let (list, campaign) = (request.list.unwrap_or(list), Some(request.delivery.campaign));
        Some(Unsubscription { workspace, contact: contact_of(request)?, list, campaign })
    };
    let unsubscriptions: Vec<Option<Unsubscription>> = requests.iter().map(unsubscription).collect();
    let existing: Vec<Unsubscription> = unsubscriptions.iter().flatten().copied().collect();
    let mut erased = erasure::unsubscribe_many(installation, &existing, Reason::Unsubscribed).await?.into_iter();
    let result = |(request, unsubscription): (&UnsubscribeRequest, &Option<Unsubscription>)| {
        let erased = unsubscription.and_then(|_| erased.next()).unwrap_or(Erased::Nothing);
        Unsubscribed { erased, contact: contact_of(request) }
    };
    Ok(requests.iter().zip(&unsubscriptions).map(result).collect())
}

/// Workspace and list of campaigns. No other column is read, so that a damaged campaign cannot prevent an erasure.
pub(super) async fn workspaces_and_lists(conn: &mut Conn, campaigns: &[Id]) -> Result<HashMap<Id, (Id, Id)>> {
    let rows = Query::new(
        "select id, workspace_id, list_id
           from campaign
          where id in :campaigns",
    )
    .bind_ids("campaigns", campaigns)
    .fetch_all(conn)
    .await?;
    rows.iter().map(|row| Ok((row.cell(0)?, (row.cell(1)?, row.cell(2)?)))).collect()
}
