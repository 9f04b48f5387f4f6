//! Bands away from the data: four posteriors of one network on two curves, side by side.
//!
//! ```text
//! cargo run --release --bin curve -- --data DIR --pictures FOLDER
//! ```

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use clap::{Parser, ValueEnum};
use elbo::metrics::{Unscaled, r_hat};
use elbo::prelude::*;
use elbo::report::{Chart, Picture};
use elbo::{Ensemble, HeteroscedasticGaussian, Laplace, Map, Nuts, with_threads};
use elbo_examples::cli::{data_folder, integer, threads};
use elbo_examples::curve::Curve;
use elbo_examples::failure::{Failure, exit};
use serde_json::{Value, json};

/// Members of the ensemble.
const MEMBERS: usize = 8;

/// Markov chains.
const CHAINS: usize = 4;

/// The level of the bands and of the coverage.
const LEVEL: f64 = 0.95;

/// Fits a network with one hidden layer of 20 rectified units, whose outputs are a mean and a noise level, to the regression of Blundell
/// et al. 2015, section 5.2, and to the weekly CO₂ of Mauna Loa, by four methods under the same prior. For each it prints, for
/// held-out rows inside the range of the training rows and for rows outside of it, the share that the 95 % intervals cover, the NLL
/// in nats per row, and the mean epistemic standard deviation, in the unit of the targets.
#[derive(Parser)]
#[command(name = "curve", version)]
#[command(after_help = "Exit codes: 0 success, 1 training or writing failed, 2 invalid options or data.")]
struct Options {
    /// The folder of the data, for co2 [default: $ELBO_DATA]
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,

    /// The curves [default: both]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    curves: Vec<Name>,

    /// The methods [default: all]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    methods: Vec<Method>,

    /// Train for a tenth of the steps, and draw a fifth of the draws of the chains
    #[arg(long)]
    short: bool,

    /// Draws that a prediction of vi and laplace is averaged over
    #[arg(long, value_name = "N", default_value = "400", value_parser = integer::<2>)]
    draws: usize,

    /// Seed of everything random
    #[arg(long, value_name = "SEED", default_value_t = 1)]
    seed: u64,

    /// Number of threads [default: one per core]; the results do not depend on it
    #[arg(long, value_name = "N", value_parser = integer::<1>)]
    threads: Option<usize>,

    /// Also draw the means and bands to this folder, as section-5.2.svg and co2.svg
    #[arg(long, value_name = "FOLDER")]
    pictures: Option<PathBuf>,

    /// Also write the results to this file, as JSON: a list of {curve, method, inside, outside, seconds, r_hat, divergences}, the
    /// middle two {coverage, nll, rmse, epistemic_sd}, and the last two of nuts alone
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Name {
    /// Blundell et al. 2015, section 5.2
    #[value(name = "section-5.2")]
    Section52,
    /// Mauna Loa, 1958 to 2001; later rows than 1990 are outside
    Co2,
}

#[derive(Clone, Copy, PartialEq, ValueEnum)]
enum Method {
    /// Variational inference with independent normal weights
    Vi,
    /// Four chains of the no-U-turn sampler
    Nuts,
    /// Laplace's approximation with the full curvature, linearised
    Laplace,
    /// A deep ensemble of 8 maximum a posteriori estimates
    Ensemble,
}

/// A network with one hidden layer; its outputs are the mean and the logarithm of the noise's standard deviation.
#[bayesian]
struct Network {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        self.head.forward(self.hidden.forward(x).relu())
    }
}

impl Network {
    fn new(curve: &Curve) -> Self {
        let family = |shape| MeanField::new(shape).initial_sd(0.05);
        Network {
            hidden: Dense::of(curve.train.inputs().shape()[1], curve.units, family, Normal::new(0.0, curve.hidden_sd)),
            head: Dense::of(curve.units, 2, family, Normal::new(0.0, 0.5)),
        }
    }
}

/// What a method predicts: inside, outside and on the grid of the picture.
struct Predicted {
    parts: [Mixture<HeteroscedasticGaussian>; 3],
    /// The largest R̂ of the means and the number of divergent draws.
    chains: Option<(f64, usize)>,
}

