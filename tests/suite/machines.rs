//! Tests of two machines, each with a data folder, on one PostgreSQL database: erasures reach the files of both, and after
//! an older copy of the database was put back nobody sends until both have repeated their erasures.

use std::fs;
use std::path::Path;

use sendoff::audience::contact::{self, NewContact, Values};
use sendoff::audience::list;
use sendoff::audience::subscription::{self, NewSubscription, State};
use sendoff::audience::workspace::{self, Workspace};
use sendoff::infra::clock::Clock;
use sendoff::infra::config::Config;
use sendoff::infra::installation::Installation;
use sendoff::mailer::lease::Lease;
use sendoff::mailer::machine;
use sendoff::mailer::transport::eml_store::EmlStore;
use sendoff::privacy::erasure::{self, Erased, Reason};
use sendoff::privacy::{machine_reconciliation, physical_erasure};
use sendoff::usecase::contact::{Correction, correct};
use sendoff::usecase::{Actor, NO_WORKSPACE};
use sqlx::{AnyConnection, Connection};
use tempfile::TempDir;

use crate::canary;
use crate::fixture::{NOW, create, postgres_url, remove};

/// A database and the data folders of two machines with the same keys.
struct Cluster {
    name: String,
    url: String,
    folder: TempDir,
}

impl Cluster {
    async fn new() -> Option<Self> {
        postgres_url()?;
        sqlx::any::install_default_drivers();
        let (name, url) = create().await;
        Some(Self { name, url, folder: tempfile::tempdir().expect("a folder") })
    }

    async fn open(&self, machine: &str) -> Installation {
        let config = Config { data: self.folder.path().join(machine), database: Some(self.url.clone()) };
        let (own, first) = (config.keys_dir(), self.folder.path().join("a/keys"));
        if machine != "a" && !own.exists() {
            copy_files(&first, &own);
        }
        let installation = Installation::open(config, Clock::fixed(NOW)).await.expect("opens");
        machine_reconciliation::run(&installation).await.expect("reconciled");
        installation
    }

    async fn run(&self, statement: String) {
        let url = postgres_url().expect("a server");
        let mut conn = AnyConnection::connect(&url).await.expect("the server answers");
        sqlx::raw_sql(sqlx::AssertSqlSafe(statement)).execute(&mut conn).await.expect("done");
    }

    /// Copies the database, like a dump. No machine may be connected.
    async fn dump(&self) {
        self.run(format!("create database {0}_dump template {0}", self.name)).await;
    }

    async fn restore(&self) {
        self.run(format!("drop database {} with (force)", self.name)).await;
        self.run(format!("alter database {0}_dump rename to {0}", self.name)).await;
    }
}

fn copy_files(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("a folder");
    for entry in fs::read_dir(from).expect("a folder").flatten() {
        fs::copy(entry.path(), to.join(entry.file_name())).expect("copied");
    }
}

async fn join(installation: &Installation, text: &str) -> Workspace {
    let workspace = workspace::ensure(installation, "main").await.expect("a workspace");
    let list = list::add(installation, workspace.id, "News").await.expect("a list");
    let id = installation.ids.next().expect("an id");
    let mut tx = installation.db.write().await.expect("a transaction");
    let new = NewContact { id, address: canary::address(text), values: Values::new() };
    contact::insert(&mut tx, workspace.id, &[new], NOW).await.expect("added");
    let one = NewSubscription { id: installation.ids.next().expect("an id"), contact: id, state: State::Confirmed };
    subscription::join(&mut tx, workspace.id, list.id, &[one], NOW).await.expect("joined");
    tx.commit().await.expect("committed");
    workspace
}

async fn exists(installation: &Installation, workspace: &Workspace, text: &str) -> bool {
    let mut conn = installation.db.read().await.expect("a connection");
    contact::find(&mut conn, workspace.id, &canary::address(text)).await.expect("asked").is_some()
}

async fn erase(installation: &Installation, workspace: &Workspace, text: &str) {
    let erased =
        erasure::erase(installation, workspace.id, &canary::address(text), Reason::Erased, None).await.expect("erased");
    assert_eq!(erased, Erased::Contact);
}

