//! Activation functions as layers, for containers such as `Sequential`.

use crate::engine::{Real, Var};
use crate::nn::{Bare, axis_of_example};
use elbo_macros::bayesian;

/// A layer without settings that applies `$method`.
macro_rules! activation {
    ($($(#[$doc:meta])* $name:ident, $method:ident;)*) => {$(
        $(#[$doc])*
        #[bayesian]
        #[derive(Clone, Debug)]
        pub struct $name<T: Real = f32> {
            scalar: Bare<T>,
        }

        impl<T: Real> $name<T> {
            /// The layer.
            pub const fn new() -> Self {
                $name { scalar: Bare::new() }
            }
        }

        impl<T: Real> Default for $name<T> {
            fn default() -> Self {
                $name::new()
            }
        }

        #[bayesian]
        impl<T: Real> $name<T> {
            /// The layer's output, of the shape of `x`.
            #[track_caller]
            pub fn forward(&self, x: Var<T>) -> Var<T> {
                x.$method()
            }
        }
    )*};
}

activation! {
    /// max(x, 0), with derivative 0 at 0.
    Relu, relu;
    /// x Φ(x), with the standard normal distribution function Φ (Hendrycks and Gimpel 2016). [`GeluTanh`] approximates it.
    Gelu, gelu;
    /// The approximation of [`Gelu`] with tanh: ½x(1 + tanh(√(2/π)(x + 0.044715 x³))).
    GeluTanh, gelu_tanh;
    /// x/(1 + e⁻ˣ), also called swish (Elfwing, Uchibe and Doya 2018).
    Silu, silu;
    /// ln(1 + eˣ), without overflow for large x.
    Softplus, softplus;
    /// The hyperbolic tangent.
    Tanh, tanh;
    /// The logistic function 1/(1 + e⁻ˣ).
    Sigmoid, sigmoid;
    /// ln(1/(1 + e⁻ˣ)), without overflow.
    LogSigmoid, log_sigmoid;
}

/// A layer with one number, which `$method` takes.
macro_rules! activation_with {
    ($($(#[$doc:meta])* $name:ident, $method:ident, $number:ident;)*) => {$(
        $(#[$doc])*
        #[bayesian]
        #[derive(Clone, Debug)]
        pub struct $name<T: Real = f32> {
            #[skip]
            $number: f64,
            scalar: Bare<T>,
        }

        impl<T: Real> $name<T> {
            /// The layer.
            ///
            /// # Panics
            /// If the number is not finite.
            #[track_caller]
            pub fn new($number: f64) -> Self {
                let name = stringify!($name);
                assert!($number.is_finite(), "{name}: `{}` must be finite, got {}", stringify!($number), $number);
                $name { $number, scalar: Bare::new() }
            }
        }

        #[bayesian]
        impl<T: Real> $name<T> {
            /// The layer's output, of the shape of `x`.
            #[track_caller]
            pub fn forward(&self, x: Var<T>) -> Var<T> {
                x.$method(*self.$number)
            }
        }
    )*};
}

activation_with! {
    /// x for positive x and `slope` · x for negative x, with derivative `slope` at 0 (Maas, Hannun and Ng 2013). PyTorch's
    /// default slope is 0.01.
    LeakyRelu, leaky_relu, slope;
    /// x for positive x and `alpha` (eˣ − 1) for negative x (Clevert, Unterthiner and Hochreiter 2016). The usual alpha is 1.
    Elu, elu, alpha;
}

/// A layer along one axis of each example.
macro_rules! along_axis {
    ($($(#[$doc:meta])* $name:ident, $method:ident;)*) => {$(
        $(#[$doc])*
        ///
        /// The axis may not be that of the examples, the first one, because an example's output would then depend on the
        /// others of its batch.
        #[bayesian]
        #[derive(Clone, Debug)]
        pub struct $name<T: Real = f32> {
            #[skip]
            axis: isize,
            scalar: Bare<T>,
        }

        impl<T: Real> $name<T> {
            /// The layer over this axis, negative: from the last.
            ///
            /// # Panics
            /// If the axis is 0, the axis of the examples.
            #[track_caller]
            pub const fn new(axis: isize) -> Self {
                assert!(
                    axis != 0,
                    concat!(stringify!($name), ": axis 0 is that of the examples, which must stay independent; expected another axis")
                );
                $name { axis, scalar: Bare::new() }
            }
        }

        #[bayesian]
        impl<T: Real> $name<T> {
            /// The layer's output, of the shape of `x`.
            ///
            /// # Panics
            /// If `x` does not have the axis, or the axis is that of the examples.
            #[track_caller]
            pub fn forward(&self, x: Var<T>) -> Var<T> {
                let axis = axis_of_example(stringify!($name), *self.axis, x.shape());
                x.$method(axis as isize)
            }
        }
    )*};
}

along_axis! {
    /// eˣ / Σ eˣ along an axis: probabilities.
    Softmax, softmax;
    /// x − ln Σ eˣ along an axis: log-probabilities.
    LogSoftmax, log_softmax;
}
