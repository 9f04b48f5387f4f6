//! `variance`, `std` and `norm`, over all axes or some.

use crate::kernels::Write;
use crate::kernels::chain::{chain, unless_zero};
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::reduction::{Gather, Over, Runs, gather, record, spread};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The variance of all elements, a scalar: the sum of squared differences from their mean, divided by n − `ddof`
    /// for n elements. `ddof` is 0 for the variance of a population, and 1 for the unbiased estimate from a sample.
    ///
    /// # Panics
    /// If there are at most `ddof` elements.
    #[track_caller]
    pub fn variance(self, ddof: usize) -> Var<'t, T> {
        about_mean("variance", self, Over::All, ddof, false)
    }

    /// The variance over `axes`, negative ones counted from the last; otherwise as [`variance`](Var::variance). The reduced axes
    /// are removed, or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range or repeated, or there are at most `ddof` elements along the axes.
    #[track_caller]
    pub fn variance_axes(self, axes: &[isize], keep: bool, ddof: usize) -> Var<'t, T> {
        about_mean("variance_axes", self, Over::Axes(axes, keep), ddof, false)
    }

    /// The standard deviation of all elements, the root of their [`variance`](Var::variance). If it is 0, the gradient
    /// is 0.
    ///
    /// # Panics
    /// As [`variance`](Var::variance).
    #[track_caller]
    pub fn std(self, ddof: usize) -> Var<'t, T> {
        about_mean("std", self, Over::All, ddof, true)
    }

    /// The standard deviation over `axes`, as [`variance_axes`](Var::variance_axes).
    ///
    /// # Panics
    /// As [`variance_axes`](Var::variance_axes).
    #[track_caller]
    pub fn std_axes(self, axes: &[isize], keep: bool, ddof: usize) -> Var<'t, T> {
        about_mean("std_axes", self, Over::Axes(axes, keep), ddof, true)
    }

    /// The Euclidean norm of all elements, a scalar: √Σx², without overflow. If it is 0, the gradient is 0.
    #[track_caller]
    pub fn norm(self) -> Var<'t, T> {
        let [y] = record("norm", self, Over::All, |runs| Norm { runs });
        y
    }

    /// The Euclidean norm over `axes`, negative ones counted from the last; otherwise as [`norm`](Var::norm). The reduced axes
    /// are removed, or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, or repeated.
    #[track_caller]
    pub fn norm_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        let [y] = record("norm_axes", self, Over::Axes(axes, keep), |runs| Norm { runs });
        y
    }
}

#[track_caller]
fn about_mean<'t, T: Real>(name: &'static str, x: Var<'t, T>, over: Over<'_>, ddof: usize, root: bool) -> Var<'t, T> {
    let axes = over.resolve(name, x.shape());
    let count: usize = axes.iter().map(|&axis| x.shape()[axis]).product();
    assert!(
        count > ddof,
        "{name}: the shape {:?} has {count} elements along the axes {axes:?}; ddof {ddof} needs more than {ddof}",
        x.shape()
    );
    let divisor = (count - ddof) as f64;
    let [y, _mean] = record(name, x, over, |runs| Moment { name, runs, divisor, root });
    y
}

/// Σ (x − mean)² / divisor, or its root; the second output is the mean.
#[derive(Clone, Copy)]
struct Moment {
    name: &'static str,
    runs: Runs,
    divisor: f64,
    root: bool,
}

impl<T: Real> Operation<T> for Moment {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        let axes = self.runs.axes(shapes[0])?;
        Some(Description::ReduceVariance { axes, divisor: self.divisor, root: self.root })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let [y, mean] = io.outputs();
        let length = self.runs.length as f64;
        gather(Mean { length }, self.runs, x, mean);
        y.copy_from_slice(mean);
        gather(Squares { length, divisor: self.divisor, root: self.root }, self.runs, x, y);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y, mean) = (io.input(0).data, io.output(0).data, io.output(1).data);
        let Some(g) = io.upstream(0) else { return };
        let slopes = io.scratch(y.len());
        if self.root {
            map(RootSlope { divisor: T::from_f64(self.divisor) }, [y, g], slopes, Write::Store);
        } else {
            map(SquareSlope { factor: T::from_f64(2.0 / self.divisor) }, [g], slopes, Write::Store);
        }
        io.accumulate(0, |target, write| spread(FromMean, self.runs, x, [mean, slopes], target, write));
    }
}

/// √Σx².
#[derive(Clone, Copy)]
struct Norm {
    runs: Runs,
}

impl<T: Real> Operation<T> for Norm {
    fn name(&self) -> &'static str {
        "norm"
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        Some(Description::Reduce("norm", self.runs.axes(shapes[0])?))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        let y = io.output(0);
        gather(GreatestSize, self.runs, x, y);
        gather(Scaled, self.runs, x, y);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| spread(Direction, self.runs, x, [y, g], target, write));
    }
}

