//! Means, standard deviations and entropies of the families other than the mean-field normal.

use std::f64::consts::{E, LN_2, SQRT_2, TAU};

use super::{KnownMoments, Moments};
use crate::distribution::log_scale::log_scales;
use crate::engine::{Real, Var};
use crate::posterior::{FullCovariance, LowRank, MatrixNormal, MeanFieldLaplace, Radial};
use crate::posterior::{OnTape, radial};
use crate::sampling::Cx;

impl<T: Real> KnownMoments for LowRank<T> {
    /// Σᵢᵢ = σᵢ² (1 + ‖Vᵢ‖²), and ½ ln det Σ = Σ ln σ + ½ ln det(I + V Vᵀ).
    fn moments<'t>(&'t self, cx: Cx<'t, T>) -> Moments<'t, T> {
        let [mean, rho, loadings] =
            [&self.diagonal.mean, &self.diagonal.rho, &self.loadings].map(|parameter| cx.tape().param(parameter));
        let wider = (loadings.square().sum_axes(&[0], false) + 1.0).sqrt();
        Moments {
            mean,
            sd: rho.softplus() * wider.reshape(rho.shape()),
            ln_volume: log_scales(rho) + Self::half_log_det(loadings),
        }
    }
}

/// √(L Lᵀ)ᵢᵢ: the lengths of L's rows.
fn row_lengths<T: Real>(factor: OnTape<'_, T>) -> Var<'_, T> {
    factor.dense().norm_axes(&[1], false)
}

impl<T: Real> KnownMoments for FullCovariance<T> {
    fn moments<'t>(&'t self, cx: Cx<'t, T>) -> Moments<'t, T> {
        let factor = self.factor.param(cx);
        Moments { mean: cx.tape().param(&self.mean), sd: row_lengths(factor), ln_volume: factor.log_det() }
    }
}

impl<T: Real> KnownMoments for MatrixNormal<T> {
    /// The standard deviation of element (i, j) is ‖Aᵢ‖ ‖Bⱼ‖.
    fn moments<'t>(&'t self, cx: Cx<'t, T>) -> Moments<'t, T> {
        let [rows, columns] = [&self.rows, &self.columns].map(|factor| factor.rows());
        let [a, b] = [&self.rows, &self.columns].map(|factor| factor.param(cx));
        Moments {
            mean: cx.tape().param(&self.mean),
            sd: row_lengths(a).reshape([rows, 1]) * row_lengths(b).reshape([1, columns]),
            ln_volume: a.log_det() * columns as f64 + b.log_det() * rows as f64,
        }
    }
}

impl<T: Real> KnownMoments for Radial<T> {
    /// Each element of the radial perturbation has the variance 1/n: see [`radial`](super::super::radial).
    fn moments<'t>(&'t self, cx: Cx<'t, T>) -> Moments<'t, T> {
        let [mean, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.tape().param(parameter));
        let n = rho.len();
        let of_normals = 0.5 * (TAU * E).ln() * n as f64;
        Moments {
            mean,
            sd: rho.softplus() * (n.max(1) as f64).sqrt().recip(),
            ln_volume: log_scales(rho) + (radial::entropy(n) - of_normals),
        }
    }
}

impl<T: Real> KnownMoments for MeanFieldLaplace<T> {
    /// The standard deviation is √2 b, and the entropy ln 2be.
    fn moments<'t>(&'t self, cx: Cx<'t, T>) -> Moments<'t, T> {
        let [mean, rho] = [&self.parameters.mean, &self.parameters.rho].map(|parameter| cx.tape().param(parameter));
        let beside_a_normal = LN_2 + 1.0 - 0.5 * (TAU * E).ln();
        Moments { mean, sd: rho.softplus() * SQRT_2, ln_volume: log_scales(rho) + beside_a_normal * rho.len() as f64 }
    }
}
