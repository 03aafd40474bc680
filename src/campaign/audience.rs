//! Audience of a campaign as SQL: eligible subscriptions of its list whose contacts meet its segment. Freeze, preflight
//! and the look at time zones use the same condition.

use super::model::Campaign;
use crate::audience::eligibility;
use crate::audience::preference::Frequency;
use crate::audience::segment::{self, Expression};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Conn, Db, Query, Sql};
use crate::infra::error::{Message, Result};

/// Resolves the segment of a campaign as it is now; `None` without a segment.
pub async fn segment_condition(conn: &mut Conn, campaign: &Campaign) -> Result<Option<Expression>> {
    let Some(id) = campaign.segment else { return Ok(None) };
    let segment = segment::get(conn, id).await?.ok_or_else(|| Message::new("campaign-segment-gone").internal())?;
    Ok(Some(segment::resolve(conn, campaign.workspace, &segment.expression).await?))
}

/// Condition over subscription `s` and contact `c`: they belong to the campaign's audience now.
pub fn is_member(db: &Db, campaign: &Campaign, condition: Option<&Expression>, now: Millis) -> Query {
    let mut segment = Sql::default();
    match condition {
        Some(condition) => condition.compile(&mut segment, db, now),
        None => segment.end_with("1 = 1"),
    }
    Query::new(
        "s.list_id = :list
         and {mailable}
         and not {rests}
         and c.workspace_id = :workspace
         and ({segment})",
    )
    .bind("list", campaign.list)
    .fragment("mailable", eligibility::mailable("s"))
    .fragment("rests", rests(now))
    .bind("workspace", campaign.workspace)
    .fragment("segment", segment)
}

/// Condition over subscription `s`: the contact wants no email now, because they paused, or because they want fewer and one is
/// planned or was sent lately.
fn rests(now: Millis) -> Query {
    let recently = Frequency::ALL.iter().filter_map(|frequency| Some((*frequency, frequency.days()?)));
    let cases: Vec<String> =
        recently.map(|(frequency, days)| format!("when '{frequency}' then {}", days * DAY)).collect();
    Query::new(
        "(0 < (select count(*)
                 from preference p
                where p.contact_id = s.contact_id
                  and (p.paused_until > :now
                       or p.frequency <> 'all'
                          and exists (select 1
                                        from delivery d
                                       where d.contact_id = p.contact_id
                                         and d.state in ('pending', 'leased', 'sending', 'uncertain', 'accepted')
                                         and d.changed_at > :now - case p.frequency {cases} else 0 end))))",
    )
    .bind("now", now)
    .fragment("cases", cases.join(" "))
}
