//! Flipout's random signs: multiplies a tensor by ±1 per example and feature.

use crate::engine::kernels::Write;
use crate::engine::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::engine::random::signs;
use crate::engine::threads::{GRAIN, Rows, for_each_part};
use crate::engine::{Adjoints, Evaluation, Operation};
use crate::engine::{Key, Real, Tensor, Var};
use crate::sampling::Cx;
use crate::sampling::Mode;

/// The layout of a tensor as (examples, positions, features, space). A sign depends on example and feature only.
#[derive(Clone, Copy)]
pub(crate) struct Grid {
    pub(crate) examples: usize,
    pub(crate) positions: usize,
    pub(crate) features: usize,
    pub(crate) space: usize,
}

/// Multiplies each element of x by the sign of its example and feature, at the path of `cx`. The signs depend on
/// nothing else, so they are the same for every use in a draw.
#[track_caller]
pub(crate) fn flip<'t, T: Real>(x: Var<'t, T>, grid: Grid, cx: Cx<'t, T>) -> Var<'t, T> {
    // An empty tensor may still have more examples and features than there is memory for signs.
    if x.len() == 0 {
        return x;
    }
    let fixed = match cx.mode {
        Mode::Random(how) if how.noise.is_some() => cx.fixed_noise(&[grid.examples, grid.features]),
        _ => None,
    };
    let (key, first) = cx.first_row(cx.key(), grid.examples);
    let operation = Flip { grid, key, first, fixed, pairs: cx.is_antithetic() };
    cx.tape().record_draws(cx.draws(), operation, &[x], [x.shape()])[0]
}

#[derive(Clone, Copy)]
struct Flip<'t, T: Real> {
    grid: Grid,
    key: Key,
    /// The number of the first example in its batch.
    first: usize,
    fixed: Option<&'t Tensor<T>>,
    pairs: bool,
}

impl<T: Real> Flip<'_, T> {
    /// Sets `out` to signs · x or adds to it; `rows` is scratch memory for the signs of each example.
    fn apply(&self, draw: usize, x: &[T], out: &mut [T], rows: &mut [T], write: Write) {
        let Grid { examples, positions, features, space } = self.grid;
        // The draws of an antithetic pair share their signs; only their perturbations are opposite.
        let number = if self.pairs { draw / 2 } else { draw };
        let signs_of = |example: usize, row: &mut [T]| match self.fixed {
            Some(fixed) => {
                let from = (number * examples + example) * features % fixed.len().max(1);
                row.copy_from_slice(&fixed.data()[from..][..features]);
            }
            None => signs(self.key.draw(self.key.current_draw() as usize + number), self.first + example, row),
        };
        let each = positions * features * space;
        let memory = (Rows::new(out, each), Rows::new(rows, features));
        for_each_part(memory, examples, GRAIN.div_ceil(each.max(1)), 1, &|range, (mut out, mut rows)| {
            for (i, example) in range.enumerate() {
                let signs = rows.row(i);
                signs_of(example, signs);
                let x = &x[example * each..][..each];
                dispatch(Multiply { x, signs, space, out: out.row(i), write });
            }
        });
    }
}

impl<T: Real> Operation<T> for Flip<'_, T> {
    fn name(&self) -> &'static str {
        "random signs"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, draw) = (io.input(0).data, io.draw());
        let rows = io.scratch(self.grid.examples * self.grid.features);
        self.apply(draw, x, io.output(0), rows, Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, draw) = (io.upstream(0).expect("the only output"), io.draw());
        let rows = io.scratch(self.grid.examples * self.grid.features);
        io.accumulate(0, |target, write| self.apply(draw, g, target, rows, write));
    }
}

/// One example: (positions, features, space) times (features).
struct Multiply<'a, T> {
    x: &'a [T],
    signs: &'a [T],
    space: usize,
    out: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Multiply<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Multiply { x, signs, space, out, write } = self;
        let position = (signs.len() * space).max(1);
        for (out, x) in out.chunks_mut(position).zip(x.chunks(position)) {
            if space == 1 {
                let products = x.iter().zip(signs).map(|(&x, &sign)| x * sign);
                put(out, products, write);
            } else {
                let rows = out.chunks_mut(space.max(1)).zip(x.chunks(space.max(1)));
                for ((out, x), &sign) in rows.zip(signs) {
                    put(out, x.iter().map(|&x| x * sign), write);
                }
            }
        }
    }
}

#[inline(always)]
fn put<T: Real>(out: &mut [T], values: impl Iterator<Item = T>, write: Write) {
    match write {
        Write::Store => out.iter_mut().zip(values).for_each(|(out, value)| *out = value),
        Write::Add => out.iter_mut().zip(values).for_each(|(out, value)| *out += value),
    }
}
