//! `Cx`, the context in which a field is drawn: tape, noise key, path in the model, and sampling options.

use std::cell::Cell;

use super::noise::FixedNoise;
use super::{Estimator, Estimators};
use crate::engine::{Key, Path, Real, Tape, Tensor, Var};
use crate::weights::{Leaves, Moments, Weights};

/// The source of a draw's weights.
#[derive(Debug)]
pub(crate) enum Mode<'t, T: Real> {
    /// Sampled from the posterior.
    Random(Random<'t, T>),
    /// The posterior means.
    Mean,
    /// The posterior means, to be learned as a point estimate: layers that make noise are on, and the priors are given.
    PointEstimate { rows: StepRows },
    /// The posterior means, without a prior and without noise, in a part of a model that is drawn in another mode:
    /// [`Fixed`](crate::nn::Fixed). Where weights are given, they are constants.
    Fixed { is_constant: bool },
    /// Given weights, how they enter the tape, and the number used so far.
    At { weights: &'t Weights<T>, leaves: Leaves<'t, T>, used: &'t Cell<usize> },
}

/// The examples of a training step that a draw is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StepRows {
    /// The index of their batch, of several that share the weights.
    pub(crate) batch: usize,
    /// For a shard of the batch: the number of its first example in the batch, and the number of its examples.
    pub(crate) shard: Option<[usize; 2]>,
}

impl StepRows {
    /// All examples of the first batch.
    pub(crate) const ALL: StepRows = StepRows::of_batch(0);

    /// All examples of the batch of this index.
    pub(crate) const fn of_batch(batch: usize) -> Self {
        StepRows { batch, shard: None }
    }

    /// Whether they are the first of their step.
    pub(crate) fn are_first(self) -> bool {
        self.batch == 0 && self.shard.is_none_or(|[first, _]| first == 0)
    }
}

/// The options of sampling from the posterior.
#[derive(Debug)]
pub(crate) struct Random<'t, T: Real> {
    pub(crate) estimator: Estimator,
    pub(crate) estimators: Option<&'t Estimators>,
    pub(crate) noise: Option<&'t FixedNoise<T>>,
    /// Precomputed means and variances of the weights, if any.
    pub(crate) moments: Option<&'t Moments<T>>,
    pub(crate) draws: usize,
    pub(crate) antithetic: bool,
    pub(crate) path_derivative: bool,
    /// Whether the divergence is needed, so that it is computed together with the sample where one pass gives both.
    pub(crate) with_kl: bool,
    pub(crate) rows: StepRows,
    /// Whether also layers that give the moments of their outputs sample their weights.
    pub(crate) samples_all: bool,
}

