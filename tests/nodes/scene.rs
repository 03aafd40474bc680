//! An installation with a crowd, a campaign and a counting relay; the questions at its end.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection, Row};
use tokio::time::{Instant, sleep};

use crate::cluster::Server;
use crate::node::{Air, Node};
use crate::sink::Sink;
use crate::{TERM, first};

/// Connections of a node.
pub const CONNECTIONS: usize = 5;

const LETTER: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n# Hello\n";

/// How the end looks.
pub struct Verdict {
    pub people: usize,
    pub accepted: usize,
    /// Planned, and neither sent, nor uncertain, nor open.
    pub lost: usize,
    pub repeated: usize,
    pub uncertain: usize,
    pub bound: usize,
}

impl Verdict {
    pub fn is_sound(&self) -> bool {
        self.lost == 0 && self.repeated == 0 && self.uncertain <= self.bound
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, accepted, lost, repeated, uncertain, bound } = self;
        write!(f, "{people:>6} {accepted:>8} {lost:>6} {repeated:>9} {uncertain:>5} {bound:>9}")
    }
}

/// One campaign on one database.
pub struct Scene {
    pub home: PathBuf,
    pub office: Node,
    pub sink: Sink,
    pub people: usize,
    /// Where the nodes find the database, and where this program asks.
    url: Option<String>,
    truth: String,
    database: String,
    host: &'static str,
    next: usize,
}

impl Scene {
    pub async fn new(home: PathBuf, server: &Server, people: usize) -> Self {
        Self::behind(home, server, server.port, people).await
    }

    /// The same where the nodes go to the database through another port.
    pub async fn behind(home: PathBuf, server: &Server, port: u16, people: usize) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!("scene{}", NEXT.fetch_add(1, Ordering::SeqCst));
        sqlx::any::install_default_drivers();
        let mut admin = AnyConnection::connect(&server.url("127.0.0.1", "postgres")).await.expect("the server");
        let create = format!("create database {database} template template0 encoding 'UTF8'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.expect("a database");
        let url = format!("postgres://postgres@127.0.0.1:{port}/{database}");
        Self::furnish(home, Some(url), server.url("127.0.0.1", &database), database, people).await
    }

    /// On SQLite, in one folder.
    pub async fn alone(home: PathBuf, people: usize) -> Self {
        sqlx::any::install_default_drivers();
        let truth = format!("sqlite://{}", home.join("office/sendoff.db").display());
        Self::furnish(home, None, truth, String::new(), people).await
    }

    async fn furnish(home: PathBuf, url: Option<String>, truth: String, database: String, people: usize) -> Self {
        let office = first(home.join("office"), url.clone());
        let sink = Sink::start(Duration::from_millis(15)).await;
        let scene = Self { home, office, sink, people, url, truth, database, host: "127.0.0.1", next: 0 };
        let rows: String = (0..people).map(|n| format!("person{n}@example.org\n")).collect();
        let (list, letter) = (scene.home.join("people.csv"), scene.home.join("autumn.md"));
        std::fs::write(&list, format!("email\n{rows}")).expect("written");
        std::fs::write(&letter, LETTER).expect("written");
        let tell = |words: &str| scene.office.tell(&words.split(' ').collect::<Vec<_>>());
        tell("list add News");
        let import = format!(
            "import {} --list News --source form --basis consent --proof file --date 2026-10-01",
            list.display()
        );
        tell(&import);
        tell(&format!("settings set lease-term {TERM}"));
        tell("settings set public-url https://news.example.org");
        tell("brand set --name Shop --address Street");
        tell(&format!("campaign add {}", letter.display()));
        scene.relay(&format!("smtp://127.0.0.1:{}", scene.sink.address.port()), CONNECTIONS);
        scene
    }

    pub fn relay(&self, url: &str, connections: usize) {
        self.office.tell(&["relay", "set", "smtp", url, "--connections", &connections.to_string()]);
    }

    /// Lets nodes of another network come in by this address.
    pub async fn reach_from(&mut self, host: &'static str) {
        self.host = host;
        self.relay(&format!("smtp://{host}:{}", self.sink.address.port()), CONNECTIONS);
    }

    /// Folders for more nodes, with the same keys.
    pub fn nodes(&mut self, count: usize, air: Air) -> Vec<Node> {
        let url = self.url.as_ref().map(|url| match air {
            Air::Apart => url.replace("127.0.0.1", self.host),
            Air::Plain | Air::Ahead => url.clone(),
        });
        let mut made = Vec::new();
        for _ in 0..count {
            self.next += 1;
            let folder = self.home.join(format!("node{}", self.next));
            made.push(Node::new(folder, url.clone(), Some(&self.office)).under(air));
        }
        made
    }

    /// The first node starts the campaign; all begin to send.
    pub async fn launch(&self, nodes: &mut [Node]) {
        nodes[0].tell(&["campaign", "start", "autumn"]);
        nodes.iter_mut().for_each(Node::start);
        let all = nodes.len() as i64;
        self.until(Duration::from_secs(30), "all nodes are there", async || self.mailers().await == Some(all)).await;
    }

    /// How many mailers hold a lease.
    async fn mailers(&self) -> Option<i64> {
        let row = sqlx::query("select count(*) from lease").fetch_one(&mut self.conn().await.ok()?).await.ok()?;
        Some(row.get(0))
    }

