//! Trains a classifier and evaluates it.

use elbo::data::Examples;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::with_threads;

use crate::cli::Training;
use crate::summary::{Evaluation, Scores, Summary, kl_terms};
use crate::{Classifier, Failure, json, table};

/// Trains a [`Classifier`] on `train`, tests it on `test`, prints the results and writes them to `--json`.
pub fn run(train: &Examples, test: &Examples, classes: usize, options: &Training) -> Result<(), Failure> {
    let summary = train_and_test(train, test, classes, options)?;
    print!("\n{}", table::render(&summary));
    options.json.as_deref().map_or(Ok(()), |file| json::write(&summary, file))
}

fn train_and_test(train: &Examples, test: &Examples, classes: usize, options: &Training) -> Result<Summary, Failure> {
    let mut model =
        Classifier::new(train.inputs().shape()[1], options.hidden, classes, options.prior_sd, options.initial_sd);
    model.initialise(Key::new(options.seed));

    let mut training = Elbo::new(Categorical)
        .optimizer(Adam::new(options.lr))
        .batch_size(options.batch)
        .seed(options.seed)
        .threads(options.threads());
    let (mut epochs, mut history) = (Vec::with_capacity(options.epochs), Vec::new());
    for epoch in options.evaluations() {
        epochs.extend(training.fit(&mut model, train, Epochs(epoch - epochs.len()))?.epochs);
        history.push(Evaluation { epoch, scores: Scores::of(&predict(&model, test, options), test.targets()) });
    }
    if epochs.len() < options.epochs {
        epochs.extend(training.fit(&mut model, train, Epochs(options.epochs - epochs.len()))?.epochs);
    }

    let bound = training.evaluate(&model, train, Draws(options.draws).seed(options.seed))?;
    let predicted = predict(&model, test, options);
    let (entropy_right, entropy_wrong) = predicted.entropy_split(test.targets());
    Ok(Summary {
        train_nll: bound.nll * train.len() as f64,
        kl: model.kl(),
        elbo_standard_error: bound.standard_error,
        elbo_without_learning: -(train.len() as f64) * (classes as f64).ln(),
        kl_terms: kl_terms(&model, model.kl_terms()),
        parameters: model.num_parameters(),
        test: Scores::of(&predicted, test.targets()),
        entropy_right,
        entropy_wrong,
        epochs: epochs.len(),
        seconds_per_epoch: epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / epochs.len() as f64,
        history,
    })
}

fn predict(model: &Classifier, test: &Examples, options: &Training) -> Probabilities {
    let draws = Draws(options.draws).seed(options.seed);
    with_threads(options.threads(), || model.predict(&Categorical, test.inputs(), draws))
}
