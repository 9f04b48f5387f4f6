//! The results as JSON.

use std::fs;
use std::path::Path;

use serde_json::{Map, Value, json};

use crate::{Failure, Summary};

/// Writes the results to `file`.
pub fn write(summary: &Summary, file: &Path) -> Result<(), Failure> {
    let text = format!("{:#}\n", value(summary));
    fs::write(file, text)
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

/// The results. JSON has no infinity and no NaN: they become null.
fn value(summary: &Summary) -> Value {
    let terms: Map<String, Value> = summary.kl_terms.iter().map(|term| (term.name.clone(), json!(term.nats))).collect();
    let history: Vec<Value> = summary
        .history
        .iter()
        .map(|at| json!({ "epoch": at.epoch, "test_error": at.scores.error, "test_nll": at.scores.nll }))
        .collect();
    json!({
        "test_error": summary.test.error,
        "test_nll": summary.test.nll,
        "ece": summary.test.ece,
        "brier": summary.test.brier,
        "elbo": summary.elbo(),
        "kl": summary.kl,
        "kl_terms": terms,
        "parameters": summary.parameters,
        "weights": summary.weights(),
        "epochs": summary.epochs,
        "seconds_per_epoch": summary.seconds_per_epoch,
        "entropy_right": summary.entropy_right,
        "entropy_wrong": summary.entropy_wrong,
        "history": history,
    })
}
