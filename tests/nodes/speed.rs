//! Letters a second for 1, 2, 4 and 8 nodes against a relay whose every reply takes 50 ms.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::Server;
use crate::node::Air;
use crate::scene::Scene;
use crate::sink::Sink;

/// Connections of a node.
const CONNECTIONS: usize = 20;

/// Prints the table.
pub async fn table(folder: &Path, server: &Server) {
    println!("\n{:>5} {:>8} {:>10} {:>7}", "nodes", "letters", "a second", "ratio");
    let mut base = 0.0;
    for count in [1, 2, 4, 8] {
        let home = folder.join(format!("speed{count}"));
        std::fs::create_dir(&home).expect("a folder");
        let people = 3_000 * count;
        let mut scene = Scene::new(home, server, people).await;
        scene.sink = Sink::start(Duration::from_millis(50)).await;
        scene.relay(&format!("smtp://127.0.0.1:{}", scene.sink.address.port()), CONNECTIONS);
        let mut nodes = scene.nodes(count, Air::Plain);
        scene.launch(&mut nodes).await;
        // The middle of the run: neither the start of the processes nor the last few letters.
        scene.taken(people / 5).await;
        let (began, before) = (Instant::now(), scene.sink.count());
        scene.taken(people * 4 / 5).await;
        let rate = (scene.sink.count() - before) as f64 / began.elapsed().as_secs_f64();
        scene.finished(Duration::from_secs(120)).await;
        base = if base == 0.0 { rate } else { base };
        println!("{count:>5} {people:>8} {rate:>10.0} {:>7.2}", rate / base);
    }
}
