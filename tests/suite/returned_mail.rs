//! Mail that came back: who is suppressed by it, who is erased, and who is not moved; by the command, and by SMTP and LMTP.

use sendoff::audience::{hard_bounce, list};
use sendoff::infra::clock::DAY;
use sendoff::infra::setting::{self, Setting};
use sendoff::infra::token::{DeliveryRef, TokenPurpose};
use sendoff::privacy::request_journal::RequestJournal;
use sendoff::usecase::returned_mail::{self, ReadMessage};
use sendoff::usecase::{Actor, NO_WORKSPACE, contact};
use sendoff::web::inbound_mail;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::oneshot;

use crate::canary;
use crate::fixture::{Fixture, both};
use crate::mail_sink::Plan;
use crate::mailer::fixture::{EMAIL, mail, start, subscribe_many, use_relay};

const ANNA: &str = "anna@example.org";

/// Sends a campaign to two people on two lists; the delivery of the first.
async fn sent(fixture: &Fixture) -> DeliveryRef {
    let news = canary::list(fixture, "News").await;
    let offers = canary::list(fixture, "Offers").await;
    canary::person(fixture, &news, ANNA).await;
    canary::person(fixture, &offers, ANNA).await;
    canary::person(fixture, &news, "boris@example.org").await;
    let (campaign, _) = canary::launch(fixture, &news, "autumn").await;
    let taken = canary::take(fixture, &campaign).await;
    DeliveryRef { campaign: campaign.id, delivery: taken[ANNA] }
}

fn token(fixture: &Fixture, delivery: DeliveryRef) -> String {
    fixture.installation.signer.message_secret(delivery).token(TokenPurpose::Unsubscribe)
}

/// A report about a recipient, with a note that makes each its own.
fn report(address: &str, status: &str, token: &str, note: &str) -> Vec<u8> {
    format!(
        "From: MAILER-DAEMON@mx.example.org\r\nTo: news@shop.example\r\nSubject: Undelivered Mail Returned to Sender\r\n\
         Message-ID: <{note}@mx.example.org>\r\nMIME-Version: 1.0\r\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=B\r\n\r\n\
         --B\r\nContent-Type: message/delivery-status\r\n\r\nReporting-MTA: dns; mx.example.org\r\n\r\n\
         Final-Recipient: rfc822; {address}\r\nAction: failed\r\nStatus: {status}\r\n\r\n\
         --B\r\nContent-Type: text/rfc822-headers\r\n\r\nTo: {address}\r\n\
         List-Unsubscribe: <https://news.example.org/u/{token}>\r\n--B--\r\n"
    )
    .into_bytes()
}

async fn take(fixture: &Fixture, raw: &[u8]) -> ReadMessage {
    let journal = RequestJournal::new(&fixture.installation);
    let operator = Actor::operator(NO_WORKSPACE);
    returned_mail::take(&fixture.installation, &journal, &operator, raw).await.expect("taken")
}

async fn bounced(fixture: &Fixture) -> Option<String> {
    let contact = fixture.contact_id(ANNA).await?;
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    hard_bounce::of_contact(&mut conn, contact).await.expect("read").map(|(status, _)| status)
}

both!(only_a_token_of_ours_suppresses_and_a_message_counts_once, |fixture| {
    let delivery = sent(fixture).await;
    let forged = token(fixture, DeliveryRef { delivery: delivery.delivery + 1, ..delivery });
    let (token, mut foreign) = (token(fixture, delivery), token(fixture, delivery));
    foreign.replace_range(43.., if foreign.ends_with('A') { "B" } else { "A" });
    for (bad, why) in [("", "no token"), (foreign.as_str(), "changed"), (forged.as_str(), "nobody's delivery")] {
        let said = take(fixture, &report(ANNA, "5.1.1", bad, why)).await;
        assert_eq!((said.kind, said.class, said.action), ("bounce", "hard", "none"), "{why}");
    }
    assert_eq!(bounced(fixture).await, None);

    // Reading changes nothing.
    let raw = report(ANNA, "5.1.1", &token, "a");
    let read = returned_mail::read(&fixture.installation, &fixture.actor, &raw).await.expect("read");
    assert_eq!((read.action, read.recipient_token_valid, bounced(fixture).await), ("suppress", true, None));
    assert_eq!(take(fixture, &report(ANNA, "5.7.1", &token, "policy")).await.action, "none");
    assert_eq!(take(fixture, &report("her@forward.example", "5.1.1", &token, "other")).await.action, "count");
    assert_eq!(bounced(fixture).await, None, "a rule and a redirection suppress nobody");

    assert_eq!(take(fixture, &raw).await.action, "suppress");
    assert_eq!(bounced(fixture).await.as_deref(), Some("5.1.1"));
    let again = take(fixture, &raw).await;
    assert_eq!((again.action, again.reason.key), ("none", "returned-known"));
    assert!(contact::unsuppress(&fixture.installation, &fixture.actor, ANNA).await.expect("lifted").unsuppressed);
    take(fixture, &raw).await;
    assert_eq!(bounced(fixture).await, None, "an old report does not suppress again");
    let counts = returned_mail::counts(&fixture.installation, &fixture.actor).await.expect("counted").counts;
    assert_eq!(counts.iter().map(|row| row.count).sum::<i64>(), 6, "{counts:?}");
});

