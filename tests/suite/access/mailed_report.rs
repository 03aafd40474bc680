//! Reports by mail: sent once after each period, to whoever asked, without a recipient's name.

use std::path::{Path, PathBuf};

use axum::body::Body;
use axum::http::{Method, StatusCode};
use sendoff::infra::clock::DAY;
use sendoff::mailer::relay::{self, Relay, RelayKind};
use sendoff::usecase::mailed_report::{self, Period};
use sendoff::usecase::{Actor, Role};

use super::fixture::{ANNA, Staff};
use crate::fixture::{Fixture, both};
use crate::public::fixture::{WebFixture, send};

/// A relay that writes messages to a folder.
async fn relay_to_folder(fixture: &Fixture) -> PathBuf {
    let folder = fixture.folder.path().join("mail");
    std::fs::create_dir_all(&folder).expect("a folder");
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let relay = Relay::to(RelayKind::Folder(folder.clone()));
    relay::save(&fixture.installation, &mut tx, fixture.workspace.id, &relay).await.expect("a relay");
    tx.commit().await.expect("committed");
    folder
}

/// The messages of a folder, decoded as far as the test needs.
fn messages(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path().is_dir() {
            true => found.extend(messages(&entry.path())),
            false => found.push(std::fs::read_to_string(entry.path()).expect("a message").replace("=\r\n", "")),
        }
    }
    found
}

both!(report_of_the_week_is_sent_once_to_whoever_asked, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (staff, _) = Staff::with_anna(fixture).await;
    let folder = relay_to_folder(fixture).await;
    let vera = staff.join("vera-of-staff@example.org", Role::Analyst, None).await;
    let installation = &fixture.installation;
    let actor = Actor::member(fixture.workspace.id, Role::Analyst, vera.user);
    mailed_report::set(installation, &actor, Some(Period::Weekly)).await.expect("set");
    assert_eq!(mailed_report::read(installation, &actor).await.expect("read"), Some(Period::Weekly));
    assert_eq!(mailed_report::send_due(installation).await.expect("looked"), 0, "the week is not over");

    installation.clock.advance(2 * DAY);
    assert_eq!(mailed_report::send_due(installation).await.expect("sent"), 1);
    assert_eq!(mailed_report::send_due(installation).await.expect("looked"), 0, "once");
    let sent = messages(&folder);
    assert_eq!(sent.len(), 1);
    assert!(sent[0].contains("vera-of-staff@example.org") && sent[0].contains("autumn"), "{}", sent[0]);
    assert!(!["anna@", "boris@", "vera@"].iter().any(|part| sent[0].contains(part)), "{}", sent[0]);

    mailed_report::set(installation, &actor, None).await.expect("set");
    installation.clock.advance(8 * DAY);
    assert_eq!(mailed_report::send_due(installation).await.expect("looked"), 0);
    let nobody = mailed_report::set(installation, &Actor::operator(fixture.workspace.id), Some(Period::Weekly)).await;
    assert_eq!(nobody.expect_err("no member").message().key, "report-no-member");
    drop(site);
});

both!(report_is_chosen_and_tried_on_its_page, |fixture| {
    let site = WebFixture::new(fixture).await;
    let (staff, _) = Staff::with_anna(fixture).await;
    let folder = relay_to_folder(fixture).await;
    let vera = staff.join("vera-of-staff@example.org", Role::Marketer, None).await;
    let cookie = format!("session={}", vera.session.expose());
    let headers = [
        ("host", "127.0.0.1:8025"),
        ("cookie", cookie.as_str()),
        ("accept-language", "en"),
        ("sec-fetch-site", "same-origin"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let ask = async |method, path: &str, form: &'static str| {
        let path = format!("/w/main/settings/reports{path}");
        send(site.desk(), method, &path, &headers, Body::from(form)).await
    };
    assert_eq!(ask(Method::POST, "/save", "period=monthly").await.status, StatusCode::SEE_OTHER);
    let page = ask(Method::GET, "", "").await.body;
    assert!(page.contains("value=\"monthly\" selected") && page.contains("2026-12-01"), "{page}");
    let sent = ask(Method::POST, "/send", "period=weekly").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.body);
    assert!(messages(&folder)[0].contains("vera-of-staff@example.org") && !messages(&folder)[0].contains(ANNA));
});
