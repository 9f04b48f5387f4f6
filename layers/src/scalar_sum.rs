//! Sums many scalars on a tape with few operations, such as the divergences of a model's weights.

use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// The number of terms that one operation sums, in double precision.
const TOGETHER: usize = 16;

/// A sum of scalars, recorded as one operation for up to [`TOGETHER`] terms.
pub(crate) struct Terms<'t, T: Real> {
    /// Only the first `count` are terms.
    terms: Option<[Var<'t, T>; TOGETHER]>,
    count: usize,
}

impl<'t, T: Real> Terms<'t, T> {
    /// An empty sum.
    pub(crate) fn new() -> Self {
        Terms { terms: None, count: 0 }
    }

    #[track_caller]
    pub(crate) fn add(&mut self, term: Var<'t, T>) {
        assert!(
            term.len() == 1,
            "`Drawn::each_kl` returned a divergence of shape {:?}; it must be one number, the sum over a weight's \
             elements",
            term.shape()
        );
        let terms = self.terms.get_or_insert([term; TOGETHER]);
        if self.count == TOGETHER {
            (terms[0], self.count) = (sum(terms), 1);
        }
        terms[self.count] = term;
        self.count += 1;
    }

    /// The sum; `None` for no terms.
    #[track_caller]
    pub(crate) fn var(&self) -> Option<Var<'t, T>> {
        self.terms.as_ref().map(|terms| sum(&terms[..self.count]))
    }
}

#[track_caller]
fn sum<'t, T: Real>(terms: &[Var<'t, T>]) -> Var<'t, T> {
    match terms {
        &[term] => term,
        _ => terms[0].tape().record(Sum, terms, [[0usize; 0]])[0],
    }
}

#[derive(Clone, Copy)]
struct Sum;

impl<T: Real> Operation<T> for Sum {
    fn name(&self) -> &'static str {
        "total"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let total: f64 = (0..io.inputs()).map(|k| io.input(k).data[0].to_f64()).sum();
        io.output(0)[0] = T::from_f64(total);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output")[0];
        (0..io.inputs()).for_each(|k| io.give(k, |_| g));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::gradcheck;
    use crate::{Tape, Tensor};

    #[test]
    fn sums_of_any_number_of_terms_are_right() {
        assert!(Terms::<f32>::new().var().is_none());
        for count in [1, 2, 15, 16, 17, 31, 32, 100] {
            let mut x: Tensor<f64> = Tensor::from_fn([count], |i| (i as f64).sin());
            fn total<'t>(tape: &'t Tape<f64>, x: &'t Tensor<f64>) -> Var<'t, f64> {
                let x = tape.param(x);
                let mut total = Terms::new();
                (0..x.len() as isize).for_each(|i| total.add(x.slice(0, i..i + 1, 1).sum().square()));
                total.var().expect("there are terms")
            }
            let tape = Tape::new();
            let expected: f64 = x.data().iter().map(|x| x * x).sum();
            assert!((total(&tape, &x).item() - expected).abs() < 1e-12);
            gradcheck(&mut x, total).assert_within(1e-7);
        }
    }
}
