//! Writes what a policy allows to where lower layers read it: the rule of each list, and whether the workspace measures.

use crate::audience::list_rule::{self, ListRule};
use crate::audience::{list, workspace};
use crate::infra::db::Conn;
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::privacy::policy::{self, MeasurementMode, Policy};

/// Brings the lists of a workspace in line with its policy; to be called when a list is added or renamed.
pub async fn sync(installation: &Installation, workspace: Id) -> Result<()> {
    if policy::current(&mut *installation.db.read().await?, workspace).await?.is_none() {
        return Ok(());
    }
    let mut tx = installation.db.write().await?;
    let policy = policy::current(&mut tx, workspace).await?;
    set(&mut tx, workspace, policy.as_ref()).await?;
    tx.commit().await
}

/// Writes the rules of a policy, or removes them.
pub async fn set(conn: &mut Conn, workspace: Id, policy: Option<&Policy>) -> Result<()> {
    for list in list::all(conn, workspace).await? {
        let rule = policy.map(|policy| of_list(policy, &list.name));
        list_rule::set(conn, list.id, rule.as_ref()).await?;
    }
    let measured = policy.map(|policy| match policy.measurement.mode {
        MeasurementMode::Individual => i64::from(policy.measurement.allows(None)),
        MeasurementMode::Campaign => workspace::MEASURED_BY_CAMPAIGN,
        MeasurementMode::None => workspace::NOT_MEASURED,
    });
    workspace::set_measured(conn, workspace, measured).await
}

/// What a policy allows on a list.
pub(super) fn of_list(policy: &Policy, list: &str) -> ListRule {
    let purpose = policy.purpose_of_list(list);
    let fields = purpose.map(|purpose| purpose.fields.clone()).unwrap_or_default();
    let age = policy.age.as_ref().map(|age| (age.field.clone(), age.minimum));
    ListRule { purpose: purpose.map(|purpose| (purpose.name.clone(), purpose.basis)), age, fields }
}
