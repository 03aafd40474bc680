//! Why a person is in a segment or not, condition by condition. Each condition is asked of the
//! database by the very SQL that counts, narrowed to the person, so that the two cannot disagree.

use sqlx::Row;

use super::compile::{Writer, day_of};
use super::typed_expr::{Subject, Condition, Tree};
use super::{Expression, matching, need, resolve};
use crate::audience::address::Address;
use crate::audience::contact::{self, Contact};
use crate::audience::field::Kind;
use crate::audience::subscription::{self, State};
use crate::infra::clock::Millis;
use crate::infra::db::{Conn, Sql};
use crate::infra::error::Result;
use crate::infra::id::Id;
use crate::infra::installation::Installation;

crate::text_enum! {
    /// Whether letters can go to a person at all.
    Reachability {
        /// They can.
        Reachable = "reachable",
        /// No such person in the workspace.
        Unknown = "unknown",
        /// Kept, but in no segment.
        Restricted = "restricted",
        /// On no list, or nowhere confirmed yet.
        Unlisted = "unlisted",
    }
}

/// One condition and the person.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConditionResult {
    /// The condition.
    pub text: String,
    /// Whether it holds.
    pub holds: bool,
    /// What the person has: the field's value, or the day when it happened last.
    pub value: Option<String>,
}

/// Why a person is in a segment or not.
#[derive(Debug, Clone, PartialEq)]
pub struct Explanation {
    /// Whether letters can go to the person at all.
    pub reachability: Reachability,
    /// Whether the person is in the segment.
    pub included: bool,
    /// What each condition says; nothing when the person is unknown.
    pub conditions: Option<Tree<ConditionResult>>,
}

/// Conditions in one statement: two columns each, of which PostgreSQL takes 1,664.
const AT_ONCE: usize = 500;

/// Explains a saved segment for one address.
pub async fn explain(installation: &Installation, workspace: Id, name: &str, address: &Address) -> Result<Explanation> {
    let mut conn = installation.db.read().await?;
    let segment = need(&mut conn, workspace, name).await?;
    let condition = resolve(&mut conn, workspace, &segment.expression).await?;
    let Some(contact) = contact::find(&mut conn, workspace, address).await? else {
        return Ok(Explanation { reachability: Reachability::Unknown, included: false, conditions: None });
    };
    let now = installation.clock.now();
    let mut sql = matching(installation, workspace, &condition, now);
    let row = sql.push(" and c.id = ").bind(contact.id).first(&mut conn).await?;
    let mut facts = facts(installation, &mut conn, &condition, contact.id, now).await?.into_iter();
    let findings = condition.tree.map(&mut |test| {
        let (holds, moment) = facts.next().unwrap_or_default();
        ConditionResult { text: test.to_string(), holds, value: value(test, &contact, moment) }
    });
    Ok(Explanation {
        reachability: reachability(&mut conn, contact.id).await?,
        included: row.is_some_and(|row| row.get::<i64, _>(0) > 0),
        conditions: Some(findings),
    })
}

/// For each condition whether it holds, and when what it asks about happened last.
async fn facts(
    installation: &Installation,
    conn: &mut Conn,
    condition: &Expression,
    contact: Id,
    now: Millis,
) -> Result<Vec<(bool, Option<Millis>)>> {
    let mut facts = Vec::new();
    for some in condition.tree.leaves().chunks(AT_ONCE) {
        let mut sql = Sql::new("select ");
        for (index, test) in some.iter().enumerate() {
            sql.push(if index == 0 { "cast(case when " } else { ", cast(case when " });
            Writer::new(&mut sql, &installation.db, &condition.indexed, now).test(test);
            sql.push(" then 1 else 0 end as bigint), ");
            Writer::new(&mut sql, &installation.db, &condition.indexed, now).moment(test);
        }
        sql.push(" from contact c where c.id = ").bind(contact);
        if let Some(row) = sql.first(conn).await? {
            facts.extend((0..some.len()).map(|index| (row.get::<i64, _>(2 * index) == 1, row.get(2 * index + 1))));
        }
    }
    Ok(facts)
}

async fn reachability(conn: &mut Conn, contact: Id) -> Result<Reachability> {
    let lists = subscription::of_contact(conn, contact).await?;
    Ok(if lists.iter().any(|list| list.state == State::Restricted) {
        Reachability::Restricted
    } else if lists.iter().any(|list| list.state == State::Confirmed) {
        Reachability::Reachable
    } else {
        Reachability::Unlisted
    })
}

fn value(test: &Condition, contact: &Contact, moment: Option<Millis>) -> Option<String> {
    match test {
        Condition::Compare(Subject::Email, ..) => Some(contact.address.to_string()),
        Condition::Compare(Subject::Field(name, kind), ..) => {
            let value = contact.values.get(name)?;
            Some(match (kind, value.as_str()) {
                (Kind::Flag, _) => if value.as_f64() == Some(1.0) { "yes" } else { "no" }.to_owned(),
                (_, Some(text)) => text.to_owned(),
                (_, None) => value.to_string(),
            })
        }
        Condition::Compare(Subject::Joined(_), ..) | Condition::OnList(..) | Condition::Activity(..) => {
            moment.map(|at| day_of(at).to_string())
        }
    }
}
