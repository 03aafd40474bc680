//! Table `preference`: how often a contact wants emails, and until when none at all. A contact without a row gets every email of
//! their lists. The audience of a campaign leaves out who rests (`campaign::audience`).

use crate::infra::clock::{DAY, Millis};
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::Result;
use crate::infra::id::Id;

/// How long a pause may be.
pub const LONGEST_PAUSE: Millis = 366 * DAY;

crate::text_enum! {
    /// How often a contact wants emails.
    Frequency {
        /// Every email.
        All = "all",
        /// At most one within seven days.
        Weekly = "weekly",
        /// At most one within thirty days.
        Monthly = "monthly",
    }
}

impl Frequency {
    /// Days within which one email is the most; `None` without a limit.
    pub const fn days(self) -> Option<i64> {
        match self {
            Self::All => None,
            Self::Weekly => Some(7),
            Self::Monthly => Some(30),
        }
    }
}

/// What a contact prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Preference {
    /// How often they want emails.
    pub frequency: Frequency,
    /// Until when they want none; 0 without a pause.
    pub paused_until: Millis,
}

/// What is preferred without a row.
pub const USUAL: Preference = Preference { frequency: Frequency::All, paused_until: 0 };

/// What a contact prefers.
pub async fn get(conn: &mut Conn, contact: Id) -> Result<Preference> {
    let query = Query::new("select frequency, paused_until from preference where contact_id = :contact");
    let Some(row) = query.bind("contact", contact).fetch_optional(conn).await? else { return Ok(USUAL) };
    Ok(Preference { frequency: row.cell::<String>(0)?.parse()?, paused_until: row.cell(1)? })
}

/// Stores what a contact prefers.
pub async fn set(conn: &mut Conn, workspace: Id, contact: Id, preference: &Preference, now: Millis) -> Result<()> {
    let query = Query::new(
        "insert into preference (contact_id, workspace_id, frequency, paused_until, changed_at)
         values (:contact, :workspace, :frequency, :paused_until, :now)
             on conflict (contact_id) do update
            set frequency = excluded.frequency, paused_until = excluded.paused_until, changed_at = excluded.changed_at",
    );
    query
        .bind("contact", contact)
        .bind("workspace", workspace)
        .bind("frequency", preference.frequency.as_str())
        .bind("paused_until", preference.paused_until)
        .bind("now", now)
        .execute(conn)
        .await
        .map(drop)
}

/// Deletes what contacts prefer.
pub async fn forget(conn: &mut Conn, contacts: &[Id]) -> Result<()> {
    let query = Query::new("delete from preference where contact_id in :contacts");
    query.bind_ids("contacts", contacts).execute(conn).await.map(drop)
}
