//! The variance over draws of the gradient of a mean negative log-likelihood, for every estimator.

use elbo::engine::random::normals;
use elbo::prelude::*;

/// Number of distinct examples; a batch repeats them.
const EXAMPLES: usize = 4;
const INPUTS: usize = 64;
const HIDDEN: usize = 64;
const CLASSES: usize = 10;

/// Batch sizes, each twice the one before.
pub const BATCHES: [usize; 9] = [4, 8, 16, 32, 64, 128, 256, 512, 1024];

/// 64-64-10 with relu, without biases: Flipout perturbs weights per example but draws a bias once per batch, whose
/// variance would dominate in large batches.
#[bayesian]
struct Network {
    #[prior(Normal(0.0, 1.0))]
    hidden: MeanField,
    #[prior(Normal(0.0, 1.0))]
    head: MeanField,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        x.linear(self.hidden).relu().linear(self.head)
    }
}

/// Variances of ∂NLL/∂μ over draws at one batch size, averaged over the weights.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The batch size.
    pub batch: usize,
    /// One weight drawn for the whole batch.
    pub shared: f64,
    /// A separate weight per example, computed from the variances of single examples: no estimator of equal cost does this.
    pub independent: f64,
    /// Local reparameterisation.
    pub local: f64,
    /// Flipout.
    pub flipout: f64,
    /// The mean of an antithetic pair of weights.
    pub antithetic: f64,
}

/// Measures every batch size at this standard deviation of the weights, with `draws` draws each.
pub fn measure(sd: f64, draws: usize, seed: u64) -> Vec<Row> {
    let model = network(sd, seed);
    let independent: f64 =
        (0..EXAMPLES).map(|example| Setting::new(seed, &[example]).variance(&model, draws, Drawing::new)).sum::<f64>()
            / EXAMPLES as f64;
    let row = |&batch: &usize| {
        let examples: Vec<usize> = (0..batch).map(|i| i % EXAMPLES).collect();
        let setting = Setting::new(seed, &examples);
        let with = |estimator| setting.variance(&model, draws, |key| Drawing::new(key).estimator(estimator));
        Row {
            batch,
            shared: with(Estimator::Sample),
            independent: independent / batch as f64,
            local: with(Estimator::Local),
            flipout: with(Estimator::Flipout),
            antithetic: setting.variance(&model, draws, |key| Drawing::new(key).antithetic_pairs(1)),
        }
    };
    BATCHES.iter().map(row).collect()
}

/// The slope of ln y against ln x, by least squares.
pub fn log_log_slope(points: impl Iterator<Item = (f64, f64)> + Clone) -> f64 {
    let logs = points.map(|(x, y)| (x.ln(), y.ln()));
    let n = logs.clone().count() as f64;
    let (x_mean, y_mean) =
        (logs.clone().map(|(x, _)| x).sum::<f64>() / n, logs.clone().map(|(_, y)| y).sum::<f64>() / n);
    let covariance: f64 = logs.clone().map(|(x, y)| (x - x_mean) * (y - y_mean)).sum();
    covariance / logs.map(|(x, _)| (x - x_mean).powi(2)).sum::<f64>()
}

fn network(sd: f64, seed: u64) -> Network {
    let weight = |outputs, inputs| MeanField::with_sd(Tensor::zeros([outputs, inputs]), sd);
    let mut model = Network { hidden: weight(HIDDEN, INPUTS), head: weight(CLASSES, HIDDEN) };
    model.initialise(Key::new(seed));
    model
}

/// A batch and its labels.
struct Setting {
    inputs: Tensor,
    labels: Vec<usize>,
    seed: u64,
}

impl Setting {
    /// Each example is a shared picture plus an individual one, equally weighted: any two have correlation ½.
    fn new(seed: u64, examples: &[usize]) -> Self {
        let pixels = |name: &str| {
            let mut pixels = vec![0.0_f32; INPUTS];
            normals(Key::new(seed).at(name), 0, &mut pixels);
            pixels
        };
        let shared = pixels("common");
        let individual: Vec<Vec<f32>> = (0..EXAMPLES).map(|example| pixels(&format!("example {example}"))).collect();
        let inputs = Tensor::from_fn([examples.len(), INPUTS], |i| {
            let (example, pixel) = (examples[i / INPUTS], i % INPUTS);
            f64::from(shared[pixel] + individual[example][pixel]) / 2.0_f64.sqrt()
        });
        Setting { inputs, labels: examples.to_vec(), seed }
    }

    /// The variance of ∂NLL/∂μ over draws (Welford's algorithm), averaged over both weights' elements.
    fn variance(&self, model: &Network, draws: usize, drawing: impl Fn(Key) -> Drawing<'static>) -> f64 {
        let names = ["hidden.mean", "head.mean"];
        let mut tape = Tape::new();
        let mut gradients = Gradients::of(model);
        let count = HIDDEN * INPUTS + CLASSES * HIDDEN;
        let (mut mean, mut squares) = (vec![0.0; count], vec![0.0; count]);
        for draw in 0..draws {
            tape.reset();
            gradients.clear();
            let net = model.draw(&tape, drawing(Key::new(self.seed).step(draw)));
            Categorical.nll(net.forward(tape.input(&self.inputs)), &self.labels).var().backward(&mut gradients);
            let values = names.iter().flat_map(|name| gradients.get(name).unwrap_or_default());
            for ((&g, mean), squares) in values.zip(&mut mean).zip(&mut squares) {
                let deviation = f64::from(g) - *mean;
                *mean += deviation / (draw + 1) as f64;
                *squares += deviation * (f64::from(g) - *mean);
            }
        }
        squares.iter().sum::<f64>() / ((draws - 1) * count) as f64
    }
}
