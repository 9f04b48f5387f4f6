//! Settings of convolutions: stride, padding, dilation and groups, and the output shape.

use crate::kernels::conv::Geometry;
use crate::kernels::window::Axis;
use crate::ops::conv::padding::PaddingMode;
use crate::{Real, Shape, Var};

/// Settings of a convolution over `D` spatial axes (one to three): stride, padding and dilation of every axis, the
/// contents of the padding, and the number of groups. The defaults are stride 1, dilation 1, padding 0 and one group.
///
/// ```
/// use elbo_engine::{Convolution, Tape, Tensor};
///
/// let (x, w): (Tensor, Tensor) = (Tensor::full([8, 3, 28, 28], 1.0), Tensor::full([6, 3, 5, 5], 0.1));
/// let tape = Tape::new();
/// let [x, w] = [tape.input(&x), tape.param(&w)];
/// let y = x.convolve(w, None::<elbo_engine::Var>, Convolution::new().padding([2, 2]).stride([2, 1]));
/// assert_eq!(y.shape(), [8, 6, 14, 28]);
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Convolution<const D: usize> {
    pub(super) stride: [usize; D],
    pub(super) padding: [usize; D],
    pub(super) dilation: [usize; D],
    pub(super) groups: usize,
    pub(super) mode: PaddingMode,
    /// Whether the padding is that which keeps the length of every axis, in place of `padding`.
    pub(super) is_same: bool,
}

impl<const D: usize> Convolution<D> {
    /// Stride 1, no padding, no dilation, one group.
    pub const fn new() -> Self {
        const { assert!(1 <= D && D <= 3, "a convolution has one, two or three spatial axes") }
        let mode = PaddingMode::Zeros;
        Convolution { stride: [1; D], padding: [0; D], dilation: [1; D], groups: 1, mode, is_same: false }
    }

