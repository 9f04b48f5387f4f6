//! Transposed convolution: a convolution's adjoint with respect to its input, as an operation.

use crate::kernels::Write;
use crate::kernels::conv::{self, Geometry};
use crate::kernels::window::sizes;
use crate::ops::conv::settings::{Transposed, check_bias};
use crate::{Adjoints, Description, Evaluation, Linear, Operand, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The transposed convolution of x (batch, channels, `D` spatial axes) with a weight (channels, outputs / groups,
    /// `D` kernel axes) and an optional bias (outputs): (batch, outputs, `D` spatial axes), each of length (length − 1)
    /// stride − 2 padding + dilation (kernel − 1) + output padding + 1. Every element of x adds a multiple of the
    /// kernel to the output; as a matrix it is the transpose of [`convolve`](Var::convolve) with the same weight and
    /// settings.
    ///
    /// # Panics
    /// If the shapes differ from these, an axis of the output would be empty, or an output padding is not less than
    /// the stride or the dilation.
    #[track_caller]
    pub fn convolve_transposed<const D: usize>(
        self,
        w: impl Linear<'t, T>,
        b: Option<impl Operand<'t, T>>,
        settings: impl Into<Transposed<D>>,
    ) -> Var<'t, T> {
        w.convolve_transposed(self, b, settings.into())
    }
}

/// See [`Var::convolve_transposed`].
#[track_caller]
pub(crate) fn convolve_transposed<'t, T: Real, const D: usize>(
    x: Var<'t, T>,
    w: Var<'t, T>,
    b: Option<Var<'t, T>>,
    settings: Transposed<D>,
) -> Var<'t, T> {
    let (geometry, shape) = settings.over(x.shape(), w.shape());
    check_bias("convolve_transposed", b, w.shape(), shape[1]);
    let operation = ConvolveTransposed { geometry };
    match b {
        Some(b) => x.tape().record(operation, &[x, w, b], [shape])[0],
        None => x.tape().record(operation, &[x, w], [shape])[0],
    }
}

/// The geometry is that of the convolution: its input is our output.
#[derive(Clone, Copy)]
struct ConvolveTransposed {
    geometry: Geometry,
}

impl<T: Real> Operation<T> for ConvolveTransposed {
    fn name(&self) -> &'static str {
        "convolve_transposed"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let (windows, groups) = (self.geometry.axes, self.geometry.groups);
        Some(Description::ConvolveTransposed { windows, groups })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let g = &self.geometry;
        let (x, w) = (io.input(0).data, io.input(1).data);
        let bias = (io.inputs() == 3).then(|| io.input(2).data);
        let scratch = io.scratch(g.to_input_scratch());
        conv::to_input(g, x, w, bias, io.output(0), Write::Store, scratch);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = &self.geometry;
        let (x, w) = (io.input(0).data, io.input(1).data);
        let y = io.upstream(0).expect("the only output");
        if io.is_wanted(0) {
            let scratch = io.scratch(g.convolve_scratch());
            io.accumulate(0, |target, write| conv::convolve(g, y, w, None, target, write, scratch));
        }
        if io.is_wanted(1) {
            let scratch = io.scratch(g.to_weight_scratch());
            io.accumulate(1, |target, write| conv::to_weight(g, y, x, target, write, scratch));
        }
        if io.inputs() == 3 {
            let [elements, _, _] = sizes(g.axes);
            io.accumulate(2, |target, write| conv::to_bias(y, elements, target, write));
        }
    }
}
