//! A real Postfix: a node is killed with letters on the wire, and the log of Postfix says what became
//! of them.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::cluster::{Server, free_port, is_root};
use crate::node::{Air, has};
use crate::scene::{CONNECTIONS, Scene, Verdict};

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
             smtpd_relay_restrictions = permit_mynetworks, reject\ndefault_transport = discard:taken\n\
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

    /// How many letters each recipient got.
    fn taken(&self) -> HashMap<String, usize> {
        let mut taken = HashMap::new();
        for line in
            fs::read_to_string(&self.log).unwrap_or_default().lines().filter(|line| line.contains("status=sent"))
        {
            let to = line.split("to=<").nth(1).and_then(|rest| rest.split('>').next()).unwrap_or_default();
            *taken.entry(to.to_owned()).or_default() += 1;
        }
        taken
    }
}

impl Drop for Postfix {
    fn drop(&mut self) {
        self.control("abort");
    }
}

/// Killed, settled from the log, sent what the log does not know: nobody is left in doubt.
pub async fn settles(home: PathBuf, server: &Server) -> Option<Verdict> {
    if !has("postfix") || !is_root() {
        return None;
    }
    let mut scene = Scene::new(home, server, 1_500).await;
    let postfix = Postfix::start(&scene.home);
    scene.relay(&format!("smtp://127.0.0.1:{}", postfix.port), CONNECTIONS);
    let mut nodes = scene.nodes(1, Air::Plain);
    scene.launch(&mut nodes).await;
    for stage in [200, 500, 800] {
        let reached = async || postfix.taken().len() >= stage;
        scene.until(Duration::from_secs(60), "Postfix has its letters", reached).await;
        nodes[0].kill();
        nodes[0].start();
    }
    scene.finished(Duration::from_secs(90)).await;
    let log = postfix.log.display().to_string();
    let doubts = scene.office.tell(&["uncertain", "ls"]).as_array().map_or(0, Vec::len);
    // What the log must still show before a letter counts as missing.
    tokio::time::sleep(Duration::from_secs(1)).await;
    drop(tokio::net::TcpStream::connect(("127.0.0.1", postfix.port)).await);
    let words = ["uncertain", "settle", "--resend-missing", "--margin", "0", "--from-maillog", &log];
    let settled = scene.office.tell(&words);
    scene.finished(Duration::from_secs(60)).await;
    println!("           of {doubts} uncertain letters the log of Postfix settled: {settled}");
    tokio::time::sleep(Duration::from_secs(1)).await;
    Some(scene.verdict_of(&postfix.taken(), 0).await)
}
