//! `SpikeAndSlab`: the posterior whose elements are zero or normal.

mod gate;

use crate::engine::{Parameters, Path, Real, Role, Tape, Tensor, Var};
use crate::engine::{Shape, Visitor, VisitorMut};
use crate::estimator::Variance;
use crate::posterior::MeanField;
use crate::posterior::{Posterior, same_shape};
use crate::properties::{No, Yes};
use crate::sampling::Cx;

/// λ of every weight before training: an inclusion probability of 0.9.
const INITIAL_INCLUSION: f64 = 2.197_224_577_336_219_4;

/// Every element is zero, or with probability π = sigmoid(λ) a normal N(μ, σ²) (Mitchell and Beauchamp 1988; as a
/// posterior, Titsias and Lázaro-Gredilla 2011): a sparse posterior.
///
/// A sample is z (μ + σ ε), where z is 1 if Φ(ν) < π and else 0, so that it contains exact zeros. The noise ε has the
/// weight's name, and ν, also normal and of the weight's shape, is named `gate` below it.
///
/// A gate z is not differentiable. The gradient with respect to λ is that of the expected loss, for every element
/// ∂/∂π E f = E \[f(z = 1) − f(z = 0)\] (the local expectation: Titsias and Lázaro-Gredilla 2015), to first order in that
/// element: (μ + σ ε) ∂f/∂w, for an open and for a closed gate (the straight-through estimator: Bengio, Léonard and
/// Courville 2013). It is exact if f is linear in the element. A relaxed gate (Maddison, Mnih and Teh 2017) would give the
/// exact gradient of another loss, with weights that are never zero, which does not match the divergence of binary gates.
///
/// Local reparameterisation samples outputs with the exact mean and variance, which are differentiable in λ, from a normal
/// distribution, which approximates the sum of many weights. Flipout requires symmetry and does not apply. It does not have
/// a density, because zero has positive probability. The divergence from [`SpikeAndSlabPrior`](struct@crate::SpikeAndSlabPrior) has a closed
/// form, and that from a prior without a spike is infinite.
#[derive(Clone, Debug)]
pub struct SpikeAndSlab<T: Real = f32> {
    /// μ and σ.
    pub slab: MeanField<T>,
    /// λ, the log-odds of inclusion.
    pub inclusion: Tensor<T>,
}

impl<T: Real> SpikeAndSlab<T> {
    /// A weight of this shape: the slab initialised as by [`MeanField::new`], and inclusion probabilities of 0.9.
    #[track_caller]
    pub fn new(shape: impl Into<Shape>) -> Self {
        let slab = MeanField::new(shape);
        let inclusion = Tensor::full(slab.mean.shape(), INITIAL_INCLUSION);
        SpikeAndSlab { slab, inclusion }
    }

    /// With this slab and these inclusion probabilities.
    ///
    /// # Panics
    /// If the shapes differ, or a probability is not between 0 and 1, both excluded.
    #[track_caller]
    pub fn with_inclusion(slab: MeanField<T>, inclusion: &Tensor<T>) -> Self {
        assert!(
            slab.mean.shape() == inclusion.shape(),
            "SpikeAndSlab: a slab of shape {:?} and inclusion probabilities of shape {:?}",
            slab.mean.shape(),
            inclusion.shape()
        );
        let log_odds = |i: usize| {
            let p = inclusion.data()[i].to_f64();
            assert!(p > 0.0 && p < 1.0, "SpikeAndSlab: an inclusion probability must be between 0 and 1, got {p}");
            p.ln() - (-p).ln_1p()
        };
        let inclusion = Tensor::from_fn(inclusion.shape(), log_odds);
        SpikeAndSlab { slab, inclusion }
    }

    /// The inclusion probabilities π.
    pub fn inclusion_probabilities(&self) -> Tensor<T> {
        Tensor::from_fn(self.inclusion.shape(), |i| sigmoid(self.inclusion.data()[i].to_f64()))
    }
}

/// 1/(1 + e^−x) of a single number.
pub(crate) fn sigmoid(x: f64) -> f64 {
    if x < 0.0 { x.exp() / (1.0 + x.exp()) } else { 1.0 / (1.0 + (-x).exp()) }
}

impl<T: Real> Parameters for SpikeAndSlab<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.slab.visit(path, f);
        f(&path.at("inclusion"), Role::Scale, &self.inclusion);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.slab.visit_mut(path, f);
        f(&path.at("inclusion"), Role::Scale, &mut self.inclusion);
    }
}

impl<T: Real> Posterior for SpikeAndSlab<T> {
    type Local = Yes;
    type Flipout = No<Self>;

    fn shape(&self) -> &[usize] {
        self.slab.shape()
    }

    fn check(&self) -> Result<(), String> {
        self.slab.check_as("SpikeAndSlab")?;
        same_shape("SpikeAndSlab", ["slab", "inclusion"], [self.slab.shape(), self.inclusion.shape()])
    }

    fn sample<'t>(&'t self, cx: Cx<'t, T>) -> Var<'t, T> {
        gate::gate(cx.tape().param(&self.inclusion), self.slab.sample(cx), cx.at("gate"))
    }

    /// π μ.
    fn mean<'t>(&'t self, tape: &'t Tape<T>) -> Var<'t, T> {
        tape.param(&self.inclusion).sigmoid() * tape.param(&self.slab.mean)
    }

    /// π σ² + π (1 − π) μ².
    fn variance<'t>(&'t self, tape: &'t Tape<T>) -> Variance<'t, T> {
        let log_odds = tape.param(&self.inclusion);
        let [mean, rho] = [&self.slab.mean, &self.slab.rho].map(|parameter| tape.param(parameter));
        let shut = (-log_odds).sigmoid();
        Variance::Independent(log_odds.sigmoid() * (rho.softplus().square() + shut * mean.square()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn with_inclusion_sets_the_probabilities() {
        let asked = Tensor::<f64>::new([4], [1e-9, 0.3, 0.5, 0.999]);
        let q = SpikeAndSlab::with_inclusion(MeanField::new([4]), &asked);
        for (found, asked) in q.inclusion_probabilities().data().iter().zip(asked.data()) {
            assert!((found / asked - 1.0).abs() < 1e-13);
        }
        let started = SpikeAndSlab::<f64>::new([2]).inclusion_probabilities();
        assert!((started.data()[0] - 0.9).abs() < 1e-15);
    }

    #[test]
    #[should_panic(expected = "an inclusion probability must be between 0 and 1, got 1")]
    fn an_inclusion_probability_of_one_is_refused() {
        SpikeAndSlab::<f32>::with_inclusion(MeanField::new([2]), &Tensor::full([2], 1.0));
    }

    #[test]
    #[should_panic(expected = "a slab of shape [2] and inclusion probabilities of shape [3]")]
    fn probabilities_of_another_shape_are_refused() {
        SpikeAndSlab::<f32>::with_inclusion(MeanField::new([2]), &Tensor::full([3], 0.5));
    }
}
