//! Erasure of files in the data folder, whatever they are called and however they are encoded.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use sendoff::audience::field::{self, Field};
use sendoff::audience::import::Request;
use sendoff::audience::workspace;
use sendoff::campaign::delivery::{State, uncertain};
use sendoff::infra::db::Query;
use sendoff::infra::export_register;
use sendoff::infra::i18n::Lang;
use sendoff::mailer::scheduler::{self, Mode};
use sendoff::privacy::erasure::{self, Reason};
use sendoff::privacy::{file_erasure, physical_erasure};
use sendoff::usecase::contact::{self, Correction, Urgency};
use sendoff::usecase::import;
use tokio::sync::watch;

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, Kind as Base, both, postgres_url};
use crate::import::fixture::request;

async fn sweep(fixture: &Fixture) -> bool {
    file_erasure::erase_pending(&fixture.installation).await.expect("erased")
}

fn write(path: PathBuf, text: &str) -> PathBuf {
    std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
    std::fs::write(&path, text).expect("written");
    path
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).expect("a file")
}

// The data folder of an installation on PostgreSQL can be the target of a move to SQLite, which another process writes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_file_in_the_data_folder_is_never_rewritten() {
    if postgres_url().is_none() {
        return;
    }
    let fixture = &Fixture::new(Base::Postgres).await;
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    let data = &fixture.installation.config.data;
    let files = ["", "-wal", "-shm", "-journal", "-pages"].map(|end| {
        write(data.join(format!("sendoff.db{end}")), "SQLite format 3\n{\"address\":\"anna@example.org\"}\n")
    });

    erase(fixture, "anna@example.org").await;
    assert!(sweep(fixture).await);

    for path in files {
        assert!(read(&path).contains("anna@example.org"), "{} belongs to a database", path.display());
    }
}

both!(file_erasure_removes_the_contact_and_keeps_others, |fixture| {
    let list = canary::list(fixture, "News").await;
    for text in ["анна@почта.рф", "жанна@почта.рф"] {
        canary::person(fixture, &list, text).await;
    }
    let config = &fixture.installation.config;
    let file = |folder: std::path::PathBuf, name: &str, text: &str| {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        std::fs::write(&path, text).expect("written");
        path
    };
    let csv = file(config.export_dir(), "a.csv", "\"address\"\r\n\"анна@почта.рф\"\r\n\"жанна@почта.рф\"\r\n");
    let message = file(
        config.capture_dir(),
        "x/1.eml",
        "From: news@shop.example\r\nTo:\r\n Anna <АННА@xn--80a1acny.xn--p1ai>\r\n\r\nhi",
    );
    let other = file(config.capture_dir(), "x/2.eml", "To: жанна@почта.рф\r\n\r\nanna");
    let run = file(config.staging_dir(), "import-1/run-0", "анна@почта.рф");
    let half = file(config.export_dir(), ".aside-1-b.csv", "анна@почта.рф");

    erase(fixture, "анна@почта.рф").await;
    assert!(message.exists(), "the erasure does not wait for the folders");
    file_erasure::erase_pending(&fixture.installation).await.expect("erased");

    assert_eq!(std::fs::read_to_string(&csv).expect("read"), "\"address\"\r\n\"жанна@почта.рф\"\r\n");
    assert!(other.exists());
    for path in [message, run, half] {
        assert!(!path.exists(), "{}", path.display());
    }
});