    /// The step of the kernel in elements, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(mut self, stride: [usize; D]) -> Self {
        assert!(!stride.contains(&0), "Convolution: the stride must be at least 1 along every axis, got {stride:?}");
        self.stride = stride;
        self
    }

    /// The number of elements added before the first and after the last element of every axis: zeros, unless
    /// [`padding_mode`](Convolution::padding_mode) says otherwise.
    pub const fn padding(mut self, padding: [usize; D]) -> Self {
        self.padding = padding;
        self.is_same = false;
        self
    }

    /// Padding with which every axis keeps its length: dilation · (kernel − 1) elements in total, half of them before
    /// the first element. If their number is odd, the extra one is after the last element, as in PyTorch. It needs
    /// stride 1.
    pub const fn same_padding(mut self) -> Self {
        self.is_same = true;
        self
    }

    /// The contents of the padding.
    pub const fn padding_mode(mut self, mode: PaddingMode) -> Self {
        self.mode = mode;
        self
    }

    /// The distance between taps of the kernel in elements, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(mut self, dilation: [usize; D]) -> Self {
        assert!(
            !dilation.contains(&0),
            "Convolution: the dilation must be at least 1 along every axis, got {dilation:?}"
        );
        self.dilation = dilation;
        self
    }

    /// The number of groups of channels that are convolved separately: output group i depends only on input group i.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn groups(mut self, groups: usize) -> Self {
        assert!(groups > 0, "Convolution: there must be at least 1 group, got 0");
        self.groups = groups;
        self
    }

    /// The settings of the transposed convolution, whose input has the shape of this one's output.
    pub const fn transposed(self) -> Transposed<D> {
        Transposed { of: self, output_padding: [0; D] }
    }

    /// The convolution of `x` with `w`, and the shape of its result.
    #[track_caller]
    pub(crate) fn over(&self, x: &[usize], w: &[usize]) -> (Geometry, Shape) {
        let ([batch, channels, input @ ..], [outputs, each, kernel @ ..]) = (x, w) else { self.shape_mismatch(x, w) };
        if input.len() != D || kernel.len() != D {
            self.shape_mismatch(x, w);
        }
        let groups = self.groups;
        assert!(
            channels.is_multiple_of(groups) && channels / groups == *each && outputs.is_multiple_of(groups),
            "convolve: x of shape {x:?} has {channels} channels, and the weight of shape {w:?} makes {outputs} outputs of \
             {each} channels each; in {groups} group(s), channels and outputs must be multiples of {groups}, and the \
             weight's second axis channels / {groups}"
        );
        let mut geometry =
            Geometry { batch: *batch, groups, channels: *each, outputs: outputs / groups, axes: [Axis::NONE; 3] };
        let mut shape = Shape::from([*batch, *outputs]);
        for axis in 0..D {
            let spanned = self.axis("convolve", axis, [input[axis], kernel[axis]], [x, w]);
            geometry.axes[3 - D + axis] = spanned;
            shape.push(spanned.output);
        }
        (geometry, shape)
    }

    /// The windows along spatial axis `axis`.
    #[track_caller]
    fn axis(&self, name: &str, axis: usize, [input, kernel]: [usize; 2], shapes: [&[usize]; 2]) -> Axis {
        let [stride, padding, dilation] = [self.stride[axis], self.padding[axis], self.dilation[axis]];
        let [x, w] = shapes;
        assert!(kernel > 0, "{name}: the weight of shape {w:?} has no taps along spatial axis {axis}");
        let span = dilation.checked_mul(kernel - 1).and_then(|span| span.checked_add(1));
        let padded = padding.checked_mul(2).and_then(|padding| padding.checked_add(input));
        let (Some(span), Some(padded)) = (span, padded) else {
            panic!("{name}: a padding of {padding} and a dilation of {dilation} are larger than memory can address");
        };
        assert!(
            span <= padded,
            "{name}: along spatial axis {axis} the weight of shape {w:?} with dilation {dilation} spans {span} \
             elements, and x of shape {x:?} has {padded} with padding {padding} on either side"
        );
        Axis { input, kernel, output: (padded - span) / stride + 1, stride, padding, dilation }
    }

    #[track_caller]
    fn shape_mismatch(&self, x: &[usize], w: &[usize]) -> ! {
        panic!(
            "convolve: x of shape {x:?} with a weight of shape {w:?}; expected x (batch, channels, {D} spatial axes) and \
             a weight (outputs, channels / groups, {D} kernel axes)"
        );
    }
}

impl<const D: usize> Default for Convolution<D> {
    fn default() -> Self {
        Convolution::new()
    }
}

/// Settings of a transposed convolution: see [`Convolution::transposed`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Transposed<const D: usize> {
    of: Convolution<D>,
    output_padding: [usize; D],
}

impl<const D: usize> Transposed<D> {
    /// The settings of the transpose of `Convolution::new()`.
    pub const fn new() -> Self {
        Convolution::new().transposed()
    }