both!(temporary_failures_suppress_by_days_and_not_by_messages, |fixture| {
    let delivery = sent(fixture).await;
    let token = token(fixture, delivery);
    for attempt in 0..7 {
        let said = take(fixture, &report(ANNA, "4.2.2", &token, &format!("first{attempt}"))).await;
        assert_eq!((said.class, said.action), ("full", "count"));
    }
    for day in 2..=5 {
        assert_eq!(bounced(fixture).await, None, "day {day}");
        fixture.installation.clock.advance(DAY);
        let said = take(fixture, &report(ANNA, "4.2.2", &token, &format!("day{day}"))).await;
        assert_eq!(said.action, if day == 5 { "suppress" } else { "count" }, "day {day}");
    }
    assert_eq!(bounced(fixture).await.as_deref(), Some("4.2.2"));
});

both!(a_complaint_erases_and_a_request_ends_one_list, |fixture| {
    let delivery = sent(fixture).await;
    let token = token(fixture, delivery);
    let complaint = |token: &str| {
        format!(
            "From: fbl@provider.example\r\nTo: abuse@shop.example\r\nSubject: x\r\nMIME-Version: 1.0\r\n\
             Content-Type: multipart/report; report-type=feedback-report; boundary=B\r\n\r\n\
             --B\r\nContent-Type: message/feedback-report\r\n\r\nFeedback-Type: abuse\r\nUser-Agent: P/1\r\nVersion: 1\r\n\
             Original-Rcpt-To: {ANNA}\r\n\r\n--B\r\nContent-Type: message/rfc822\r\n\r\n\
             List-Unsubscribe: <https://news.example.org/u/{token}>\r\n\r\nHello\r\n--B--\r\n"
        )
    };
    assert_eq!(take(fixture, complaint("forged").as_bytes()).await.action, "none");
    let leave = format!("From: {ANNA}\r\nTo: leave+{token}@shop.example\r\nSubject: hello\r\n\r\nno more\r\n");
    assert_eq!(take(fixture, leave.as_bytes()).await.action, "unsubscribe");
    let shown = contact::show(&fixture.installation, &fixture.actor, ANNA).await.expect("still on the other list");
    assert_eq!(shown["subscriptions"].as_array().map(Vec::len), Some(1), "{shown}");
    // The delivery went with the list; a message of the other list names the person still.
    let mut conn = fixture.installation.db.read().await.expect("a connection");
    let offers = list::find(&mut conn, fixture.workspace.id, "Offers").await.expect("read").expect("a list");
    drop(conn);
    let (campaign, _) = canary::launch(fixture, &offers, "winter").await;
    let taken = canary::take(fixture, &campaign).await;
    let second = self::token(fixture, DeliveryRef { campaign: campaign.id, delivery: taken[ANNA] });
    assert_eq!(take(fixture, complaint(&token).as_bytes()).await.action, "none", "the person of that delivery is gone");
    assert_eq!(take(fixture, complaint(&second).as_bytes()).await.action, "erase");
    assert_eq!(fixture.contact_id(ANNA).await, None);
    let named = canary::number(fixture, "select count(*) from returned_message where contact_id is not null").await;
    assert_eq!(named, 0, "what came back names nobody");
});

