//! A token reserve with feeders that draw, connections that refund, and the end of a send round.

use shuttle::future;

use crate::campaign::rate_limit::RateLimit;
use crate::infra::installation::Installation;
use crate::infra::sync_shim::Arc;
use crate::mailer::limits::rate_account::LimitKey;
use crate::mailer::limits::token_reserve::TokenReserve;

/// The daily quota.
const DAILY: i64 = 130;

#[test]
fn each_token_is_used_once_and_unused_tokens_are_refunded() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let key = LimitKey::Lane("rest".to_owned());
            let tokens = Arc::new(TokenReserve::new(&installation, 1, key, RateLimit(Some(DAILY))));
            let mut feeders = Vec::new();
            for (want, unsent) in [(40, 15), (30, 30)] {
                let tokens = tokens.clone();
                feeders.push(future::spawn(async move {
                    let mut sent = 0;
                    for _ in 0..3 {
                        let drawn = tokens.draw(want).await.expect("drawn");
                        let refunded = drawn.min(unsent);
                        tokens.refund(refunded);
                        sent += drawn - refunded;
                    }
                    sent
                }));
            }
            let mut sent = 0;
            for feeder in feeders {
                sent += feeder.await.expect("the feeder ends");
            }
            assert!(sent <= DAILY, "{sent} messages, with a quota of {DAILY}");
            tokens.close().await.expect("closed");
            assert_eq!(installation.db.account.drawn(), sent, "tokens that were drawn, and messages that were sent");
        });
    });
}

/// A refund after the end of the round is lost: less may be sent on that day, never more.
#[test]
fn late_refund_never_allows_another_message() {
    crate::explore(|| {
        future::block_on(async {
            let installation = Installation::default();
            let tokens = Arc::new(TokenReserve::new(&installation, 1, LimitKey::Relay(1), RateLimit(Some(DAILY))));
            let drawn = tokens.draw(50).await.expect("drawn");
            let late = {
                let tokens = tokens.clone();
                future::spawn(async move { tokens.refund(20) })
            };
            tokens.close().await.expect("closed");
            late.await.expect("refunded");

            let left = installation.db.account.drawn();
            assert!((drawn - 20..=drawn).contains(&left), "{left} tokens are drawn, {} messages were sent", drawn - 20);
        });
    });
}
