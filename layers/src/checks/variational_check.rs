//! `VariationalCheck`: whether a variational posterior is near the exact one, by importance weights.

use std::fmt;

use super::{CheckError, element_names, flat};
use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Path, Real, Tape};
use crate::infer::LogJoint;
use crate::likelihood::Likelihood;
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::metrics::{Psis, psis};
use crate::model::{Bayesian, Drawn, Model};
use crate::properties::Independent;
use crate::samples::Draws;
use crate::sampling::Drawing;
use crate::weights::Weights;

/// Log ratios that differ by less than this many nats make weights that differ by less than 1 %: the posterior is exact for all
/// purposes, and its ratios have no tail to fit.
const EXACT: f64 = 0.01;

/// Draws of which fewer could be equal by chance.
const FEWEST: usize = 10;

/// The k̂ above which no number of draws helps.
const BAD: f64 = 0.7;

/// Rows that are printed at most.
const SHOWN: usize = 12;

/// Whether variational inference worked: the draws of the struct's own posterior q, weighted by p(y, w) / q(w) with Pareto
/// smoothing. The shape k̂ of the largest weights says how far q is from the exact posterior (Yao, Vehtari, Simpson and Gelman
/// 2018, "Yes, but Did It Work?: Evaluating Variational Inference", algorithm 1): below 0.7 it is near enough for its moments to
/// be corrected by the weights. Prints as a table with a verdict.
///
/// For many weights k̂ is almost always large: it judges the whole joint distribution, and predictions can be good where it is
/// bad.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct VariationalCheck<T: Real = f32> {
    /// The smoothed importance weights of the draws, with k̂.
    pub psis: Psis,
    /// ln p(y, w) − ln q(w) of each draw, in nats.
    pub log_ratios: Vec<f64>,
    /// The evidence lower bound, the mean of the log ratios, in nats.
    pub elbo: f64,
    /// The logarithm of the evidence p(y), estimated by the mean of the ratios, in nats. Its error is small where k̂ is good.
    pub log_evidence: f64,
    /// The drawn weights.
    pub draws: Vec<Weights<T>>,
    /// The mean and standard deviation of each element, in the order of [`Weights::flat`](crate::Weights::flat).
    pub elements: Vec<ElementMoments>,
}

/// The mean and the standard deviation of one element of the weights, as fitted and as corrected.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ElementMoments {
    /// The element, `name[index]`.
    pub name: String,
    /// The mean of the draws.
    pub mean: f64,
    /// Their standard deviation.
    pub sd: f64,
    /// The mean by importance weights, an estimate of the exact posterior's.
    pub corrected_mean: f64,
    /// The standard deviation by importance weights.
    pub corrected_sd: f64,
}

impl<T: Real> VariationalCheck<T> {
    /// Draws from the model's own posterior and weights the draws by the joint density on all data, on all threads.
    ///
    /// Deterministic weights, and hyperparameters without a distribution, are constants.
    ///
    /// # Errors
    /// [`CheckError::UnknownDensity`] for a posterior family whose density is unknown.
    ///
    /// # Panics
    /// If the model, the likelihood and the data do not fit.
    #[track_caller]
    pub fn run<M, L>(
        model: &M,
        likelihood: &L,
        data: &Examples<T, L::Targets>,
        draws: Draws,
    ) -> Result<VariationalCheck<T>, CheckError>
    where
        M: Bayesian<Scalar = T, Batch: Independent> + Model + Sync,
        L: Likelihood<T>,
        L::Targets: Send + Sync,
    {
        let joint = LogJoint::new(model, likelihood, data);
        let drawn = map_tasks(draws.count(), Tape::inference, |tape, draw| {
            tape.reset();
            let (weights, log_density) = draw_with_density(model, tape, draws, draw)?;
            let log_ratio = joint.value(&weights) - log_density;
            Ok((weights, log_ratio))
        });
        let drawn: Vec<(Weights<T>, f64)> = drawn.into_iter().collect::<Result<_, CheckError>>()?;
        let (draws, log_ratios): (Vec<_>, Vec<f64>) = drawn.into_iter().unzip();
        let psis = psis(&log_ratios);
        Ok(VariationalCheck {
            elbo: log_ratios.iter().sum::<f64>() / log_ratios.len() as f64,
            log_evidence: log_mean_exp(log_ratios.iter().copied()),
            elements: moments(&draws, &psis),
            psis,
            log_ratios,
            draws,
        })
    }

    /// Whether estimates with the importance weights are reliable: k̂ is good, or all weights are equal to within 1 %.
    pub fn is_good(&self) -> bool {
        self.is_exact() || self.psis.is_good()
    }

