//! Table `campaign_revision`: what the file of a campaign was after each change, so that a draft can be compared with what it
//! was, and restored. The number of revisions of a campaign is bounded: where they are many, those that lie close together
//! go first.

use sqlx::any::AnyRow;

use super::model::content::CampaignSource;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// Revisions of one campaign.
const MAX_REVISIONS: usize = 50;
/// Characters of all revisions of one campaign.
const MAX_CHARACTERS: i64 = 8 << 20;
/// The newest revisions, which are kept as long as there are others.
const NEWEST: usize = 10;
/// How long automatic savings of one person are one revision.
const RUN: Millis = 10 * 60_000;

/// A revision without its text.
#[derive(Debug, Clone)]
pub struct Revision {
    /// Its key.
    pub id: Id,
    /// When it was saved; the last time of a run of automatic savings.
    pub saved_at: Millis,
    /// The user who saved it, where one is known.
    pub saved_by: Option<Id>,
    /// Whether the page saved it by itself.
    pub is_automatic: bool,
    /// Characters of its text.
    pub length: i64,
}

/// A file that was saved.
#[derive(Debug)]
pub struct Saved<'a> {
    /// The key of a new revision.
    pub id: Id,
    /// The campaign.
    pub campaign: Id,
    /// The user who saved it, where one is known.
    pub saved_by: Option<Id>,
    /// Whether the page saved it by itself.
    pub is_automatic: bool,
    /// `md`, `html` or `mjml`.
    pub format: &'a str,
    /// The text of the file.
    pub source: &'a str,
}

fn from_row(row: &AnyRow) -> Result<Revision> {
    Ok(Revision {
        id: row.cell(0)?,
        saved_at: row.cell(1)?,
        saved_by: row.cell(2)?,
        is_automatic: row.cell::<i64>(3)? != 0,
        length: row.cell(4)?,
    })
}

/// The revisions of a campaign, oldest first.
pub async fn list(conn: &mut Conn, campaign: Id) -> Result<Vec<Revision>> {
    let query = Query::new(
        "select id, saved_at, saved_by, automatic, cast(length(source) as bigint)
           from campaign_revision
          where campaign_id = :campaign
          order by id",
    );
    let rows = query.bind("campaign", campaign).fetch_all(conn).await?;
    Ok(read_each("campaign_revision", &rows, from_row))
}

/// The file of a revision of this campaign.
pub async fn read(conn: &mut Conn, campaign: Id, id: Id) -> Result<Option<CampaignSource>> {
    let query =
        Query::new("select format, source from campaign_revision where campaign_id = :campaign and id = :revision");
    let row = query.bind("campaign", campaign).bind("revision", id).fetch_optional(conn).await?;
    row.map(|row| Ok(CampaignSource { format: row.cell(0)?, text: row.cell(1)? })).transpose()
}

/// Records what a campaign's file is now. Nothing is recorded for a file that did not change; a run of automatic savings by one
/// person changes one revision.
pub async fn record(conn: &mut Conn, saved: &Saved<'_>, now: Millis) -> Result<()> {
    let known = list(&mut *conn, saved.campaign).await?;
    if let Some(newest) = known.last() {
        let source = read(&mut *conn, saved.campaign, newest.id).await?;
        if source.is_some_and(|source| source.text == saved.source && source.format == saved.format) {
            return Ok(());
        }
        let is_run = saved.is_automatic
            && newest.is_automatic
            && newest.saved_by == saved.saved_by
            && now - newest.saved_at < RUN;
        if is_run {
            return replace(conn, newest.id, saved, now).await;
        }
    }
    Query::new(
        "insert into campaign_revision (id, campaign_id, saved_at, saved_by, automatic, format, source)
         values (:id, :campaign, :now, :saved_by, :automatic, :format, :source)",
    )
    .bind("id", saved.id)
    .bind("campaign", saved.campaign)
    .bind("now", now)
    .bind("saved_by", saved.saved_by)
    .bind("automatic", i64::from(saved.is_automatic))
    .bind("format", saved.format)
    .bind("source", saved.source)
    .execute(&mut *conn)
    .await?;
    let all = list(&mut *conn, saved.campaign).await?;
    for surplus in surplus(all) {
        let query = Query::new("delete from campaign_revision where id = :id");
        query.bind("id", surplus).execute(&mut *conn).await?;
    }
    Ok(())
}

async fn replace(conn: &mut Conn, id: Id, saved: &Saved<'_>, now: Millis) -> Result<()> {
    let query =
        Query::new("update campaign_revision set saved_at = :now, format = :format, source = :source where id = :id");
    let query = query.bind("now", now).bind("format", saved.format).bind("source", saved.source).bind("id", id);
    query.execute(conn).await.map(drop)
}

/// The revisions that go: of the older ones, always that whose next and last ones lie closest together. The first one and the
/// newest stay while there are others.
fn surplus(mut all: Vec<Revision>) -> Vec<Id> {
    let mut gone = Vec::new();
    let is_large = |all: &[Revision]| all.iter().map(|one| one.length).sum::<i64>() > MAX_CHARACTERS;
    while all.len() > MAX_REVISIONS || (all.len() > 2 && is_large(&all)) {
        let older = 1..all.len().saturating_sub(NEWEST);
        let closest = older.min_by_key(|at| all[at + 1].saved_at - all[at - 1].saved_at);
        gone.push(all.remove(closest.unwrap_or(0)).id);
    }
    gone
}

/// Removes the revisions of a campaign that is removed.
pub async fn remove(conn: &mut Conn, campaign: Id) -> Result<()> {
    let query = Query::new("delete from campaign_revision where campaign_id = :campaign");
    query.bind("campaign", campaign).execute(conn).await.map(drop)
}

/// Forgets that a user who is removed saved anything.
pub async fn forget_user(conn: &mut Conn, user: Id) -> Result<()> {
    let query = Query::new("update campaign_revision set saved_by = null where saved_by = :user");
    query.bind("user", user).execute(conn).await.map(drop)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn revision(id: Id, saved_at: Millis, length: i64) -> Revision {
        Revision { id, saved_at, saved_by: None, is_automatic: false, length }
    }

    #[test]
    fn those_that_lie_close_together_go_first() {
        let many: Vec<_> = (0..MAX_REVISIONS as i64).map(|at| revision(at, at * 1_000, 10)).collect();
        assert!(surplus(many.clone()).is_empty());
        let mut one_more = many;
        one_more.insert(6, revision(99, 5_001, 10));
        assert_eq!(surplus(one_more).len(), 1);
        let close: Vec<_> = [0, 10, 11, 12, 50].into_iter().chain(60..60 + MAX_REVISIONS as i64).collect();
        let close = close.into_iter().map(|at| revision(at, at * 1_000, 10)).collect::<Vec<_>>();
        let gone = surplus(close.clone());
        assert_eq!(gone.len(), close.len() - MAX_REVISIONS);
        assert!(!gone.contains(&0) && !gone.contains(&(59 + MAX_REVISIONS as i64)), "{gone:?}");
    }

    #[test]
    fn large_texts_are_bounded_together() {
        let large: Vec<_> = (0..20).map(|at| revision(at, at, 1 << 20)).collect();
        let gone = surplus(large);
        assert_eq!(gone.len(), 12);
        assert!(!gone.contains(&19), "the newest stays: {gone:?}");
        assert!(surplus(vec![revision(1, 1, 9 << 20), revision(2, 2, 9 << 20)]).is_empty());
    }
}
