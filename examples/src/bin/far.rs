//! A far point: which methods know that they do not know the class of a row 30 standard deviations away in every column?
//!
//! ```text
//! cargo run --release --bin far -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::{Csv, DataError, Scaling, labels_of_tensor};
use elbo::engine::random::normals;
use elbo::metrics::Probabilities;
use elbo::nn::Dropout;
use elbo::prelude::*;
use elbo::{Shape, with_threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};

/// Trains a network with two hidden layers of 32 units on the breast-cancer table by several methods. For each it prints the
/// accuracy and NLL on the test part, and the predictive entropy (at most ln 2 = 0.693 nats) of the test part, of a row 30
/// standard deviations above the mean in every column, and of 200 rows as far away in random directions.
#[derive(Parser)]
#[command(name = "far", version, allow_negative_numbers = true)]
struct Options {
    #[command(flatten)]
    job: Job,
}

/// Members of the ensemble.
const MEMBERS: u64 = 5;
/// Columns of the table without the labels.
const COLUMNS: usize = 30;
/// Rows in random directions.
const ROWS: usize = 200;
/// Standard deviations in every column.
const FAR: f64 = 30.0;

#[bayesian]
struct Net<Q: Divergence<Normal, Scalar = f32>> {
    layers: [Dense<Q>; 3],
    dropout: [Dropout; 2],
}

#[bayesian]
impl<Q: Divergence<Normal, Scalar = f32>> Net<Q> {
    fn forward(&self, x: Var) -> Var {
        let [first, second, head] = self.layers;
        let h = self.dropout[0].forward(first.forward(x).relu());
        head.forward(self.dropout[1].forward(second.forward(h).relu()))
    }
}

fn net<Q: Divergence<Normal, Scalar = f32>>(family: impl Fn(Shape) -> Q, rate: f64, prior_sd: f64) -> Net<Q> {
    let dense = |inputs, outputs| Dense::of(inputs, outputs, &family, Normal::new(0.0, prior_sd));
    Net { layers: [dense(30, 32), dense(32, 32), dense(32, 2)], dropout: [Dropout::monte_carlo(rate); 2] }
}

/// The data, scaled by the training part.
struct Data {
    train: Examples,
    test: Examples,
    /// The row that is far above the mean in every column, then rows as far away in random directions.
    far: Tensor,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let data = read(job)?;
    println!("far: {} rows for training, {} for testing", data.train.len(), data.test.len());
    println!(
        "\n| method | accuracy, % | NLL | entropy, test | far above | far, random: mean | least |\n|---|---|---|---|---|---|---|"
    );
    let start = Instant::now();
    let mean_field = |shape| MeanField::new(shape).initial_sd(0.05);
    let low_rank = |shape: Shape| {
        let rank = shape.iter().product::<usize>().min(4);
        LowRank::new(shape, rank)
    };
    let of = |net: Net<Point>, seed| predictions(net, seed, &data, job);
    let point = |seed| of(net(Point::new, 0.0, 1.0), seed);
    let single = row("point estimate (MAP)", &point(job.seed)?, &data);
    let members: Result<Vec<_>, Failure> = (0..MEMBERS).map(|member| point(job.seed + member)).collect();
    row(&format!("ensemble of {MEMBERS} point estimates"), &joined(&members?), &data);
    for rate in [0.1, 0.5] {
        row(&format!("Monte Carlo dropout, rate {rate}"), &of(net(Point::new, rate, 1.0), job.seed)?, &data);
    }
    let bayesian = row("mean field", &predictions(net(mean_field, 0.0, 1.0), job.seed, &data, job)?, &data);
    row("mean field, prior sd 0.3", &predictions(net(mean_field, 0.0, 0.3), job.seed, &data, job)?, &data);
    row("low rank 4", &predictions(net(low_rank, 0.0, 1.0), job.seed, &data, job)?, &data);
    row("matrix normal", &predictions(net(MatrixNormal::new, 0.0, 1.0), job.seed, &data, job)?, &data);
    println!();
    let results = Results {
        test_nll: bayesian.nll,
        baseline_nll: single.nll,
        score: ("test_error", bayesian.error),
        others: vec![("far_entropy", bayesian.far), ("baseline_far_entropy", single.far)],
    };
    job.report(&results, start)
}