    /// In words: whether variational inference worked, and what to do if it did not.
    pub fn verdict(&self) -> String {
        if self.is_exact() {
            return "good: all importance weights are equal to within 1 %, so the posterior is exact".to_owned();
        }
        let verdict = self.psis.verdict();
        if self.psis.is_good() {
            return format!("{verdict}: the posterior is near the exact one, and the corrected moments nearer");
        }
        let is_bad = self.psis.k_hat >= BAD;
        if !is_bad {
            return verdict;
        }
        format!(
            "{verdict}; for a posterior, that means: train longer, take a richer family (FullCovariance, LowRank), or sample \
             with Markov chains"
        )
    }

    fn is_exact(&self) -> bool {
        let range = self
            .log_ratios
            .iter()
            .fold([f64::INFINITY, f64::NEG_INFINITY], |[low, high], &ratio| [low.min(ratio), high.max(ratio)]);
        let all_finite = self.log_ratios.iter().all(|ratio| ratio.is_finite());
        self.log_ratios.len() >= FEWEST && all_finite && range[1] - range[0] < EXACT
    }
}

/// A draw of the weights, and ln q of it in nats.
fn draw_with_density<M: Bayesian>(
    model: &M,
    tape: &Tape<M::Scalar>,
    draws: Draws,
    draw: usize,
) -> Result<(Weights<M::Scalar>, f64), CheckError> {
    let net = model.draw(tape, Drawing::new(draws.key(draw)).without_kl());
    let (mut log_density, mut unknown) = (0.0, None);
    net.walk(&Path::ROOT, &mut |path, weight| match weight.log_posterior_var() {
        Some(nats) => log_density += nats.item(),
        None => unknown = unknown.take().or(Some((path.to_string(), weight.family()))),
    });
    match unknown {
        Some((name, family)) => Err(CheckError::UnknownDensity { name, family }),
        None => Ok((Weights::of(&net), log_density)),
    }
}

/// The moments of each element, by equal and by importance weights.
fn moments<T: Real>(draws: &[Weights<T>], psis: &Psis) -> Vec<ElementMoments> {
    let names = element_names(&draws[0]);
    let shares: Vec<f64> = psis.log_weights.iter().map(|x| x.exp()).collect();
    let equal = vec![1.0 / draws.len() as f64; draws.len()];
    let all: Vec<Vec<f64>> = draws.iter().map(flat).collect();
    let of = |element: usize, shares: &[f64]| {
        let values = || all.iter().map(|draw| draw[element]).zip(shares);
        let mean: f64 = values().map(|(w, share)| w * share).sum();
        let square: f64 = values().map(|(w, share)| (w - mean).powi(2) * share).sum();
        [mean, square.sqrt()]
    };
    let moments = names.into_iter().enumerate().map(|(element, name)| {
        let ([mean, sd], [corrected_mean, corrected_sd]) = (of(element, &equal), of(element, &shares));
        ElementMoments { name, mean, sd, corrected_mean, corrected_sd }
    });
    moments.collect()
}

impl ElementMoments {
    /// How far the correction moves the element, in standard deviations.
    fn correction(&self) -> f64 {
        let moved = (self.corrected_mean - self.mean).abs().max((self.corrected_sd - self.sd).abs());
        moved / self.sd.max(f64::MIN_POSITIVE)
    }
}

impl<T: Real> fmt::Display for VariationalCheck<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "k_hat {:.2} from {} draws; ELBO {:.2} nats, log evidence {:.2} nats",
            self.psis.k_hat,
            self.draws.len(),
            self.elbo,
            self.log_evidence
        )?;
        let mut order: Vec<&ElementMoments> = self.elements.iter().collect();
        order.sort_by(|a, b| b.correction().total_cmp(&a.correction()));
        let (shown, hidden) = order.split_at(SHOWN.min(order.len()));
        let width = shown.iter().map(|element| element.name.chars().count()).max().unwrap_or(0).max(7);
        writeln!(f, "{:width$} {:>10} {:>10} {:>10} {:>10}", "element", "mean", "corrected", "sd", "corrected")?;
        for ElementMoments { name, mean, sd, corrected_mean, corrected_sd } in shown {
            writeln!(f, "{name:width$} {mean:>10.4} {corrected_mean:>10.4} {sd:>10.4} {corrected_sd:>10.4}")?;
        }
        if !hidden.is_empty() {
            writeln!(f, "and {} elements that the correction moves less", hidden.len())?;
        }
        write!(f, "{}", self.verdict())
    }
}
