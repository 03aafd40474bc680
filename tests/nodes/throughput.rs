//! Throughput of 1, 2, 4 and 8 nodes, against a relay whose every reply takes 50 ms and against one that replies at once,
//! where the CPUs are the limit. The CPU time of a message shows how many nodes are useful.

use std::path::Path;
use std::time::{Duration, Instant};

use crate::cluster::Server;
use crate::cpu_time;
use crate::node::{Node, Surroundings};
use crate::scenario::Scenario;
use crate::sink::Sink;

/// Connections of a node.
const CONNECTIONS: usize = 20;

/// Nodes and the delay of a reply, in ms.
const RUNS: &[(usize, u64)] = &[(1, 50), (2, 50), (4, 50), (8, 50), (1, 0), (2, 0), (4, 0), (8, 0)];

/// Messages for each node of a run against the slow relay, and of all nodes against the fast one.
const MESSAGES: (usize, usize) = (2_000, 8_000);

/// Seconds of processor time.
#[derive(Clone, Copy)]
struct CpuTime {
    nodes: f64,
    database: f64,
    relay: f64,
}

impl CpuTime {
    fn now(nodes: &[Node], server: &Server) -> Self {
        Self {
            nodes: nodes.iter().filter_map(Node::process).map(cpu_time::of).sum(),
            database: server.processes().into_iter().map(cpu_time::of).sum(),
            relay: cpu_time::of(std::process::id()),
        }
    }

    /// Millionths of a second that each part has spent on a message since.
    fn per_message_since(self, before: Self, messages: usize) -> [f64; 3] {
        let each = |now: f64, before: f64| (now - before) * 1e6 / messages as f64;
        [each(self.nodes, before.nodes), each(self.database, before.database), each(self.relay, before.relay)]
    }
}

/// Prints the table.
pub async fn table(folder: &Path, server: &Server) {
    println!(
        "\n{:>5} {:>8} {:>8} {:>10} {:>7}  {:>24} {:>11} {:>11}",
        "nodes", "delay ms", "messages", "a second", "ratio", "CPU µs: nodes, database", "cores busy", "bytes a row"
    );
    let mut base = (0, 0.0);
    for (count, delay) in RUNS.iter().copied() {
        let home = folder.join(format!("speed{count}-{delay}"));
        std::fs::create_dir(&home).expect("a folder");
        let people = if delay == 0 { MESSAGES.1 } else { MESSAGES.0 * count };
        let mut scenario = Scenario::new(home, server, people).await;
        scenario.first_node.run(&["settings", "set", "lease-term", "30"]);
        scenario.sink = Sink::start(Duration::from_millis(delay)).await;
        scenario.relay(&format!("smtp://127.0.0.1:{}", scenario.sink.address.port()), CONNECTIONS);
        let mut nodes = scenario.nodes(count, Surroundings::Normal);
        scenario.launch(&mut nodes).await;
        // The middle of the run: neither the start of the processes nor the last few messages.
        scenario.wait_for_messages(people / 5).await;
        let (began, before, spent) = (Instant::now(), scenario.sink.count(), CpuTime::now(&nodes, server));
        scenario.wait_for_messages(people * 4 / 5).await;
        let (messages, seconds) = (scenario.sink.count() - before, began.elapsed().as_secs_f64());
        let each = CpuTime::now(&nodes, server).per_message_since(spent, messages);
        let rate = messages as f64 / seconds;
        scenario.finished(Duration::from_secs(120)).await;
        if base.0 != delay || base.1 == 0.0 {
            base = (delay, rate);
        }
        let (busy, bytes) = (rate * each.iter().sum::<f64>() / 1e6, scenario.bytes_a_row().await);
        println!(
            "{count:>5} {delay:>8} {people:>8} {rate:>10.0} {:>7.2}  {:>24} {busy:>11.2} {bytes:>11}",
            rate / base.1,
            format!("{:.0} + {:.0}", each[0], each[1]),
        );
    }
}
