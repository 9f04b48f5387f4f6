//! What a field is drawn with.

use std::cell::Cell;

use super::noise::FixedNoise;
use super::{Estimator, Estimators};
use crate::engine::{Key, Path, Real, Tape, Tensor, Var};
use crate::weights::Moments;
use crate::weights::Weights;

/// Where a draw's weights come from.
#[derive(Debug)]
pub(crate) enum Mode<'t, T: Real> {
    /// The posterior.
    Random(Random<'t, T>),
    /// Every posterior's mean.
    Mean,
    /// Given weights, and how many of them are used.
    At { weights: &'t Weights<T>, used: &'t Cell<usize> },
}

/// How the posterior is drawn from.
#[derive(Debug)]
pub(crate) struct Random<'t, T: Real> {
    pub(crate) estimator: Estimator,
    pub(crate) estimators: Option<&'t Estimators>,
    pub(crate) noise: Option<&'t FixedNoise<T>>,
    /// The means and variances of the weights, where they are kept.
    pub(crate) moments: Option<&'t Moments<T>>,
    pub(crate) draws: usize,
    pub(crate) antithetic: bool,
    pub(crate) path_derivative: bool,
    /// Whether the divergence is asked for, and so computed with a sample where one pass gives both.
    pub(crate) with_kl: bool,
}

/// What a field is drawn with: the tape, the noise's key at this place of the model, and how to draw.
#[derive(Debug)]
pub struct Cx<'t, T: Real = f32> {
    tape: &'t Tape<T>,
    pub(super) key: Key,
    pub(super) path: Path<'t>,
    pub(crate) mode: Mode<'t, T>,
}

macro_rules! copy {
    ($($name:ident),*) => {$(
        impl<T: Real> Clone for $name<'_, T> {
            fn clone(&self) -> Self {
                *self
            }
        }

        impl<T: Real> Copy for $name<'_, T> {}
    )*};
}

copy!(Mode, Random, Cx);

impl<'t, T: Real> Cx<'t, T> {
    pub(crate) fn new(tape: &'t Tape<T>, key: Key, mode: Mode<'t, T>) -> Self {
        Cx { tape, key, path: Path::ROOT, mode }
    }

    /// The tape to draw on.
    pub fn tape(self) -> &'t Tape<T> {
        self.tape
    }

    /// The key of this place's noise, of its first draw. [`Cx::noise`] and [`Cx::source`] give the noise itself.
    pub fn key(self) -> Key {
        self.key
    }

    /// The name of this place in the model.
    pub fn path(self) -> Path<'t> {
        self.path
    }

    /// How many draws of each weight are made at once.
    pub fn draws(self) -> usize {
        match self.mode {
            Mode::Random(how) => how.draws,
            Mode::Mean | Mode::At { .. } => 1,
        }
    }

    /// Whether weights are drawn from the posterior, and gradients flow through all of a density.
    pub(crate) fn samples(self) -> bool {
        matches!(self.mode, Mode::Random(how) if !how.path_derivative)
    }

    /// Whether draws come in pairs whose noise differs in sign.
    pub(crate) fn is_antithetic(self) -> bool {
        matches!(self.mode, Mode::Random(how) if how.antithetic)
    }

    /// For the field `name` of this model.
    pub fn at(self, name: &'static str) -> Self {
        let parent = self.tape.alloc(self.path);
        self.below(self.key.at(name), parent.at(name))
    }

    /// For element `index` of this container.
    pub fn index(self, index: usize) -> Self {
        let parent = self.tape.alloc(self.path);
        self.below(self.key.index(index), parent.index(index))
    }

    fn below(self, key: Key, path: Path<'t>) -> Self {
        let mut mode = self.mode;
        if let Mode::Random(how) = &mut mode
            && let Some(named) = how.estimators.and_then(|estimators| estimators.at(&path))
        {
            how.estimator = named;
        }
        Cx { tape: self.tape, key, path, mode }
    }

    /// Whether parameters of a density are constants.
    pub(crate) fn is_path_derivative(self) -> bool {
        matches!(self.mode, Mode::Random(how) if how.path_derivative)
    }

    /// Mean and variance of the weight at this place, where they are kept; the variance of a certain weight is none.
    pub(crate) fn kept_moments(self) -> Option<(Var<'t, T>, Option<Var<'t, T>>)> {
        let Mode::Random(Random { moments: Some(moments), .. }) = self.mode else {
            return None;
        };
        let (mean, variance) = moments.at(&self.path)?;
        Some((self.tape.input(mean), variance.map(|variance| self.tape.input(variance))))
    }

    /// A parameter of a density: on the tape, to be learned; or as a constant, where a gradient is to flow through the
    /// weights drawn and not through the density's own parameters (see
    /// [`Drawing::path_derivative`](crate::Drawing::path_derivative)).
    pub fn density_param(self, parameter: &'t Tensor<T>) -> Var<'t, T> {
        match self.mode {
            Mode::Random(how) if how.path_derivative => self.tape.input(parameter),
            _ => self.tape.param(parameter),
        }
    }

    /// A parameter that is learned and certain, such as a [`Point`](crate::Point) or a prior's hyperparameter: on the tape,
    /// to be learned; or as a constant, where weights are given and gradients are with respect to these.
    pub fn certain_param(self, parameter: &'t Tensor<T>) -> Var<'t, T> {
        match self.mode {
            Mode::At { .. } => self.tape.input(parameter),
            _ => self.tape.param(parameter),
        }
    }
}
