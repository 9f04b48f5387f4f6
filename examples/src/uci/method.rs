//! Ways to a posterior, each with the same options for all data sets.

use clap::ValueEnum;
use elbo::engine::Shape;
use elbo::nn::{LastLayer, WithConstants, WithRandomConstants};
use elbo::prelude::*;
use elbo::{
    Divergence, Ensemble, ExpectedGaussian, HalfCauchy, HeteroscedasticGaussian, HierarchicalNormal, Laplace,
    LogNormal, Map, Model, MonteCarlo, Nuts, PriorFor,
};
use serde::{Deserialize, Serialize};

use super::network::{Network, WithLastLayer};
use super::{Fit, Scores, Set, Split};
use crate::Failure;

/// ln of the noise's standard deviation before training, in standard deviations of the target.
const LN_NOISE: f64 = -1.0;

/// Members of an ensemble (Lakshminarayanan 2017).
const MEMBERS: usize = 5;

/// Draws that predictions average over.
const DRAWS: usize = 200;

/// Draws that the bound averages over.
const BOUND_DRAWS: usize = 64;

/// Updates of the prior's and the noise's scales by the evidence.
const UPDATES: usize = 4;

/// A method.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Method {
    /// Variational inference with independent weights
    Vi,
    /// The same with the full covariance of the last layer's weights
    ViFull,
    /// Five MAP estimates with noise that differs by row
    Ensemble,
    /// Laplace's approximation with a full matrix, priors and noise by the evidence
    Laplace,
    /// An estimate of the hidden layer with a variational last layer
    Vbll,
    /// The no-U-turn sampler with random scales of priors and noise, for the four small sets
    Nuts,
}

impl Method {
    /// The name, as an option.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// Whether it runs on a set.
    pub fn suits(self, set: Set) -> bool {
        self != Method::Nuts || set.is_small()
    }

    /// Steps of a training, as `uci --choose` chose them, but for chains.
    pub fn steps(self) -> usize {
        match self {
            Method::Ensemble | Method::Vbll => 300,
            _ => 10_000,
        }
    }
}

impl Fit {
    /// Fits to the training rows of a split, and returns the scores on its test rows.
    ///
    /// # Errors
    /// If a training fails.
    pub fn run(&self, split: &Split) -> Result<Scores, Failure> {
        let (inputs, units, seed) = (split.train.inputs().shape()[1], self.set.units(), 1 + self.split as u64);
        let fit = Training { split, inputs, units, steps: self.steps, batch: self.batch, seed };
        match self.method {
            Method::Vi => fit.variational(MeanField::new, MeanField::new, LearnedNormal(1.0)),
            Method::ViFull => fit.variational(MeanField::new, FullCovariance::new, LearnedNormal(1.0)),
            Method::Vbll => fit.variational(Point::new, FullCovariance::new, Normal(0.0, 1.0)),
            Method::Ensemble => fit.ensemble(),
            Method::Laplace => fit.laplace(),
            Method::Nuts => fit.nuts(),
        }
    }
}

/// A training on a split.
struct Training<'a> {
    split: &'a Split,
    inputs: usize,
    units: usize,
    steps: usize,
    batch: usize,
    seed: u64,
}

