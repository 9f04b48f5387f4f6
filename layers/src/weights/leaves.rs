//! `Leaves`: how given weights enter a tape, and `Copies` of them for the gradients of each example.

use crate::engine::kernels::Write;
use crate::engine::{Adjoints, Evaluation, Operation, Parameters, Path, Real, Tape, Tensor, Var, Visitor, VisitorMut};
use crate::weights::{LinearMaps, SparseMaps, Weights};

/// How given weights enter the tape of a draw.
#[derive(Debug)]
pub(crate) enum Leaves<'t, T: Real> {
    /// As a leaf each, which has a gradient.
    Shared,
    /// As a value with as many draws as there are copies: each copy has its own gradient.
    Copies(&'t Copies<T>),
    /// As constants. The linear maps by them are noted.
    Watched(&'t LinearMaps<T>),
    /// As constants. Linear maps by sparse matrices skip their zeros.
    Sparse(&'t SparseMaps<T>),
}

impl<T: Real> Clone for Leaves<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T: Real> Copy for Leaves<'_, T> {}

impl<'t, T: Real> Leaves<'t, T> {
    /// The weight of this index on the tape.
    pub(crate) fn enter(self, tape: &'t Tape<T>, index: usize, tensor: &'t Tensor<T>) -> Var<'t, T> {
        match self {
            Leaves::Shared => tape.param(tensor),
            Leaves::Watched(_) | Leaves::Sparse(_) => tape.input(tensor),
            Leaves::Copies(copies) => match &copies.tensors[index] {
                Some(copies) => as_draws(tape.param(copies), tensor.shape()),
                None => tape.input(tensor),
            },
        }
    }
}

/// Copies of some of a model's weights, one for each example, which share the forward pass of a tape and have separate
/// gradients: (copies, ..).
#[derive(Debug)]
pub(crate) struct Copies<T: Real> {
    tensors: Vec<Option<Tensor<T>>>,
}

impl<T: Real> Copies<T> {
    /// `count` copies of the weights whose index is `chosen`; the others are constants.
    pub(crate) fn of(weights: &Weights<T>, count: usize, chosen: impl Fn(usize) -> bool) -> Self {
        let copied = |tensor: &Tensor<T>| {
            let shape: Vec<usize> = [count].iter().chain(tensor.shape()).copied().collect();
            Tensor::new(shape, tensor.data().repeat(count))
        };
        let entries = weights.entries().iter().enumerate();
        Copies { tensors: entries.map(|(index, entry)| chosen(index).then(|| copied(&entry.tensor))).collect() }
    }
}

impl<T: Real> Parameters for Copies<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.tensors.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        self.tensors.visit_mut(path, f);
    }
}

/// The rows of a value, (draws, ..), as the draws of a value of this shape.
pub(crate) fn as_draws<'t, T: Real>(rows: Var<'t, T>, shape: &[usize]) -> Var<'t, T> {
    rows.tape().record_draws(rows.shape()[0], RowOfDraw, &[rows], [shape])[0]
}

#[derive(Clone, Copy)]
struct RowOfDraw;

impl<T: Real> Operation<T> for RowOfDraw {
    fn name(&self) -> &'static str {
        "row of each draw"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (rows, draw) = (io.input(0).data, io.draw());
        let out = io.output(0);
        let len = out.len();
        out.copy_from_slice(&rows[draw * len..][..len]);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, draw) = (io.upstream(0).expect("the only output"), io.draw());
        io.accumulate(0, |target, write| {
            if write == Write::Store {
                target.fill(T::ZERO);
            }
            target[draw * g.len()..][..g.len()].iter_mut().zip(g).for_each(|(target, &g)| *target += g);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::Gradients;

    #[test]
    fn each_copy_has_the_gradient_of_its_row() {
        let (rows, x) = (Tensor::<f64>::new([3, 2], [1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), Tensor::new([2], [10.0, 100.0]));
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&rows));
        let loss = (as_draws(tape.param(&rows), &[2]).square() * tape.input(&x)).sum();
        assert_eq!(loss.value(), [410.0, 1690.0, 3850.0]);
        tape.backward(&[(loss, 3.0)], &mut gradients);
        assert_eq!(gradients.get("").unwrap(), [20.0, 400.0, 60.0, 800.0, 100.0, 1200.0]);
    }
}
