//! Evidence of what the policy itself says, compared with the rows: fields, facts of processors, terms, editions, contract, age.

use super::rows::count_before;
use super::{Findings, Scope};
use crate::audience::{contact, field, list, list_rule, subscription};
use crate::campaign::model::{self, State};
use crate::campaign::policy_notice;
use crate::infra::clock::{DAY, Millis};
use crate::infra::error::Result;
use crate::privacy::policy::{FIVE_FACTS, MeasurementMode, special_category};
use crate::privacy::retention::runs;
use crate::usecase::output::utc;
use crate::usecase::policy::{plan, rules, unlawful};

/// Adds what the policy and the rows together say of a promise.
pub(super) async fn add(scope: &Scope<'_>, id: &str, findings: &mut Findings) -> Result<()> {
    let policy = &scope.applied.policy;
    match id {
        "J1" => fields(scope, findings).await?,
        "J4" => {
            let processors = policy.purposes.iter().flat_map(|purpose| &purpose.processors);
            let facts: Vec<&str> = processors.flat_map(|one| one.facts.iter().map(String::as_str)).collect();
            let more = facts.iter().filter(|fact| !FIVE_FACTS.contains(fact)).count();
            findings.none_of("proof-more-facts", i64::try_from(more).unwrap_or(i64::MAX));
            findings.fact("proof-facts", if facts.is_empty() { "—".to_owned() } else { facts.join(", ") });
        }
        "J5" => {
            let bases: Vec<String> =
                policy.purposes.iter().map(|purpose| format!("{}: {}", purpose.name, purpose.basis)).collect();
            findings.must("proof-bases", bases.join(", "), !bases.is_empty());
            overdue(scope, findings).await?;
            last_run(scope, findings).await?;
        }
        "J8" => {
            let dated: Vec<String> =
                policy.editions.iter().map(|edition| format!("{} ({})", edition.number, edition.dated)).collect();
            findings.must("proof-editions", dated.join(", "), !dated.is_empty());
            let in_force = policy.edition_at(scope.now).map(|edition| edition.number.to_string());
            findings.must("proof-edition-in-force", in_force.as_deref().unwrap_or("—"), in_force.is_some());
            findings.fact("proof-applied-at", utc(scope.applied.applied_at));
        }
        "M2" => {
            let declared = field::all(&mut *scope.installation.db.read().await?, scope.workspace).await?;
            let special = declared.iter().filter(|field| special_category(&field.name).is_some()).count();
            findings.none_of("proof-special-fields", i64::try_from(special).unwrap_or(i64::MAX));
            findings.fact("proof-fields", declared.len());
        }
        "M3" => contract(scope, findings).await?,
        "M5" => crossing(scope, findings).await?,
        "R5" => {
            findings.fact("proof-measurement", policy.measurement.mode);
            if policy.measurement.mode != MeasurementMode::Individual {
                let sql = "select count(*) from event e join delivery d on d.id = e.delivery_id
                            where e.workspace_id = :workspace and e.kind in ('open', 'click') and d.dated_at >= :before";
                findings
                    .none_of("proof-events-after-policy", count_before(scope, sql, scope.applied.applied_at).await?);
            }
        }
        "R6" => notices(scope, findings).await?,
        "H3" => {
            let Some(age) = &policy.age else {
                findings.must("proof-age-rule", "—", false);
                return Ok(());
            };
            findings.fact("proof-age-rule", format!("{} ≥ {}", age.field, age.minimum));
            let declared = field::all(&mut *scope.installation.db.read().await?, scope.workspace).await?;
            let young = plan::too_young(scope.installation, scope.workspace, policy, &declared, scope.now).await?;
            findings.none_of("proof-too-young", young);
            let mut conn = scope.installation.db.read().await?;
            let held = contact::count_with_value(&mut conn, scope.workspace, &age.field).await?;
            findings.fact("proof-with-birth-date", held);
        }
        _ => {}
    }
    Ok(())
}

