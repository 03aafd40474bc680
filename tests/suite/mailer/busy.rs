//! Relays that take no further connection: sending slows down and goes on by itself, and nothing is paused.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use sendoff::campaign::model::State;
use sendoff::mailer::scheduler::{self, Mode};
use tokio::sync::watch;
use tokio::time::{sleep, timeout};

use crate::fixture::{Fixture, both};
use crate::mail_sink::{Action, Plan};
use crate::mailer::fixture::{EMAIL, campaign, mail, recipients, start, states, subscribe_many, use_relay};

const BUSY: &str = "421 4.7.0 too many connections from your address";

/// Sends until every delivery is accepted, without anybody's help.
async fn send_all(fixture: &Fixture, count: i64) {
    let (stop, stopped) = watch::channel(false);
    let watching = async {
        while states(fixture).await.get("accepted") != Some(&count) {
            assert_ne!(campaign(fixture).await.state, State::Paused);
            sleep(Duration::from_millis(50)).await;
        }
        stop.send(true).expect("someone listens");
    };
    let work = Box::pin(scheduler::run(&fixture.installation, Mode::Forever, Arc::new(|| true), stopped));
    let (ended, ()) = timeout(Duration::from_secs(60), async { tokio::join!(work, watching) }).await.expect("an end");
    ended.expect("a clean end");
}

both!(relay_that_takes_nobody_for_a_while_is_tried_again, |fixture| {
    subscribe_many(fixture, 20).await;
    let left = AtomicUsize::new(8);
    let sink = Plan::new()
        .on(move |at| match at.verb {
            "CONNECT" if left.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |left| left.checked_sub(1)).is_ok() => {
                Action::SayAndDrop(if at.count % 2 == 0 { BUSY } else { "450 4.3.2 not now" })
            }
            _ => Action::Usual,
        })
        .start()
        .await;
    // A relay that fails for a second pauses its campaigns; this one takes longer.
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    send_all(fixture, 20).await;

    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(relay_with_fewer_connections_than_wanted_gets_everything, |fixture| {
    subscribe_many(fixture, 60).await;
    let sink = Plan::new()
        .on(move |at| match at.verb {
            "CONNECT" if at.count % 3 != 1 => Action::SayAndDrop(BUSY),
            "." => Action::late(20),
            _ => Action::Usual,
        })
        .start()
        .await;
    use_relay(fixture, sink.target(), 6).await;
    start(fixture, EMAIL).await;

    send_all(fixture, 60).await;

    assert!(sink.log().connections > 2);
    assert!(recipients(&sink).values().all(|count| *count == 1));
});

both!(run_until_idle_says_when_to_try_again, |fixture| {
    subscribe_many(fixture, 3).await;
    let sink = Plan::new().at("CONNECT", Action::SayAndDrop(BUSY)).start().await;
    use_relay(fixture, sink.target(), 2).await;
    start(fixture, EMAIL).await;

    let next = timeout(Duration::from_secs(20), mail(fixture)).await.expect("an end");

    assert!(next.is_some_and(|next| next > fixture.installation.clock.now()), "{next:?}");
    assert_eq!(campaign(fixture).await.state, State::Running);
    assert_eq!(states(fixture).await, [("pending", 3)].into());
});
