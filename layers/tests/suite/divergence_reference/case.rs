//! One case of the reference, and the comparison of values with it.

use std::marker::PhantomData;

use elbo::Real;
use serde_json::Value;

use crate::common::{Reference, epsilon};

/// The largest error, in units of the scalar type's epsilon and of the largest element of a divergence's tensor (of
/// each element of log-densities and of extreme cases, which do not cancel). The largest seen is 12.4, in f64, where
/// the two components of `logpdf_scale_mixture_0` are equally likely; in f32 it is 7.5.
const ROUNDINGS: f64 = 32.0;

/// One case of the reference, in the scalar type `T`.
pub(crate) struct Case<'r, T> {
    pub(crate) reference: &'r Reference,
    pub(crate) name: &'r str,
    pub(crate) case: &'r Value,
    /// The number of elements compared.
    pub(crate) compared: usize,
    pub(crate) number: PhantomData<T>,
}

impl<T: Real> Case<'_, T> {
    /// Element `i` of an input, which may be a scalar for all elements.
    pub(crate) fn input(&self, name: &str, i: usize) -> f64 {
        self.element(&format!("{}/{name}", self.name), i)
    }

    pub(crate) fn element(&self, name: &str, i: usize) -> f64 {
        let tensor = self.reference.tensor(name);
        tensor.data()[if tensor.len() == 1 { 0 } else { i }]
    }

    pub(crate) fn elements(&self) -> usize {
        self.reference.tensor(self.case["outputs"][0].as_str().unwrap()).len()
    }

    pub(crate) fn attr(&self, name: &str) -> f64 {
        self.case["attrs"][name].as_f64().unwrap()
    }

    pub(crate) fn value(&mut self, i: usize, actual: f64) {
        let output = self.case["outputs"][0].as_str().unwrap();
        self.close(output, i, actual);
    }

    pub(crate) fn values(&mut self, i: usize, actual: [f64; 2]) {
        actual.into_iter().for_each(|actual| self.value(i, actual));
    }

    /// Compares ∂/∂input of element `i`.
    pub(crate) fn gradient(&mut self, input: &str, i: usize, actual: f64) {
        let cotangent = self.element(self.case["cotangent"].as_str().unwrap(), i);
        self.close(&format!("{}/d_{input}", self.name), i, actual * cotangent);
    }

    /// Compares all gradients by an input, times the cotangent already.
    pub(crate) fn gradients(&mut self, input: &str, actual: &[f64]) {
        let name = format!("{}/d_{input}", self.name);
        assert_eq!(actual.len(), self.reference.tensor(&name).len(), "{name}");
        actual.iter().enumerate().for_each(|(i, &actual)| self.close(&name, i, actual));
    }

    fn close(&mut self, what: &str, i: usize, actual: f64) {
        let (all, expected) = (self.reference.tensor(what), self.element(what, i));
        let scale = match self.case["kind"].as_str().unwrap() {
            // Terms of about ½ that cancel.
            "kl" if self.name.ends_with("#equal") => 1.0,
            "kl" => all.data().iter().fold(0.0, |largest: f64, x| largest.max(x.abs())),
            _ => expected.abs(),
        };
        let (error, bound) = ((actual - expected).abs(), ROUNDINGS * epsilon::<T>() * scale);
        assert!(
            error <= bound,
            "{what}[{i}] in {}: {actual:e} instead of {expected:e}; the bound is {bound:e}",
            T::NAME
        );
        self.compared += 1;
    }
}

/// The nearest number of the type `T`.
pub(crate) fn rounded<T: Real>(x: f64) -> f64 {
    T::from_f64(x).to_f64()
}

/// ρ with softplus(ρ) = σ, as `T` holds it.
pub(crate) fn inverse_softplus<T: Real>(sd: f64) -> f64 {
    rounded::<T>(sd + (-(-sd).exp_m1()).ln())
}

pub(crate) fn sigmoid(rho: f64) -> f64 {
    1.0 / (1.0 + (-rho).exp())
}
