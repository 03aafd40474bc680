//! Opens and clicks of large campaigns, which take longer to count than a page may take: they are counted in the background, and
//! pages show what was counted last.

use std::time::Duration;

use super::DeskState;
use super::visit::Visit;
use crate::infra::id::Id;
use crate::report::summary::EventNumbers;
use crate::usecase::campaign_report;

/// How old a count may be.
const OLDEST: Duration = Duration::from_secs(30);

/// The opens and clicks of a campaign; `None` while they are counted for the first time.
pub async fn of(desk: &DeskState, visit: &Visit, campaign: Id) -> Option<EventNumbers> {
    let (installation, actor) = (desk.installation.clone(), visit.actor);
    let count = || async move { campaign_report::count_events(&installation, &actor, campaign).await };
    desk.events.get(campaign, OLDEST, count).await
}
