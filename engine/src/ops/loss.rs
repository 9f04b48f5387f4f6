//! Losses of single elements, and what becomes of them.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map};
use crate::kernels::reduce::sum_map;
use crate::{Adjoints, Evaluation, Operation, Real, Shape, Var};

/// What becomes of the losses of single elements or rows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Reduction {
    /// Their mean, a scalar; NaN of none.
    #[default]
    Mean,
    /// Their sum, a scalar.
    Sum,
    /// They stay as they are: what one multiplies with weights of one's own.
    Each,
}

impl Reduction {
    /// The shape of the loss, where single losses have this one.
    pub(crate) fn shape(self, each: &[usize]) -> Shape {
        if self == Reduction::Each { each.into() } else { Shape::default() }
    }
}

/// A loss of an element and its slopes. The numbers are prediction, target and a third that some losses have; where
/// there is none, the first stands in its place.
pub(crate) trait Pointwise<T: Real>: Copy + Sync {
    const NAME: &'static str;

    fn value<S: Simd>(self, x: [T; 3]) -> T;

    fn slopes<S: Simd>(self, x: [T; 3]) -> [T; 3];
}

/// Records the loss of a prediction and what it is compared with, named for the message.
///
/// # Panics
/// If shapes differ: nothing is broadcast.
#[track_caller]
pub(crate) fn record<'t, T: Real, F: Pointwise<T> + 't, const N: usize>(
    f: F,
    prediction: Var<'t, T>,
    others: [(&str, Var<'t, T>); N],
    reduction: Reduction,
) -> Var<'t, T> {
    let shape = prediction.shape();
    for (name, other) in others {
        assert!(
            other.shape() == shape,
            "{}: predictions of shape {shape:?} and {name} of shape {:?}; expected the same, nothing is broadcast",
            F::NAME,
            other.shape()
        );
    }
    let loss = [reduction.shape(shape)];
    let tape = prediction.tape();
    match others[..] {
        [(_, second), (_, third), ..] => tape.record(Loss { f, reduction }, &[prediction, second, third], loss)[0],
        _ => tape.record(Loss { f, reduction }, &[prediction, others[0].1], loss)[0],
    }
}

#[derive(Clone, Copy)]
struct Loss<F> {
    f: F,
    reduction: Reduction,
}

impl<T: Real, F: Pointwise<T>> Operation<T> for Loss<F> {
    fn name(&self) -> &'static str {
        F::NAME
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = [0, 1, if io.inputs() == 3 { 2 } else { 0 }].map(|k| io.input(k).data);
        let out = io.output(0);
        match self.reduction {
            Reduction::Each => map(Value(self.f), x, out, Write::Store),
            Reduction::Sum => out[0] = T::from_f64(sum_map(Value(self.f), x)),
            Reduction::Mean => out[0] = T::from_f64(sum_map(Value(self.f), x) / x[0].len() as f64),
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        self.give_back::<T, 0>(io);
        self.give_back::<T, 1>(io);
        if io.inputs() == 3 {
            self.give_back::<T, 2>(io);
        }
    }
}

impl<F> Loss<F> {
    /// The adjoint of input `K`.
    fn give_back<T: Real, const K: usize>(self, io: &mut Adjoints<'_, T>)
    where
        F: Pointwise<T>,
    {
        let [x, y, z] = [0, 1, if io.inputs() == 3 { 2 } else { 0 }].map(|k| io.input(k).data);
        let g = io.upstream(0).expect("the only output");
        let f = self.f;
        io.accumulate(K, |target, write| match self.reduction {
            Reduction::Each => map(Part::<F, K>(f), [g, x, y, z], target, write),
            Reduction::Sum => map(Share::<F, T, K> { f, g: g[0] }, [x, y, z], target, write),
            Reduction::Mean => {
                let g = T::from_f64(g[0].to_f64() / x.len() as f64);
                map(Share::<F, T, K> { f, g }, [x, y, z], target, write);
            }
        });
    }
}

#[derive(Clone, Copy)]
struct Value<F>(F);

impl<T: Real, F: Pointwise<T>> Elementwise<T, 3> for Value<F> {
    #[inline(always)]
    fn apply<S: Simd>(self, x: [T; 3]) -> T {
        self.0.value::<S>(x)
    }
}

/// The loss's adjoint at an element times the slope with respect to input `K`.
#[derive(Clone, Copy)]
struct Part<F, const K: usize>(F);

impl<T: Real, F: Pointwise<T>, const K: usize> Elementwise<T, 4> for Part<F, K> {
    #[inline(always)]
    fn apply<S: Simd>(self, [g, x, y, z]: [T; 4]) -> T {
        g * self.0.slopes::<S>([x, y, z])[K]
    }
}

/// The same with one adjoint for all elements.
#[derive(Clone, Copy)]
struct Share<F, T, const K: usize> {
    f: F,
    g: T,
}

impl<T: Real, F: Pointwise<T>, const K: usize> Elementwise<T, 3> for Share<F, T, K> {
    #[inline(always)]
    fn apply<S: Simd>(self, x: [T; 3]) -> T {
        self.g * self.f.slopes::<S>(x)[K]
    }
}
