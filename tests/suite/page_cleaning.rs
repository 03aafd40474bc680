//! Tests of the cleaning of SQLite pages: no byte of a deleted value is left, and every living row stays.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use aho_corasick::AhoCorasick;
use proptest::prelude::*;
use sendoff::infra::db::{Conn, PageCleaner, PhysicalErasure};
use sendoff::infra::installation::Installation;
use sendoff::privacy::physical_erasure::{self, BackgroundEraser};
use sendoff::usecase::contact::{self, Correction};
use sendoff::usecase::health::HealthSnapshot;
use sqlx::{AnyConnection, Connection, Row};

use crate::canary;
use crate::erasure::erase;
use crate::fixture::{Fixture, Kind};

const TABLES: &str = "create table a (id integer primary key, name text, note text); create index a_name on a (name); \
                      create table b (name text primary key, id integer, note text) without rowid";

/// What the tables hold, and what they held.
#[derive(Default)]
struct History {
    living: BTreeMap<i64, [String; 2]>,
    dead: Vec<String>,
    values: u32,
    has_index: bool,
}

/// A step of a history: what is done, to which row, with a value of which length.
type Step = (u8, u16, u16);

impl History {
    /// A value of its own: a tag that occurs nowhere else, repeated.
    fn value(&mut self, length: u16) -> String {
        self.values += 1;
        let length = match length % 16 {
            0 => usize::from(length),
            1..4 => 200 + usize::from(length) % 1_500,
            _ => 12 + usize::from(length) % 60,
        };
        tag(self.values).chars().cycle().take(length.max(10)).collect()
    }

    fn bury(&mut self, value: &str) {
        self.dead.push(value[..10].to_owned());
    }

    async fn apply(&mut self, conn: &mut Conn, step: Step) {
        let (kind, key, length) = step;
        let id = i64::from(key) * 7_919 % 1_009;
        match (kind % 12, self.living.get(&id).cloned()) {
            (0..5, None) => {
                let row = [self.value(length % 100), self.value(length)];
                run(conn, "insert into a (id, name, note) values ($1, $2, $3)", id, &row).await;
                run(conn, "insert into b (id, name, note) values ($1, $2, $3)", id, &row).await;
                self.living.insert(id, row);
            }
            (0..7, Some([name, note])) => {
                let row = [name, self.value(length)];
                run(conn, "update a set note = $3 where id = $1 and name = $2", id, &row).await;
                run(conn, "update b set note = $3 where id = $1 and name = $2", id, &row).await;
                self.bury(&note);
                self.living.insert(id, row);
            }
            (7..9, Some([name, note])) => {
                let row = [self.value(length % 300), note.clone()];
                run(conn, "update a set name = $2 where id = $1 and note = $3", id, &row).await;
                run(conn, "update b set name = $2 where id = $1 and note = $3", id, &row).await;
                self.bury(&name);
                self.living.insert(id, row);
            }
            (9..11, _) => {
                let gone: Vec<i64> = self.living.range(id..id + 12).map(|(id, _)| *id).collect();
                for id in gone {
                    let row = self.living.remove(&id).expect("it lives");
                    run(conn, "delete from a where id = $1 and name = $2 and note = $3", id, &row).await;
                    run(conn, "delete from b where id = $1 and name = $2 and note = $3", id, &row).await;
                    row.iter().for_each(|value| self.bury(value));
                }
            }
            (11, _) if key % 8 == 0 => {
                let text = if self.has_index { "drop index b_note" } else { "create index b_note on b (note)" };
                sqlx::query(text).execute(conn).await.expect(text);
                self.has_index = !self.has_index;
            }
            _ => {}
        }
    }

    /// How often values that are gone are in the file and the WAL.
    fn leftovers(&self, fixture: &Fixture) -> usize {
        let finder = AhoCorasick::new(&self.dead).expect("a finder");
        files(fixture).iter().map(|file| finder.find_iter(&std::fs::read(file).unwrap_or_default()).count()).sum()
    }

