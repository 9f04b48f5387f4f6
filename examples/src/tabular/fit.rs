//! `fit`: from a table to a calibrated model.

use elbo::calibration::TemperatureScaling;
use elbo::data::{ColumnEncoding, Encoding, Unknown};
use elbo::prelude::*;
use elbo::{Budget, Predictive};

use super::calibrate::Calibrated;
use super::candidates::{Candidate, Compared, candidates, mean_and_sd};
use super::columns::{Kind, LeftOut, kind, reason_to_leave_out};
use super::evaluate::{Scores, Verdict};
use super::family::Family;
use super::importance::importance;
use super::predict::encoded;
use super::prediction::{Predictor, Scored};
use super::read::{Layout, Reading};
use super::saved::{Saved, data as explained};
use super::target::{Target, Targets};
use super::text::Text;
use super::train::{Data, OfFold, Settings, cross_validate, select, train};
use super::unlike::Familiar;
use crate::Failure;

/// Rows that a model needs.
const LEAST_ROWS: usize = 20;

/// The folds: each candidate is trained without one, and scored on it.
const FOLDS: usize = 5;

/// Up to this many rows candidates are compared by all folds, and above by one.
const COMPARED_BY_ALL: usize = 2000;

/// Rows by which the temperature is found at most, and how far from 1 it may be, as a factor.
const TEMPERED: usize = 5000;
const MOST_TEMPERATURE: f64 = 4.0;

/// What the user may choose. The default chooses everything.
#[derive(Clone, Debug)]
pub struct FitOptions {
    /// The likelihood; by default, those that may fit are compared.
    pub likelihood: Option<Family>,
    /// The probability of intervals and sets.
    pub level: f64,
    /// Draws of the weights that a prediction is averaged over.
    pub draws: usize,
    /// The seed of everything random.
    pub seed: u64,
    /// Threads; the results do not depend on it.
    pub threads: usize,
    /// How long each training lasts; by default, until its bound has converged.
    pub budget: Budget,
}

impl Default for FitOptions {
    fn default() -> Self {
        FitOptions {
            likelihood: None,
            level: 0.9,
            draws: 256,
            seed: 1,
            threads: 1,
            budget: UntilConverged::new().into(),
        }
    }
}

/// A model with everything that was found on the way.
pub struct Fitted {
    /// The model.
    pub saved: Saved,
    /// What the target is, and why.
    pub target: (Target, String),
    /// The inputs with what they hold and how many of their values are missing.
    pub inputs: Vec<(String, Kind, usize)>,
    /// The columns that are not used.
    pub left_out: Vec<LeftOut>,
    /// Rows without a target, which are not used.
    pub without_target: usize,
    /// The candidates, the best first.
    pub compared: Vec<Compared>,
    /// The training on all rows.
    pub report: Report,
    /// The out-of-fold predictions: each row is predicted by a training without it.
    pub scores: Scores,
    /// Whether to trust it.
    pub verdict: Verdict,
    /// The increase of the NLL if a column's values are shuffled.
    pub importance: Vec<(String, f64)>,
    /// The predictions behind `scores`, with the targets in their order.
    pub(super) unseen: (Scored, Targets),
    /// For scores of other rows.
    train_targets: Targets,
}