/// The rules of the lists are those of the policy, and nobody holds a value of a field that no purpose names.
async fn fields(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let policy = &scope.applied.policy;
    let mut conn = scope.installation.db.read().await?;
    let mut differing = 0;
    for list in list::all(&mut conn, scope.workspace).await? {
        let stored = list_rule::of_list(&mut conn, list.id).await?;
        differing += i64::from(stored != Some(rules::of_list(policy, &list.name)));
        if let Some(purpose) = policy.purpose_of_list(&list.name) {
            let people: i64 = subscription::count(&mut conn, list.id).await?.iter().map(|(_, count)| count).sum();
            findings.fact("proof-list", format!("{} → {}: {people}", list.name, purpose.fields.join(", ")));
        }
    }
    findings.none_of("proof-lists-without-rule", differing);
    let mut unnamed = 0;
    for field in field::all(&mut conn, scope.workspace).await? {
        if !policy.purposes.iter().any(|purpose| purpose.has_field(&field.name)) {
            unnamed += contact::count_with_value(&mut conn, scope.workspace, &field.name).await?;
        }
    }
    findings.none_of("proof-unnamed-values", unnamed);
    Ok(())
}

/// When data were last removed at the end of their term.
async fn last_run(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let last = runs::last(&mut *scope.installation.db.read().await?, scope.workspace).await?;
    findings.fact("proof-retention-run", last.map_or_else(|| "—".to_owned(), utc));
    Ok(())
}

/// Rows that are older than the policy keeps them; a day is left for the job that removes them.
async fn overdue(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let retention = &scope.applied.policy.retention;
    let end = |days: u32| scope.now - (Millis::from(days) + 1) * DAY;
    if let Some(days) = retention.events {
        let sql = "select count(*) from event where workspace_id = :workspace and at < :before";
        findings.none_of("proof-events-overdue", count_before(scope, sql, end(days)).await?);
    }
    if let Some(days) = retention.deliveries {
        let sql = "select count(*) from delivery
                    where workspace_id = :workspace and changed_at < :before
                      and state in ('accepted', 'rejected', 'suppressed', 'skipped')";
        findings.none_of("proof-deliveries-overdue", count_before(scope, sql, end(days)).await?);
    }
    Ok(())
}

async fn contract(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let Some(contract) = scope.applied.policy.contract else {
        findings.must("proof-contract", "—", false);
        return Ok(());
    };
    let terms = format!("{} + {} / {}", contract.ends, contract.erase_after_days, contract.backups_expire_after_days);
    findings.must(
        "proof-contract",
        terms,
        contract.erase_after_days <= 30 && contract.backups_expire_after_days <= 184,
    );
    let mut conn = scope.installation.db.read().await?;
    let people = contact::count(&mut conn, scope.workspace).await?;
    let end = contract.ends.start();
    if scope.now >= end {
        let running = model::list(&mut conn, scope.workspace).await?;
        let running = running.iter().filter(|one| matches!(one.state, State::Running | State::Scheduled)).count();
        findings.none_of("proof-running-after-end", i64::try_from(running).unwrap_or(i64::MAX));
    }
    match scope.now >= end + (Millis::from(contract.erase_after_days) + 1) * DAY {
        true => findings.none_of("proof-people-after-end", people),
        false => findings.fact("proof-people", people),
    }
    Ok(())
}

/// Campaigns that would join data of two purposes.
async fn crossing(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let mut conn = scope.installation.db.read().await?;
    let (mut crossing, mut looked_at) = (0, 0);
    for campaign in model::list(&mut conn, scope.workspace).await? {
        if matches!(campaign.state, State::Finished | State::Cancelled | State::Draft) {
            continue;
        }
        looked_at += 1;
        let problems = unlawful::problems(scope.installation, &mut conn, &campaign, scope.now).await?;
        crossing += i64::from(!problems.is_empty());
    }
    findings.none_of("proof-crossing-campaigns", crossing);
    findings.fact("proof-campaigns", looked_at);
    let purposes = scope.applied.policy.purposes.iter().filter(|purpose| !purpose.lists.is_empty()).count();
    findings.fact("proof-purposes", purposes);
    Ok(())
}

/// Whether the newest edition, where it is not the first, was announced before it took effect.
async fn notices(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let editions = &scope.applied.policy.editions;
    let Some(newest) = editions.last() else { return Ok(()) };
    findings.fact("proof-newest-edition", format!("{} ({})", newest.number, newest.effective));
    if editions.len() == 1 {
        findings.fact("proof-first-edition", newest.number);
        return Ok(());
    }
    let mut conn = scope.installation.db.read().await?;
    let (mut told, mut late) = (0, 0);
    for id in policy_notice::campaigns(&mut conn, scope.workspace, newest.number).await? {
        let Some(campaign) = model::find(&mut conn, id).await? else { continue };
        told += i64::from(campaign.is_launched());
        late += i64::from(campaign.launched_at.is_none_or(|at| at >= newest.effective.start()));
    }
    findings.must("proof-notices", told, told > 0);
    findings.none_of("proof-notices-late", late);
    Ok(())
}
