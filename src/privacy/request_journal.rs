//! Requests of recipients (unsubscribe, erase), executed at once or kept on disk. While the database does not answer, a
//! request is written to `journal/unsubscribe.log`, durably before it is acknowledged, and executed when the database is
//! back. Nothing may be sent while the journal holds requests.
//!
//! A line holds two ids and an action, nothing personal. Executing a request twice changes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::erasure::{self, Erased, Reason};
use super::unsubscribe_batch::{self, MAX_BATCH, UnsubscribeBatcher, UnsubscribeRequest, Unsubscribed};
use crate::campaign::delivery;
use crate::infra::error::{Error, Result};
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::spool::Spool;
use crate::infra::token::DeliveryRef;

/// How long a request may take before it is kept on disk instead: a large database is away for seconds while it is
/// rewritten after an erasure.
pub const EXECUTION_TIMEOUT: Duration = Duration::from_millis(600);
/// The same while this process is rewriting the database. A small one is rewritten within it.
const REWRITING_TIMEOUT: Duration = Duration::from_millis(100);

/// What a recipient asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientRequest {
    /// To be unsubscribed from the list of the message.
    Unsubscribe,
    /// To be unsubscribed from another list.
    UnsubscribeFrom(Id),
    /// To be erased from every list.
    Erase,
}

/// How a request was answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    /// It is executed, durably.
    Done(Erased),
    /// It is on disk and will be executed before anything is sent.
    Recorded,
}

/// Executes requests, or keeps them on disk until it can. Cheap to clone.
#[derive(Clone)]
pub struct RequestJournal {
    installation: Installation,
    spool: Spool,
    batcher: UnsubscribeBatcher,
}

impl RequestJournal {
    /// Opens the journal of an installation.
    pub fn new(installation: &Installation) -> Self {
        let spool = Spool::new(installation.config.journal_dir().join("unsubscribe.log"));
        Self { installation: installation.clone(), spool, batcher: UnsubscribeBatcher::start(installation) }
    }

    /// Whether no request is pending. A mailer checks it before it claims or marks deliveries.
    pub fn is_empty(&self) -> bool {
        self.spool.is_empty()
    }

    /// The number of pending requests. Reads the file.
    pub fn count_pending(&self) -> u64 {
        self.spool.count()
    }

    /// Executes a request, or records it when the database does not answer in time. Also returns the contact while the
    /// database knows it. An error means that the request could neither be executed nor recorded. To be run in a task of
    /// its own, since the caller may stop waiting.
    pub async fn submit(
        &self,
        delivery: DeliveryRef,
        request: RecipientRequest,
    ) -> Result<(RequestStatus, Option<Id>)> {
        let limit = if self.installation.db.is_vacuuming() { REWRITING_TIMEOUT } else { EXECUTION_TIMEOUT };
        match timeout(limit, self.execute(delivery, request)).await {
            Ok(Ok(result)) => Ok((RequestStatus::Done(result.erased), result.contact)),
            Ok(Err(error)) if !error.is_outage() => Err(error),
            Ok(Err(error)) => {
                tracing::warn!(error = ?error.message().key, "an unsubscribe request is kept on disk");
                Ok((self.record(delivery, request).await?, None))
            }
            Err(_) => Ok((self.record(delivery, request).await?, None)),
        }
    }

    async fn execute(&self, delivery: DeliveryRef, request: RecipientRequest) -> Result<Unsubscribed> {
        match unsubscribe_request(delivery, request) {
            Some(request) => self.batcher.unsubscribe(request).await,
            // In a task of its own: a caller that stops waiting does not cancel it.
            None => {
                let installation = self.installation.clone();
                let erasing = tokio::spawn(async move { erase(&installation, delivery).await });
                erasing.await.map_err(|_| Error::Db(sqlx::Error::WorkerCrashed))?
            }
        }
    }

