//! Tests of backups: what was erased after one was made stays erased, nobody sends before that, and a damaged, foreign or
//! misplaced backup changes nothing.

use std::fs;
use std::path::{Path, PathBuf};

use sendoff::campaign::model::{self, State as CampaignState};
use sendoff::infra::config::Config;
use sendoff::infra::error::{Kind as ErrorKind, Result};
use sendoff::infra::installation::Installation;
use sendoff::mailer::lease::Lease;
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::physical_erasure;
use sendoff::usecase::backup::{self, RestoreRequest, Restored};
use sendoff::usecase::{Actor, NO_WORKSPACE, startup, trace_search};
use tempfile::TempDir;

use crate::canary;
use crate::fixture::{Fixture, both, create, remove};

const OPERATOR: Actor = Actor::operator(NO_WORKSPACE);

/// A folder elsewhere, with a private key and a backup.
struct Away {
    folder: TempDir,
    backup: PathBuf,
    recipient: String,
}

impl Away {
    async fn new(fixture: &Fixture) -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let key = backup::make_key(&fixture.installation, &OPERATOR, &folder.path().join("key")).await.expect("a key");
        let mut away = Self { backup: folder.path().join("b.age"), folder, recipient: key.recipient };
        away.backup = away.back_up(fixture, "b.age").await;
        away
    }

    async fn back_up(&self, fixture: &Fixture, name: &str) -> PathBuf {
        let to = self.folder.path().join(name);
        let request = backup::Request { to: to.clone(), recipients: vec![self.recipient.clone()], keep_days: None };
        backup::run(&fixture.installation, &OPERATOR, &request, &mut |_| {}).await.expect("backed up");
        to
    }

    fn request(&self) -> RestoreRequest {
        let identity = self.folder.path().join("key");
        RestoreRequest { file: self.backup.clone(), identity, replace: false, journal: None }
    }
}

/// Twenty people, whose messages a campaign is sending.
async fn people(fixture: &Fixture) {
    let list = canary::list(fixture, "News").await;
    for number in 0..20 {
        canary::person(fixture, &list, &format!("person{number}@example.org")).await;
    }
    let (campaign, _) = canary::launch(fixture, &list, "autumn").await;
    canary::take(fixture, &campaign).await;
}

async fn erase(fixture: &Fixture, numbers: std::ops::Range<u32>) {
    for number in numbers {
        let address = canary::address(&format!("person{number}@example.org"));
        erasure::erase(&fixture.installation, fixture.workspace.id, &address, Reason::Erased, None)
            .await
            .expect("erased");
    }
}

/// Restores into a new data folder, and into a new database where the fixture's is on a server. Returns the installation
/// and the name of the database to remove.
async fn restore_elsewhere(
    fixture: &Fixture,
    folder: &Path,
    request: &RestoreRequest,
) -> (Result<Restored>, Config, Option<String>) {
    let (name, database) = match fixture.installation.db.is_shared() {
        true => {
            let (name, url) = create().await;
            (Some(name), Some(url))
        }
        false => (None, None),
    };
    let config = Config { data: folder.to_owned(), database };
    let restored = backup::restore(config.clone(), &OPERATOR, request, &mut |_| {}).await;
    (restored, config, name)
}

async fn number(installation: &Installation, query: &'static str) -> i64 {
    let mut conn = installation.db.read().await.expect("a connection");
    sqlx::query_scalar(query).fetch_one(&mut *conn).await.expect("asked")
}

async fn refusal(installation: &Installation) -> Option<String> {
    match Lease::acquire(installation).await {
        Ok((lease, _)) => {
            lease.release(installation).await.expect("released");
            None
        }
        Err(error) => Some(error.message().key.to_owned()),
    }
}

both!(restored_backup_sends_nothing_until_later_erasures_are_repeated, |fixture| {
    people(fixture).await;
    let away = Away::new(fixture).await;
    erase(fixture, 0..5).await;
    let folder = away.folder.path().join("restored");

    let (restored, config, database) = restore_elsewhere(fixture, &folder, &away.request()).await;
    let restored = restored.expect("restored");
    assert_eq!((restored.people, restored.erased, restored.halted, restored.sends), (20, 0, 1, false));
    let installation = startup::open(config.clone()).await.expect("opens");
    assert_eq!(refusal(&installation).await.as_deref(), Some("restore-awaited"));
    let mut conn = installation.db.read().await.expect("a connection");
    let running = model::list_in_state(&mut conn, CampaignState::Running).await.expect("listed");
    assert!(running.is_empty(), "the campaign is paused");
    drop(conn);
    installation.db.clone().close().await;

    let journal = fixture.installation.config.journal_dir();
    assert_eq!(backup::repeat_erasures(config.clone(), &OPERATOR, &journal).await.expect("repeated"), 5);
    let installation = startup::open(config).await.expect("opens");
    assert_eq!(refusal(&installation).await, None);
    assert_eq!(number(&installation, "select count(*) from contact").await, 15);
    assert_eq!(number(&installation, "select count(*) from delivery where state = 'uncertain'").await, 15);
    installation.db.close().await;
    if let Some(name) = database {
        remove(&name).await;
    }
});

