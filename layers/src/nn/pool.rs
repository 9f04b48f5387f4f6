//! Pools: layers without parameters.

use crate::engine::{Pooling, Real, Var};
use crate::nn::Bare;
use elbo_macros::bayesian;

macro_rules! pool {
    ($(#[$doc:meta])* $name:ident, $method:ident, $($alias:ident $axes:literal $space:literal),*) => {
        $(#[$doc])*
        #[bayesian]
        #[derive(Clone, Debug)]
        pub struct $name<const D: usize, T: Real = f32> {
            /// Window, stride, padding and dilation.
            #[skip]
            pub settings: Pooling<D>,
            number: Bare<T>,
        }

        impl<const D: usize, T: Real> $name<D, T> {
            /// Windows of so many elements along every axis, side by side.
            ///
            /// # Panics
            /// If an axis has none.
            #[track_caller]
            pub fn new(window: [usize; D]) -> Self {
                $name::with(Pooling::new(window))
            }

            /// With these settings.
            pub fn with(settings: Pooling<D>) -> Self {
                $name { settings, number: Bare::new() }
            }
        }

        #[bayesian]
        impl<const D: usize, T: Real> $name<D, T> {
            /// The layer's output.
            ///
            /// # Panics
            /// If `x` has other axes than these, or a window fits nowhere.
            #[track_caller]
            pub fn forward(&self, x: Var<T>) -> Var<T> {
                x.$method(*self.settings)
            }
        }

        $(
            #[doc = concat!("A [`", stringify!($name), "`] over ", $space, ".")]
            pub type $alias<T = f32> = $name<$axes, T>;
        )*
    };
}

pool! {
    /// The largest element of every window: (examples, channels, space ..) to (examples, channels, windows ..).
    MaxPool, max_pool,
    MaxPool1d 1 "(examples, channels, length)",
    MaxPool2d 2 "(examples, channels, height, width)",
    MaxPool3d 3 "(examples, channels, depth, height, width)"
}

pool! {
    /// The mean of every window: (examples, channels, space ..) to (examples, channels, windows ..).
    MeanPool, mean_pool,
    MeanPool1d 1 "(examples, channels, length)",
    MeanPool2d 2 "(examples, channels, height, width)",
    MeanPool3d 3 "(examples, channels, depth, height, width)"
}
