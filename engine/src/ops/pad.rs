//! Padding: `pad` with a constant, reflected, repeated or periodic margin.

use smallvec::SmallVec;

use crate::ops::layout::{Axis, Layout};
use crate::{Adjoints, Description, Evaluation, Operation, Real, Shape, Var};

/// The contents of the margins that [`Var::pad`] adds.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub enum Padding {
    /// A constant.
    Constant(f64),
    /// The value mirrored at its first and last element, which are not repeated: c b **a b c** b a.
    Reflect,
    /// The first or last element, repeated: a a **a b c** c c.
    Replicate,
    /// The value continued with its own length as the period: b c **a b c** a b.
    Circular,
}

impl<'t, T: Real> Var<'t, T> {
    /// Adds margins, (before, after) for every axis.
    ///
    /// # Panics
    /// If the number of pairs differs from the number of axes, a size overflows, a reflected margin is not shorter than
    /// its axis, a circular margin is longer than its axis, or a margin of an empty axis repeats an element.
    #[track_caller]
    pub fn pad(self, margins: &[[usize; 2]], padding: Padding) -> Var<'t, T> {
        let shape = self.shape();
        assert!(
            margins.len() == shape.len(),
            "pad: {} pairs of margins for the shape {shape:?}; expected (before, after) for each of its {} axes",
            margins.len(),
            shape.len()
        );
        let mut padded = Shape::from(shape);
        for (axis, &[before, after]) in margins.iter().enumerate() {
            let length = shape[axis].checked_add(before).and_then(|sum| sum.checked_add(after));
            let Some(length) = length else {
                panic!("pad: the margins {margins:?} around the shape {shape:?} are larger than memory can address");
            };
            padded[axis] = length;
            let missing = match padding {
                Padding::Constant(_) => false,
                Padding::Reflect => before.max(after) > 0 && before.max(after) >= shape[axis],
                Padding::Replicate => before + after > 0 && shape[axis] == 0,
                Padding::Circular => before.max(after) > shape[axis],
            };
            assert!(
                !missing,
                "pad: margins of {before} and {after} cannot be filled by {padding:?} from axis {axis} of the shape \
                 {shape:?}"
            );
        }
        if let Padding::Constant(value) = padding {
            let margins = self.tape().alloc_slice(margins.len(), |axis| margins[axis][0]);
            return self.tape().record(Pad { before: margins, value: T::from_f64(value) }, &[self], [padded])[0];
        }
        let mut result = self;
        for (axis, &[before, after]) in margins.iter().enumerate() {
            if before + after > 0 {
                let last = shape[axis] as isize - 1;
                let index = self.tape().alloc_slice(padded[axis], |i| {
                    let i = i as isize - before as isize;
                    match padding {
                        Padding::Replicate => i.clamp(0, last) as usize,
                        Padding::Circular => i.rem_euclid(last + 1) as usize,
                        _ if i < 0 => -i as usize,
                        _ if i > last => (2 * last - i) as usize,
                        _ => i as usize,
                    }
                });
                result = result.index_select(axis as isize, index);
            }
        }
        result
    }
}

#[derive(Clone, Copy)]
struct Pad<'t, T> {
    /// The margin before each axis.
    before: &'t [usize],
    value: T,
}

impl<T: Real> Pad<'_, T> {
    /// The walk over the input with the result as operand, and the offset at which the input lies in the result.
    fn layout(&self, input: &[usize], padded: &[usize]) -> (Layout<1>, usize) {
        let (mut step, mut start) = (1, 0);
        let mut axes: SmallVec<[Axis<1>; 6]> = SmallVec::new();
        for axis in (0..input.len()).rev() {
            axes.push(Axis { length: input[axis], strides: [step] });
            start += self.before[axis] * step;
            step *= padded[axis];
        }
        (Layout::new(axes.into_iter()), start)
    }
}

impl<T: Real> Operation<T> for Pad<'_, T> {
    fn name(&self) -> &'static str {
        "pad"
    }

    fn description(&self, _: &[&[usize]]) -> Option<Description> {
        Some(Description::Pad { before: self.before.to_vec(), value: self.value.to_f64() })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        let (layout, start) = self.layout(x.shape, io.output_shape(0));
        let out = io.output(0);
        out.fill(self.value);
        for row in layout.all() {
            let out = out[start + row.offsets[0]..].iter_mut().step_by(layout.strides[0].max(1));
            out.zip(&x.data[row.start..][..layout.row]).for_each(|(out, &x)| *out = x);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let (layout, start) = self.layout(io.input(0).shape, io.output(0).shape);
        io.accumulate(0, |target, write| {
            for row in layout.all() {
                let g = g[start + row.offsets[0]..].iter().step_by(layout.strides[0].max(1));
                let target = target[row.start..][..layout.row].iter_mut();
                write.put_each(g, target);
            }
        });
    }
}
