//! Log-softmax, and the cross-entropy of labels under it.

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::ops::axes::resolve_one;
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// x − ln Σ eˣ along `axis` (negative: from the last): log-probabilities, without overflow.
    ///
    /// # Panics
    /// If there is no such axis.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'t, T> {
        let axis = resolve_one("log_softmax", axis, self.shape());
        let inner = self.shape()[axis + 1..].iter().product();
        let length = self.shape()[axis];
        self.tape().record(LogSoftmax { length, inner }, &[self], [self.shape()])[0]
    }

    /// The mean over rows of −ln softmax(row)[label]: logits (rows, classes), one label a row.
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
        self.tape().record(CrossEntropy { labels }, &[self], [none, &[rows]])[0]
    }
}

/// Along runs of `length` elements that are `inner` apart.
#[derive(Clone, Copy)]
struct LogSoftmax {
    length: usize,
    inner: usize,
}

impl LogSoftmax {
    /// Calls `visit` with the first element of every run.
    fn for_each_run(self, elements: usize, mut visit: impl FnMut(usize)) {
        let block = self.length * self.inner;
        if block > 0 {
            for start in (0..elements).step_by(block) {
                (start..start + self.inner).for_each(&mut visit);
            }
        }
    }
}

impl<T: Real> Operation<T> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let out = io.output(0);
        self.for_each_run(x.len(), |start| {
            let run = || (0..self.length).map(|i| start + i * self.inner);
            let total = log_sum_exp(run().map(|i| x[i]));
            run().for_each(|i| out[i] = x[i] - total);
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let y = io.output(0).data;
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            self.for_each_run(y.len(), |start| {
                let run = || (0..self.length).map(|i| start + i * self.inner);
                let sum: T = run().map(|i| g[i]).sum();
                run().for_each(|i| {
                    let part = g[i] - scalar_exp(y[i]) * sum;
                    target[i] = if write == Write::Store { part } else { target[i] + part };
                });
            });
        });
    }
}

/// Mean cross-entropy; its second output, ln Σ eˣ of every row, is kept for the adjoint.
#[derive(Clone, Copy)]
struct CrossEntropy<'t> {
    labels: &'t [usize],
}

impl<T: Real> Operation<T> for CrossEntropy<'_> {
    fn name(&self) -> &'static str {
        "cross_entropy"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let [mean, totals] = io.outputs();
        let mut sum = 0.0;
        for ((row, total), &label) in x.data.chunks_exact(classes.max(1)).zip(totals).zip(self.labels) {
            *total = dispatch(LogSumExp(row));
            sum += (*total - row[label]).to_f64();
        }
        mean[0] = T::from_f64(sum / self.labels.len() as f64);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x = io.input(0);
        let classes = x.shape[1];
        let totals = io.output(1).data;
        let Some(&[g]) = io.upstream(0) else {
            return;
        };
        let g = g / T::from_f64(self.labels.len() as f64);
        io.accumulate(0, |target, write| {
            let rows = x.data.chunks_exact(classes.max(1)).zip(target.chunks_exact_mut(classes.max(1)));
            for (((row, target), &total), &label) in rows.zip(totals).zip(self.labels) {
                dispatch(Softmax { row, target, total, g, write });
                target[label] -= g;
            }
        });
    }
}

struct LogSumExp<'a, T>(&'a [T]);

impl<T: Real> Kernel for LogSumExp<'_, T> {
    type Output = T;

    #[inline(always)]
    fn run<S: Simd>(self) -> T {
        let max = largest(self.0.iter().copied());
        let mut sum = T::ZERO;
        for &x in self.0 {
            sum += (x - max).exp::<S>();
        }
        max + sum.ln::<S>()
    }
}

struct Softmax<'a, T> {
    row: &'a [T],
    target: &'a mut [T],
    total: T,
    g: T,
    write: Write,
}

impl<T: Real> Kernel for Softmax<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        for (target, &x) in self.target.iter_mut().zip(self.row) {
            let part = self.g * (x - self.total).exp::<S>();
            *target = if self.write == Write::Store { part } else { *target + part };
        }
    }
}

/// ln Σ eˣ without overflow.
fn log_sum_exp<T: Real>(x: impl Iterator<Item = T> + Clone) -> T {
    let max = largest(x.clone());
    let sum: T = x.map(|x| scalar_exp(x - max)).sum();
    max + T::from_f64(sum.to_f64().ln())
}

/// The largest element, or NaN if there is one.
#[inline(always)]
fn largest<T: Real>(x: impl Iterator<Item = T>) -> T {
    x.fold(T::from_f64(f64::NEG_INFINITY), |max, x| if x <= max { max } else { x })
}

fn scalar_exp<T: Real>(x: T) -> T {
    T::from_f64(x.to_f64().exp())
}
