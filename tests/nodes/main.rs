//! Many mailers on one PostgreSQL, as real processes, under real faults. Every scenario ends with the
//! same question to the counting SMTP server and to the rows: who got none, who got two, of whom is
//! it not known, and is the campaign finished.
//!
//! `tests/run nodes` runs all of them; `cargo test --test nodes -- kill stop` runs some.

mod cluster;
mod effort;
mod node;
mod postfix;
mod scene;
mod sink;
mod speed;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use cluster::{Door, Server};
use node::{Air, Node, Wire, faketime};
use scene::{CONNECTIONS, Scene, Verdict};
use tokio::time::sleep;

/// Seconds after which a silent mailer is taken for dead.
const TERM: u64 = 3;

/// What is tried.
const SCENES: [&str; 12] =
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
    let mut sound = true;
    println!(
        "{:<10} {:>6} {:>8} {:>6} {:>9} {:>5} {:>9} {:>7}",
        "fault", "people", "accepted", "lost", "repeated", "unsure", "bound", "seconds"
    );
    for name in SCENES {
        if !wanted(name) {
            continue;
        }
        let began = Instant::now();
        let home = folder.path().join(name);
        std::fs::create_dir(&home).expect("a folder");
        let verdict = match name {
            "kill" => kill(Scene::new(home, &server, 1_000).await).await,
            "stop" => stop(Scene::new(home, &server, 1_000).await).await,
            "cut" => cut(Scene::new(home, &server, 2_500).await).await,
            "clock" => clock(Scene::new(home, &server, 600).await).await,
            "restart" => restart(Scene::new(home, &server, 1_000).await, &server).await,
            "failover" => failover(home, &servers).await,
            "drain" => drain(Scene::new(home, &server, 600).await).await,
            "hang" => hang(Scene::new(home, &server, 1_000).await, &server).await,
            "newer" => newer(Scene::new(home, &server, 600).await).await,
            "postfix" => postfix::settles(home, &server).await,
            "restored" => scene::restored(home).await,
            _ => scene::upgrade(home).await,
        };
        let seconds = began.elapsed().as_secs();
        match verdict {
            Some(verdict) => {
                println!("{name:<10} {verdict} {seconds:>7}");
                sound &= verdict.is_sound();
            }
            None => println!("{name:<10} left out: this system has not what it takes"),
        }
    }
    if chosen.iter().any(|word| word == "speed") {
        speed::table(folder.path(), &server).await;
    }
    if sound { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// A node is killed; the other finishes.
async fn kill(mut scene: Scene) -> Option<Verdict> {
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(300).await;
    nodes[1].kill();
    scene.finished(Duration::from_secs(60)).await;
    Some(scene.verdict(CONNECTIONS).await)
}

/// A node stands still for longer than its lease, with letters on the wire, and then goes on.
async fn stop(mut scene: Scene) -> Option<Verdict> {
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    nodes[1].signal("STOP");
    sleep(Duration::from_secs(2 * TERM)).await;
    nodes[1].signal("CONT");
    scene.finished(Duration::from_secs(60)).await;
    sleep(Duration::from_secs(2)).await;
    Some(scene.verdict(CONNECTIONS).await)
}

/// A node loses the database and the relay for longer than its lease, and finds them again.
async fn cut(mut scene: Scene) -> Option<Verdict> {
    let wire = Wire::lay()?;
    scene.reach_from(Wire::HERE).await;
    let mut nodes = scene.nodes(1, Air::Plain);
    nodes.extend(scene.nodes(1, Air::Apart));
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    wire.cut();
    // Longer than a transaction of the silent node is waited for.
    sleep(Duration::from_secs(5 * TERM)).await;
    wire.mend();
    scene.finished(Duration::from_secs(90)).await;
    sleep(Duration::from_secs(2)).await;
    Some(scene.verdict(CONNECTIONS).await)
}

/// The clocks of two nodes are an hour apart; the one ahead starts the campaign, and is killed.
async fn clock(mut scene: Scene) -> Option<Verdict> {
    faketime()?;
    let mut nodes = scene.nodes(1, Air::Ahead);
    nodes.extend(scene.nodes(1, Air::Plain));
    scene.launch(&mut nodes).await;
    scene.taken(150).await;
    nodes[0].kill();
    scene.finished(Duration::from_secs(60)).await;
    Some(scene.verdict(CONNECTIONS).await)
}

/// The database crashes and comes back.
async fn restart(mut scene: Scene, server: &Server) -> Option<Verdict> {
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    server.crash();
    sleep(Duration::from_secs(2)).await;
    server.up();
    scene.finished(Duration::from_secs(90)).await;
    Some(scene.verdict(2 * CONNECTIONS).await)
}

/// The database dies and its synchronous replica takes over.
async fn failover(home: std::path::PathBuf, servers: &std::path::Path) -> Option<Verdict> {
    let first = Server::start(&servers.join("first"));
    let second = first.follow(&servers.join("second"));
    let door = Door::open(first.port).await;
    let mut scene = Scene::behind(home, &first, door.address.port(), 1_000).await;
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    first.crash();
    second.promote();
    door.lead_to(second.port);
    scene.ask(&second).await;
    scene.finished(Duration::from_secs(90)).await;
    Some(scene.verdict(2 * CONNECTIONS).await)
}

/// A node is asked to end and loses nothing on the way.
async fn drain(mut scene: Scene) -> Option<Verdict> {
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    nodes[1].signal("TERM");
    let ended = nodes[1].end(Duration::from_secs(30)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(0), "{}", nodes[1].log());
    scene.finished(Duration::from_secs(60)).await;
    Some(scene.verdict(0).await)
}

/// A node is asked to end while the database hangs, and ends in time all the same.
async fn hang(mut scene: Scene, server: &Server) -> Option<Verdict> {
    let mut nodes = scene.nodes(2, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(200).await;
    let frozen = server.freeze();
    nodes[1].signal("TERM");
    let ended = nodes[1].end(Duration::from_secs(25)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "in time, and it says so: {}", nodes[1].log());
    assert!(nodes[1].log().contains("stop-overdue"), "{}", nodes[1].log());
    drop(frozen);
    scene.finished(Duration::from_secs(90)).await;
    Some(scene.verdict(2 * CONNECTIONS).await)
}

/// A node meets the tables of a newer version and ends with a sentence; so does one that starts.
async fn newer(mut scene: Scene) -> Option<Verdict> {
    let mut nodes = scene.nodes(1, Air::Plain);
    scene.launch(&mut nodes).await;
    scene.taken(100).await;
    scene.set_version(999).await;
    let ended = nodes[0].end(Duration::from_secs(30)).await;
    assert_eq!(ended.and_then(|status| status.code()), Some(1), "{}", nodes[0].log());
    assert!(nodes[0].log().contains("database-newer"), "{}", nodes[0].log());
    assert_eq!(nodes[0].refused(&["campaign", "ls"]), (Some(1), "database-newer".to_owned()));
    scene.set_version(0).await;
    nodes[0].start();
    scene.finished(Duration::from_secs(60)).await;
    Some(scene.verdict(0).await)
}

/// The node that every scenario begins with.
pub fn first(folder: std::path::PathBuf, database: Option<String>) -> Node {
    let node = Node::new(folder, database, None);
    node.tell(&["init"]);
    node
}
