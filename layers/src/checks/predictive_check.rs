//! Posterior predictive checks: statistics of replicated data beside the observed.

use std::fmt;

use super::CheckError;
use super::one_draw::OneDraw;
use super::statistics::{AsNumbers, max, mean, min, sd, zeros};
use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Key, Real};
use crate::likelihood::Likelihood;
use crate::model::Model;
use crate::predict::Predict;
use crate::predictive::SampleTargets;
use crate::samples::Samples;

/// A p value nearer than this to 0 or 1 says that the model does not make such data.
const EXTREME: f64 = 0.01;

/// With fewer draws for each statistic, corrected p values as small as 2 [`EXTREME`] cannot be told from larger ones.
const DRAWS: usize = 100;

/// With fewer draws of all, p values as small as [`EXTREME`] cannot.
const FEWEST_DRAWS: usize = 200;

/// A statistic of the targets.
type Statistic<'a, Y> = Box<dyn Fn(&Y) -> f64 + Sync + 'a>;

/// A posterior predictive check: for each draw of the weights a data set is replicated from the likelihood, with the observed
/// inputs, and statistics of it are compared with those of the observed targets (Rubin 1984; Gelman, Meng and Stern 1996,
/// "Posterior predictive assessment of model fitness via realized discrepancies").
///
/// Choose statistics that the model does not fit by itself: the mean of a regression's targets is always reproduced, their
/// largest value or the share of zeros may not be.
///
/// ```
/// use elbo::Poisson;
/// use elbo::checks::{self, PredictiveCheck};
/// use elbo::prelude::*;
///
/// # let x = Tensor::from_fn([80, 1], |i| (i as f64).sin());
/// # let y = Tensor::from_fn([80, 1], |i| if i % 2 == 0 { 0.0 } else { (i % 7) as f64 });
/// # let data = Examples::new(x, y)?;
/// # let mut model = Dense::new(1, 1);
/// # Elbo::new(Poisson).quiet().fit(&mut model, &data, Epochs(100))?;
/// let check = PredictiveCheck::new(&Poisson, &data)
///     .statistic("share of zeros", checks::zeros)
///     .statistic("first", |y: &Tensor| f64::from(y.data()[0]))
///     .run(&model.posterior(Draws(200)))?;
/// println!("{check}");
/// assert!(!check.is_good(), "half of the counts are 0, which no Poisson distribution with their mean explains");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[must_use = "nothing is checked before `run`"]
pub struct PredictiveCheck<'a, T: Real, L: Likelihood<T>> {
    likelihood: &'a L,
    data: &'a Examples<T, L::Targets>,
    statistics: Vec<(String, Statistic<'a, L::Targets>)>,
    key: Key,
}

impl<'a, T: Real, L: Likelihood<T>> PredictiveCheck<'a, T, L> {
    /// A check of this likelihood on these data, so far without statistics.
    pub fn new(likelihood: &'a L, data: &'a Examples<T, L::Targets>) -> Self {
        PredictiveCheck { likelihood, data, statistics: Vec::new(), key: Key::new(0).at("replicate") }
    }

    /// Adds a statistic of all targets.
    pub fn statistic(mut self, name: &str, statistic: impl Fn(&L::Targets) -> f64 + Sync + 'a) -> Self {
        self.statistics.push((name.to_owned(), Box::new(statistic)));
        self
    }

    /// Adds the mean, the standard deviation, the smallest and the largest target, and the share of zeros.
    pub fn standard(self) -> Self
    where
        L::Targets: AsNumbers,
    {
        self.statistic("mean", mean)
            .statistic("sd", sd)
            .statistic("min", min)
            .statistic("max", max)
            .statistic("share of zeros", zeros)
    }

    /// Sets the seed of the replicated data.
    pub fn seed(self, seed: u64) -> Self {
        PredictiveCheck { key: Key::new(seed).at("replicate"), ..self }
    }

    /// Replicates the data once for each draw of the samples, on all threads, and computes the statistics.
    ///
    /// # Errors
    /// If no statistic was added, examples are masked, or outputs are sampled in place of weights
    /// ([`SampledOutputs`](crate::SampledOutputs)).
    ///
    /// # Panics
    /// As [`Predict::predict`].
    #[track_caller]
    pub fn run<S>(&self, samples: &S) -> Result<PredictiveStatistics, CheckError>
    where
        S: Samples<Model: Model>,
        S::Model: crate::engine::Parameters<Scalar = T>,
        L::Predictive: SampleTargets<L::Targets>,
        L::Targets: Sync,
    {
        self.check(samples.serves_once())?;
        let replicated: Vec<Vec<f64>> = map_tasks(
            samples.count(),
            || (),
            |(), index| {
                let predicted = OneDraw { samples, index }.predict(self.likelihood, self.data.inputs());
                let targets = predicted.sample_targets(self.key.index(index));
                self.statistics.iter().map(|(_, statistic)| statistic(&targets)).collect()
            },
        );
        let statistics = self.statistics.iter().enumerate().map(|(at, (name, statistic))| ReplicatedStatistic {
            name: name.clone(),
            observed: statistic(self.data.targets()),
            replicated: replicated.iter().map(|of_draw| of_draw[at]).collect(),
        });
        Ok(PredictiveStatistics { statistics: statistics.collect() })
    }

    fn check(&self, serves_once: bool) -> Result<(), CheckError> {
        let mistake = if self.statistics.is_empty() {
            "PredictiveCheck: no statistic; add one with `statistic(name, f)`, or `standard()`"
        } else if self.data.mask().is_some() {
            "PredictiveCheck: some targets are masked, and a statistic of all targets would count them; check the examples \
             that were observed"
        } else if serves_once {
            "PredictiveCheck: sampled outputs are those of a different weight for each row; use `posterior(draws)` or \
             `KeptDraws`"
        } else {
            return Ok(());
        };
        Err(CheckError::Options(mistake.to_owned()))
    }
}

