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

macro_rules! tuple {
    ($first:ident . 0 $(, $rest:ident . $index:tt)* => $batch:ty, $exact:ty, $allows:ty) => {
        impl<$first: Bayesian, $($rest: Bayesian<Scalar = $first::Scalar>),*> Bayesian for ($first, $($rest,)*) {
            type Draw<'t> = ($first::Draw<'t>, $($rest::Draw<'t>,)*);
            type Batch = $batch;
            type Exact = $exact;
            type Allows = $allows;

            fn draw_in<'t>(&'t self, cx: Cx<'t, $first::Scalar>) -> Self::Draw<'t> {
                (self.0.draw_in(cx.index(0)), $(self.$index.draw_in(cx.index($index)),)*)
            }

            fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64)) {
                self.0.each_kl(&path.index(0), f);
                $(self.$index.each_kl(&path.index($index), f);)*
            }
        }

        impl<'t, N: Real, $first: Drawn<'t, N>, $($rest: Drawn<'t, N>),*> Drawn<'t, N> for ($first, $($rest,)*) {
            fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, N>)) {
                self.0.walk(&path.index(0), f);
                $(self.$index.walk(&path.index($index), f);)*
            }
        }
    };
}

type And<A, B> = <A as Property>::And<B>;

tuple!(A.0 => A::Batch, A::Exact, A::Allows);
tuple!(A.0, B.1 => And<A::Batch, B::Batch>, And<A::Exact, B::Exact>, (A::Allows, B::Allows));
tuple!(
    A.0, B.1, C.2
        => And<A::Batch, And<B::Batch, C::Batch>>, And<A::Exact, And<B::Exact, C::Exact>>,
        (A::Allows, (B::Allows, C::Allows))
);
tuple!(
    A.0, B.1, C.2, D.3
        => And<A::Batch, And<B::Batch, And<C::Batch, D::Batch>>>, And<A::Exact, And<B::Exact, And<C::Exact, D::Exact>>>,
        (A::Allows, (B::Allows, (C::Allows, D::Allows)))
);
