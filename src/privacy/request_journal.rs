//! What recipients ask for through a letter, and the promise that it is done. While the database
//! does not answer, a request is kept in `journal/unsubscribe.log`, on disk before it is answered,
//! and carried out when the database is back. Nothing may be sent while the journal holds requests.
//!
//! A request is two numbers and a wish; it names no one. Carrying one out twice changes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::erasure::{self, Erased, Reason};
use super::unsubscribe_batch::{self, Left, UnsubscribeBatcher, UnsubscribeRequest};
use crate::audience::contact;
use crate::campaign::{delivery, model};
use crate::infra::error::{Error, Result};
use crate::infra::failpoint;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::infra::spool::Spool;
use crate::infra::token::DeliveryRef;

/// How long the database may take to give a connection.
pub(super) const KNOCK: Duration = Duration::from_secs(2);
/// How long someone waits for an answer before their request is kept on disk instead: a large
/// database is away for seconds while it is rewritten after an erasure.
pub const PATIENCE: Duration = Duration::from_millis(600);
/// The same while that is known to go on here. A small one is rewritten within it.
const HASTE: Duration = Duration::from_millis(100);

/// What someone asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RecipientRequest {
    /// To leave the list that the letter was sent to.
    Unsubscribe,
    /// To leave another list they are on.
    UnsubscribeFrom(Id),
    /// To be erased from every list.
    Erase,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RequestStatus {
    /// It is done, and on disk.
    Done(Erased),
    /// It is on disk and will be done before anything is sent.
    Recorded,
}

/// Carries requests out, or keeps them until it can. Cheap to clone.
#[derive(Clone)]
pub struct RequestJournal {
    installation: Installation,
    spool: Spool,
    exit: UnsubscribeBatcher,
}

impl RequestJournal {
    /// The journal of an installation.
    pub fn new(installation: &Installation) -> Self {
        let spool = Spool::new(installation.config.journal_dir().join("unsubscribe.log"));
        Self { installation: installation.clone(), spool, exit: UnsubscribeBatcher::open(installation) }
    }

    /// True when no request waits. A mailer asks before it takes or marks deliveries.
    pub fn is_empty(&self) -> bool {
        self.spool.is_empty()
    }

    /// How many requests wait. Walks the file.
    pub fn waiting(&self) -> u64 {
        self.spool.count()
    }

    /// Grants a request, and says whose it was while the database knows. An error means that it could
    /// be kept nowhere. It is to run in a task of its own: who asked may stop waiting.
    pub async fn grant(&self, claim: DeliveryRef, wish: RecipientRequest) -> Result<(RequestStatus, Option<Id>)> {
        let patience = if self.installation.db.is_vacuuming() { HASTE } else { PATIENCE };
        match timeout(patience, self.carry_out(claim, wish)).await {
            Ok(Ok(left)) => Ok((RequestStatus::Done(left.gone), left.reader)),
            Ok(Err(error)) if !error.is_outage() => Err(error),
            Ok(Err(error)) => {
                tracing::warn!(error = ?error.message().key, "a request to leave is kept on disk");
                Ok((self.note(claim, wish).await?, None))
            }
            Err(_) => Ok((self.note(claim, wish).await?, None)),
        }
    }

    /// Does what is asked, for whom the letter was sent to.
    async fn carry_out(&self, claim: DeliveryRef, wish: RecipientRequest) -> Result<Left> {
        match goodbye(claim, wish) {
            Some(goodbye) => self.exit.leave(goodbye).await,
            // Who stops waiting is erased all the same.
            None => {
                let installation = self.installation.clone();
                let erasing = tokio::spawn(async move { erase(&installation, claim).await });
                erasing.await.map_err(|_| Error::Db(sqlx::Error::WorkerCrashed))?
            }
        }
    }