fn read(job: &Job) -> Result<Data, Failure> {
    let path = job.file("tables/breast_cancer.csv")?;
    // The first line has the numbers of rows and columns, and the names of the classes.
    let table = Csv::new().header(false).skip_lines(1).read(path)?;
    let columns: Result<Vec<&[f64]>, _> = table.columns().iter().map(|column| table.numbers(column.name())).collect();
    let columns = columns.map_err(DataError::from)?;
    let Some((labels, inputs)) = columns.split_last().filter(|(_, inputs)| inputs.len() == COLUMNS) else {
        return Err(Failure::Input(format!("breast_cancer.csv: expected {COLUMNS} columns and labels")));
    };
    let x: Tensor = Tensor::from_fn([table.len(), COLUMNS], |i| inputs[i % COLUMNS][i / COLUMNS]);
    let labels: Tensor = Tensor::from_fn([table.len()], |i| labels[i]);
    let (train, test) = Examples::new(x, labels_of_tensor(&labels)?)?.split(0.8, job.seed)?;
    let scaling = Scaling::fit(train.inputs());
    let mut directions = vec![0.0f64; ROWS * COLUMNS];
    normals(Key::new(job.seed).at("far"), 0, &mut directions);
    let far = Tensor::from_fn([1 + ROWS, COLUMNS], |i| match i.checked_sub(COLUMNS) {
        None => FAR,
        Some(i) => {
            let row = &directions[i / COLUMNS * COLUMNS..][..COLUMNS];
            let length = row.iter().map(|x| x * x).sum::<f64>().sqrt();
            FAR * (COLUMNS as f64).sqrt() * row[i % COLUMNS] / length
        }
    });
    Ok(Data { train: train.scaled(&scaling), test: test.scaled(&scaling), far })
}

/// A method's predictions of the test part and of the far rows.
type Both = [Probabilities; 2];

fn predictions<Q>(mut net: Net<Q>, seed: u64, data: &Data, job: &Job) -> Result<Both, Failure>
where
    Q: Divergence<Normal, Scalar = f32> + Send + Sync,
{
    let epochs = job.epochs(400);
    let mut elbo = Elbo::new(Categorical)
        .optimizer(Adam::new(5e-3))
        .schedule(Schedule::cosine(epochs * data.train.len().div_ceil(64)))
        .batch_size(64)
        .seed(seed)
        .threads(job.threads())
        .quiet();
    elbo.fit(&mut net, &data.train, Epochs(epochs))?;
    let predict = |x: &Tensor| with_threads(job.threads(), || net.predict(&Categorical, x, Draws(job.draws)));
    Ok([predict(data.test.inputs()), predict(&data.far)])
}

/// The mean of several predictions.
fn joined(members: &[Both]) -> Both {
    [0, 1].map(|part| {
        let mean_of = |of: fn(&Probabilities) -> &[f64]| {
            let mut mean = vec![0.0; of(&members[0][part]).len()];
            for member in members {
                mean.iter_mut().zip(of(&member[part])).for_each(|(mean, p)| *mean += p / members.len() as f64);
            }
            mean
        };
        Probabilities::new(mean_of(Probabilities::mean), mean_of(Probabilities::expected_entropy), 2, members.len())
    })
}

/// What a row of the table shows.
struct Shown {
    nll: f64,
    error: f64,
    far: f64,
}

fn row(method: &str, [test, far]: &Both, data: &Data) -> Shown {
    let labels = data.test.targets();
    let (nll, error) = (test.nll(labels), test.error(labels));
    let mean = |entropy: &[f64]| entropy.iter().sum::<f64>() / entropy.len() as f64;
    let entropy = far.entropy();
    let (above, random) = (entropy[0], &entropy[1..]);
    let least = random.iter().copied().fold(f64::INFINITY, f64::min);
    println!(
        "| {method} | {:.1} | {nll:.3} | {:.3} | {above:.3} | {:.3} | {least:.3} |",
        100.0 * (1.0 - error),
        mean(&test.entropy()),
        mean(random),
    );
    Shown { nll, error, far: above }
}
