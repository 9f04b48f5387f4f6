//! `index_select`, `index_add` and `embedding`: whole positions of an axis by index.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::ops::axes::resolve_one;
use crate::ops::axis_view::AxisView;
use crate::{Adjoints, Description, Evaluation, Indices, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The positions `index` of `axis`, in that order. An index may be repeated; its gradients are then summed.
    ///
    /// # Panics
    /// If `axis` or an index is out of range.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: &'t [usize]) -> Var<'t, T> {
        let axis = resolve_one("index_select", axis, self.shape());
        let length = self.shape()[axis];
        Indices::from(index).check("index_select", length, &format_args!("axis {axis}"));
        let mut shape = Shape::from(self.shape());
        shape[axis] = index.len();
        self.tape().record(Pick { name: "index_select", axis, index, silent: None }, &[self], [shape])[0]
    }

    /// This value with `source` added at the positions `index` of `axis`: position i of `source` is added to position
    /// `index`\[i\].
    ///
    /// # Panics
    /// If `axis` or an index is out of range, or the shape of `source` is not this value's with as many positions along
    /// `axis` as indices.
    #[track_caller]
    pub fn index_add(self, axis: isize, index: &'t [usize], source: Var<'t, T>) -> Var<'t, T> {
        let axis = resolve_one("index_add", axis, self.shape());
        let length = self.shape()[axis];
        Indices::from(index).check("index_add", length, &format_args!("axis {axis}"));
        let mut expected = Shape::from(self.shape());
        expected[axis] = index.len();
        assert!(
            source.shape() == &expected[..],
            "index_add: a source of shape {:?} along axis {axis} of the shape {:?} with {} indices; expected {expected:?}",
            source.shape(),
            self.shape(),
            index.len()
        );
        self.tape().record(IndexAdd { axis, index }, &[self, source], [self.shape()])[0]
    }

    /// Looks up rows of this table (entries, features ..): the result has the shape of `indices`, followed by the
    /// features.
    ///
    /// # Panics
    /// If this is a scalar, or an index is out of range.
    #[track_caller]
    pub fn embedding(self, indices: impl Into<Indices<'t>>) -> Var<'t, T> {
        embedding(self, indices.into(), None, None)
    }

    /// [`embedding`](Var::embedding) at indices that were read from a value of their shape, on which the result then depends
    /// in a [trace](Var::trace).
    ///
    /// # Panics
    /// As [`embedding`](Var::embedding).
    #[doc(hidden)]
    #[track_caller]
    pub fn embedding_read_from(self, indices: impl Into<Indices<'t>>, source: Var<'t, T>) -> Var<'t, T> {
        embedding(self, indices.into(), None, Some(source.stop_gradient()))
    }

    /// [`embedding`](Var::embedding) with a padding row: row `padding` is read as it is and gets no gradient.
    ///
    /// # Panics
    /// As [`embedding`](Var::embedding), and if `padding` is out of range.
    #[track_caller]
    pub fn embedding_padded(self, indices: impl Into<Indices<'t>>, padding: usize) -> Var<'t, T> {
        let entries = self.shape().first().copied().unwrap_or(0);
        assert!(
            padding < entries,
            "embedding: the padding row {padding} is out of range; the table of shape {:?} has {entries} rows",
            self.shape()
        );
        embedding(self, indices.into(), Some(padding), None)
    }
}

#[track_caller]
fn embedding<'t, T: Real>(
    table: Var<'t, T>,
    indices: Indices<'t>,
    silent: Option<usize>,
    source: Option<Var<'t, T>>,
) -> Var<'t, T> {
    let [entries, features @ ..] = table.shape() else {
        panic!("embedding: a table of shape []; expected (entries, features ..)");
    };
    indices.check("embedding", *entries, &format_args!("the first axis of the table of shape {:?}", table.shape()));
    let shape: Shape = indices.shape.iter().chain(features).copied().collect();
    let pick = Pick { name: "embedding", axis: 0, index: indices.values, silent };
    match source {
        Some(source) => table.tape().record(pick, &[table, source], [shape])[0],
        None => table.tape().record(pick, &[table], [shape])[0],
    }
}

#[derive(Clone, Copy)]
struct Pick<'t> {
    name: &'static str,
    axis: usize,
    index: &'t [usize],
    /// The position without a gradient.
    silent: Option<usize>,
}

impl<T: Real> Operation<T> for Pick<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn description(&self, shapes: &[&[usize]]) -> Option<Description> {
        if shapes.len() > 1 {
            return Some(Description::EmbeddingLookup);
        }
        Some(Description::IndexSelect { axis: self.axis, index: self.index.to_vec() })
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        AxisView::new(x.shape, self.axis).pick(x.data, self.index.len(), |i| self.index[i], io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let along = AxisView::new(io.input(0).shape, self.axis);
        let place = |i: usize| Some(self.index[i]).filter(|&place| self.silent != Some(place));
        io.accumulate(0, |target, write| along.scatter_runs(g, self.index.len(), place, target, write));
    }
}

#[derive(Clone, Copy)]
struct IndexAdd<'t> {
    axis: usize,
    index: &'t [usize],
}

impl<T: Real> Operation<T> for IndexAdd<'_> {
    fn name(&self) -> &'static str {
        "index_add"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let (x, source) = (io.input(0), io.input(1));
        let out = io.output(0);
        out.copy_from_slice(x.data);
        let along = AxisView::new(x.shape, self.axis);
        along.scatter_runs(source.data, self.index.len(), |i| Some(self.index[i]), out, Write::Add);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let along = AxisView::new(io.input(0).shape, self.axis);
        io.accumulate(0, |target, write| scale(T::ONE, g, target, write));
        io.accumulate(1, |target, write| along.pick(g, self.index.len(), |i| self.index[i], target, write));
    }
}