    /// The distance in the output between neighbouring elements of the input, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn stride(mut self, stride: [usize; D]) -> Self {
        self.of = self.of.stride(stride);
        self
    }

    /// The number of elements removed at both ends of every axis of the output: the padding of the convolution.
    pub const fn padding(mut self, padding: [usize; D]) -> Self {
        self.of = self.of.padding(padding);
        self
    }

    /// The distance between taps of the kernel in elements, along every axis.
    ///
    /// # Panics
    /// If one is 0.
    #[track_caller]
    pub fn dilation(mut self, dilation: [usize; D]) -> Self {
        self.of = self.of.dilation(dilation);
        self
    }

    /// The number of groups of channels, as in [`Convolution::groups`].
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn groups(mut self, groups: usize) -> Self {
        self.of = self.of.groups(groups);
        self
    }

    /// The number of elements added at the end of every axis of the output: with a stride, a convolution has the same
    /// output length for several input lengths, and this selects which of them is produced.
    pub const fn output_padding(mut self, output_padding: [usize; D]) -> Self {
        self.output_padding = output_padding;
        self
    }

    /// The convolution that this one is the transpose of, and the shape of this one's result. Input and output are
    /// swapped in the geometry: its input is our result.
    #[track_caller]
    pub(crate) fn over(&self, x: &[usize], w: &[usize]) -> (Geometry, Shape) {
        let ([batch, channels, input @ ..], [inputs, each, kernel @ ..]) = (x, w) else { self.shape_mismatch(x, w) };
        if input.len() != D || kernel.len() != D {
            self.shape_mismatch(x, w);
        }
        let Transposed { of: Convolution { stride, padding, dilation, groups, mode, is_same }, output_padding } = *self;
        assert!(
            mode == PaddingMode::Zeros && !is_same,
            "convolve_transposed: {} is not defined for transposed convolutions; expected a number of elements to remove",
            if is_same { "`same` padding".to_owned() } else { format!("padding by {mode:?}") }
        );
        assert!(
            channels == inputs && channels.is_multiple_of(groups),
            "convolve_transposed: x of shape {x:?} has {channels} channels, and the weight of shape {w:?} takes {inputs}; \
             they must be equal, and a multiple of {groups} group(s)"
        );
        let mut geometry =
            Geometry { batch: *batch, groups, channels: *each, outputs: channels / groups, axes: [Axis::NONE; 3] };
        let mut shape = Shape::from([*batch, each.saturating_mul(groups)]);
        for axis in 0..D {
            let [places, kernel] = [input[axis], kernel[axis]];
            let [stride, padding, dilation] = [stride[axis], padding[axis], dilation[axis]];
            let further = output_padding[axis];
            assert!(
                kernel > 0 && places > 0,
                "convolve_transposed: spatial axis {axis} of x of shape {x:?} and of the weight of shape {w:?} must have \
                 elements"
            );
            assert!(
                further < stride.max(dilation),
                "convolve_transposed: the output padding along spatial axis {axis} is {further}; it must be less than the \
                 stride {stride} or the dilation {dilation}"
            );
            let span = (places - 1).checked_mul(stride).zip((kernel - 1).checked_mul(dilation));
            let span = span.and_then(|(steps, taps)| steps.checked_add(taps)?.checked_add(1 + further));
            let Some((span, cut)) = span.zip(padding.checked_mul(2)) else {
                panic!("convolve_transposed: {self:?} makes more elements than memory can address of x of shape {x:?}");
            };
            assert!(
                cut < span,
                "convolve_transposed: along spatial axis {axis} x of shape {x:?} and the weight of shape {w:?} give {span} \
                 elements, and a padding of {padding} removes {cut}; at least one must be left"
            );
            geometry.axes[3 - D + axis] = Axis { input: span - cut, output: places, kernel, stride, padding, dilation };
            shape.push(span - cut);
        }
        (geometry, shape)
    }

    #[track_caller]
    fn shape_mismatch(&self, x: &[usize], w: &[usize]) -> ! {
        panic!(
            "convolve_transposed: x of shape {x:?} with a weight of shape {w:?}; expected x (batch, channels, {D} spatial \
             axes) and a weight (channels, outputs / groups, {D} kernel axes)"
        );
    }
}

impl<const D: usize> Default for Transposed<D> {
    fn default() -> Self {
        Transposed::new()
    }
}

impl<const D: usize> From<Convolution<D>> for Transposed<D> {
    fn from(of: Convolution<D>) -> Self {
        of.transposed()
    }
}

/// Checks that a bias has `outputs` elements.
#[track_caller]
pub(crate) fn check_bias<T: Real>(name: &str, b: Option<Var<'_, T>>, w: &[usize], outputs: usize) {
    if let Some(b) = b {
        assert!(
            b.shape() == [outputs],
            "{name}: the weight of shape {w:?} has {outputs} outputs, and the bias has shape {:?}; expected [{outputs}]",
            b.shape()
        );
    }
}