/// What the prediction of some rows is worth, in the unit of the targets.
struct Figures {
    coverage: f64,
    nll: f64,
    rmse: f64,
    epistemic_sd: f64,
}

fn main() -> ExitCode {
    exit(run(&Options::parse()))
}

fn run(options: &Options) -> Result<(), Failure> {
    let threads = threads(options.threads);
    let curves = if options.curves.is_empty() { Name::value_variants() } else { &options.curves };
    let methods = if options.methods.is_empty() { Method::value_variants() } else { &options.methods };
    let mut rows = Vec::new();
    println!(
        "| curve | method | covered inside, % | outside | NLL inside | outside | epistemic sd inside | outside | seconds |"
    );
    println!("|---|---|---|---|---|---|---|---|---|");
    for &name in curves {
        let curve = read(name, options)?;
        let mut charts = Vec::new();
        for &method in methods {
            let start = Instant::now();
            let predicted = with_threads(threads, || fit(method, &curve, options, threads))?;
            let seconds = start.elapsed().as_secs_f64();
            let [inside, outside, grid] = predicted.parts.map(|part| part.unscaled(&curve.scaling));
            let of = [Figures::of(&inside, &curve.inside), Figures::of(&outside, &curve.outside)];
            println!("{}", line(name, method, &of, seconds));
            if let Some((r_hat, divergences)) = predicted.chains {
                eprintln!("nuts: R-hat of the predicted means at most {r_hat:.3}, {divergences} divergent draws");
            }
            rows.push(row(name, method, &of, predicted.chains, seconds));
            charts.push(chart(&curve, method, &grid));
        }
        if let Some(folder) = &options.pictures {
            draw(folder, &format!("{}.svg", text(name)), charts)?;
        }
    }
    let Some(file) = &options.json else { return Ok(()) };
    std::fs::write(file, format!("{:#}\n", Value::from(rows)))
        .map_err(|error| Failure::Run(format!("--json: cannot write {}: {error}", file.display()).into()))
}

fn read(name: Name, options: &Options) -> Result<Curve, Failure> {
    match name {
        Name::Section52 => Ok(Curve::section_5_2(options.seed)?),
        Name::Co2 => Curve::co2(&data_folder(options.data.as_deref())?, options.seed),
    }
}

/// Fits the curve by a method, and predicts.
fn fit(method: Method, curve: &Curve, options: &Options, threads: usize) -> Result<Predicted, Failure> {
    let (train, seed, noise) = (&curve.train, options.seed, HeteroscedasticGaussian);
    let draws = Draws(options.draws).seed(seed);
    let [vi_epochs, map_epochs] = [20_000, 10_000].map(|epochs| if options.short { epochs / 10 } else { epochs });
    let inputs = [curve.inside.inputs(), curve.outside.inputs(), &curve.grid.1];
    let map = || {
        let schedule = Schedule::cosine(map_epochs);
        Map::new(noise).optimizer(Adam::new(1e-2)).schedule(schedule).batch_size(train.len()).seed(seed).quiet()
    };
    let parts = match method {
        Method::Vi => {
            let mut model = Network::new(curve);
            let elbo = Elbo::new(noise).optimizer(Adam::new(1e-2)).estimator(Estimator::Local);
            let elbo = elbo.schedule(Schedule::cosine(vi_epochs)).batch_size(train.len());
            elbo.seed(seed).quiet().fit(&mut model, train, Epochs(vi_epochs))?;
            inputs.map(|x| model.predict(&noise, x, draws))
        }
        Method::Nuts => {
            let mut model = Network::new(curve);
            map().fit(&mut model, train, Epochs(map_epochs))?;
            let start = vec![model.mean_weights()];
            let [warmup, each] = if options.short { [100, 50] } else { [500, 250] };
            let nuts = Nuts::new(noise).chains(CHAINS).warmup(warmup).draws(each).seed(seed).threads(threads);
            let chains = nuts.start_from(start).max_depth(8).quiet().run(&model, train)?;
            let divergences = chains.chains().iter().map(|chain| chain.divergences.len()).sum();
            let parts = inputs.map(|x| chains.predict(&noise, x));
            let worst = largest_r_hat(&parts[0], each);
            return Ok(Predicted { parts, chains: Some((worst, divergences)) });
        }
        Method::Laplace => {
            let mut model = Network::new(curve);
            map().fit(&mut model, train, Epochs(map_epochs))?;
            let posterior = Laplace::new(noise).full().quiet().fit(&model, train);
            let posterior = posterior.map_err(|error| Failure::Run(error.into()))?;
            inputs.map(|x| posterior.predict(&noise, x, draws))
        }
        Method::Ensemble => {
            let members = Ensemble::of(map(), MEMBERS).fit(|| Network::new(curve), train, Epochs(map_epochs))?;
            inputs.map(|x| members.predict(&noise, x))
        }
    };
    Ok(Predicted { parts, chains: None })
}

