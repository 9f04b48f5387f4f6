//! Affine maps x · Wᵀ + b, with an activation in the same operation if one is wanted.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::gemm::{Matrix, gemm};
use crate::kernels::map::{Elementwise, map, scale};
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var};

/// What follows an affine map in the same operation. All have derivatives in terms of their value,
/// so that the argument need not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
}

/// activation(x · wᵀ + b); see [`Var::affine`].
#[track_caller]
pub(crate) fn affine<'t, T: Real>(
    x: Var<'t, T>,
    w: Var<'t, T>,
    b: Option<Var<'t, T>>,
    activation: Activation,
) -> Var<'t, T> {
    let (&[outputs, inputs], [.., features]) = (w.shape(), x.shape()) else {
        panic!(
            "affine: x of shape {:?} times a weight of shape {:?}; expected x (.., inputs) and a weight \
             (outputs, inputs)",
            x.shape(),
            w.shape()
        );
    };
    assert!(
        inputs == *features,
        "affine: x of shape {:?} has {features} features, and the weight of shape {:?} (outputs, inputs) takes {inputs}",
        x.shape(),
        w.shape()
    );
    if let Some(b) = b {
        assert!(
            b.shape() == [outputs],
            "affine: the weight of shape {:?} has {outputs} outputs, and the bias has shape {:?}; expected [{outputs}]",
            w.shape(),
            b.shape()
        );
    }
    let mut shape = Shape::from(x.shape());
    *shape.last_mut().expect("x has a last axis") = outputs;
    match b {
        Some(b) => x.tape().record(Affine { activation }, &[x, w, b], [shape])[0],
        None => x.tape().record(Affine { activation }, &[x, w], [shape])[0],
    }
}

#[derive(Clone, Copy)]
struct Affine {
    activation: Activation,
}

impl<T: Real> Operation<T> for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, w) = (io.input(0), io.input(1));
        let b = (io.inputs() == 3).then(|| io.input(2).data);
        let (rows, inputs, outputs) = sizes(x.data, w.shape);
        let out = io.output(0);
        gemm(Matrix::new(x.data, rows, inputs), Matrix::new(w.data, outputs, inputs).t(), out, Write::Store);
        if let Some(b) = b
            && outputs > 0
        {
            for row in out.chunks_exact_mut(outputs) {
                scale(T::ONE, b, row, Write::Add);
            }
        }
        if self.activation != Activation::Identity {
            activate(self.activation, out);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, w, y) = (io.input(0), io.input(1), io.output(0).data);
        let (rows, inputs, outputs) = sizes(x.data, w.shape);
        let mut g = io.upstream(0).expect("the only output");
        if self.activation != Activation::Identity {
            let inner = io.scratch(g.len());
            map(Slope(self.activation), [y, g], inner, Write::Store);
            g = inner;
        }
        let matrix = Matrix::new(g, rows, outputs);
        io.accumulate(0, |target, write| gemm(matrix, Matrix::new(w.data, outputs, inputs), target, write));
        io.accumulate(1, |target, write| gemm(matrix.t(), Matrix::new(x.data, rows, inputs), target, write));
        if io.inputs() == 3 {
            io.accumulate(2, |target, write| {
                if write == Write::Store {
                    target.fill(T::ZERO);
                }
                if outputs > 0 {
                    for row in g.chunks_exact(outputs) {
                        scale(T::ONE, row, target, Write::Add);
                    }
                }
            });
        }
    }
}

/// (rows, inputs, outputs)
fn sizes<T>(x: &[T], w: &[usize]) -> (usize, usize, usize) {
    (x.len().checked_div(w[1]).unwrap_or(0), w[1], w[0])
}

fn activate<T: Real>(activation: Activation, values: &mut [T]) {
    crate::kernels::map::map_in_place(Value(activation), values);
}

#[derive(Clone, Copy)]
struct Value(Activation);

impl<T: Real> Elementwise<T, 1> for Value {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        match self.0 {
            Activation::Identity => x,
            Activation::Relu => {
                if x <= T::ZERO {
                    T::ZERO
                } else {
                    x
                }
            }
            Activation::Tanh => x.tanh::<S>(),
            Activation::Sigmoid => x.sigmoid::<S>(),
        }
    }
}

/// Upstream adjoint times the derivative, from the value.
#[derive(Clone, Copy)]
struct Slope(Activation);

impl<T: Real> Elementwise<T, 2> for Slope {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        match self.0 {
            Activation::Identity => g,
            Activation::Relu => {
                if y <= T::ZERO {
                    T::ZERO
                } else {
                    g
                }
            }
            Activation::Tanh => g * (T::ONE - y * y),
            Activation::Sigmoid => g * y * (T::ONE - y),
        }
    }
}
