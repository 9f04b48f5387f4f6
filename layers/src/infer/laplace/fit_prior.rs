//! Fits prior precisions: by the marginal likelihood, and by the negative log-likelihood of held-out data.

use crate::data::Examples;
use crate::engine::{Real, Tape, Tensor};
use crate::infer::laplace::blocks::Block;
use crate::infer::laplace::maximum::maximum;
use crate::infer::laplace::{LaplaceError, LaplacePosterior, PriorGroups};
use crate::infer::vi::TrainError;
use crate::likelihood::Likelihood;
use crate::metrics::log_mean_exp::log_mean_exp;
use crate::model::{Bayesian, Model};
use crate::samples::Draws;

/// The range of fitted precisions.
const RANGE: [f64; 2] = [1e-8, 1e10];

/// The range of precisions tried on held-out data, and their number.
const HELD_OUT: ([f64; 2], usize) = ([1e-4, 1e4], 33);

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

impl<M: Bayesian + Model + Sync> LaplacePosterior<'_, M> {
    /// Sets one prior precision for all chosen weights: that of the smallest negative log-likelihood of held-out data under
    /// the linearised prediction with these draws, of 33 between 1e-4 and 1e4.
    ///
    /// # Errors
    /// [`LaplaceError::Prior`] if a prior is not normal; [`LaplaceError::Indefinite`] as [`fit_prior`](LaplacePosterior::fit_prior);
    /// [`LaplaceError::Model`] if the targets do not fit; [`LaplaceError::PriorPrecision`] if the NLL is not finite for any precision.
    ///
    /// # Panics
    /// As [`outputs`](LaplacePosterior::outputs).
    #[track_caller]
    pub fn fit_prior_on<L>(
        mut self,
        likelihood: &L,
        held_out: &Examples<M::Scalar, L::Targets>,
        draws: Draws,
    ) -> Result<Self, LaplaceError>
    where
        L: Likelihood<M::Scalar>,
    {
        self.check_normal()?;
        self.check_semidefinite()?;
        likelihood.check(&self.mode.axes, held_out.targets()).map_err(TrainError::Targets)?;
        let ([low, high], count) = HELD_OUT;
        let tried = (0..count).map(|i| low * (high / low).powf(i as f64 / (count - 1) as f64));
        let mut best: Option<(f64, f64)> = None;
        for precision in tried {
            let prior = self.prior.with_precision(vec![precision; self.num_weights()]);
            let factors = self.blocks.iter().map(|block| block.factor(&prior.precision[block.elements.clone()]));
            let Ok(factors) = factors.collect::<Result<Vec<_>, _>>() else { continue };
            (self.prior, self.factors) = (prior, factors);
            let nll = self.held_out_nll(likelihood, held_out, draws);
            if nll.is_finite() && best.is_none_or(|(_, least)| nll < least) {
                best = Some((precision, nll));
            }
        }
        let Some((precision, _)) = best else {
            return Err(LaplaceError::PriorPrecision { criterion: "held-out NLL", low, high });
        };
        let all = vec![precision; self.num_weights()];
        self.with_precision(all)
    }

    /// The mean negative log-likelihood of the linearised prediction, in nats per example.
    #[track_caller]
    fn held_out_nll<L>(&self, likelihood: &L, data: &Examples<M::Scalar, L::Targets>, draws: Draws) -> f64
    where
        L: Likelihood<M::Scalar>,
    {
        let outputs = self.outputs(data.inputs(), draws);
        let each = outputs.tensor().len() / draws.count();
        let shape: Vec<usize> = outputs.tensor().shape()[1..].to_vec();
        let of_draw = |values: &[M::Scalar]| {
            let values = Tensor::new(&shape[..], values);
            let tape = Tape::inference();
            let terms = data.observed().log_likelihood(likelihood, tape.input(&values));
            let width = (terms.len() / data.len()).max(1);
            terms.value().chunks_exact(width).map(|terms| terms.iter().map(|x| x.to_f64()).sum()).collect::<Vec<f64>>()
        };
        let nats: Vec<Vec<f64>> = outputs.tensor().data().chunks_exact(each).map(of_draw).collect();
        let weight = |row: usize| data.weights().map_or(1.0, |weights| weights.data()[row].to_f64());
        let of_row = |row: usize| match weight(row) {
            0.0 => 0.0,
            weight => -weight * log_mean_exp(nats.iter().map(|of_draw| of_draw[row])),
        };
        (0..data.len()).map(of_row).sum::<f64>() / data.len() as f64
    }
}

fn no_evidence() -> LaplaceError {
    LaplaceError::PriorPrecision { criterion: "log evidence", low: RANGE[0], high: RANGE[1] }
}
