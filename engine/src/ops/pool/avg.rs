//! Average pooling.

use crate::kernels::Write;
use crate::kernels::dispatch::{Kernel, Simd, dispatch};
use crate::kernels::window::{for_each_line, gather, sizes};
use crate::ops::pool::{Windows, for_each_part};
use crate::{Adjoints, Description, Evaluation, Operation, Pooling, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The mean of every window over x (batch, channels, `D` spatial axes). Padding counts as zeros, or not at all: see
    /// [`Pooling::count_padding`].
    ///
    /// # Panics
    /// If x does not have this shape, or a window does not fit or covers only padding.
    #[track_caller]
    pub fn avg_pool<const D: usize>(self, settings: Pooling<D>) -> Var<'t, T> {
        let (windows, shape) = settings.over("avg_pool", self.shape());
        self.tape().record(AvgPool { windows }, &[self], [shape])[0]
    }
}

#[derive(Clone, Copy)]
struct AvgPool {
    windows: Windows,
}

impl<T: Real> Operation<T> for AvgPool {
    fn name(&self) -> &'static str {
        "avg_pool"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        let mut divisors = Vec::new();
        self.windows.for_each_place(|_, taps| divisors.push(taps));
        Some(Description::AveragePooling { windows: self.windows.axes, divisors })
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
        let g = io.upstream(0).expect("the only output");
        let pieces = windows.pieces();
        let scratch = io.scratch(pieces * places);
        io.accumulate(0, |target, write| {
            for_each_part(pieces, windows.planes, (g, places), scratch, (target, elements), &|g, parts, target| {
                dispatch(Backward { windows, g, parts, target, write });
            });
        });
    }
}

/// Divides the entries of every window of a plane by its number of taps.
#[inline(always)]
fn divide<T: Real>(windows: &Windows, equal: Option<usize>, plane: &mut [T]) {
    match equal {
        Some(taps) => {
            let taps = T::from_f64(taps as f64);
            plane.iter_mut().for_each(|x| *x /= taps);
        }
        None => windows.for_each_place(|place, taps| plane[place] /= T::from_f64(taps as f64)),
    }
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
        let equal = self.windows.equal_taps();
        for (x, out) in self.x.chunks_exact(elements).zip(self.out.chunks_exact_mut(places)) {
            out.fill(T::ZERO);
            gather(axes, x, out, |sum, x| *sum += x);
            divide(&self.windows, equal, out);
        }
    }
}

struct Backward<'a, T> {
    windows: Windows,
    g: &'a [T],
    /// The contribution to each element of a window, for one plane.
    parts: &'a mut [T],
    target: &'a mut [T],
    write: Write,
}

impl<T: Real> Kernel for Backward<'_, T> {
    type Output = ();

    #[inline(always)]
    fn run<S: Simd>(self) {
        let Backward { windows, g, parts, target, write } = self;
        let axes = windows.axes;
        let [elements, places, _] = sizes(axes);
        let stride = axes[2].stride;
        let equal = windows.equal_taps();
        for (target, g) in target.chunks_exact_mut(elements).zip(g.chunks_exact(places)) {
            write.clear(target);
            let parts = &mut parts[..places];
            parts.copy_from_slice(g);
            divide(&windows, equal, parts);
            for_each_line(axes, |place, element, len| {
                let parts = &parts[place..place + len];
                let line = &mut target[element..=element + (len - 1) * stride];
                match stride {
                    1 => line.iter_mut().zip(parts).for_each(|(target, &part)| *target += part),
                    _ => line.iter_mut().step_by(stride).zip(parts).for_each(|(target, &part)| *target += part),
                }
            });
        }
    }
}
