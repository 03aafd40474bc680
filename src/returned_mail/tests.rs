//! Messages as servers and people send them, and what each must be read as.

mod trust;

use super::*;
use crate::infra::secret::Keyring;

const DELIVERY: DeliveryRef = DeliveryRef { campaign: 11, delivery: 42 };
const OTHER: DeliveryRef = DeliveryRef { campaign: 11, delivery: 43 };

fn signer() -> Signer {
    Signer::new(&Keyring::ephemeral())
}

/// The header of a message of ours, as a report returns it.
fn original(signer: &Signer, delivery: DeliveryRef) -> String {
    let token = signer.message_secret(delivery).token(TokenPurpose::Unsubscribe);
    format!(
        "From: Shop <news@shop.example>\nTo: anna@example.org\nSubject: News\nMessage-ID: <a@shop.example>\n\
         List-Unsubscribe: <mailto:leave+{token}@shop.example?subject=unsubscribe>,\n <https://news.shop.example/u/{token}>\n\
         List-Unsubscribe-Post: List-Unsubscribe=One-Click\n"
    )
}

/// A report of RFC 3464 with these fields of the recipient.
fn report(fields: &str, original: &str) -> String {
    format!(
        "From: MAILER-DAEMON@mx.example.org (Mail Delivery System)\nTo: news@shop.example\n\
         Subject: Undelivered Mail Returned to Sender\nMIME-Version: 1.0\nAuto-Submitted: auto-replied\n\
         Content-Type: multipart/report; report-type=delivery-status; boundary=\"B\"\n\n\
         --B\nContent-Type: text/plain; charset=utf-8\n\nYour message could not be delivered. 421 4.0.0 is not why.\n\n\
         --B\nContent-Type: message/delivery-status\n\nReporting-MTA: dns; mx.example.org\n\n{fields}\n\n\
         --B\nContent-Type: text/rfc822-headers\n\n{original}\n--B--\n"
    )
}

/// A message of a server with this text, which no standard describes.
fn bounce_of(from: &str, subject: &str, text: &str) -> String {
    format!(
        "Return-Path: <>\nFrom: {from}\nTo: news@shop.example\nSubject: {subject}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}

fn feedback(fields: &str, original: &str) -> String {
    format!(
        "From: feedback@provider.example\nTo: abuse@shop.example\nSubject: complaint\nMIME-Version: 1.0\n\
         Content-Type: multipart/report; report-type=feedback-report; boundary=B\n\n\
         --B\nContent-Type: text/plain\n\nThis is an abuse report.\n\n\
         --B\nContent-Type: message/feedback-report\n\n{fields}\n\n\
         --B\nContent-Type: message/rfc822\n\n{original}\nHello\n--B--\n"
    )
}

fn written(headers: &str, subject: &str, text: &str) -> String {
    format!(
        "From: Anna <anna@example.org>\nTo: news@shop.example\n{headers}Subject: {subject}\nMIME-Version: 1.0\n\
         Content-Type: text/plain; charset=utf-8\n\n{text}\n"
    )
}

fn said(raw: &str) -> (Kind, Class, Option<String>) {
    let reading = read(raw.replace('\n', "\r\n").as_bytes(), &signer());
    (reading.kind, reading.class, reading.status)
}

fn expect(name: &str, raw: &str, kind: Kind, class: Class, status: Option<&str>) {
    assert_eq!(said(raw), (kind, class, status.map(str::to_owned)), "{name}");
}

#[test]
fn standard_reports_are_read_by_their_fields() {
    for (fields, class, status) in [
        (
            "Final-Recipient: rfc822; anna@example.org\nAction: failed\nStatus: 5.1.1\nDiagnostic-Code: smtp; 550 5.1.1 no such user",
            Class::Hard,
            "5.1.1",
        ),
        // Folded, other case, a comment behind the action.
        (
            "final-recipient: RFC822;\n anna@example.org\nACTION: Failed (gave up)\nSTATUS: 5.1.2\ndiagnostic-code: smtp;\n 550 unknown host",
            Class::Hard,
            "5.1.2",
        ),
        ("Final-Recipient: utf-8; анна@example.org\nAction: failed\nStatus: 5.1.6", Class::Hard, "5.1.6"),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.1.10", Class::Hard, "5.1.10"),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.2.1", Class::Hard, "5.2.1"),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.2.2\nDiagnostic-Code: smtp; 552 5.2.2 over quota",
            Class::Full,
            "5.2.2",
        ),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 4.2.2", Class::Full, "4.2.2"),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 4.4.7", Class::Soft, "4.4.7"),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 4.4.1\nDiagnostic-Code: x-unix; connection timed out",
            Class::Soft,
            "4.4.1",
        ),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.3.4", Class::Message, "5.3.4"),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.6.0", Class::Message, "5.6.0"),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.7.1\nDiagnostic-Code: smtp; 550 5.7.1 blocked",
            Class::Policy,
            "5.7.1",
        ),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.7.26", Class::Policy, "5.7.26"),
        ("Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.7.515", Class::Policy, "5.7.515"),
        // The reply says more than the field, and the same for good or not.
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550-5.1.1 The account does not exist",
            Class::Hard,
            "5.1.1",
        ),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 550 message looks like spam",
            Class::Policy,
            "5.7.1",
        ),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: smtp; 451 4.2.2 full",
            Class::Soft,
            "5.0.0",
        ),
    ] {
        expect(fields, &report(fields, ""), Kind::Bounce, class, Some(status));
    }
}