/// Why a mailer gets no lease; `None` when it gets one.
async fn refusal(installation: &Installation) -> Option<String> {
    match Lease::acquire(installation).await {
        Ok((lease, _)) => {
            lease.release(installation).await.expect("released");
            None
        }
        Err(error) => Some(error.message().key.to_owned()),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_one_machine_lose_who_was_erased_through_another() {
    let Some(cluster) = Cluster::new().await else { return };
    let (a, b) = (cluster.open("a").await, cluster.open("b").await);
    let workspace = join(&a, "anna@example.org").await;
    join(&a, "boris@example.org").await;
    for text in ["anna@example.org", "boris@example.org"] {
        EmlStore::of_capture(&b)
            .store(&canary::address(text), format!("To: {text}\r\n\r\nHi").as_bytes())
            .expect("stored");
    }
    let export = b.config.export_dir().join("people.ndjson");
    fs::write(&export, "{\"address\":\"anna@example.org\"}\n{\"address\":\"boris@example.org\"}\n").expect("written");
    machine_reconciliation::run(&b).await.expect("nothing is new");
    assert_eq!(EmlStore::of_capture(&b).list(10).expect("listed").len(), 2);

    erase(&a, &workspace, "anna@example.org").await;
    machine_reconciliation::run(&b).await.expect("copied");

    assert_eq!(EmlStore::of_capture(&b).list(10).expect("listed").len(), 1);
    assert_eq!(fs::read_to_string(&export).expect("read"), "{\"address\":\"boris@example.org\"}\n");
    assert!(physical_erasure::is_pending(&a), "the machine that erased removes the bytes from the database");
    assert!(!physical_erasure::is_pending(&b));
    a.db.close().await;
    b.db.close().await;
    remove(&cluster.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn files_of_one_machine_lose_an_address_that_was_corrected_through_another() {
    let Some(cluster) = Cluster::new().await else { return };
    let (a, b) = (cluster.open("a").await, cluster.open("b").await);
    let workspace = join(&a, "anna@example.org").await;
    let export = b.config.export_dir().join("people.ndjson");
    fs::write(&export, "{\"address\":\"anna@example.org\"}\n{\"address\":\"boris@example.org\"}\n").expect("written");
    let correction = Correction { set: Vec::new(), address: Some("anna.new@example.org".to_owned()) };
    correct(&a, &Actor::operator(workspace.id), "anna@example.org", &correction).await.expect("corrected");

    machine_reconciliation::run(&b).await.expect("copied");

    assert_eq!(fs::read_to_string(&export).expect("read"), "{\"address\":\"boris@example.org\"}\n");
    assert!(!physical_erasure::is_pending(&b), "the bytes in the database are the business of the other machine");
    // Once: a later export may name whoever has the address then.
    fs::write(&export, "{\"address\":\"anna@example.org\"}\n").expect("written");
    machine_reconciliation::run(&b).await.expect("nothing is new");
    assert!(fs::read_to_string(&export).expect("read").contains("anna"));
    a.db.close().await;
    b.db.close().await;
    remove(&cluster.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn machine_that_never_sent_finds_a_database_that_was_put_back() {
    let Some(cluster) = Cluster::new().await else { return };
    let a = cluster.open("a").await;
    let workspace = join(&a, "anna@example.org").await;
    cluster.open("b").await.db.close().await;
    a.db.close().await;
    cluster.dump().await;
    let a = cluster.open("a").await;
    erase(&a, &workspace, "anna@example.org").await;
    a.db.close().await;
    cluster.restore().await;

    let b = cluster.open("b").await;

    assert_eq!(refusal(&b).await.as_deref(), Some("restore-awaited"));
    let a = cluster.open("a").await;
    assert!(!exists(&a, &workspace, "anna@example.org").await, "repeated by the machine that knows");
    machine_reconciliation::run(&b).await.expect("reported");
    assert_eq!(refusal(&b).await, None);
    b.db.close().await;
    let b = cluster.open("b").await;
    assert_eq!(refusal(&b).await, None, "found once");
    a.db.close().await;
    b.db.close().await;
    remove(&cluster.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_restore_nobody_sends_until_every_machine_has_repeated_its_erasures() {
    let Some(cluster) = Cluster::new().await else { return };
    let a = cluster.open("a").await;
    let workspace = join(&a, "anna@example.org").await;
    a.db.close().await;
    cluster.dump().await;
    let (a, b) = (cluster.open("a").await, cluster.open("b").await);
    assert_eq!(refusal(&b).await, None);
    // A third machine is known to B's folder alone after the restore.
    cluster.open("c").await.db.close().await;
    machine_reconciliation::run(&b).await.expect("knows all");
    erase(&a, &workspace, "anna@example.org").await;
    a.db.close().await;
    b.db.close().await;
    cluster.restore().await;

    let b = cluster.open("b").await;
    assert!(exists(&b, &workspace, "anna@example.org").await, "B does not know of the erasure");
    assert_eq!(refusal(&b).await.as_deref(), Some("restore-awaited"));
    let a = cluster.open("a").await;
    assert!(!exists(&b, &workspace, "anna@example.org").await);
    assert_eq!(refusal(&b).await.as_deref(), Some("restore-awaited"), "C is awaited");
    assert_eq!(refusal(&a).await.as_deref(), Some("restore-awaited"), "for all");

    let operator = Actor::operator(NO_WORKSPACE);
    let list = sendoff::usecase::machine::list(&a, &operator).await.expect("listed");
    let awaited: Vec<_> = list.machines.iter().filter(|row| row.awaited).collect();
    assert!(awaited.len() == 1 && awaited[0].machine.ends_with("/c"), "{list:?}");
    sendoff::usecase::machine::forget(&a, &operator, &awaited[0].id).await.expect("forgotten");
    assert_eq!((refusal(&a).await, refusal(&b).await), (None, None));
    machine_reconciliation::run(&b).await.expect("again");
    assert!(machine::list_awaited(&mut b.db.read().await.expect("a connection")).await.expect("listed").is_empty());
    a.db.close().await;
    b.db.close().await;
    remove(&cluster.name).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn running_mailer_stops_while_machines_are_awaited() {
    let Some(cluster) = Cluster::new().await else { return };
    let (a, b) = (cluster.open("a").await, cluster.open("b").await);
    let (mut lease, _) = Lease::acquire(&a).await.expect("a lease");
    assert!(lease.renew(&a).await.expect("renewed"));
    let folder = sendoff::mailer::restore_guard::ensure_folder_id(&b).expect("an id");
    let mut tx = b.db.write().await.expect("a transaction");
    machine::await_all(&b, &mut tx, folder).await.expect("awaited");
    tx.commit().await.expect("committed");

    assert!(!lease.renew(&a).await.expect("answered"));

    machine_reconciliation::run(&a).await.expect("reported");
    assert_eq!(refusal(&a).await.as_deref(), Some("restore-awaited"));
    machine_reconciliation::run(&b).await.expect("reported");
    assert_eq!(refusal(&a).await, None);
    a.db.close().await;
    b.db.close().await;
    remove(&cluster.name).await;
}

/// Columns of tables with personal data whose values are words of the program or digests.
const SAMPLED: &[&str] = &[
    "consent.edition",
    "consent.kind",
    "consent.purpose",
    "delivery.lane",
    "delivery.reason",
    "delivery.state",
    "event.kind",
    "evidence.basis",
    "evidence.channel",
    "hard_bounce.status",
    "preference.frequency",
    "returned_message.action",
    "returned_message.class",
    "returned_message.digest",
    "returned_message.kind",
    "returned_message.status",
    "subject_request.channel",
    "subject_request.identity",
    "subject_request.kind",
    "subject_request.law",
    "subject_request.state",
    "subscription.state",
];

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn planner_keeps_no_samples_of_what_may_name_a_person() {
    let Some(cluster) = Cluster::new().await else { return };
    let a = cluster.open("a").await;
    let mut tx = a.db.write().await.expect("a transaction");
    // As an earlier version has left it.
    let statements = "insert into evidence (id, workspace_id, digest, basis, channel, source, wording, proof, given_at)
         select n, 1, decode(md5(cast(n as text)), 'hex'), 'consent', 'import', 'shop', '', 'anna@example.org', 1
           from generate_series(1, 500) as given (n);
         alter table evidence alter column proof set statistics -1, alter column source set statistics -1;
         analyze evidence";
    sqlx::raw_sql(statements).execute(&mut *tx).await.expect("sampled");
    tx.commit().await.expect("committed");
    let samples = "select count(*) from pg_stats where tablename = 'evidence' and attname in ('proof', 'source')";
    let count = async |installation: &Installation| -> i64 {
        let mut conn = installation.db.read().await.expect("a connection");
        sqlx::Row::get(&sqlx::query(samples).fetch_one(&mut *conn).await.expect("counted"), 0)
    };
    assert_eq!(count(&a).await, 2);
    a.db.close().await;

    let a = cluster.open("a").await;
    assert_eq!(count(&a).await, 0);
    let mut conn = a.db.read().await.expect("a connection");
    sqlx::raw_sql("analyze").execute(&mut *conn).await.expect("analysed");
    assert_eq!(count(&a).await, 0);
    let rows = sqlx::query(
        "select cast(c.relname as text) || '.' || cast(a.attname as text)
           from pg_attribute a
           join pg_class c on c.oid = a.attrelid
          where c.relnamespace = (select oid from pg_namespace where nspname = current_schema())
            and cast(c.relname as text) = any(string_to_array($1, ' '))
            and a.attnum > 0 and not a.attisdropped and a.atttypid = cast('text' as regtype)
            and coalesce(a.attstattarget, -1) <> 0
          order by 1",
    )
    .bind(sendoff::privacy::erasure::PERSONAL_TABLES.join(" "))
    .fetch_all(&mut *conn)
    .await
    .expect("listed");
    let sampled: Vec<String> = rows.iter().map(|row| sqlx::Row::get(row, 0)).collect();
    let unknown: Vec<_> = sampled.iter().filter(|name| !SAMPLED.contains(&name.as_str())).collect();
    assert!(unknown.is_empty(), "{unknown:?} may hold personal data and are sampled");
    drop(conn);
    a.db.close().await;
    remove(&cluster.name).await;
}
