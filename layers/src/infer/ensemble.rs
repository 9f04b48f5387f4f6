//! `Ensemble`: deep ensembles, several MAP estimates from different starts.

use std::fmt;
#[cfg(feature = "files")]
use std::path::Path;

#[cfg(feature = "files")]
use crate::checkpoint::{CheckpointError, SaveParameters, SavedFile, load_parameters};
use crate::data::Examples;
use crate::engine::threads::map_tasks;
use crate::engine::{Tape, with_threads};
use crate::infer::map::Map;
use crate::infer::vi::{Budget, Report, TrainError};
use crate::likelihood::Likelihood;
use crate::model::{Bayesian, Model};
use crate::optim::{Adam, Optimizer};
use crate::samples::{DrawOf, Samples, ScalarOf, check_index};

/// A deep ensemble (Lakshminarayanan, Pritzel and Blundell 2017): several [`Map`] estimates from different starts, whose
/// predictions are averaged. The members are trained side by side on the threads there are.
///
/// ```
/// # use elbo::prelude::*;
/// use elbo::Ensemble;
///
/// # let x = Tensor::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
/// # let train: Examples = Examples::new(x, (0..40).map(|i| i % 2).collect())?;
/// let ensemble = Ensemble::new(Categorical, 4).quiet().fit(|| Dense::new(2, 2), &train, Epochs(20))?;
/// let predictions = ensemble.predict(&Categorical, train.inputs());
/// # assert_eq!(ensemble.count(), 4);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
#[must_use]
pub struct Ensemble<L, O = Adam> {
    map: Map<L, O>,
    members: usize,
}

impl<L> Ensemble<L> {
    /// An ensemble of this many members, trained by [`Map::new`].
    pub fn new(likelihood: L, members: usize) -> Self {
        Ensemble::of(Map::new(likelihood), members)
    }
}

impl<L, O> Ensemble<L, O> {
    /// An ensemble of this many members, each trained by `map` with a seed of its own: that of `map`, plus its index.
    pub fn of(map: Map<L, O>, members: usize) -> Self {
        Ensemble { map, members }
    }

    /// Sets the seed of the first member: [`Map::seed`].
    pub fn seed(self, seed: u64) -> Self {
        Ensemble { map: self.map.seed(seed), ..self }
    }

    /// Uses at most this many threads. The result is the same, bit for bit.
    ///
    /// # Panics
    /// If it is 0.
    #[track_caller]
    pub fn threads(self, threads: usize) -> Self {
        Ensemble { map: self.map.threads(threads), ..self }
    }

    /// Shows no progress.
    pub fn quiet(self) -> Self {
        Ensemble { map: self.map.quiet(), ..self }
    }

    /// Trains each member, a model of `make_model`, on all of `data`. Members whose parameters have their constructors' values
    /// start from different random ones. Prints a line for each trained member to the standard error.
    ///
    /// # Errors
    /// [`TrainError`] of the first member that fails.
    pub fn fit<M>(
        &self,
        make_model: impl Fn() -> M + Sync,
        data: &Examples<M::Scalar, L::Targets>,
        budget: impl Into<Budget>,
    ) -> Result<Members<M>, TrainError>
    where
        M: Model + Bayesian + Send + Sync,
        L: Likelihood<M::Scalar> + Clone + Send + Sync,
        L::Targets: Send + Sync,
        O: Optimizer + Clone + Send + Sync,
    {
        let (budget, settings) = (budget.into(), &self.map.0);
        let (threads, shown, seed) = (settings.most_threads(), settings.is_shown(), settings.seed_of());
        let train = |member: usize| {
            let mut model = make_model();
            let Map(map) = self.map.clone().seed(seed.wrapping_add(member as u64)).quiet();
            let mut map = Map(map.below(&format!("member-{member}")));
            let report = map.fit(&mut model, data, budget)?;
            if shown && !report.epochs.is_empty() {
                let last = report.last();
                eprintln!(
                    "member {}/{}  NLL {:.4} nats/example  ln p(y, w) {:.0} nats",
                    member + 1,
                    self.members,
                    last.nll,
                    last.elbo
                );
            }
            Ok((model, report))
        };
        let (models, reports) = train_members("Ensemble", self.members, threads, train)?.into_iter().unzip();
        Ok(Members { models, reports })
    }
}

