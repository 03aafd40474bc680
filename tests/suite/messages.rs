//! Messages of commands: complete translations, clear errors of the database, and JSON values.

use std::time::{Duration, Instant};

use sendoff::audience::address::Address;
use sendoff::audience::contact::{self, NewContact};
use sendoff::audience::field::{self, Field};
use sendoff::audience::list;
use sendoff::cli::{campaign, contact as person};
use sendoff::infra::db::Db;
use sendoff::infra::error::Message;
use sendoff::infra::i18n::Lang;
use serde_json::json;

use crate::fixture::{Fixture, NOW, both};

const CAMPAIGN_FILE: &str =
    "+++\nname = \"осень\"\nlist = \"News\"\nfrom = \"news@example.org\"\nsubject = \"Осень\"\n+++\nПривет\n";

async fn campaign(fixture: &Fixture, command: campaign::Command) -> Result<String, String> {
    let done = campaign::run(&fixture.installation, &fixture.actor, command, Lang::RU).await;
    done.map(|report| report.text).map_err(|error| Lang::RU.translate(&error.message()))
}

both!(campaign_state_is_translated, |fixture| {
    list::add(&fixture.installation, fixture.workspace.id, "News").await.expect("a list");
    let file = fixture.folder.path().join("осень.md");
    std::fs::write(&file, CAMPAIGN_FILE).expect("written");
    let name = || "осень".to_owned();
    campaign(fixture, campaign::Command::Add { file }).await.expect("added");

    let refused = campaign(fixture, campaign::Command::Pause { name: name() }).await.expect_err("a draft");
    assert_eq!(refused, "Рассылка «осень» ещё черновик: приостановить её нельзя. Начать: sendoff campaign start осень");
    assert!(
        campaign(fixture, campaign::Command::Show { name: name(), watch: false })
            .await
            .expect("shown")
            .contains("черновик")
    );
    assert!(campaign(fixture, campaign::Command::Cancel { name: name() }).await.expect("ended").contains("отменена"));
});

#[test]
fn every_state_and_verb_is_translated() {
    for state in ["draft", "scheduled", "running", "paused", "finished", "cancelled"] {
        for verb in ["schedule", "start", "pause", "resume", "cancel"] {
            let message = Message::new("campaign-state").with("name", "осень").with("state", state).with("verb", verb);
            let said = Lang::RU.translate(&message);
            // A command that goes on from here is the same in every language.
            let sentence = said.split("sendoff campaign").next().unwrap_or_default();
            assert!(!sentence.contains(|c: char| c.is_ascii_alphabetic()), "{said}");
        }
    }
}

#[tokio::test]
async fn read_only_database_is_reported_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("sendoff.db");
    std::fs::write(&file, "").expect("written");
    let began = Instant::now();

    let refused = Db::connect(&format!("sqlite://{}?mode=ro", file.display())).await.map(drop).expect_err("refused");

    assert_eq!(refused.message().key, "database-readonly");
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

both!(missing_database_is_reported, |fixture| {
    if !fixture.installation.db.is_shared() {
        return;
    }
    let url = fixture.installation.config.database_url();
    let (server, _) = url.rsplit_once('/').expect("a name");

    let refused = Db::connect(&format!("{server}/sendoff_does_not_exist")).await.map(drop).expect_err("refused");

    assert_eq!(refused.message().key, "database-missing");
});

#[cfg(unix)]
both!(endless_campaign_file_is_refused, |fixture| {
    let file = fixture.folder.path().join("endless.md");
    std::os::unix::fs::symlink("/dev/zero", &file).expect("linked");

    let refused = campaign(fixture, campaign::Command::Add { file }).await.expect_err("endless");

    assert!(refused.contains("1024 КиБ"), "{refused}");
});

both!(flag_is_shown_as_true_or_false_and_the_address_is_not_a_field, |fixture| {
    let (installation, workspace) = (&fixture.installation, fixture.workspace.id);
    for name in ["vip", "loud", "quiet"] {
        field::add(installation, workspace, &Field::declare(name, "flag").expect("a field")).await.expect("declared");
    }
    let values = json!({"vip": 1, "loud": 0}).as_object().expect("an object").clone();
    let address = Address::parse("anna@example.org").expect("an address");
    let mut tx = installation.db.write().await.expect("a transaction");
    contact::insert(
        &mut tx,
        workspace,
        &[NewContact { id: installation.ids.next().expect("an id"), address, values }],
        NOW,
    )
    .await
    .expect("added");
    tx.commit().await.expect("committed");
    let anna = || "anna@example.org".to_owned();

    let show = person::Command::Show { address: anna() };
    let shown = person::run(installation, &fixture.actor, show, Lang::EN).await.expect("shown");
    assert_eq!(shown.json["fields"], json!({"vip": true, "loud": false}));
    assert!(shown.text.contains("vip: true"), "{}", shown.text);

    let set = vec!["email=a@example.org".to_owned()];
    let correct = person::Command::Correct { address: anna(), set, new: None };
    let refused = person::run(installation, &fixture.actor, correct, Lang::EN).await.expect_err("no field");
    assert_eq!(refused.message().key, "contact-correct-address");
});
