//! What recipients ask for through a letter, and the promise that it is done. While the database
//! does not answer, a request is kept in `journal/unsubscribe.log`, on disk before it is answered,
//! and carried out when the database is back. Nothing may be sent while the journal holds requests.
//!
//! A request is two numbers and a wish; it names no one. Carrying one out twice changes nothing.

use std::time::Duration;

use tokio::time::timeout;

use super::erasure::{self, Gone, Reason};
use crate::audience::contact;
use crate::campaign::{delivery, state};
use crate::ground::error::{Error, Result};
use crate::ground::failpoint;
use crate::ground::id::Id;
use crate::ground::installation::Installation;
use crate::ground::ledger::Ledger;
use crate::ground::token::Claim;

/// How long the database may take to give a connection.
const KNOCK: Duration = Duration::from_secs(2);
/// How long someone waits for an answer before their request is kept on disk instead: a large
/// database is away for seconds while it is rewritten after an erasure.
pub const PATIENCE: Duration = Duration::from_millis(600);

/// What someone asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wish {
    /// To leave the list that the letter was sent to.
    Leave,
    /// To leave another list they are on.
    LeaveList(Id),
    /// To be erased from every list.
    Erase,
}

/// What became of a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Granted {
    /// It is done, and on disk.
    Done(Gone),
    /// It is on disk and will be done before anything is sent.
    Noted,
}

/// Carries requests out, or keeps them until it can. Cheap to clone.
#[derive(Clone)]
pub struct Journal {
    home: Installation,
    ledger: Ledger,
}

impl Journal {
    /// The journal of an installation.
    pub fn new(home: &Installation) -> Self {
        Self { home: home.clone(), ledger: Ledger::at(home.config.journal().join("unsubscribe.log")) }
    }

    /// True when no request waits. A mailer asks before it takes or marks deliveries.
    pub fn is_empty(&self) -> bool {
        self.ledger.is_empty()
    }

    /// How many requests wait. Walks the file.
    pub fn waiting(&self) -> u64 {
        self.ledger.waiting()
    }

    /// Grants a request. An error means that it could be kept nowhere. Once called, the request is
    /// carried out even when the caller stops waiting.
    pub async fn grant(&self, claim: Claim, wish: Wish) -> Result<Granted> {
        let home = self.home.clone();
        let mut work = tokio::spawn(async move { carry_out(&home, claim, wish).await });
        match timeout(PATIENCE, &mut work).await {
            Ok(Ok(Ok(gone))) => Ok(Granted::Done(gone)),
            Ok(Ok(Err(error @ (Error::Misuse(_) | Error::Failed(_))))) => Err(error),
            Ok(Ok(Err(error))) => {
                tracing::warn!(error = ?error.message().key, "a request to leave is kept on disk");
                self.note(claim, wish).await
            }
            Ok(Err(_)) | Err(_) => self.note(claim, wish).await,
        }
    }

    /// Carries out what waits, oldest first. Stops at the first that fails and begins again with
    /// the same next time. Returns how many requests there were.
    pub async fn replay(&self) -> Result<u64> {
        let mut done = 0;
        while let Some(lines) = self.ledger.take().await? {
            for line in lines {
                if let Some((claim, wish)) = parse(&line?) {
                    carry_out(&self.home, claim, wish).await?;
                    done += 1;
                }
            }
            self.ledger.done().await?;
        }
        Ok(done)
    }

    /// Keeps a request on disk, for when the database is back.
    pub async fn note(&self, claim: Claim, wish: Wish) -> Result<Granted> {
        self.ledger.append(vec![line(claim, wish)]).await?;
        failpoint::reach("noted");
        Ok(Granted::Noted)
    }
}

/// Does what is asked, for whom the letter was sent to. Of people who are gone nothing is left to do.
async fn carry_out(home: &Installation, claim: Claim, wish: Wish) -> Result<Gone> {
    let away = |_| Error::Db(sqlx::Error::PoolTimedOut);
    let mut conn = timeout(KNOCK, home.db.read()).await.map_err(away)??;
    let Some((person, _)) = delivery::contact_of(&mut conn, claim.delivery).await? else {
        return Ok(Gone::Nothing);
    };
    let Some(campaign) = state::get(&mut conn, claim.campaign).await? else {
        return Ok(Gone::Nothing);
    };
    let list = match wish {
        Wish::Leave => campaign.list,
        Wish::LeaveList(list) => list,
        Wish::Erase => {
            let Some(found) = contact::get(&mut conn, person).await? else {
                return Ok(Gone::Nothing);
            };
            drop(conn);
            return erasure::erase(home, campaign.workspace, &found.address, Reason::Erased, Some(campaign.id)).await;
        }
    };
    drop(conn);
    erasure::leave(home, campaign.workspace, person, list, Reason::Left, Some(campaign.id)).await
}

fn line(claim: Claim, wish: Wish) -> String {
    let Claim { campaign, delivery } = claim;
    match wish {
        Wish::Leave => format!("{campaign} {delivery} leave"),
        Wish::LeaveList(list) => format!("{campaign} {delivery} leave {list}"),
        Wish::Erase => format!("{campaign} {delivery} erase"),
    }
}

fn parse(line: &str) -> Option<(Claim, Wish)> {
    let words: Vec<&str> = line.split(' ').collect();
    let (campaign, delivery, wish) = match words[..] {
        [campaign, delivery, "leave"] => (campaign, delivery, Wish::Leave),
        [campaign, delivery, "leave", list] => (campaign, delivery, Wish::LeaveList(list.parse().ok()?)),
        [campaign, delivery, "erase"] => (campaign, delivery, Wish::Erase),
        _ => return None,
    };
    Some((Claim { campaign: campaign.parse().ok()?, delivery: delivery.parse().ok()? }, wish))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_survives_the_way_over_disk() {
        let claim = Claim { campaign: 11, delivery: 42 };
        for wish in [Wish::Leave, Wish::LeaveList(7), Wish::Erase] {
            assert_eq!(parse(&line(claim, wish)), Some((claim, wish)));
        }
        assert_eq!(parse("11 42 stay"), None);
        assert_eq!(parse("11"), None);
    }
}
