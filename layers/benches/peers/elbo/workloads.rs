//! The workloads: each has a network, its inputs, and a step to time.

use elbo::prelude::*;
use elbo::{FixedNoise, Path, PriorGroups, Role};

use crate::given;
use crate::models::{Classifier, classifier, curve, images, lenet, volumes};
use crate::networks::{CHARACTERS, resnet, sequences, transformer};

/// Steps whose losses are compared.
const CHECKED: usize = 3;

/// A step to time, with losses to compare beforehand.
pub(crate) trait Workload {
    /// The losses of a few steps without noise, from the given weights.
    fn losses(&mut self) -> Vec<f64>;

    /// One step.
    fn step(&mut self);
}

/// The workload of this name.
pub(crate) fn named(name: &str) -> Option<Box<dyn Workload>> {
    let mlp = |width, estimator| classes(classifier(width, Normal(0.0, 1.0)), estimator, &[128, 784], 10);
    Some(match name {
        "mlp-400" => mlp(400, Estimator::Sample),
        "mlp-1200" => mlp(1200, Estimator::Sample),
        "flipout-1200" => mlp(1200, Estimator::Flipout),
        "local-1200" => mlp(1200, Estimator::Local),
        "mixture-1200" => {
            let prior = MonteCarlo(ScaleMixture::two(0.5, 1.0, (-6f64).exp()));
            classes(classifier(1200, prior), Estimator::Sample, &[128, 784], 10)
        }
        "lenet" => classes(lenet(), Estimator::Sample, &[128, 1, 28, 28], 10),
        "conv2d" => classes(images(), Estimator::Sample, &[64, 3, 32, 32], 10),
        "conv3d" => classes(volumes(), Estimator::Sample, &[16, 1, 28, 28, 28], 11),
        "lstm" => classes(sequences(), Estimator::Sample, &[64, 29, 12], 9),
        "resnet" => classes(resnet(), Estimator::Sample, &[64, 3, 32, 32], 10),
        "transformer" => {
            let (x, labels) = (given::indices(&[16, 128], CHARACTERS), given::labels(16 * 128, CHARACTERS));
            Box::new(Training::new(transformer(), Categorical, 60_000, x, labels))
        }
        "small" => Box::new(Training {
            // (y − f)² is the Gaussian NLL with variance ½, up to a constant.
            constant: 0.5 * std::f64::consts::PI.ln(),
            ..Training::new(
                curve(),
                Gaussian::new(0.5f64.sqrt()),
                1000,
                given::inputs(&[32, 1]),
                given::targets(&[32, 1]),
            )
        }),
        "predict" => Box::new(Prediction::new()),
        "laplace-last" => Box::new(LaplaceFit::new(Laplace::new(Categorical).last_layer())),
        "laplace-kron" => Box::new(LaplaceFit::new(Laplace::new(Categorical).kronecker())),
        "evaluate" => Box::new(Evaluation::new()),
        _ => return None,
    })
}

fn classes<M: Model + 'static>(model: M, estimator: Estimator, shape: &[usize], classes: usize) -> Box<dyn Workload> {
    let labels = given::labels(shape[0], classes);
    Box::new(Training { estimator, ..Training::new(model, Categorical, 60_000, given::inputs(shape), labels) })
}

/// A network that is trained.
trait Model: Layer + Bayesian<Scalar = f32> {}

impl<M: Layer + Bayesian<Scalar = f32>> Model for M {}

/// The training loop of the README, a step at a time.
struct Training<M, L: Likelihood<f32>> {
    model: M,
    likelihood: L,
    estimator: Estimator,
    objective: Objective,
    x: Tensor,
    y: L::Targets,
    /// The constant by which the likelihood differs from the peers' loss.
    constant: f64,
    tape: Tape,
    gradients: Gradients,
    adam: Adam,
    number: usize,
}

impl<M: Model, L: Likelihood<f32>> Training<M, L> {
    fn new(mut model: M, likelihood: L, examples: usize, x: Tensor, y: L::Targets) -> Self {
        given::begin(&mut model, -5.0);
        Training {
            gradients: Gradients::of(&model),
            model,
            likelihood,
            estimator: Estimator::Sample,
            objective: Objective::new(examples),
            x,
            y,
            constant: 0.0,
            tape: Tape::new(),
            adam: Adam::new(1e-3),
            number: 0,
        }
    }

    fn step_with(&mut self, noise: Option<&FixedNoise>) -> f64 {
        self.tape.reset();
        let mut drawing = Drawing::new(Key::new(1).step(self.number)).estimator(self.estimator);
        if let Some(noise) = noise {
            drawing = drawing.noise(noise);
        }
        let net = self.model.draw(&self.tape, drawing);
        let nll = self.likelihood.mean_nll(net.forward(self.tape.input(&self.x)), &self.y);
        let loss = self.objective.loss(nll, net.kl(), self.number);
        let value = loss.value() - self.constant;
        loss.backward(&mut self.gradients);
        self.adam.step(&mut self.model, &mut self.gradients);
        self.number += 1;
        value
    }

