//! What applying a policy would change, and for how many people.

use serde::Serialize;

use super::{PolicyFile, rules};
use crate::audience::{contact, field, list, segment, subscription};
use crate::campaign::model::{self, State, content};
use crate::infra::clock::{DAY, Millis};
use crate::infra::db::Conn;
use crate::infra::error::{Message, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::policy::{self, Policy};

/// What applying a policy would change.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// False when the file is in force already.
    pub changes: bool,
    /// People in the workspace.
    pub people: i64,
    /// Lists with their purposes before and after.
    pub lists: Vec<ListPlan>,
    /// Lists that the policy names and that do not exist yet.
    pub missing_lists: Vec<String>,
    /// Fields of the policy that are not declared yet.
    pub missing_fields: Vec<String>,
    /// Fields that people hold and no purpose names.
    pub unnamed_fields: Vec<FieldHeld>,
    /// Whose opens and clicks are recorded now.
    pub measured_before: i64,
    /// Whose would be.
    pub measured_after: i64,
    /// People who are too young by their date of birth.
    pub too_young: i64,
    /// The edition that is published and not in force yet, which everyone is to be told of.
    pub coming_edition: Option<u32>,
    /// Campaigns that it would stop, since it does not allow them.
    pub stops: Vec<String>,
    /// The same in sentences.
    pub sentences: Vec<Message>,
    /// What stands against applying it now.
    pub conflicts: Vec<Message>,
}

/// A list and the purpose that it serves.
#[derive(Debug, Serialize)]
pub struct ListPlan {
    /// The list.
    pub list: String,
    /// People on it.
    pub people: i64,
    /// Its purpose now.
    pub before: Option<String>,
    /// Its purpose under the policy.
    pub after: Option<String>,
}

/// A field that people hold.
#[derive(Debug, Serialize)]
pub struct FieldHeld {
    /// The field.
    pub field: String,
    /// How many have a value.
    pub people: i64,
}

impl Plan {
    /// The plan of a policy.
    pub(super) async fn of(
        installation: &Installation,
        workspace: Id,
        file: &PolicyFile,
        policy: &Policy,
    ) -> Result<Self> {
        let now = installation.clock.now();
        let mut conn = installation.db.read().await?;
        let newest = policy::newest(&mut conn, workspace).await?;
        let mut conflicts = conflicts(&mut conn, workspace, policy, now).await?;
        conflicts.extend(newest.iter().flat_map(|newest| rewritten_editions(&newest.policy, policy)));
        let mut lists = Vec::new();
        for list in list::all(&mut conn, workspace).await?.into_iter().filter(|list| !list.closed) {
            lists.push(ListPlan {
                people: subscription::count(&mut conn, list.id).await?.iter().map(|(_, count)| count).sum(),
                before: list::purpose(&mut conn, list.id).await?,
                after: policy.purpose_of_list(&list.name).map(|purpose| purpose.name.clone()),
                list: list.name,
            });
        }
        let is_known = |name: &&String| !lists.iter().any(|list| list.list == **name);
        let missing_lists =
            policy.purposes.iter().flat_map(|purpose| &purpose.lists).filter(is_known).cloned().collect();
        let declared = field::all(&mut conn, workspace).await?;
        let mut missing_fields: Vec<String> =
            policy.purposes.iter().flat_map(|purpose| purpose.fields.clone()).collect();
        missing_fields.retain(|name| name != "email" && !declared.iter().any(|field| field.name == *name));
        missing_fields.sort();
        missing_fields.dedup();
        let mut unnamed_fields = Vec::new();
        for field in &declared {
            if !policy.purposes.iter().any(|purpose| purpose.has_field(&field.name)) {
                let people = contact::count_with_value(&mut conn, workspace, &field.name).await?;
                unnamed_fields.push(FieldHeld { field: field.name.clone(), people });
            }
        }
        let people = contact::count(&mut conn, workspace).await?;
        let measured_before = contact::count_measured(&mut conn, workspace).await?;
        let measured_after = contact::count_measured_under(
            &mut conn,
            workspace,
            policy.measurement.allows(None),
            policy.measurement.allows(Some(true)),
        )
        .await?;
        drop(conn);
        let unlawful = Box::pin(unlawful(installation, workspace, policy, now)).await?;
        let mut plan = Self {
            stops: unlawful.iter().map(|(name, _)| name.clone()).collect(),
            changes: newest.is_none_or(|newest| newest.source != file.source || newest.policy != *policy),
            people,
            lists,
            missing_lists,
            missing_fields,
            unnamed_fields,
            measured_before,
            measured_after,
            too_young: too_young(installation, workspace, policy, &declared, now).await?,
            coming_edition: policy.coming_edition(now).map(|edition| edition.number),
            sentences: Vec::new(),
            conflicts,
        };
        plan.sentences = plan.describe();
        plan.sentences.extend(unlawful.into_iter().map(|(name, problem)| {
            Message::new("policy-plan-stops").with("campaign", name).with_message("why", problem)
        }));
        Ok(plan)
    }