impl<T: Real, L: Likelihood<T>> fmt::Debug for PredictiveCheck<'_, T, L> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.statistics.iter().map(|(name, _)| &name[..]).collect();
        f.debug_struct("PredictiveCheck").field("statistics", &names).finish_non_exhaustive()
    }
}

/// The statistics of a [`PredictiveCheck`]. Prints as a table with a verdict.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct PredictiveStatistics {
    /// The statistics, in the order in which they were added.
    pub statistics: Vec<ReplicatedStatistic>,
}

/// A statistic of the observed and of replicated targets.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ReplicatedStatistic {
    /// Its name.
    pub name: String,
    /// Its value for the observed targets.
    pub observed: f64,
    /// Its values for replicated targets, one for each draw.
    pub replicated: Vec<f64>,
}

impl ReplicatedStatistic {
    /// The posterior predictive p value: the share of replicated values above the observed one, those equal to it counted by
    /// half. NaN if a value is NaN.
    pub fn p(&self) -> f64 {
        if self.observed.is_nan() || self.replicated.iter().any(|value| value.is_nan()) {
            return f64::NAN;
        }
        let weight = |value: &f64| match *value {
            value if value > self.observed => 1.0,
            value if value == self.observed => 0.5,
            _ => 0.0,
        };
        self.replicated.iter().map(weight).sum::<f64>() / self.replicated.len() as f64
    }

    /// Twice the distance of p to the nearer end: the share of replicated values that are as far out, on either side.
    pub fn two_sided_p(&self) -> f64 {
        let p = self.p();
        // NaN stays NaN, which `min` would drop.
        if p < 0.5 { 2.0 * p } else { 2.0 * (1.0 - p) }
    }

    /// Whether p is at least 0.01 from 0 and from 1: for a statistic that was chosen before, by itself.
    pub fn is_good(&self) -> bool {
        (EXTREME..=1.0 - EXTREME).contains(&self.p())
    }

    /// The `share` quantile of the replicated values, without interpolation.
    fn quantile(&self, share: f64) -> f64 {
        let mut values = self.replicated.clone();
        values.sort_by(f64::total_cmp);
        values[((values.len() - 1) as f64 * share).round() as usize]
    }
}

/// Whether a corrected p value is likely; NaN is not.
fn is_likely(p: f64) -> bool {
    p >= 2.0 * EXTREME
}

impl PredictiveStatistics {
    /// The two-sided p value of each statistic, corrected for their number: of m statistics of a model that fits, each at a level α,
    /// one is below it with a probability of up to mα; these are below α with a probability of α at most (Holm 1979, "A simple
    /// sequentially rejective multiple test procedure"). NaN where p is.
    pub fn corrected(&self) -> Vec<f64> {
        let p: Vec<f64> = self.statistics.iter().map(ReplicatedStatistic::two_sided_p).collect();
        let mut order: Vec<usize> = (0..p.len()).collect();
        order.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
        let (mut corrected, mut largest) = (vec![f64::NAN; p.len()], 0.0);
        // NaN is last, and counts as a statistic.
        for (rank, &at) in order.iter().enumerate().filter(|(_, at)| !p[**at].is_nan()) {
            largest = f64::max(largest, (p.len() - rank) as f64 * p[at]).min(1.0);
            corrected[at] = largest;
        }
        corrected
    }

    /// Whether no [corrected](PredictiveStatistics::corrected) p value is below 0.02.
    pub fn is_good(&self) -> bool {
        self.corrected().into_iter().all(is_likely)
    }

    /// In words: which statistics the model does not reproduce.
    pub fn verdict(&self) -> String {
        let draws = self.statistics.first().map_or(0, |statistic| statistic.replicated.len());
        let corrected = self.corrected();
        let bad = self.statistics.iter().zip(&corrected).filter(|(_, p)| !is_likely(**p));
        let found: Vec<String> = bad
            .map(|(statistic, corrected)| match statistic.p() {
                p if p.is_nan() => format!("`{}` is NaN for the observed or for some replicated data", statistic.name),
                p if p < 0.5 => {
                    format!("`{}` is smaller in replicated data (p {p:.3}, corrected {corrected:.3})", statistic.name)
                }
                p => format!("`{}` is larger in replicated data (p {p:.3}, corrected {corrected:.3})", statistic.name),
            })
            .collect();
        let verdict = match &found[..] {
            [] => "good: replicated data are like the observed in these statistics".to_owned(),
            found => format!("misfit: {}; the likelihood or the model does not make such data", found.join(", ")),
        };
        let fewest = FEWEST_DRAWS.max(DRAWS * self.statistics.len());
        if draws >= fewest {
            return verdict;
        }
        format!("{verdict} (from {draws} draws only; take at least {fewest})")
    }
}

impl fmt::Display for PredictiveStatistics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.statistics.iter().map(|statistic| statistic.name.chars().count()).max().unwrap_or(0).max(9);
        writeln!(
            f,
            "{:width$} {:>12} {:>12} {:>12} {:>12} {:>6} {:>9}",
            "statistic", "observed", "5 %", "median", "95 %", "p", "corrected"
        )?;
        for (statistic, corrected) in self.statistics.iter().zip(self.corrected()) {
            let [low, median, high] = [0.05, 0.5, 0.95].map(|share| statistic.quantile(share));
            writeln!(
                f,
                "{:width$} {:>12.4} {low:>12.4} {median:>12.4} {high:>12.4} {:>6.3} {corrected:>9.3}",
                statistic.name,
                statistic.observed,
                statistic.p()
            )?;
        }
        write!(f, "{}", self.verdict())
    }
}
