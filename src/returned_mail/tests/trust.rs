//! Whom a message concerns, and messages that are made to harm.

use super::*;

#[test]
fn only_a_valid_token_says_whom_it_concerns() {
    let signer = signer();
    let failed = "Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1";
    let by = |raw: &str| {
        let reading = read(raw.replace('\n', "\r\n").as_bytes(), &signer);
        (reading.delivery, reading.action)
    };
    assert_eq!(by(&report(failed, &original(&signer, DELIVERY))), (Some(DELIVERY), Effect::Suppress));
    assert_eq!(by(&report(failed, "")), (None, Effect::None), "no token");
    let foreign = Signer::new(&Keyring::ephemeral());
    assert_eq!(by(&report(failed, &original(&foreign, DELIVERY))), (None, Effect::None), "a foreign key");

    // The return path alone, in the case that a server gave it.
    let path = signer.message_secret(DELIVERY).return_path();
    let sent_to = |address: &str| format!("Delivered-To: {address}\n{}", report(failed, ""));
    assert_eq!(by(&sent_to(&format!("{path}@bounce.example"))), (Some(DELIVERY), Effect::Suppress));
    assert_eq!(by(&sent_to(&format!("<{}@BOUNCE.EXAMPLE>", path.to_uppercase()))), (Some(DELIVERY), Effect::Suppress));
    assert_eq!(by(&sent_to(&format!("{}@bounce.example", &path[..45]))), (None, Effect::None), "cut off");

    // Two messages of ours in one report: nobody is moved.
    let two = format!("Delivered-To: {path}@bounce.example\n{}", report(failed, &original(&signer, OTHER)));
    assert_eq!(by(&two), (None, Effect::None));

    // In the copy that qmail writes into the text.
    let text = format!(
        "Hi. This is the qmail-send program.\n\n<anna@example.org>:\nNo such user here. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\n{}",
        original(&signer, DELIVERY)
    );
    assert_eq!(
        by(&bounce_of("MAILER-DAEMON@mx.example.org", "failure notice", &text)),
        (Some(DELIVERY), Effect::Suppress)
    );

    let abuse = "Feedback-Type: abuse\nUser-Agent: Provider/1\nVersion: 1";
    assert_eq!(by(&feedback(abuse, &original(&signer, DELIVERY))), (Some(DELIVERY), Effect::Erase));
    assert_eq!(by(&feedback(abuse, "Subject: x\n")), (None, Effect::None));
}

#[test]
fn whoever_writes_to_the_mailbox_for_leaving_leaves() {
    let signer = signer();
    let token = signer.message_secret(DELIVERY).token(TokenPurpose::Unsubscribe);
    let to = |headers: &str, text: &str| {
        let raw = written(&format!("Delivered-To: leave+{token}@shop.example\n{headers}"), "hello", text);
        let reading = read(raw.as_bytes(), &signer);
        (reading.kind, reading.delivery, reading.action)
    };
    assert_eq!(to("", "anything"), (Kind::Unsubscribe, Some(DELIVERY), Effect::Unsubscribe));
    assert_eq!(to("Auto-Submitted: auto-replied\n", "away").2, Effect::None, "a machine does not want to leave");
    let asks = read(written("", "unsubscribe", "").as_bytes(), &signer);
    assert_eq!((asks.kind, asks.action), (Kind::Unsubscribe, Effect::Ask), "nothing proves who asks");
}

#[test]
fn hostile_messages_are_refused_with_a_reason() {
    let signer = signer();
    let reason = |raw: &[u8]| read(raw, &signer).reason;
    assert_eq!(reason(&vec![b'a'; MAX_BYTES + 1]), "returned-too-large");
    assert_eq!(reason(b""), "returned-no-message");
    assert_eq!(reason(&[0xff; 1_000]), "returned-no-message");
    let mut deep = String::from("From: a@b.example\r\n");
    for level in 0..1_000 {
        deep.push_str(&format!("Content-Type: multipart/mixed; boundary=\"b{level}\"\r\n\r\n--b{level}\r\n"));
    }
    assert_eq!(reason(deep.as_bytes()), "returned-too-deep");
    let nested = "Content-Type: message/rfc822\r\n\r\n".repeat(1_000);
    assert_eq!(reason(format!("From: a@b.example\r\n{nested}").as_bytes()), "returned-too-deep");
}

#[test]
fn damaged_messages_never_panic() {
    let signer = signer();
    let failed = "Final-Recipient: rfc822; анна@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550-5.1.1 нет";
    let whole = report(failed, &original(&signer, DELIVERY)).into_bytes();
    for end in 0..whole.len() {
        read(&whole[..end], &signer);
    }
    let mut state = 7_u32;
    for _ in 0..3_000 {
        let mut bytes = whole.clone();
        for _ in 0..4 {
            state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let at = state as usize % bytes.len();
            bytes[at] = (state >> 24) as u8;
        }
        read(&bytes, &signer);
    }
}
