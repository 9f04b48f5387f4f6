//! Bootstrap intervals of metrics, and of the difference of two models' metrics on the same rows.

mod error;
mod interval;
mod select_rows;

pub use error::BootstrapError;
pub use interval::Interval;
pub use select_rows::SelectRows;

use crate::distribution::uniform::uniform;
use crate::engine::Key;
use crate::engine::threads::map_tasks;

/// The most groups that are left out in turn to estimate the acceleration.
const GROUPS: usize = 400;

/// Bootstrap confidence intervals of any metric of a prediction: the metric is computed again for rows that are drawn with
/// replacement (Efron 1979). By default intervals are BCa, bias-corrected and accelerated (Efron 1987, "Better Bootstrap Confidence
/// Intervals", eq. 2.3), of level 0.95.
///
/// Rows are taken for independent. The intervals say how much a metric depends on which rows are in the test set, not how much it
/// depends on the training's seed.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::metrics::Bootstrap;
///
/// # let x = Tensor::from_fn([60, 2], |i| (i as f64 * 0.7).sin());
/// # let labels: Vec<usize> = x.data().chunks(2).map(|x| usize::from(x[0] > 0.1)).collect();
/// # let [one, other] = [1u64, 2].map(|seed| { let mut model = Dense::new(2, 2); model.initialise(Key::new(seed)); model });
/// let a = one.predict(&Categorical, &x, Draws(20));
/// let b = other.predict(&Categorical, &x, Draws(20));
/// let bootstrap = Bootstrap::new(1_000, Key::new(1));
/// let accuracy = bootstrap.interval(&a, &labels, |p, y| p.accuracy(y))?;
/// let better_by = bootstrap.difference(&a, &b, &labels, |p, y| p.nll(y))?;
/// println!("accuracy {accuracy}, NLL of a less that of b {better_by}");
/// # assert!(accuracy.lower <= accuracy.estimate && accuracy.estimate <= accuracy.upper);
/// # Ok::<(), elbo::metrics::BootstrapError>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Bootstrap {
    resamples: usize,
    key: Key,
    level: f64,
    is_percentile: bool,
}

impl Bootstrap {
    /// With this number of resamples, drawn by `key`. 1,000 to 10,000 are usual: the ends of an interval of level 0.95 are the
    /// 2.5 % at either end.
    pub fn new(resamples: usize, key: Key) -> Self {
        Bootstrap { resamples, key, level: 0.95, is_percentile: false }
    }

    /// Sets the probability with which intervals contain the metric of all rows there could be.
    pub fn level(self, level: f64) -> Self {
        Bootstrap { level, ..self }
    }

    /// Gives percentile intervals: the quantiles of the resamples' metrics, without the corrections for bias and skewness.
    pub fn percentile(self) -> Self {
        Bootstrap { is_percentile: true, ..self }
    }

    /// The interval of a metric of a prediction and its targets, of which rows are drawn together.
    ///
    /// # Errors
    /// [`BootstrapError`]: options are out of range, there are fewer than two rows, predictions and targets have different numbers
    /// of rows, or the metric is not finite for some resample.
    pub fn interval<P, Y>(
        &self,
        predictions: &P,
        targets: &Y,
        metric: impl Fn(&P, &Y) -> f64 + Sync,
    ) -> Result<Interval, BootstrapError>
    where
        P: SelectRows + Sync,
        Y: SelectRows + Sync,
    {
        let rows = same_rows([("predictions", predictions.rows()), ("targets", targets.rows())])?;
        self.of_rows(rows, |rows| metric(&predictions.select(rows), &targets.select(rows)))
    }

