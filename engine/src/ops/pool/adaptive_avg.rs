//! Adaptive average pooling: the output size is given, and the windows follow from it.

use std::ops::Range;

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::map::{Constant, map_slices};
use crate::kernels::reduce::{Same, sum_slices};
use crate::ops::pool::for_each_part;
use crate::threads::{GRAIN, pieces};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Averages x (batch, channels, `D` spatial axes) to `output` elements along every spatial axis: window i of m
    /// covers the elements from ⌊i n / m⌋ to ⌈(i + 1) n / m⌉ of n. One window is global average pooling.
    ///
    /// # Panics
    /// If x does not have this shape, a spatial axis is empty, or the number of windows is 0.
    #[track_caller]
    pub fn adaptive_avg_pool<const D: usize>(self, output: [usize; D]) -> Var<'t, T> {
        const { assert!(1 <= D && D <= 3, "a pool has one, two or three spatial axes") }
        let x = self.shape();
        assert!(
            x.len() == D + 2,
            "adaptive_avg_pool: x of shape {x:?} to {output:?} windows; expected (batch, channels, {D} spatial axes)"
        );
        assert!(
            !output.contains(&0) && !x[2..].contains(&0),
            "adaptive_avg_pool: x of shape {x:?} to {output:?} windows; both must be at least 1 along every spatial axis"
        );
        let mut pool = AdaptiveAvgPool { planes: x[0].saturating_mul(x[1]), input: [1; 3], output: [1; 3] };
        pool.input[3 - D..].copy_from_slice(&x[2..]);
        pool.output[3 - D..].copy_from_slice(&output);
        let shape: Shape = x[..2].iter().chain(&output).copied().collect();
        self.tape().record(pool, &[self], [shape])[0]
    }
}

#[derive(Clone, Copy)]
struct AdaptiveAvgPool {
    planes: usize,
    input: [usize; 3],
    output: [usize; 3],
}

impl AdaptiveAvgPool {
    fn sizes(&self) -> [usize; 2] {
        [self.input.iter().product(), self.output.iter().product()]
    }

    fn pieces(&self) -> usize {
        pieces(self.planes, self.planes.saturating_mul(self.sizes().into_iter().sum()) > GRAIN)
    }

    fn window(&self, axis: usize, place: usize) -> Range<usize> {
        let (elements, places) = (self.input[axis], self.output[axis]);
        place * elements / places..((place + 1) * elements).div_ceil(places)
    }

    /// Calls `visit` with every line of every window: the output position, the line's elements, and the window's size.
    #[inline(always)]
    fn for_each_line(&self, mut visit: impl FnMut(usize, Range<usize>, usize)) {
        let [_, height, width] = self.input;
        let mut place = 0;
        for at_z in 0..self.output[0] {
            for at_y in 0..self.output[1] {
                for at_x in 0..self.output[2] {
                    let [z, y, x] = [self.window(0, at_z), self.window(1, at_y), self.window(2, at_x)];
                    let size = z.len() * y.len() * x.len();
                    for z in z {
                        for y in y.clone() {
                            let line = (z * height + y) * width;
                            visit(place, line + x.start..line + x.end, size);
                        }
                    }
                    place += 1;
                }
            }
        }
    }
}

impl<T: Real> Operation<T> for AdaptiveAvgPool {
    fn name(&self) -> &'static str {
        "adaptive_avg_pool"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::AdaptiveAveragePooling { input: self.input, output: self.output })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let [elements, places] = self.sizes();
        let x = io.input(0).data;
        let out = (io.output(0), places);
        for_each_part(self.pieces(), self.planes, (x, elements), &mut [], out, &|x, _, out| {
            dispatch(Forward { pool: *self, x, out });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let [elements, places] = self.sizes();
        let g = io.upstream(0).expect("the only output");
        io.accumulate(0, |target, write| {
            let target = (target, elements);
            for_each_part(self.pieces(), self.planes, (g, places), &mut [], target, &|g, _, target| {
                dispatch(Backward { pool: *self, g, target, write });
            });
        });
    }
}

struct Forward<'a, T> {
    pool: AdaptiveAvgPool,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let [elements, places] = self.pool.sizes();
        for (x, out) in self.x.chunks_exact(elements).zip(self.out.chunks_exact_mut(places)) {
            let (mut sum, mut lines) = (0.0, 0);
            self.pool.for_each_line(|place, line, size| {
                lines += line.len();
                sum += sum_slices::<S, T, _, 1>(Same, [&x[line]]);
                if lines == size {
                    out[place] = T::from_f64(sum / size as f64);
                    (sum, lines) = (0.0, 0);
                }
            });
        }
    }
}

struct Backward<'a, T> {
    pool: AdaptiveAvgPool,
    g: &'a [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { pool, g, target, write } = self;
        let [elements, places] = pool.sizes();
        for (target, g) in target.chunks_exact_mut(elements).zip(g.chunks_exact(places)) {
            write.clear(target);
            pool.for_each_line(|place, line, size| {
                let part = g[place] / T::from_f64(size as f64);
                map_slices::<S, T, _, 0>(Constant(part), [], &mut target[line], Write::Add);
            });
        }
    }
}
