//! All estimators have the same expected gradient if a weight is used linearly and once per example: that of the
//! expected loss, by finite differences.

use elbo::prelude::*;

/// Draws in a pass, as antithetic pairs, which greatly reduce the variance of the scales' gradients.
const PAIRS: usize = 32;
const PASSES: usize = 400;

/// Passes with draws that are not antithetic pairs.
const UNPAIRED_PASSES: usize = 12 * PASSES;

/// The critical value of |z| for a total error probability of 1e-4 over all 40 comparisons, 2.5e-6 for each.
const CRITICAL: f64 = 4.71;

#[bayesian]
struct Network {
    hidden: Dense<MeanField<f64>>,
    head: Dense<MeanField<f64>>,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var<f64>) -> Var<f64> {
        self.head.forward(self.hidden.forward(x).tanh())
    }
}

/// Groups of parameters that are compared together.
const GROUPS: [&str; 4] = ["hidden.weight.mean", "hidden.weight.rho", "head.weight.mean", "head.weight.rho"];

/// Inputs, units and outputs.
const WIDTH: usize = 8;

/// Each example has its own input, and the means pass it through, so that the loss's curvature is nearly diagonal and
/// many weights contribute to the (small) bias of the scales' gradients.
fn network() -> Network {
    let through = |sd| {
        let mean = Tensor::from_fn([WIDTH, WIDTH], |i| f64::from(u8::from(i / WIDTH == i % WIDTH)));
        Dense {
            weight: MeanField::with_sd(mean, sd),
            bias: MeanField::with_sd(Tensor::zeros([WIDTH]), 0.05),
            prior: Normal(0.0, 1.0),
        }
    };
    Network { hidden: through(0.2), head: through(0.2) }
}

struct Experiment {
    x: Tensor<f64>,
    targets: Tensor<f64>,
    /// For each group the direction of its gradient, which is the most sensitive to a bias.
    along: Vec<Vec<f64>>,
}

/// The mean and squared standard error of the derivative along each group's direction.
type Derivatives = [(f64, f64); GROUPS.len()];

impl Experiment {
    fn new(model: &Network) -> Self {
        let x = Tensor::from_fn([WIDTH, WIDTH], |i| if i / WIDTH == i % WIDTH { 1.0 } else { 0.0 });
        let targets = Tensor::from_fn([WIDTH, WIDTH], |i| 0.1 * (i as f64).sin());
        let mut experiment = Experiment { x, targets, along: Vec::new() };
        let gradients = experiment.gradients(model, Drawing::new(Key::new(99)).draws(4096));
        experiment.along = GROUPS.iter().map(|group| normalised(gradients.get(group).unwrap())).collect();
        experiment
    }

    fn nll<'t>(&'t self, tape: &'t Tape<f64>, model: &'t Network, how: Drawing<'t, f64>) -> Var<'t, f64> {
        let net = model.draw(tape, how);
        Gaussian::new(0.5).nll(net.forward(tape.input(&self.x)), &self.targets).var()
    }

    fn gradients(&self, model: &Network, how: Drawing<'_, f64>) -> Gradients<f64> {
        let mut gradients = Gradients::of(model);
        let tape = Tape::new();
        self.nll(&tape, model, how).backward(&mut gradients);
        gradients
    }

    fn by_the_tape(
        &self,
        model: &Network,
        passes: usize,
        seed: u64,
        how: impl Fn(Drawing<'static, f64>) -> Drawing<'static, f64>,
    ) -> Derivatives {
        moments(passes, |pass| {
            let gradients = self.gradients(model, how(Drawing::new(Key::new(seed).step(pass))));
            std::array::from_fn(|i| dot(gradients.get(GROUPS[i]).unwrap(), &self.along[i]))
        })
    }

    /// Central differences of the mean loss over draws, with the same noise on both sides.
    fn by_differences(&self, model: &Network, seed: u64) -> Derivatives {
        const STEP: f64 = 1e-4;
        let shifted = |group: &str, along: &[f64], step: f64| {
            let mut shifted = network();
            shifted.copy_from(model);
            shifted.visit_mut(&elbo::Path::ROOT, &mut |path, _, tensor| {
                if path.to_string() == group {
                    tensor.data_mut().iter_mut().zip(along).for_each(|(x, d)| *x += step * d);
                }
            });
            shifted
        };
        let sides: Vec<[Network; 2]> = GROUPS
            .iter()
            .zip(&self.along)
            .map(|(group, along)| [STEP, -STEP].map(|step| shifted(group, along, step)))
            .collect();
        moments(PASSES, |pass| {
            let loss = |model: &Network| {
                let tape = Tape::inference();
                self.nll(&tape, model, Drawing::new(Key::new(seed).step(pass)).antithetic_pairs(PAIRS)).item()
            };
            std::array::from_fn(|i| (loss(&sides[i][0]) - loss(&sides[i][1])) / (2.0 * STEP))
        })
    }
}

fn moments(passes: usize, pass: impl Fn(usize) -> [f64; GROUPS.len()]) -> Derivatives {
    let values: Vec<_> = (0..passes).map(pass).collect();
    std::array::from_fn(|i| {
        let mean = values.iter().map(|values| values[i]).sum::<f64>() / passes as f64;
        let squares: f64 = values.iter().map(|values| (values[i] - mean).powi(2)).sum();
        (mean, squares / (passes * (passes - 1)) as f64)
    })
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn normalised(x: &[f64]) -> Vec<f64> {
    let length = dot(x, x).sqrt();
    x.iter().map(|x| x / length).collect()
}

/// The difference of two means divided by its standard error.
fn z((a, a_variance): (f64, f64), (b, b_variance): (f64, f64)) -> f64 {
    (a - b) / (a_variance + b_variance).sqrt()
}

#[test]
fn all_estimators_have_the_same_expected_gradient() {
    let model = network();
    let experiment = Experiment::new(&model);
    let pairs = |estimator, seed| {
        let how = move |how: Drawing<'static, f64>| how.estimator(estimator).antithetic_pairs(PAIRS);
        experiment.by_the_tape(&model, PASSES, seed, how)
    };
    let ways = [
        ("differences", experiment.by_differences(&model, 1)),
        ("a sampled weight", pairs(Estimator::Sample, 2)),
        ("local reparameterisation", pairs(Estimator::Local, 3)),
        ("Flipout", pairs(Estimator::Flipout, 4)),
        ("no pairs", experiment.by_the_tape(&model, UNPAIRED_PASSES, 5, |how| how.draws(2 * PAIRS))),
    ];
    for (i, (name, one)) in ways.iter().enumerate() {
        for (other_name, other) in &ways[..i] {
            for (group, (&one, &other)) in GROUPS.iter().zip(one.iter().zip(other)) {
                let z_score = z(one, other);
                println!("{group}: {name} {:.5}, {other_name} {:.5}, z {z_score:.2}", one.0, other.0);
                assert!(z_score.abs() < CRITICAL, "{group}: {name} {one:?}, {other_name} {other:?}");
                // The test would detect a bias of two percent.
                let planted = z((1.02 * one.0, one.1), other);
                assert!(planted.abs() > CRITICAL, "{group}: {name}, {other_name}: a planted bias has z {planted:.2}");
            }
        }
    }
}
