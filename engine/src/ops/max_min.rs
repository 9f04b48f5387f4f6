//! `max`, `min`, `argmax` and `argmin`, over all axes or some.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::ops::axes::resolve_one;
use crate::ops::reduction::{Gather, Over, Runs, gather, record, spread};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The maximum of all elements, a scalar; NaN if one is NaN. Equal maxima share the gradient evenly.
    ///
    /// # Panics
    /// If there are no elements.
    #[track_caller]
    pub fn max(self) -> Var<'t, T> {
        extreme("max", self, Over::All, Greatest)
    }

    /// The maxima over `axes`, negative ones counted from the last; otherwise as [`max`](Var::max). The reduced axes
    /// are removed, or kept with length 1 if `keep` is set.
    ///
    /// # Panics
    /// If an axis is out of range, repeated or empty.
    #[track_caller]
    pub fn max_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        extreme("max_axes", self, Over::Axes(axes, keep), Greatest)
    }

    /// The minimum of all elements, as [`max`](Var::max).
    ///
    /// # Panics
    /// As [`max`](Var::max).
    #[track_caller]
    pub fn min(self) -> Var<'t, T> {
        extreme("min", self, Over::All, Least)
    }

    /// The minima over `axes`, as [`max_axes`](Var::max_axes).
    ///
    /// # Panics
    /// As [`max_axes`](Var::max_axes).
    #[track_caller]
    pub fn min_axes(self, axes: &[isize], keep: bool) -> Var<'t, T> {
        extreme("min_axes", self, Over::Axes(axes, keep), Least)
    }

    /// The position of the maximum along `axis` (negative: from the last): one index per run, in the order of the
    /// remaining axes. The first of equal maxima counts; NaN is greater than any number. The indices live as long as
    /// the tape's values, but are not values on it.
    ///
    /// # Panics
    /// If the axis is out of range or empty, or the value has several draws.
    #[track_caller]
    pub fn argmax(self, axis: isize) -> &'t [usize] {
        first_places("argmax", self, axis, |x, best| x > best)
    }

    /// The position of the minimum along `axis`, as [`argmax`](Var::argmax); NaN is less than any number.
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
        "{name}: the value of shape {shape:?} has {} draws; expected 1, as positions differ between draws",
        x.draws()
    );
    assert!(shape[axis] > 0, "{name}: the shape {shape:?} has no elements along axis {axis}");
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
        "{name}: the shape {:?} has no elements along the axes {axes:?}",
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

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        let name = if self.name.starts_with("max") { "max" } else { "min" };
        Some(Description::Reduce(name, self.runs.axes(shapes[0])?))
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

/// The maximum; −∞ if there are no elements.
#[derive(Clone, Copy)]
pub(crate) struct Greatest;

/// The minimum; ∞ if there are no elements.
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

/// How many elements are equal to the run's extreme.
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
