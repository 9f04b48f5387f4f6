//! `Mixture`: the predictive distribution of numbers over posterior draws: mean, sd, quantiles, intervals, samples.

use smallvec::SmallVec;

use crate::distribution::uniform::uniform;
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Real, Tensor};
use crate::metrics::normal_mixture::NormalMixtures;
use crate::predictive::Outputs;
use crate::predictive::Predictive;
use crate::predictive::{Univariate, invert};

/// Elements in a task, whatever the number of threads.
const ELEMENTS: usize = 256;

/// Elements whose quantiles are found together, so that their draws stay in a cache.
const NORMALS: usize = 64;

/// The predictive distribution of targets whose elements are independent given the outputs: for each element of each
/// example, an equal mixture of the likelihood `L` over the draws of the weights.
///
/// Results are row-major (N, D): N examples of D elements. Units are those of the targets; likelihoods are in nats. The
/// variance has two parts (Depeweg et al. 2018, "Decomposition of Uncertainty in Bayesian Deep Learning", eq. 3): `sd²
/// = aleatoric_sd² + epistemic_sd²`.
///
/// ```
/// # use elbo::{Gaussian, Outputs, Tensor};
/// # use elbo::metrics::Mixture;
/// // Two draws for one example of one element.
/// let outputs: Outputs<f64> = Outputs::new(Tensor::new([2, 1, 1], [-1.0, 1.0]));
/// let predicted = Mixture::new(Gaussian::new(0.5), &outputs);
/// assert_eq!(predicted.mean(), [0.0]);
/// assert_eq!(predicted.sd(), [1.25f64.sqrt()]);
/// assert_eq!((predicted.aleatoric_sd(), predicted.epistemic_sd()), (vec![0.5], vec![1.0]));
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Mixture<L> {
    pub(super) likelihood: L,
    /// (draws, examples, ..).
    pub(super) outputs: Outputs<f64>,
}

impl<L: Univariate> Mixture<L> {
    /// The predictive distribution of `likelihood` for these outputs.
    ///
    /// # Panics
    /// If an example has no outputs, or another number than `likelihood` needs for each element.
    #[track_caller]
    pub fn new<T: Real>(likelihood: L, outputs: &Outputs<T>) -> Self {
        let (width, each): (usize, usize) = (outputs.axes().iter().product(), likelihood.num_outputs());
        assert!(
            width > 0 && (each == 1 || outputs.axes().last().is_some_and(|last| last.is_multiple_of(each))),
            "{}: the model's output for one example has shape {:?}, but the likelihood needs {each} output(s) for each \
             element of a target, in blocks along the last axis",
            std::any::type_name::<L>(),
            outputs.axes()
        );
        Mixture { likelihood, outputs: outputs.cast() }
    }

    /// The number of examples.
    #[expect(clippy::len_without_is_empty, reason = "a prediction of no examples cannot be made")]
    pub fn len(&self) -> usize {
        self.outputs.rows()
    }

    /// The number of draws.
    pub fn draws(&self) -> usize {
        self.outputs.draws()
    }

    /// The number of elements of an example's target.
    pub fn width(&self) -> usize {
        self.outputs.axes().iter().product::<usize>() / self.likelihood.num_outputs()
    }

    /// The likelihood.
    pub fn likelihood(&self) -> &L {
        &self.likelihood
    }

    /// The outputs of all draws.
    pub fn outputs(&self) -> &Outputs<f64> {
        &self.outputs
    }

    /// The predictive means, (N, D).
    pub fn mean(&self) -> Vec<f64> {
        self.each(|i| self.average(i, |outputs| self.likelihood.mean(outputs)))
    }

    /// The predictive standard deviations, (N, D): aleatoric and epistemic together.
    pub fn sd(&self) -> Vec<f64> {
        self.each(|i| {
            let [aleatoric, epistemic] = self.variances(i);
            (aleatoric + epistemic).sqrt()
        })
    }

    /// The aleatoric part of [`sd`](Mixture::sd), which would remain if the weights were known, (N, D): the root of the
    /// mean over draws of the likelihood's variance.
    pub fn aleatoric_sd(&self) -> Vec<f64> {
        self.each(|i| self.variances(i)[0].sqrt())
    }

