//! Max pooling.

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::window::{Axis, for_each_line, gather, sizes};
use crate::ops::pool::{Windows, for_each_part};
use crate::threads::{Rows, for_each_with};
use crate::{Adjoints, Description, Evaluation, Operation, Pooling, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The largest element of every window over x (batch, channels, `D` spatial axes); of several equal ones, the first
    /// gets the gradient. NaN for a window that contains NaN.
    ///
    /// # Panics
    /// If x does not have this shape, or a window does not fit or covers only padding.
    #[track_caller]
    pub fn max_pool<const D: usize>(self, settings: Pooling<D>) -> Var<'t, T> {
        let (windows, shape) = settings.over("max_pool", self.shape());
        self.tape().record(MaxPool { windows }, &[self], [shape])[0]
    }
}

#[derive(Clone, Copy)]
struct MaxPool {
    windows: Windows,
}

impl<T: Real> Operation<T> for MaxPool {
    fn name(&self) -> &'static str {
        "max_pool"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::MaxPooling(self.windows.axes))
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let windows = self.windows;
        let [elements, places, _] = sizes(windows.axes);
        let x = io.input(0).data;
        let out = (io.output(0), places);
        for_each_part(windows.pieces(), windows.planes, (x, elements), &mut [], out, &|x, _, out| {
            dispatch(Forward { windows, x, out });
        });
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let windows = self.windows;
        let [elements, places, _] = sizes(windows.axes);
        let (x, y) = (io.input(0).data, io.output(0).data);
        let g = io.upstream(0).expect("the only output");
        let pieces = windows.pieces();
        let scratch = io.scratch(pieces * places);
        io.accumulate(0, |target, write| {
            let target = Rows::new(target, elements);
            for_each_with(pieces, windows.planes, scratch, target, &|left, planes, target| {
                let (part, out) =
                    (planes.start * elements..planes.end * elements, planes.start * places..planes.end * places);
                let (y, g, target) = (&y[out.clone()], &g[out], target.data);
                dispatch(Backward { windows, x: &x[part], y, g, left, target, write });
            });
        });
    }
}

/// For windows that are non-overlapping pairs along the last axis: the axes reduced to the first element of each pair.
/// Processing both elements of a pair together lets the compiler vectorise.
fn pairs([z, y, x]: [Axis; 3]) -> Option<[Axis; 3]> {
    let are_pairs = x.kernel == 2 && x.stride == 2 && x.padding == 0 && x.dilation == 1;
    are_pairs.then_some([z, y, Axis { kernel: 1, ..x }])
}

struct Forward<'a, T> {
    windows: Windows,
    x: &'a [T],
    out: &'a mut [T],
}

impl<T: Real> Kernel for Forward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let axes = self.windows.axes;
        let [elements, places, _] = sizes(axes);
        let pairs = pairs(axes);
        for (x, out) in self.x.chunks_exact(elements).zip(self.out.chunks_exact_mut(places)) {
            out.fill(T::from_f64(f64::NEG_INFINITY));
            if let Some(axes) = pairs {
                for_each_line(axes, |place, element, len| {
                    let out = &mut out[place..place + len];
                    let line = x[element..element + 2 * len].as_chunks().0;
                    out.iter_mut().zip(line).for_each(|(best, &[a, b])| *best = larger(larger(*best, a), b));
                });
                continue;
            }
            gather(axes, x, out, |best, x| *best = larger(*best, x));
        }
    }
}

/// The larger of two numbers; NaN if either is NaN.
#[inline(always)]
#[expect(clippy::eq_op, reason = "x != x says that it is NaN, and vectorises")]
fn larger<T: Real>(best: T, x: T) -> T {
    if (x > best) | (x != x) { x } else { best }
}

/// Adds every window's adjoint to the first element that equals its value.
struct Backward<'a, T> {
    windows: Windows,
    x: &'a [T],
    y: &'a [T],
    g: &'a [T],
    /// Adjoints of a plane that were not assigned to an element yet.
    left: &'a mut [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { windows, x, y, g, left, target, write } = self;
        let axes = windows.axes;
        let [elements, places, _] = sizes(axes);
        let stride = axes[2].stride;
        let pairs = pairs(axes);
        let inputs = x.chunks_exact(elements).zip(target.chunks_exact_mut(elements));
        let outputs = y.chunks_exact(places).zip(g.chunks_exact(places));
        for ((x, target), (y, g)) in inputs.zip(outputs) {
            write.clear(target);
            let left = &mut left[..places];
            left.copy_from_slice(g);
            if let Some(axes) = pairs {
                for_each_line(axes, |place, element, len| {
                    let (y, left) = (&y[place..place + len], &mut left[place..place + len]);
                    let x = x[element..element + 2 * len].as_chunks().0;
                    let target = target[element..element + 2 * len].as_chunks_mut().0;
                    for ((&[a, b], [to_a, to_b]), (&y, left)) in x.iter().zip(target).zip(y.iter().zip(left)) {
                        give(a, y, left, to_a);
                        give(b, y, left, to_b);
                    }
                });
                continue;
            }
            for_each_line(axes, |place, element, len| {
                let (y, left) = (&y[place..place + len], &mut left[place..place + len]);
                let line = element..element + (len - 1) * stride + 1;
                let (x, target) = (&x[line.clone()], &mut target[line]);
                let windows = y.iter().zip(left);
                match stride {
                    1 => x.iter().zip(target).zip(windows).for_each(|((&x, target), (&y, left))| {
                        give(x, y, left, target);
                    }),
                    _ => x.iter().step_by(stride).zip(target.iter_mut().step_by(stride)).zip(windows).for_each(
                        |((&x, target), (&y, left))| {
                            give(x, y, left, target);
                        },
                    ),
                }
            });
        }
    }
}

#[inline(always)]
#[expect(clippy::eq_op, reason = "x != x says that it is NaN, and vectorises")]
fn give<T: Real>(x: T, y: T, left: &mut T, target: &mut T) {
    let is_it = (x == y) | (x != x);
    *target += if is_it { *left } else { T::ZERO };
    *left = if is_it { T::ZERO } else { *left };
}
