//! Checks that a campaign keeps to the purpose of its list: its email, its segment and its time zones use only the fields of that
//! purpose, and its segment names no list or campaign of another one.

use super::frozen_content::FrozenContent;
use super::model::{self, Campaign, content};
use super::policy_notice;
use crate::audience::list;
use crate::audience::list_rule;
use crate::audience::segment::Expression;
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};

/// What keeps the campaign from its list; nothing in a workspace without a policy. `fields` are those that its email prints.
pub async fn problems(
    conn: &mut Conn,
    campaign: &Campaign,
    content: &FrozenContent,
    fields: &[String],
    segment: Option<&Expression>,
) -> Result<Vec<Message>> {
    let Some(rule) = list_rule::of_list(conn, campaign.list).await? else { return Ok(Vec::new()) };
    if policy_notice::is_notice(conn, campaign.id).await? {
        return Ok(Vec::new());
    }
    let list_name = &content.frame.list_name;
    let Some((purpose, _)) = &rule.purpose else {
        return Ok(vec![Message::new("policy-list-without-purpose").with("list", list_name)]);
    };
    let mut problems = Vec::new();
    let mut used = fields.to_vec();
    if let Ok(file) = content::read_file(conn, campaign.id).await {
        used.extend(file.schedule.local().map(|local| local.field.clone()));
    }
    let named = segment.map(Expression::named).unwrap_or_default();
    let about = |key| Message::new(key).with("list", list_name).with("purpose", purpose);
    for field in rule.others(used.iter().map(String::as_str)) {
        problems.push(about("policy-email-field").with("field", field));
    }
    for field in rule.others(named.fields.iter().map(String::as_str)) {
        problems.push(about("policy-segment-field").with("field", field));
    }
    for (id, name) in named.lists {
        let other = list::purpose(conn, id).await?;
        if other.as_ref() != Some(purpose) {
            problems.push(
                about("policy-segment-list")
                    .with("other", name)
                    .with("theirs", other.unwrap_or_else(|| "—".to_owned())),
            );
        }
    }
    for (id, name) in named.campaigns {
        let other = match model::find(conn, id).await? {
            Some(found) => list::purpose(conn, found.list).await?,
            None => None,
        };
        if other.as_ref() != Some(purpose) {
            let message = about("policy-segment-campaign").with("other", name);
            problems.push(message.with("theirs", other.unwrap_or_else(|| "—".to_owned())));
        }
    }
    problems.dedup();
    Ok(problems)
}