both!(concurrent_file_erasures_do_not_corrupt_files, |fixture| {
    let list = canary::list(fixture, "News").await;
    let export = fixture.installation.config.export_dir().join("people.csv");
    let addresses: Vec<String> = (0..40).map(|n| format!("contact{n}@example.org")).collect();
    for text in &addresses {
        canary::person(fixture, &list, text).await;
        let message = format!("To: {text}\r\n\r\nhello\r\n");
        std::fs::write(fixture.installation.config.capture_dir().join(format!("{text}.eml")), message)
            .expect("a message");
    }
    std::fs::write(&export, format!("email\n{}\nstays@example.org\n", addresses.join("\n"))).expect("an export");

    let mut leaving = tokio::task::JoinSet::new();
    for text in addresses {
        let (installation, workspace) = (fixture.installation.clone(), fixture.workspace.id);
        leaving.spawn(async move {
            erasure::erase(&installation, workspace, &canary::address(&text), Reason::Erased, None)
                .await
                .expect("erased");
            file_erasure::erase_pending(&installation).await
        });
    }
    for erased in leaving.join_all().await {
        erased.expect("concurrent file erasures succeed");
    }

    assert_eq!(std::fs::read_to_string(&export).expect("the export"), "email\nstays@example.org\n");
    assert_eq!(std::fs::read_dir(fixture.installation.config.capture_dir()).expect("the folder").count(), 0);
});

both!(erasure_reaches_every_file_of_the_data_folder, |fixture| {
    let config = &fixture.installation.config;
    let about = "name,email\nAnna,anna@example.org\nIvan,ivan@example.org\n";
    let rest = "name,email\nIvan,ivan@example.org\n";
    let kept = [
        write(config.export_dir().join("deep/er/people.csv"), about),
        write(config.data.join("my-export.csv"), about),
        write(config.data.join("relay-folder/list.txt"), about),
    ];
    let message = "To: anna@example.org\r\n\r\nhello\r\n";
    let gone = [
        write(config.export_dir().join("anna@example.org.csv"), "opens,clicks\n1,2\n"),
        write(config.data.join("relay-folder").join(format!("{}-1-2.eml", "0".repeat(64))), message),
        write(
            config.export_dir().join("saved.eml"),
            "To: ivan@example.org\r\n\r\nYW5uYUBleGFtcGxlLm9yZyBhbmQgbW9yZQ==\r\n",
        ),
    ];
    let archive = write(config.export_dir().join("people.zip"), "PK\u{3}\u{4}anna@example.org");

    let erased =
        contact::erase(&fixture.installation, &fixture.actor, "anna@example.org", Urgency::Now).await.expect("erased");
    assert_eq!(erased.unsearchable_files, ["export/people.zip"]);
    fixture.installation.db.truncate_wal().await.expect("truncated");
    sweep(fixture).await;

    for path in &kept {
        assert_eq!(read(path), rest, "{}", path.display());
    }
    for path in gone {
        assert!(!path.exists(), "{}", path.display());
    }
    assert!(archive.exists());
});

both!(export_of_another_workspace_keeps_its_rows, |fixture| {
    let config = &fixture.installation.config;
    let other = workspace::ensure(&fixture.installation, "other").await.expect("a workspace");
    let text = "email\nanna@example.org\n";
    let [ours, theirs, unknown] =
        ["ours.csv", "theirs.csv", "unknown.csv"].map(|name| write(config.export_dir().join(name), text));
    export_register::record(config, &ours, fixture.workspace.id).expect("recorded");
    export_register::record(config, &theirs, other.id).expect("recorded");

    erase(fixture, "anna@example.org").await;
    assert!(sweep(fixture).await);

    assert_eq!([&ours, &theirs, &unknown].map(|path| read(path)), ["email\n", text, "email\n"]);
});

both!(files_that_are_being_written_are_searched_again_when_they_are_complete, |fixture| {
    let config = &fixture.installation.config;
    let rejects = write(config.export_dir().join("rejects.csv"), "line,reason,explanation,row\n");
    let writer = std::fs::File::options().append(true).open(&rejects).expect("a file");
    writer.try_lock().expect("locked");
    let running = write(config.staging_dir().join("import-1/run-0"), "anna@example.org");
    let lock = std::fs::File::create(running.with_file_name("lock")).expect("a lock");
    lock.lock().expect("locked");
    let half = write(config.export_dir().join(".aside-1-x.csv"), "anna@example.org");
    let half_lock = std::fs::File::open(&half).expect("a file");
    half_lock.lock().expect("locked");

    erase(fixture, "anna@example.org").await;
    assert!(!physical_erasure::run(&fixture.installation).await.expect("run"), "the work stays pending");
    std::io::Write::write_all(&mut &writer, b"2,x,y,anna@example.org\n3,x,y,ivan@example.org\n").expect("written");
    drop((writer, lock, half_lock));
    physical_erasure::run(&fixture.installation).await.expect("run");

    assert_eq!(read(&rejects), "line,reason,explanation,row\n3,x,y,ivan@example.org\n");
    assert!(!running.exists() && !half.exists());
});