/// The largest R̂ over the rows of the predicted mean, which unlike the weights is the same for exchanged units.
fn largest_r_hat(predicted: &Mixture<HeteroscedasticGaussian>, draws_per_chain: usize) -> f64 {
    // (draws, rows, 2), chain after chain.
    let (outputs, stride) = (predicted.outputs().tensor(), 2 * predicted.len());
    let of_row = |row: usize| {
        let draws: Vec<f64> = outputs.data().iter().skip(2 * row).step_by(stride).copied().collect();
        r_hat(&draws.chunks(draws_per_chain).collect::<Vec<_>>())
    };
    (0..predicted.len()).map(of_row).fold(0.0, f64::max)
}

impl Figures {
    fn of(predicted: &Unscaled<HeteroscedasticGaussian>, rows: &Examples<f32, Tensor>) -> Self {
        let sds = predicted.epistemic_sd();
        Figures {
            coverage: predicted.coverage(rows.targets(), LEVEL),
            nll: predicted.nll(rows.targets()),
            rmse: predicted.rmse(rows.targets()),
            epistemic_sd: sds.iter().sum::<f64>() / sds.len() as f64,
        }
    }
}

fn text(value: impl ValueEnum) -> String {
    value.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
}

fn line(name: Name, method: Method, [inside, outside]: &[Figures; 2], seconds: f64) -> String {
    let pair = |of: fn(&Figures) -> String| format!("{} | {}", of(inside), of(outside));
    format!(
        "| {} | `{}` | {} | {} | {} | {seconds:.1} |",
        text(name),
        text(method),
        pair(|of| format!("{:.1}", 100.0 * of.coverage)),
        pair(|of| format!("{:.3}", of.nll)),
        pair(|of| format!("{:.4}", of.epistemic_sd)),
    )
}

fn row(name: Name, method: Method, of: &[Figures; 2], chains: Option<(f64, usize)>, seconds: f64) -> Value {
    let [inside, outside] = of
        .each_ref()
        .map(|of| json!({ "coverage": of.coverage, "nll": of.nll, "rmse": of.rmse, "epistemic_sd": of.epistemic_sd }));
    let (r_hat, divergences) = chains.unzip();
    json!({
        "curve": text(name), "method": text(method), "inside": inside, "outside": outside, "seconds": seconds,
        "r_hat": r_hat, "divergences": divergences,
    })
}

/// The predictive mean with its 95 % band, and rows of both parts.
fn chart(curve: &Curve, method: Method, grid: &Unscaled<HeteroscedasticGaussian>) -> Chart {
    let [title, x, y] = curve.labels;
    let (low, high) = grid.interval(LEVEL);
    let (places, mean) = (&curve.grid.0, grid.mean());
    let chart = Chart::new(&format!("{title}: {}", text(method)));
    let mut chart = chart.line("mean", places, &mean).band("95 %", places, &low, &high);
    for (name, points) in ["training rows", "other rows"].into_iter().zip(&curve.points) {
        let [x, y] = [0, 1].map(|axis| points.iter().map(|point| point[axis]).collect::<Vec<f64>>());
        chart = chart.points(name, &x, &y);
    }
    chart.x(x).y(y).y_range(curve.y_range[0], curve.y_range[1])
}

fn draw(folder: &Path, name: &str, charts: Vec<Chart>) -> Result<(), Failure> {
    let failed = |error: &dyn std::fmt::Display| Failure::Run(format!("--pictures: {error}").into());
    std::fs::create_dir_all(folder).map_err(|error| failed(&error))?;
    Picture::of(charts).write(folder.join(name)).map_err(|error| failed(&error))
}