    /// The epistemic part of [`sd`](Mixture::sd), which more data would reduce, (N, D): the standard deviation over
    /// draws (divided by their number) of the likelihood's mean.
    pub fn epistemic_sd(&self) -> Vec<f64> {
        self.each(|i| self.variances(i)[1].sqrt())
    }

    /// The mean over draws of the likelihood's entropy in nats, (N, D); `None` if it has no closed form.
    pub fn expected_entropy(&self) -> Option<Vec<f64>> {
        self.of_draw(0, 0, |outputs| self.likelihood.entropy(outputs))?;
        let entropy = |outputs: &[f64]| self.likelihood.entropy(outputs).unwrap_or(f64::NAN);
        Some(self.each(|i| self.average(i, entropy)))
    }

    /// The probability that an observation is at most `y`, (N, D).
    pub fn cdf(&self, y: f64) -> Vec<f64> {
        self.each(|i| self.below(i, y))
    }

    /// The predictive quantiles, (N, D): the smallest number that an observation does not exceed with probability
    /// `probability`.
    ///
    /// # Panics
    /// If the probability is not in the open interval (0, 1).
    #[track_caller]
    pub fn quantile(&self, probability: f64) -> Vec<f64> {
        assert!(
            probability > 0.0 && probability < 1.0,
            "quantile: the probability must be between 0 and 1, got {probability}"
        );
        let [quantiles] = self.quantiles([probability]);
        quantiles
    }

    /// [`quantile`](Mixture::quantile) for some probabilities.
    fn quantiles<const P: usize>(&self, probabilities: [f64; P]) -> [Vec<f64>; P] {
        if self.of_draw(0, 0, |outputs| self.likelihood.normal(outputs)).is_some() {
            return self.normal_quantiles(probabilities);
        }
        probabilities.map(|probability| self.other_quantiles(probability))
    }

