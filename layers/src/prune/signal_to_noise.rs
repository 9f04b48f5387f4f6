//! `SignalToNoise`: |μ|/σ of every random weight.

use super::{Kept, PruneError};
use crate::engine::{Key, Path, Real, Tape};
use crate::estimator::Variance;
use crate::model::{Bayesian, Drawn};
use crate::pattern::{matches, nearest};
use crate::samples::Samples;
use crate::weights::Weights;

/// By how much a product may fall short of a whole number, relative to it.
const ROUNDING: f64 = 1e-12;

/// The signal-to-noise ratio |μ|/σ of every element of every random weight (Blundell et al. 2015, section 5.1): the posterior mean
/// beside the posterior standard deviation. An element without noise has the ratio ∞, and one that is 0 without noise 0.
#[derive(Clone, Debug, PartialEq)]
pub struct SignalToNoise {
    weights: Vec<Ratios>,
}

#[derive(Clone, Debug, PartialEq)]
struct Ratios {
    name: String,
    ratios: Vec<f64>,
    /// Whether elements may be removed.
    is_chosen: bool,
}

/// A point of a pruning curve.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PruningPoint {
    /// The share of weights that are removed.
    pub removed: f64,
    /// The least ratio of a weight that is kept; ∞ if none is.
    pub threshold: f64,
    /// The metric of the pruned model.
    pub value: f64,
}

impl SignalToNoise {
    /// The ratios of a model's own posterior, from the means and standard deviations of its families.
    ///
    /// # Errors
    /// [`PruneError::Dependent`] for a family whose elements depend on each other, such as
    /// [`FullCovariance`](crate::FullCovariance): use [`of_samples`](Self::of_samples); [`PruneError::NotFinite`].
    pub fn of<M: Bayesian>(model: &M) -> Result<Self, PruneError> {
        let tape = Tape::inference();
        let net = model.draw(&tape, Key::new(0));
        let (mut weights, mut mistake) = (Vec::new(), None);
        net.walk(&Path::ROOT, &mut |path, weight| {
            let mean = weight.mean_var();
            let means = || mean.value()[..mean.len()].iter().map(|x| x.to_f64());
            let ratios = match weight.variance_var() {
                Variance::Zero => ratios(&path.to_string(), means().zip(std::iter::repeat(0.0))),
                Variance::Independent(variance) => {
                    // A variance may be shared: one for all elements.
                    let sds = variance.value().iter().map(|x| x.to_f64().sqrt()).cycle();
                    ratios(&path.to_string(), means().zip(sds))
                }
                Variance::Joint => Err(PruneError::Dependent { name: path.to_string() }),
            };
            match ratios {
                Ok(ratios) => weights.push(Ratios { name: path.to_string(), ratios, is_chosen: true }),
                Err(error) => mistake = mistake.take().or(Some(error)),
            }
        });
        mistake.map_or(Ok(SignalToNoise { weights }), Err)
    }

    /// The ratios of any samples of the weights: chains, an ensemble, Laplace's approximation, draws of a family whose elements depend
    /// on each other. Means and standard deviations (divided by the number of draws less 1) are those of the draws.
    ///
    /// # Errors
    /// [`PruneError::Draws`] if there are fewer than two draws; [`PruneError::NotFinite`].
    pub fn of_samples<S: Samples>(samples: &S) -> Result<Self, PruneError> {
        let count = samples.count();
        if count < 2 {
            return Err(PruneError::Draws { draws: count });
        }
        let mut tape = Tape::inference();
        let mut all: Vec<(String, Vec<Running>)> = Vec::new();
        for index in 0..count {
            tape.reset();
            let weights = Weights::of(&samples.draw(&tape, index));
            for (place, entry) in weights.entries().iter().enumerate() {
                if index == 0 {
                    all.push((entry.name.to_string(), vec![Running::default(); entry.tensor.len()]));
                }
                let values = entry.tensor.data().iter();
                all[place].1.iter_mut().zip(values).for_each(|(running, w)| running.add(w.to_f64(), index + 1));
            }
        }
        let weights = all.into_iter().map(|(name, elements)| {
            let moments = elements.iter().map(|of| (of.mean, (of.squares / (count - 1) as f64).sqrt()));
            Ok(Ratios { ratios: ratios(&name, moments)?, name, is_chosen: true })
        });
        Ok(SignalToNoise { weights: weights.collect::<Result<_, PruneError>>()? })
    }

    /// Allows to remove only weights that match one of these patterns (`*` stands for any characters, and a part's name for all of
    /// its weights); all others are kept, and do not count in shares.
    ///
    /// # Errors
    /// [`PruneError::Options`] if a pattern matches no weight.
    pub fn only(mut self, patterns: &[&str]) -> Result<Self, PruneError> {
        let names = || self.weights.iter().map(|weight| &weight.name[..]);
        if let Some(pattern) = patterns.iter().find(|pattern| !names().any(|name| matches(pattern, name))) {
            return Err(PruneError::Options(format!(
                "SignalToNoise: `{pattern}` matches no random weight of the model; the nearest names are {}",
                nearest(pattern, names())
            )));
        }
        for weight in &mut self.weights {
            weight.is_chosen = patterns.iter().any(|pattern| matches(pattern, &weight.name));
        }
        Ok(self)
    }

