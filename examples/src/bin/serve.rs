//! A model behind HTTP: probabilities, both uncertainties, sets with a guarantee, and "I do not know".
//!
//! ```text
//! cargo run --release --features serve --bin serve -- train
//! cargo run --release --features serve --bin serve -- run
//! ```

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::{Args, Parser, Subcommand};
use elbo::prelude::*;
use elbo_examples::cli::{integer, positive, threads};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::serve::train::{Data, Training, train};
use elbo_examples::serve::{Calibration, Method, Options, Saved, Server, load, wait_for_signal};

/// Trains a Bayesian network on images of digits, and answers requests for predictions.
///
/// POST /predict with {"rows": [[0, 12, ..], ..]} answers for each row the probability of each class, the most probable class, the
/// entropy with its aleatoric and epistemic part in nats, a set of classes that has the right one for 99 % of new images, and whether
/// the model does not know: where its entropy is above the limit that 5 % of held-out images exceed. GET / is a page to draw a digit,
/// GET /health says what runs, GET /metrics is for Prometheus. A new file in the place of the model's is loaded while the old model
/// answers; Ctrl-C ends the service after all answers.
#[derive(Parser)]
#[command(
    name = "serve",
    version,
    after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data."
)]
struct Serve {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Trains a network, and saves it with the images that calibrate its answers
    #[command(allow_negative_numbers = true)]
    Train(TrainOptions),
    /// Answers requests until Ctrl-C
    #[command(allow_negative_numbers = true)]
    Run(RunOptions),
    /// Measures a running service: requests in a second, and latencies
    #[command(allow_negative_numbers = true)]
    Load(LoadOptions),
    /// Writes the kept draws of the weights, a file for each
    #[command(allow_negative_numbers = true)]
    Export(ExportOptions),
}

#[derive(Args)]
struct TrainOptions {
    /// The file to write
    #[arg(long, value_name = "FILE", default_value = "model.safetensors")]
    save: PathBuf,

    /// The images
    #[arg(long, value_enum, default_value = "digits")]
    data: Data,

    /// The folder of the IDX files of MNIST [default: $ELBO_DATA/mnist]
    #[arg(long, value_name = "DIR")]
    folder: Option<PathBuf>,

    /// Units in each of the two hidden layers
    #[arg(long, value_name = "UNITS", default_value = "128", value_parser = integer::<1>)]
    hidden: usize,

    /// Passes over the training images; without it, training ends when the bound has converged
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    epochs: Option<usize>,

    /// The share of the images that calibrates, and is not trained on [default: 0.2 of digits, 0.02 of mnist]
    #[arg(long, value_name = "SHARE", value_parser = share)]
    held_out: Option<f64>,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,
}

#[derive(Args)]
struct Model {
    /// The file of the model
    #[arg(long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,

    /// Posterior draws that a prediction is averaged over
    #[arg(long, value_name = "N", default_value = "64", value_parser = integer::<1>)]
    draws: usize,

    /// Seed of the draws
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,
}

#[derive(Args)]
struct RunOptions {
    #[command(flatten)]
    model: Model,

    /// What is drawn
    #[arg(long, value_enum, default_value = "weights")]
    method: Method,

    /// Where to listen; 0.0.0.0:8080 for other machines, port 0 for any free port
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    listen: SocketAddr,

    /// The share of the sets that may miss the right class
    #[arg(long, value_name = "SHARE", default_value = "0.01", value_parser = share)]
    miss: f64,

    /// The share of images like those of the training that may be answered with `unknown`
    #[arg(long, value_name = "SHARE", default_value = "0.05", value_parser = share)]
    unknown: f64,

    /// The longest time that a request waits for others, to be predicted with them, in milliseconds
    #[arg(long, value_name = "MS", default_value = "2", value_parser = not_negative)]
    gather: f64,

    /// The most rows in a request and in a batch
    #[arg(long, value_name = "N", default_value = "256", value_parser = integer::<1>)]
    rows: usize,

    /// The most rows that wait for an answer; further requests get status 503
    #[arg(long, value_name = "N", default_value = "1024", value_parser = integer::<1>)]
    queue: usize,

    /// The most bytes in the body of a request
    #[arg(long, value_name = "N", default_value = "1048576", value_parser = integer::<1>)]
    bytes: usize,

    /// The most connections at a time; further ones wait
    #[arg(long, value_name = "N", default_value = "256", value_parser = integer::<1>)]
    connections: usize,

