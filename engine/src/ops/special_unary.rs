//! Elementwise functions with costly kernels: trigonometric, hyperbolic, error, normal and gamma functions.

use crate::kernels::chain::chain;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::special::{Function, apply};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

macro_rules! table {
    ($($(#[$doc:meta])* $name:ident, $function:ident: |$factor:ident| $sign:expr, $slope:ident;)*) => {
        impl<'t, T: Real> Var<'t, T> {
            $(
                $(#[$doc])*
                #[track_caller]
                pub fn $name(self) -> Var<'t, T> {
                    let rule = Rule {
                        name: stringify!($name),
                        value: Function::$function,
                        slope: Function::$slope,
                        $factor: $sign,
                    };
                    self.tape().record(rule, &[self], [self.shape()])[0]
                }
            )*
        }
    };
}

// The method, its function, and the derivative as a factor times a function.
table! {
    /// The sine of an angle in radians.
    sin, Sin: |factor| 1.0, Cos;
    /// The cosine of an angle in radians.
    cos, Cos: |factor| -1.0, Sin;
    /// The arc tangent, in radians.
    atan, Atan: |factor| 1.0, AtanSlope;
    /// The hyperbolic sine.
    sinh, Sinh: |factor| 1.0, Cosh;
    /// The hyperbolic cosine.
    cosh, Cosh: |factor| 1.0, Sinh;
    /// The error function 2/√π ∫₀ˣ e^−t² dt.
    erf, Erf: |factor| 1.0, ErfSlope;
    /// 1 − erf x, without cancellation for large x.
    erfc, Erfc: |factor| -1.0, ErfSlope;
    /// x Φ(x) with the standard normal distribution function Φ (Hendrycks & Gimpel 2016).
    gelu, Gelu: |factor| 1.0, GeluSlope;
    /// ln |Γ(x)|: ∞ at zero and the negative integers.
    ln_gamma, LnGamma: |factor| 1.0, Digamma;
    /// The derivative of ln Γ(x): NaN at the negative integers.
    digamma, Digamma: |factor| 1.0, Trigamma;
    /// ln Φ(x) with the standard normal distribution function Φ, accurate in both tails: it is finite for every finite
    /// x above −2.6 · 10¹⁹ in single precision, where Φ(x) underflows below −14. The derivative is
    /// [`inverse_mills_ratio`](Var::inverse_mills_ratio).
    ///
    /// For probit regression, −ln p(y) of a label y = ±1 is `-(x * y).ln_normal_cdf()`, in nats. ln(1 − Φ(x)) is
    /// `(-x).ln_normal_cdf()`.
    ln_normal_cdf, LnNormalCdf: |factor| 1.0, InverseMills;
    /// φ(x)/Φ(x) with the density φ and the distribution function Φ of the standard normal distribution: the inverse Mills
    /// ratio (J. P. Mills 1926; J. Heckman 1979) of −x, and the derivative of [`ln_normal_cdf`](Var::ln_normal_cdf). It
    /// approaches −x where Φ(x) underflows.
    inverse_mills_ratio, InverseMills: |factor| 1.0, InverseMillsSlope;
}

#[derive(Clone, Copy)]
struct Rule {
    name: &'static str,
    value: Function,
    slope: Function,
    factor: f64,
}

impl<T: Real> Operation<T> for Rule {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Elementwise(self.name, Vec::new()))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        apply(self.value, io.input(0).data, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0).data;
        let g = io.upstream(0).expect("the only output");
        let slopes = io.scratch(x.len());
        apply(self.slope, x, slopes);
        let factor = T::from_f64(self.factor);
        io.accumulate(0, |target, write| map(Scaled { factor }, [slopes, g], target, write));
    }
}

#[derive(Clone, Copy)]
struct Scaled<T> {
    factor: T,
}

impl<T: Real> Elementwise<T, 2> for Scaled<T> {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [slope, g]: [T; 2]) -> T {
        self.factor * slope * g
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [slope, g]: [T; 2]) -> T {
        chain(g, self.factor * slope)
    }
}
