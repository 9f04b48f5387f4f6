//! Fits prior precisions: by the marginal likelihood, and by the negative log-likelihood of held-out data.

use std::ops::Range;

use crate::data::{Examples, Minibatch, Targets};
use crate::engine::threads::map_tasks;
use crate::engine::{Real, Tape, Tensor};
use crate::infer::laplace::blocks::Block;
use crate::infer::laplace::fit::check;
use crate::infer::laplace::jacobian::Jacobian;
use crate::infer::laplace::maximum::maximum;
use crate::infer::laplace::{LaplaceError, LaplacePosterior, PriorGroups};
use crate::likelihood::Likelihood;
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::model::Bayesian;
use crate::samples::Draws;

/// The range of fitted precisions.
const RANGE: [f64; 2] = [1e-8, 1e10];

/// The range of precisions tried on held-out data, and their number.
const HELD_OUT: ([f64; 2], usize) = ([1e-4, 1e4], 33);

/// How many times as many Jacobians of held-out data are held at a time as of others, so that few have to be computed in groups.
const HELD: usize = 8;

/// The most iterations of the fixed point, and the change of ln precision at which they end.
const ITERATIONS: usize = 1000;
const SETTLED: f64 = 1e-8;

/// A negative eigenvalue of a curvature that rounding explains, relative to its diagonal.
const ROUNDING: f64 = 1e-7;

