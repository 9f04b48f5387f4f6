//! Max pooling and average pooling layers.

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
            scalar: Bare<T>,
        }

        impl<const D: usize, T: Real> $name<D, T> {
            /// Pools windows of this size along each axis, with a stride of the window's size.
            ///
            /// # Panics
            /// If an axis of the window is 0.
            #[track_caller]
            pub fn new(window: [usize; D]) -> Self {
                $name::with(Pooling::new(window))
            }

            /// A layer with these settings.
            pub fn with(settings: Pooling<D>) -> Self {
                $name { settings, scalar: Bare::new() }
            }
        }

        #[bayesian]
        impl<const D: usize, T: Real> $name<D, T> {
            /// The layer's output.
            ///
            /// # Panics
            /// If `x` has the wrong number of axes, or is smaller than the window.
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
    /// Max pooling: the largest element of each window, (examples, channels, space ..) to (examples, channels, windows
    /// ..).
    MaxPool, max_pool,
    MaxPool1d 1 "(examples, channels, length)",
    MaxPool2d 2 "(examples, channels, height, width)",
    MaxPool3d 3 "(examples, channels, depth, height, width)"
}

pool! {
    /// Average pooling: the mean of each window, (examples, channels, space ..) to (examples, channels, windows ..).
    AvgPool, avg_pool,
    AvgPool1d 1 "(examples, channels, length)",
    AvgPool2d 2 "(examples, channels, height, width)",
    AvgPool3d 3 "(examples, channels, depth, height, width)"
}
