//! Sums of one function over all elements, as one tape operation: log-densities and divergences.
//!
//! The function is computed and summed in double precision for any scalar type of the weights, because there may be
//! millions of summands. The backward pass recomputes the derivatives, so that nothing is stored.

use std::ops::Range;

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::kernels::map::cut;
use crate::engine::kernels::reduce::LANES;
use crate::engine::threads::{GRAIN, for_each_part, sum_blocks};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Real, Var};

/// Elements of a block. The sums of blocks are added in a tree, so that any number of threads gives the same bits.
const BLOCK: usize = 4096;

/// The element of a term in a sum, and the shared argument.
#[derive(Clone, Copy, Debug)]
pub struct At {
    /// The index of the element.
    pub(crate) element: usize,
    /// The argument that all elements share, such as a hyperparameter; zero without one.
    pub(crate) shared: f64,
}

/// One term of a sum over elements: a function of `N` arguments per element, and optionally of one argument that all
/// elements share. With `N` = 1 it is the log-density of a distribution with independent elements.
///
/// Implementations are `#[inline(always)]`, so that they are compiled for every level of vector instructions.
pub trait ElementwiseTerm<const N: usize>: Copy + Send + Sync {
    /// The operation's name in messages.
    const NAME: &'static str;

    /// The function.
    fn value<S: Simd>(self, x: [f64; N], at: At) -> f64;

    /// Its derivative with respect to `x[K]`, or to the shared argument if K = N.
    fn slope<S: Simd, const K: usize>(self, x: [f64; N], at: At) -> f64;

    /// The function in the scalar type of the weights, for the fused pass: computed in double precision unless overridden.
    #[inline(always)]
    fn value_in<S: Simd, T: Real>(self, x: [T; N], at: At) -> T {
        T::from_f64(self.value::<S>(to_f64(x), at))
    }

    /// Its derivative in the scalar type of the weights, for the fused pass.
    #[inline(always)]
    fn slope_in<S: Simd, const K: usize, T: Real>(self, x: [T; N], at: At) -> T {
        T::from_f64(self.slope::<S, K>(to_f64(x), at))
    }
}

/// The numbers in double precision. Not by `map` of arrays, which is compiled to ten functions for each use.
#[inline(always)]
fn to_f64<T: Real, const N: usize>(x: [T; N]) -> [f64; N] {
    let mut numbers = [0.0; N];
    for (number, x) in numbers.iter_mut().zip(x) {
        *number = x.to_f64();
    }
    numbers
}

/// A visitor of an elementwise log-density, whose type its caller does not know.
pub trait WithDensity<'t> {
    /// The result.
    type Output;

    /// Visits the log-density.
    fn with<F: ElementwiseTerm<1> + 't>(self, log_density: F) -> Self::Output;
}

/// Σ f over the elements of `x`, one or two variables of the same shape; `shared` has one element.
pub(crate) fn sum<'t, T: Real, F: ElementwiseTerm<N> + 't, const N: usize>(
    f: F,
    x: [Var<'t, T>; N],
    shared: Option<Var<'t, T>>,
) -> Var<'t, T> {
    let scalar: &[usize] = &[];
    let tape = x[0].tape();
    match (&x[..], shared) {
        (all, None) => tape.record(Sum::<F, N>(f), all, [scalar])[0],
        (&[x], Some(shared)) => tape.record(Sum::<F, N>(f), &[x, shared], [scalar])[0],
        (&[x, y], Some(shared)) => tape.record(Sum::<F, N>(f), &[x, y, shared], [scalar])[0],
        _ => unreachable!("an element has one or two arguments"),
    }
}

/// Σ f over the elements of `x`, without a tape.
pub(crate) fn total<T: Real, F: ElementwiseTerm<N>, const N: usize>(f: F, x: [&[T]; N], shared: f64) -> f64 {
    over_blocks(x[0].len(), |range| dispatch(Total::<_, _, N, false>(Part::of(f, x, shared, range))))
}

fn over_blocks(len: usize, part: impl Fn(Range<usize>) -> f64 + Sync) -> f64 {
    sum_blocks(len.div_ceil(BLOCK), len > GRAIN, &|block| part(block * BLOCK..len.min((block + 1) * BLOCK)))
}

#[derive(Clone, Copy)]
struct Sum<F, const N: usize>(F);

