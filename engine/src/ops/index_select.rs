//! Positions of an axis picked by number, rows of an embedding among them.

use crate::kernels::Write;
use crate::kernels::map::scale;
use crate::ops::axes::resolve_one;
use crate::ops::axis_view::AxisView;
use crate::{Adjoints, Evaluation, Indices, Operation, Real, Shape, Var};

impl<'t, T: Real> Var<'t, T> {
    /// The positions `index` of `axis`, in that order; one may occur several times, and gets the sum of its gradients.
    ///
    /// # Panics
    /// If there is no such axis, or an index is none of its positions.
    #[track_caller]
    pub fn index_select(self, axis: isize, index: &'t [usize]) -> Var<'t, T> {
        let axis = resolve_one("index_select", axis, self.shape());
        let length = self.shape()[axis];
        Indices::from(index).check("index_select", length, &format_args!("axis {axis}"));
        let mut shape = Shape::from(self.shape());
        shape[axis] = index.len();
        self.tape().record(Pick { name: "index_select", axis, index, silent: None }, &[self], [shape])[0]
    }

    /// This plus `source` at the positions `index` of `axis`: position i of `source` is added to position `index`\[i\].
    ///
    /// # Panics
    /// If there is no such axis, an index is none of its positions, or `source` has not one position an index and
    /// otherwise this value's shape.
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

    /// Rows of this table (entries, features ..) looked up: the result has the shape of `indices` and behind it the
    /// features.
    ///
    /// # Panics
    /// If this is a scalar, or an index is no row of it.
    #[track_caller]
    pub fn embedding(self, indices: impl Into<Indices<'t>>) -> Var<'t, T> {
        embedding(self, indices.into(), None)
    }

    /// [`embedding`](Var::embedding) where row `padding` stands for nothing: it is read as it is and gets no gradient.
    ///
    /// # Panics
    /// As [`embedding`](Var::embedding), and if there is no row `padding`.
    #[track_caller]
    pub fn embedding_padded(self, indices: impl Into<Indices<'t>>, padding: usize) -> Var<'t, T> {
        let entries = self.shape().first().copied().unwrap_or(0);
        assert!(
            padding < entries,
            "embedding: the padding row {padding} is out of range; the table of shape {:?} has {entries} rows",
            self.shape()
        );
        embedding(self, indices.into(), Some(padding))
    }
}

#[track_caller]
fn embedding<'t, T: Real>(table: Var<'t, T>, indices: Indices<'t>, silent: Option<usize>) -> Var<'t, T> {
    let [entries, features @ ..] = table.shape() else {
        panic!("embedding: a table of shape []; expected (entries, features ..)");
    };
    indices.check("embedding", *entries, &format_args!("the first axis of the table of shape {:?}", table.shape()));
    let shape: Shape = indices.shape.iter().chain(features).copied().collect();
    table.tape().record(Pick { name: "embedding", axis: 0, index: indices.values, silent }, &[table], [shape])[0]
}

#[derive(Clone, Copy)]
struct Pick<'t> {
    name: &'static str,
    axis: usize,
    index: &'t [usize],
    /// The position that gets no gradient.
    silent: Option<usize>,
}

impl<T: Real> Operation<T> for Pick<'_> {
    fn name(&self) -> &'static str {
        self.name
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0);
        AxisView::new(x.shape, self.axis).pick(x.data, self.index.len(), |i| self.index[i], io.output(0), Write::Store);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let along = AxisView::new(io.input(0).shape, self.axis);
        let place = |i: usize| Some(self.index[i]).filter(|&place| self.silent != Some(place));
        io.accumulate(0, |target, write| along.give_back(g, self.index.len(), place, target, write));
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
        along.give_back(source.data, self.index.len(), |i| Some(self.index[i]), out, Write::Add);
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let g = io.upstream(0).expect("the only output");
        let along = AxisView::new(io.input(0).shape, self.axis);
        io.accumulate(0, |target, write| scale(T::ONE, g, target, write));
        io.accumulate(1, |target, write| along.pick(g, self.index.len(), |i| self.index[i], target, write));
    }
}
