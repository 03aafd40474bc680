//! Explains why a contact is in a segment or not, condition by condition. Each condition is evaluated by the SQL
//! that counts, narrowed to the contact, so that explanation and count cannot disagree.

use super::compile::{Compiler, day_of};
use super::typed_expr::{Condition, Subject, Tree};
use super::{Expression, members, need, resolve};
use crate::audience::address::Address;
use crate::audience::contact::{self, Contact};
use crate::audience::field::Kind;
use crate::audience::subscription::{self, State};
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query, Sql};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;

crate::text_enum! {
    /// Whether a contact can be mailed at all.
    Reachability {
        /// On at least one list.
        Reachable = "reachable",
        /// The workspace has no such contact.
        Unknown = "unknown",
        /// Restricted, and so in no segment.
        Restricted = "restricted",
        /// Suppressed because its mailbox does not exist, and so in no segment.
        Bounced = "bounced",
        /// On no list, or confirmed on none.
        Unlisted = "unlisted",
    }
}

/// A condition evaluated for the contact.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionResult {
    /// The condition as text.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// The contact's value: that of the field, or the day when it last happened.
    pub value: Option<String>,
}

/// Why a contact is in a segment or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whether the contact can be mailed at all.
    pub reachability: Reachability,
    /// Whether the contact is in the segment.
    pub included: bool,
    /// The result of each condition; `None` when the contact is unknown.
    pub conditions: Option<Tree<ConditionResult>>,
}

/// Conditions per statement: two columns each, and PostgreSQL allows 1,664.
const CONDITIONS_PER_STATEMENT: usize = 500;

/// Explains a saved segment for one address.
pub async fn explain(installation: &Installation, workspace: Id, name: &str, address: &Address) -> Result<Explanation> {
    let mut conn = installation.db.read().await?;
    let segment = need(&mut conn, workspace, name).await?;
    let expression = resolve(&mut conn, workspace, &segment.expression).await?;
    let Some(contact) = contact::find(&mut conn, workspace, address).await? else {
        return Ok(Explanation { reachability: Reachability::Unknown, included: false, conditions: None });
    };
    let now = installation.clock.now();
    let query = Query::new("select 1 from contact c where {members} and c.id = :contact");
    let query = query.fragment("members", members(workspace, &expression, now)).bind("contact", contact.id);
    let included = query.fetch_optional(&mut conn).await?.is_some();
    let mut results = evaluate(&mut conn, &expression, contact.id, now).await?.into_iter();
    let conditions = expression.tree.map(&mut |condition| {
        let (holds, last_time) = results.next().unwrap_or_default();
        ConditionResult { text: condition.to_string(), holds, value: value(condition, &contact, last_time) }
    });
    let reachability = reachability(&mut conn, contact.id).await?;
    Ok(Explanation { reachability, included, conditions: Some(conditions) })
}

/// For each condition whether it holds, and when the thing it asks about last happened.
async fn evaluate(
    conn: &mut Conn,
    expression: &Expression,
    contact: Id,
    now: Millis,
) -> Result<Vec<(bool, Option<Millis>)>> {
    let compiler = Compiler::new(&expression.indexed, now);
    let mut results = Vec::new();
    for conditions in expression.tree.leaves().chunks(CONDITIONS_PER_STATEMENT) {
        let mut columns = Sql::default();
        for (index, condition) in conditions.iter().enumerate() {
            let pair = Query::new("cast(case when {condition} then 1 else 0 end as bigint), {last_time}")
                .fragment("condition", compiler.condition(condition))
                .fragment("last_time", compiler.last_time(condition));
            columns.push(if index == 0 { "" } else { ", " }).append(&pair.render(conn));
        }
        let query = Query::new("select {columns} from contact c where c.id = :contact");
        let query = query.fragment("columns", columns).bind("contact", contact);
        if let Some(row) = query.fetch_optional(conn).await? {
            let result = |index| Ok::<_, Error>((row.cell::<i64>(2 * index)? == 1, row.cell(2 * index + 1)?));
            for index in 0..conditions.len() {
                results.push(result(index)?);
            }
        }
    }
    Ok(results)
}

async fn reachability(conn: &mut Conn, contact: Id) -> Result<Reachability> {
    let lists = subscription::of_contact(conn, contact).await?;
    Ok(if lists.iter().any(|list| list.state == State::Restricted) {
        Reachability::Restricted
    } else if lists.iter().any(|list| list.state == State::Confirmed) {
        Reachability::Reachable
    } else if lists.iter().any(|list| list.state == State::Bounced) {
        Reachability::Bounced
    } else {
        Reachability::Unlisted
    })
}

fn value(condition: &Condition, contact: &Contact, last_time: Option<Millis>) -> Option<String> {
    match condition {
        Condition::Compare(Subject::Email, ..) => Some(contact.address.to_string()),
        Condition::Compare(Subject::Field(name, kind), ..) => {
            let value = contact.values.get(name)?;
            Some(match (kind, value.as_str()) {
                (Kind::Flag, _) => if value.as_f64() == Some(1.0) { "yes" } else { "no" }.to_owned(),
                (_, Some(text)) => text.to_owned(),
                (_, None) => value.to_string(),
            })
        }
        Condition::Reachable => None,
        Condition::Compare(Subject::Joined(_), ..) | Condition::OnList(..) | Condition::Activity(..) => {
            last_time.map(|at| day_of(at).to_string())
        }
    }
}
