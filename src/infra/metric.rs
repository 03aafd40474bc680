//! Metrics of this process in the Prometheus text exposition format. Counting takes no lock. Labels hold no
//! personal data: the id of a workspace, a relay, a lane, a result or an endpoint.
//!
//! A time series is created by its first count and stays for the life of the process. Each metric has at most
//! `MAX_SERIES`; further label values are counted as `other`.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

/// Maximum of time series per metric.
const MAX_SERIES: usize = 1_000;

/// Upper bounds of the histogram's buckets in seconds, from a fast disk to an overloaded one.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

static MESSAGES: Family<4> =
    Family::new("messages_total", "Delivery attempts by result.", ["workspace", "relay", "lane", "result"]);
static RETRIES: Family<3> =
    Family::new("retries_total", "Delivery attempts after the first.", ["workspace", "relay", "lane"]);
static REQUESTS: Family<2> =
    Family::new("http_requests_total", "HTTP requests by endpoint and status.", ["endpoint", "status"]);
static COMMITS: Histogram = Histogram::new("commit_seconds", "Duration of the group commits of marks and results.");
static CONNECTIONS: LazyLock<Gauge> = LazyLock::new(Gauge::default);

/// Labels of a relay: relays of two workspaces can have the same name.
#[derive(Debug, Clone)]
pub struct RelayLabels {
    /// Id of the workspace.
    pub workspace: String,
    /// Name of the relay.
    pub relay: String,
}

/// Counts a finished delivery attempt. `result` is a delivery state such as `accepted`, `deferred` or `uncertain`.
pub fn count_attempt(relay: &RelayLabels, lane: &str, result: &str) {
    MESSAGES.add([&relay.workspace, &relay.relay, lane, result]);
}

/// Counts a delivery attempt after the first.
pub fn count_retry(relay: &RelayLabels, lane: &str) {
    RETRIES.add([&relay.workspace, &relay.relay, lane]);
}

/// Records the duration of a group commit.
pub fn observe_commit(took: Duration) {
    COMMITS.observe(took);
}

/// Counts a connection to a relay as open until the returned guard is dropped.
pub fn connection_opened() -> GaugeGuard {
    CONNECTIONS.increment()
}

/// Counts an answered HTTP request.
pub fn count_request(endpoint: &str, status: &str) {
    REQUESTS.add([endpoint, status]);
}

/// Writes all metrics of this module.
pub fn write(out: &mut Exposition) {
    MESSAGES.write(out);
    RETRIES.write(out);
    COMMITS.write(out);
    out.gauge("connections_open", "Open connections to relays.");
    out.sample("connections_open", &[], CONNECTIONS.get() as f64);
    REQUESTS.write(out);
}

/// A number that goes up and down. Clones share it.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

/// Decrements the gauge when dropped.
#[derive(Debug)]
pub struct GaugeGuard(Arc<AtomicI64>);

impl Gauge {
    /// Increments the gauge until the returned guard is dropped.
    pub fn increment(&self) -> GaugeGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        GaugeGuard(self.0.clone())
    }

    /// The current value.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A counter per combination of label values: a lock-free, append-only linked list.
struct Family<const N: usize> {
    name: &'static str,
    help: &'static str,
    labels: [&'static str; N],
    first: OnceLock<Box<Series<N>>>,
}

struct Series<const N: usize> {
    values: [String; N],
    count: AtomicU64,
    next: OnceLock<Box<Self>>,
}

impl<const N: usize> Family<N> {
    const fn new(name: &'static str, help: &'static str, labels: [&'static str; N]) -> Self {
        Self { name, help, labels, first: OnceLock::new() }
    }

    fn add(&self, values: [&str; N]) {
        let mut link = &self.first;
        for index in 0.. {
            let fresh = if index < MAX_SERIES { values } else { ["other"; N] };
            let series = link.get_or_init(|| {
                Box::new(Series { values: fresh.map(str::to_owned), count: AtomicU64::new(0), next: OnceLock::new() })
            });
            if index == MAX_SERIES || series.values.iter().zip(values).all(|(own, value)| own == value) {
                series.count.fetch_add(1, Ordering::Relaxed);
                return;
            }
            link = &series.next;
        }
    }

    fn write(&self, out: &mut Exposition) {
        out.counter(self.name, self.help);
        let mut link = self.first.get();
        while let Some(series) = link {
            let labels: Vec<(&str, &str)> =
                self.labels.into_iter().zip(series.values.iter().map(String::as_str)).collect();
            out.sample(self.name, &labels, series.count.load(Ordering::Relaxed) as f64);
            link = series.next.get();
        }
    }
}

struct Histogram {
    name: &'static str,
    help: &'static str,
    /// One count per bucket, and one above the last bound.
    counts: [AtomicU64; BUCKETS.len() + 1],
    micros: AtomicU64,
}

impl Histogram {
    const fn new(name: &'static str, help: &'static str) -> Self {
        Self { name, help, counts: [const { AtomicU64::new(0) }; BUCKETS.len() + 1], micros: AtomicU64::new(0) }
    }

