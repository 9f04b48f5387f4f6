//! The cross-entropy of labels under a softmax, in one operation.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::reduce::{LANES, log_sum_exp, padded};
use crate::threads::{GRAIN, Shared, for_each_range};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The mean over rows of −ln softmax(row)\[label\]: logits (rows, classes), one label a row.
    /// In nats per example.
    ///
    /// # Panics
    /// If this is no matrix of at least one class, there is not one label a row, or a label is none
    /// of the classes.
    #[track_caller]
    pub fn cross_entropy(self, labels: &'t [usize]) -> Var<'t, T> {
        let &[rows, classes] = self.shape() else {
            panic!("cross_entropy: logits of shape {:?}; expected (rows, classes)", self.shape());
        };
        assert!(
            rows == labels.len(),
            "cross_entropy: logits of shape {:?} (rows, classes) and {} labels",
            self.shape(),
            labels.len()
        );
        if let Some(row) = labels.iter().position(|&label| label >= classes) {
            panic!("cross_entropy: row {row} has the label {}, and there are {classes} classes", labels[row]);
        }
        let none: &[usize] = &[];
        self.tape().record(CrossEntropy { labels }, &[self], [none, &[rows, 2]])[0]
    }
}

/// Mean cross-entropy; its second output, ln Σ eˣ of every row in two summands, is kept for the adjoint.
#[derive(Clone, Copy)]
struct CrossEntropy<'t> {
    labels: &'t [usize],
}

impl CrossEntropy<'_> {
    /// Calls `visit` with ranges of rows, possibly at the same time.
    fn for_each_part(self, classes: usize, visit: &(impl Fn(Range<usize>) + Sync)) {
        for_each_range(self.labels.len(), GRAIN.div_ceil(classes.max(1)), 1, visit);
    }
}

impl<T: Real> Operation<T> for CrossEntropy<'_> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let [mean, totals] = io.outputs();
        let shared = Shared::new(totals);
        self.for_each_part(classes, &|rows| {
            // SAFETY: the ranges are disjoint, and the output is borrowed throughout.
            let totals = unsafe { shared.range(2 * rows.start..2 * rows.end) };
            dispatch(Totals { x: &x.data[rows.start * classes..rows.end * classes], totals });
        });
        let (totals, _) = totals.as_chunks();
        let mut sum = 0.0;
        for (i, (&[max, rest], &label)) in totals.iter().zip(self.labels).enumerate() {
            sum += (rest + (max - x.data[i * classes + label])).to_f64();
        }
        mean[0] = T::from_f64(sum / self.labels.len() as f64);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let (totals, _) = io.output(1).data.as_chunks();
        let Some(&[g]) = io.upstream(0) else {
            unreachable!("nobody else has the second output");
        };
        let g = g / T::from_f64(self.labels.len() as f64);
        io.accumulate(0, |target, write| {
            let target = Shared::new(target);
            self.for_each_part(classes, &|rows| {
                let part = rows.start * classes..rows.end * classes;
                // SAFETY: the ranges are disjoint, and the target is borrowed throughout.
                let target = unsafe { target.range(part.clone()) };
                let labels = &self.labels[rows.clone()];
                dispatch(Softmax { x: &x.data[part], totals: &totals[rows], labels, g, target, write });
            });
        });
    }
}

/// ln Σ eˣ of every row, in two summands.
struct Totals<'a, T> {
    x: &'a [T],
    totals: &'a mut [T],
}

impl<T: Real> Kernel for Totals<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let (totals, _) = self.totals.as_chunks_mut::<2>();
        let classes = self.x.len().checked_div(totals.len()).unwrap_or(0);
        for (i, total) in totals.iter_mut().enumerate() {
            *total = log_sum_exp::<S, T>(&self.x[i * classes..][..classes]);
        }
    }
}

/// g (softmax(row) − 1 at the label) for every row.
struct Softmax<'a, T> {
    x: &'a [T],
    totals: &'a [[T; 2]],
    labels: &'a [usize],
    g: T,
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Softmax { x, totals, labels, g, target, write } = self;
        let classes = x.len().checked_div(labels.len()).unwrap_or(0);
        for (i, (&[max, rest], &label)) in totals.iter().zip(labels).enumerate() {
            let (x, target) = (&x[i * classes..][..classes], &mut target[i * classes..][..classes]);
            for (target, x) in target.chunks_mut(LANES).zip(x.chunks(LANES)) {
                let mut parts = padded(x, max);
                for part in &mut parts {
                    *part = g * ((*part - max) - rest).exp::<S>();
                }
                for (target, part) in target.iter_mut().zip(parts) {
                    *target = if write == Write::Store { part } else { *target + part };
                }
            }
            target[label] -= g;
        }
    }
}