/// The context in which a field is drawn: the tape, the noise key and path of the field in the model, and the sampling
/// options.
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

    /// The noise key of this field, for the first draw. [`Cx::noise`] and [`Cx::source`] return the noise itself.
    pub fn key(self) -> Key {
        self.key
    }

    /// The path of this field in the model.
    pub fn path(self) -> Path<'t> {
        self.path
    }

    /// The number of draws made at once.
    pub fn draws(self) -> usize {
        match self.mode {
            Mode::Random(how) => how.draws,
            Mode::Mean | Mode::PointEstimate { .. } | Mode::Fixed { .. } | Mode::At { .. } => 1,
        }
    }

    /// Whether weights are sampled, with gradients through the density's own parameters too.
    pub(crate) fn samples(self) -> bool {
        matches!(self.mode, Mode::Random(how) if !how.path_derivative)
    }

    /// Whether draws are antithetic pairs, whose noise differs in sign.
    pub(crate) fn is_antithetic(self) -> bool {
        matches!(self.mode, Mode::Random(how) if how.antithetic)
    }

    /// The context for the field `name` of this model.
    pub fn at(self, name: &'static str) -> Self {
        let parent = self.tape.alloc(self.path);
        self.below(self.key.at(name), parent.at(name))
    }

    /// The context for element `index` of this container.
    pub fn index(self, index: usize) -> Self {
        let parent = self.tape.alloc(self.path);
        self.below(self.key.index(index), parent.index(index))
    }

    /// [`at`](Cx::at) for noise of each example, which differs between the batches that share the weights.
    pub(crate) fn for_examples(self, name: &'static str) -> Self {
        let cx = self.at(name);
        Cx { key: cx.key_of_batch(), ..cx }
    }

    /// The noise key for the examples of a batch.
    pub(super) fn key_of_batch(self) -> Key {
        match self.mode {
            Mode::Random(Random { rows, .. }) | Mode::PointEstimate { rows } if rows.batch > 0 => {
                self.key.at("batch").index(rows.batch)
            }
            _ => self.key,
        }
    }

    /// The noise key, and the number of the first row, of noise with this many rows that belong to the examples in turn. Where
    /// the draw is for a shard of a batch, they are rows of the whole batch's noise. If the examples do not have equally many
    /// rows, the shard has noise of its own.
    pub(crate) fn first_row(self, key: Key, rows: usize) -> (Key, usize) {
        match self.mode {
            Mode::Random(Random { rows: StepRows { shard: Some([first, examples]), .. }, .. })
            | Mode::PointEstimate { rows: StepRows { shard: Some([first, examples]), .. } }
                if first > 0 =>
            {
                if rows.is_multiple_of(examples) {
                    (key, first * (rows / examples))
                } else {
                    (key.at("shard").index(first), 0)
                }
            }
            _ => (key, 0),
        }
    }

    /// The number of the first draw, counted over all draws of a training, or over those of a prediction: for a layer whose parts
    /// take turns. Antithetic pairs count once. `None` at the posterior's means, and at given weights without noise.
    pub(crate) fn turn(self) -> Option<usize> {
        let each_step = match self.mode {
            Mode::Random(how) => self.pairs_of(how.draws),
            Mode::PointEstimate { .. } => 1,
            Mode::At { weights, .. } if weights.noise().is_some() => 1,
            Mode::Mean | Mode::Fixed { .. } | Mode::At { .. } => return None,
        };
        Some(self.key.current_step() as usize * each_step + self.key.current_draw() as usize)
    }

    /// How many draws, or antithetic pairs, these draws are.
    pub(crate) fn pairs_of(self, draws: usize) -> usize {
        if self.is_antithetic() { draws / 2 } else { draws }
    }

    /// The context for a part whose weights are their means, without noise and without a prior.
    pub(crate) fn fixed(self) -> Self {
        let is_constant = matches!(self.mode, Mode::At { .. } | Mode::Fixed { is_constant: true });
        Cx { mode: Mode::Fixed { is_constant }, ..self }
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

    /// Whether the parameters of a density are constants.
    pub(crate) fn is_path_derivative(self) -> bool {
        matches!(self.mode, Mode::Random(how) if how.path_derivative)
    }

    /// The precomputed mean and variance of this weight, if any; a deterministic weight has no variance.
    pub(crate) fn kept_moments(self) -> Option<(Var<'t, T>, Option<Var<'t, T>>)> {
        let Mode::Random(Random { moments: Some(moments), .. }) = self.mode else {
            return None;
        };
        let (mean, variance) = moments.at(&self.path)?;
        Some((self.tape.input(mean), variance.map(|variance| self.tape.input(variance))))
    }

    /// Puts a parameter of a density on the tape: as a learned parameter, or as a constant under
    /// [`Drawing::path_derivative`](crate::Drawing::path_derivative), where gradients flow only through the weights
    /// drawn.
    pub fn density_param(self, parameter: &'t Tensor<T>) -> Var<'t, T> {
        match self.mode {
            Mode::Random(how) if how.path_derivative => self.tape.input(parameter),
            _ => self.tape.param(parameter),
        }
    }

    /// Puts a parameter without uncertainty, such as a [`Point`](crate::Point), on the tape: as a learned parameter, or as a
    /// constant if weights are given, since gradients are then with respect to these.
    pub fn point_param(self, parameter: &'t Tensor<T>) -> Var<'t, T> {
        match self.mode {
            Mode::At { .. } | Mode::Fixed { is_constant: true } => self.tape.input(parameter),
            _ => self.tape.param(parameter),
        }
    }

    /// Puts a prior's hyperparameter on the tape: as [`point_param`](Cx::point_param), but as a constant under
    /// [`Map`](crate::Map) too. The density of weights and the scale of their prior together has no maximum: it grows without
    /// limit as both go to 0.
    pub fn hyperparameter(self, parameter: &'t Tensor<T>) -> Var<'t, T> {
        match self.mode {
            Mode::PointEstimate { .. } | Mode::Fixed { .. } => self.tape.input(parameter),
            _ => self.point_param(parameter),
        }
    }
}
