//! Tiny Shakespeare: a Bayesian transformer that predicts the next character, with both uncertainties.
//!
//! ```text
//! cargo run --release --bin text -- --data DIR
//! ```

use std::process::ExitCode;
use std::time::Instant;

use clap::Parser;
use elbo::data::{Examples, Labels};
use elbo::metrics::Probabilities;
use elbo::nn::{Embedding, LayerNorm, TransformerEncoderLayer};
use elbo::prelude::*;
use elbo::{ClosedForm, Epoch, Model, Schedule, Shape, Tempering, WarmUp, with_threads};
use elbo_examples::characters::{Characters, Parts, windows};
use elbo_examples::cli::{integer, positive};
use elbo_examples::failure::{Failure, exit};
use elbo_examples::job::{Job, Results};
use elbo_examples::ngram::NGrams;

/// The order of the n-grams: each character given the four before it.
const ORDER: usize = 5;

/// Posterior standard deviations before training are this share of the prior's.
const INITIAL_SHARE: f64 = 0.1;

/// The learning rate of the scales ρ is this many times that of the means: they have a longer way.
const RATE_OF_SCALES: f64 = 5.0;

/// Learns to predict the next character of Shakespeare's plays (Karpathy 2015): the first 90 % of the text are trained on,
/// the next 5 % choose the smoothing of the n-grams, and the last 5 % are tested on.
///
/// A causal transformer with rotary positions has a mean-field normal posterior over every weight matrix and bias, under normal priors of
/// standard deviation 1/√inputs. Its deterministic twin is the same network with point weights, trained in the same way by
/// maximum a posteriori, with the same factor of the prior. The baselines are the characters' frequencies and a 5-gram model, smoothed by interpolated Kneser-Ney, absolute
/// discounting or Witten-Bell, whichever predicts the validation text best. The entropy of a prediction is split into what the posterior
/// draws agree on (aleatoric) and their disagreement (epistemic, the mutual information of character and weights).
#[derive(Parser)]
#[command(name = "text", version, allow_negative_numbers = true)]
#[command(mut_arg("draws", |draws| draws.default_value("16")))]
struct Options {
    #[command(flatten)]
    job: Job,

    /// Features of every step
    #[arg(long, value_name = "N", default_value = "96", value_parser = integer::<1>)]
    width: usize,

    /// Blocks of attention and two dense layers
    #[arg(long, value_name = "N", default_value = "3", value_parser = integer::<1>)]
    blocks: usize,

    /// Heads of the attention
    #[arg(long, value_name = "N", default_value = "4", value_parser = integer::<1>)]
    heads: usize,

    /// Characters of a window; test characters are predicted from at least half of it
    #[arg(long, value_name = "N", default_value = "128", value_parser = integer::<2>)]
    steps: usize,

    /// Windows in a minibatch
    #[arg(long, value_name = "N", default_value = "8", value_parser = integer::<1>)]
    batch: usize,

    /// Adam's largest learning rate, reached after a twentieth of the steps; it then falls to 0 by a cosine
    #[arg(long, value_name = "RATE", default_value = "3e-3", value_parser = positive)]
    lr: f64,

    /// Factor of the divergence in training: 1 is the evidence lower bound, 0.1 counts the text ten times
    #[arg(long, value_name = "FACTOR", default_value = "0.1", value_parser = positive)]
    kl_factor: f64,

    /// Take only the first characters of the text
    #[arg(long, value_name = "N", default_value_t = usize::MAX, hide_default_value = true)]
    characters: usize,
}

#[bayesian]
struct Transformer<Q: Divergence<Normal>> {
    embedding: Embedding<Q>,
    blocks: Vec<TransformerEncoderLayer<Q>>,
    norm: LayerNorm<Q::Scalar>,
    head: Dense<Q>,
}

#[bayesian]
impl<Q: Divergence<Normal>> Transformer<Q> {
    /// Logits of the next character at every step: (windows, steps) to (windows, steps, characters).
    fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        let mut h = self.embedding.forward(x);
        for block in self.blocks {
            h = block.forward(h);
        }
        self.head.forward(self.norm.forward(h))
    }
}