    /// Carries out what waits. Stops at the first that fails and begins again with all of it next
    /// time. Returns how many requests there were.
    pub async fn replay(&self) -> Result<u64> {
        let mut done = 0;
        while let Some(lines) = self.spool.take().await? {
            let mut goodbyes = Vec::with_capacity(unsubscribe_batch::MOST);
            for line in lines {
                let Some((claim, wish)) = parse(&line?) else { continue };
                match goodbye(claim, wish) {
                    Some(goodbye) => goodbyes.push(goodbye),
                    None => drop(erase(&self.installation, claim).await?),
                }
                if goodbyes.len() == unsubscribe_batch::MOST {
                    unsubscribe_batch::leave(&self.installation, &goodbyes).await?;
                    goodbyes.clear();
                }
                done += 1;
            }
            unsubscribe_batch::leave(&self.installation, &goodbyes).await?;
            self.spool.remove_taken().await?;
        }
        Ok(done)
    }

    /// Keeps a request on disk, for when the database is back.
    pub async fn note(&self, claim: DeliveryRef, wish: RecipientRequest) -> Result<RequestStatus> {
        self.spool.append(vec![line(claim, wish)]).await?;
        failpoint::hit("after-journal-write");
        Ok(RequestStatus::Recorded)
    }
}

/// The request as one to leave a list; `None` for one to be erased.
fn goodbye(claim: DeliveryRef, wish: RecipientRequest) -> Option<UnsubscribeRequest> {
    match wish {
        RecipientRequest::Unsubscribe => Some(UnsubscribeRequest { claim, list: None }),
        RecipientRequest::UnsubscribeFrom(list) => Some(UnsubscribeRequest { claim, list: Some(list) }),
        RecipientRequest::Erase => None,
    }
}

/// Erases whom a letter was sent to. Of people who are gone nothing is left to do.
async fn erase(installation: &Installation, claim: DeliveryRef) -> Result<Left> {
    let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
    let mut conn = timeout(KNOCK, installation.db.read()).await.map_err(away)??;
    let reader = delivery::contact_of(&mut conn, claim.delivery).await?.map(|(person, _)| person);
    let found = match reader {
        Some(person) => contact::get(&mut conn, person).await?,
        None => None,
    };
    let campaign = model::find(&mut conn, claim.campaign).await?;
    drop(conn);
    let gone = match (found, campaign) {
        (Some(found), Some(campaign)) => {
            erasure::erase(installation, campaign.workspace, &found.address, Reason::Erased, Some(campaign.id)).await?
        }
        _ => Erased::Nothing,
    };
    Ok(Left { gone, reader })
}

fn line(claim: DeliveryRef, wish: RecipientRequest) -> String {
    let DeliveryRef { campaign, delivery } = claim;
    match wish {
        RecipientRequest::Unsubscribe => format!("{campaign} {delivery} leave"),
        RecipientRequest::UnsubscribeFrom(list) => format!("{campaign} {delivery} leave {list}"),
        RecipientRequest::Erase => format!("{campaign} {delivery} erase"),
    }
}

fn parse(line: &str) -> Option<(DeliveryRef, RecipientRequest)> {
    let words: Vec<&str> = line.split(' ').collect();
    let (campaign, delivery, wish) = match words[..] {
        [campaign, delivery, "leave"] => (campaign, delivery, RecipientRequest::Unsubscribe),
        [campaign, delivery, "leave", list] => {
            (campaign, delivery, RecipientRequest::UnsubscribeFrom(list.parse().ok()?))
        }
        [campaign, delivery, "erase"] => (campaign, delivery, RecipientRequest::Erase),
        _ => return None,
    };
    Some((DeliveryRef { campaign: campaign.parse().ok()?, delivery: delivery.parse().ok()? }, wish))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_way_over_disk() {
        let claim = DeliveryRef { campaign: 11, delivery: 42 };
        for wish in [RecipientRequest::Unsubscribe, RecipientRequest::UnsubscribeFrom(7), RecipientRequest::Erase] {
            assert_eq!(parse(&line(claim, wish)), Some((claim, wish)));
        }
        assert_eq!(parse("11 42 stay"), None);
        assert_eq!(parse("11"), None);
    }
}