    /// The interval of a metric of the prediction `a` less that of `b`, for the same rows of both: much narrower than the intervals
    /// of both suggest, because what is difficult for one is most often difficult for the other.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn difference<P, Y>(
        &self,
        a: &P,
        b: &P,
        targets: &Y,
        metric: impl Fn(&P, &Y) -> f64 + Sync,
    ) -> Result<Interval, BootstrapError>
    where
        P: SelectRows + Sync,
        Y: SelectRows + Sync,
    {
        let rows = [("the first predictions", a.rows()), ("the second predictions", b.rows())];
        same_rows(rows)?;
        let rows = same_rows([("predictions", a.rows()), ("targets", targets.rows())])?;
        self.of_rows(rows, |rows| {
            let targets = targets.select(rows);
            metric(&a.select(rows), &targets) - metric(&b.select(rows), &targets)
        })
    }

    /// The interval of a metric of two groups of scores that are drawn each by itself, such as
    /// [`auroc`](crate::metrics::auroc) of positives and negatives.
    ///
    /// ```
    /// # use elbo::Key;
    /// # use elbo::metrics::{Bootstrap, auroc};
    /// let (unknown, known) = ([0.9, 0.7, 0.8, 0.4, 0.6], [0.1, 0.5, 0.3, 0.2, 0.65]);
    /// let interval = Bootstrap::new(1_000, Key::new(1)).of_groups(&unknown, &known, auroc)?;
    /// assert_eq!(interval.estimate, auroc(&unknown, &known));
    /// # Ok::<(), elbo::metrics::BootstrapError>(())
    /// ```
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn of_groups(
        &self,
        positives: &[f64],
        negatives: &[f64],
        metric: impl Fn(&[f64], &[f64]) -> f64 + Sync,
    ) -> Result<Interval, BootstrapError> {
        let select = |scores: &[f64], rows: &[usize]| rows.iter().map(|&row| scores[row]).collect::<Vec<f64>>();
        self.of_strata([positives.len(), negatives.len()], |[p, n]| {
            metric(&select(positives, p), &select(negatives, n))
        })
    }

    /// The interval of any function of the indices of rows, which are drawn from 0 to `rows` − 1 with replacement.
    ///
    /// # Errors
    /// As [`interval`](Self::interval).
    pub fn of_rows(&self, rows: usize, metric: impl Fn(&[usize]) -> f64 + Sync) -> Result<Interval, BootstrapError> {
        self.of_strata([rows], |[rows]| metric(rows))
    }

    /// The interval of a function of rows of some strata.
    fn of_strata<const S: usize>(
        &self,
        sizes: [usize; S],
        metric: impl Fn([&[usize]; S]) -> f64 + Sync,
    ) -> Result<Interval, BootstrapError> {
        self.check(&sizes)?;
        let all = sizes.map(|size| (0..size).collect::<Vec<usize>>());
        let borrowed = |rows: &[Vec<usize>; S]| metric(std::array::from_fn(|stratum| &rows[stratum][..]));
        let finite = |what: &dyn Fn() -> String, value: f64| {
            if value.is_finite() { Ok(value) } else { Err(BootstrapError::NotFinite { what: what(), value }) }
        };
        let estimate = finite(&|| "all rows".to_owned(), borrowed(&all))?;
        let drawn = map_tasks(
            self.resamples,
            || all.clone(),
            |rows, resample| {
                for (stratum, rows) in rows.iter_mut().enumerate() {
                    let noise = self.key.at("bootstrap").index(stratum).draw(resample).philox();
                    let size = rows.len();
                    let draw = |i: usize| ((uniform(&noise, i) * size as f64) as usize).min(size - 1);
                    rows.iter_mut().enumerate().for_each(|(i, row)| *row = draw(i));
                }
                borrowed(rows)
            },
        );
        for (resample, value) in drawn.iter().enumerate() {
            finite(&|| format!("resample {resample} (from 0)"), *value)?;
        }
        if self.is_percentile {
            return Ok(Interval::percentile(estimate, drawn, self.level));
        }
        let acceleration = self.acceleration(&all, &borrowed)?;
        Interval::bca(estimate, drawn, acceleration, self.level)
    }

    /// The acceleration, by leaving groups of rows out in turn: single rows if there are few.
    fn acceleration<const S: usize>(
        &self,
        all: &[Vec<usize>; S],
        metric: &(impl Fn(&[Vec<usize>; S]) -> f64 + Sync),
    ) -> Result<f64, BootstrapError> {
        let (mut cubes, mut squares) = (0.0, 0.0);
        for stratum in 0..S {
            let size = all[stratum].len();
            let groups = size.min(GROUPS);
            let without = map_tasks(
                groups,
                || (),
                |(), group| {
                    let mut rows = all.clone();
                    // Rows far apart, because neighbours may be alike, as in data that are sorted by class.
                    let mut place = 0;
                    rows[stratum].retain(|_| {
                        place += 1;
                        (place - 1) % groups != group
                    });
                    metric(&rows)
                },
            );
            if let Some(group) = without.iter().position(|value| !value.is_finite()) {
                let what = match size.div_ceil(groups) {
                    1 => format!("all rows but {group} (from 0)"),
                    _ => format!("all rows but every {groups}th from {group} (from 0) on"),
                };
                return Err(BootstrapError::NotFinite { what, value: without[group] });
            }
            let mean = without.iter().sum::<f64>() / groups as f64;
            let scale = (groups - 1) as f64 / groups as f64;
            cubes += without.iter().map(|value| (scale * (mean - value)).powi(3)).sum::<f64>();
            squares += without.iter().map(|value| (scale * (mean - value)).powi(2)).sum::<f64>();
        }
        Ok(if squares > 0.0 { cubes / (6.0 * squares.powf(1.5)) } else { 0.0 })
    }

    fn check(&self, sizes: &[usize]) -> Result<(), BootstrapError> {
        if self.resamples < 2 {
            let mistake = format!("Bootstrap: at least two resamples are needed, got {}", self.resamples);
            return Err(BootstrapError::Options(mistake));
        }
        let is_level = self.level > 0.0 && self.level < 1.0;
        if !is_level {
            let mistake = format!("Bootstrap: the level must be between 0 and 1, got {}", self.level);
            return Err(BootstrapError::Options(mistake));
        }
        match sizes.iter().find(|size| **size < 2) {
            Some(&rows) => Err(BootstrapError::TooFew { rows }),
            None => Ok(()),
        }
    }
}

fn same_rows([(a, of_a), (b, of_b)]: [(&'static str, usize); 2]) -> Result<usize, BootstrapError> {
    if of_a == of_b { Ok(of_a) } else { Err(BootstrapError::Rows { names: [a, b], rows: [of_a, of_b] }) }
}