both!(restored_backup_with_its_journal_has_nobody_who_left, |fixture| {
    people(fixture).await;
    let away = Away::new(fixture).await;
    erase(fixture, 3..9).await;
    let folder = away.folder.path().join("restored");
    let elsewhere = RestoreRequest { journal: Some(away.folder.path().to_owned()), ..away.request() };
    let config = Config { data: folder.clone(), database: None };
    let refused = backup::restore(config, &OPERATOR, &elsewhere, &mut |_| {}).await.expect_err("no log there");
    assert_eq!(refused.message().key, "restore-no-log");
    assert!(!folder.exists());
    let journal = Some(fixture.installation.config.journal_dir());

    let (restored, config, database) =
        restore_elsewhere(fixture, &folder, &RestoreRequest { journal, ..away.request() }).await;
    let restored = restored.expect("restored");
    assert_eq!((restored.people, restored.erased, restored.sends), (14, 6, true));
    let installation = startup::open(config).await.expect("opens");
    assert_eq!(refusal(&installation).await, None);
    if !installation.db.is_shared() {
        for entry in walk(&folder) {
            let bytes = fs::read(&entry).expect("read");
            let found = memchr::memmem::find(&bytes, b"person4@example.org");
            assert!(found.is_none(), "{} holds bytes of someone who left", entry.display());
        }
    }
    installation.db.close().await;
    if let Some(name) = database {
        remove(&name).await;
    }
});

fn walk(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).expect("a folder").flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(walk(&path)),
            path => found.push(path),
        }
    }
    found
}

