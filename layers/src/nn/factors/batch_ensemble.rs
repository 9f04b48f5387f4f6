//! `BatchEnsemble`: dense layers that share a weight and have vectors of their own.

use super::turn::Turn;
use crate::engine::random::{normals, signs};
use crate::engine::{Key, Real, Tensor, Var};
use crate::posterior::Point;
use elbo_macros::bayesian;

/// A dense layer of an ensemble whose members share W (Wen, Tran and Ba 2020, "BatchEnsemble"): member i computes
/// ((x ∘ sᵢ) · Wᵀ) ∘ rᵢ + bᵢ, (.., inputs) to (.., outputs). All parameters are deterministic; the ensemble takes the place of a
/// posterior, and the layer has no KL divergence.
///
/// A draw is one member, the same in every such layer of a model with equally many: draw i of a prediction is member i mod K of
/// K, so K draws are all members, and a multiple of K weighs them equally. In training the members take turns too, by step and
/// draw: a step with one draw trains W and one member, and a step with K draws trains all of them
/// ([`Elbo::draws`](crate::Elbo::draws)). Train with at least K steps. Antithetic pairs count as one draw. At the mean
/// ([`Bayesian::mean`](crate::Bayesian::mean)) the factors and biases are averages over the members.
///
/// The factors start as random signs, different for each member, so that members differ. Two layers of the same shape start
/// with the same signs unless [`random_signs`](BatchEnsemble::random_signs) draws them by a key.
///
/// ```
/// use elbo::nn::BatchEnsemble;
/// use elbo::prelude::*;
///
/// let layer = BatchEnsemble::new(3, 2, 4);
/// let (tape, x) = (Tape::new(), Tensor::full([8, 3], 1.0));
/// let [first, second] = [0, 1].map(|draw| layer.draw(&tape, Key::new(1).draw(draw)).forward(tape.input(&x)));
/// assert_eq!(first.shape(), [8, 2]);
/// assert_ne!(first.value(), second.value());
/// ```
#[bayesian]
#[derive(Clone, Debug)]
pub struct BatchEnsemble<T: Real = f32> {
    /// W, of shape (outputs, inputs).
    pub weight: Point<T>,
    /// The vectors of each member.
    pub members: Vec<EnsembleMember<T>>,
    turn: Turn<T>,
}

/// What one member of a [`BatchEnsemble`] has for itself.
#[bayesian]
#[derive(Clone, Debug)]
pub struct EnsembleMember<T: Real = f32> {
    /// s, of shape (inputs).
    pub input_factors: Point<T>,
    /// r, of shape (outputs).
    pub output_factors: Point<T>,
    /// b, of shape (outputs), if there is a bias.
    pub bias: Option<Point<T>>,
}

impl BatchEnsemble {
    /// A layer in `f32` with this number of members.
    ///
    /// # Panics
    /// If `members` is 0.
    #[track_caller]
    pub fn new(inputs: usize, outputs: usize, members: usize) -> Self {
        BatchEnsemble::of(inputs, outputs, members)
    }
}

impl<T: Real> BatchEnsemble<T> {
    /// A layer in any scalar type with this number of members. W starts as by [`Point::new`], the factors as random signs and
    /// the biases at 0.
    ///
    /// # Panics
    /// If `members` is 0.
    #[track_caller]
    pub fn of(inputs: usize, outputs: usize, members: usize) -> Self {
        assert!(members > 0, "BatchEnsemble: at least one member is needed, got 0");
        let ones = |len: usize| Point(Tensor::full([len], 1.0));
        let member = || EnsembleMember {
            input_factors: ones(inputs),
            output_factors: ones(outputs),
            bias: Some(Point(Tensor::zeros([outputs]))),
        };
        let members = (0..members).map(|_| member()).collect();
        let layer = BatchEnsemble { weight: Point::new([outputs, inputs]), members, turn: Turn::default() };
        layer.random_signs(Key::new(0).at("made by a constructor").index(inputs).index(outputs))
    }

    /// Draws the factors of every member from ±1 by this key. Give each layer of a model a key of its own:
    /// `Key::new(seed).index(layer)`.
    #[must_use]
    pub fn random_signs(self, key: Key) -> Self {
        self.with_factors(key, |key, factors| signs(key, 0, factors))
    }

    /// Draws the factors of every member from N(1, `sd`²) by this key.
    ///
    /// # Panics
    /// If `sd` is negative or not finite.
    #[track_caller]
    #[must_use]
    pub fn normal_factors(self, sd: f64, key: Key) -> Self {
        assert!(
            sd >= 0.0 && sd.is_finite(),
            "BatchEnsemble: the standard deviation must be finite and not negative, got {sd}"
        );
        self.with_factors(key, |key, factors| {
            normals(key, 0, factors);
            factors.iter_mut().for_each(|factor| *factor = T::from_f64(1.0 + sd * factor.to_f64()));
        })
    }

    fn with_factors(mut self, key: Key, mut fill: impl FnMut(Key, &mut [T])) -> Self {
        for (i, member) in self.members.iter_mut().enumerate() {
            fill(key.at("input_factors").index(i), member.input_factors.0.data_mut());
            fill(key.at("output_factors").index(i), member.output_factors.0.data_mut());
        }
        self
    }

    /// Removes the biases.
    #[must_use]
    pub fn without_bias(mut self) -> Self {
        self.members.iter_mut().for_each(|member| member.bias = None);
        self
    }
}

#[bayesian]
impl<T: Real> BatchEnsemble<T> {
    /// The output of the member whose turn it is.
    ///
    /// # Panics
    /// If the last axis of `x` is not the layer's inputs, or the list of members is empty.
    #[track_caller]
    pub fn forward(&self, x: Var<T>) -> Var<T> {
        let &[outputs, inputs] = self.weight.shape() else {
            panic!("BatchEnsemble: `weight` has the shape {:?}; expected (outputs, inputs)", self.weight.shape());
        };
        assert!(
            x.shape().last() == Some(&inputs),
            "BatchEnsemble: the input has the shape {:?}; expected (.., {inputs})",
            x.shape()
        );
        let members = self.members;
        assert!(!members.is_empty(), "BatchEnsemble: at least one member is needed, got 0");
        for (i, member) in members.iter().enumerate() {
            let (s, r, b) = (member.input_factors, member.output_factors, member.bias);
            assert!(
                s.shape() == [inputs] && r.shape() == [outputs] && b.is_none_or(|b| b.shape() == [outputs]),
                "BatchEnsemble: member {i} has input factors of shape {:?}, output factors {:?} and bias {:?}; expected \
                 [{inputs}], [{outputs}] and [{outputs}]",
                s.shape(),
                r.shape(),
                b.map(|b| b.shape())
            );
        }
        let s = self.turn.of(x.tape(), members.len(), |i| members[i].input_factors);
        let r = self.turn.of(x.tape(), members.len(), |i| members[i].output_factors);
        let y = (x * s).linear(self.weight) * r;
        let biases = members.iter().filter(|member| member.bias.is_some()).count();
        assert!(
            biases == 0 || biases == members.len(),
            "BatchEnsemble: {biases} of {} members have a bias; expected all or none",
            members.len()
        );
        match members[0].bias {
            Some(first) => y + self.turn.of(x.tape(), members.len(), |i| members[i].bias.unwrap_or(first)),
            None => y,
        }
    }
}
