//! A training's history as CSV and JSON.

use std::fmt::Write;
use std::path::Path;

use crate::engine::io::{FileError, replace_file};
use crate::infer::vi::{Epoch, Report};

/// The columns after the epoch's number.
const COLUMNS: [&str; 7] = ["nll", "kl", "kl_weight", "elbo", "validation_nll", "rate_factor", "seconds"];

impl Epoch {
    /// The figures, in the order of the columns; `None` for one that was not measured.
    fn figures(&self) -> [Option<f64>; COLUMNS.len()] {
        let Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, seconds } = *self;
        let timed = Some(seconds).filter(|seconds| !seconds.is_nan());
        [Some(nll), Some(kl), Some(kl_weight), Some(elbo), validation_nll, Some(rate_factor), timed]
    }
}

impl Report {
    /// The epochs as CSV with a header: the number from 1, and the fields of [`Epoch`] in their units, each as the shortest number that
    /// reads back as the same `f64`. What was not measured is empty.
    pub fn to_csv(&self) -> String {
        let mut csv = format!("epoch,{}\n", COLUMNS.join(","));
        for (index, epoch) in self.epochs.iter().enumerate() {
            let figures = epoch.figures().map(|figure| figure.map_or_else(String::new, |figure| figure.to_string()));
            // Writing to a string cannot fail.
            let _ = writeln!(csv, "{},{}", index + 1, figures.join(","));
        }
        csv
    }

    /// The training as JSON: `epochs` with the columns of [`to_csv`](Self::to_csv), `best`, `guessing`, `converged` and `stopped`. Numbers
    /// that are not finite, or were not measured, are null.
    pub fn to_json(&self) -> String {
        let null = || "null".to_owned();
        let number =
            |value: Option<f64>| value.filter(|value| value.is_finite()).map_or_else(null, |value| value.to_string());
        let of = |(index, epoch): (usize, &Epoch)| {
            let figures = COLUMNS.iter().zip(epoch.figures());
            let fields: Vec<String> = figures.map(|(name, value)| format!("\"{name}\": {}", number(value))).collect();
            format!("    {{\"epoch\": {}, {}}}", index + 1, fields.join(", "))
        };
        let epochs: Vec<String> = self.epochs.iter().enumerate().map(of).collect();
        format!(
            "{{\n  \"epochs\": [\n{}\n  ],\n  \"best\": {},\n  \"guessing\": {},\n  \"converged\": {},\n  \"stopped\": {}\n}}\n",
            epochs.join(",\n"),
            self.best.map_or_else(null, |best| best.to_string()),
            number(self.guessing),
            self.is_converged(),
            self.is_stopped()
        )
    }

    /// Writes [`to_csv`](Self::to_csv) to a file, in place of one that is there.
    ///
    /// # Errors
    /// If it cannot be written. The old file then stays.
    pub fn write_csv(&self, file: impl AsRef<Path>) -> Result<(), FileError> {
        replace_file(file.as_ref(), self.to_csv().as_bytes())
    }

    /// Writes [`to_json`](Self::to_json) to a file, in place of one that is there.
    ///
    /// # Errors
    /// If it cannot be written. The old file then stays.
    pub fn write_json(&self, file: impl AsRef<Path>) -> Result<(), FileError> {
        replace_file(file.as_ref(), self.to_json().as_bytes())
    }
}
