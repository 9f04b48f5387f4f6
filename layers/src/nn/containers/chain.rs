//! `Chain`: draws of layers, one after the other.

use crate::model::Forward;

/// Draws of layers that are called in order, each with the output of the one before: a tuple of up to twelve, an array or a
/// slice (of which the layers' inputs and outputs have one type).
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a sequence of layers whose first takes `{X}`",
    label = "not a sequence of layers",
    note = "`Sequential` takes a tuple of 1 to 12 layers, an array or a `Vec` of layers; each takes the output of the one before"
)]
pub trait Chain<'t, X> {
    /// The output of the last layer.
    type Out;

    /// The output of the last layer.
    #[track_caller]
    fn run(&self, x: X) -> Self::Out;
}

impl<'t, X, D: Forward<'t, X, Out = X>> Chain<'t, X> for [D] {
    type Out = X;

    #[track_caller]
    fn run(&self, x: X) -> X {
        let mut x = x;
        for layer in self {
            x = layer.forward(x);
        }
        x
    }
}

impl<'t, X, D: Forward<'t, X, Out = X>> Chain<'t, X> for &[D] {
    type Out = X;

    #[track_caller]
    fn run(&self, x: X) -> X {
        (**self).run(x)
    }
}

impl<'t, X, D: Forward<'t, X, Out = X>, const N: usize> Chain<'t, X> for [D; N] {
    type Out = X;

    #[track_caller]
    fn run(&self, x: X) -> X {
        self[..].run(x)
    }
}

/// A tuple of draws: each takes the output of the one before.
macro_rules! tuple {
    ($input:ident => $($layer:ident . $index:tt takes $before:ty),+ => $out:ty) => {
        impl<'t, $input, $($layer: Forward<'t, $before>),+> Chain<'t, $input> for ($($layer,)+) {
            type Out = $out;

            #[track_caller]
            fn run(&self, x: $input) -> Self::Out {
                $(let x = self.$index.forward(x);)+
                x
            }
        }
    };
}

tuple!(X => A.0 takes X => A::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out => B::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out => C::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out => D::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out => E::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out => F::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out => G::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out, H.7 takes G::Out => H::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out, H.7 takes G::Out, I.8 takes H::Out => I::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out, H.7 takes G::Out, I.8 takes H::Out, J.9 takes I::Out => J::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out, H.7 takes G::Out, I.8 takes H::Out, J.9 takes I::Out, K.10 takes J::Out => K::Out);
tuple!(X => A.0 takes X, B.1 takes A::Out, C.2 takes B::Out, D.3 takes C::Out, E.4 takes D::Out, F.5 takes E::Out, G.6 takes F::Out, H.7 takes G::Out, I.8 takes H::Out, J.9 takes I::Out, K.10 takes J::Out, L.11 takes K::Out => L::Out);
