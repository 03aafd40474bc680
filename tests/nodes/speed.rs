//! Letters a second for 1, 2, 4 and 8 nodes against a relay whose every reply takes 50 ms, and what
//! the database carries when the relay takes no time at all.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::Server;
use crate::node::Air;
use crate::scene::Scene;
use crate::sink::Sink;

/// Connections of a node.
const CONNECTIONS: usize = 20;

/// Nodes and the delay of a reply, in ms.
const RUNS: &[(usize, u64)] = &[(1, 50), (2, 50), (4, 50), (8, 50), (1, 0), (4, 0)];

/// Prints the table.
pub async fn table(folder: &Path, server: &Server) {
    println!(
        "\n{:>5} {:>8} {:>8} {:>10} {:>7} {:>12}",
        "nodes", "delay ms", "letters", "a second", "ratio", "bytes a row"
    );
    let mut base = (0, 0.0);
    for (count, delay) in RUNS.iter().copied() {
        let home = folder.join(format!("speed{count}-{delay}"));
        std::fs::create_dir(&home).expect("a folder");
        let people = if delay == 0 { 12_000 } else { 1_500 * count };
        let mut scene = Scene::new(home, server, people).await;
        scene.office.tell(&["settings", "set", "lease-term", "30"]);
        scene.sink = Sink::start(Duration::from_millis(delay)).await;
        scene.relay(&format!("smtp://127.0.0.1:{}", scene.sink.address.port()), CONNECTIONS);
        let mut nodes = scene.nodes(count, Air::Plain);
        scene.launch(&mut nodes).await;
        // The middle of the run: neither the start of the processes nor the last few letters.
        scene.taken(people / 5).await;
        let (began, before) = (Instant::now(), scene.sink.count());
        scene.taken(people * 4 / 5).await;
        let rate = (scene.sink.count() - before) as f64 / began.elapsed().as_secs_f64();
        scene.finished(Duration::from_secs(120)).await;
        if base.0 != delay || base.1 == 0.0 {
            base = (delay, rate);
        }
        let bytes = scene.bytes_a_row().await;
        println!("{count:>5} {delay:>8} {people:>8} {rate:>10.0} {:>7.2} {bytes:>12}", rate / base.1);
    }
}
