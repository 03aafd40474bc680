//! Requests of recipients (unsubscribe, erase), executed at once or kept on disk. While the database does not answer, a
//! request is written to `journal/unsubscribe.log`, durably before it is acknowledged, and executed when the database is
//! back. Nothing may be sent while the journal holds requests.
//!
//! A request that fails although the database answers is set aside with its reason, and its contact is restricted: nothing is
//! sent to this contact, and the others go on.
//!
//! A line holds two ids and an action, nothing personal. Executing a request twice changes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::erasure::{self, Erased, Reason};
use super::unsubscribe_batch::{self, MAX_BATCH, UnsubscribeBatcher, UnsubscribeRequest, Unsubscribed, guarded};
use crate::audience::subscription;
use crate::campaign::delivery;
use crate::feedback::set_aside::{self, NewSetAside, Queue};
use crate::infra::db::Tx;
use crate::infra::db::store_status::WritePurpose;
use crate::infra::error::{Error, Message, Result};
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::spool::{Spool, SpoolLine};
use crate::infra::spool_position;
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
            // One that fails for another reason than an outage is set aside from the journal.
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
            None => erase_guarded(&self.installation, delivery).await,
        }
    }

    /// Executes all pending requests, in chunks. Those that fail although the database answers are set aside. Returns the
    /// number of requests.
    ///
    /// # Errors
    /// When the database or the disk fails; the next call goes on with the chunk that failed.
    pub async fn replay(&self) -> Result<u64> {
        let mut done = 0;
        let installation = &self.installation;
        while let Some(file) = self.spool.take(installation.ids.next()?).await? {
            let timed_out = |_| Error::Db(sqlx::Error::PoolTimedOut);
            let mut conn =
                timeout(unsubscribe_batch::CONNECTION_TIMEOUT, installation.db.read()).await.map_err(timed_out)??;
            let mut position = spool_position::get(&mut conn, file.id).await?;
            drop(conn);
            loop {
                let chunk = file.read(position, MAX_BATCH).await?;
                let failed = self.execute_lines(&chunk.lines).await?;
                for (line, _) in &failed {
                    self.restrict(line.and_then(parse)).await?;
                }
                let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
                for (line, reason) in failed {
                    self.set_aside(&mut tx, line, reason).await?;
                }
                spool_position::set(&mut tx, file.id, chunk.end).await?;
                tx.commit().await?;
                failpoint::hit("after-request-chunk");
                position = chunk.end;
                file.set_processed(position, chunk.lines.len());
                done += chunk.lines.len() as u64;
                if chunk.is_last {
                    break;
                }
            }
            let id = file.id;
            file.remove().await?;
            let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
            spool_position::remove(&mut tx, id).await?;
            tx.commit().await?;
        }
        Ok(done)
    }

    /// Executes the requests of lines. Returns the lines that cannot be executed, with the reason.
    async fn execute_lines<'l>(&self, lines: &'l [SpoolLine]) -> Result<Vec<(Option<&'l str>, Message)>> {
        let (mut batch, mut failed) = (Vec::with_capacity(lines.len()), Vec::new());
        for line in lines {
            let text = match line {
                SpoolLine::Text(text) => text.as_str(),
                SpoolLine::Damaged(reason) => {
                    failed.push((None, Message::new(reason)));
                    continue;
                }
            };
            match parse(text).map(|(delivery, request)| (delivery, unsubscribe_request(delivery, request))) {
                None => failed.push((Some(text), Message::new("spool-line-other"))),
                Some((_, Some(request))) => batch.push((text, request)),
                Some((delivery, None)) => match erase_guarded(&self.installation, delivery).await {
                    Err(error) if error.is_outage() => return Err(error),
                    Err(error) => failed.push((Some(text), error.message())),
                    Ok(_) => {}
                },
            }
        }
        let requests = |batch: &[(&str, UnsubscribeRequest)]| batch.iter().map(|(_, request)| *request).collect();
        match unsubscribe_batch::unsubscribe_guarded(&self.installation, requests(&batch)).await {
            Err(error) if error.is_outage() => return Err(error),
            Err(_) => {
                for one in &batch {
                    match unsubscribe_batch::unsubscribe_guarded(&self.installation, vec![one.1]).await {
                        Err(error) if error.is_outage() => return Err(error),
                        Err(error) => failed.push((Some(one.0), error.message())),
                        Ok(_) => {}
                    }
                }
            }
            Ok(_) => {}
        }
        Ok(failed)
    }

    /// Restricts the contact of a request that cannot be executed. A contact that cannot be changed at all is logged.
    async fn restrict(&self, request: Option<(DeliveryRef, RecipientRequest)>) -> Result<()> {
        let Some((DeliveryRef { delivery, .. }, _)) = request else { return Ok(()) };
        let installation = self.installation.clone();
        let restricting = guarded(&self.installation.panics, async move {
            let mut tx = installation.db.write_for(WritePurpose::Removal).await?;
            if let Some((contact, _)) = delivery::contact_of(&mut tx, delivery).await? {
                subscription::restrict(&mut tx, contact).await?;
            }
            tx.commit().await
        });
        match restricting.await {
            Err(error) if error.is_outage() => Err(error),
            Err(error) => {
                tracing::error!(
                    error = error.message().key,
                    delivery.id = delivery,
                    "a contact could not be restricted"
                );
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    async fn set_aside(&self, tx: &mut Tx, line: Option<&str>, reason: Message) -> Result<()> {
        tracing::error!(reason = reason.key, "a request of a recipient cannot be executed and is set aside");
        let new = NewSetAside {
            id: self.installation.ids.next()?,
            queue: Queue::Request,
            line,
            reason,
            delivery: line.and_then(parse).map(|(reference, _)| reference.delivery),
            at: self.installation.clock.now(),
        };
        set_aside::insert(tx, &new).await
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

/// Executes the request of a line that was set aside.
///
/// # Errors
/// Invalid when the line names no request; otherwise why it failed again.
pub async fn execute_line(installation: &Installation, line: &str) -> Result<()> {
    let (delivery, request) = parse(line).ok_or_else(|| Message::new("spool-line-other").invalid())?;
    match unsubscribe_request(delivery, request) {
        Some(request) => unsubscribe_batch::unsubscribe_guarded(installation, vec![request]).await.map(drop),
        None => erase_guarded(installation, delivery).await.map(drop),
    }
}

async fn erase_guarded(installation: &Installation, delivery: DeliveryRef) -> Result<Unsubscribed> {
    let (installation, panics) = (installation.clone(), installation.panics.clone());
    guarded(&panics, async move { erase(&installation, delivery).await }).await
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
