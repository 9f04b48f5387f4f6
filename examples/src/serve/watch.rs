//! Loads the model again when its file is replaced.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use elbo::with_threads;

use super::metrics::Metrics;
use super::model::Current;
use super::{Calibration, Predictor};

/// What tells a file from the one before: when it was written, and its bytes. `None` if it is not there.
pub(super) type Version = Option<(SystemTime, u64)>;

pub(super) fn version(file: &Path) -> Version {
    let found = std::fs::metadata(file).ok()?;
    Some((found.modified().ok()?, found.len()))
}

/// How often a file is tried that cannot be loaded.
const TRIES: usize = 5;

/// Looks every so often whether the file is another than `known`, and loads it then, beside the model that answers meanwhile. If that
/// fails, the model stays; the file is tried a few times more, because the reason may pass, and then when it changes. Never returns.
pub(super) async fn watch(
    (file, mut known): (Arc<Path>, Version),
    every: Duration,
    how: Calibration,
    threads: usize,
    (current, metrics): (Arc<Current>, Arc<Metrics>),
) {
    let (mut tried, mut tries) = (known, 0);
    loop {
        tokio::time::sleep(every).await;
        // Before it is read: what is written meanwhile is found the next time.
        let found = version(&file);
        if found == known {
            continue;
        }
        tries = if found == tried { tries + 1 } else { 1 };
        tried = found;
        let of_task = file.clone();
        let open = move || with_threads(threads, || Predictor::open(&of_task, &how));
        let loaded = match tokio::task::spawn_blocking(open).await {
            Ok(loaded) => loaded.map_err(|failure| failure.to_string()),
            Err(panic) => Err(format!("{}: {panic}", file.display())),
        };
        let is_loaded = loaded.is_ok();
        if is_loaded || tries == TRIES {
            known = found;
        }
        // It is said once.
        if !is_loaded && tries > 1 {
            continue;
        }
        match loaded {
            Ok(predictor) => {
                current.replace(predictor);
                eprintln!("loaded {}", file.display());
            }
            Err(mistake) => {
                eprintln!("error: the model before goes on: {mistake}");
                current.keep(mistake);
            }
        }
        metrics.count_reload(is_loaded);
    }
}