    /// [`quantile`](Mixture::quantile) of mixtures of other distributions.
    fn other_quantiles(&self, probability: f64) -> Vec<f64> {
        self.each(|i| {
            let range = |of: &dyn Fn(&[f64]) -> f64| {
                let of_draws = (0..self.draws()).map(|draw| self.of_draw(draw, i, of));
                of_draws.fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], y| [low.min(y), high.max(y)])
            };
            let (mut around, sd) = (range(&|outputs| self.likelihood.mean(outputs)), self.variances(i)[0].sqrt());
            if !(around.iter().all(|y| y.is_finite()) && sd.is_finite()) {
                // Without finite moments: the quantile lies between those of the draws.
                around = range(&|outputs| self.likelihood.quantile(outputs, probability));
            }
            invert(around, sd, L::DISCRETE, probability, |y| self.below(i, y))
        })
    }

    /// [`quantiles`](Mixture::quantiles) of mixtures of normal distributions.
    fn normal_quantiles<const P: usize>(&self, probabilities: [f64; P]) -> [Vec<f64>; P] {
        let elements = self.len() * self.width();
        let parts = map_tasks(
            elements.div_ceil(NORMALS),
            || (),
            |(), task| {
                let range = task * NORMALS..elements.min((task + 1) * NORMALS);
                let normal = |outputs: &[f64]| self.likelihood.normal(outputs).unwrap_or([f64::NAN; 2]);
                let of_draw = |draw| range.clone().map(move |i| (draw, i));
                let all = (0..self.draws()).flat_map(of_draw).map(|(draw, i)| self.of_draw(draw, i, normal));
                let mixtures = NormalMixtures::new(range.len(), all);
                probabilities.map(|probability| mixtures.quantiles(probability))
            },
        );
        std::array::from_fn(|of| parts.iter().flat_map(|part| &part[of]).copied().collect())
    }

    /// The central prediction interval of probability `level`: its lower and upper bounds, (N, D) each.
    ///
    /// # Panics
    /// If the level is not in the open interval (0, 1), or so near 1 that the upper bound's probability rounds to 1.
    #[track_caller]
    pub fn interval(&self, level: f64) -> (Vec<f64>, Vec<f64>) {
        let [low, high] = [(1.0 - level) / 2.0, (1.0 + level) / 2.0];
        // The upper probability may round to 1.
        assert!(
            level > 0.0 && high < 1.0,
            "interval: the level must be between 0 and 1, and less than 1 - 1e-15, got {level}"
        );
        self.quantiles([low, high]).into()
    }

    /// `count` samples of the targets, (count, N, D), from draws 0, 1, .. of the weights, starting over after the last.
    /// All elements of a sample come from the same draw.
    ///
    /// # Panics
    /// If `count` is 0.
    #[track_caller]
    pub fn samples(&self, count: usize, key: Key) -> Tensor<f64> {
        assert!(count > 0, "samples: at least one sample is needed, got 0");
        let elements = self.len() * self.width();
        let samples = (0..count).flat_map(|sample| {
            let noise = key.at("samples").draw(sample).philox();
            self.each(|i| {
                let uniform = uniform(&noise, i);
                self.of_draw(sample % self.draws(), i, |outputs| self.likelihood.quantile(outputs, uniform))
            })
        });
        let samples: Vec<f64> = samples.collect();
        debug_assert_eq!(samples.len(), count * elements);
        Tensor::new([count, self.len(), self.width()], samples)
    }

    /// `of` applied to each element, in order, on all threads.
    pub(super) fn each(&self, of: impl Fn(usize) -> f64 + Sync) -> Vec<f64> {
        let elements = self.len() * self.width();
        let task = |(): &mut (), task: usize| {
            (task * ELEMENTS..elements.min((task + 1) * ELEMENTS)).map(&of).collect::<Vec<f64>>()
        };
        map_tasks(elements.div_ceil(ELEMENTS), || (), task).concat()
    }

    /// `of` applied to the outputs for element `i` under a draw.
    pub(super) fn of_draw<R>(&self, draw: usize, i: usize, of: impl FnOnce(&[f64]) -> R) -> R {
        let (elements, each) = (self.len() * self.width(), self.likelihood.num_outputs());
        let of_draw = &self.outputs.tensor().data()[draw * elements * each..][..elements * each];
        if each == 1 {
            return of(&of_draw[i..=i]);
        }
        // The last axis has a block for each parameter.
        let block = self.outputs.axes().last().expect("checked by `new`") / each;
        let (row, column) = (i / block, i % block);
        let parameters: SmallVec<[f64; 8]> =
            (0..each).map(|parameter| of_draw[(row * each + parameter) * block + column]).collect();
        of(&parameters)
    }

    fn average(&self, i: usize, of: impl Fn(&[f64]) -> f64) -> f64 {
        (0..self.draws()).map(|draw| self.of_draw(draw, i, &of)).sum::<f64>() / self.draws() as f64
    }

    /// The mean over draws of the likelihood's variance, and the variance over draws of its mean.
    fn variances(&self, i: usize) -> [f64; 2] {
        let mean = self.average(i, |outputs| self.likelihood.mean(outputs));
        let epistemic = self.average(i, |outputs| (self.likelihood.mean(outputs) - mean).powi(2));
        [self.average(i, |outputs| self.likelihood.variance(outputs)), epistemic]
    }

    /// The mean and the standard deviation of element `i`.
    pub(super) fn moments(&self, i: usize) -> (f64, f64) {
        let [aleatoric, epistemic] = self.variances(i);
        (self.average(i, |outputs| self.likelihood.mean(outputs)), (aleatoric + epistemic).sqrt())
    }

    /// The probability that element `i` is at most `y`.
    pub(super) fn below(&self, i: usize, y: f64) -> f64 {
        self.average(i, |outputs| self.likelihood.cdf(outputs, y))
    }
}

impl<L: Univariate> Predictive for Mixture<L> {
    fn join(parts: Vec<Self>) -> Self {
        let likelihood = parts[0].likelihood.clone();
        Mixture { likelihood, outputs: Outputs::join(parts.into_iter().map(|part| part.outputs).collect()) }
    }
}