// The files that a mailer keeps locked as long as it lives are no files of people that somebody is still writing.
both!(file_erasure_is_complete_while_a_mailer_runs, |fixture| {
    let list = canary::list(fixture, "News").await;
    canary::person(fixture, &list, "anna@example.org").await;
    let (installation, (stop, stopped)) = (fixture.installation.clone(), watch::channel(false));
    let mailer =
        tokio::spawn(async move { scheduler::run(&installation, Mode::Forever, Arc::new(|| true), stopped).await });
    let is_begun = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.is_ok_and(|entry| entry.file_name().to_string_lossy().ends_with(".begun"))
    };
    while !std::fs::read_dir(&fixture.installation.config.data).expect("a folder").any(is_begun) {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    erase(fixture, "anna@example.org").await;

    assert!(sweep(fixture).await, "the mailer still runs");
    stop.send(true).expect("it listens");
    mailer.await.expect("ran").expect("a clean end");
});

both!(rejects_of_an_import_lose_who_was_erased_meanwhile, |fixture| {
    let folder = fixture.folder.path();
    canary::list(fixture, "News").await;
    // Refused for their age; the second leaves after the import has begun.
    let file =
        write(folder.join("in.csv"), "email,age\nivan@example.org,old\nanna@example.org,old\nkept@example.org,7\n");
    let rejects = folder.join("rejects.csv");
    let age = Field::declare("age", "number").expect("a field");
    field::add(&fixture.installation, fixture.workspace.id, &age).await.expect("a field");
    let request = Request { list: "News".to_owned(), rejects: Some(rejects.clone()), ..request(&file) };
    let (installation, workspace) = (fixture.installation.clone(), fixture.workspace.id);
    let mut erased = false;
    let mut progress = |_| {
        if !std::mem::replace(&mut erased, true) {
            let installation = installation.clone();
            std::thread::spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
                let address = canary::address("anna@example.org");
                runtime
                    .block_on(erasure::erase(&installation, workspace, &address, Reason::Erased, None))
                    .expect("erased");
            })
            .join()
            .expect("no panic");
        }
    };
    import::run(&fixture.installation, &fixture.actor, &request, Lang::EN, &mut progress).await.expect("imported");

    let text = read(&rejects);
    assert!(erased && text.contains("ivan@example.org") && !text.contains("anna@example.org"), "{text}");
});

both!(correction_forgets_the_address_of_earlier_attempts, |fixture| {
    let list = canary::list(fixture, "News").await;
    let person = canary::person(fixture, &list, "old@example.org").await;
    let (campaign, mailer) = canary::launch(fixture, &list, "autumn").await;
    let claimed = canary::claim(fixture, mailer, campaign.id, 1).await;
    canary::mark(fixture, mailer, &claimed).await;
    canary::end(fixture, &campaign, &[(person, State::Uncertain)]).await;
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    let set = "update delivery set state = 'uncertain', snapshot_address = 'old@example.org', snapshot_fields = '{}'";
    Query::new(set).execute(&mut tx).await.expect("set");
    tx.commit().await.expect("committed");

    let correction = Correction { address: Some("new@example.org".to_owned()), ..Correction::default() };
    contact::correct(&fixture.installation, &fixture.actor, "old@example.org", &correction).await.expect("corrected");

    let left = canary::number(fixture, "select count(*) from delivery where snapshot_address is not null").await;
    assert_eq!(left, 0);
    let mut tx = fixture.installation.db.write().await.expect("a transaction");
    Query::new(set).execute(&mut tx).await.expect("set");
    let ids = [claimed[0].id];
    let resent = uncertain::resend(&mut tx, &ids, 0).await.expect("asked");
    assert!(resent.is_empty(), "a message to the old address is not sent again");
});
