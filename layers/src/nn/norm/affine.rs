//! The scale and the shift after a normalisation: learned, random, or absent.

use crate::divergence::Divergence;
use crate::engine::{Real, Scaling, Shape, Tensor, Var};
use crate::model::Bayesian;
use crate::nn::{Bare, Bias};
use crate::posterior::Point;
use crate::prior::PriorFor;

/// The scale or the shift of a normalisation: learned ([`Point`], the default), random with its own prior ([`Bias`]), or
/// absent ([`Bare`]).
pub trait Affine: Bayesian {
    /// The value in a draw; `None` if it is absent.
    fn value<'t>(draw: Self::Draw<'t>) -> Option<Var<'t, Self::Scalar>>;
}

impl<T: Real> Affine for Point<T> {
    fn value<'t>(draw: Self::Draw<'t>) -> Option<Var<'t, T>> {
        Some(draw)
    }
}

impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> Affine for Bias<Q, P> {
    #[track_caller]
    fn value<'t>(draw: Self::Draw<'t>) -> Option<Var<'t, Q::Scalar>> {
        Some(*draw.value)
    }
}

impl<T: Real> Affine for Bare<T> {
    fn value<'t>(_: Self::Draw<'t>) -> Option<Var<'t, T>> {
        None
    }
}

/// Scale and shift, for an operation of the engine.
pub(super) struct Parts<'t, T: Real>(pub(super) [Option<Var<'t, T>>; 2]);

impl<'t, T: Real> Scaling<'t, T> for Parts<'t, T> {
    fn parts(self) -> [Option<Var<'t, T>>; 2] {
        self.0
    }
}

/// A learned scale or shift that starts at `start`.
pub(super) fn learned<T: Real>(shape: &Shape, start: f64) -> Point<T> {
    Point(Tensor::full(shape.clone(), start))
}

/// The builders of a normalisation whose scale and shift are the fields `$part`, which start at `$start` and have the shape
/// `self.shape`, and whose other fields are `$kept`.
macro_rules! affine {
    ($name:ident { $($part:ident: $start:expr),+ } $($kept:ident),+) => {
        impl<T: $crate::engine::Real, A: $crate::nn::Affine<Scalar = T>> $name<T, A> {
            /// Removes the affine part: the output is what was normalised.
            pub fn without_affine(self) -> $name<T, $crate::nn::Bare<T>> {
                $name { $($part: $crate::nn::Bare::new(),)+ $($kept: self.$kept),+ }
            }

            /// Gives the affine part mean-field posteriors under normal priors of standard deviation 1 about its
            /// initial values: 1 for a scale, 0 for others. The means are those initial values.
            pub fn bayesian(self) -> $name<T, $crate::nn::Bias<$crate::posterior::MeanField<T>>> {
                let posterior = |shape: $crate::engine::Shape, start: f64| {
                    let mean = $crate::engine::Tensor::full(shape, start);
                    $crate::posterior::MeanField::with_sd(mean, $crate::posterior::INITIAL_SD)
                };
                self.bayesian_of(posterior, [$($crate::prior::Normal($start, 1.0)),+])
            }

            /// Gives the affine part posteriors of any family, which `posterior` makes from a shape and an initial value, and
            /// these priors, in the order of the fields. Those of a scale should be about 1.
            pub fn bayesian_of<Q, P>(
                self,
                mut posterior: impl FnMut($crate::engine::Shape, f64) -> Q,
                priors: [P; [$(stringify!($part)),+].len()],
            ) -> $name<T, $crate::nn::Bias<Q, P>>
            where
                Q: $crate::divergence::Divergence<P, Scalar = T>,
                P: $crate::prior::PriorFor<T>,
            {
                let [$($part),+] = priors;
                $(let $part = $crate::nn::Bias { value: posterior(self.shape.clone(), $start), prior: $part };)+
                $name { $($part,)+ $($kept: self.$kept),+ }
            }
        }

        impl<T: $crate::engine::Real, P: $crate::prior::PriorFor<T>>
            $name<T, $crate::nn::Bias<$crate::posterior::MeanField<T>, P>>
        where
            $crate::posterior::MeanField<T>: $crate::divergence::Divergence<P, Scalar = T>,
        {
            /// Sets the initial standard deviation of the affine part, in place of [`INITIAL_SD`](crate::INITIAL_SD). The
            /// means stay.
            ///
            /// # Panics
            /// If it is not positive and finite.
            #[track_caller]
            #[must_use]
            pub fn initial_sd(mut self, sd: f64) -> Self {
                $(self.$part = self.$part.initial_sd(sd);)+
                self
            }
        }
    };
}

pub(super) use affine;