/// Trains this many members side by side on at most `threads` threads.
///
/// # Errors
/// The error of the first member that fails; [`TrainError::Options`], which names the method `what`, for 0 members.
pub(in crate::infer) fn train_members<R: Send + Sync>(
    what: &str,
    members: usize,
    threads: usize,
    train: impl Fn(usize) -> Result<R, TrainError> + Sync,
) -> Result<Vec<R>, TrainError> {
    if members == 0 {
        return Err(TrainError::Options(format!("{what}: at least one member is needed, got 0")));
    }
    // As many threads as members, if there are so many: each member then has its own.
    let threads = if members == 1 { threads } else { threads.min(members) };
    with_threads(threads, || map_tasks(members, || (), |(), member| train(member))).into_iter().collect()
}

/// The members of a trained [`Ensemble`], as [`Samples`] of the weights: one draw for each. Each member has its own buffers, such
/// as the running statistics of a batch normalisation.
#[derive(Clone)]
pub struct Members<M> {
    models: Vec<M>,
    reports: Vec<Report>,
}

impl<M> Members<M> {
    /// The models.
    pub fn models(&self) -> &[M] {
        &self.models
    }

    /// The report of each member's training.
    pub fn reports(&self) -> &[Report] {
        &self.reports
    }
}

#[cfg(feature = "files")]
impl<M: Bayesian> Members<M> {
    /// Saves all members to a file, in one step: the tensors of member 0 as `0.<name>`, and so on, without the reports. Needs the
    /// feature `files`.
    ///
    /// # Errors
    /// If the file cannot be written. The file before then stays.
    pub fn save(&self, file: impl AsRef<Path>) -> Result<(), CheckpointError> {
        self.models.save(file)
    }

    /// Loads the members that [`save`](Members::save) has saved, into models of `make_model`. Their reports are empty. Needs the
    /// feature `files`.
    ///
    /// ```
    /// # use elbo::prelude::*;
    /// # use elbo::{Ensemble, Members};
    /// # let train: Examples = Examples::new(Tensor::from_fn([20, 2], |i| (i as f64).sin()), vec![0; 20])?;
    /// # let file = std::env::temp_dir().join(format!("members-{}.safetensors", std::process::id()));
    /// let ensemble = Ensemble::new(Categorical, 4).quiet().fit(|| Dense::new(2, 2), &train, Epochs(3))?;
    /// ensemble.save(&file)?;
    /// let loaded = Members::load(|| Dense::new(2, 2), &file)?;
    /// assert_eq!(loaded.models()[3].weight.mean, ensemble.models()[3].weight.mean);
    /// # std::fs::remove_file(&file)?;
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// As [`SaveParameters::load`], with every tensor that differs.
    pub fn load(make_model: impl Fn() -> M, file: impl AsRef<Path>) -> Result<Self, CheckpointError> {
        let saved = SavedFile::open(file.as_ref())?;
        let mut models = vec![make_model()];
        // One more as long as the file has all tensors of the last one.
        while saved.has_parameters(&models, models.len() - 1) && saved.has_any_below(models.len()) {
            models.push(make_model());
        }
        load_parameters(&mut models, &saved)?;
        let reports = vec![Report::default(); models.len()];
        Ok(Members { models, reports })
    }
}

impl<M: Bayesian + Sync> Samples for Members<M> {
    type Model = M;

    /// The first member.
    fn model(&self) -> &M {
        &self.models[0]
    }

    fn count(&self) -> usize {
        self.models.len()
    }

    #[track_caller]
    fn draw<'t>(&'t self, tape: &'t Tape<ScalarOf<Self>>, index: usize) -> DrawOf<'t, Self> {
        check_index(index, self.models.len());
        self.models[index].mean(tape)
    }

    fn model_of(&self, index: usize) -> &M {
        &self.models[index]
    }
}

impl<M> fmt::Debug for Members<M> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Members").field("models", &self.models.len()).finish_non_exhaustive()
    }
}