    /// The weights' names, in order, each with the ratios of its elements.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = (&str, &[f64])> {
        self.weights.iter().map(|weight| (&weight.name[..], &weight.ratios[..]))
    }

    /// The ratios of the weight `name`, element by element.
    pub fn get(&self, name: &str) -> Option<&[f64]> {
        self.weights.iter().find(|weight| weight.name == name).map(|weight| &weight.ratios[..])
    }

    /// All elements' ratios except for this share with the least; on ties the first elements are removed first. Shares are of the
    /// elements that may be removed, rounded down to a whole number of them.
    ///
    /// # Errors
    /// [`PruneError::Options`] if the share is not between 0 and 1.
    pub fn remove(&self, share: f64) -> Result<Kept, PruneError> {
        let is_share = (0.0..=1.0).contains(&share);
        if !is_share {
            return Err(PruneError::Options(format!("SignalToNoise: the share must be between 0 and 1, got {share}")));
        }
        let chosen = self.weights.iter().enumerate().filter(|(_, weight)| weight.is_chosen);
        let mut places: Vec<(f64, usize, usize)> = chosen
            .flat_map(|(of, weight)| {
                weight.ratios.iter().enumerate().map(move |(element, ratio)| (*ratio, of, element))
            })
            .collect();
        places.sort_unstable_by(|a, b| a.0.total_cmp(&b.0).then((a.1, a.2).cmp(&(b.1, b.2))));
        // 0.29 of 100 is 28.999… in floating point.
        let count = (share * places.len() as f64 * (1.0 + ROUNDING)) as usize;
        let mut masks: Vec<Vec<bool>> = self.weights.iter().map(|weight| vec![true; weight.ratios.len()]).collect();
        places[..count].iter().for_each(|(_, of, element)| masks[*of][*element] = false);
        Ok(self.kept(masks))
    }

    /// The elements with a ratio of at least `threshold`, and those that may not be removed.
    ///
    /// # Errors
    /// [`PruneError::Options`] if the threshold is NaN or negative.
    pub fn at_least(&self, threshold: f64) -> Result<Kept, PruneError> {
        let is_threshold = threshold >= 0.0;
        if !is_threshold {
            let mistake = format!("SignalToNoise: the threshold must not be negative, got {threshold}");
            return Err(PruneError::Options(mistake));
        }
        let mask =
            |weight: &Ratios| weight.ratios.iter().map(|ratio| !weight.is_chosen || *ratio >= threshold).collect();
        Ok(self.kept(self.weights.iter().map(mask).collect()))
    }

    /// The metric of the pruned model for each of these shares of removed weights.
    ///
    /// # Errors
    /// As [`remove`](Self::remove), and the errors of `metric`.
    pub fn curve(
        &self,
        shares: &[f64],
        mut metric: impl FnMut(&Kept) -> Result<f64, PruneError>,
    ) -> Result<Vec<PruningPoint>, PruneError> {
        let point = |&removed: &f64| {
            let kept = self.remove(removed)?;
            let chosen = self.weights.iter().filter(|weight| weight.is_chosen);
            let left = chosen.flat_map(|weight| {
                let mask = kept.get(&weight.name).unwrap_or_default();
                weight.ratios.iter().zip(mask).filter(|(_, is_kept)| **is_kept).map(|(ratio, _)| *ratio)
            });
            Ok(PruningPoint { removed, threshold: left.fold(f64::INFINITY, f64::min), value: metric(&kept)? })
        };
        shares.iter().map(point).collect()
    }

    fn kept(&self, masks: Vec<Vec<bool>>) -> Kept {
        Kept::new(self.weights.iter().map(|weight| weight.name.clone()).zip(masks).collect())
    }
}

/// Mean and squared deviations of the draws so far (Welford 1962).
#[derive(Clone, Copy, Debug, Default)]
struct Running {
    mean: f64,
    squares: f64,
}

impl Running {
    fn add(&mut self, value: f64, count: usize) {
        let away = value - self.mean;
        self.mean += away / count as f64;
        self.squares += away * (value - self.mean);
    }
}

/// # Errors
/// If a mean or a standard deviation is not finite.
fn ratios(name: &str, moments: impl Iterator<Item = (f64, f64)>) -> Result<Vec<f64>, PruneError> {
    let each = moments.enumerate().map(|(element, (mean, sd))| {
        if mean.is_finite() && sd.is_finite() {
            return Ok(ratio(mean, sd));
        }
        Err(PruneError::NotFinite { name: name.to_owned(), element, mean, sd })
    });
    each.collect()
}

fn ratio(mean: f64, sd: f64) -> f64 {
    if mean == 0.0 { 0.0 } else { mean.abs() / sd }
}