    /// A client's time to send a request and to read an answer, in seconds
    #[arg(long, value_name = "SECONDS", default_value = "10", value_parser = seconds)]
    patience: f64,

    /// Seconds between two looks at the model's file
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = seconds)]
    watch: f64,

    /// Threads of a prediction [default: one per core]; the answers do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,
}

#[derive(Args)]
struct LoadOptions {
    /// The address of the service
    #[arg(value_name = "ADDRESS", default_value = "127.0.0.1:8080")]
    address: SocketAddr,

    /// The file of the model, whose held-out images are sent
    #[arg(long, value_name = "FILE", default_value = "model.safetensors")]
    model: PathBuf,

    /// Requests, of one row each
    #[arg(long, value_name = "N", default_value = "10000", value_parser = integer::<1>)]
    requests: usize,

    /// Connections, each with one request at a time
    #[arg(long, value_name = "N", default_value = "8", value_parser = integer::<1>)]
    connections: usize,
}

#[derive(Args)]
struct ExportOptions {
    #[command(flatten)]
    model: Model,

    /// The folder to write to
    #[arg(long, value_name = "DIR")]
    folder: PathBuf,
}

fn main() -> ExitCode {
    exit(match Serve::parse().command {
        Command::Train(options) => save(&options),
        Command::Run(options) => run(&options),
        Command::Load(options) => measure(&options),
        Command::Export(options) => export(&options),
    })
}

fn save(options: &TrainOptions) -> Result<(), Failure> {
    let images = options.data.read(options.folder.as_deref())?;
    let how = Training {
        hidden: options.hidden,
        epochs: options.epochs,
        held_out: options.held_out.unwrap_or(if options.data == Data::Digits { 0.2 } else { 0.02 }),
        seed: options.seed,
        threads: threads(options.threads),
    };
    let saved = train(options.data, &images, how)?;
    saved.save(&options.save).map_err(|error| Failure::Run(error.into()))?;
    println!("saved {}; next: serve run --model {0}", options.save.display());
    Ok(())
}

fn run(options: &RunOptions) -> Result<(), Failure> {
    let server = Server::start(&Options {
        file: options.model.model.clone(),
        address: options.listen,
        calibration: Calibration {
            method: options.method,
            draws: options.model.draws,
            seed: options.model.seed,
            miss: options.miss,
            unknown: options.unknown,
        },
        wait: Duration::from_secs_f64(options.gather / 1e3),
        most_rows: options.rows,
        queued_rows: options.queue,
        most_bytes: options.bytes,
        connections: options.connections,
        patience: Duration::from_secs_f64(options.patience),
        watch: Duration::from_secs_f64(options.watch),
        threads: threads(options.threads),
    })?;
    println!("listening at http://{}/", server.address());
    wait_for_signal()?;
    server.stop();
    println!("stopped");
    Ok(())
}

fn measure(options: &LoadOptions) -> Result<(), Failure> {
    let bodies = load::bodies(Saved::open(&options.model)?.held_out());
    let measured = load::measure(options.address, &bodies, options.requests, options.connections)?;
    println!("{}", serde_json::to_string(&measured).map_err(|error| Failure::Run(error.into()))?);
    Ok(())
}

fn export(options: &ExportOptions) -> Result<(), Failure> {
    let Model { model, draws, seed } = &options.model;
    let not_written = |error: &dyn std::fmt::Display| Failure::Run(error.to_string().into());
    std::fs::create_dir_all(&options.folder).map_err(|error| not_written(&error))?;
    let network = Saved::open(model)?.into_network();
    let kept = KeptDraws::new(&network, Draws(*draws).seed(*seed));
    for (draw, weights) in kept.weights().iter().enumerate() {
        let file = options.folder.join(format!("draw-{draw:04}.safetensors"));
        weights.write(file).map_err(|error| not_written(&error))?;
    }
    println!("wrote {draws} draws to {}", options.folder.display());
    Ok(())
}

/// Parses a number between 0 and 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| *number > 0.0 && *number < 1.0);
    number.ok_or_else(|| "expected a number between 0 and 1".to_owned())
}

/// Parses seconds, more than 0 and at most some thirty years.
fn seconds(text: &str) -> Result<f64, String> {
    positive(text)
        .ok()
        .filter(|seconds| *seconds <= 1e9)
        .ok_or_else(|| "expected seconds above 0, at most 1e9".to_owned())
}

/// Parses a finite number of at least 0.
fn not_negative(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().ok().filter(|number| (0.0..=1e9).contains(number));
    number.ok_or_else(|| "expected a finite number of at least 0".to_owned())
}
