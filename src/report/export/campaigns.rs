//! Rows of the exports that have one row per campaign, or per link of one.

use super::schema::link_id;
use super::table_writer::{Cell, time};
use crate::campaign::headline::{self, Headline};
use crate::campaign::launch_count::{self, LaunchCount};
use crate::campaign::model::Campaign;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::report::rates::Rates;
use crate::report::summary::{self, Summary};

/// A campaign with what its rows are made from.
pub struct CampaignRows<'a> {
    campaign: &'a Campaign,
    summary: Summary,
    headline: Option<Headline>,
    list: String,
    segment: Option<String>,
    audience: Vec<LaunchCount>,
}

impl<'a> CampaignRows<'a> {
    /// Reads the numbers and names of a campaign.
    pub async fn read(conn: &mut Conn, campaign: &'a Campaign) -> Result<Self> {
        let summary = summary::read(conn, campaign).await?;
        let headline = headline::read(conn, campaign).await?;
        let names = Query::new(
            "select l.name, s.name
               from list l
               left join segment s on s.id = :segment
              where l.id = :list",
        );
        let names = names.bind("segment", campaign.segment).bind("list", campaign.list).fetch_optional(conn).await?;
        let (list, segment) = match names {
            Some(row) => (row.cell(0)?, row.cell(1)?),
            None => Default::default(),
        };
        let audience = launch_count::list(conn, campaign.id).await?;
        Ok(Self { campaign, summary, headline, list, segment, audience })
    }

    /// One row per link.
    pub fn links(&self) -> Vec<Vec<Cell<'_>>> {
        let row = |link: &'_ summary::LinkCount| {
            let share = self.is_measured().then(|| ratio(link.clicks, self.summary.accepted));
            vec![
                Cell::Text(self.summary.name.clone().into()),
                i64::from(link.position).into(),
                Cell::Text(link.destination.clone().into()),
                link.clicks.into(),
                Cell::Whole(self.campaign.id),
                link_id(self.campaign.id, link.position.into()),
                link.total.into(),
                share.unwrap_or(Cell::Null),
            ]
        };
        self.summary.links.iter().map(row).collect()
    }

    /// One row per count of the audience at launch.
    pub fn audience(&self) -> Vec<Vec<Cell<'_>>> {
        let row = |count: &LaunchCount| {
            vec![
                Cell::Text(self.summary.name.clone().into()),
                time(self.campaign.launched_at),
                Cell::Text(count.kind.clone().into()),
                Cell::Text(count.name.clone().into()),
                count.count.into(),
                Cell::Whole(self.campaign.id),
            ]
        };
        self.audience.iter().map(row).collect()
    }

    /// The row of the summary.
    pub fn summary(&self) -> Vec<Cell<'_>> {
        let numbers = &self.summary;
        let counts = [
            numbers.planned,
            numbers.accepted,
            numbers.rejected,
            numbers.uncertain,
            numbers.suppressed,
            numbers.skipped,
            numbers.pending,
            numbers.sending,
            numbers.deferred,
            numbers.opens,
            numbers.clicks,
            numbers.unsubscribed,
            numbers.lost,
        ];
        let text = |text: Option<&str>| text.map_or(Cell::Null, |text| Cell::Text(text.to_owned().into()));
        let headline = self.headline.as_ref();
        let sender = headline.map(|headline| match headline.from.name.as_str() {
            "" => headline.from.address.clone(),
            name => format!("{name} <{}>", headline.from.address),
        });
        let mut cells: Vec<Cell<'_>> = vec![numbers.name.as_str().into(), numbers.state.into()];
        cells.extend(counts.map(Cell::from));
        cells.extend([time(self.campaign.launched_at), time(self.campaign.finished_at)]);
        cells.push(Cell::Whole(self.campaign.id));
        cells.extend([text(Some(&self.list)), text(self.segment.as_deref())]);
        cells.extend([text(headline.map(|headline| headline.subject.as_str())), text(sender.as_deref())]);
        cells.extend([numbers.opens_total.into(), numbers.clicks_total.into()]);
        cells.push(text(headline.map(|headline| if headline.measured { "yes" } else { "no" })));
        let rates = Rates::of(numbers, self.is_measured());
        cells.extend(rates.iter().map(|rate| rate.share().map_or(Cell::Null, Cell::from)));
        cells
    }

    fn is_measured(&self) -> bool {
        self.headline.as_ref().is_some_and(|headline| headline.measured)
    }
}

fn ratio(count: i64, of: i64) -> Cell<'static> {
    if of > 0 { Cell::from((count as f64 / of as f64 * 1e6).round() / 1e6) } else { Cell::Null }
}
