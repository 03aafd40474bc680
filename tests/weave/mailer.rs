//! The pieces of the mailer, and a table of allowances that takes its time.

#[path = "../../src/mailer/pulse.rs"]
#[expect(dead_code, reason = "the scenes have a clock of their own")]
pub mod pulse;
#[path = "../../src/mailer/purse.rs"]
#[expect(dead_code, reason = "no scene changes a limit")]
pub mod purse;
#[path = "../../src/mailer/writer.rs"]
pub mod writer;

pub mod commit {
    use std::collections::HashMap;

    use crate::campaign::delivery::{Mark, Marked, Outcome};
    use crate::disk::travel;
    use crate::ground::error::Result;
    use crate::ground::id::Id;
    use crate::ground::installation::Installation;

    pub async fn commit(
        home: &Installation,
        _: Id,
        marks: &[Mark],
        releases: &[Id],
        results: &[Outcome],
    ) -> Result<HashMap<Id, Marked>> {
        let mut tx = home.db.disk.begin().await;
        tx.results.extend(results.iter().map(|outcome| outcome.id));
        tx.releases.extend(releases);
        travel().await;
        let marked = tx.mark(marks.iter().map(|mark| mark.id).collect());
        tx.commit().await?;
        Ok(marked.into_iter().map(|id| (id, Marked(id))).collect())
    }
}

pub mod allowance {
    use crate::campaign::cap::Cap;
    use crate::disk::travel;
    use crate::ground::clock::Millis;
    use crate::ground::db::Db;
    use crate::ground::error::Result;
    use crate::ground::id::Id;
    use crate::ground::share::{Arc, Mutex};

    #[derive(Clone, Copy)]
    #[expect(dead_code, reason = "there is one account, whatever it is called")]
    pub enum Gate<'a> {
        Lane(&'a str),
        Relay(Id),
    }

    /// Letters drawn so far and not given back.
    #[derive(Clone, Default)]
    pub struct Account(Arc<Mutex<i64>>);

    impl Account {
        pub fn drawn(&self) -> i64 {
            *self.0.lock().expect("nobody fails with it")
        }
    }

    pub struct Drawn {
        pub count: i64,
        pub opens_at: Option<Millis>,
    }

    pub async fn draw(db: &Db, _: Id, _: Gate<'_>, cap: &Cap, want: i64, _: Millis) -> Result<Drawn> {
        travel().await;
        let (count, left) = {
            let mut drawn = db.account.0.lock().expect("nobody fails with it");
            let left = cap.0.map_or(want, |most| most - *drawn);
            let count = want.min(left).max(0);
            *drawn += count;
            (count, left - count)
        };
        travel().await;
        Ok(Drawn { count, opens_at: (left <= 0).then_some(Millis::MAX) })
    }

    pub async fn give_back(db: &Db, _: Id, _: Gate<'_>, _: &Cap, count: i64, _: Millis) -> Result<()> {
        travel().await;
        *db.account.0.lock().expect("nobody fails with it") -= count;
        Ok(())
    }
}
