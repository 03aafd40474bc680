//! Letters a second for 1, 2, 4 and 8 nodes against a relay whose every reply takes 50 ms, and against
//! one that takes no time at all, where the processors are the limit. Beside each what a letter costs:
//! with it one can reckon where more nodes help no more.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::Server;
use crate::effort;
use crate::node::{Air, Node};
use crate::scene::Scene;
use crate::sink::Sink;

/// Connections of a node.
const CONNECTIONS: usize = 20;

/// Nodes and the delay of a reply, in ms.
const RUNS: &[(usize, u64)] = &[(1, 50), (2, 50), (4, 50), (8, 50), (1, 0), (2, 0), (4, 0), (8, 0)];

/// Letters for each node of a run against the slow relay, and of all nodes against the fast one.
const LETTERS: (usize, usize) = (2_000, 8_000);

/// Seconds of processor time.
#[derive(Clone, Copy)]
struct Effort {
    nodes: f64,
    database: f64,
    relay: f64,
}

impl Effort {
    fn now(nodes: &[Node], server: &Server) -> Self {
        Self {
            nodes: nodes.iter().filter_map(Node::process).map(effort::of).sum(),
            database: server.processes().into_iter().map(effort::of).sum(),
            relay: effort::of(std::process::id()),
        }
    }

    /// Millionths of a second that each part has spent on a letter since.
    fn a_letter_since(self, before: Self, letters: usize) -> [f64; 3] {
        let each = |now: f64, before: f64| (now - before) * 1e6 / letters as f64;
        [each(self.nodes, before.nodes), each(self.database, before.database), each(self.relay, before.relay)]
    }
}

/// Prints the table.
pub async fn table(folder: &Path, server: &Server) {
    println!(
        "\n{:>5} {:>8} {:>8} {:>10} {:>7}  {:>24} {:>11} {:>11}",
        "nodes", "delay ms", "letters", "a second", "ratio", "CPU µs: nodes, database", "cores busy", "bytes a row"
    );
    let mut base = (0, 0.0);
    for (count, delay) in RUNS.iter().copied() {
        let home = folder.join(format!("speed{count}-{delay}"));
        std::fs::create_dir(&home).expect("a folder");
        let people = if delay == 0 { LETTERS.1 } else { LETTERS.0 * count };
        let mut scene = Scene::new(home, server, people).await;
        scene.office.tell(&["settings", "set", "lease-term", "30"]);
        scene.sink = Sink::start(Duration::from_millis(delay)).await;
        scene.relay(&format!("smtp://127.0.0.1:{}", scene.sink.address.port()), CONNECTIONS);
        let mut nodes = scene.nodes(count, Air::Plain);
        scene.launch(&mut nodes).await;
        // The middle of the run: neither the start of the processes nor the last few letters.
        scene.taken(people / 5).await;
        let (began, before, spent) = (Instant::now(), scene.sink.count(), Effort::now(&nodes, server));
        scene.taken(people * 4 / 5).await;
        let (letters, seconds) = (scene.sink.count() - before, began.elapsed().as_secs_f64());
        let each = Effort::now(&nodes, server).a_letter_since(spent, letters);
        let rate = letters as f64 / seconds;
        scene.finished(Duration::from_secs(120)).await;
        if base.0 != delay || base.1 == 0.0 {
            base = (delay, rate);
        }
        let (busy, bytes) = (rate * each.iter().sum::<f64>() / 1e6, scene.bytes_a_row().await);
        println!(
            "{count:>5} {delay:>8} {people:>8} {rate:>10.0} {:>7.2}  {:>24} {busy:>11.2} {bytes:>11}",
            rate / base.1,
            format!("{:.0} + {:.0}", each[0], each[1]),
        );
    }
}