impl<Q: Divergence<Normal>> Transformer<Q> {
    /// `posterior` makes a weight from its shape and the standard deviation of its prior.
    fn new(characters: usize, options: &Options, posterior: impl Fn(Shape, f64) -> Q) -> Self {
        let width = options.width;
        let sd = |inputs: usize| 1.0 / (inputs as f64).sqrt();
        let block = || {
            let (of_width, of_hidden) = (sd(width), sd(4 * width));
            let size = (width, options.heads);
            let make = |shape| posterior(shape, of_width);
            let mut block = TransformerEncoderLayer::of(size, 4 * width, make, Normal(0.0, of_width));
            block.linear2 = Dense::of(4 * width, width, |shape| posterior(shape, of_hidden), Normal(0.0, of_hidden));
            block.causal().norm_first().gelu().rotary(10_000.0)
        };
        Transformer {
            embedding: Embedding::of(characters, width, |shape| posterior(shape, sd(width)), Normal(0.0, sd(width))),
            blocks: (0..options.blocks).map(|_| block()).collect(),
            norm: LayerNorm::new([width]),
            head: Dense::of(width, characters, |shape| posterior(shape, sd(width)), Normal(0.0, sd(width))),
        }
    }
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let job = &options.job;
    let file = job.file("text/tinyshakespeare.txt.gz")?;
    if !options.width.is_multiple_of(2 * options.heads) {
        let Options { width, heads, .. } = options;
        return Err(Failure::Input(format!("'--width {width}' is not divisible by twice '--heads {heads}'")));
    }
    let text = Characters::read(&file, options.characters)?;
    let (alphabet, parts) = (text.alphabet.len(), text.parts());
    println!(
        "text: {} characters for training, {} for choosing, {} for testing; {alphabet} different ones",
        parts.train.len(),
        parts.validation.len(),
        parts.test.len()
    );
    let start = Instant::now();
    let [unigram, five_gram] = [1, ORDER].map(|order| {
        let model = NGrams::new(parts.train, alphabet, order);
        let smoothing = model.best_smoothing(parts.validation);
        let nll = model.nll(parts.test, smoothing);
        println!("{order}-gram: {:.4} bits per character, smoothed by {smoothing:?}", bits(nll));
        nll
    });

    let mut bayesian =
        Transformer::new(alphabet, options, |shape, sd| MeanField::new(shape).initial_sd(INITIAL_SHARE * sd));
    println!("\na transformer of {} parameters", bayesian.num_parameters());
    let adam = Adam::new(options.lr).rate_of("*.rho", RATE_OF_SCALES * options.lr);
    let last = train(&mut bayesian, &parts, options, adam)?;
    let test = windows(parts.test, options.steps, options.steps / 2, 0)?;
    let predict = |draws: usize| Draws(draws).seed(job.seed);
    let predicted =
        with_threads(job.threads(), || bayesian.predict(&Categorical.each_step(), test.inputs(), predict(job.draws)));
    let of_mean =
        with_threads(job.threads(), || bayesian.point_estimate().predict(&Categorical.each_step(), test.inputs()));

    println!("\nits deterministic twin");
    let mut twin = Transformer::new(alphabet, options, |shape, _| Point::new(shape));
    train(&mut twin, &parts, options, Adam::new(options.lr))?;
    let of_twin = with_threads(job.threads(), || twin.predict(&Categorical.each_step(), test.inputs(), predict(1)));