    fn observe(&self, took: Duration) {
        let bucket = BUCKETS.partition_point(|end| *end < took.as_secs_f64());
        self.counts[bucket].fetch_add(1, Ordering::Relaxed);
        self.micros.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
    }

    fn write(&self, out: &mut Exposition) {
        out.head(self.name, self.help, "histogram");
        let mut total = 0;
        for (index, count) in self.counts.iter().enumerate() {
            total += count.load(Ordering::Relaxed);
            let end = BUCKETS.get(index).map_or("+Inf".to_owned(), f64::to_string);
            out.sample(&format!("{}_bucket", self.name), &[("le", &end)], total as f64);
        }
        out.sample(&format!("{}_sum", self.name), &[], self.micros.load(Ordering::Relaxed) as f64 / 1e6);
        out.sample(&format!("{}_count", self.name), &[], total as f64);
    }
}

/// A text exposition under construction: the header of each metric, then its samples. Names are given without
/// the prefix `sendoff_`.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Begins a counter.
    pub fn counter(&mut self, name: &str, help: &str) {
        self.head(name, help, "counter");
    }

    /// Begins a gauge.
    pub fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String never fails.
        let _ = writeln!(self.0, "# HELP sendoff_{name} {help}\n# TYPE sendoff_{name} {kind}");
    }

    /// Adds a sample to the current metric.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str("sendoff_");
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The text.
    pub fn into_text(self) -> String {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(write: impl FnOnce(&mut Exposition)) -> String {
        let mut out = Exposition::default();
        write(&mut out);
        out.into_text()
    }

    #[test]
    fn each_combination_of_labels_is_a_time_series() {
        let family = Family::<2>::new("messages_total", "Messages.", ["relay", "lane"]);
        for values in [["a", "gmail"], ["a", "rest"], ["a", "gmail"], ["b\"\\", "rest"]] {
            family.add(values);
        }

        assert_eq!(
            text(|out| family.write(out)),
            "# HELP sendoff_messages_total Messages.\n# TYPE sendoff_messages_total counter\n\
             sendoff_messages_total{relay=\"a\",lane=\"gmail\"} 2\nsendoff_messages_total{relay=\"a\",lane=\"rest\"} 1\n\
             sendoff_messages_total{relay=\"b\\\"\\\\\",lane=\"rest\"} 1\n"
        );
    }

    #[test]
    fn unbounded_label_values_are_counted_as_other() {
        let family = Family::<1>::new("messages_total", "Messages.", ["relay"]);
        for number in 0..2 * MAX_SERIES {
            family.add([&number.to_string()]);
        }

        let text = text(|out| family.write(out));
        assert_eq!(text.lines().count(), 2 + MAX_SERIES + 1);
        assert!(text.ends_with(&format!("{{relay=\"other\"}} {MAX_SERIES}\n")), "the others are counted");
    }

    #[test]
    fn concurrent_counts_are_not_lost() {
        let family = Family::<1>::new("messages_total", "Messages.", ["relay"]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1_000).for_each(|number| family.add([["a", "b", "c"][number % 3]])));
            }
        });

        let text = text(|out| family.write(out));
        let sum: u64 = text.lines().filter_map(|line| line.rsplit_once("} ")?.1.parse::<u64>().ok()).sum();
        assert_eq!((sum, text.lines().count()), (4_000, 5));
    }

    #[test]
    fn histogram_buckets_are_cumulative() {
        let histogram = Histogram::new("commit_seconds", "Commits.");
        for millis in [1, 30, 9_000] {
            histogram.observe(Duration::from_millis(millis));
        }

        let text = text(|out| histogram.write(out));
        for line in [
            "bucket{le=\"0.0005\"} 0",
            "bucket{le=\"0.001\"} 1",
            "bucket{le=\"0.05\"} 2",
            "bucket{le=\"5\"} 2",
            "bucket{le=\"+Inf\"} 3",
            "sum 9.031",
            "count 3",
        ] {
            assert!(text.contains(&format!("sendoff_commit_seconds_{line}\n")), "{line} in {text}");
        }
    }

    #[test]
    fn gauge_is_decremented_when_its_guards_drop() {
        let gauge = Gauge::default();
        let (one, two) = (gauge.increment(), gauge.clone().increment());
        assert_eq!(gauge.get(), 2);

        drop((one, two));
        assert_eq!(gauge.get(), 0);
    }
}
