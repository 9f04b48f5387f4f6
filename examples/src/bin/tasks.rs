//! Two tasks in sequence: MNIST's digits 0 to 4, then 5 to 9, with yesterday's posterior as today's prior.
//!
//! ```text
//! cargo run --release --bin tasks -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::metrics::Probabilities;
use elbo::prelude::*;
use elbo::{NormalsByName, with_threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};
use elbo_examples::mnist::{self, DIVISOR};

/// Learns to tell the digits 0 to 4 apart and then, without the first images, 5 to 9: one body, a head for each task. The
/// second training has the first posterior as its prior (variational continual learning: Nguyen et al. 2018) or, for
/// comparison, starts at the same weights with the first prior; without data, that prior erases the first head, unless it is
/// frozen. Reports both tasks' accuracies after each.
#[derive(Parser)]
#[command(name = "tasks", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

/// Classes of a task.
const CLASSES: usize = 5;
const UNITS: usize = 200;
const RATE: f64 = 1e-3;

type Layer = Dense<MeanField, NormalsByName>;

#[bayesian]
struct Net {
    body: [Layer; 2],
    heads: [Layer; 2],
}

#[bayesian]
impl Net {
    fn logits(&self, x: Var, task: usize) -> Var {
        let [first, second] = self.body;
        self.heads[task].forward(second.forward(first.forward(x).relu()).relu())
    }
}

impl Net {
    fn new(prior: &NormalsByName) -> Net {
        let layer = |inputs, outputs| -> Layer {
            Dense::of(inputs, outputs, |shape| MeanField::new(shape).initial_sd(0.01), prior.clone())
        };
        Net { body: [layer(784, UNITS), layer(UNITS, UNITS)], heads: [layer(UNITS, CLASSES), layer(UNITS, CLASSES)] }
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let folder = job.file("mnist")?;
    let both = |part| -> Result<[Examples; 2], Failure> {
        let all: Examples = mnist::load(&folder, part, "tasks")?.examples(DIVISOR)?;
        Ok([of_task(&all, 0)?, of_task(&all, 1)?])
    };
    let (train, test) = (both("train")?, both("t10k")?);
    println!("tasks: {} images of 0 to 4, {} of 5 to 9", train[0].len(), train[1].len());
    let start = Instant::now();
    let prior = NormalsByName::from(Normal::new(0.0, 0.1));
    let mut first = Net::new(&prior);
    fit(&mut first, &train[0], 0, Adam::new(RATE), job)?;
    let second = |prior: &NormalsByName, adam: Adam| -> Result<Net, Failure> {
        let mut net = Net::new(prior);
        net.copy_from(&first);
        fit(&mut net, &train[1], 1, adam, job)?;
        Ok(net)
    };
    let continual = second(&NormalsByName::of_posterior(&first), Adam::new(RATE))?;
    let frozen = second(&prior, Adam::new(RATE).freeze("heads.0"))?;
    let forgetful = second(&prior, Adam::new(RATE))?;

    let predicted = |net: &Net, task: usize| {
        let (draws, x) = (net.posterior(Draws(job.draws)), test[task].inputs());
        with_threads(job.threads(), || draws.predict_with(&Categorical, x, |net, x| net.logits(x, task)))
    };
    let of_first = [&first, &continual, &frozen, &forgetful].map(|net| predicted(net, 0));
    let of_second = [&continual, &frozen, &forgetful].map(|net| predicted(net, 1));
    let share = |predicted: &Probabilities, task: usize| 100.0 * predicted.accuracy(test[task].targets());
    let after_first = share(&of_first[0], 0);
    let [kept, in_frozen, lost] = [1, 2, 3].map(|i| share(&of_first[i], 0));
    let [learned, with_frozen, alone] = [0, 1, 2].map(|i| share(&of_second[i], 1));
    println!("\n| accuracy, % | 0 to 4 | 5 to 9 |\n|---|---|---|");
    println!("| after 0 to 4 | {after_first:.2} | |");
    println!("| after 5 to 9, prior: the first posterior | {kept:.2} | {learned:.2} |");
    println!("| after 5 to 9, prior: N(0, 0.1²), first head frozen | {in_frozen:.2} | {with_frozen:.2} |");
    println!("| after 5 to 9, prior: N(0, 0.1²) | {lost:.2} | {alone:.2} |\n");
    let results = Results {
        test_nll: of_first[1].nll(test[0].targets()),
        baseline_nll: of_first[3].nll(test[0].targets()),
        score: ("test_error", 1.0 - kept / 100.0),
        others: vec![
            ("accuracy_first", after_first),
            ("accuracy_first_kept", kept),
            ("accuracy_first_frozen", in_frozen),
            ("accuracy_first_lost", lost),
            ("accuracy_second", learned),
            ("accuracy_second_frozen", with_frozen),
            ("accuracy_second_alone", alone),
        ],
    };
    job.report(&results, start)
}

/// The images of a task's digits, with labels from 0.
fn of_task(all: &Examples, task: usize) -> Result<Examples, Failure> {
    let digits = task * CLASSES..(task + 1) * CLASSES;
    let rows: Vec<usize> = (0..all.len()).filter(|&row| digits.contains(&all.targets()[row])).collect();
    let images = all.subset(&rows)?;
    let labels = images.targets().iter().map(|digit| digit - digits.start).collect();
    Ok(Examples::new(images.inputs().clone(), labels)?)
}

fn fit(net: &mut Net, images: &Examples, task: usize, adam: Adam, job: &Job) -> Result<(), Failure> {
    let mut elbo = Elbo::new(Categorical)
        .optimizer(adam)
        .estimator(Estimator::Local)
        .batch_size(128)
        .seed(job.seed)
        .threads(job.threads());
    elbo.fit_with(net, images, Epochs(job.epochs(10)), |net, x| net.logits(x, task))?;
    Ok(())
}