both!(rehearsal_reads_everything_and_leaves_nothing, |fixture| {
    people(fixture).await;
    let away = Away::new(fixture).await;
    erase(fixture, 0..2).await;
    let config = fixture.installation.config.clone();
    let key = away.folder.path().join("key");

    let of_file =
        backup::rehearse(config.clone(), &OPERATOR, Some((&away.backup, &key)), &mut |_| {}).await.expect("rehearsed");
    let of_now = backup::rehearse(config.clone(), &OPERATOR, None, &mut |_| {}).await.expect("rehearsed");

    assert_eq!((of_file.people, of_file.erased, of_file.made_now), (18, 2, false));
    assert_eq!((of_now.people, of_now.erased, of_now.made_now), (18, 0, true));
    assert!(of_file.rows > 20 && of_file.tables > 20);
    let left: Vec<_> = walk(&config.staging_dir()).into_iter().filter(|path| !path.ends_with("import.lock")).collect();
    assert!(left.is_empty(), "{left:?}");
});

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restore_over_the_same_installation_keeps_its_erasures() {
    let fixture = Fixture::new(crate::fixture::Kind::Sqlite).await;
    people(&fixture).await;
    let away = Away::new(&fixture).await;
    erase(&fixture, 0..4).await;
    let config = fixture.installation.config.clone();
    fixture.installation.db.clone().close().await;

    let refused = backup::restore(config.clone(), &OPERATOR, &away.request(), &mut |_| {}).await.expect_err("refused");
    assert_eq!((refused.kind(), refused.message().key), (ErrorKind::Conflict, "restore-occupied"));
    let request = RestoreRequest { replace: true, ..away.request() };
    let restored = backup::restore(config.clone(), &OPERATOR, &request, &mut |_| {}).await.expect("restored");

    assert_eq!((restored.people, restored.erased, restored.sends), (16, 4, true));
    let installation = startup::open(config).await.expect("opens");
    assert_eq!(number(&installation, "select count(*) from contact").await, 16);
    assert_eq!(refusal(&installation).await, None);
    installation.db.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backup_of_another_installation_or_over_a_running_one_is_refused() {
    let (fixture, other) =
        (Fixture::new(crate::fixture::Kind::Sqlite).await, Fixture::new(crate::fixture::Kind::Sqlite).await);
    people(&fixture).await;
    let away = Away::new(&other).await;
    let config = fixture.installation.config.clone();
    let request = RestoreRequest { replace: true, ..away.request() };

    let refused = backup::restore(config.clone(), &OPERATOR, &request, &mut |_| {}).await.expect_err("another");
    assert!(["restore-other", "restore-other-journal"].contains(&refused.message().key), "{refused}");
    let serving = sendoff::infra::lock_file::acquire(&config.data.join("serve.lock")).expect("locked");
    let refused = backup::restore(config.clone(), &OPERATOR, &request, &mut |_| {}).await.expect_err("in use");
    assert_eq!(refused.kind(), ErrorKind::Unavailable);
    drop(serving);

    assert_eq!(canary::number(&fixture, "select count(*) from contact").await, 20);
    fixture.close().await;
    other.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn damaged_or_foreign_file_changes_nothing() {
    let fixture = Fixture::new(crate::fixture::Kind::Sqlite).await;
    people(&fixture).await;
    let away = Away::new(&fixture).await;
    let good = fs::read(&away.backup).expect("read");
    let target = away.folder.path().join("restored");
    let restore = async |bytes: &[u8], identity: &Path| {
        fs::write(&away.backup, bytes).expect("written");
        let config = Config { data: target.clone(), database: None };
        let request = RestoreRequest { identity: identity.to_owned(), ..away.request() };
        backup::restore(config, &OPERATOR, &request, &mut |_| {}).await.map_err(|error| error.message().key)
    };
    let key = away.folder.path().join("key");
    for at in [0, 40, 200, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        // A changed header may look like one for another key.
        let refused = restore(&bad, &key).await.expect_err("refused");
        assert!(refused == "backup-damaged" || (at < 200 && refused == "backup-other-key"), "{refused}: byte {at}");
    }
    for length in [0, 100, good.len() / 2, good.len() - 1] {
        assert_eq!(restore(&good[..length], &key).await.err(), Some("backup-damaged"), "{length} bytes");
    }
    let other = away.folder.path().join("other-key");
    backup::make_key(&fixture.installation, &OPERATOR, &other).await.expect("a key");
    assert_eq!(restore(&good, &other).await.err(), Some("backup-other-key"));
    assert_eq!(restore(&good, &away.backup).await.err(), Some("backup-identity"));
    assert!(!target.join("sendoff.db").exists() && !target.join("keys/token.key").exists());

    assert!(restore(&good, &key).await.is_ok());
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn backups_of_a_folder_get_names_and_old_ones_go() {
    let fixture = Fixture::new(crate::fixture::Kind::Sqlite).await;
    people(&fixture).await;
    let away = Away::new(&fixture).await;
    let folder = away.folder.path().join("backups");
    fs::create_dir(&folder).expect("a folder");
    let old = folder.join("sendoff-20200101T000000Z.backup.age");
    fs::write(&old, "x").expect("written");
    let request = |recipients: &[&str], to: &Path| backup::Request {
        to: to.to_owned(),
        recipients: recipients.iter().map(|key| (*key).to_owned()).collect(),
        keep_days: Some(30),
    };
    let run =
        async |request: backup::Request| backup::run(&fixture.installation, &OPERATOR, &request, &mut |_| {}).await;

    let made = run(request(&[&away.recipient], &folder)).await.expect("made");
    assert_eq!((made.people, made.deleted), (20, vec![old.display().to_string()]));
    let bytes = fs::read(&made.file).expect("read");
    assert!(bytes.starts_with(b"age-encryption.org/v1\n"));
    assert!(memchr::memmem::find(&bytes, b"person1@").is_none(), "it is encrypted");

    let identity = fs::read_to_string(away.folder.path().join("key")).expect("read");
    let secret = identity.lines().find(|line| line.starts_with("AGE-SECRET")).expect("a private key");
    for (recipients, to, key) in [
        (vec![], folder.as_path(), "backup-no-recipient"),
        (vec![secret], folder.as_path(), "backup-recipient"),
        (vec![away.recipient.as_str()], away.backup.as_path(), "backup-keep"),
    ] {
        let refused = run(request(&recipients, to)).await.expect_err("refused");
        assert_eq!(refused.message().key, key);
        assert!(!format!("{refused:?}").contains(secret), "a private key is not shown");
    }
    let inside = fixture.installation.config.data.join("key");
    let refused = backup::make_key(&fixture.installation, &OPERATOR, &inside).await.expect_err("beside the data");
    assert_eq!(refused.message().key, "backup-key-inside");
    fixture.close().await;
}

both!(a_trace_search_opens_backups_and_names_those_it_could_not, |fixture| {
    people(fixture).await;
    let away = Away::new(fixture).await;
    let later = away.back_up(fixture, "later.age").await;
    erase(fixture, 3..4).await;
    physical_erasure::run(&fixture.installation).await.expect("overwritten");
    let (installation, address) = (&fixture.installation, "person3@example.org");
    let key = away.folder.path().join("key");

    let live = trace_search::search(installation, &OPERATOR, address, |_, _| {}).await.expect("searched");
    let backups = [away.backup.clone()];
    let found = trace_search::search_backups(installation, &OPERATOR, address, &backups, &key).await.expect("searched");
    let known = trace_search::known_backups(installation, &OPERATOR).await.expect("listed");

    // Other tests keep the WAL of their server.
    let is_in_wal = |place: &str| place.contains("pg_wal");
    assert!(live.report.traces.iter().all(|trace| is_in_wal(&trace.place)), "{live:?}");
    assert!(found[0].report.hits > 0 && found[0].report.traces.iter().any(|trace| trace.place == "contact.address"));
    assert_eq!(known, [away.backup.display().to_string(), later.display().to_string()]);
    let again = trace_search::search(installation, &OPERATOR, address, |_, _| {}).await.expect("searched");
    assert!(again.report.traces.iter().all(|trace| is_in_wal(&trace.place)), "the copy is removed: {again:?}");
    fs::write(&away.backup, "no backup").expect("damaged");
    let refused = trace_search::search_backups(installation, &OPERATOR, address, &backups, &key).await;
    assert_eq!(refused.expect_err("damaged").kind(), ErrorKind::Invalid);
});