#[test]
fn notices_and_reports_about_nothing_are_no_failures() {
    let late = "Final-Recipient: rfc822; a@b.example\nAction: delayed\nStatus: 4.4.1";
    expect("delayed", &report(late, ""), Kind::Bounce, Class::None, Some("4.4.1"));
    for action in ["delivered", "relayed", "expanded", "nonsense"] {
        let fields = format!("Final-Recipient: rfc822; a@b.example\nAction: {action}\nStatus: 2.0.0");
        expect(action, &report(&fields, ""), Kind::Unknown, Class::None, None);
    }
    expect("nobody", &report("X: y", ""), Kind::Unknown, Class::None, None);
    let no_code = "Final-Recipient: rfc822; a@b.example\nAction: failed";
    expect("no code", &report(no_code, ""), Kind::Unknown, Class::None, None);
}

#[test]
fn servers_without_standard_reports_are_read_by_their_words() {
    let daemon = "MAILER-DAEMON@mx.example.org";
    for (subject, text, class, status) in [
        (
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\nI'm afraid I wasn't able to deliver your message.\n\n<anna@example.org>:\nSorry, no mailbox here by that name. (#5.1.1)\n\n--- Below this line is a copy of the message.\n\nSubject: 552 5.2.2",
            Class::Hard,
            "5.1.1",
        ),
        (
            "failure notice",
            "Hi. This is the qmail-send program at mx.example.org.\n\n<anna@example.org>:\n192.0.2.7 does not like recipient.\nRemote host said: 550 5.2.1 mailbox disabled\nGiving up on 192.0.2.7.",
            Class::Hard,
            "5.2.1",
        ),
        (
            "Mail delivery failed: returning message to sender",
            "This message was created automatically by mail delivery software.\n\n  anna@example.org\n    SMTP error from remote mail server after RCPT TO:<anna@example.org>:\n    550 5.1.1 User unknown\n\n------ This is a copy of the message, including all the headers. ------\n",
            Class::Hard,
            "5.1.1",
        ),
        (
            "Mail delivery failed: returning message to sender",
            "A message that you sent could not be delivered.\n\n  anna@example.org\n    Unrouteable address\n",
            Class::Hard,
            "5.1.1",
        ),
        (
            "Mail delivery failed: returning message to sender",
            "  anna@example.org\n    mailbox is full: retry timeout exceeded\n",
            Class::Full,
            "5.2.2",
        ),
        (
            "Mail delivery failed",
            "  anna@example.org\n    host mx.example.net [192.0.2.1]: 552 message size exceeds fixed limit\n",
            Class::Message,
            "5.3.4",
        ),
        (
            "Undeliverable: News",
            "Your message wasn't delivered to anna@example.org because the address couldn't be found.\n\nRemote Server returned '550 5.1.10 RESOLVER.ADR.RecipientNotFound; not found'",
            Class::Hard,
            "5.1.10",
        ),
        (
            "Returned mail: User unknown",
            "   ----- The following addresses had permanent fatal errors -----\n<anna@example.org>\n\n   ----- Transcript of session follows -----\n... while talking to mx.example.net.:\n>>> RCPT To:<anna@example.org>\n<<< 550 5.1.1 <anna@example.org>... User unknown\n",
            Class::Hard,
            "5.1.1",
        ),
        (
            "DELIVERY FAILURE: User anna not listed in Domino Directory",
            "Your message\n\n  Subject: News\n\nwas not delivered to:\n\n  anna@example.org\n\nbecause:\n\n  User anna (anna@example.org) not listed in Domino Directory\n",
            Class::Hard,
            "5.1.1",
        ),
        ("Mail failure", "SMTP error: undeliverable. 554 5.7.1 Message rejected as spam", Class::Policy, "5.7.1"),
        (
            "Недоставленное сообщение",
            "Это письмо создано автоматически сервером.\n\nанна@example.org: пользователь не найден",
            Class::Hard,
            "5.1.1",
        ),
        ("Письмо не доставлено", "Не удалось доставить письмо: ящик переполнен.", Class::Full, "5.2.2"),
        (
            "Undelivered Mail Returned to Sender",
            "<anna@example.org>: Host or domain name not found. Name service error for name=example.org",
            Class::Hard,
            "5.1.2",
        ),
        (
            "Undelivered Mail Returned to Sender",
            "<anna@example.org>: connect to mx.example.org: Connection timed out",
            Class::Soft,
            "4.4.1",
        ),
    ] {
        expect(
            text,
            &bounce_of(daemon, if subject == "Mail failure" { "Undeliverable mail" } else { subject }, text),
            Kind::Bounce,
            class,
            Some(status),
        );
    }
    let vague = bounce_of(daemon, "Undelivered mail", "Something went wrong, and we are sorry.");
    expect("vague", &vague, Kind::Unknown, Class::None, None);
    let late = bounce_of(
        daemon,
        "Warning: message delayed 24 hours",
        "Delivery status notification: it has not yet been delivered.\n450 4.2.0 greylisted. Will keep trying until 5 days.",
    );
    assert_eq!(said(&late).1, Class::None, "a delay fails nobody");
}

#[test]
fn quoted_replies_count_wherever_a_server_puts_them() {
    let daemon = "MAILER-DAEMON@mx.example.org";
    for (subject, text, class, status) in [
        (
            "Сообщение. Mail failure.",
            "Письмо не доставлено:\n\n  anna@example.org\n    SMTP error from remote mail server after RCPT TO:<anna@example.org>:\n    host mx.example.net [192.0.2.222]: 554 5.7.0 Header error\n\n------ This is a copy of the message, including all the headers. ------\n",
            Class::Policy,
            "5.7.0",
        ),
        (
            "Mail delivery failed: returning message to sender",
            "\"anna@example.org\":\nSMTP error from remote server after RCPT command:\nhost: mx.example.net\n5.1.1 <anna@example.org>... Nobody\n\n--- The header of the original message is following. ---\n5.2.2 x",
            Class::Hard,
            "5.1.1",
        ),
        (
            "Delivery Status Notification (Failure)",
            "The error that the other server returned was: 554 554 5.7.0 Header error.\n\n----- Original message -----\nReceived: x 550 5.1.1",
            Class::Policy,
            "5.7.0",
        ),
        (
            "Returned mail: Host unknown",
            "   ----- Transcript of session follows -----\n550 example.org (smtp)... 550 Host unknown\n\n   ----- Unsent message follows -----\n",
            Class::Hard,
            "5.1.2",
        ),
        (
            "Undeliverable Mail",
            "Invalid final delivery userid: anna@example.org\n\n\nOriginal message follows.\n\n552 5.2.2 full",
            Class::Hard,
            "5.1.1",
        ),
    ] {
        expect(text, &bounce_of(daemon, subject, text), Kind::Bounce, class, Some(status));
    }
    for (fields, class, status) in [
        (
            "Final-Recipient: rfc822;a@b.example\nAction: failed\nStatus: 5.0.0\nDiagnostic-Code: X-Notes; User anna not listed in Domino Directory",
            Class::Hard,
            "5.1.1",
        ),
        (
            "Final-Recipient: rfc822;a@b.example\nAction: expired\nStatus:\nDiagnostic-Code: Connection timed out",
            Class::Soft,
            "4.4.1",
        ),
    ] {
        expect(fields, &report(fields, ""), Kind::Bounce, class, Some(status));
    }
    let in_text = "Return-Path: <>\nFrom: MAILER-DAEMON@mx.example.org\nSubject: Returned mail\nMIME-Version: 1.0\n\
                   Content-Type: multipart/report; report-type=delivery-status; boundary=lost\n\n\
                   It failed.\n\nReporting-MTA: dns; mx.example.org\n\nFinal-Recipient: RFC822; <a@b.example>\nAction: failed\nStatus: 5.1.1\n";
    expect("fields in the text", in_text, Kind::Bounce, Class::Hard, Some("5.1.1"));
}

#[test]
fn a_server_says_it_and_nobody_else() {
    let text = "Mail delivery failed: 550 5.1.1 user unknown";
    expect("a person", &written("", "Undelivered Mail Returned to Sender", text), Kind::Unknown, Class::None, None);
    expect(
        "an answer",
        &written("", "Re: News", "Thank you! Our door code is 550, room 5.1.1"),
        Kind::Unknown,
        Class::None,
        None,
    );
    let newsletter = bounce_of("postmaster@example.org", "Monthly report", "We sent 550 messages, version 5.1.1");
    expect("a report", &newsletter, Kind::Unknown, Class::None, None);
}

#[test]
fn automatic_replies_move_nobody() {
    for (headers, subject, text) in [
        ("Auto-Submitted: auto-replied\n", "Re: News", "I am away. Error 550 5.1.1 user unknown is what you get."),
        ("", "Out of Office: News", "Back on Monday."),
        ("", "Automatic reply: News", "unsubscribe"),
        ("", "Автоответ: Новости", "Я в отпуске."),
        ("", "=?utf-8?B?0JDQstGC0L7QvNCw0YLQuNGH0LXRgdC60LjQuSDQvtGC0LLQtdGC?=", "Меня нет."),
        ("X-Autoreply: yes\n", "News", "away"),
        ("Precedence: auto_reply\n", "News", "away"),
    ] {
        expect(subject, &written(headers, subject, text), Kind::AutoReply, Class::None, None);
    }
    let own =
        "Return-Path: <>\nFrom: anna@example.org\nAuto-Submitted: auto-replied\nSubject: vacation\n\n550 5.1.1 gone\n";
    assert_eq!(said(own).0, Kind::AutoReply, "with an empty sender, as RFC 3834 wants it");
}

#[test]
fn people_who_ask_to_leave_are_understood_in_both_languages() {
    for (subject, text) in [
        ("unsubscribe", ""),
        ("Unsubscribe me", "thanks"),
        ("Re: News", "STOP"),
        ("Re: News", "Please remove me from this list."),
        ("Отписка", ""),
        ("Re: Новости", "Отпишите меня, пожалуйста!"),
        ("Re: Новости", "Больше не присылайте мне писем"),
        ("=?utf-8?B?0J7RgtC/0LjRgdCw0YLRjNGB0Y8=?=", ""),
        ("Re: News", "Hello,\n\nplease stop sending these.\n\n> old"),
    ] {
        expect(subject, &written("", subject, text), Kind::Unsubscribe, Class::None, None);
    }
    for (subject, text) in [
        ("Re: News", "Thank you!\n\nOn Monday Shop wrote:\n> unsubscribe: https://news.shop.example"),
        ("Re: Отписаться от рассылки легко", "Спасибо"),
        ("Question", "How do I unsubscribe my colleague? And the bus stop is where?"),
        ("Re: News", "Do not unsubscribe me, I like it"),
        ("Stopover", "We stop over in Moscow"),
        ("Re: Новости", "Спасибо, не отписывайте меня"),
    ] {
        expect(text, &written("", subject, text), Kind::Unknown, Class::None, None);
    }
}

#[test]
fn complaints_keep_the_rules_of_their_format() {
    let good = "Feedback-Type: abuse\nUser-Agent: Provider/1\nVersion: 1\nOriginal-Rcpt-To: redacted\nX-Other: 1";
    expect("abuse", &feedback(good, ""), Kind::Complaint, Class::None, None);
    for (fields, reason) in [
        ("Feedback-Type: abuse\nVersion: 1", "returned-malformed-report"),
        ("Feedback-Type: abuse\nFeedback-Type: abuse\nUser-Agent: a\nVersion: 1", "returned-malformed-report"),
        (
            "Feedback-Type: abuse\nUser-Agent: a\nVersion: 1\nArrival-Date: x\nReceived-Date: x",
            "returned-malformed-report",
        ),
        ("Feedback-Type: not-spam\nUser-Agent: a\nVersion: 1", "returned-other-report"),
        ("Feedback-Type: auth-failure\nUser-Agent: a\nVersion: 1", "returned-other-report"),
    ] {
        let reading = read(feedback(fields, "").as_bytes(), &signer());
        assert_eq!((reading.kind, reading.reason, reading.action), (Kind::Unknown, reason, Effect::None), "{fields}");
    }
}