    async fn check_living(&self, fixture: &Fixture) {
        let mut conn = fixture.installation.db.read().await.expect("a connection");
        for query in ["select id, name, note from a order by id", "select id, name, note from b order by id"] {
            let rows = sqlx::query(query).fetch_all(&mut *conn).await.expect(query);
            let found: BTreeMap<i64, [String; 2]> =
                rows.iter().map(|row| (row.get(0), [row.get(1), row.get(2)])).collect();
            assert!(found == self.living && rows.len() == self.living.len(), "{query}");
        }
        let row = sqlx::query("pragma integrity_check").fetch_one(&mut *conn).await.expect("checked");
        assert_eq!(row.get::<String, _>(0), "ok");
    }
}

fn tag(number: u32) -> String {
    format!("<{number:06}zq>")
}

async fn run(conn: &mut Conn, text: &'static str, id: i64, row: &[String; 2]) {
    let query = sqlx::query(text).bind(id).bind(row[0].as_str()).bind(row[1].as_str());
    assert_eq!(query.execute(conn).await.expect(text).rows_affected(), 1, "{text}");
}

fn files(fixture: &Fixture) -> [PathBuf; 2] {
    ["sendoff.db", "sendoff.db-wal"].map(|name| fixture.installation.config.data.join(name))
}

/// A connection as another program would open it.
async fn plain_connection(fixture: &Fixture) -> AnyConnection {
    AnyConnection::connect(&fixture.installation.config.database_url()).await.expect("a connection")
}

async fn cleaner(fixture: &Fixture) -> PageCleaner {
    fixture.installation.db.page_cleaner().await.expect("no error").expect("the only one")
}

/// Takes over all written pages and cleans them. Returns how many they were.
async fn clean(fixture: &Fixture) -> u64 {
    let mut cleaner = cleaner(fixture).await;
    cleaner.take().await.expect("taken");
    let taken = cleaner.left();
    while cleaner.clean_some().await.expect("cleaned") > 0 {}
    cleaner.save().await.expect("saved");
    cleaner.close().await.expect("closed");
    assert!(fixture.installation.db.truncate_wal().await.expect("truncated"));
    taken
}

fn steps(most: usize) -> impl Strategy<Value = Vec<Step>> {
    proptest::collection::vec(any::<Step>(), 50..most)
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 60, ..ProptestConfig::with_cases(10) })]

    #[test]
    fn no_byte_of_a_deleted_value_is_left_after_any_history(first in steps(1_200), second in steps(500)) {
        let runtime = tokio::runtime::Runtime::new().expect("a runtime");
        runtime.block_on(async {
            let fixture = Fixture::new(Kind::Sqlite).await;
            let mut history = History::default();
            // Without secure_delete, as a file that another program has written.
            let mut conn = plain_connection(&fixture).await;
            sqlx::raw_sql(TABLES).execute(&mut conn).await.expect("created");
            for some in first.chunks(100) {
                let mut tx = conn.begin().await.expect("begun");
                for step in some {
                    history.apply(&mut tx, *step).await;
                }
                tx.commit().await.expect("committed");
            }
            conn.close().await.expect("closed");

            clean(&fixture).await;

            assert_eq!(history.leftovers(&fixture), 0, "after a look at all pages");
            history.check_living(&fixture).await;
            // Only what is written from now on is looked at.
            for some in second.chunks(20) {
                let mut tx = fixture.installation.db.write().await.expect("begun");
                for step in some {
                    history.apply(&mut tx, *step).await;
                }
                tx.commit().await.expect("committed");
            }

            clean(&fixture).await;

            assert_eq!(history.leftovers(&fixture), 0, "after a look at the written pages");
            history.check_living(&fixture).await;
            fixture.close().await;
        });
    }
}

