//! `MultiSwag`: SWAG around several estimates.

use crate::data::Examples;
use crate::infer::ensemble::train_members;
use crate::infer::swag::{Swag, SwagPosterior};
use crate::infer::vi::{Budget, TrainError};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::optim::{Adam, Optimizer};
use crate::samples::Pool;

/// Multi-SWAG (Wilson and Izmailov 2020, "Bayesian deep learning and a probabilistic perspective of generalization"): [`Swag`]
/// around several estimates from different starts, trained side by side on the threads there are.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::MultiSwag;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let train: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let pool = MultiSwag::new(Categorical, 3).quiet().fit(|| Dense::new(2, 2), &train, Epochs(20))?;
/// let predictions = pool.predict(&Categorical, train.inputs());
/// # assert_eq!(pool.count(), 96);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct MultiSwag<L, O = Adam> {
    swag: Swag<L, O>,
    members: usize,
}

impl<L> MultiSwag<L> {
    /// This many members, each by [`Swag::new`].
    pub fn new(likelihood: L, members: usize) -> Self {
        MultiSwag::of(Swag::new(likelihood), members)
    }
}

impl<L, O> MultiSwag<L, O> {
    /// This many members, each by `swag` with a seed of its own: that of `swag`, plus its index.
    pub fn of(swag: Swag<L, O>, members: usize) -> Self {
        MultiSwag { swag, members }
    }

    /// Sets the seed of the first member.
    pub fn seed(self, seed: u64) -> Self {
        MultiSwag { swag: self.swag.seed(seed), ..self }
    }

    /// Uses at most this many threads. The result is the same, bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(self, threads: usize) -> Self {
        MultiSwag { swag: self.swag.threads(threads), ..self }
    }

    /// Shows no progress.
    pub fn quiet(self) -> Self {
        MultiSwag { swag: self.swag.quiet(), ..self }
    }

    /// Trains each member, a model of `make_model`, on all of `data`: [`Swag::fit`]. Members whose parameters have their
    /// constructors' values start from different random ones. Prints a line for each trained member to the standard error.
    ///
    /// # Errors
    /// [`TrainError`] of the first member that fails.
    pub fn fit<M>(
        &self,
        make_model: impl Fn() -> M + Sync,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<Pool<SwagPosterior<M>>, TrainError>
    where
        M: Model + Bayesian + Clone + Send + Sync,
        L: Likelihood<M::Scalar> + Clone + Send + Sync,
        L::Targets: Send + Sync,
        O: Optimizer + Clone + Send + Sync,
    {
        let (budget, settings) = (budget.into(), &self.swag.map.0);
        let (shown, seed) = (settings.is_shown(), settings.seed_of());
        let train = |member: usize| {
            let swag = self.swag.clone().seed(seed.wrapping_add(member as u64)).quiet();
            let posterior = swag.fit(&mut make_model(), data, budget)?;
            if shown {
                let rate = posterior.learning_rate();
                eprintln!("member {}/{}  learning rate {rate:.2e}", member + 1, self.members);
            }
            Ok(posterior)
        };
        Ok(Pool::new(train_members("MultiSwag", self.members, settings.most_threads(), train)?))
    }
}