#[derive(Clone, Copy)]
struct Mean {
    length: f64,
}

impl<T: Real> Gather<T> for Mean {
    type State = f64;

    #[inline(always)]
    fn start(self) -> f64 {
        0.0
    }

    #[inline(always)]
    fn take<S: Simd>(self, sum: f64, x: T, _: T) -> f64 {
        sum + x.to_f64()
    }

    #[inline(always)]
    fn merge(self, a: f64, b: f64) -> f64 {
        a + b
    }

    #[inline(always)]
    fn finish<S: Simd>(self, sum: f64, _: T) -> T {
        T::from_f64(sum / self.length)
    }
}

/// Sums about the mean; the sum of differences reveals the rounding error of the mean and corrects it.
#[derive(Clone, Copy)]
struct Squares {
    length: f64,
    divisor: f64,
    root: bool,
}

impl<T: Real> Gather<T> for Squares {
    type State = [f64; 2];

    #[inline(always)]
    fn start(self) -> [f64; 2] {
        [0.0; 2]
    }

    #[inline(always)]
    fn take<S: Simd>(self, [sum, squares]: [f64; 2], x: T, mean: T) -> [f64; 2] {
        let difference = x.to_f64() - mean.to_f64();
        [sum + difference, squares + difference * difference]
    }

    #[inline(always)]
    fn merge(self, a: [f64; 2], b: [f64; 2]) -> [f64; 2] {
        [a[0] + b[0], a[1] + b[1]]
    }

    #[inline(always)]
    fn finish<S: Simd>(self, [sum, squares]: [f64; 2], _: T) -> T {
        let variance = (squares - sum * (sum / self.length)) / self.divisor;
        T::from_f64(if self.root { variance.sqrt() } else { variance })
    }
}

#[derive(Clone, Copy)]
struct GreatestSize;

impl<T: Real> Gather<T> for GreatestSize {
    type State = T;

    #[inline(always)]
    fn start(self) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn take<S: Simd>(self, max: T, x: T, _: T) -> T {
        larger(max, x.abs())
    }

    #[inline(always)]
    fn merge(self, a: T, b: T) -> T {
        larger(a, b)
    }

    #[inline(always)]
    fn finish<S: Simd>(self, max: T, _: T) -> T {
        max
    }
}

/// In units of the largest element, so that squares neither overflow nor underflow.
#[derive(Clone, Copy)]
struct Scaled;

impl<T: Real> Gather<T> for Scaled {
    type State = f64;

    #[inline(always)]
    fn start(self) -> f64 {
        0.0
    }

    #[inline(always)]
    fn take<S: Simd>(self, sum: f64, x: T, size: T) -> f64 {
        let x = x.to_f64() / unit(size.to_f64());
        sum + x * x
    }

    #[inline(always)]
    fn merge(self, a: f64, b: f64) -> f64 {
        a + b
    }

    #[inline(always)]
    fn finish<S: Simd>(self, sum: f64, size: T) -> T {
        let norm = T::from_f64(unit(size.to_f64()) * sum.sqrt());
        if size.is_finite() { norm } else { size }
    }
}

#[inline(always)]
fn larger<T: Real>(a: T, b: T) -> T {
    // The comparison is false if a is NaN.
    let larger = if b <= a { a } else { b };
    if a.is_nan() { a } else { larger }
}

/// The unit that elements up to `size` are divided by.
#[inline(always)]
fn unit(size: f64) -> f64 {
    if size > 0.0 { size } else { 1.0 }
}

#[derive(Clone, Copy)]
struct RootSlope<T> {
    divisor: T,
}

impl<T: Real> Elementwise<T, 2> for RootSlope<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        if y == T::ZERO { T::ZERO } else { unless_zero(g, g / (self.divisor * y)) }
    }
}

#[derive(Clone, Copy)]
struct SquareSlope<T> {
    factor: T,
}

impl<T: Real> Elementwise<T, 1> for SquareSlope<T> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g]: [T; 1]) -> T {
        self.factor * g
    }
}

#[derive(Clone, Copy)]
struct FromMean;

impl<T: Real> Elementwise<T, 3> for FromMean {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [x, mean, slope]: [T; 3]) -> T {
        slope * (x - mean)
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [x, mean, slope]: [T; 3]) -> T {
        chain(slope, x - mean)
    }
}

#[derive(Clone, Copy)]
struct Direction;

impl<T: Real> Elementwise<T, 3> for Direction {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn apply<S: Simd>(self, [x, norm, g]: [T; 3]) -> T {
        if norm == T::ZERO { T::ZERO } else { g * (x / norm) }
    }

    #[inline(always)]
    fn chained<S: Simd>(self, [x, norm, g]: [T; 3]) -> T {
        if norm == T::ZERO { T::ZERO } else { chain(g, x / norm) }
    }
}
