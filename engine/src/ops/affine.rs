//! Affine maps x · Wᵀ + b with an optional activation in the same operation.

use crate::kernels::Write;
use crate::kernels::gemm::{Matrix, gemm, gemm_plus_row, has_own_kernel};
use crate::kernels::reduce::sum_columns;
use crate::{Activation, Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

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
    /// `out` is activation(x · wᵀ + bias), with working memory if the transposed product is computed.
    fn product<T: Real>(
        &self,
        [x, w]: [Matrix<'_, T>; 2],
        outputs: usize,
        bias: Option<&[T]>,
        transposed: Option<&mut [T]>,
        out: &mut [T],
    ) {
        if let Some(transposed) = transposed {
            gemm(w, x.t(), transposed, Write::Store);
            return self.activation.apply_transposed(bias, transposed, outputs, out);
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

/// Working memory for the transposed product, if it is used.
fn transposed<'a, T: Real>(sizes: [usize; 3], io: &mut Evaluation<'a, T>) -> Option<&'a mut [T]> {
    (!has_own_kernel::<T>() && is_transposed(sizes)).then(|| io.scratch(sizes[0] * sizes[2]))
}

impl<T: Real> Operation<T> for Affine {
    fn name(&self) -> &'static str {
        "affine"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Affine(self.activation))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, w) = (io.input(0), io.input(1));
        let bias = (io.inputs() == 3).then(|| io.input(2).data);
        let sizes = sizes(x.shape, w.shape);
        let transposed = transposed(sizes, io);
        let [rows, inputs, outputs] = sizes;
        let (x, w) = (Matrix::new(x.data, rows, inputs), Matrix::new(w.data, outputs, inputs));
        self.product([x, w], outputs, bias, transposed, io.output(0));
    }

    fn forward_draws(&self, io: &mut Evaluation<'_, T>) -> bool {
        let [rows, inputs, outputs] = sizes(io.input(0).shape, io.input(1).shape);
        let ((draws, x), (of_weight, w)) = (io.input_draws(0), io.input_draws(1));
        let (of_bias, bias) = if io.inputs() == 3 { io.input_draws(2) } else { (1, &[][..]) };
        if of_weight != 1 || of_bias != 1 {
            return false;
        }
        let bias = (io.inputs() == 3).then_some(bias);
        let transposed = transposed([draws * rows, inputs, outputs], io);
        // After a relu, draws of one row have many zeros in common.
        let x = Matrix::new(x, draws * rows, inputs).with_zeros();
        let w = Matrix::new(w, outputs, inputs);
        self.product([x, w], outputs, bias, transposed, io.output_draws(0));
        true
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, w, y) = (io.input(0), io.input(1), io.output(0).data);
        let [rows, inputs, outputs] = sizes(x.shape, w.shape);
        let mut g = io.upstream(0).expect("the only output");
        if self.activation != Activation::Identity {
            let inner = io.scratch(g.len());
            self.activation.adjoint_from_value(y, g, inner);
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

/// The GEMM uses the right-hand operand in place up to this number of rows.
const FEW_ROWS: usize = 128;

/// Whether it is faster to compute w · xᵀ and transpose the result.
///
/// The GEMM copies one operand into its layout: the weight for x · wᵀ, the input for w · xᵀ.
fn is_transposed([rows, inputs, outputs]: [usize; 3]) -> bool {
    (8..=FEW_ROWS).contains(&rows) && rows * (inputs + outputs) < inputs * outputs
}

/// \[rows, inputs, outputs\].
fn sizes(x: &[usize], w: &[usize]) -> [usize; 3] {
    [x[..x.len() - 1].iter().product(), w[1], w[0]]
}