    /// Executes all pending requests. Stops at the first error; the next call starts again with all of them. Returns the
    /// number of requests.
    pub async fn replay(&self) -> Result<u64> {
        let mut done = 0;
        while let Some(lines) = self.spool.take().await? {
            let mut batch = Vec::with_capacity(MAX_BATCH);
            for line in lines {
                let Some((delivery, request)) = parse(&line?) else { continue };
                match unsubscribe_request(delivery, request) {
                    Some(request) => batch.push(request),
                    None => drop(erase(&self.installation, delivery).await?),
                }
                if batch.len() == MAX_BATCH {
                    unsubscribe_batch::unsubscribe_batch(&self.installation, &batch).await?;
                    batch.clear();
                }
                done += 1;
            }
            unsubscribe_batch::unsubscribe_batch(&self.installation, &batch).await?;
            self.spool.remove_taken().await?;
        }
        Ok(done)
    }

    /// Writes a request to disk, for when the database is back. Durable when this returns.
    pub async fn record(&self, delivery: DeliveryRef, request: RecipientRequest) -> Result<RequestStatus> {
        self.spool.append(vec![line(delivery, request)]).await?;
        failpoint::hit("after-journal-write");
        Ok(RequestStatus::Recorded)
    }
}

/// The request to unsubscribe from a list; `None` for one to erase.
fn unsubscribe_request(delivery: DeliveryRef, request: RecipientRequest) -> Option<UnsubscribeRequest> {
    match request {
        RecipientRequest::Unsubscribe => Some(UnsubscribeRequest { delivery, list: None }),
        RecipientRequest::UnsubscribeFrom(list) => Some(UnsubscribeRequest { delivery, list: Some(list) }),
        RecipientRequest::Erase => None,
    }
}

/// Erases the recipient of a delivery. Does nothing when it was erased before.
async fn erase(installation: &Installation, delivery: DeliveryRef) -> Result<Unsubscribed> {
    let timed_out = |_| Error::Db(sqlx::Error::PoolTimedOut);
    let mut conn =
        timeout(unsubscribe_batch::CONNECTION_TIMEOUT, installation.db.read()).await.map_err(timed_out)??;
    let recipient = delivery::contact_of(&mut conn, delivery.delivery).await?.map(|(contact, _)| contact);
    let canonical = match recipient {
        Some(contact) => erasure::canonical_of(&mut conn, contact).await?,
        None => None,
    };
    let mut campaigns = unsubscribe_batch::workspaces_and_lists(&mut conn, &[delivery.campaign]).await?;
    drop(conn);
    let erased = match (canonical, campaigns.remove(&delivery.campaign)) {
        (Some(canonical), Some((workspace, _))) => {
            let campaign = Some(delivery.campaign);
            erasure::erase_canonical(installation, workspace, &canonical, Reason::Erased, campaign).await?
        }
        _ => Erased::Nothing,
    };
    Ok(Unsubscribed { erased, contact: recipient })
}

fn line(delivery: DeliveryRef, request: RecipientRequest) -> String {
    let DeliveryRef { campaign, delivery } = delivery;
    match request {
        RecipientRequest::Unsubscribe => format!("{campaign} {delivery} leave"),
        RecipientRequest::UnsubscribeFrom(list) => format!("{campaign} {delivery} leave {list}"),
        RecipientRequest::Erase => format!("{campaign} {delivery} erase"),
    }
}

fn parse(line: &str) -> Option<(DeliveryRef, RecipientRequest)> {
    let words: Vec<&str> = line.split(' ').collect();
    let (campaign, delivery, request) = match words[..] {
        [campaign, delivery, "leave"] => (campaign, delivery, RecipientRequest::Unsubscribe),
        [campaign, delivery, "leave", list] => {
            (campaign, delivery, RecipientRequest::UnsubscribeFrom(list.parse().ok()?))
        }
        [campaign, delivery, "erase"] => (campaign, delivery, RecipientRequest::Erase),
        _ => return None,
    };
    Some((DeliveryRef { campaign: campaign.parse().ok()?, delivery: delivery.parse().ok()? }, request))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn written_line_is_parsed_to_the_same_request() {
        let delivery = DeliveryRef { campaign: 11, delivery: 42 };
        for request in [RecipientRequest::Unsubscribe, RecipientRequest::UnsubscribeFrom(7), RecipientRequest::Erase] {
            assert_eq!(parse(&line(delivery, request)), Some((delivery, request)));
        }
        assert_eq!(parse("11 42 stay"), None);
        assert_eq!(parse("11"), None);
    }
}