impl<M: Bayesian> LaplacePosterior<'_, M> {
    /// Replaces the precision of the normal priors by this one for all chosen weights. The means of the priors stay, and so
    /// does the mode, which is exact only for the prior that it was found with.
    ///
    /// # Errors
    /// [`LaplaceError::Options`] if it is not positive and finite; [`LaplaceError::Prior`] if a prior is not normal;
    /// [`LaplaceError::Curvature`].
    pub fn prior_precision(self, precision: f64) -> Result<Self, LaplaceError> {
        if !(precision > 0.0 && precision.is_finite()) {
            let mistake = format!("prior_precision: it must be positive and finite, got {precision}");
            return Err(LaplaceError::Options(mistake));
        }
        self.check_normal()?;
        let all = vec![precision; self.num_weights()];
        self.with_precision(all)
    }

    /// Sets the prior precisions to those of the largest [evidence](LaplacePosterior::log_evidence), one for each group of
    /// weights, between 1e-8 and 1e10 (MacKay 1992; Immer et al. 2021, "Scalable marginal likelihood estimation for model
    /// selection in deep learning"). The means of the priors and the mode stay.
    ///
    /// # Errors
    /// [`LaplaceError::Prior`] if a prior is not normal; [`LaplaceError::Indefinite`] if the likelihood's curvature has a negative
    /// eigenvalue; [`LaplaceError::PriorPrecision`] if the evidence is not finite for any precision.
    pub fn fit_prior(self, groups: PriorGroups) -> Result<Self, LaplaceError> {
        self.check_normal()?;
        self.check_semidefinite()?;
        let groups = groups.of(&self.mode.chosen);
        let is_within = |block: &Block, group: &[usize]| block.weights.clone().all(|weight| group.contains(&weight));
        let separate = self.blocks.iter().all(|block| groups.iter().any(|group| is_within(block, group)));
        let precision = if separate { self.by_group(&groups)? } else { self.by_fixed_point(&groups)? };
        self.with_precision(precision)
    }

    /// # Errors
    /// If a prior is not normal, so that it has no precision to fit.
    fn check_normal(&self) -> Result<(), LaplaceError> {
        let Some(weight) = &self.prior.not_normal else { return Ok(()) };
        let mistake = "is not normal, so it has no precision to set; take a normal prior, or exclude the weight";
        Err(LaplaceError::Prior { weight: weight.clone(), mistake: mistake.to_owned() })
    }

    /// # Errors
    /// If the curvature of the likelihood has a negative eigenvalue, beyond rounding.
    fn check_semidefinite(&self) -> Result<(), LaplaceError> {
        for block in &self.blocks {
            let slack = ROUNDING * block.largest();
            if slack > 0.0
                && let Err(bad) = block.factor(&vec![slack; block.elements.len()])
            {
                let (weight, element) = self.mode.chosen.place(block.elements.start + bad.element);
                return Err(LaplaceError::Indefinite { weight: weight.name.clone(), element, value: bad.value });
            }
        }
        Ok(())
    }

    /// The elements of the weights of a group.
    fn elements_of(&self, group: &[usize]) -> Vec<usize> {
        group.iter().flat_map(|&weight| self.mode.chosen.weights[weight].elements.clone()).collect()
    }

    /// The precision of each group by itself, if no block has weights of two groups.
    fn by_group(&self, groups: &[Vec<usize>]) -> Result<Vec<f64>, LaplaceError> {
        let mut all = vec![0.0; self.num_weights()];
        for group in groups {
            let elements = self.elements_of(group);
            let blocks: Vec<&Block> = self.blocks.iter().filter(|b| group.contains(&b.weights.start)).collect();
            let evidence = |precision: f64| {
                let normal: f64 = elements.iter().map(|&i| self.prior.normal(i, precision)).sum();
                let of_block = |block: &&Block| {
                    let n = block.elements.len();
                    block.factor(&vec![precision; n]).map_or(f64::NAN, |factor| factor.log_determinant(n))
                };
                normal - 0.5 * blocks.iter().map(of_block).sum::<f64>()
            };
            let precision = maximum(RANGE.map(f64::ln), |x| evidence(x.exp())).ok_or_else(no_evidence)?.exp();
            elements.iter().for_each(|&i| all[i] = precision);
        }
        Ok(all)
    }

    /// The fixed point δ = γ/‖w − m‖² of each group's precision, with the effective number of its weights γ = d − δ tr P⁻¹
    /// (MacKay 1992, "Bayesian interpolation", eq. 4.8), from the best single precision.
    fn by_fixed_point(&self, groups: &[Vec<usize>]) -> Result<Vec<f64>, LaplaceError> {
        let mut all = self.by_group(&[(0..self.mode.chosen.weights.len()).collect()])?;
        let elements: Vec<Vec<usize>> = groups.iter().map(|group| self.elements_of(group)).collect();
        for _ in 0..ITERATIONS {
            let mut variances = Vec::with_capacity(all.len());
            for block in &self.blocks {
                let factor = block.factor(&all[block.elements.clone()]).map_err(|_| no_evidence())?;
                variances.extend(block.variances(&factor));
            }
            let mut change: f64 = 0.0;
            for elements in &elements {
                let before = all[elements[0]];
                let effective: f64 = elements.iter().map(|&i| 1.0 - before * variances[i]).sum();
                let squares: f64 = elements.iter().map(|&i| self.prior.distance[i].powi(2)).sum();
                let after = (effective.max(0.0) / squares).clamp(RANGE[0], RANGE[1]);
                let after = if after.is_nan() { RANGE[1] } else { after };
                change = change.max((after / before).ln().abs());
                elements.iter().for_each(|&i| all[i] = after);
            }
            if change < SETTLED {
                break;
            }
        }
        Ok(all)
    }
}

/// Some held-out examples with their Jacobians.
type HeldOut<T, Y> = (Minibatch<T, Y>, Jacobian<T>);