impl<T: Real, F: ElementwiseTerm<N>, const N: usize> Operation<T> for Sum<F, N> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = std::array::from_fn(|k| io.input(k).data);
        let shared = if io.inputs() > N { io.input(N).data[0].to_f64() } else { 0.0 };
        io.output(0)[0] = T::from_f64(total(self.0, x, shared));
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let x: [&[T]; N] = std::array::from_fn(|k| io.input(k).data);
        let shared = if io.inputs() > N { io.input(N).data[0].to_f64() } else { 0.0 };
        let g = io.upstream(0).expect("the only output")[0].to_f64();
        let part = |range| Part::of(self.0, x, shared, range);
        io.accumulate(0, |target, write| {
            in_parallel(target, |range, out| dispatch(Slopes::<_, _, N, 0> { part: part(range), g, out, write }));
        });
        if N > 1 {
            io.accumulate(1, |target, write| {
                in_parallel(target, |range, out| dispatch(Slopes::<_, _, N, 1> { part: part(range), g, out, write }));
            });
        }
        if io.inputs() > N && io.is_wanted(N) {
            let slope = over_blocks(x[0].len(), |range| dispatch(Total::<_, _, N, true>(part(range))));
            io.give(N, |_| T::from_f64(if g == 0.0 { 0.0 } else { g * slope }));
        }
    }
}

/// Calls `work` with disjoint parts of `target`, in parallel.
fn in_parallel<T: Real>(target: &mut [T], work: impl Fn(Range<usize>, &mut [T]) + Sync) {
    let len = target.len();
    for_each_part(target, len, GRAIN, LANES, &work);
}

/// A range of the elements.
#[derive(Clone, Copy)]
struct Part<'a, T, F, const N: usize> {
    f: F,
    x: [&'a [T]; N],
    start: usize,
    shared: f64,
}

impl<'a, T: Real, F: ElementwiseTerm<N>, const N: usize> Part<'a, T, F, N> {
    fn of(f: F, x: [&'a [T]; N], shared: f64, range: Range<usize>) -> Self {
        Part { f, start: range.start, x: cut(x, range), shared }
    }

    /// Element `i` of the part.
    #[inline(always)]
    fn element(&self, i: usize) -> ([f64; N], At) {
        let mut x = [0.0; N];
        for (x, elements) in x.iter_mut().zip(&self.x) {
            *x = elements[i].to_f64();
        }
        (x, At { element: self.start + i, shared: self.shared })
    }
}

/// Σ f, or with `SLOPES` the sum of its derivatives with respect to the shared argument.
struct Total<'a, T, F, const N: usize, const SLOPES: bool>(Part<'a, T, F, N>);

impl<T: Real, F: ElementwiseTerm<N>, const N: usize, const SLOPES: bool> Kernel for Total<'_, T, F, N, SLOPES> {
    type Output = f64;

    #[inline(always)]
    fn run<S: Simd>(self) -> f64 {
        let Total(part) = self;
        let len = part.x[0].len();
        let part = Part { x: cut(part.x, 0..len), ..part };
        // Several partial sums, so that the loop vectorises.
        let mut lanes = [0.0; LANES];
        let whole = len - len % LANES;
        for from in (0..whole).step_by(LANES) {
            for (lane, sum) in lanes.iter_mut().enumerate() {
                *sum += Self(part).summand::<S>(from + lane);
            }
        }
        for (i, sum) in (whole..len).zip(&mut lanes) {
            *sum += Self(part).summand::<S>(i);
        }
        lanes.iter().sum()
    }
}

impl<T: Real, F: ElementwiseTerm<N>, const N: usize, const SLOPES: bool> Total<'_, T, F, N, SLOPES> {
    #[inline(always)]
    fn summand<S: Simd>(self, i: usize) -> f64 {
        let (x, at) = self.0.element(i);
        if SLOPES { self.0.f.slope::<S, N>(x, at) } else { self.0.f.value::<S>(x, at) }
    }
}

/// g times the derivatives with respect to input K.
struct Slopes<'a, T, F, const N: usize, const K: usize> {
    part: Part<'a, T, F, N>,
    g: f64,
    out: &'a mut [T],
    write: Write,
}

impl<T: Real, F: ElementwiseTerm<N>, const N: usize, const K: usize> Kernel for Slopes<'_, T, F, N, K> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Slopes { part, g, out, write } = self;
        let part = Part { x: cut(part.x, 0..out.len()), ..part };
        for (i, out) in out.iter_mut().enumerate() {
            let (x, at) = part.element(i);
            let slope = part.f.slope::<S, K>(x, at);
            // Zero times an overflowing derivative is zero.
            let share = T::from_f64(if g == 0.0 { 0.0 } else { g * slope });
            *out = if write == Write::Store { share } else { *out + share };
        }
    }
}
