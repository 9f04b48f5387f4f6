//! The log-uniform prior, as used for variational dropout.

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity, sum};
use crate::engine::kernels::dispatch::Simd;
use crate::engine::kernels::math::Math;
use crate::engine::{Real, Var};
use crate::prior::Prior;

/// p(ln |w|) is constant, p(w) ∝ 1/|w|: the prior under which the divergence of N(μ, σ²) depends on the noise-to-signal
/// ratio α = σ²/μ² only ("variational dropout": Kingma, Salimans and
/// Welling 2015, section 3.2; made sparse by Molchanov, Ashukha and Vetrov 2017).
///
/// It is improper: it cannot be normalised, so its log-density is −ln |w| and its divergences are defined up to a
/// constant. Here that of [`MeanField`](crate::MeanField) tends to 0 as α → ∞. With a [`Point`](crate::Point) the
/// posterior density grows without bound towards w = 0, so that a maximum a posteriori does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct LogUniform;

impl Prior for LogUniform {
    /// −ln |w|, without a normaliser. At zero, where it is infinite, it is defined as the value at the smallest normal number,
    /// 2⁻¹⁰²², and its slope as 0, so that a [`Point`](crate::Point) can start there.
    fn log_density<'t, T: Real>(&self, w: Var<'t, T>) -> Var<'t, T> {
        sum(*self, [w], None)
    }

    fn elementwise<'t, T: Real, V: WithDensity<'t>>(&'t self, _: &[usize], visitor: V) -> Option<V::Output> {
        Some(visitor.with(*self))
    }
}

impl ElementwiseTerm<1> for LogUniform {
    const NAME: &'static str = "log-density of LogUniform";

    #[inline(always)]
    fn value<S: Simd>(self, [w]: [f64; 1], _: At) -> f64 {
        let size = if w == 0.0 { f64::MIN_POSITIVE } else { w.abs() };
        -Math::ln::<S>(size)
    }

    #[inline(always)]
    fn slope<S: Simd, const K: usize>(self, [w]: [f64; 1], _: At) -> f64 {
        let slope = -1.0 / w;
        if w == 0.0 { 0.0 } else { slope }
    }
}