impl<M: Bayesian + Sync> LaplacePosterior<'_, M> {
    /// Sets one prior precision for all chosen weights: that of the smallest negative log-likelihood of held-out data under
    /// the linearised prediction with these draws, of 33 between 1e-4 and 1e4. Jacobians are computed once for all of them.
    ///
    /// # Errors
    /// Before the first Jacobian: [`LaplaceError::Prior`] if a prior is not normal; [`LaplaceError::Indefinite`] as
    /// [`fit_prior`](LaplacePosterior::fit_prior); [`LaplaceError::Model`] and [`LaplaceError::Options`] if inputs or targets do not
    /// fit the model. [`LaplaceError::PriorPrecision`] if the NLL is not finite for any precision.
    pub fn fit_prior_on<L>(
        mut self,
        likelihood: &L,
        held_out: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
    ) -> Result<Self, LaplaceError>
    where
        L: Likelihood<M::Scalar>,
        L::Targets: Sync + Send,
    {
        self.check_normal()?;
        self.check_semidefinite()?;
        let (found, expected) =
            (check(likelihood, self.mode.model, &self.mode.forward, held_out, "held-out data")?, &self.mode.axes);
        if found != *expected {
            return Err(LaplaceError::Options(format!(
                "fit_prior_on: the output for one held-out example has the shape {found:?}, but {expected:?} for the data of \
                 `fit`; prepare both in the same way"
            )));
        }
        let ([low, high], count) = HELD_OUT;
        let tried: Vec<f64> = (0..count).map(|i| low * (high / low).powf(i as f64 / (count - 1) as f64)).collect();
        let mut sums = vec![0.0; count];
        let [at_once, together] = self.mode.at_once();
        let group = HELD * together * at_once;
        for first in (0..held_out.len()).step_by(group) {
            let parts = self.held_out(held_out, first..held_out.len().min(first + group));
            for (sum, &precision) in sums.iter_mut().zip(&tried) {
                let prior = self.prior.with_precision(vec![precision; self.num_weights()]);
                let factors = self.blocks.iter().map(|block| block.factor(&prior.precision[block.elements.clone()]));
                let Ok(factors) = factors.collect::<Result<Vec<_>, _>>() else {
                    *sum = f64::NAN;
                    continue;
                };
                (self.prior, self.factors) = (prior, factors);
                let changes = self.changes(draws);
                let nats = |part| self.nll_of_part(likelihood, part, &changes, draws.count());
                *sum += map_tasks(parts.len(), || (), |(), part| nats(&parts[part])).into_iter().sum::<f64>();
            }
        }
        let finite = sums.iter().zip(&tried).filter(|(sum, _)| sum.is_finite());
        let Some((_, &precision)) = finite.min_by(|a, b| a.0.total_cmp(b.0)) else {
            return Err(LaplaceError::PriorPrecision { criterion: "held-out NLL", low, high });
        };
        let all = vec![precision; self.num_weights()];
        self.with_precision(all)
    }

    /// These rows of the data in batches, with their Jacobians.
    fn held_out<Y: Targets + Sync + Send>(
        &self,
        data: &Examples<M::Scalar, Y>,
        rows: Range<usize>,
    ) -> Vec<HeldOut<M::Scalar, Y>> {
        let [at_once, _] = self.mode.at_once();
        map_tasks(
            rows.len().div_ceil(at_once),
            || (),
            |(), batch| {
                let (start, mut some) = (rows.start + batch * at_once, data.empty_minibatch());
                data.gather(&(start..rows.end.min(start + at_once)).collect::<Vec<_>>(), &mut some);
                let jacobian = self.mode.jacobian(some.inputs());
                (some, jacobian)
            },
        )
    }

    /// The negative log-likelihood of these examples under the linearised prediction with these changes of the weights, (draws,
    /// d), in nats; weighted.
    fn nll_of_part<L>(
        &self,
        likelihood: &L,
        (batch, jacobian): &HeldOut<M::Scalar, L::Targets>,
        changes: &[f64],
        draws: usize,
    ) -> f64
    where
        L: Likelihood<M::Scalar>,
    {
        let outputs = self.moved(jacobian, changes, draws);
        let rows = jacobian.rows;
        let shape: Vec<usize> = [rows].iter().chain(&self.mode.axes).copied().collect();
        let of_draw = |values: &[M::Scalar]| {
            let values = Tensor::new(&shape[..], values);
            let tape = Tape::inference();
            let terms = batch.observed().log_likelihood(likelihood, tape.input(&values));
            let width = (terms.len() / rows).max(1);
            terms.value().chunks_exact(width).map(|terms| terms.iter().map(|x| x.to_f64()).sum()).collect::<Vec<f64>>()
        };
        let nats: Vec<Vec<f64>> = outputs.chunks_exact(outputs.len() / draws).map(of_draw).collect();
        let weight = |row: usize| batch.observed().weights().map_or(1.0, |weights| weights.data()[row].to_f64());
        let of_row = |row: usize| match weight(row) {
            0.0 => 0.0,
            weight => -weight * log_mean_exp(nats.iter().map(|of_draw| of_draw[row])),
        };
        (0..rows).map(of_row).sum()
    }
}

fn no_evidence() -> LaplaceError {
    LaplaceError::PriorPrecision { criterion: "log evidence", low: RANGE[0], high: RANGE[1] }
}
