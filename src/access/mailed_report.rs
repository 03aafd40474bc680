//! Reports of a workspace that a user gets by mail: columns `report` and `reported_day` of table `membership`. A period ends
//! with a week or a month by UTC; the report about it is sent on the day after.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use sqlx::any::AnyRow;

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query, read_each};
use crate::infra::error::Result;
use crate::infra::id::Id;

crate::text_enum! {
    /// How often a report is sent.
    Period {
        /// Each Monday about the week before.
        Weekly = "weekly",
        /// On the first day of each month about the month before.
        Monthly = "monthly",
    }
}

impl Period {
    /// The last period that is over: its first day and the day after its last one, since 1970.
    pub fn last(self, now: Millis) -> Option<(i64, i64)> {
        let today = Timestamp::from_millisecond(now).ok()?.to_zoned(TimeZone::UTC).date();
        let (first, end) = match self {
            Self::Weekly => {
                let monday = today.checked_sub(i32::from(today.weekday().to_monday_zero_offset()).days()).ok()?;
                (monday.checked_sub(7.days()).ok()?, monday)
            }
            Self::Monthly => {
                let end = today.first_of_month();
                (end.checked_sub(1.month()).ok()?, end)
            }
        };
        Some((day_number(first), day_number(end)))
    }
}

fn day_number(date: Date) -> i64 {
    let at = date.to_zoned(TimeZone::UTC).map_or(0, |at| at.timestamp().as_millisecond());
    at.div_euclid(DAY)
}

/// A report that a user asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailedReport {
    /// The user.
    pub user: Id,
    /// The workspace.
    pub workspace: Id,
    /// How often.
    pub period: Period,
    /// The day after the last period that was handled; none before the first.
    pub reported_day: Option<i64>,
}

/// What a user asked for in a workspace.
pub async fn find(conn: &mut Conn, user: Id, workspace: Id) -> Result<Option<Period>> {
    let query = Query::new("select report from membership where user_id = :user and workspace_id = :workspace");
    let row = query.bind("user", user).bind("workspace", workspace).fetch_optional(conn).await?;
    let word: Option<String> = row.map(|row| row.cell(0)).transpose()?.flatten();
    Ok(word.and_then(|word| word.parse().ok()))
}

/// Reports that users asked for, in all workspaces.
pub async fn list(conn: &mut Conn) -> Result<Vec<MailedReport>> {
    let query = Query::new(
        "select user_id, workspace_id, report, reported_day
           from membership
          where report is not null
          order by workspace_id, user_id",
    );
    let read = |row: &AnyRow| {
        Ok(MailedReport {
            user: row.cell(0)?,
            workspace: row.cell(1)?,
            period: row.cell::<String>(2)?.parse()?,
            reported_day: row.cell(3)?,
        })
    };
    Ok(read_each("membership", &query.fetch_all(conn).await?, read))
}