/// Fits a model of a column of a table.
///
/// # Errors
/// If the text is not a table, or its target cannot be predicted; the message names the place and what to do.
pub fn fit(text: &Text, target: &str, reading: &Reading, options: &FitOptions) -> Result<Fitted, Failure> {
    let (table, mut layout) = Layout::find(text, target, reading)?;
    let all_rows = table.len();
    let table = table.drop_missing(target).map_err(|_| {
        text.problem(format!("the target {target:?} has no value in any row, so there is nothing to learn from"))
    })?;
    if table.len() < LEAST_ROWS {
        return Err(text.problem(format!(
            "has {} rows with a value of {target:?}; a model needs {LEAST_ROWS} at least",
            table.len()
        )));
    }
    let of_target = Target::of(&table, target, options.likelihood)?;
    for column in table.columns().iter().filter(|column| !column.is_target()) {
        if let Some(why) = reason_to_leave_out(&table, column).map_err(explained)? {
            layout.leave_out(column.number(), column.name(), &why);
        }
    }
    if layout.left_out().len() + 1 == text.names.len() {
        let why: Vec<String> = layout.left_out().iter().map(ToString::to_string).collect();
        return Err(text.problem(format!("no column is left to predict {target:?} from; {}", why.join("; "))));
    }
    let table = layout.read(text, reading).and_then(|table| table.drop_missing(target)).map_err(explained)?;
    let encoder = Encoding::default().unknown(Unknown::Other).raw_targets().fit(&table).map_err(explained)?;
    let mut inputs = Vec::new();
    for column in table.columns().iter().filter(|column| !column.is_target()) {
        if let Some(kind) = kind(&table, column).map_err(explained)? {
            inputs.push((column.name().to_owned(), kind, column.missing()));
        }
    }
    let targets = of_target.0.values(&table, target)?;
    let classes = if let Target::Classes(names) = &of_target.0 { names.len() } else { 0 };
    if options.likelihood == Some(Family::Bernoulli) && classes != 2 {
        return Err(text.problem(format!("the target {target:?} has {classes} classes, and bernoulli takes two")));
    }
    let data = Data { inputs: encoder.transform(&table).map_err(explained)?, targets, classes };
    let FitOptions { level, draws, seed, threads, budget, .. } = *options;
    let settings = Settings { level, draws, seed, threads, budget };

    let folds = data.folds(FOLDS, options.seed);
    let candidates = candidates(&of_target.0, data.len(), options.likelihood);
    let compared_by = if data.len() <= COMPARED_BY_ALL { FOLDS } else { 1 };
    let jobs: Vec<(Candidate, usize)> =
        candidates.iter().flat_map(|&candidate| (0..compared_by).map(move |fold| (candidate, fold))).collect();
    let done = cross_validate(&jobs, &folds, &data, settings)?;
    let mut of_candidates: Vec<(Compared, Vec<OfFold>)> = Vec::new();
    for (candidate, of_folds) in candidates.into_iter().zip(done.chunks(compared_by)) {
        let nats: Vec<f64> = of_folds.iter().flat_map(|of| &of.scored.log_likelihood).copied().collect();
        let (mean, sd) = mean_and_sd(&nats);
        let standard_error = sd / (nats.len() as f64).sqrt();
        of_candidates.push((Compared { candidate, nll: -mean, standard_error }, of_folds.to_vec()));
    }
    of_candidates.sort_by(|(a, _), (b, _)| a.nll.total_cmp(&b.nll));
    let compared: Vec<Compared> = of_candidates.iter().map(|(compared, _)| *compared).collect();
    let candidate = compared[0].candidate;
    let mut of_folds = of_candidates.swap_remove(0).1;
    let missing: Vec<(Candidate, usize)> = (of_folds.len()..FOLDS).map(|fold| (candidate, fold)).collect();
    of_folds.extend(cross_validate(&missing, &folds, &data, settings)?);

    let temperature = temperature(&of_folds, &data);
    for of in &mut of_folds {
        let held_out = data.select(&of.rows);
        of.trained.predictor.temperature = temperature;
        of.scored = of.trained.predictor.score(&held_out.inputs, &held_out.targets);
    }
    let order: Vec<usize> = of_folds.iter().flat_map(|of| &of.rows).copied().collect();
    let guess: Vec<f64> = of_folds.iter().flat_map(|of| &of.guess).copied().collect();
    let importance =
        importance(&of_folds[0].trained.predictor, &encoder, &data.select(&of_folds[0].rows), options.seed);
    let scored = Scored::join(of_folds.iter().map(|of| of.scored.clone()).collect());
    let unseen_targets = data.targets.select(&order);
    let calibrated = Calibrated::fit(&scored.prediction, &unseen_targets, options.level)
        .map_err(|error| Failure::Run(error.into()))?;
    let scores = Scores::of(&scored, &unseen_targets, &guess, &calibrated);
    let familiar = Familiar::of(&table, &encoder, &scored.prediction).map_err(explained)?;

    let mut last = train(candidate, &data, options.seed + FOLDS as u64, settings)?;
    last.predictor.temperature = temperature;
    let converged = last.report.is_converged() && of_folds.iter().all(|of| of.trained.report.is_converged());
    let verdict = Verdict::new(converged, &scores, candidate.family.is_of_classes(), options.level);
    let is_number = matches!(encoder.target_columns(), [ColumnEncoding::Number { .. }]);
    let shape = candidate.shape(encoder.width(), classes, &data.targets);
    let saved = Saved::new(
        candidate,
        shape,
        last.predictor,
        target,
        &of_target.0,
        is_number,
        encoder,
        familiar,
        calibrated,
        reading,
    );
    Ok(Fitted {
        saved,
        target: of_target,
        inputs,
        left_out: layout.left_out(),
        without_target: all_rows - table.len(),
        compared,
        report: last.report,
        scores,
        verdict,
        importance,
        unseen: (scored, unseen_targets),
        train_targets: data.targets,
    })
}

/// The temperature that makes the NLL of unseen rows least (Guo et al. 2017); 1 for numbers, and where none is best.
fn temperature(of_folds: &[OfFold], data: &Data) -> f64 {
    let Targets::Labels(labels) = &data.targets else { return 1.0 };
    let (mut logits, mut right) = (Vec::new(), Vec::new());
    for of in of_folds {
        let rows: Vec<usize> = of.rows.iter().copied().take(TEMPERED - right.len()).collect();
        if !rows.is_empty() {
            logits.push(of.trained.predictor.logits(&select(&data.inputs, &rows)));
            right.extend(rows.iter().map(|&row| labels[row]));
        }
    }
    let found = TemperatureScaling::fit(&Outputs::join(logits), &right);
    found.map_or(1.0, |scaling| scaling.temperature().clamp(1.0 / MOST_TEMPERATURE, MOST_TEMPERATURE))
}

impl Fitted {
    /// The temperature of the classes' logits; 1 for numbers.
    pub fn temperature(&self) -> f64 {
        self.saved.predictor.temperature
    }

    /// The scores of another table that has the target, such as a test set.
    ///
    /// # Errors
    /// If the table has not the columns of the training data.
    pub fn test(&self, text: &Text) -> Result<Scores, Failure> {
        let rows = encoded(&self.saved, text)?;
        let Some((known, targets)) = rows.targets else {
            return Err(text.problem(format!("has no value of the target {:?}", self.saved.description.target)));
        };
        let predictor: &Predictor = &self.saved.predictor;
        let inputs = select(&rows.inputs, &known);
        let scored = predictor.score(&inputs, &targets);
        let guess = self.compared[0].candidate.guess(&self.train_targets, &targets);
        Ok(Scores::of(&scored, &targets, &guess, &self.saved.description.calibrated))
    }
}
