//! Counters and histograms, as Prometheus reads them (text format 0.0.4).

use std::fmt::Write;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use super::refusal::Kind;

/// Upper bounds of the buckets of latencies, in seconds.
const SECONDS: [f64; 12] = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0];

/// Upper bounds of the buckets of rows in a batch.
const ROWS: [f64; 9] = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0, 256.0];

/// What the service has done since its start.
#[derive(Debug, Default)]
pub(super) struct Metrics {
    /// Requests of each path of [`PATHS`].
    requests: [AtomicU64; PATHS.len()],
    errors: [AtomicU64; Kind::ALL.len()],
    seconds: Histogram<{ SECONDS.len() }>,
    batch_rows: Histogram<{ ROWS.len() }>,
    /// Reloads that failed, and that did not.
    reloads: [AtomicU64; 2],
    rows: AtomicU64,
    unknown: AtomicU64,
}

/// The paths that are counted by name; others are `other`.
pub(super) const PATHS: [&str; 5] = ["/predict", "/health", "/metrics", "/", "other"];

/// Numbers that are not counted here.
pub(super) struct Gauges {
    pub(super) connections: usize,
    pub(super) queued_rows: usize,
    pub(super) model: u64,
}

impl Metrics {
    pub(super) fn count_request(&self, path: &str) {
        let place = PATHS.iter().position(|known| *known == path).unwrap_or(PATHS.len() - 1);
        self.requests[place].fetch_add(1, Relaxed);
    }

    pub(super) fn count_error(&self, kind: Kind) {
        let place = Kind::ALL.iter().position(|known| *known == kind).expect("all kinds are listed");
        self.errors[place].fetch_add(1, Relaxed);
    }

    /// Counts a request for a prediction that was answered.
    pub(super) fn count_answers(&self, after: Duration, rows: usize, unknown: usize) {
        self.seconds.add(&SECONDS, after.as_secs_f64());
        self.rows.fetch_add(rows as u64, Relaxed);
        self.unknown.fetch_add(unknown as u64, Relaxed);
    }

    pub(super) fn count_batch(&self, rows: usize) {
        self.batch_rows.add(&ROWS, rows as f64);
    }

    pub(super) fn count_reload(&self, is_loaded: bool) {
        self.reloads[usize::from(is_loaded)].fetch_add(1, Relaxed);
    }

    pub(super) fn text(&self, now: &Gauges) -> String {
        let mut out = String::new();
        // Writing to a string cannot fail.
        let _ = self.write(&mut out, now);
        out
    }

    fn write(&self, out: &mut String, now: &Gauges) -> std::fmt::Result {
        let of = |counter: &AtomicU64| counter.load(Relaxed);
        head(out, "serve_requests_total", "counter", "Requests by path.")?;
        for (path, count) in PATHS.iter().zip(&self.requests) {
            writeln!(out, "serve_requests_total{{path=\"{path}\"}} {}", of(count))?;
        }
        head(out, "serve_errors_total", "counter", "Requests that were refused, by kind.")?;
        for (kind, count) in Kind::ALL.iter().zip(&self.errors) {
            writeln!(out, "serve_errors_total{{kind=\"{}\"}} {}", kind.name(), of(count))?;
        }
        head(out, "serve_rows_total", "counter", "Rows that were answered.")?;
        writeln!(out, "serve_rows_total {}", of(&self.rows))?;
        head(out, "serve_unknown_total", "counter", "Rows that were answered with `unknown`.")?;
        writeln!(out, "serve_unknown_total {}", of(&self.unknown))?;
        head(out, "serve_reloads_total", "counter", "New files that were loaded, and that could not be.")?;
        for (result, count) in ["failed", "loaded"].iter().zip(&self.reloads) {
            writeln!(out, "serve_reloads_total{{result=\"{result}\"}} {}", of(count))?;
        }
        let help = "Seconds from the head of a request for a prediction to its answer.";
        self.seconds.write(out, "serve_predict_seconds", help, &SECONDS)?;
        self.batch_rows.write(out, "serve_batch_rows", "Rows that were predicted at once.", &ROWS)?;
        head(out, "serve_connections", "gauge", "Open connections.")?;
        writeln!(out, "serve_connections {}", now.connections)?;
        head(out, "serve_queued_rows", "gauge", "Rows that wait for an answer.")?;
        writeln!(out, "serve_queued_rows {}", now.queued_rows)?;
        head(out, "serve_model", "gauge", "The number of the model that answers: 1 at the start.")?;
        writeln!(out, "serve_model {}", now.model)
    }
}

fn head(out: &mut String, name: &str, kind: &str, help: &str) -> std::fmt::Result {
    writeln!(out, "# HELP {name} {help}\n# TYPE {name} {kind}")
}

/// Counts in buckets, the last of which has no upper bound, and their sum in millionths.
#[derive(Debug)]
struct Histogram<const B: usize> {
    buckets: [AtomicU64; B],
    above: AtomicU64,
    millionths: AtomicU64,
}

impl<const B: usize> Default for Histogram<B> {
    fn default() -> Self {
        Histogram { buckets: [const { AtomicU64::new(0) }; B], above: AtomicU64::new(0), millionths: AtomicU64::new(0) }
    }
}

impl<const B: usize> Histogram<B> {
    fn add(&self, bounds: &[f64; B], value: f64) {
        let place = bounds.iter().position(|bound| value <= *bound);
        place.map_or(&self.above, |place| &self.buckets[place]).fetch_add(1, Relaxed);
        self.millionths.fetch_add((value * 1e6).round() as u64, Relaxed);
    }

    fn write(&self, out: &mut String, name: &str, help: &str, bounds: &[f64; B]) -> std::fmt::Result {
        head(out, name, "histogram", help)?;
        let mut sum = 0;
        for (bound, count) in bounds.iter().zip(&self.buckets) {
            sum += count.load(Relaxed);
            writeln!(out, "{name}_bucket{{le=\"{bound}\"}} {sum}")?;
        }
        sum += self.above.load(Relaxed);
        writeln!(out, "{name}_bucket{{le=\"+Inf\"}} {sum}")?;
        writeln!(out, "{name}_sum {}", self.millionths.load(Relaxed) as f64 / 1e6)?;
        writeln!(out, "{name}_count {sum}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_add_up() {
        let metrics = Metrics::default();
        for rows in [1, 1, 3, 256, 257] {
            metrics.count_batch(rows);
        }
        let text = metrics.text(&Gauges { connections: 2, queued_rows: 0, model: 1 });
        for line in [
            "serve_batch_rows_bucket{le=\"1\"} 2",
            "serve_batch_rows_bucket{le=\"2\"} 2",
            "serve_batch_rows_bucket{le=\"4\"} 3",
            "serve_batch_rows_bucket{le=\"256\"} 4",
            "serve_batch_rows_bucket{le=\"+Inf\"} 5",
            "serve_batch_rows_sum 518",
            "serve_batch_rows_count 5",
            "serve_connections 2",
        ] {
            assert!(text.lines().any(|of| of == line), "{line} is not in {text}");
        }
    }
}
