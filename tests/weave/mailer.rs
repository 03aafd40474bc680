//! The pieces of the mailer, and a table of allowances that takes its time.

#[path = "../../src/mailer/pulse.rs"]
#[expect(dead_code, reason = "the scenes have a clock of their own")]
pub mod pulse;
#[path = "../../src/mailer/purse.rs"]
#[expect(dead_code, reason = "no scene changes a limit")]
pub mod purse;
#[path = "../../src/mailer/writer.rs"]
pub mod writer;

pub mod lease {
    use crate::disk::Tx;
    use crate::ground::db::Db;
    use crate::ground::error::Result;
    use crate::ground::id::Id;

    pub async fn hold(_: &mut Tx, _: &Db, _: Id) -> Result<()> {
        Ok(())
    }

    pub async fn hold_late(_: &mut Tx, _: &Db, _: Id) -> Result<()> {
        Ok(())
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
