//! Results of single fits, each in a file of its own, so that a stopped run goes on.

use std::fs;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use super::{Method, Set};
use crate::Failure;

/// What is fitted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fit {
    /// The set.
    pub set: Set,
    /// The split, from 0.
    pub split: usize,
    /// The method.
    pub method: Method,
    /// Steps of a training.
    pub steps: usize,
    /// The most rows of a batch.
    pub batch: usize,
    /// Whether a fifth of the training rows takes the place of the test rows.
    pub held_out: bool,
}

/// How good a fit is on the test rows, or on those in their place.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Scores {
    /// In the target's unit.
    pub rmse: f64,
    /// Mean ln p of a row, in nats, in the target's unit.
    pub log_likelihood: f64,
    /// The share of targets in 90 % intervals.
    pub coverage_90: f64,
    /// The evidence lower bound of the training rows, in nats for each, of targets with standard deviation 1; of variational methods.
    pub bound: Option<f64>,
}

/// What a fit reached.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// What was fitted.
    #[serde(flatten)]
    pub fit: Fit,
    /// How good it is.
    #[serde(flatten)]
    pub scores: Scores,
    /// Seconds of training and prediction, on one thread.
    pub seconds: f64,
}

/// A folder of records, or none.
pub struct Store(pub Option<PathBuf>);

impl Store {
    fn file(&self, fit: &Fit) -> Option<PathBuf> {
        let Fit { set, split, method, steps, batch, held_out } = fit;
        let part = if *held_out { "-held-out" } else { "" };
        let name = format!("{}-{split}-{}-{steps}-{batch}{part}.json", set.name(), method.name());
        Some(self.0.as_ref()?.join(name))
    }

    /// The record of this fit, if there is one.
    ///
    /// # Errors
    /// If its file is damaged, or is of another fit.
    pub fn find(&self, fit: &Fit) -> Result<Option<Record>, Failure> {
        let Some(file) = self.file(fit).filter(|file| file.exists()) else { return Ok(None) };
        let wrong = |problem: String| {
            Failure::Input(format!("--resume: {}: {problem}; delete it to fit again", file.display()))
        };
        let bytes = fs::read(&file).map_err(|error| wrong(error.to_string()))?;
        let record: Record = serde_json::from_slice(&bytes).map_err(|error| wrong(error.to_string()))?;
        if record.fit != *fit {
            return Err(wrong("it holds another fit than its name says".to_owned()));
        }
        Ok(Some(record))
    }

    /// Writes a record in one step, so that a stop leaves either all of it or nothing.
    ///
    /// # Errors
    /// If it cannot be written.
    pub fn save(&self, record: &Record) -> Result<(), Failure> {
        let Some(file) = self.file(&record.fit) else { return Ok(()) };
        let unfinished = file.with_extension("unfinished");
        let text = serde_json::to_vec_pretty(record).map_err(|error| Failure::Run(error.into()))?;
        let written = file.parent().map_or(Ok(()), fs::create_dir_all);
        let written = written.and_then(|()| fs::write(&unfinished, text)).and_then(|()| fs::rename(&unfinished, &file));
        written.map_err(|error| Failure::Run(format!("--resume: cannot write {}: {error}", file.display()).into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_is_found_by_its_fit_only_and_a_damaged_one_is_named() {
        let folder = std::env::temp_dir().join(format!("elbo-uci-records-{}", std::process::id()));
        let store = Store(Some(folder.clone()));
        let (set, method) = (Set::Naval, Method::ViFull);
        let fit = Fit { set, split: 3, method, steps: 10, batch: 64, held_out: false };
        let scores = Scores { rmse: 0.1, log_likelihood: 5.9, coverage_90: 0.9, bound: Some(1.0 / 3.0) };
        let record = Record { fit, scores, seconds: 0.25 };
        store.save(&record).unwrap();
        assert_eq!(store.find(&fit).unwrap(), Some(record));
        for other in [Fit { held_out: true, ..fit }, Fit { steps: 11, ..fit }, Fit { batch: 65, ..fit }] {
            assert_eq!(store.find(&other).unwrap(), None);
        }
        fs::write(folder.join("naval-3-vi-full-10-64.json"), "{").unwrap();
        let refused = store.find(&fit).unwrap_err();
        fs::remove_dir_all(folder).unwrap();
        assert!(matches!(&refused, Failure::Input(text) if text.contains("naval-3-vi-full-10-64.json")));
    }
}