/// Talks to the listener: sends everything, closes its side, and reads all replies.
async fn talk(address: std::net::SocketAddr, text: &str) -> String {
    let mut stream = TcpStream::connect(address).await.expect("connected");
    stream.write_all(text.as_bytes()).await.expect("written");
    stream.shutdown().await.expect("closed");
    let mut replies = String::new();
    stream.read_to_string(&mut replies).await.expect("read");
    replies
}

both!(mail_comes_in_by_smtp_and_lmtp_for_own_mailboxes_only, |fixture| {
    let delivery = sent(fixture).await;
    let installation = &fixture.installation;
    let mut tx = installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::UnsubscribeMailbox, "leave@shop.example").await.expect("set");
    tx.commit().await.expect("committed");
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("an address");
    let (stop, stopped) = oneshot::channel::<()>();
    let journal = RequestJournal::new(installation);
    let serving = inbound_mail::serve(installation, &journal, listener, async { drop(stopped.await) });
    let path = installation.signer.message_secret(delivery).return_path();
    let talking = async {
        let body = String::from_utf8(report(ANNA, "5.1.1", "", "by-path")).expect("text");
        let refused = talk(
            address,
            &format!(
                "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<somebody@shop.example>\r\nRCPT TO:<b-{}@shop.example>\r\nDATA\r\n",
                "a".repeat(44)
            ),
        )
        .await;
        assert_eq!(refused.matches("550 5.1.1").count(), 2, "{refused}");
        assert!(refused.contains("503 5.5.1"), "{refused}");

        // A bare line feed before the dot would let a second message follow.
        let smuggled = talk(address, &format!(
            "EHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{path}@b.example>\r\nDATA\r\nSubject: a\r\n\r\nx\n.\r\nMAIL FROM:<>\r\n\r\n.\r\nQUIT\r\n"
        )).await;
        assert!(smuggled.contains("554 5.6.0") && smuggled.ends_with("221 2.0.0 Bye\r\n"), "{smuggled}");
        assert_eq!(bounced(fixture).await, None);

        let taken = talk(address, &format!(
            "LHLO x\r\nMAIL FROM:<>\r\nRCPT TO:<{}@b.example>\r\nRCPT TO:<leave@shop.example>\r\nDATA\r\n{body}.\r\nQUIT\r\n",
            path.to_uppercase()
        )).await;
        assert_eq!(taken.matches("250 2.0.0 Taken").count(), 2, "one reply a recipient: {taken}");
        assert_eq!(bounced(fixture).await.as_deref(), Some("5.1.1"));

        let left = talk(address, &format!(
            "EHLO x\r\nMAIL FROM:<{ANNA}>\r\nRCPT TO:<leave+{}@shop.example>\r\nDATA\r\nFrom: {ANNA}\r\nSubject: x\r\n\r\n..\r\n.\r\nQUIT\r\n",
            token(fixture, delivery)
        )).await;
        assert!(left.contains("250 2.0.0 Taken"), "{left}");
        let shown = contact::show(installation, &fixture.actor, ANNA).await.expect("on the other list");
        assert_eq!(shown["subscriptions"].as_array().map(Vec::len), Some(1), "{shown}");
        drop(stop);
    };
    tokio::join!(serving, talking);
});

both!(each_message_has_a_return_path_of_its_own_and_asks_for_reports, |fixture| {
    subscribe_many(fixture, 2).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    setting::set(&mut tx, Setting::BounceDomain, "bounce.example").await.expect("set");
    tx.commit().await.expect("committed");
    let sink = Plan::new().offering(&["PIPELINING", "DSN"]).start().await;
    use_relay(fixture, sink.target(), 1).await;
    let campaign = start(fixture, EMAIL).await;
    mail(fixture).await;

    let log = sink.log();
    let paths: std::collections::BTreeSet<_> = log.messages.iter().map(|message| message.from.clone()).collect();
    assert_eq!((log.messages.len(), paths.len()), (2, 2), "{paths:?}");
    for message in &log.messages {
        let local = message.from.split(['<', '@']).nth(1).expect("an address");
        let named = fixture.installation.signer.verify_return_path(local).expect("signed");
        assert_eq!(named.campaign, campaign.id);
        let wanted = format!("MAIL FROM:<{local}@bounce.example> RET=HDRS ENVID={local}");
        assert_eq!(message.from, wanted);
        assert!(message.to[0].ends_with("> NOTIFY=FAILURE"), "{:?}", message.to);
    }
});
