//! Log-softmax along an axis.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::chain::all_zero;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::reduce::{LANES, log_sum_exp};
use crate::ops::axes::resolve_one;
use crate::ops::reduction::Runs;
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// x − ln Σ eˣ along `axis` (negative: from the last): log-probabilities, without overflow.
    ///
    /// # Panics
    /// If the axis is out of range.
    #[track_caller]
    pub fn log_softmax(self, axis: isize) -> Var<'t, T> {
        let axis = resolve_one("log_softmax", axis, self.shape());
        let [length, inner] = [self.shape()[axis], self.shape()[axis + 1..].iter().product()];
        self.tape().record(LogSoftmax { length, inner }, &[self], [self.shape()])[0]
    }
}

/// RowOperand runs of `length` elements with stride `inner`; a block holds `inner` adjacent runs.
#[derive(Clone, Copy)]
struct LogSoftmax {
    length: usize,
    inner: usize,
}

impl LogSoftmax {
    /// Calls `visit` with ranges of elements that are whole blocks and the corresponding parts of `out`, possibly in
    /// parallel.
    fn for_each_part<T: Real>(self, out: &mut [T], visit: &(dyn Fn(Range<usize>, Rows<'_, T>) + Sync)) {
        if !out.is_empty() {
            let len = out.len();
            for_each_part(Rows::new(out, 1), len, GRAIN, self.length * self.inner, visit);
        }
    }
}

impl<T: Real> Operation<T> for LogSoftmax {
    fn name(&self) -> &'static str {
        "log_softmax"
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        let runs = Runs { length: self.length, inner: self.inner };
        let &[axis] = &runs.axes(shapes[0])?[..] else { return None };
        Some(Description::LogSoftmax(axis))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        self.for_each_part(io.output(0), &|part, out| {
            dispatch(Forward { axis: *self, x: &x[part], out: out.data });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let y = io.output(0).data;
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            self.for_each_part(target, &|part, target| {
                dispatch(Backward { axis: *self, y: &y[part.clone()], g: &g[part], target: target.data, write });
            });
        });
    }
}

struct Forward<'a, T> {
    axis: LogSoftmax,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let LogSoftmax { length, inner } = self.axis;
        if inner == 1 {
            for (x, out) in self.x.chunks_exact(length).zip(self.out.chunks_exact_mut(length)) {
                let [max, rest] = log_sum_exp::<S, T>(x);
                x.iter().zip(out).for_each(|(&x, out)| *out = (x - max) - rest);
            }
            return;
        }
        for (x, out) in self.x.chunks_exact(length * inner).zip(self.out.chunks_exact_mut(length * inner)) {
            for from in (0..inner).step_by(LANES) {
                let to = inner.min(from + LANES);
                let mut max = [T::from_f64(f64::NEG_INFINITY); LANES];
                for x in x.chunks_exact(inner) {
                    max.iter_mut().zip(&x[from..to]).for_each(|(max, &x)| *max = if x <= *max { *max } else { x });
                }
                let mut totals = [T::ZERO; LANES];
                for x in x.chunks_exact(inner) {
                    for ((total, &max), &x) in totals.iter_mut().zip(&max).zip(&x[from..to]) {
                        *total += (x - max).exp::<S>();
                    }
                }
                for total in &mut totals {
                    *total = total.ln::<S>();
                }
                for (x, out) in x.chunks_exact(inner).zip(out.chunks_exact_mut(inner)) {
                    let row = x[from..to].iter().zip(&max).zip(&totals);
                    out[from..to].iter_mut().zip(row).for_each(|(y, ((&x, &max), &rest))| *y = (x - max) - rest);
                }
            }
        }
    }
}

/// g − eʸ Σ g.
struct Backward<'a, T> {
    axis: LogSoftmax,
    y: &'a [T],
    g: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { axis: LogSoftmax { length, inner }, y, g, target, write } = self;
        let block = length * inner;
        for ((y, g), target) in y.chunks_exact(block).zip(g.chunks_exact(block)).zip(target.chunks_exact_mut(block)) {
            if inner == 1 {
                let sum: T = g.iter().copied().sum();
                if sum == T::ZERO && all_zero(g) {
                    // The probabilities of a run that is not used may be NaN.
                    write.clear(target);
                    continue;
                }
                for ((target, &y), &g) in target.iter_mut().zip(y).zip(g) {
                    let part = g - y.exp::<S>() * sum;
                    write.put(part, target);
                }
                continue;
            }
            for from in (0..inner).step_by(LANES) {
                let to = inner.min(from + LANES);
                let mut sums = [T::ZERO; LANES];
                for g in g.chunks_exact(inner) {
                    sums.iter_mut().zip(&g[from..to]).for_each(|(sum, &g)| *sum += g);
                }
                // Whether to use the run, as above.
                let mut used = [true; LANES];
                for (lane, used) in used.iter_mut().enumerate().take(to - from) {
                    let run = || g.chunks_exact(inner).map(|g| g[from + lane]);
                    *used = sums[lane] != T::ZERO || run().any(|g| g != T::ZERO);
                }
                let rows = y.chunks_exact(inner).zip(g.chunks_exact(inner)).zip(target.chunks_exact_mut(inner));
                for ((y, g), target) in rows {
                    let row = y[from..to].iter().zip(&g[from..to]).zip(sums.iter().zip(&used));
                    for (target, ((&y, &g), (&sum, &used))) in target[from..to].iter_mut().zip(row) {
                        let part = g - y.exp::<S>() * sum;
                        let part = if used { part } else { T::ZERO };
                        write.put(part, target);
                    }
                }
            }
        }
    }
}
