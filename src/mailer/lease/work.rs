//! The term of a lease that other machines read: short while the mailer works, so that they soon take over what it holds when it
//! dies, and long while it is idle and holds nothing, so that it hardly writes. The lease becomes short before the first
//! delivery is claimed.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use super::follow_clock;
use crate::infra::clock::Millis;
use crate::infra::db::{Cells, Conn, Query};
use crate::infra::error::{Error, Result};
use crate::infra::id::Id;
use crate::infra::installation::Installation;
use crate::mailer::lease_freshness::LeaseFreshness;
use crate::mailer::machine;

/// Term of the lease of an idle mailer; at least four of the usual ones.
const IDLE_TERM: Millis = 5 * 60_000;

/// Whether a mailer has something to send. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Work(Arc<AtomicBool>);

impl Work {
    /// True while the mailer has nothing to send.
    pub(super) fn is_idle(&self) -> bool {
        !self.0.load(Ordering::Acquire)
    }

    /// For how long the lease is renewed, where `term` is the usual time.
    pub(super) fn term(&self, term: Millis) -> Millis {
        if self.is_idle() { IDLE_TERM.max(4 * term) } else { term }
    }

    /// Records that nothing is sent and nothing is held.
    pub fn end(&self) {
        self.0.store(false, Ordering::Release);
    }

    /// To be called before a mailer that was idle claims anything: makes its lease short.
    ///
    /// # Errors
    /// [`Error::Fenced`] when the lease is gone.
    pub async fn begin(&self, installation: &Installation, mailer: Id, freshness: &LeaseFreshness) -> Result<()> {
        if self.0.swap(true, Ordering::AcqRel) || !installation.db.is_shared() {
            return Ok(());
        }
        let requested = installation.clock.uptime();
        let mut tx = installation.db.write().await?;
        extend(&mut tx, mailer, freshness.term()).await?.ok_or(Error::Fenced)?;
        tx.commit().await?;
        freshness.renew(requested);
        Ok(())
    }
}

/// Sets the end of a lease that has not expired. Returns it; `None` when the lease is gone.
pub(super) async fn extend(conn: &mut Conn, mailer: Id, term: Millis) -> Result<Option<Millis>> {
    let row = Query::new(
        "update lease
            set until = {now_ms} + :term
          where id = :id and until > {now_ms}
         returning until",
    )
    .bind("term", term)
    .bind("id", mailer)
    .fetch_optional(conn)
    .await?;
    row.map(|row| row.cell(0)).transpose()
}

/// True when the lease of an idle mailer holds for long enough without being renewed: it is only read.
pub(super) async fn holds_long(installation: &Installation, mailer: Id, freshness: &LeaseFreshness) -> Result<bool> {
    let requested = installation.clock.uptime();
    let mut conn = installation.db.read().await?;
    installation.db.check_schema_version(&mut conn).await?;
    let row = Query::new("select until, {now_ms} from lease where id = :id")
        .bind("id", mailer)
        .fetch_optional(&mut conn)
        .await?;
    let Some(row) = row else { return Ok(false) };
    let (until, now): (Millis, Millis) = (row.cell(0)?, row.cell(1)?);
    if until.saturating_sub(now) < 2 * freshness.term() || !machine::list_awaited(&mut conn).await?.is_empty() {
        return Ok(false);
    }
    freshness.renew(requested);
    follow_clock(installation, Some(now), 0);
    Ok(true)
}
