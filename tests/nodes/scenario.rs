//! A scenario: an installation with recipients and a campaign, a counting relay, and the comparison at the end.

use std::collections::HashMap;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use sqlx::{AnyConnection, Connection, Row};
use tokio::time::{Instant, sleep};

use crate::cluster::Server;
use crate::node::{Node, Surroundings};
use crate::sink::Sink;
use crate::{TERM, first};

/// Connections of a node.
pub const CONNECTIONS: usize = 5;

const EMAIL: &str = "+++\nname = \"autumn\"\nlist = \"News\"\nfrom = \"Shop <news@shop.example>\"\nsubject = \"Autumn\"\n+++\n# Hello\n";

/// The result of a scenario.
pub struct Findings {
    pub people: usize,
    pub accepted: usize,
    /// Planned, and neither sent, nor uncertain, nor open.
    pub lost: usize,
    pub repeated: usize,
    pub uncertain: usize,
    pub bound: usize,
}

impl Findings {
    pub fn is_ok(&self) -> bool {
        self.lost == 0 && self.repeated == 0 && self.uncertain <= self.bound
    }
}

impl fmt::Display for Findings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { people, accepted, lost, repeated, uncertain, bound } = self;
        write!(f, "{people:>6} {accepted:>8} {lost:>6} {repeated:>9} {uncertain:>5} {bound:>9}")
    }
}

/// One campaign on one database.
pub struct Scenario {
    pub home: PathBuf,
    pub first_node: Node,
    pub sink: Sink,
    pub people: usize,
    /// Where the nodes find the database, and where this program asks.
    url: Option<String>,
    observer_url: String,
    database: String,
    host: &'static str,
    next: usize,
}

impl Scenario {
    pub async fn new(home: PathBuf, server: &Server, people: usize) -> Self {
        Self::behind(home, server, server.port, people).await
    }

    /// The same where the nodes go to the database through another port.
    pub async fn behind(home: PathBuf, server: &Server, port: u16, people: usize) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let database = format!("scenario{}", NEXT.fetch_add(1, Ordering::SeqCst));
        sqlx::any::install_default_drivers();
        let mut admin = AnyConnection::connect(&server.url("127.0.0.1", "postgres")).await.expect("the server");
        let create = format!("create database {database} template template0 encoding 'UTF8'");
        sqlx::raw_sql(sqlx::AssertSqlSafe(create)).execute(&mut admin).await.expect("a database");
        let url = format!("postgres://postgres@127.0.0.1:{port}/{database}");
        Self::prepare(home, Some(url), server.url("127.0.0.1", &database), database, people).await
    }

    /// On SQLite, in one folder.
    pub async fn alone(home: PathBuf, people: usize) -> Self {
        sqlx::any::install_default_drivers();
        let observer_url = format!("sqlite://{}", home.join("office/sendoff.db").display());
        Self::prepare(home, None, observer_url, String::new(), people).await
    }

    async fn prepare(
        home: PathBuf,
        url: Option<String>,
        observer_url: String,
        database: String,
        people: usize,
    ) -> Self {
        let first_node = first(home.join("office"), url.clone());
        let sink = Sink::start(Duration::from_millis(15)).await;
        let scenario = Self { home, first_node, sink, people, url, observer_url, database, host: "127.0.0.1", next: 0 };
        let rows: String = (0..people).map(|n| format!("person{n}@example.org\n")).collect();
        let (list, email) = (scenario.home.join("people.csv"), scenario.home.join("autumn.md"));
        std::fs::write(&list, format!("email\n{rows}")).expect("written");
        std::fs::write(&email, EMAIL).expect("written");
        let run = |words: &str| scenario.first_node.run(&words.split(' ').collect::<Vec<_>>());
        run("list add News");
        let import = format!(
            "import {} --list News --source form --basis consent --proof file --date 2026-10-01",
            list.display()
        );
        run(&import);
        run(&format!("settings set lease-term {TERM}"));
        run("settings set public-url https://news.example.org");
        run("brand set --name Shop --address Street");
        run(&format!("campaign add {}", email.display()));
        scenario.relay(&format!("smtp://127.0.0.1:{}", scenario.sink.address.port()), CONNECTIONS);
        scenario
    }

    pub fn relay(&self, url: &str, connections: usize) {
        self.first_node.run(&["relay", "set", "smtp", url, "--connections", &connections.to_string()]);
    }

    /// Lets nodes of another network come in by this address.
    pub async fn listen_for_network(&mut self, host: &'static str) {
        self.host = host;
        self.relay(&format!("smtp://{host}:{}", self.sink.address.port()), CONNECTIONS);
    }

    /// Folders for more nodes, with the same keys.
    pub fn nodes(&mut self, count: usize, surroundings: Surroundings) -> Vec<Node> {
        let url = self.url.as_ref().map(|url| match surroundings {
            Surroundings::OwnNetwork => url.replace("127.0.0.1", self.host),
            Surroundings::Normal | Surroundings::ClockAhead => url.clone(),
        });
        let mut made = Vec::new();
        for _ in 0..count {
            self.next += 1;
            let folder = self.home.join(format!("node{}", self.next));
            made.push(Node::new(folder, url.clone(), Some(&self.first_node)).with_surroundings(surroundings));
        }
        made
    }

    /// The first node starts the campaign; all begin to send.
    pub async fn launch(&self, nodes: &mut [Node]) {
        nodes[0].run(&["campaign", "start", "autumn"]);
        nodes.iter_mut().for_each(Node::start);
        let all = nodes.len() as i64;
        self.until(Duration::from_secs(30), "all nodes are there", async || self.mailers().await == Some(all)).await;
    }

    /// How many mailers hold a lease.
    async fn mailers(&self) -> Option<i64> {
        let row = sqlx::query("select count(*) from lease").fetch_one(&mut self.conn().await.ok()?).await.ok()?;
        Some(row.get(0))
    }

    /// Waits until the relay has accepted so many messages.
    pub async fn wait_for_messages(&self, count: usize) {
        self.until(Duration::from_secs(60), "the relay has its messages", async || self.sink.count() >= count).await;
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
            assert!(Instant::now() < until, "not in time: {what}; {} messages\n{}", self.sink.count(), logs());
            sleep(Duration::from_millis(50)).await;
        }
    }

    async fn conn(&self) -> Result<AnyConnection, sqlx::Error> {
        AnyConnection::connect(&self.observer_url).await
    }

    pub async fn state(&self) -> Option<String> {
        let mut conn = self.conn().await.ok()?;
        let row = sqlx::query("select state from campaign").fetch_one(&mut conn).await.ok()?;
        Some(row.get(0))
    }

    /// Asks another server from here on.
    pub async fn ask(&mut self, server: &Server) {
        self.observer_url = server.url("127.0.0.1", &self.database);
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

    pub async fn findings(&self, bound: usize) -> Findings {
        self.findings_of(&self.sink.accepted_messages(), bound).await
    }

    /// Compares the rows with the messages that each recipient got.
    pub async fn findings_of(&self, accepted_messages: &HashMap<String, usize>, bound: usize) -> Findings {
        let mut conn = self.conn().await.expect("the database");
        let rows = sqlx::query("select c.address, d.state from delivery d join contact c on c.id = d.contact_id")
            .fetch_all(&mut conn)
            .await
            .expect("asked");
        let mut findings = Findings { people: self.people, accepted: 0, lost: 0, repeated: 0, uncertain: 0, bound };
        assert_eq!(rows.len(), self.people);
        for row in rows {
            let (address, state): (String, String) = (row.get(0), row.get(1));
            let got = accepted_messages.get(&address).copied().unwrap_or(0);
            findings.accepted += usize::from(state == "accepted");
            findings.uncertain += usize::from(state == "uncertain");
            findings.repeated += usize::from(got > 1);
            findings.lost += usize::from(got == 0 && !matches!(state.as_str(), "uncertain" | "pending"));
        }
        findings
    }
}