    fn describe(&self) -> Vec<Message> {
        let mut sentences = Vec::new();
        if !self.changes {
            sentences.push(Message::new("policy-plan-same"));
        }
        sentences.push(Message::new("policy-plan-people").with("count", self.people));
        for list in &self.lists {
            let message = Message::new(if list.after.is_some() { "policy-plan-list" } else { "policy-plan-list-none" });
            let message = message.with("list", &list.list).with("count", list.people);
            sentences.push(message.with("purpose", list.after.clone().unwrap_or_default()));
        }
        for list in &self.missing_lists {
            sentences.push(Message::new("policy-plan-list-missing").with("list", list));
        }
        for field in &self.missing_fields {
            sentences.push(Message::new("policy-plan-field-missing").with("field", field));
        }
        for held in &self.unnamed_fields {
            sentences.push(Message::new("policy-plan-field").with("field", &held.field).with("count", held.people));
        }
        let message = Message::new("policy-plan-measured").with("before", self.measured_before);
        sentences.push(message.with("after", self.measured_after));
        if self.too_young > 0 {
            sentences.push(Message::new("policy-plan-young").with("count", self.too_young));
        }
        if let Some(number) = self.coming_edition {
            sentences.push(Message::new("policy-plan-edition").with("number", number).with("count", self.people));
        }
        sentences
    }
}

/// The campaigns that the policy would stop, each with the reason: its rules are set in a transaction that is taken back.
async fn unlawful(
    installation: &Installation,
    workspace: Id,
    policy: &Policy,
    now: Millis,
) -> Result<Vec<(String, Message)>> {
    let mut tx = installation.db.write().await?;
    rules::set(&mut tx, workspace, Some(policy)).await?;
    let found = super::unlawful::find(installation, &mut tx, workspace, now).await?;
    Ok(found.into_iter().map(|(campaign, problem)| (campaign.name, problem)).collect())
}

/// People whose date of birth says that they are too young.
pub(super) async fn too_young(
    installation: &Installation,
    workspace: Id,
    policy: &Policy,
    declared: &[field::Field],
    now: Millis,
) -> Result<i64> {
    let Some(age) = &policy.age else { return Ok(0) };
    let is_date = |field: &&field::Field| field.name == age.field && field.kind == field::Kind::Date;
    let rule = crate::audience::list_rule::ListRule {
        purpose: None,
        fields: Vec::new(),
        age: Some((age.field.clone(), age.minimum)),
    };
    match (declared.iter().find(is_date), rule.latest_birth(now)) {
        (Some(field), Some((_, latest))) => {
            segment::count_expression(installation, workspace, &format!("`{}` > {latest}", field.name)).await
        }
        _ => Ok(0),
    }
}

/// Campaigns that need data for longer than the policy keeps them.
pub(super) async fn conflicts(conn: &mut Conn, workspace: Id, policy: &Policy, now: Millis) -> Result<Vec<Message>> {
    let mut found = Vec::new();
    for campaign in model::list(conn, workspace).await? {
        if matches!(campaign.state, State::Finished | State::Cancelled) {
            continue;
        }
        let Some(list) = list::get(conn, campaign.list).await? else { continue };
        let Some(purpose) = policy.purpose_of_list(&list.name) else { continue };
        let file = content::read_file(conn, campaign.id).await.ok();
        let until = campaign.until_at.or_else(|| file.and_then(|file| file.schedule.until()));
        let Some(needed) = until.max(campaign.starts_at).map(|end| (end - now + DAY - 1) / DAY) else { continue };
        for kept in [purpose.retention, policy.retention.deliveries].into_iter().flatten() {
            if needed > i64::from(kept) {
                let message = Message::new("policy-conflict-campaign").with("campaign", &campaign.name);
                found.push(message.with("needed", needed).with("days", kept).with("purpose", &purpose.name));
            }
        }
    }
    Ok(found)
}

/// Editions that were published and that a new file changes or drops: what people were shown stays as it was.
pub(super) fn rewritten_editions(before: &Policy, after: &Policy) -> Vec<Message> {
    let is_kept = |number: u32| {
        let find = |policy: &Policy| policy.editions.iter().find(|edition| edition.number == number).cloned();
        find(before) == find(after)
    };
    let lost = before.editions.iter().filter(|edition| !is_kept(edition.number));
    lost.map(|edition| Message::new("policy-conflict-edition").with("number", edition.number)).collect()
}