    /// Zero noise for every weight, and for the outputs and signs of the estimators.
    fn no_noise(&self) -> FixedNoise {
        let mut noise = FixedNoise::new();
        let examples = self.x.shape()[0];
        self.model.visit(&Path::ROOT, &mut |path, role, values| {
            let name = path.to_string();
            let Some(name) = name.strip_suffix(".mean").filter(|_| role == Role::Mean) else {
                return;
            };
            let set = |noise: FixedNoise, suffix: &str, shape: &[usize], value: f64| {
                noise.set(&format!("{name}{suffix}"), Tensor::full(shape, value))
            };
            let mut all = set(std::mem::take(&mut noise), "", values.shape(), 0.0);
            if let &[outputs, inputs] = values.shape() {
                all = set(all, ".output", &[examples, outputs], 0.0);
                all = set(all, ".signs_in", &[examples, inputs], 1.0);
                all = set(all, ".signs_out", &[examples, outputs], 1.0);
            }
            noise = all;
        });
        noise
    }
}

impl<M: Model, L: Likelihood<f32>> Workload for Training<M, L> {
    fn losses(&mut self) -> Vec<f64> {
        let noise = self.no_noise();
        (0..CHECKED).map(|_| self.step_with(Some(&noise))).collect()
    }

    fn step(&mut self) {
        self.step_with(None);
    }
}

/// The mean of a hundred draws' probabilities for a thousand rows.
struct Prediction {
    model: Classifier,
    x: Tensor,
    y: Vec<usize>,
}

impl Prediction {
    fn new() -> Self {
        let mut model = classifier(400, Normal(0.0, 1.0));
        given::begin(&mut model, -5.0);
        Prediction { model, x: given::inputs(&[1000, 784]), y: given::labels(1000, 10) }
    }

    fn nll(&self) -> f64 {
        self.model.predict(&Categorical, &self.x, Draws(100)).nll(&self.y)
    }
}

impl Workload for Prediction {
    /// Without noise: a ρ so small that every draw is the mean.
    fn losses(&mut self) -> Vec<f64> {
        given::begin(&mut self.model, -40.0);
        vec![self.nll()]
    }

    fn step(&mut self) {
        std::hint::black_box(self.nll());
    }
}

/// The bound of a trained network: 64 draws of its weights, each over all 60,000 rows.
struct Evaluation {
    model: Classifier,
    data: Examples<f32, Vec<usize>>,
}

impl Evaluation {
    fn new() -> Self {
        let mut model = classifier(400, Normal(0.0, 1.0));
        given::begin(&mut model, -5.0);
        let data =
            Examples::new(given::inputs(&[60_000, 784]), given::labels(60_000, 10)).expect("one label for each row");
        Evaluation { model, data }
    }

    /// The negative bound in nats per example.
    fn loss(&self, draws: usize) -> f64 {
        let bound = Elbo::new(Categorical).evaluate(&self.model, &self.data, Draws(draws)).expect("a bound");
        -bound.elbo / 60_000.0
    }
}

impl Workload for Evaluation {
    /// Without noise: a ρ so small that every draw is the mean.
    fn losses(&mut self) -> Vec<f64> {
        given::begin(&mut self.model, -40.0);
        vec![self.loss(1)]
    }

    fn step(&mut self) {
        std::hint::black_box(self.loss(64));
    }
}

/// A Laplace approximation of a network on 10,000 rows: the curvature, the prior precision of the largest evidence, and the
/// linearised model's probabilities of 1,000 rows.
struct LaplaceFit {
    laplace: Laplace<Categorical>,
    model: Classifier,
    data: Examples<f32, Vec<usize>>,
    rows: Tensor,
}

impl LaplaceFit {
    fn new(laplace: Laplace<Categorical>) -> Self {
        let mut model = classifier(400, Normal(0.0, 1.0));
        given::begin(&mut model, -5.0);
        let data =
            Examples::new(given::inputs(&[10_000, 784]), given::labels(10_000, 10)).expect("one label for each row");
        // The weights are not trained, so that `fit` would warn. The computation is the same as at a mode.
        LaplaceFit { laplace: laplace.quiet(), model, data, rows: given::inputs(&[1000, 784]) }
    }

    /// The mean NLL of the first rows' labels.
    fn nll(&self, is_fitted: bool) -> f64 {
        let posterior = self.laplace.fit(&self.model, &self.data).expect("a curvature");
        let posterior = if is_fitted { posterior.fit_prior(PriorGroups::One).expect("a precision") } else { posterior };
        let probabilities = posterior.linearised(&self.rows).softmax_probit();
        let labels = given::labels(1000, 10);
        let of_labels = probabilities.chunks(10).zip(labels).map(|(row, label)| -row[label].ln());
        of_labels.sum::<f64>() / 1000.0
    }
}

impl Workload for LaplaceFit {
    /// With the prior precision 1: each library searches for its own.
    fn losses(&mut self) -> Vec<f64> {
        vec![self.nll(false)]
    }

    fn step(&mut self) {
        std::hint::black_box(self.nll(true));
    }
}
