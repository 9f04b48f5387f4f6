//! The report of a fit, as one HTML file.

use std::path::Path;

use elbo::report::{self, Chart, Html};

use super::evaluate::BINS;
use super::fit::Fitted;
use super::prediction::Prediction;
use super::target::Targets;
use crate::Failure;

/// Columns whose importance is listed.
const COLUMNS: usize = 20;

impl Fitted {
    /// Writes the report.
    ///
    /// # Errors
    /// If the file cannot be written.
    pub fn write_report(&self, title: &str, file: &Path) -> Result<(), Failure> {
        let html = self.html(title);
        html.write(file).map_err(|error| Failure::Run(format!("{}: {error}", file.display()).into()))
    }

    fn html(&self, title: &str) -> Html {
        let scores = &self.scores;
        let (scored, targets) = &self.unseen;
        let is_of_classes = matches!(scored.prediction, Prediction::Classes(_));
        let mut html = Html::new(title).text(&self.verdict.words).heading("The likelihood and the network").text(&format!(
            "The target was taken for what it is because {}. Each candidate was trained on four fifths of the rows until its bound had converged and scored on the other fifth; \
             the best was then trained on all rows.",
            self.target.1
        ));
        let row = |(place, of): (usize, &super::Compared)| {
            let mark = if place == 0 { "taken" } else { "" };
            [of.candidate.to_string(), format!("{:.4}", of.nll), format!("{:.4}", of.standard_error), mark.to_owned()]
        };
        let rows: Vec<[String; 4]> = self.compared.iter().enumerate().map(row).collect();
        html = html.table(["candidate", "NLL, nats per row", "standard error", ""], &rows);

        html = html.heading("Rows that the training has not seen");
        let percent = format!("{:.0} %", 100.0 * self.saved.description.calibrated.level);
        let named = |classes: &str, numbers: &str| if is_of_classes { classes } else { numbers }.to_owned();
        let line = |name: String, ours: f64, guess: String| [name, format!("{ours:.4}"), guess];
        let rows = [
            line("NLL, nats per row".to_owned(), scores.nll, format!("{:.4}", scores.guess)),
            line(named("wrong, share", "RMSE"), scores.error, format!("{:.4}", scores.guess_error)),
            line(
                named("calibration error (ECE)", &format!("targets in its own {percent} intervals")),
                scores.own,
                String::new(),
            ),
            line(
                named(&format!("targets in {percent} sets"), &format!("targets in calibrated {percent} intervals")),
                scores.coverage,
                String::new(),
            ),
            line(named("classes in a set", "width of an interval"), scores.size, String::new()),
        ];
        html = html.table(["", "model", "guessing"], &rows);
        if is_of_classes && self.temperature() != 1.0 {
            html =
                html.text(&format!("Logits are divided by the temperature {:.2}, by these rows.", self.temperature()));
        }
        match (&scored.prediction, targets) {
            (Prediction::Classes(probabilities), Targets::Labels(labels)) => {
                html = html.picture(report::reliability(&probabilities.reliability(labels, BINS)));
            }
            (Prediction::Numbers(numbers), Targets::Numbers(y)) => {
                let (low, high) = y.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(l, h), &y| (l.min(y), h.max(y)));
                let chart =
                    Chart::new("Predicted and found").x("predicted").y("found").points("rows", &numbers.mean, y);
                html = html
                    .picture(chart.dashed("equal", &[low, high], &[low, high]))
                    .picture(report::pit(&scored.pit, BINS));
            }
            _ => {}
        }

        html = html.heading("What matters").text(
            "How much the NLL of unseen rows rises, in nats per row, if the values of a column are exchanged between rows. Columns \
             that say the same share their importance.",
        );
        let shown = self.importance.iter().take(COLUMNS);
        let rows: Vec<[String; 2]> = shown.map(|(name, nats)| [name.clone(), format!("{nats:.4}")]).collect();
        html = html.table(["column", "nats per row"], &rows);

        html = html.heading("The columns");
        let row = |(name, kind, missing): &(String, super::Kind, usize)| {
            [name.clone(), kind.to_string(), if *missing > 0 { missing.to_string() } else { String::new() }]
        };
        html = html.table(["column", "holds", "missing"], &self.inputs.iter().map(row).collect::<Vec<_>>());
        for column in &self.left_out {
            html = html.text(&column.to_string());
        }
        html = html.heading("The training").text(&self.report.conclusion());
        html.picture(report::training(&self.report))
    }
}