/// Rows in random order that grow, and two of three of them deleted.
async fn rebuilt_pages(fixture: &Fixture) -> History {
    let mut history = History { has_index: true, ..History::default() };
    let mut tx = fixture.installation.db.write().await.expect("begun");
    sqlx::raw_sql(TABLES).execute(&mut *tx).await.expect("created");
    for index in 0..1_009 {
        history.apply(&mut tx, (0, index, 40)).await;
    }
    for index in 0..400 {
        history.apply(&mut tx, (0, index * 5 % 1_009, 33)).await;
    }
    tx.commit().await.expect("committed");
    let mut tx = fixture.installation.db.write().await.expect("begun");
    for index in 0..60 {
        history.apply(&mut tx, (9, index * 17, 0)).await;
    }
    tx.commit().await.expect("committed");
    assert!(fixture.installation.db.truncate_wal().await.expect("truncated"));
    history
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn rebuilt_pages_keep_copies_until_they_are_cleaned() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let history = rebuilt_pages(&fixture).await;
    assert!(history.leftovers(&fixture) > 0, "otherwise nothing needs cleaning");

    clean(&fixture).await;

    assert_eq!(history.leftovers(&fixture), 0);
    history.check_living(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn only_pages_written_since_are_looked_at() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let mut history = rebuilt_pages(&fixture).await;
    assert!(clean(&fixture).await > 100);
    // The cleaner's own writes are looked at once more.
    clean(&fixture).await;
    for _ in 0..3 {
        let mut tx = fixture.installation.db.write().await.expect("begun");
        history.apply(&mut tx, (0, 9, 40)).await;
        tx.commit().await.expect("committed");
        // The WAL begins again; its old frames were read.
        assert!(fixture.installation.db.truncate_wal().await.expect("truncated"));
    }

    let looked_at = clean(&fixture).await;

    assert!((1..30).contains(&looked_at), "{looked_at} pages");
    assert_eq!(history.leftovers(&fixture), 0);
    let config = fixture.installation.config.clone();
    fixture.installation.db.clone().close().await;
    let installation = Installation::open(config, fixture.installation.clock.clone()).await.expect("opens again");
    let mut cleaner = installation.db.page_cleaner().await.expect("no error").expect("the only one");
    cleaner.take().await.expect("taken");
    assert!(cleaner.left() < 30, "{} pages after a restart", cleaner.left());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cleaner_that_is_stopped_is_continued_by_the_next() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let history = rebuilt_pages(&fixture).await;
    let mut first = cleaner(&fixture).await;
    assert!(fixture.installation.db.page_cleaner().await.expect("no error").is_none(), "one at a time");
    assert!(fixture.installation.db.is_cleaner_busy());
    first.take().await.expect("taken");
    assert!(first.clean_some().await.expect("cleaned") < first.left() + 300);
    drop(first);
    history.check_living(&fixture).await;

    clean(&fixture).await;

    assert_eq!(history.leftovers(&fixture), 0);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn pages_are_cleaned_while_others_write() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let mut history = rebuilt_pages(&fixture).await;
    let db = fixture.installation.db.clone();
    let cleaning = async {
        let mut cleaner = cleaner(&fixture).await;
        for _ in 0..8 {
            cleaner.take().await.expect("taken");
            while cleaner.clean_some().await.expect("cleaned") > 0 {}
            cleaner.save().await.expect("saved");
        }
        cleaner.close().await.expect("closed");
    };
    let writing = async {
        for index in 0..400_u16 {
            let mut tx = db.write().await.expect("begun");
            history.apply(&mut tx, ((index % 11) as u8, index * 31, index * 97)).await;
            tx.commit().await.expect("committed");
        }
    };
    tokio::join!(cleaning, writing);

    clean(&fixture).await;

    assert_eq!(history.leftovers(&fixture), 0);
    history.check_living(&fixture).await;
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_correction_stays_pending_until_its_old_bytes_are_gone() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let list = canary::list(&fixture, "News").await;
    let (old, new) = (format!("{}@example.org", canary::word()), format!("{}@example.org", canary::word()));
    canary::person(&fixture, &list, &old).await;
    let export = fixture.installation.config.export_dir().join("a.csv");
    std::fs::write(&export, format!("{old}\n{new}\n")).expect("written");
    let held = cleaner(&fixture).await;
    let correction = Correction { set: Vec::new(), address: Some(new.clone()) };

    let corrected =
        contact::correct(&fixture.installation, &fixture.actor, &old, &correction).await.expect("corrected");

    assert!(!corrected.scrubbed && physical_erasure::is_pending(&fixture.installation));
    assert_eq!(corrected.pending.expect("a notice").key, "scrub-in-background");
    held.close().await.expect("closed");
    assert!(physical_erasure::run(&fixture.installation).await.expect("cleaned"));
    assert!(!physical_erasure::is_pending(&fixture.installation));
    assert_eq!(std::fs::read_to_string(&export).expect("read"), format!("{new}\n"));
    assert_eq!(canary::search(&fixture, &old).await.traces, []);
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_erasures_are_one_piece_of_work() {
    let fixture = Fixture::new(Kind::Sqlite).await;
    let list = canary::list(&fixture, "News").await;
    let word = canary::word();
    let people: Vec<_> = (0..40).map(|index| format!("{index}{word}@example.org")).collect();
    for text in &people {
        canary::person(&fixture, &list, text).await;
    }
    for text in &people {
        erase(&fixture, text).await;
    }
    let eraser = BackgroundEraser::start(fixture.installation.clone());
    for _ in 0..100 {
        if !physical_erasure::is_pending(&fixture.installation) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    eraser.stop().await;

    assert!(!physical_erasure::is_pending(&fixture.installation));
    for file in files(&fixture) {
        let bytes = std::fs::read(&file).expect("read");
        assert!(!bytes.windows(word.len()).any(|bytes| bytes == word.as_bytes()), "{}", file.display());
    }
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_without_its_table_of_pages_rewrites_the_file_and_says_so() {
    let mut fixture = Fixture::new(Kind::Sqlite).await;
    assert_eq!(fixture.installation.db.physical_erasure(), PhysicalErasure::Pages, "built with sqlite_dbpage");
    fixture.installation.db = fixture.installation.db.clone().without_page_table();
    let history = rebuilt_pages(&fixture).await;
    assert!(history.leftovers(&fixture) > 0);
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "a@example.org").await;
    erase(&fixture, "a@example.org").await;

    assert!(physical_erasure::run(&fixture.installation).await.expect("rewritten"));

    assert_eq!(history.leftovers(&fixture), 0);
    let site = crate::public::fixture::WebFixture::new(&fixture).await;
    let snapshot = HealthSnapshot::take(&fixture.installation, &site.state.journal, &site.state.recorder).await;
    let problems = snapshot.problems(&fixture.installation, &site.state.recorder);
    assert!(problems.iter().any(|problem| problem.message.key == "health-pages-unavailable" && !problem.blocks));
    fixture.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_killed_process_leaves_a_valid_database_and_its_work_pending() {
    let mut fixture = Fixture::new(Kind::Sqlite).await;
    let history = rebuilt_pages(&fixture).await;
    let list = canary::list(&fixture, "News").await;
    canary::person(&fixture, &list, "a@example.org").await;
    erase(&fixture, "a@example.org").await;
    let config = fixture.installation.config.clone();
    let mut kills = 0;
    for delay in [0, 5, 10, 15, 20, 25, 30, 40, 50, 70, 90, 120] {
        fixture.installation.db.clone().close().await;
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_sendoff"));
        command.args(["trace", "search", "b@example.org", "--clean", "--data"]).arg(&config.data);
        let mut child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().expect("started");
        // Until its files say that it works on the pages.
        let busy = config.data.join("sendoff.db-cleaner.lock");
        std::fs::remove_file(&busy).ok();
        for _ in 0..2_000 {
            if busy.exists() || child.try_wait().expect("asked").is_some() {
                break;
            }
            std::thread::sleep(Duration::from_millis(1));
        }
        std::thread::sleep(Duration::from_millis(delay));
        kills += usize::from(child.try_wait().expect("asked").is_none());
        child.kill().expect("killed");
        child.wait().expect("ended");
        let clock = fixture.installation.clock.clone();
        fixture.installation = Installation::open(config.clone(), clock).await.expect("opens");
        history.check_living(&fixture).await;
        if !physical_erasure::is_pending(&fixture.installation) {
            break;
        }
    }
    assert!(kills > 0, "no process was killed at its work");

    assert!(physical_erasure::run(&fixture.installation).await.expect("cleaned"));

    assert_eq!(history.leftovers(&fixture), 0);
    history.check_living(&fixture).await;
    fixture.close().await;
}
