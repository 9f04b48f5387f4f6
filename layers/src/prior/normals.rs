//! The normal prior with a mean and a standard deviation for every element.

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::{Key, Real, Tensor, Var};
use crate::prior::{Normal, Prior, sample};

/// N(meanᵢ, sdᵢ²) for element i, such as the posterior of an earlier model.
///
/// It is not `Copy`, so keep it in a field.
///
/// Make one with `Normals::new(0.0, sds)`, or with the function of the same name: `Normals(0.0, sds)`.
#[derive(Clone, Debug)]
pub struct Normals {
    mean: PerElement,
    sd: PerElement,
}

/// A number for each element: the same for all, `1.0.into()`, or a tensor of the weight's shape.
#[derive(Clone, Debug)]
pub enum PerElement {
    /// The same for all elements.
    Same(f64),
    /// A tensor of the weight's shape.
    Each(Tensor<f64>),
}

impl From<f64> for PerElement {
    fn from(x: f64) -> Self {
        PerElement::Same(x)
    }
}

impl From<Tensor<f64>> for PerElement {
    fn from(x: Tensor<f64>) -> Self {
        PerElement::Each(x)
    }
}

impl PerElement {
    fn all(&self) -> &[f64] {
        match self {
            PerElement::Same(x) => std::slice::from_ref(x),
            PerElement::Each(x) => x.data(),
        }
    }

    fn shape(&self) -> Option<&[usize]> {
        match self {
            PerElement::Same(_) => None,
            PerElement::Each(x) => Some(x.shape()),
        }
    }

    /// The number of element `i`.
    pub(crate) fn at(&self, i: usize) -> f64 {
        match self {
            PerElement::Same(x) => *x,
            PerElement::Each(x) => x.data()[i],
        }
    }
}

/// Short for [`Normals::new`](Normals::new()).
///
/// # Panics
/// Where [`Normals::new`](Normals::new()) panics.
#[allow(non_snake_case, reason = "it reads as a constructor: `Normals(0.0, sds)`")]
#[track_caller]
pub fn Normals(mean: impl Into<PerElement>, sd: impl Into<PerElement>) -> Normals {
    Normals::new(mean, sd)
}

impl Normals {
    /// The normal prior with these means and standard deviations: each a number, or a tensor of the weight's shape.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// let prior = Normals::new(0.0, Tensor::new([2], [1.0, 0.1]));
    /// ```
    ///
    /// # Panics
    /// If a standard deviation is not positive and finite, a mean is not finite, or the two shapes differ. The divergence of
    /// a weight of another shape panics.
    #[track_caller]
    pub fn new(mean: impl Into<PerElement>, sd: impl Into<PerElement>) -> Self {
        let (mean, sd) = (mean.into(), sd.into());
        if let (Some(means), Some(sds)) = (mean.shape(), sd.shape()) {
            assert!(means == sds, "Normals: the means have the shape {means:?}, and the standard deviations {sds:?}");
        }
        if let Some((i, mean)) = mean.all().iter().enumerate().find(|(_, mean)| !mean.is_finite()) {
            panic!("Normals: a mean must be finite, got {mean} for element {i}");
        }
        if let Some((i, sd)) = sd.all().iter().enumerate().find(|(_, sd)| !(**sd > 0.0 && sd.is_finite())) {
            panic!("Normals: a standard deviation must be positive and finite, got {sd} for element {i}");
        }
        Normals { mean, sd }
    }

    /// The means.
    pub fn mean(&self) -> &PerElement {
        &self.mean
    }

    /// The standard deviations.
    pub fn sd(&self) -> &PerElement {
        &self.sd
    }

    /// The shape, unless all elements have the same prior.
    pub(crate) fn shape(&self) -> Option<&[usize]> {
        self.mean.shape().or(self.sd.shape())
    }

    /// The prior of element `i`.
    pub(crate) fn at(&self, i: usize) -> Normal {
        Normal { mean: self.mean.at(i), sd: self.sd.at(i) }
    }

    /// # Panics
    /// If the prior has tensors of another shape than this.
    pub(crate) fn check(&self, shape: &[usize]) {
        for own in [self.mean.shape(), self.sd.shape()].into_iter().flatten() {
            assert!(own == shape, "Normals: a prior of shape {own:?} for a weight of shape {shape:?}");
        }
    }
}

impl Prior for Normals {
    /// # Panics
    /// If the weight's shape is not the prior's.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        self.check(w.shape());
        // The tape outlives this borrow, so it stores copies.
        let each = w.tape().alloc_slice(w.len(), |i| self.at(i));
        sum(Each(|i: usize| each[i]), [w], None)
    }

    /// # Panics
    /// If the weight's shape is not the prior's.
    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, shape: &[usize], visitor: V) -> Option<V::Output> {
        self.check(shape);
        Some(visitor.with(Each(|i| self.at(i))))
    }

    fn sample(&self, shape: &[usize], key: Key) -> Option<Vec<f64>> {
        self.check(shape);
        Some(sample::each(shape, key, |i, z, _| self.mean.at(i) + self.sd.at(i) * z))
    }
}

/// The prior of each element, as a function of its index.
#[derive(Clone, Copy)]
struct Each<F>(F);

impl<F: Fn(usize) -> Normal + Copy + Send + Sync> ElementwiseTerm<1> for Each<F> {
    const NAME: &'static str = "log-density of Normals";

    #[inline(always)]
    fn value<S: Simd>(self, w: [f64; 1], at: At) -> f64 {
        (self.0)(at.element).value::<S>(w, at)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, w: [f64; 1], at: At) -> f64 {
        (self.0)(at.element).slope::<S, K>(w, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tape;

    fn numbers(numbers: &[f64]) -> Tensor<f64> {
        Tensor::new([numbers.len()], numbers)
    }

    #[test]
    fn the_function_is_the_constructor() {
        let (called, made) = (Normals(0.5, numbers(&[1.0, 2.0])), Normals::new(0.5, numbers(&[1.0, 2.0])));
        for i in 0..2 {
            assert_eq!(called.at(i), made.at(i));
        }
    }

    #[test]
    #[should_panic(expected = "the means have the shape [2], and the standard deviations [3]")]
    fn means_and_standard_deviations_of_two_shapes_are_refused() {
        Normals(numbers(&[0.0, 1.0]), numbers(&[1.0, 1.0, 1.0]));
    }

    #[test]
    #[should_panic(expected = "a standard deviation must be positive and finite, got -2 for element 1")]
    fn a_negative_standard_deviation_is_refused() {
        Normals(0.0, numbers(&[1.0, -2.0]));
    }

    #[test]
    #[should_panic(expected = "a mean must be finite, got inf for element 0")]
    fn an_infinite_mean_is_refused() {
        Normals(f64::INFINITY, 1.0);
    }

    #[test]
    #[should_panic(expected = "a prior of shape [2] for a weight of shape [2, 1]")]
    fn a_weight_of_another_shape_is_refused() {
        let tape = Tape::<f64>::new();
        Normals(0.0, numbers(&[1.0, 2.0])).log_density(tape.constant([2, 1], |_| 0.0));
    }
}
