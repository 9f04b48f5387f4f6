//! Activations that an affine map applies in the same operation.

use crate::kernels::Write;
use crate::kernels::chain::{chain, chain_as};
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Elementwise, map, map_in_place, map_rows, scale};
use crate::threads::{GRAIN, Rows, for_each_part};
use crate::{Real, Var};

/// An activation fused into an affine map. The derivative of each is a function of its value, so the argument is not
/// stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Activation {
    /// The identity.
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
            Activation::Identity => apply_in_place(Identity, bias, values),
            Activation::Relu => apply_in_place(Relu, bias, values),
            Activation::Tanh => apply_in_place(Tanh, bias, values),
            Activation::Sigmoid => apply_in_place(Sigmoid, bias, values),
        }
    }

    /// `out = activation(transposedᵀ + bias)`, where each of the `columns` columns of `out` is a row of `transposed`.
    pub(crate) fn apply_transposed<T: Real>(self, bias: Option<&[T]>, transposed: &[T], columns: usize, out: &mut [T]) {
        match self {
            Activation::Identity => transpose(Identity, bias, transposed, columns, out),
            Activation::Relu => transpose(Relu, bias, transposed, columns, out),
            Activation::Tanh => transpose(Tanh, bias, transposed, columns, out),
            Activation::Sigmoid => transpose(Sigmoid, bias, transposed, columns, out),
        }
    }

    /// Computes the adjoint `inner` of the argument from the value `y` and its adjoint `g`.
    pub(crate) fn adjoint_from_value<T: Real>(self, y: &[T], g: &[T], inner: &mut [T]) {
        match self {
            Activation::Identity => scale(T::ONE, g, inner, Write::Store),
            Activation::Relu => map(AdjointFromValue(Relu), [y, g], inner, Write::Store),
            Activation::Tanh => map(AdjointFromValue(Tanh), [y, g], inner, Write::Store),
            Activation::Sigmoid => map(AdjointFromValue(Sigmoid), [y, g], inner, Write::Store),
        }
    }
}

impl<'t, T: Real> Var<'t, T> {
    /// Applies the activation to every element, as a separate operation.
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

// A type per activation: a branch inside the loops would prevent vectorisation.
trait Rule<T: Real>: Copy + Sync {
    fn value<S: Simd>(self, x: T) -> T;

    /// g · dy/dx, given the value `y`.
    fn adjoint_from_value(self, y: T, g: T) -> T;
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
            fn adjoint_from_value(self, $y: T, $g: T) -> T {
                $adjoint
            }
        }
    )*};
}

table! {
    Identity: |x| x, |_y, g| g;
    Relu: |x| if x <= T::ZERO { T::ZERO } else { x }, |y, g| if y <= T::ZERO { T::ZERO } else { g };
    Tanh: |x| x.tanh::<S>(), |y, g| chain(g, T::ONE - y * y);
    Sigmoid: |x| x.sigmoid::<S>(), |y, g| chain_as(g, y * (T::ONE - y), g * y * (T::ONE - y));
}

fn apply_in_place<T: Real, R: Rule<T>>(rule: R, bias: Option<&[T]>, values: &mut [T]) {
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
struct AdjointFromValue<R>(R);

impl<T: Real, R: Rule<T>> Elementwise<T, 2> for AdjointFromValue<R> {
    #[inline(always)]
    fn apply<S: Simd>(self, [y, g]: [T; 2]) -> T {
        self.0.adjoint_from_value(y, g)
    }
}

fn transpose<T: Real, R: Rule<T>>(rule: R, bias: Option<&[T]>, transposed: &[T], columns: usize, out: &mut [T]) {
    let (len, rows) = (out.len(), out.len() / columns);
    for_each_part(Rows::new(out, 1), len, GRAIN, TILE * columns, &|range, out| {
        dispatch(TransposeTiles { rule, bias, transposed, rows, first: range.start / columns, columns, out: out.data });
    });
}

/// Rows and columns of a tile that is transposed at once: a few registers, one cache line of single precision long.
const TILE: usize = 16;

struct TransposeTiles<'a, T, R> {
    rule: R,
    bias: Option<&'a [T]>,
    transposed: &'a [T],
    /// Elements of a row of `transposed`.
    rows: usize,
    /// The index of the first row in `out`.
    first: usize,
    columns: usize,
    out: &'a mut [T],
}

impl<T: Real, R: Rule<T>> Kernel for TransposeTiles<'_, T, R> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let TransposeTiles { rule, bias, transposed, rows, first, columns, out } = self;
        let (mut tile, mut other) = ([[T::ZERO; TILE]; TILE], [[T::ZERO; TILE]; TILE]);
        // RowOperand the rows of `transposed`, which are adjacent.
        for column in (0..columns).step_by(TILE) {
            let width = TILE.min(columns - column);
            for (i, out) in out.chunks_mut(TILE * columns).enumerate() {
                let (from, height) = (first + i * TILE, out.len() / columns);
                for (j, line) in tile.iter_mut().enumerate().take(width) {
                    let bias = bias.map_or(T::ZERO, |bias| bias[column + j]);
                    let source = &transposed[(column + j) * rows + from..][..height];
                    match source.first_chunk::<TILE>() {
                        Some(whole) => add::<S, T, R>(rule, bias, whole, line),
                        None => add::<S, T, R>(rule, bias, source, line),
                    }
                }
                // log₂ 16 exchanges transpose the tile: each moves half of the elements between rows and columns.
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

/// Interleaves a line of the first half with the one half a tile below: two lines. The binary index of an element in
/// the tile is rotated by one bit, so four of these exchanges transpose it.
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
