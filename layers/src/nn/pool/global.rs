//! Pooling to a fixed number of elements: over the whole space, or by windows that adapt to the input.

use crate::engine::{Real, Var};
use crate::nn::Bare;
use elbo_macros::bayesian;

macro_rules! global {
    ($($(#[$doc:meta])* $name:ident, $method:ident;)*) => {$(
        $(#[$doc])*
        #[bayesian]
        #[derive(Clone, Debug, Default)]
        pub struct $name<T: Real = f32> {
            scalar: Bare<T>,
        }

        impl<T: Real> $name<T> {
            /// The layer.
            pub const fn new() -> Self {
                $name { scalar: Bare::new() }
            }
        }

        #[bayesian]
        impl<T: Real> $name<T> {
            /// The layer's output, (examples, channels).
            ///
            /// # Panics
            /// If `x` is not (examples, channels, space ..) with at least one spatial axis, or its space is empty.
            #[track_caller]
            pub fn forward(&self, x: Var<T>) -> Var<T> {
                let [examples, channels, space] = sizes(stringify!($name), x.shape());
                x.reshape([examples, channels, space]).$method(&[2], false)
            }
        }
    )*};
}

global! {
    /// The mean of each channel over all of space: (examples, channels, space ..) to (examples, channels) (Lin, Chen and
    /// Yan 2014, "Network in Network").
    GlobalAvgPool, mean_axes;
    /// The largest element of each channel over all of space: (examples, channels, space ..) to (examples, channels).
    GlobalMaxPool, max_axes;
}

/// The numbers of examples, channels and elements of space.
#[track_caller]
fn sizes(layer: &str, x: &[usize]) -> [usize; 3] {
    let &[examples, channels, ref space @ ..] = x else { shape_mismatch(layer, x) };
    if space.is_empty() || space.contains(&0) {
        shape_mismatch(layer, x);
    }
    [examples, channels, space.iter().product()]
}

#[track_caller]
fn shape_mismatch(layer: &str, x: &[usize]) -> ! {
    panic!(
        "{layer}: got x of shape {x:?}, expected (examples, channels, space ..) with one spatial axis or more, none of them \
         empty"
    );
}

/// Average pooling to a fixed number of elements, whatever the input's: (examples, channels, `D` spatial axes) to
/// (examples, channels, output ..). Along an axis of n elements, window i of m covers those from ⌊i n / m⌋ to
/// ⌈(i + 1) n / m⌉, as in PyTorch.
///
/// ```
/// use elbo::nn::AdaptiveAvgPool;
/// use elbo::prelude::*;
///
/// let layer: AdaptiveAvgPool<2> = AdaptiveAvgPool::new([2, 2]);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3, 7, 5], 0.5));
/// assert_eq!(layer.draw(&tape, Key::new(1)).forward(tape.input(&x)).shape(), [8, 3, 2, 2]);
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct AdaptiveAvgPool<const D: usize, T: Real = f32> {
    #[skip]
    output: [usize; D],
    scalar: Bare<T>,
}

impl<const D: usize, T: Real> AdaptiveAvgPool<D, T> {
    /// The layer with this number of outputs along each spatial axis.
    ///
    /// # Panics
    /// If a number is 0.
    #[track_caller]
    pub fn new(output: [usize; D]) -> Self {
        assert!(
            !output.contains(&0),
            "AdaptiveAvgPool: there must be at least 1 output along every axis, got {output:?}"
        );
        AdaptiveAvgPool { output, scalar: Bare::new() }
    }
}

#[bayesian]
impl<const D: usize, T: Real> AdaptiveAvgPool<D, T> {
    /// The layer's output, (examples, channels, output ..).
    ///
    /// # Panics
    /// If `x` is not (examples, channels, `D` spatial axes), or a spatial axis is empty.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        x.adaptive_avg_pool(*self.output)
    }
}
