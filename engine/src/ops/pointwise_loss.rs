//! Elementwise losses: `Reduction`, and the operation that applies a loss and reduces it.

use crate::kernels::Write;
use crate::kernels::chain::{chain, is_special};
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Chain, Elementwise, map};
use crate::kernels::reduce::sum_map;
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var};

/// How the losses of elements or rows are reduced.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean, a scalar; NaN if there are none.
    #[default]
    Mean,
    /// Their sum, a scalar.
    Sum,
    /// No reduction: to multiply them with custom weights, for example.
    Each,
}

impl Reduction {
    /// The shape of the reduced loss, given the shape of the individual losses.
    pub(crate) fn shape(self, each: &[usize]) -> Shape {
        if self == Reduction::Each { each.into() } else { Shape::default() }
    }
}

/// The loss of an element and its derivatives with respect to a prediction, a target, and possibly more inputs.
pub(crate) trait Pointwise<T: Real, const N: usize>: Copy + Sync {
    const NAME: &'static str;

    fn value<S: Simd>(self, x: [T; N]) -> T;

    fn slopes<S: Simd>(self, x: [T; N]) -> [T; N];
}

/// Records the loss of the first of `inputs`, the predictions, and the others; the names appear in messages.
///
/// # Panics
/// If shapes differ: nothing is broadcast.
#[track_caller]
pub(crate) fn record<'t, T: Real, F: Pointwise<T, N> + 't, const N: usize>(
    f: F,
    inputs: [(&str, Var<'t, T>); N],
    reduction: Reduction,
) -> Var<'t, T> {
    let prediction = inputs[0].1;
    let shape = prediction.shape();
    for (name, other) in inputs {
        assert!(
            other.shape() == shape,
            "{}: predictions of shape {shape:?} and {name} of shape {:?}; expected the same, nothing is broadcast",
            F::NAME,
            other.shape()
        );
    }
    let loss = [reduction.shape(shape)];
    prediction.tape().record(Loss::<F, N> { f, reduction }, &inputs.map(|(_, input)| input), loss)[0]
}

#[derive(Clone, Copy)]
struct Loss<F, const N: usize> {
    f: F,
    reduction: Reduction,
}

impl<T: Real, F: Pointwise<T, N>, const N: usize> Operation<T> for Loss<F, N> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = std::array::from_fn(|k| io.input(k).data);
        let out = io.output(0);
        match self.reduction {
            Reduction::Each => map(Value(self.f), x, out, Write::Store),
            Reduction::Sum => out[0] = T::from_f64(sum_map(Value(self.f), x)),
            Reduction::Mean => out[0] = T::from_f64(sum_map(Value(self.f), x) / x[0].len() as f64),
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        self.accumulate_input::<T, 0>(io);
        self.accumulate_input::<T, 1>(io);
        self.accumulate_input::<T, 2>(io);
        self.accumulate_input::<T, 3>(io);
    }
}

impl<F, const N: usize> Loss<F, N> {
    /// The adjoint of input `K`, if it is wanted.
    fn accumulate_input<T: Real, const K: usize>(self, io: &mut Adjoints<'_, T>)
    where
        F: Pointwise<T, N>,
    {
        const { assert!(N <= 4, "a loss has at most four inputs") };
        if K >= N {
            return;
        }
        let x: [&[T]; N] = std::array::from_fn(|k| io.input(k).data);
        let g = io.upstream(0).expect("the only output");
        let f = self.f;
        let all = match self.reduction {
            Reduction::Each => T::ONE,
            Reduction::Sum => g[0],
            Reduction::Mean => T::from_f64(g[0].to_f64() / x[0].len() as f64),
        };
        let share = Share::<F, T, K> { f, g: all };
        if self.reduction == Reduction::Each && io.is_wanted(K) {
            let slopes = io.scratch(g.len());
            map(share, x, slopes, Write::Store);
            io.accumulate(K, |target, write| map(Chain, [g, slopes], target, write));
        } else {
            io.accumulate(K, |target, write| map(share, x, target, write));
        }
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<T: Real, F: Pointwise<T, N>, const N: usize> Elementwise<T, N> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, x: [T; N]) -> T {
        self.0.value::<S>(x)
    }
}

/// The derivative with respect to input `K`, times one adjoint for all elements.
#[derive(Clone, Copy)]
struct Share<F, T, const K: usize> {
    f: F,
    g: T,
}

impl<T: Real, F: Pointwise<T, N>, const N: usize, const K: usize> Elementwise<T, N> for Share<F, T, K> {
    const IS_CHAINED: bool = true;

    #[inline(always)]
    fn is_chained(self) -> bool {
        is_special(self.g)
    }

    #[inline(always)]
    fn apply<S: Simd>(self, x: [T; N]) -> T {
        self.g * self.f.slopes::<S>(x)[K]
    }

    #[inline(always)]
    fn chained<S: Simd>(self, x: [T; N]) -> T {
        chain(self.g, self.f.slopes::<S>(x)[K])
    }
}