fn read(path: PathBuf) -> String {
    std::fs::read_to_string(path).unwrap_or_default()
}

/// A copy of the database that was made while messages went out is put back after more of them did:
/// the campaign is suspended, and nobody gets a second email.
pub async fn restored(home: PathBuf) -> Option<Findings> {
    let mut scenario = Scenario::alone(home, 400).await;
    scenario.first_node.run(&["campaign", "start", "autumn"]);
    scenario.first_node.start();
    scenario.wait_for_messages(60).await;
    let copy = scenario.home.join("copy.db");
    let mut conn = scenario.conn().await.expect("the database");
    let sql = format!("vacuum into '{}'", copy.display());
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut conn).await.expect("a copy");
    drop(conn);
    sleep(Duration::from_secs(TERM)).await;
    scenario.first_node.kill();
    put_back(&copy, &scenario.home.join("office"));
    let before = scenario.sink.count();
    scenario.first_node.start();
    scenario
        .until(Duration::from_secs(20), "the campaign is suspended", async || {
            scenario.state().await.as_deref() == Some("paused")
        })
        .await;
    sleep(Duration::from_secs(1)).await;
    assert_eq!(scenario.sink.count(), before);
    let shown = scenario.first_node.run(&["campaign", "show", "autumn"]);
    assert!(shown["reason"].as_str().is_some_and(|reason| reason.contains("older")), "{shown}");
    Some(scenario.findings(CONNECTIONS).await)
}

fn put_back(copy: &Path, folder: &Path) {
    for ending in ["-wal", "-shm"] {
        let _ = std::fs::remove_file(folder.join(format!("sendoff.db{ending}")));
    }
    std::fs::copy(copy, folder.join("sendoff.db")).expect("put back");
}

/// The first start is killed at every few milliseconds of making the tables; the next one succeeds.
pub async fn upgrade(home: PathBuf) -> Option<Findings> {
    for pause in 1..=40_u64 {
        let mut node = Node::new(home.join(format!("folder{pause}")), None, None);
        std::fs::create_dir_all(&node.folder).expect("a folder");
        node.start();
        sleep(Duration::from_millis(3 * pause)).await;
        node.kill();
        node.run(&["init"]);
        node.run(&["campaign", "ls"]);
    }
    Some(Findings { people: 0, accepted: 0, lost: 0, repeated: 0, uncertain: 0, bound: 0 })
}