impl Training<'_> {
    /// The passes over the rows that make these many steps, rounded up.
    fn epochs(&self, steps: usize) -> Epochs {
        Epochs(steps.div_ceil(self.split.train.len().div_ceil(self.batch)))
    }

    /// The bound with the last layer in closed form, the noise and the scales of the priors learned.
    fn variational<H, Q, P>(
        &self,
        hidden: impl FnMut(Shape) -> H,
        head: impl FnMut(Shape) -> Q,
        prior: P,
    ) -> Result<Scores, Failure>
    where
        H: Divergence<P, Scalar = f32> + Send + Sync,
        Q: Divergence<LearnedNormal, Scalar = f32> + Send + Sync,
        P: PriorFor<f32> + Send + Sync,
        WithConstants<WithLastLayer<H, Q, P>>: Model<Scalar = f32> + Bayesian<Scalar = f32> + Send + Sync,
    {
        let network = WithLastLayer {
            hidden: Dense::of(self.inputs, self.units, hidden, prior),
            head: LastLayer::of(self.units, 1, head, LearnedNormal(1.0)),
        };
        let (mut model, likelihood) = (WithConstants::new(network, [LN_NOISE]), ExpectedGaussian::learned());
        let mut elbo = Elbo::new(likelihood).batch_size(self.batch).seed(self.seed).threads(1).quiet();
        elbo.fit(&mut model, &self.split.train, self.epochs(self.steps))?;
        let predicted = model.predict(&likelihood, &self.split.inputs, Draws(DRAWS).seed(self.seed));
        let bound = elbo.evaluate(&model, &self.split.train, Draws(BOUND_DRAWS).seed(self.seed))?;
        Ok(Scores { bound: Some(bound.elbo / self.split.train.len() as f64), ..self.split.scores(predicted) })
    }

    fn ensemble(&self) -> Result<Scores, Failure> {
        let (likelihood, widths) = (HeteroscedasticGaussian, [self.inputs, self.units, 2]);
        let map = Map::new(likelihood).batch_size(self.batch).seed(1000 * self.seed).threads(1).quiet();
        let new = || Network::new(widths, [Normal(0.0, 1.0), Normal(0.0, 1.0)]);
        let members = Ensemble::of(map, MEMBERS).fit(new, &self.split.train, self.epochs(self.steps))?;
        Ok(self.split.scores(members.predict(&likelihood, &self.split.inputs)))
    }

    /// MacKay 1992, "A practical Bayesian framework for backpropagation networks": with γ = d − Σ (posterior variance)/(prior
    /// variance), the number of well-determined weights, the evidence is largest where the prior variance of a layer is
    /// ‖w‖²/γ and that of the noise is the sum of squares/(N − γ).
    fn laplace(&self) -> Result<Scores, Failure> {
        let train = &self.split.train;
        let rows = train.len() as f64;
        let (mut noise, mut steps) = (LN_NOISE.exp(), self.steps);
        let mut model = Network::new([self.inputs, self.units, 1], [Normal(0.0, 1.0), Normal(0.0, 1.0)]);
        for update in 0..=UPDATES {
            let likelihood = Gaussian::new(noise);
            let mut map = Map::new(likelihood).batch_size(self.batch).seed(self.seed).threads(1).quiet();
            map.fit(&mut model, train, self.epochs(steps))?;
            // The next estimates start from this one.
            steps = self.steps / UPDATES;
            let laplace = Laplace::new(likelihood).full().quiet();
            let posterior = laplace.fit(&model, train).map_err(|error| Failure::Run(error.into()))?;
            if update == UPDATES {
                let draws = Draws(DRAWS).seed(self.seed);
                return Ok(self.split.scores(posterior.predict(&likelihood, &self.split.inputs, draws)));
            }
            let sds = posterior.sds();
            let priors = [model.hidden.prior, model.head.prior];
            let squares = [&model.hidden, &model.head].map(|layer| {
                let both = layer.weight.mean.data().iter().chain(layer.bias.mean.data());
                both.map(|&w| f64::from(w).powi(2)).sum::<f64>()
            });
            let mut determined = [0.0; 2];
            for (layer, name) in ["hidden.", "head."].iter().enumerate() {
                let of_layer = sds.iter().filter(|(weight, _)| weight.starts_with(name)).flat_map(|(_, sds)| sds);
                determined[layer] = of_layer.map(|sd| 1.0 - (sd / priors[layer].sd()).powi(2)).sum::<f64>();
            }
            let outputs = model.point_estimate().predict(&likelihood, train.inputs());
            let sum = rows * outputs.rmse(train.targets()).powi(2);
            noise = (sum / (rows - determined[0] - determined[1]).max(1.0)).sqrt();
            drop(posterior);
            let sd = |layer: usize| (squares[layer] / determined[layer].max(1.0)).sqrt();
            (model.hidden.prior, model.head.prior) = (Normal(0.0, sd(0)), Normal(0.0, sd(1)));
        }
        unreachable!("the last update returns")
    }

    fn nuts(&self) -> Result<Scores, Failure> {
        let scale = || HierarchicalNormal(LogNormal::<f32>::new([]), MonteCarlo(HalfCauchy(1.0)));
        let network = Network::new([self.inputs, self.units, 1], [scale(), scale()]);
        let model = WithRandomConstants::new(network, MeanField::new([1]), Normal(LN_NOISE, 1.0));
        let likelihood = HeteroscedasticGaussian;
        let transitions = self.steps.div_ceil(50);
        let nuts = Nuts::new(likelihood).warmup(transitions).draws(transitions).max_depth(8);
        let chains = nuts.diagonal().seed(self.seed).threads(1).quiet().run(&model, &self.split.train)?;
        Ok(self.split.scores(chains.predict(&likelihood, &self.split.inputs)))
    }
}
