//! cos x, for |x| up to the limit of exact reduction by four numbers.

use super::format::Format;
use super::quadrant::{REDUCIBLE, reduce, sin_from};
use crate::kernels::dispatch::Simd;

#[inline(always)]
pub(super) fn cos<S: Simd, T: Format>(x: T) -> T {
    let x = x.to_double();
    let (quadrant, r) = reduce::<S>(x);
    let value = sin_from::<S>(quadrant + 1, r);
    T::of_double(if x.magnitude() <= REDUCIBLE { value } else { f64::NAN })
}

#[cfg(test)]
mod tests {
    use super::super::ulp::check;

    check!(cos, ulps 1.0, 1.0, f64::cos, where |x: f64| x.abs() <= super::REDUCIBLE);
}
