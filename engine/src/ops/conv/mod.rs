//! Convolution in one, two and three dimensions.

mod padding;
mod settings;
mod transposed;

pub use padding::PaddingMode;
pub use settings::{Convolution, Transposed};
pub(crate) use transposed::convolve_transposed;

use crate::kernels::Write;
use crate::kernels::conv::{self, Geometry};
use crate::kernels::window::sizes;
use crate::ops::conv::settings::check_bias;
use crate::{Adjoints, Description, Evaluation, Linear, Operand, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The convolution of x (batch, channels, `D` spatial axes) with a weight (outputs, channels / groups, `D` kernel
    /// axes) and an optional bias (outputs): (batch, outputs, `D` spatial axes), each of length ⌊(length + 2 padding −
    /// dilation (kernel − 1) − 1) / stride⌋ + 1. The kernel is not flipped, as usual in deep learning.
    ///
    /// # Panics
    /// If the shapes differ from these, the kernel is longer than the padded input, or x is too short for its padding:
    /// nothing is broadcast.
    #[track_caller]
    pub fn convolve<const D: usize>(
        self,
        w: impl Linear<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: Convolution<D>,
    ) -> Var<'t, T> {
        w.convolve(self, b, settings)
    }
}

/// See [`Var::convolve`].
#[track_caller]
pub(crate) fn convolve<'t, T: Real, const D: usize>(
    x: Var<'t, T>,
    w: Var<'t, T>,
    b: Option<Var<'t, T>>,
    settings: Convolution<D>,
) -> Var<'t, T> {
    let (x, settings) = settings.padded(x, w.shape());
    let (geometry, shape) = settings.over(x.shape(), w.shape());
    check_bias("convolve", b, w.shape(), shape[1]);
    let operation = Convolve { geometry };
    match b {
        Some(b) => x.tape().record(operation, &[x, w, b], [shape])[0],
        None => x.tape().record(operation, &[x, w], [shape])[0],
    }
}

#[derive(Clone, Copy)]
struct Convolve {
    geometry: Geometry,
}

impl<T: Real> Operation<T> for Convolve {
    fn name(&self) -> &'static str {
        "convolve"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Convolve { windows: self.geometry.axes, groups: self.geometry.groups })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let g = &self.geometry;
        let (x, w) = (io.input(0).data, io.input(1).data);
        let bias = (io.inputs() == 3).then(|| io.input(2).data);
        let scratch = io.scratch(g.convolve_scratch());
        conv::convolve(g, x, w, bias, io.output(0), Write::Store, scratch);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = &self.geometry;
        let (x, w) = (io.input(0).data, io.input(1).data);
        let y = io.upstream(0).expect("the only output");
        if io.is_wanted(0) {
            let scratch = io.scratch(g.to_input_scratch());
            io.accumulate(0, |target, write| conv::to_input(g, y, w, None, target, write, scratch));
        }
        if io.is_wanted(1) {
            let scratch = io.scratch(g.to_weight_scratch());
            io.accumulate(1, |target, write| conv::to_weight(g, x, y, target, write, scratch));
        }
        if io.inputs() == 3 {
            let [_, places, _] = sizes(g.axes);
            io.accumulate(2, |target, write| conv::to_bias(y, places, target, write));
        }
    }
}
