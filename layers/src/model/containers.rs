//! Implements `Bayesian` for containers of models: arrays, `Vec`, `Option`, `Box` and tuples.

use crate::engine::{Path, Real};
use crate::estimator::Weight;
use crate::model::{Bayesian, Drawn};
use crate::properties::Property;
use crate::sampling::Cx;

impl<M: Bayesian, const N: usize> Bayesian for [M; N] {
    type Draw<'t> = [M::Draw<'t>; N];
    type Batch = M::Batch;
    type Exact = M::Exact;
    type Allows = M::Allows;

    fn draw_in<'t>(&'t self, cx: Cx<'t, M::Scalar>) -> Self::Draw<'t> {
        std::array::from_fn(|i| self[i].draw_in(cx.index(i)))
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        for (i, model) in self.iter().enumerate() {
            model.each_kl(&path.index(i), f);
        }
    }
}

impl<'t, T: Real, D: Drawn<'t, T>, const N: usize> Drawn<'t, T> for [D; N] {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        for (i, draw) in self.iter().enumerate() {
            draw.walk(&path.index(i), f);
        }
    }
}

/// The draw of a vector is a slice in the tape's arena.
impl<M: Bayesian> Bayesian for Vec<M> {
    type Draw<'t> = &'t [M::Draw<'t>];
    type Batch = M::Batch;
    type Exact = M::Exact;
    type Allows = M::Allows;

    fn draw_in<'t>(&'t self, cx: Cx<'t, M::Scalar>) -> Self::Draw<'t> {
        cx.tape().alloc_slice(self.len(), |i| self[i].draw_in(cx.index(i)))
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        for (i, model) in self.iter().enumerate() {
            model.each_kl(&path.index(i), f);
        }
    }
}

impl<'t, T: Real, D: Drawn<'t, T>> Drawn<'t, T> for &'t [D] {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        for (i, draw) in self.iter().enumerate() {
            draw.walk(&path.index(i), f);
        }
    }
}

impl<M: Bayesian> Bayesian for Option<M> {
    type Draw<'t> = Option<M::Draw<'t>>;
    type Batch = M::Batch;
    type Exact = M::Exact;
    type Allows = M::Allows;

    fn draw_in<'t>(&'t self, cx: Cx<'t, M::Scalar>) -> Self::Draw<'t> {
        self.as_ref().map(|model| model.draw_in(cx))
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        if let Some(model) = self {
            model.each_kl(path, f);
        }
    }
}

impl<'t, T: Real, D: Drawn<'t, T>> Drawn<'t, T> for Option<D> {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        if let Some(draw) = self {
            draw.walk(path, f);
        }
    }
}

/// The draw of a box is a reference into the tape's arena, so that the draw of a recursive model is sized.
impl<M: Bayesian> Bayesian for Box<M> {
    type Draw<'t> = &'t M::Draw<'t>;
    type Batch = M::Batch;
    type Exact = M::Exact;
    type Allows = M::Allows;

    fn draw_in<'t>(&'t self, cx: Cx<'t, M::Scalar>) -> Self::Draw<'t> {
        cx.tape().alloc((**self).draw_in(cx))
    }

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
        (**self).each_kl(path, f);
    }
}

impl<'t, T: Real, D: Drawn<'t, T>> Drawn<'t, T> for &'t D {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        D::walk(self, path, f);
    }
}

/// The conjunction of properties.
macro_rules! all {
    ($last:ty) => { $last };
    ($first:ty, $($rest:ty),+) => { And<$first, all!($($rest),+)> };
}

/// Types in nested pairs.
macro_rules! pairs {
    ($last:ty) => { $last };
    ($first:ty, $($rest:ty),+) => { ($first, pairs!($($rest),+)) };
}

macro_rules! tuple {
    ($first:ident . 0 $(, $rest:ident . $index:tt)*) => {
        impl<$first: Bayesian, $($rest: Bayesian<Scalar = $first::Scalar>),*> Bayesian for ($first, $($rest,)*) {
            type Draw<'t> = ($first::Draw<'t>, $($rest::Draw<'t>,)*);
            type Batch = all!($first::Batch $(, $rest::Batch)*);
            type Exact = all!($first::Exact $(, $rest::Exact)*);
            type Allows = pairs!($first::Allows $(, $rest::Allows)*);

            fn draw_in<'t>(&'t self, cx: Cx<'t, $first::Scalar>) -> Self::Draw<'t> {
                (self.0.draw_in(cx.index(0)), $(self.$index.draw_in(cx.index($index)),)*)
            }

            fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
                self.0.each_kl(&path.index(0), f);
                $(self.$index.each_kl(&path.index($index), f);)*
            }
        }

        impl<'t, T: Real, $first: Drawn<'t, T>, $($rest: Drawn<'t, T>),*> Drawn<'t, T> for ($first, $($rest,)*) {
            fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
                self.0.walk(&path.index(0), f);
                $(self.$index.walk(&path.index($index), f);)*
            }
        }
    };
}

type And<A, B> = <A as Property>::And<B>;

/// Calls a macro with the names and places of the parts of each tuple of 1 to 12.
macro_rules! tuples {
    ($tuple:ident) => {
        $tuple!(A.0);
        $tuple!(A.0, B.1);
        $tuple!(A.0, B.1, C.2);
        $tuple!(A.0, B.1, C.2, D.3);
        $tuple!(A.0, B.1, C.2, D.3, E.4);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10);
        $tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11);
    };
}

tuples!(tuple);

pub(crate) use tuples;
