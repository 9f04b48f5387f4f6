//! `gather` and `scatter_add`: elements read and added at one index each.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::ops::axes::resolve_one;
use crate::ops::axis_view::AxisView;
use crate::ops::parts::for_each_part;
use crate::{Adjoints, Evaluation, Indices, Operation, Real, Var};

impl<'t, T: Real> Var<'t, T> {
    /// Reads elements by index: along `axis`, each element of the result comes from the position in `index`, along the
    /// other axes from the same position. For a matrix and axis 1, y\[i\]\[j\] = x\[i\]\[index\[i\]\[j\]\].
    ///
    /// The index may be of any length along `axis`; the result has its shape.
    ///
    /// # Panics
    /// If `axis` or an index is out of range, or another axis of the index differs from this value's.
    #[track_caller]
    pub fn gather(self, axis: isize, index: impl Into<Indices<'t>>) -> Var<'t, T> {
        let index = index.into();
        let axis = check("gather", self, axis, &index);
        self.tape().record(Gather(Places { axis, index: index.values }), &[self], [&index.shape])[0]
    }

    /// This value plus each element of `source`, added at the position along `axis` given by `index`: the adjoint of
    /// [`gather`](Var::gather). For a matrix and axis 1, `source`\[i\]\[j\] is added to element
    /// \[i\]\[index\[i\]\[j\]\].
    ///
    /// # Panics
    /// As [`gather`](Var::gather), and if the shapes of `source` and `index` differ.
    #[track_caller]
    pub fn scatter_add(self, axis: isize, index: impl Into<Indices<'t>>, source: Var<'t, T>) -> Var<'t, T> {
        let index = index.into();
        let axis = check("scatter_add", self, axis, &index);
        assert!(
            source.shape() == &index.shape[..],
            "scatter_add: a source of shape {:?} and an index of shape {:?}; expected the same",
            source.shape(),
            index.shape
        );
        self.tape().record(ScatterAdd(Places { axis, index: index.values }), &[self, source], [self.shape()])[0]
    }
}

#[track_caller]
fn check<T: Real>(name: &str, x: Var<'_, T>, axis: isize, index: &Indices<'_>) -> usize {
    let shape = x.shape();
    let axis = resolve_one(name, axis, shape);
    let others_agree = index.shape.len() == shape.len()
        && (0..shape.len()).all(|other| other == axis || index.shape[other] == shape[other]);
    assert!(
        others_agree,
        "{name}: an index of shape {:?} for a value of shape {shape:?}; they may differ only in axis {axis}",
        index.shape
    );
    index.check(name, shape[axis], &format_args!("axis {axis} of the shape {shape:?}"));
    axis
}

/// A position along an axis for every element of an array.
#[derive(Clone, Copy)]
struct Places<'t> {
    axis: usize,
    index: &'t [usize],
}

impl Places<'_> {
    /// `out[i] = x[place of i]`, or `+=`; x has this `shape`, `out` one element per index.
    fn gather<T: Real>(self, x: &[T], shape: &[usize], out: &mut [T], write: Write) {
        let along = AxisView::new(shape, self.axis);
        let per_block = self.per_block(shape);
        for_each_part(out, per_block, &|first, part| {
            for (block, out) in part.chunks_exact_mut(per_block).enumerate() {
                let block = first + block;
                let x = &x[block * along.block()..][..along.block()];
                for (i, out) in (block * per_block..).zip(out) {
                    let value = x[self.index[i] * along.inner + i % along.inner];
                    write.put(value, out);
                }
            }
        });
    }

    /// `target[place of i] += g[i]`; the target has this `shape`, `g` one element per index.
    fn scatter<T: Real>(self, g: &[T], shape: &[usize], target: &mut [T]) {
        let along = AxisView::new(shape, self.axis);
        let per_block = self.per_block(shape);
        for_each_part(target, along.block(), &|first, part| {
            for (block, target) in part.chunks_exact_mut(along.block()).enumerate() {
                let from = (first + block) * per_block;
                for i in from..from + per_block {
                    target[self.index[i] * along.inner + i % along.inner] += g[i];
                }
            }
        });
    }

    /// The number of indices per block of the value.
    fn per_block(self, shape: &[usize]) -> usize {
        self.index.len().checked_div(shape[..self.axis].iter().product()).unwrap_or(0)
    }
}

#[derive(Clone, Copy)]
struct Gather<'t>(Places<'t>);

impl<T: Real> Operation<T> for Gather<'_> {
    fn name(&self) -> &'static str {
        "gather"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        self.0.gather(x.data, x.shape, io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        io.accumulate(0, |target, write| {
            write.clear(target);
            self.0.scatter(g, shape, target);
        });
    }
}

#[derive(Clone, Copy)]
struct ScatterAdd<'t>(Places<'t>);

impl<T: Real> Operation<T> for ScatterAdd<'_> {
    fn name(&self) -> &'static str {
        "scatter_add"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, source) = (io.input(0), io.input(1));
        let out = io.output(0);
        out.copy_from_slice(x.data);
        self.0.scatter(source.data, x.shape, out);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let (g, shape) = (io.upstream(0).expect("the only output"), io.input(0).shape);
        io.accumulate(0, |target, write| scale(T::ONE, g, target, write));
        io.accumulate(1, |target, write| self.0.gather(g, shape, target, write));
    }
}
