//! Trains a classifier and evaluates it.

use std::ops::ControlFlow;

use elbo::data::Examples;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{Budget, ClosedForm, Independent, Model, with_threads};

use crate::cli::Training;
use crate::ranks::{self, Ranks};
use crate::summary::{Evaluation, Scores, Summary, kl_terms};
use crate::{Classifier, Failure, json, table};

/// Trains a [`Classifier`] on training images, tests it on test images, prints the results and writes them to `--json`.
///
/// # Errors
/// If training fails, or the results cannot be written.
pub fn run(name: &str, images: [&Examples; 2], classes: usize, options: &Training) -> Result<(), Failure> {
    let ranks = ranks::start(options.ranks)?;
    let [train, test] = images;
    if ranks.as_ref().is_none_or(Ranks::is_first) {
        println!("{name}: {} training images, {} test images, seed {}", train.len(), test.len(), options.seed);
    }
    let (widths, sd) = ([train.inputs().shape()[1], options.hidden, classes], options.prior_sd);
    let summary = if options.learn_prior {
        let model = started(Classifier::new(widths, &LearnedNormal(sd)), options);
        train_and_test(model, images, options, ranks.as_ref())?
    } else {
        let model = started(Classifier::new(widths, &Normal(0.0, sd)), options);
        train_and_test(model, images, options, ranks.as_ref())?
    };
    let Some(summary) = summary else { return Ok(()) };
    print!("\n{}", table::render(&summary));
    options.json.as_deref().map_or(Ok(()), |file| json::write(&summary, file))
}

/// The network with the start of the options.
fn started<P: PriorFor<f32> + Clone>(model: Classifier<P>, options: &Training) -> Classifier<P>
where
    MeanField: Divergence<P>,
{
    match options.initial_sd {
        Some(sd) => model.initial_sd(|_| sd),
        None => model,
    }
}

/// The results, on the first of several processes.
fn train_and_test<M>(
    mut model: M,
    [train, test]: [&Examples; 2],
    options: &Training,
    ranks: Option<&Ranks>,
) -> Result<Option<Summary>, Failure>
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32, Exact: ClosedForm, Batch: Independent> + Send + Sync,
{
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
    let is_first = ranks.is_none_or(Ranks::is_first);
    let mut training = elbo.training(&mut model, train).on_epoch_end(|_, model| {
        done += 1;
        if is_first && evaluations.binary_search(&done).is_ok() {
            let scores = Scores::of(&predict(model, test, options), test.targets());
            history.push(Evaluation { epoch: done, scores });
        }
        ControlFlow::Continue(())
    });
    if let Some(shards) = options.shards {
        training = training.shards(shards);
    }
    #[cfg(feature = "mpi")]
    if let Some(ranks) = ranks {
        training = training.ranks(ranks);
    }
    let report = training.run(budget)?;
    if !is_first {
        return Ok(None);
    }
    #[cfg(feature = "mpi")]
    if let Some(ranks) = ranks {
        println!("rank 0 of {}: {}", ranks.len(), ranks.traffic());
    }
    let epochs = &report.epochs;

    let bound = elbo.evaluate(&model, train, Draws(options.draws).seed(options.seed))?;
    let predicted = predict(&model, test, options);
    let (entropy_right, entropy_wrong) = predicted.entropy_split(test.targets());
    Ok(Some(Summary {
        train_nll: bound.nll * train.len() as f64,
        kl: model.kl(),
        elbo_standard_error: bound.standard_error,
        elbo_without_learning: report.guessing.unwrap_or(f64::NAN),
        kl_terms: kl_terms(&model, model.kl_terms()),
        parameters: model.num_parameters(),
        test: Scores::of(&predicted, test.targets()),
        entropy_right,
        entropy_wrong,
        epochs: epochs.len(),
        seconds_per_epoch: epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / epochs.len() as f64,
        history,
    }))
}

fn predict<M>(model: &M, test: &Examples, options: &Training) -> Probabilities
where
    M: Model<Scalar = f32> + Bayesian<Scalar = f32> + Sync,
{
    let draws = Draws(options.draws).seed(options.seed);
    with_threads(options.threads(), || model.predict(&Categorical, test.inputs(), draws))
}