    let scored = Scored::new(&test);
    let mean = |each: &[f64]| scored.mean(|at| each[at]);
    let (test_nll, twin_nll) = (scored.nll(&predicted), scored.nll(&of_twin));
    let [total, aleatoric] = [mean(&predicted.entropy()), mean(predicted.expected_entropy())];
    let results = Results {
        test_nll,
        baseline_nll: five_gram,
        score: ("bits_per_character", bits(test_nll)),
        others: vec![
            ("bits_of_unigram", bits(unigram)),
            ("bits_of_5_gram", bits(five_gram)),
            ("bits_of_twin", bits(twin_nll)),
            ("bits_of_means", bits(scored.nll(&of_mean))),
            ("entropy_bits", bits(total)),
            ("aleatoric_bits", bits(aleatoric)),
            ("epistemic_bits", bits(mean(&predicted.mutual_information()))),
            ("entropy_of_twin_bits", bits(mean(&of_twin.entropy()))),
            ("kl", last.kl),
            ("elbo", last.elbo),
            ("parameters", bayesian.num_parameters() as f64),
            ("scored_characters", scored.0.len() as f64),
        ],
    };
    println!();
    job.report(&results, start)
}

/// Trains a network, each epoch on windows that begin at another place, and returns the last epoch.
fn train<Q>(model: &mut Transformer<Q>, parts: &Parts<'_>, options: &Options, adam: Adam) -> Result<Epoch, Failure>
where
    Q: Divergence<Normal, Scalar = f32>,
    Transformer<Q>: Model<Scalar = f32> + Bayesian<Scalar = f32, Exact: ClosedForm> + Send + Sync,
{
    let job = &options.job;
    let epochs = job.epochs(10);
    // Windows at any offset are as many, but for one.
    let of_epoch = |epoch: usize| windows(parts.train, options.steps, options.steps, (epoch * 37) % options.steps);
    let validation = windows(parts.validation, options.steps, options.steps, 0)?;
    let each = of_epoch(0)?.len().div_ceil(options.batch);
    let (rise, steps) = ((epochs * each).div_ceil(20), epochs * each);
    let mut elbo = Elbo::new(Categorical.each_step())
        .optimizer(adam)
        .schedule(Schedule::cosine(steps - rise).warm_up(rise))
        .warm_up(WarmUp::linear(steps.div_ceil(4)))
        .tempering(Tempering::KlFactor(options.kl_factor))
        .clip(Clip::Outliers(2.0))
        .batch_size(options.batch)
        .seed(job.seed)
        .threads(job.threads())
        .quiet();
    let mut last = None;
    for epoch in 0..epochs {
        let examples = of_epoch(epoch)?;
        let report = elbo.training(model, &examples).validate(&validation, Draws(1)).run(Epochs(1))?;
        let at = report.last();
        let [train, validation] =
            [Some(at.nll), at.validation_nll].map(|nll| nll.map_or(f64::NAN, per_character(options)));
        println!(
            "epoch {:3}: {train:.4} bits per character, {validation:.4} held out by one draw, KL {:.0} nats, {:.1} s",
            epoch + 1,
            at.kl,
            at.seconds
        );
        last = Some(at);
    }
    last.ok_or_else(|| Failure::Input("at least one epoch is needed".to_owned()))
}

/// Bits per character from nats per window.
fn per_character(options: &Options) -> impl Fn(f64) -> f64 + Copy {
    let steps = options.steps as f64;
    move |nll| bits(nll / steps)
}

fn bits(nats: f64) -> f64 {
    nats / std::f64::consts::LN_2
}

/// The test characters that are scored, each once: those of the second half of each window, of the first window all. Pairs of the
/// place among the predictions and the label.
struct Scored(Vec<(usize, usize)>);

impl Scored {
    fn new(test: &Examples<f32, Labels>) -> Self {
        let steps = test.inputs().shape()[1];
        let labels = test.targets().values().iter().copied().enumerate();
        // With an odd number of steps a stride is half of a step shorter than half a window.
        Scored(labels.filter(|(at, _)| *at < steps || at % steps >= steps - steps / 2).collect())
    }

    fn mean(&self, of: impl Fn(usize) -> f64) -> f64 {
        self.0.iter().map(|&(at, _)| of(at)).sum::<f64>() / self.0.len() as f64
    }

    fn nll(&self, predicted: &Probabilities) -> f64 {
        let each = self.0.iter().map(|&(at, label)| -predicted.row(at)[label].ln());
        each.sum::<f64>() / self.0.len() as f64
    }
}