    /// Waits until the relay has taken so many letters.
    pub async fn taken(&self, count: usize) {
        self.until(Duration::from_secs(60), "the relay has its letters", async || self.sink.count() >= count).await;
    }

    /// Waits until the campaign is finished.
    pub async fn finished(&self, within: Duration) {
        self.until(within, "the campaign is finished", async || self.state().await.as_deref() == Some("finished"))
            .await;
    }

    pub async fn until(&self, within: Duration, what: &str, met: impl AsyncFn() -> bool) {
        let until = Instant::now() + within;
        while !met().await {
            let logs = || (1..=self.next).map(|n| self.home.join(format!("node{n}.log"))).map(read).collect::<String>();
            assert!(Instant::now() < until, "not in time: {what}; {} letters\n{}", self.sink.count(), logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn conn(&self) -> Result<AnyConnection, sqlx::Error> {
        AnyConnection::connect(&self.truth).await
    }

    pub async fn state(&self) -> Option<String> {
        let mut conn = self.conn().await.ok()?;
        let row = sqlx::query("select state from campaign").fetch_one(&mut conn).await.ok()?;
        Some(row.get(0))
    }

    /// Asks another server from here on.
    pub async fn ask(&mut self, server: &Server) {
        self.truth = server.url("127.0.0.1", &self.database);
    }

    /// Says that a newer program was here; 0 takes it back.
    pub async fn set_version(&self, version: i64) {
        let mut conn = self.conn().await.expect("the database");
        let sql = match version {
            0 => "delete from _sqlx_migrations where version = 999",
            _ => {
                "insert into _sqlx_migrations (version, description, success, checksum, execution_time) \
                  values (999, 'later', true, '\\x00', 0)"
            }
        };
        sqlx::raw_sql(sql).execute(&mut conn).await.expect("set");
    }

    /// What a delivery takes on the disk of the server, with its indexes.
    pub async fn bytes_a_row(&self) -> i64 {
        let mut conn = self.conn().await.expect("the database");
        let row = sqlx::query("select pg_total_relation_size('delivery') / greatest(count(*), 1) from delivery");
        row.fetch_one(&mut conn).await.expect("asked").get(0)
    }

    pub async fn verdict(&self, bound: usize) -> Verdict {
        self.verdict_of(&self.sink.taken(), bound).await
    }

    /// Compares the rows with the letters that each recipient got.
    pub async fn verdict_of(&self, taken: &HashMap<String, usize>, bound: usize) -> Verdict {
        let mut conn = self.conn().await.expect("the database");
        let rows = sqlx::query("select c.address, d.state from delivery d join contact c on c.id = d.contact_id")
            .fetch_all(&mut conn)
            .await
            .expect("asked");
        let mut verdict = Verdict { people: self.people, accepted: 0, lost: 0, repeated: 0, uncertain: 0, bound };
        assert_eq!(rows.len(), self.people);
        for row in rows {
            let (address, state): (String, String) = (row.get(0), row.get(1));
            let got = taken.get(&address).copied().unwrap_or(0);
            verdict.accepted += usize::from(state == "accepted");
            verdict.uncertain += usize::from(state == "uncertain");
            verdict.repeated += usize::from(got > 1);
            verdict.lost += usize::from(got == 0 && !matches!(state.as_str(), "uncertain" | "pending"));
        }
        verdict
    }
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A copy of the database that was made while letters went out is put back after more of them did:
/// the campaign stands still, and nobody gets a second letter.
pub async fn restored(home: PathBuf) -> Option<Verdict> {
    let mut scene = Scene::alone(home, 400).await;
    scene.office.tell(&["campaign", "start", "autumn"]);
    scene.office.start();
    scene.taken(60).await;
    let copy = scene.home.join("copy.db");
    let mut conn = scene.conn().await.expect("the database");
    let sql = format!("vacuum into '{}'", copy.display());
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.expect("a copy");
    drop(conn);
    sleep(Duration::from_secs(TERM)).await;
    scene.office.kill();
    put_back(&copy, &scene.home.join("office"));
    let before = scene.sink.count();
    scene.office.start();
    scene
        .until(Duration::from_secs(20), "the campaign stands still", async || {
            scene.state().await.as_deref() == Some("paused")
        })
        .await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(scene.sink.count(), before);
    let shown = scene.office.tell(&["campaign", "show", "autumn"]);
    assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("older")), "{shown}");
    Some(scene.verdict(CONNECTIONS).await)
}

fn put_back(copy: &Path, folder: &Path) {
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("sendoff.db{ending}")));
    }
    std::fs::copy(copy, folder.join("sendoff.db")).expect("put back");
}

/// The first start is killed at every few milliseconds of making the tables; the next one succeeds.
pub async fn upgrade(home: PathBuf) -> Option<Verdict> {
    for pause in 1..=40_u64 {
        let mut node = Node::new(home.join(format!("folder{pause}")), None, None);
        std::fs::create_dir_all(&node.folder).expect("a folder");
        node.start();
        sleep(Duration::from_millis(3 * pause)).await;
        node.kill();
        node.tell(&["init"]);
        node.tell(&["campaign", "ls"]);
    }
    Some(Verdict { people: 0, accepted: 0, lost: 0, repeated: 0, uncertain: 0, bound: 0 })
}
