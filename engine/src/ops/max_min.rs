//! The greatest and the least element over all axes or some, and where along an axis they are.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::axes::resolve_one;
use crate::ops::reduction::{Gather, Over, Runs, gather, record, spread};
use crate::{Adjoints, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The greatest of all elements, a scalar; NaN if one is. Equal ones share the gradient evenly.
    ///
    /// # Panics
    /// If there is no element.
    #[track_caller]
    pub fn max(self) -> Var<'t, T> {
        extreme("max", self, Over::All, Greatest)
    }

    /// The greatest elements over `axes`, negative ones counted from the last; otherwise as [`max`](Var::max). The axes
    /// vanish, or stay with length 1 if `keep` says so.
    ///
    /// # Panics
    /// If there is no such axis, one is named twice, or there is no element along them.
    #[track_caller]
    pub fn max_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        extreme("max_axes", self, Over::Axes(axes, keep), Greatest)
    }

    /// The least of all elements, as [`max`](Var::max).
    ///
    /// # Panics
    /// As [`max`](Var::max).
    #[track_caller]
    pub fn min(self) -> Var<'t, T> {
        extreme("min", self, Over::All, Least)
    }

    /// The least elements over `axes`, as [`max_axes`](Var::max_axes).
    ///
    /// # Panics
    /// As [`max_axes`](Var::max_axes).
    #[track_caller]
    pub fn min_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        extreme("min_axes", self, Over::Axes(axes, keep), Least)
    }

    /// Where along `axis` (negative: from the last) the greatest element is: an index for each run, in the order of the
    /// axes that are left. Of equal ones it is the first; NaN is greater than any number. Indices are no values on the
    /// tape, but live as long.
    ///
    /// # Panics
    /// If there is no such axis, no element along it, or the value stands for several draws.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> &'t [usize] {
        first_places("argmax", self, axis, |x, best| x > best)
    }

    /// Where along `axis` the least element is, as [`argmax`](Var::argmax); NaN is less than any number.
    ///
    /// # Panics
    /// As [`argmax`](Var::argmax).
    #[track_caller]
    pub fn argmin(self, axis: isize) -> &'t [usize] {
        first_places("argmin", self, axis, |x, best| x < best)
    }
}

#[track_caller]
fn first_places<'t, T: Real>(name: &str, x: Var<'t, T>, axis: isize, better: fn(T, T) -> bool) -> &'t [usize] {
    let (shape, data) = (x.shape(), x.value());
    let axis = resolve_one(name, axis, shape);
    assert!(
        x.draws() == 1,
        "{name}: the value of shape {shape:?} stands for {} draws; expected one, as every draw has places of its own",
        x.draws()
    );
    assert!(shape[axis] > 0, "{name}: the shape {shape:?} has no element along axis {axis}");
    let Runs { length, inner } = Runs::along(shape, axis);
    x.tape().alloc_slice(data.len() / length, |run| {
        let at = |i: usize| data[(run / inner * length + i) * inner + run % inner];
        let mut best = 0;
        for i in 1..length {
            if better(at(i), at(best)) || at(i).is_nan() && !at(best).is_nan() {
                best = i;
            }
        }
        best
    })
}

#[track_caller]
fn extreme<'t, T, G>(name: &'static str, x: Var<'t, T>, over: Over<'_>, which: G) -> Var<'t, T>
where
    T: Real,
    G: Gather<T, State = T> + 't,
{
    let axes = over.resolve(name, x.shape());
    assert!(
        axes.iter().all(|&axis| x.shape()[axis] > 0),
        "{name}: the shape {:?} has no element along the axes {axes:?}",
        x.shape()
    );
    let [y] = record(name, x, over, |runs| Extreme { name, runs, which });
    y
}

#[derive(Clone, Copy)]
struct Extreme<G> {
    name: &'static str,
    runs: Runs,
    which: G,
}

impl<T: Real, G: Gather<T, State = T>> Operation<T> for Extreme<G> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        gather(self.which, self.runs, x, io.output(0));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        let [counts, shares] = [io.scratch(y.len()), io.scratch(y.len())];
        counts.copy_from_slice(y);
        gather(Equal, self.runs, x, counts);
        map(Quotient, [g, counts], shares, Write::Store);
        io.accumulate(0, |target, write| spread(ShareOfEqual, self.runs, x, [y, shares], target, write));
    }
}

/// The greatest element; −∞ of none.
#[derive(Clone, Copy)]
pub(crate) struct Greatest;

/// The least element; ∞ of none.
#[derive(Clone, Copy)]
pub(crate) struct Least;

macro_rules! extremes {
    ($($rule:ident from $start:expr, $sign:tt;)*) => {$(
        impl<T: Real> Gather<T> for $rule {
            type State = T;

            #[inline(always)]
            fn start(self) -> T {
                T::from_f64($start)
            }

            #[inline(always)]
            fn take<S: Simd>(self, best: T, x: T, _: T) -> T {
                self.merge(best, x)
            }

            #[inline(always)]
            fn merge(self, best: T, x: T) -> T {
                let better = if x $sign best { x } else { best };
                if x.is_nan() { x } else { better }
            }

            #[inline(always)]
            fn finish<S: Simd>(self, best: T, _: T) -> T {
                best
            }
        }
    )*};
}

extremes! {
    Greatest from f64::NEG_INFINITY, >;
    Least from f64::INFINITY, <;
}

/// How many elements are equal to the run's extreme one.
#[derive(Clone, Copy)]
struct Equal;

impl<T: Real> Gather<T> for Equal {
    type State = T;

    #[inline(always)]
    fn start(self) -> T {
        T::ZERO
    }

    #[inline(always)]
    fn take<S: Simd>(self, count: T, x: T, about: T) -> T {
        count + if x == about { T::ONE } else { T::ZERO }
    }

    #[inline(always)]
    fn merge(self, a: T, b: T) -> T {
        a + b
    }

    #[inline(always)]
    fn finish<S: Simd>(self, count: T, _: T) -> T {
        count
    }
}

#[derive(Clone, Copy)]
struct Quotient;

impl<T: Real> Elementwise<T, 2> for Quotient {
    #[inline(always)]
    fn apply<S: Simd>(self, [a, b]: [T; 2]) -> T {
        a / b
    }
}

#[derive(Clone, Copy)]
struct ShareOfEqual;

impl<T: Real> Elementwise<T, 3> for ShareOfEqual {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, y, share]: [T; 3]) -> T {
        if x == y { share } else { T::ZERO }
    }
}
