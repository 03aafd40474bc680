//! A purse between feeders, connections and the end of a round.

use shuttle::future;

use crate::campaign::rate_limit::RateLimit;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::Arc;
use crate::mailer::limits::token_reserve::{LimitName, TokenReserve};

/// Letters that a day may have.
const DAILY: i64 = 130;

/// Two feeders take, connections put back what they did not send, and the round ends: not a letter more
/// leaves than was drawn, and what is left is in the table again, to the last one.
#[test]
fn every_letter_is_drawn_once_and_what_is_not_sent_goes_back() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let purse = Arc::new(TokenReserve::new(
                &installation,
                1,
                LimitName::Lane("rest".to_owned()),
                RateLimit(Some(DAILY)),
            ));
            let mut feeders = Vec::new();
            for (want, unsent) in [(40, 15), (30, 30)] {
                let purse = purse.clone();
                feeders.push(future::spawn(async move {
                    let mut sent = 0;
                    for _ in 0..3 {
                        let taken = purse.take(want).await.expect("drawn");
                        let back = taken.min(unsent);
                        purse.put_back(back);
                        sent += taken - back;
                    }
                    sent
                }));
            }
            let mut sent = 0;
            for feeder in feeders {
                sent += feeder.await.expect("fed");
            }
            assert!(sent <= DAILY, "{sent} letters of a day that may have {DAILY}");
            purse.empty().await.expect("given back");
            assert_eq!(installation.db.account.drawn(), sent, "letters that were drawn, and those that left");
        });
    });
}

/// The same while a connection still puts back when the round has ended: it is late, and the letter is
/// lost to this day; never is one more sent than drawn.
#[test]
fn who_puts_back_late_costs_a_letter_and_gains_none() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let purse = Arc::new(TokenReserve::new(&installation, 1, LimitName::Relay(1), RateLimit(Some(DAILY))));
            let taken = purse.take(50).await.expect("drawn");
            let late = {
                let purse = purse.clone();
                future::spawn(async move { purse.put_back(20) })
            };
            purse.empty().await.expect("given back");
            late.await.expect("put back");

            let drawn = installation.db.account.drawn();
            assert!((taken - 20..=taken).contains(&drawn), "{drawn} are drawn, {} were sent", taken - 20);
        });
    });
}
