//! Trains a classifier and evaluates it.

use std::ops::ControlFlow;

use elbo::data::Examples;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{Budget, with_threads};

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

    let mut elbo = Elbo::new(Categorical).seed(options.seed).threads(options.threads());
    if let Some(rate) = options.lr {
        elbo = elbo.optimizer(Adam::new(rate));
    }
    if let Some(batch) = options.batch {
        elbo = elbo.batch_size(batch);
    }
    let budget = options.epochs.map_or(UntilConverged::new().into(), |epochs| Budget::from(Epochs(epochs)));
    let (evaluations, mut history, mut done) = (options.evaluations(), Vec::new(), 0);
    let training = elbo.training(&mut model, train).on_epoch_end(|_, model| {
        done += 1;
        if evaluations.binary_search(&done).is_ok() {
            let scores = Scores::of(&predict(model, test, options), test.targets());
            history.push(Evaluation { epoch: done, scores });
        }
        ControlFlow::Continue(())
    });
    let epochs = training.run(budget)?.epochs;

    let bound = elbo.evaluate(&model, train, Draws(options.draws).seed(options.seed))?;
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
