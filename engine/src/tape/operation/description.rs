//! `Description`: what an operation computes, in terms that other programs have.

use crate::Activation;
use crate::kernels::window::Axis;

/// What an operation computes, in terms that other programs have: from it a forward pass is written as a graph of another
/// system ([`Var::trace`](crate::Var::trace)). Axes are counted from the front.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub enum Description {
    /// A function of each element, by the name of its method of [`Var`](crate::Var), with its numbers. `scale and shift` is
    /// [`Var::scale_shift`](crate::Var::scale_shift).
    Elementwise(&'static str, Vec<f64>),
    /// A function of the elements of two inputs, broadcast, by the name of its method or operator.
    ElementwisePair(&'static str),
    /// The second input where the first is not 0, and the third where it is, broadcast.
    Select,
    /// x · wᵀ + b of the inputs x, w and, if given, b, and an activation.
    Affine(Activation),
    /// The product of two inputs, by NumPy's rules.
    Matmul,
    /// A convolution of x with w, and with a bias if given. The spatial axes are the last of the windows.
    Convolve {
        /// The windows along three axes, of which missing ones have one element.
        windows: [Axis; 3],
        /// Groups of channels.
        groups: usize,
    },
    /// A transposed convolution: windows of the convolution that it is the transpose of, whose input is this one's output.
    ConvolveTransposed {
        /// As of a convolution.
        windows: [Axis; 3],
        /// Groups of channels.
        groups: usize,
    },
    /// The maximum of each window.
    MaxPooling([Axis; 3]),
    /// The sum of each window, divided by a number for each place.
    AveragePooling {
        /// As of a convolution.
        windows: [Axis; 3],
        /// The divisors of all places.
        divisors: Vec<usize>,
    },
    /// Means to a number of places along each axis.
    AdaptiveAveragePooling {
        /// The elements along three axes.
        input: [usize; 3],
        /// The places along three axes.
        output: [usize; 3],
    },
    /// (x − mean) / √(variance + eps) for each channel, then times a weight and plus a bias, if given.
    BatchNormalization {
        /// Of each channel.
        mean: Vec<f64>,
        /// Of each channel.
        variance: Vec<f64>,
        /// Added to the variance.
        eps: f64,
    },
    /// Normalisation over the last axes, then times a weight and plus a bias, if given.
    LayerNormalization {
        /// The number of axes.
        axes: usize,
        /// Added to the variance.
        eps: f64,
        /// Whether the mean is subtracted.
        centred: bool,
    },
    /// Normalisation over groups of channels, then times a weight and plus a bias of each channel, if given.
    GroupNormalization {
        /// The number of groups.
        groups: usize,
        /// Added to the variance.
        eps: f64,
    },
    /// The same elements with another shape.
    Reshape,
    /// The value broadcast to another shape.
    BroadcastTo,
    /// Axis i of the result is this axis of the input.
    Permute(Vec<usize>),
    /// Every `step`th position of an axis; the axis is removed if the result has fewer.
    Slice {
        /// The axis.
        axis: usize,
        /// The first position.
        start: usize,
        /// From one position to the next.
        step: usize,
    },
    /// The inputs joined along this axis.
    Concatenate(usize),
    /// The outputs are parts along this axis.
    SplitInto(usize),
    /// The reverse order along this axis.
    Flip(usize),
    /// Margins filled with a number.
    Pad {
        /// The margin before each axis.
        before: Vec<usize>,
        /// The number.
        value: f64,
    },
    /// `sum`, `mean`, `max`, `min`, `prod`, `log_sum_exp` or `norm` over these axes.
    Reduce(&'static str, Vec<usize>),
    /// The sum of squared differences from the mean over these axes, divided by a number, and its root if so.
    ReduceVariance {
        /// The axes.
        axes: Vec<usize>,
        /// The number.
        divisor: f64,
        /// Whether it is the standard deviation.
        root: bool,
    },
    /// eˣ / Σ eˣ along this axis.
    Softmax(usize),
    /// x − ln Σ eˣ along this axis.
    LogSoftmax(usize),
    /// These positions of an axis.
    IndexSelect {
        /// The axis.
        axis: usize,
        /// The positions.
        index: Vec<usize>,
    },
    /// Rows of the first input, at the whole numbers of the second.
    EmbeddingLookup,
    /// A step of a recurrent cell, `lstm_cell`, `gru_cell` or `rnn_cell`, as of the method of [`Var`](crate::Var). If the first
    /// input has three axes, the step is a position of the second.
    Cell(&'static str, usize),
    /// Attention of q to k with values v.
    ScaledDotProductAttention {
        /// Whether query i attends to keys 0 to i only.
        causal: bool,
        /// The factor of the scores.
        scale: f64,
        /// Whether the fourth input, if there is one, allows keys where it is not 0; else it is added to the scores.
        allows: bool,
    },
}
