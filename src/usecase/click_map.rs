//! The clicks of a campaign, drawn on its email and as a table.

use serde_json::to_string;

use super::campaign_view::CampaignView;
use super::{Action, Actor};
use crate::audience::field;
use crate::campaign::composer::Composer;
use crate::campaign::delivery::Recipient;
use crate::campaign::{model, test_message};
use crate::content::click_overlay::{DrawnLink, draw};
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

/// The clicks of a campaign.
#[derive(Debug)]
pub struct ClickMap {
    /// The campaign.
    pub name: String,
    /// The email with its links outlined; `None` for one that cannot be made with invented values.
    pub html: Option<String>,
    /// The links in the order of the email.
    pub links: Vec<LinkShare>,
    /// Messages in which any link was followed: the denominator of the shares.
    pub messages: i64,
}

/// A link with its share.
#[derive(Debug)]
pub struct LinkShare {
    /// Its number in the email, from 1.
    pub number: i32,
    /// Where it leads.
    pub destination: String,
    /// Messages in which it was followed.
    pub clicks: i64,
    /// All clicks, repeated ones included.
    pub total: i64,
    /// `clicks` of `messages`, such as `38 %`.
    pub share: String,
}

/// Reads the clicks of a launched campaign that is measured.
///
/// # Errors
/// `NotFound` for a campaign of another workspace, and for one without anything measured.
pub async fn read(installation: &Installation, actor: &Actor, id: Id) -> Result<ClickMap> {
    let permit = actor.permit(installation, Action::ShowCampaign).await?;
    let mut conn = installation.db.read().await?;
    let found = model::find(&mut conn, id).await?.filter(|campaign| campaign.workspace == permit.workspace);
    let campaign = found.ok_or_else(|| Message::new("campaign-gone").not_found())?;
    let view = CampaignView::read(&mut conn, campaign.clone(), installation.clock.now()).await?;
    if !view.measured || !campaign.is_launched() {
        return Err(Message::new("clicks-unmeasured").not_found());
    }
    let messages = view.summary.clicks;
    let share = |clicks: i64| if messages == 0 { 0.0 } else { clicks as f64 / messages as f64 };
    let percent = |clicks: i64| format!("{:.0} %", share(clicks) * 100.0);
    let composer = Composer::load(installation, &mut conn, &campaign).await?;
    let values = test_message::invented_values(&field::all(&mut conn, permit.workspace).await?);
    let fields = to_string(&values).map_err(|_| Message::new("skipped-fields").internal())?;
    // Delivery 0: its links change nothing.
    let recipient = Recipient { delivery: 0, address: "preview@example.org".to_owned(), fields, measured: Some(true) };
    let drawn = view.summary.links.iter().map(|link| DrawnLink {
        position: link.position,
        label: percent(link.clicks),
        share: share(link.clicks),
    });
    let drawn: Vec<_> = drawn.collect();
    let html = composer.preview(&recipient).ok();
    let html = html.map(|rendered| draw(&rendered.html, &composer.content().frame.public_url, &drawn));
    permit.skip_audit();
    let links = view.summary.links.iter().map(|link| LinkShare {
        number: link.position + 1,
        destination: link.destination.clone(),
        clicks: link.clicks,
        total: link.total,
        share: percent(link.clicks),
    });
    Ok(ClickMap { name: campaign.name, html, links: links.collect(), messages })
}
