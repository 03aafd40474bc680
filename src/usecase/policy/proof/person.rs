//! Evidence of what a person gets who asks: the copy of the newest contact is made as they would get it.

use super::rows::count_before;
use super::{Findings, Scope};
use crate::audience::contact::{self, Order, Page};
use crate::infra::error::Result;
use crate::privacy::subject_access;

/// Adds what a request of the newest contact would find.
pub(super) async fn add(scope: &Scope<'_>, id: &str, findings: &mut Findings) -> Result<()> {
    if ["R1", "R8", "C6"].contains(&id) {
        requests(scope, findings).await?;
    }
    if !["R1", "R2", "H2", "C2", "C6"].contains(&id) {
        return Ok(());
    }
    let mut conn = scope.installation.db.read().await?;
    let page = Page { list: None, state: None, order: Order::Newest, after: 0, limit: 1 };
    let newest = contact::page(&mut conn, scope.workspace, page).await?;
    let Some(contact) = newest.into_iter().next() else {
        findings.fact("proof-people", 0);
        return Ok(());
    };
    let copy = subject_access::collect(scope.installation, &mut conn, scope.workspace, &contact).await?;
    let explained = copy.consents.iter().all(|consent| !consent.source.is_empty());
    findings.must("proof-copy-lists", copy.subscriptions.len(), !copy.subscriptions.is_empty());
    findings.must("proof-copy-consents", copy.consents.len(), explained && !copy.consents.is_empty());
    findings.fact("proof-copy-deliveries", copy.deliveries.len());
    Ok(())
}

/// Requests that are overdue, and those that were answered with data although nobody knew who asked.
async fn requests(scope: &Scope<'_>, findings: &mut Findings) -> Result<()> {
    let overdue = "select count(*) from subject_request
                    where workspace_id = :workspace and closed_at is null and due_at < :before";
    findings.none_of("proof-requests-overdue", count_before(scope, overdue, scope.now).await?);
    let unproven = "select count(*) from subject_request
                     where workspace_id = :workspace and state = 'done' and identity = 'unknown'
                       and kind in ('access', 'copy', 'correction', 'portability') and closed_at <= :before";
    findings.none_of("proof-requests-unproven", count_before(scope, unproven, scope.now).await?);
    let all = "select count(*) from subject_request where workspace_id = :workspace and received_at <= :before";
    findings.fact("proof-requests", count_before(scope, all, scope.now).await?);
    Ok(())
}
