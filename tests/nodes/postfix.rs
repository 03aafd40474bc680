//! A real Postfix: a node is killed with messages on the wire, and the log of Postfix says what became
//! of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Server, free_port, is_root};
use crate::node::{Surroundings, has};
use crate::scenario::{CONNECTIONS, Findings, Scenario};

/// An instance of its own, which throws away what it accepts.
struct Postfix {
    config: PathBuf,
    log: PathBuf,
    port: u16,
}

const SERVICES: &[(&str, &str)] = &[
    ("cleanup", "unix n - n - 0 cleanup"),
    ("qmgr", "unix n - n 300 1 qmgr"),
    ("rewrite", "unix - - n - - trivial-rewrite"),
    ("bounce", "unix - - n - 0 bounce"),
    ("defer", "unix - - n - 0 bounce"),
    ("trace", "unix - - n - 0 bounce"),
    ("verify", "unix - - n - 1 verify"),
    ("flush", "unix n - n 1000? 0 flush"),
    ("proxymap", "unix - - n - - proxymap"),
    ("error", "unix - - n - - error"),
    ("retry", "unix - - n - - error"),
    ("discard", "unix - - n - - discard"),
    ("anvil", "unix - - n - 1 anvil"),
    ("postlog", "unix-dgram n - n - 1 postlogd"),
];

impl Postfix {
    fn start(home: &Path) -> Self {
        let (config, port) = (home.join("postfix"), free_port());
        let log = home.join("maillog");
        let (queue, data) = (home.join("queue"), home.join("state"));
        [&config, &queue, &data].into_iter().for_each(|folder| fs::create_dir(folder).expect("a folder"));
        let main = format!(
            "compatibility_level = 3.6\nqueue_directory = {}\ndata_directory = {}\nmaillog_file = {}\n\
             maillog_file_prefixes = /tmp, /var\nmyhostname = mx.example.org\nmydestination =\n\
             inet_interfaces = 127.0.0.1\ninet_protocols = ipv4\nmynetworks = 127.0.0.0/8\n\
             smtpd_relay_restrictions = permit_mynetworks, reject\ndefault_transport = discard:accepted\n\
             alias_maps =\nalias_database =\nlocal_recipient_maps =\nsmtpd_client_connection_count_limit = 0\n",
            queue.display(),
            data.display(),
            log.display()
        );
        let services: String = SERVICES.iter().map(|(name, rest)| format!("{name} {rest}\n")).collect();
        fs::write(config.join("main.cf"), main).expect("written");
        fs::write(config.join("master.cf"), format!("127.0.0.1:{port} inet n - n - - smtpd\n{services}"))
            .expect("written");
        assert!(Command::new("chown").arg("postfix").arg(&data).status().is_ok_and(|done| done.success()));
        let postfix = Self { config, log, port };
        assert!(postfix.control("start"), "Postfix starts");
        postfix
    }

    fn control(&self, word: &str) -> bool {
        let done = Command::new("postfix").arg("-c").arg(&self.config).arg(word).output();
        done.is_ok_and(|done| done.status.success())
    }

    /// How many messages each recipient got.
    fn accepted_messages(&self) -> HashMap<String, usize> {
        let mut accepted_messages = HashMap::new();
        for line in
            fs::read_to_string(&self.log).unwrap_or_default().lines().filter(|line| line.contains("status=sent"))
        {
            let to = line.split("to=<").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default();
            *accepted_messages.entry(to.to_owned()).or_default() += 1;
        }
        accepted_messages
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.control("abort");
    }
}

/// A node is killed three times; uncertain deliveries are resolved by the log of Postfix, the missing ones sent again.
pub async fn run_with_postfix(home: PathBuf, server: &Server) -> Option<Findings> {
    if !has("postfix") || !is_root() {
        return None;
    }
    let mut scenario = Scenario::new(home, server, 1_500).await;
    let postfix = Postfix::start(&scenario.home);
    scenario.relay(&format!("smtp://127.0.0.1:{}", postfix.port), CONNECTIONS);
    let mut nodes = scenario.nodes(1, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    for stage in [200, 500, 800] {
        let reached = async || postfix.accepted_messages().len() >= stage;
        scenario.until(Duration::from_secs(60), "Postfix has its messages", reached).await;
        nodes[0].kill();
        nodes[0].start();
    }
    scenario.finished(Duration::from_secs(90)).await;
    let log = postfix.log.display().to_string();
    let doubts = scenario.first_node.run(&["uncertain", "ls"]).as_array().map_or(0, Vec::len);
    // What the log must still show before a message counts as missing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(tokio::net::TcpStream::connect(("127.0.0.1", postfix.port)).await);
    let words = ["uncertain", "settle", "--resend-missing", "--margin", "0", "--from-maillog", &log];
    let settled = scenario.first_node.run(&words);
    scenario.finished(Duration::from_secs(60)).await;
    println!("           of {doubts} uncertain messages the log of Postfix settled: {settled}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    Some(scenario.findings_of(&postfix.accepted_messages(), 0).await)
}
