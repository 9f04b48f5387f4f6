//! `Pool`: samples of several models of one type, joined.

use super::{DrawOf, Samples, ScalarOf, check_index};
use crate::engine::Tape;

/// The samples of several trainings of one model type, joined: a mixture of posteriors with weights by their numbers of draws,
/// such as multi-SWAG (Wilson and Izmailov 2020) or an ensemble of variational posteriors. Each draw is made by the samples that
/// it comes from, with the buffers of their model.
///
/// ```
/// # use elbo::prelude::*;
/// # use elbo::Pool;
/// let models = [1, 2, 3].map(|seed| {
///     let mut model = Dense::new(3, 2);
///     model.initialise(Key::new(seed)); // and train it
///     model
/// });
/// let pool = Pool::new(models.iter().map(|model| model.posterior(Draws(16))).collect());
/// assert_eq!(pool.count(), 48);
/// let predictions = pool.predict(&Categorical, &Tensor::from_fn([1, 3], |i| i as f64));
/// ```
#[derive(Clone, Debug)]
pub struct Pool<S> {
    members: Vec<S>,
    /// The index of each member's first draw, and the number of all draws.
    first: Vec<usize>,
}

impl<S: Samples> Pool<S> {
    /// Joins these samples.
    ///
    /// # Panics
    /// If there are none, or a member samples outputs in place of weights ([`SampledOutputs`](crate::SampledOutputs)).
    #[track_caller]
    pub fn new(members: Vec<S>) -> Self {
        assert!(!members.is_empty(), "Pool: at least one member is needed, got 0");
        let one_by_one = members.iter().all(|member| member.at_once() == 1 && !member.serves_once());
        assert!(one_by_one, "Pool: a member samples outputs in place of weights; use samples of the weights");
        let mut first = vec![0];
        for member in &members {
            first.push(first[first.len() - 1] + member.count());
        }
        Pool { members, first }
    }

    /// The samples that were joined.
    pub fn members(&self) -> &[S] {
        &self.members
    }

    /// The member that a draw comes from, and its index there.
    #[track_caller]
    fn place(&self, index: usize) -> (&S, usize) {
        check_index(index, self.count());
        let member = self.first.partition_point(|&first| first <= index) - 1;
        (&self.members[member], index - self.first[member])
    }
}

impl<S: Samples> Samples for Pool<S> {
    type Model = S::Model;

    /// The first member's model.
    fn model(&self) -> &S::Model {
        self.members[0].model()
    }

    fn count(&self) -> usize {
        self.first[self.members.len()]
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        let (member, index) = self.place(index);
        member.draw(tape, index)
    }

    fn model_of(&self, index: usize) -> &S::Model {
        let (member, index) = self.place(index);
        member.model_of(index)
    }

    #[track_caller]
    fn draw_all<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        let (member, index) = self.place(index);
        member.draw_all(tape, index)
    }

    fn in_one_batch(&self) -> bool {
        self.members.iter().any(Samples::in_one_batch)
    }
}
