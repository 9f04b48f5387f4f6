//! `Parameters` for tensors and containers: references, arrays, vectors, options, boxes and tuples of models.

use crate::{Parameters, Path, Real, Role, Tensor, Visitor, VisitorMut};

/// A tensor on its own is a model with one point parameter.
impl<T: Real> Parameters for Tensor<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        f(path, Role::Point, self);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(path, Role::Point, self);
    }
}

macro_rules! sequence {
    ([$($generics:tt)*] $type:ty) => {
        impl<M: Parameters, $($generics)*> Parameters for $type {
            type Scalar = M::Scalar;

            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, M::Scalar>) {
                for (i, model) in self.iter().enumerate() {
                    model.visit(&path.index(i), f);
                }
            }

            fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, M::Scalar>) {
                for (i, model) in self.iter_mut().enumerate() {
                    model.visit_mut(&path.index(i), f);
                }
            }
        }
    };
}

sequence!([const N: usize] [M; N]);
sequence!([][M]);
sequence!([] Vec<M>);

impl<M: Parameters> Parameters for Option<M> {
    type Scalar = M::Scalar;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, M::Scalar>) {
        if let Some(model) = self {
            model.visit(path, f);
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, M::Scalar>) {
        if let Some(model) = self {
            model.visit_mut(path, f);
        }
    }
}

impl<M: Parameters + ?Sized> Parameters for Box<M> {
    type Scalar = M::Scalar;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, M::Scalar>) {
        M::visit(self, path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, M::Scalar>) {
        M::visit_mut(self, path, f);
    }
}

macro_rules! tuple {
    ($first:ident . 0 $(, $rest:ident . $index:tt)*) => {
        impl<$first: Parameters, $($rest: Parameters<Scalar = $first::Scalar>),*> Parameters for ($first, $($rest,)*) {
            type Scalar = $first::Scalar;

            fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, $first::Scalar>) {
                self.0.visit(&path.index(0), f);
                $(self.$index.visit(&path.index($index), f);)*
            }

            fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, $first::Scalar>) {
                self.0.visit_mut(&path.index(0), f);
                $(self.$index.visit_mut(&path.index($index), f);)*
            }
        }
    };
}

tuple!(A.0);
tuple!(A.0, B.1);
tuple!(A.0, B.1, C.2);
tuple!(A.0, B.1, C.2, D.3);
tuple!(A.0, B.1, C.2, D.3, E.4);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10);
tuple!(A.0, B.1, C.2, D.3, E.4, F.5, G.6, H.7, I.8, J.9, K.10, L.11);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_structure() {
        let tensor = || Tensor::<f32>::zeros([1]);
        let model = (vec![tensor(), tensor()], Some(Box::new(tensor())), [tensor()]);
        let mut names = Vec::new();
        model.visit(&Path::ROOT, &mut |path, _, _| names.push(path.to_string()));
        assert_eq!(names, ["0.0", "0.1", "1", "2.0"]);
    }
}
