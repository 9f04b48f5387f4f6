//! What may follow an affine map in the same operation.

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map, map_in_place, map_rows, scale};
use crate::threads::{GRAIN, Rows, for_each_part};
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

    /// `out = activation(turnedᵀ + bias)`, where rows of `out` have so many `columns`, each of which is a row of `turned`.
    pub(crate) fn apply_turned<T: Real>(self, bias: Option<&[T]>, turned: &[T], columns: usize, out: &mut [T]) {
        match self {
            Activation::Identity => turn(Identity, bias, turned, columns, out),
            Activation::Relu => turn(Relu, bias, turned, columns, out),
            Activation::Tanh => turn(Tanh, bias, turned, columns, out),
            Activation::Sigmoid => turn(Sigmoid, bias, turned, columns, out),
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

fn turn<T: Real, R: Rule<T>>(rule: R, bias: Option<&[T]>, turned: &[T], columns: usize, out: &mut [T]) {
    let (len, rows) = (out.len(), out.len() / columns);
    for_each_part(Rows::new(out, 1), len, GRAIN, TILE * columns, &|range, out| {
        dispatch(Turn { rule, bias, turned, rows, first: range.start / columns, columns, out: out.data });
    });
}

/// Rows and columns that are turned round together: a few registers full, a cache line of single precision long.
const TILE: usize = 16;

struct Turn<'a, T, R> {
    rule: R,
    bias: Option<&'a [T]>,
    turned: &'a [T],
    /// Elements of a row of `turned`.
    rows: usize,
    /// The row of the whole that `out` begins with.
    first: usize,
    columns: usize,
    out: &'a mut [T],
}

impl<T: Real, R: Rule<T>> Kernel for Turn<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Turn { rule, bias, turned, rows, first, columns, out } = self;
        let (mut tile, mut other) = ([[T::ZERO; TILE]; TILE], [[T::ZERO; TILE]; TILE]);
        // Along the rows of `turned`, which lie side by side.
        for column in (0..columns).step_by(TILE) {
            let width = TILE.min(columns - column);
            for (i, out) in out.chunks_mut(TILE * columns).enumerate() {
                let (from, height) = (first + i * TILE, out.len() / columns);
                for (j, line) in tile.iter_mut().enumerate().take(width) {
                    let bias = bias.map_or(T::ZERO, |bias| bias[column + j]);
                    let source = &turned[(column + j) * rows + from..][..height];
                    match source.first_chunk::<TILE>() {
                        Some(whole) => add::<S, T, R>(rule, bias, whole, line),
                        None => add::<S, T, R>(rule, bias, source, line),
                    }
                }
                // As many times as 2 is a factor of 16: every time, half of what is across comes to stand along.
                shuffle(&tile, &mut other);
                shuffle(&other, &mut tile);
                shuffle(&tile, &mut other);
                shuffle(&other, &mut tile);
                for (row, line) in out.chunks_exact_mut(columns).zip(&tile) {
                    let row = &mut row[column..column + width];
                    match row.first_chunk_mut::<TILE>() {
                        Some(whole) => *whole = *line,
                        None => row.copy_from_slice(&line[..width]),
                    }
                }
            }
        }
    }
}

#[inline(always)]
fn add<S: Simd, T: Real, R: Rule<T>>(rule: R, bias: T, source: &[T], line: &mut [T; TILE]) {
    line.iter_mut().zip(source).for_each(|(y, &x)| *y = rule.value::<S>(x + bias));
}

/// Elements of a line in the first half and of the one half a tile below, by turns: two lines. Bit by bit, the number of an
/// element in the tile is rotated by one, so that four of these exchange lines and columns.
#[inline(always)]
fn shuffle<T: Real>(from: &[[T; TILE]; TILE], to: &mut [[T; TILE]; TILE]) {
    for i in 0..TILE / 2 {
        let (a, b) = (&from[i], &from[i + TILE / 2]);
        for k in 0..TILE / 2 {
            (to[2 * i][2 * k], to[2 * i][2 * k + 1]) = (a[k], b[k]);
            (to[2 * i + 1][2 * k], to[2 * i + 1][2 * k + 1]) = (a[TILE / 2 + k], b[TILE / 2 + k]);
        }
    }
}
