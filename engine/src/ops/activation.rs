//! What may follow an affine map in the same operation.

use crate::kernels::Write;
use crate::kernels::dispatch::Simd;
use crate::kernels::map::{Elementwise, map, map_in_place, map_rows, scale};
use crate::{Real, Var};

/// What follows an affine map in the same operation. All have derivatives in terms of their value, so that the
/// argument need not be kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// Nothing.
    #[default]
    Identity,
    /// max(x, 0).
    Relu,
    /// The hyperbolic tangent.
    Tanh,
    /// 1/(1 + e⁻ˣ).
    Sigmoid,
}

impl Activation {
    /// `values = activation(values + bias)`, the bias added to every row.
    pub(crate) fn apply<T: Real>(self, bias: Option<&[T]>, values: &mut [T]) {
        match self {
            Activation::Identity => follow(Identity, bias, values),
            Activation::Relu => follow(Relu, bias, values),
            Activation::Tanh => follow(Tanh, bias, values),
            Activation::Sigmoid => follow(Sigmoid, bias, values),
        }
    }

    /// The adjoint `inner` of the argument, where the value is `y` and its adjoint is `g`.
    pub(crate) fn pull_back<T: Real>(self, y: &[T], g: &[T], inner: &mut [T]) {
        match self {
            Activation::Identity => scale(T::ONE, g, inner, Write::Store),
            Activation::Relu => map(PullBack(Relu), [y, g], inner, Write::Store),
            Activation::Tanh => map(PullBack(Tanh), [y, g], inner, Write::Store),
            Activation::Sigmoid => map(PullBack(Sigmoid), [y, g], inner, Write::Store),
        }
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// The activation of every element, as an operation of its own.
    #[track_caller]
    pub fn activate(self, activation: Activation) -> Var<'t, T> {
        match activation {
            Activation::Identity => self,
            Activation::Relu => self.relu(),
            Activation::Tanh => self.tanh(),
            Activation::Sigmoid => self.sigmoid(),
        }
    }
}

// A type for each: a choice inside the loops would keep them from being vectorised.
trait Rule<T: Real>: Copy + Sync {
    fn value<S: Simd>(self, x: T) -> T;

    /// g · dy/dx where the value is `y`.
    fn pull_back(self, y: T, g: T) -> T;
}

macro_rules! table {
    ($($rule:ident: |$x:ident| $value:expr, |$y:ident, $g:ident| $adjoint:expr;)*) => {$(
        #[derive(Clone, Copy)]
        struct $rule;

        impl<T: Real> Rule<T> for $rule {
            #[inline(always)]
            fn value<S: Simd>(self, $x: T) -> T {
                $value
            }

            #[inline(always)]
            fn pull_back(self, $y: T, $g: T) -> T {
                $adjoint
            }
        }
    )*};
}

table! {
    Identity: |x| x, |_y, g| g;
    Relu: |x| if x <= T::ZERO { T::ZERO } else { x }, |y, g| if y <= T::ZERO { T::ZERO } else { g };
    Tanh: |x| x.tanh::<S>(), |y, g| g * (T::ONE - y * y);
    Sigmoid: |x| x.sigmoid::<S>(), |y, g| g * y * (T::ONE - y);
}

fn follow<T: Real, R: Rule<T>>(rule: R, bias: Option<&[T]>, values: &mut [T]) {
    match bias {
        Some(bias) => map_rows(Biased(rule), bias, values),
        None => map_in_place(Value(rule), values),
    }
}

#[derive(Clone, Copy)]
struct Value<R>(R);

impl<T: Real, R: Rule<T>> Elementwise<T, 1> for Value<R> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x]: [T; 1]) -> T {
        self.0.value::<S>(x)
    }
}

#[derive(Clone, Copy)]
struct Biased<R>(R);

impl<T: Real, R: Rule<T>> Elementwise<T, 2> for Biased<R> {
    #[inline(always)]
    fn apply<S: Simd>(self, [x, bias]: [T; 2]) -> T {
        self.0.value::<S>(x + bias)
    }
}

#[derive(Clone, Copy)]
struct PullBack<R>(R);

impl<T: Real, R: Rule<T>> Elementwise<T, 2> for PullBack<R> {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        self.0.pull_back(y, g)
    }
}
