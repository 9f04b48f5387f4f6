//! Affine maps x · Wᵀ + b, with an activation in the same operation if one is wanted.

use crate::kernels::Write;
use crate::kernels::gemm::{Matrix, gemm, gemm_plus_row, is_own};
use crate::kernels::reduce::sum_columns;
use crate::{Activation, Adjoints, Evaluation, Operation, Real, Shape, Var};

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

impl Affine {
    /// `out` is activation(x · wᵀ + bias), with working memory where the product is made the other way round.
    fn product<T: Real>(
        &self,
        [x, w]: [Matrix<'_, T>; 2],
        outputs: usize,
        bias: Option<&[T]>,
        turned: Option<&mut [T]>,
        out: &mut [T],
    ) {
        if let Some(turned) = turned {
            gemm(w, x.t(), turned, Write::Store);
            return self.activation.apply_turned(bias, turned, outputs, out);
        }
        match bias {
            Some(bias) if self.activation == Activation::Identity => gemm_plus_row(x, w.t(), bias, out),
            _ => gemm(x, w.t(), out, Write::Store),
        }
        if self.activation != Activation::Identity {
            self.activation.apply(bias, out);
        }
    }
}

/// Working memory for a product that is made the other way round, if this one is.
fn turned<'a, T: Real>(sizes: [usize; 3], io: &mut Evaluation<'a, T>) -> Option<&'a mut [T]> {
    (!is_own::<T>() && is_turned(sizes)).then(|| io.scratch(sizes[0] * sizes[2]))
}

impl<T: Real> Operation<T> for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, w) = (io.input(0), io.input(1));
        let bias = (io.inputs() == 3).then(|| io.input(2).data);
        let sizes = sizes(x.shape, w.shape);
        let turned = turned(sizes, io);
        let [rows, inputs, outputs] = sizes;
        let (x, w) = (Matrix::new(x.data, rows, inputs), Matrix::new(w.data, outputs, inputs));
        self.product([x, w], outputs, bias, turned, io.output(0));
    }

    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let [rows, inputs, outputs] = sizes(io.input(0).shape, io.input(1).shape);
        let ((draws, x), (of_weight, w)) = (io.input_draws(0), io.input_draws(1));
        let (of_bias, bias) = if io.inputs() == 3 { io.input_draws(2) } else { (1, &[][..]) };
        if of_weight != 1 || of_bias != 1 {
            return false;
        }
        let bias = (io.inputs() == 3).then_some(bias);
        let turned = turned([draws * rows, inputs, outputs], io);
        // Behind a relu, draws of one row have many zeros in common.
        let x = Matrix::new(x, draws * rows, inputs).with_zeros();
        let w = Matrix::new(w, outputs, inputs);
        self.product([x, w], outputs, bias, turned, io.output_draws(0));
        true
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, w, y) = (io.input(0), io.input(1), io.output(0).data);
        let [rows, inputs, outputs] = sizes(x.shape, w.shape);
        let mut g = io.upstream(0).expect("the only output");
        if self.activation != Activation::Identity {
            let inner = io.scratch(g.len());
            self.activation.pull_back(y, g, inner);
            g = inner;
        }
        let matrix = Matrix::new(g, rows, outputs);
        io.accumulate(0, |target, write| gemm(matrix, Matrix::new(w.data, outputs, inputs), target, write));
        io.accumulate(1, |target, write| gemm(matrix.t(), Matrix::new(x.data, rows, inputs), target, write));
        if io.inputs() == 3 {
            io.accumulate(2, |target, write| sum_columns(T::ONE, g, target, write));
        }
    }
}

/// Rows up to which the product's library leaves the right-hand operand where it is.
const FEW_ROWS: usize = 128;

/// Whether the product is faster as w · xᵀ, and then turned round.
///
/// The library copies the operand that lies across its vectors: of x · wᵀ the weight, of w · xᵀ the input.
fn is_turned([rows, inputs, outputs]: [usize; 3]) -> bool {
    (8..=FEW_ROWS).contains(&rows) && rows * (inputs + outputs) < inputs * outputs
}

/// Rows, inputs, outputs.
fn sizes(x: &[usize], w: &[usize]) -> [usize; 3] {
    [x[..x.len() - 1].iter().product(), w[1], w[0]]
}
