//! ln |Γ(x)|, as calls of the crate `libm` in double precision for both formats: scalar, the same at every level.

use super::format::Format;

pub(super) fn ln_gamma<T: Format>(x: T) -> T {
    T::of_double(libm::lgamma(x.to_double()))
}

#[cfg(test)]
mod tests {
    use super::super::Math;
    use super::super::ulp::check;
    use crate::kernels::dispatch::Portable;

    check!(ln_gamma, ulps 2.0, 4.0, |x: f64| Math::ln_gamma::<Portable>(x), table only, where |x: f64| x > 0.0);

    #[test]
    fn negative_arguments_are_accurate() {
        super::super::ulp::check_f64_below_zero::<Subject>(4.0);
    }
}
