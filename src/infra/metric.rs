//! What this process counts while it works, in the text format that Prometheus reads. Counting takes
//! no lock and knows no names of people: a label is the number of a workspace,
//! a relay, a lane, a result or a door.
//!
//! A series comes into being when it is first counted and stays for the life of the process, as the
//! format wants it. There are at most `MOST` of a kind; what comes later is counted as `other`.

use std::fmt::Write;
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};
use std::time::Duration;

/// Series of one metric.
const MOST: usize = 1_000;

/// Upper ends of the histogram's buckets, in seconds: from a fast disk to one that is in trouble.
const BUCKETS: [f64; 12] = [0.000_5, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 5.0];

static MESSAGES: Family<4> =
    Family::new("messages_total", "Tries that ended.", ["workspace", "relay", "lane", "result"]);
static RETRIES: Family<3> =
    Family::new("retries_total", "Tries of letters tried before.", ["workspace", "relay", "lane"]);
static REQUESTS: Family<2> = Family::new("http_requests_total", "Requests answered.", ["door", "status"]);
static COMMITS: Histogram = Histogram::new("commit_seconds", "How long marks and results took to be on disk.");
static CONNECTIONS: LazyLock<Gauge> = LazyLock::new(Gauge::default);

/// The way that letters go, as labels: relays of two workspaces may have the same name.
#[derive(Debug, Clone)]
pub struct RelayLabels {
    /// The workspace's number.
    pub workspace: String,
    /// The relay's name.
    pub relay: String,
}

/// A try ended: the relay answered, or will never be known to have. `result` is a word of ours such
/// as `accepted`, `deferred` or `uncertain`.
pub fn count_attempt(path: &RelayLabels, lane: &str, result: &str) {
    MESSAGES.add([&path.workspace, &path.relay, lane, result]);
}

/// A letter that was tried before is tried again.
pub fn count_retry(path: &RelayLabels, lane: &str) {
    RETRIES.add([&path.workspace, &path.relay, lane]);
}

/// A commit of the mailer is on disk.
pub fn observe_commit(took: Duration) {
    COMMITS.observe(took);
}

/// A connection to a relay is open for as long as what this returns.
pub fn connection_opened() -> GaugeGuard {
    CONNECTIONS.increment()
}

/// A request was answered.
pub fn count_request(door: &str, status: &str) {
    REQUESTS.add([door, status]);
}

/// Writes down everything counted so far.
pub fn write(out: &mut Exposition) {
    MESSAGES.write(out);
    RETRIES.write(out);
    COMMITS.write(out);
    out.gauge("connections_open", "Connections to relays that are open.");
    out.sample("connections_open", &[], CONNECTIONS.get() as f64);
    REQUESTS.write(out);
}

/// How many of something there are at this moment. Clones share the number.
#[derive(Debug, Clone, Default)]
pub struct Gauge(Arc<AtomicI64>);

/// One more, until it is dropped.
#[derive(Debug)]
pub struct GaugeGuard(Arc<AtomicI64>);

impl Gauge {
    /// Counts one more for as long as what this returns lives.
    pub fn increment(&self) -> GaugeGuard {
        self.0.fetch_add(1, Ordering::Relaxed);
        GaugeGuard(self.0.clone())
    }

    /// How many there are.
    pub fn get(&self) -> i64 {
        self.0.load(Ordering::Relaxed)
    }
}

impl Drop for GaugeGuard {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A counter for each combination of label values: a chain to which links are only ever added.
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
            let fresh = if index < MOST { values } else { ["other"; N] };
            let series = link.get_or_init(|| {
                Box::new(Series { values: fresh.map(str::to_owned), count: AtomicU64::new(0), next: OnceLock::new() })
            });
            if index == MOST || series.values.iter().zip(values).all(|(own, value)| own == value) {
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
    /// One a bucket, and one for what is slower than all.
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

/// An exposition on its way: each metric is announced, then its samples follow. The names given are
/// without the `sendoff_` that all of them begin with.
#[derive(Debug, Default)]
pub struct Exposition(String);

impl Exposition {
    /// Announces a number that only grows.
    pub fn counter(&mut self, name: &str, help: &str) {
        self.head(name, help, "counter");
    }

    /// Announces a number that goes up and down.
    pub fn gauge(&mut self, name: &str, help: &str) {
        self.head(name, help, "gauge");
    }

    fn head(&mut self, name: &str, help: &str, kind: &str) {
        // Writing to a String never fails.
        let _ = writeln!(self.0, "# HELP sendoff_{name} {help}\n# TYPE sendoff_{name} {kind}");
    }

    /// One sample of the metric announced last.
    pub fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: f64) {
        self.0.push_str("sendoff_");
        self.0.push_str(name);
        for (index, (label, value)) in labels.iter().enumerate() {
            let value = value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.0, "{}{label}=\"{value}\"", if index == 0 { '{' } else { ',' });
        }
        let _ = writeln!(self.0, "{} {value}", if labels.is_empty() { "" } else { "}" });
    }

    /// The text so far.
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
    fn each_combination_of_labels_is_a_series_of_its_own() {
        let family = Family::<2>::new("letters_total", "Letters.", ["relay", "lane"]);
        for values in [["a", "gmail"], ["a", "rest"], ["a", "gmail"], ["b\"\\", "rest"]] {
            family.add(values);
        }

        assert_eq!(
            text(|out| family.write(out)),
            "# HELP sendoff_letters_total Letters.\n# TYPE sendoff_letters_total counter\n\
             sendoff_letters_total{relay=\"a\",lane=\"gmail\"} 2\nsendoff_letters_total{relay=\"a\",lane=\"rest\"} 1\n\
             sendoff_letters_total{relay=\"b\\\"\\\\\",lane=\"rest\"} 1\n"
        );
    }

    #[test]
    fn a_label_that_never_ends_does_not_fill_the_memory() {
        let family = Family::<1>::new("letters_total", "Letters.", ["relay"]);
        for number in 0..2 * MOST {
            family.add([&number.to_string()]);
        }

        let text = text(|out| family.write(out));
        assert_eq!(text.lines().count(), 2 + MOST + 1);
        assert!(text.ends_with(&format!("{{relay=\"other\"}} {MOST}\n")), "the rest is still counted");
    }

    #[test]
    fn threads_that_count_at_once_lose_nothing() {
        let family = Family::<1>::new("letters_total", "Letters.", ["relay"]);
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
    fn a_histogram_counts_upwards() {
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
    fn a_level_falls_when_what_raised_it_goes() {
        let level = Gauge::default();
        let (one, two) = (level.increment(), level.clone().increment());
        assert_eq!(level.get(), 2);

        drop((one, two));
        assert_eq!(level.get(), 0);
    }
}
