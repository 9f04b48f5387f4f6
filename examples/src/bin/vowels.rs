//! Sequences of different lengths: nine speakers, by 7 to 29 steps of a vowel (Kudo et al. 1999, JapaneseVowels).
//!
//! ```text
//! cargo run --release --bin vowels -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::ts;
use elbo::nn::{Bidirectional, Lstm};
use elbo::prelude::*;
use elbo::sequence::{Sequence, pack_to};
use elbo::with_threads;
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Learns the speaker from 270 sequences of 12 channels with a Bayesian LSTM that reads each sequence to its own end, and
/// tests it on 370. The baseline says 1/9 for each speaker.
#[derive(Parser)]
#[command(name = "vowels", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

#[bayesian]
struct Classifier {
    lstm: Bidirectional<Lstm>,
    head: Dense,
}

#[bayesian]
impl Classifier {
    fn forward(&self, x: Var) -> Var {
        let sequence = Sequence::of(x);
        let h = self.lstm.forward_padded(sequence.x, sequence.lengths);
        self.head.forward(sequence.mean(h))
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let read = |part: &str| -> Result<ts::Sequences, Failure> {
        Ok(ts::load(job.file(&format!("timeseries/JapaneseVowels_{part}.ts"))?)?)
    };
    let (train, test) = (read("TRAIN")?, read("TEST")?);
    if train.classes() != test.classes() {
        return Err(Failure::Input("the two files name other classes, or in another order".to_owned()));
    }
    let steps = train.lengths().iter().chain(test.lengths()).copied().max().unwrap_or(1);
    let classes = train.classes().len();
    let examples = |part: ts::Sequences| -> Result<Examples, Failure> {
        let (padded, channels) = (part.values().shape()[1], part.values().shape()[2]);
        let rows = part.values().data().chunks_exact(padded * channels).zip(part.lengths());
        let rows: Vec<Tensor> =
            rows.map(|(row, &length)| Tensor::new([length, channels], &row[..length * channels])).collect();
        let packed = pack_to(steps, &rows).map_err(|error| Failure::Input(error.to_string()))?;
        Ok(Examples::new(packed, part.labels().to_vec())?)
    };
    let (train, test) = (examples(train)?, examples(test)?);
    println!("vowels: {} sequences for training, {} for testing", train.len(), test.len());
    let start = Instant::now();
    let mut model = Classifier {
        lstm: Bidirectional::new(Lstm::new(12, 32), Lstm::new(12, 32)),
        head: Dense::new(64, classes).initial_sd(0.05),
    };
    let (epochs, batch) = (job.epochs(120), 30);
    let mut elbo = Elbo::new(Categorical)
        .optimizer(Adam::new(5e-3))
        .schedule(Schedule::cosine(epochs * train.len().div_ceil(batch)))
        .batch_size(batch)
        .seed(job.seed)
        .threads(job.threads());
    elbo.fit(&mut model, &train, Epochs(epochs))?;
    let predicted = with_threads(job.threads(), || model.predict(&Categorical, test.inputs(), Draws(job.draws)));
    let results = Results {
        test_nll: predicted.nll(test.targets()),
        baseline_nll: (classes as f64).ln(),
        score: ("test_error", 1.0 - predicted.accuracy(test.targets())),
        others: vec![("ece", predicted.ece(test.targets(), 15))],
    };
    job.report(&results, start)
}
