//! The included files of the mailer, and replacements for the tables that they use.

#[path = "../../src/mailer/queue/group_commit.rs"]
pub mod group_commit;
#[path = "../../src/mailer/lease_freshness.rs"]
#[expect(dead_code, reason = "scenarios have a clock of their own")]
pub mod lease_freshness;
#[path = "../../src/mailer/limits/token_reserve.rs"]
#[expect(dead_code, reason = "no scenario changes a limit")]
pub mod token_reserve;

pub mod limits {
    pub use super::{rate_account, token_reserve};
}

pub mod queue {
    pub use super::{commit, group_commit};
}

pub mod commit {
    use std::collections::HashMap;

    use crate::campaign::delivery::{DeliveryResult, Mark, Marked};
    use crate::disk::round_trip;
    use crate::infra::error::Result;
    use crate::infra::id::Id;
    use crate::infra::installation::Installation;

    pub async fn commit(
        installation: &Installation,
        _: Id,
        marks: &[Mark],
        releases: &[Id],
        results: &[DeliveryResult],
    ) -> Result<HashMap<Id, Marked>> {
        let mut tx = installation.db.disk.begin().await;
        tx.results.extend(results.iter().map(|result| result.id));
        tx.releases.extend(releases);
        round_trip().await;
        let marked = tx.mark(marks.iter().map(|mark| mark.id).collect());
        tx.commit().await?;
        Ok(marked.into_iter().map(|id| (id, Marked(id))).collect())
    }
}

pub mod rate_account {
    use crate::campaign::rate_limit::RateLimit;
    use crate::disk::round_trip;
    use crate::infra::clock::Millis;
    use crate::infra::db::Db;
    use crate::infra::error::Result;
    use crate::infra::id::Id;
    use crate::infra::sync_shim::{Arc, Mutex};

    #[derive(Clone)]
    #[expect(dead_code, reason = "there is one account, whatever its key")]
    pub enum LimitKey {
        Lane(String),
        Relay(Id),
    }

    /// Tokens drawn and not refunded.
    #[derive(Clone, Default)]
    pub struct RateAccount(Arc<Mutex<i64>>);

    impl RateAccount {
        pub fn drawn(&self) -> i64 {
            *self.0.lock().expect("no task panics while it holds the lock")
        }
    }

    pub struct Grant {
        pub count: i64,
        pub exhausted_until: Option<Millis>,
    }

    pub async fn draw(db: &Db, _: Id, _: &LimitKey, limit: &RateLimit, want: i64, _: Millis) -> Result<Grant> {
        round_trip().await;
        let (count, left) = {
            let mut drawn = db.account.0.lock().expect("no task panics while it holds the lock");
            let left = limit.0.map_or(want, |most| most - *drawn);
            let count = want.min(left).max(0);
            *drawn += count;
            (count, left - count)
        };
        round_trip().await;
        Ok(Grant { count, exhausted_until: (left <= 0).then_some(Millis::MAX) })
    }

    pub async fn refund(db: &Db, _: Id, _: &LimitKey, _: &RateLimit, count: i64, _: Millis) -> Result<()> {
        round_trip().await;
        *db.account.0.lock().expect("no task panics while it holds the lock") -= count;
        Ok(())
    }
}
