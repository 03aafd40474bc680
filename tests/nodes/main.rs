//! Several mailers on one PostgreSQL, as real processes, under real faults. At the end of every scenario the rows are compared
//! with what the SMTP server counted: no recipient without a message, none with two, few uncertain, the campaign finished.
//!
//! `tests/run nodes` runs all of them; `cargo test --test nodes -- kill stop` runs some.

mod cluster;
mod cpu_time;
mod node;
mod postfix;
mod scenario;
mod sink;
mod throughput;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cluster::{Proxy, Server};
use node::{NetworkLink, Node, Surroundings, faketime};
use scenario::{CONNECTIONS, Findings, Scenario};
use tokio::time::sleep;

/// Term of a lease in seconds.
const TERM: u64 = 3;

/// The scenarios, in their order.
const SCENARIOS: [&str; 12] =
    ["kill", "stop", "cut", "clock", "restart", "failover", "drain", "hang", "newer", "postfix", "restored", "upgrade"];

#[tokio::main]
async fn main() -> ExitCode {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    let wanted = |name: &str| chosen.is_empty() && name != "speed" || chosen.iter().any(|word| word == name);
    let folder = tempfile::tempdir().expect("a temporary folder");
    let servers = folder.path().join("servers");
    std::fs::create_dir(&servers).expect("a folder");
    let open = std::os::unix::fs::PermissionsExt::from_mode(0o711);
    std::fs::set_permissions(folder.path(), open).expect("rights");
    let server = Server::start(&servers.join("one"));
    let mut passed = true;
    println!(
        "{:<10} {:>6} {:>8} {:>6} {:>9} {:>5} {:>9} {:>7}",
        "fault", "people", "accepted", "lost", "repeated", "uncertain", "bound", "seconds"
    );
    for name in SCENARIOS {
        if !wanted(name) {
            continue;
        }
        let began = Instant::now();
        let home = folder.path().join(name);
        std::fs::create_dir(&home).expect("a folder");
        let findings = match name {
            "kill" => kill(Scenario::new(home, &server, 1_000).await).await,
            "stop" => stop(Scenario::new(home, &server, 1_000).await).await,
            "cut" => cut(Scenario::new(home, &server, 2_500).await).await,
            "clock" => clock(Scenario::new(home, &server, 600).await).await,
            "restart" => restart(Scenario::new(home, &server, 1_000).await, &server).await,
            "failover" => failover(home, &servers).await,
            "drain" => drain(Scenario::new(home, &server, 600).await).await,
            "hang" => hang(Scenario::new(home, &server, 1_000).await, &server).await,
            "newer" => newer(Scenario::new(home, &server, 600).await).await,
            "postfix" => postfix::run_with_postfix(home, &server).await,
            "restored" => scenario::restored(home).await,
            _ => scenario::upgrade(home).await,
        };
        let seconds = began.elapsed().as_secs();
        match findings {
            Some(findings) => {
                println!("{name:<10} {findings} {seconds:>7}");
                passed &= findings.is_ok();
            }
            None => println!("{name:<10} skipped: this system lacks what it needs"),
        }
    }
    if chosen.iter().any(|word| word == "speed") {
        throughput::table(folder.path(), &server).await;
    }
    if passed { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A node is killed; the other finishes.
async fn kill(mut scenario: Scenario) -> Option<Findings> {
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(300).await;
    nodes[1].kill();
    scenario.finished(Duration::from_secs(60)).await;
    Some(scenario.findings(CONNECTIONS).await)
}

/// A node is suspended for longer than its lease, with messages on the wire, and then goes on.
async fn stop(mut scenario: Scenario) -> Option<Findings> {
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    nodes[1].signal("STOP");
    sleep(Duration::from_secs(2 * TERM)).await;
    nodes[1].signal("CONT");
    scenario.finished(Duration::from_secs(60)).await;
    sleep(Duration::from_secs(2)).await;
    Some(scenario.findings(CONNECTIONS).await)
}

/// A node loses the database and the relay for longer than its lease, and finds them again.
async fn cut(mut scenario: Scenario) -> Option<Findings> {
    let link = NetworkLink::create()?;
    scenario.listen_for_network(NetworkLink::HERE).await;
    let mut nodes = scenario.nodes(1, Surroundings::Normal);
    nodes.extend(scenario.nodes(1, Surroundings::OwnNetwork));
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    link.cut();
    // Longer than a transaction of the silent node is waited for.
    sleep(Duration::from_secs(5 * TERM)).await;
    link.restore();
    scenario.finished(Duration::from_secs(90)).await;
    sleep(Duration::from_secs(2)).await;
    Some(scenario.findings(CONNECTIONS).await)
}

/// The clocks of two nodes are an hour apart; the one ahead starts the campaign, and is killed.
async fn clock(mut scenario: Scenario) -> Option<Findings> {
    faketime()?;
    let mut nodes = scenario.nodes(1, Surroundings::ClockAhead);
    nodes.extend(scenario.nodes(1, Surroundings::Normal));
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(150).await;
    nodes[0].kill();
    scenario.finished(Duration::from_secs(60)).await;
    Some(scenario.findings(CONNECTIONS).await)
}

/// The database crashes and comes back.
async fn restart(mut scenario: Scenario, server: &Server) -> Option<Findings> {
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    server.crash();
    sleep(Duration::from_secs(2)).await;
    server.up();
    scenario.finished(Duration::from_secs(90)).await;
    Some(scenario.findings(2 * CONNECTIONS).await)
}

/// The database dies and its synchronous replica takes over.
async fn failover(home: std::path::PathBuf, servers: &std::path::Path) -> Option<Findings> {
    let first = Server::start(&servers.join("first"));
    let second = first.follow(&servers.join("second"));
    let proxy = Proxy::open(first.port).await;
    let mut scenario = Scenario::behind(home, &first, proxy.address.port(), 1_000).await;
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    first.crash();
    second.promote();
    proxy.redirect_to(second.port);
    scenario.ask(&second).await;
    scenario.finished(Duration::from_secs(90)).await;
    Some(scenario.findings(2 * CONNECTIONS).await)
}

/// A node is asked to end and loses nothing on the way.
async fn drain(mut scenario: Scenario) -> Option<Findings> {
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    nodes[1].signal("TERM");
    let ended = nodes[1].end(Duration::from_secs(30)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", nodes[1].log());
    scenario.finished(Duration::from_secs(60)).await;
    Some(scenario.findings(0).await)
}

/// A node is asked to end while the database hangs, and ends in time all the same.
async fn hang(mut scenario: Scenario, server: &Server) -> Option<Findings> {
    let mut nodes = scenario.nodes(2, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(200).await;
    let frozen = server.suspend();
    nodes[1].signal("TERM");
    let ended = nodes[1].end(Duration::from_secs(25)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "in time, and it says so: {}", nodes[1].log());
    assert!(nodes[1].log().contains("stop-overdue"), "{}", nodes[1].log());
    drop(frozen);
    scenario.finished(Duration::from_secs(90)).await;
    Some(scenario.findings(2 * CONNECTIONS).await)
}

/// A node meets the tables of a newer version and ends with a sentence; so does one that starts.
async fn newer(mut scenario: Scenario) -> Option<Findings> {
    let mut nodes = scenario.nodes(1, Surroundings::Normal);
    scenario.launch(&mut nodes).await;
    scenario.wait_for_messages(100).await;
    scenario.set_version(999).await;
    let ended = nodes[0].end(Duration::from_secs(30)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "{}", nodes[0].log());
    assert!(nodes[0].log().contains("database-newer"), "{}", nodes[0].log());
    assert_eq!(nodes[0].refused(&["campaign", "ls"]), (Some(1), "database-newer".to_owned()));
    scenario.set_version(0).await;
    nodes[0].start();
    scenario.finished(Duration::from_secs(60)).await;
    Some(scenario.findings(0).await)
}

/// The node that every scenario begins with.
pub fn first(folder: std::path::PathBuf, database: Option<String>) -> Node {
    let node = Node::new(folder, database, None);
    node.run(&["init"]);
    node
}
