//! `SafeBayes`: chooses the likelihood's power (learning rate η) by prequential loss (Grünwald).

use std::fmt;

use crate::data::Examples;
use crate::engine::{Key, Real, Tape};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::{Forward, Model, ModelOutput};
use crate::sampling::check_draws;

/// Examples on the tape at a time.
const ROWS: usize = 256;

/// SafeBayes: chooses the power η of the likelihood ([`Tempering::LikelihoodPower`](crate::Tempering::LikelihoodPower)) from
/// a grid by the prequential, that is cumulative, posterior-expected loss (Grünwald 2012, "The Safe Bayesian"; Grünwald
/// and van Ommen 2017, "Inconsistency of Bayesian Inference for Misspecified Linear Models, and a Proposal for Repairing
/// It", section 4.2).
///
/// This is R-log-SafeBayes, block by block. The examples are cut, in their order, into blocks of equal size. For each η
/// a posterior is trained on the first k blocks, and the loss of block k + 1 under it is Σ E_q\[−ln p(y|x, w)\],
/// averaged over draws of the weights. The η with the smallest sum over k is chosen. In the papers, blocks hold one
/// example each and the first is scored under the prior; here the first block is only trained on. Their posteriors are
/// exact; here they are the results of `train`.
///
/// The table also has the loss of I-log-SafeBayes, −ln p(y|x, w) at the posterior mean, with the η that it would
/// choose.
///
/// ```
/// use elbo::prelude::*;
/// use elbo::{SafeBayes, Tempering};
///
/// # let x: Tensor = Tensor::from_fn([60, 2], |i| (0.7 * i as f64).sin());
/// # let y = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
/// # let data = Examples::new(x, y)?;
/// let table = SafeBayes::over(&[0.1, 1.0]).blocks(3).choose(&Categorical, &data, |seen, rate| {
///     let mut model = Dense::new(2, 2);
///     let elbo = Elbo::new(Categorical).tempering(Tempering::LikelihoodPower(rate)).quiet();
///     elbo.optimizer(Adam::new(0.05)).fit(&mut model, seen, Epochs(30)).map(|_| model)
/// })?;
/// println!("{table}\nη = {}", table.rate());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SafeBayes {
    rates: Vec<f64>,
    blocks: usize,
    draws: usize,
    key: Key,
}

/// The losses of each η.
#[derive(Clone, Debug, PartialEq)]
pub struct SafeBayesTable {
    rows: Vec<SafeBayesRow>,
    scored: usize,
}

/// One η and its losses, in nats per scored example.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SafeBayesRow {
    /// The likelihood's power η.
    pub rate: f64,
    /// The mean over draws of the weights of −ln p(y|x, w): the criterion of R-log-SafeBayes.
    pub r_log: f64,
    /// −ln p(y|x, w) at the posterior mean: the criterion of I-log-SafeBayes.
    pub i_log: f64,
}

impl SafeBayes {
    /// Chooses among `rates`, with 4 blocks, 32 draws and seed 0.
    ///
    /// # Panics
    /// If `rates` is empty, or one is not positive and finite.
    #[track_caller]
    pub fn over(rates: &[f64]) -> Self {
        assert!(!rates.is_empty(), "SafeBayes: the grid of powers is empty");
        for rate in rates {
            assert!(*rate > 0.0 && rate.is_finite(), "SafeBayes: a power must be positive and finite, got {rate}");
        }
        SafeBayes { rates: rates.to_vec(), blocks: 4, draws: 32, key: Key::new(0).at("safe-bayes") }
    }

    /// Sets the number of blocks: for each power, `blocks` − 1 models are trained.
    ///
    /// # Panics
    /// If there are fewer than two: one to train on and one to score.
    #[track_caller]
    pub fn blocks(self, blocks: usize) -> Self {
        assert!(
            blocks >= 2,
            "SafeBayes: at least two blocks are needed, one to train on and one to score, got {blocks}"
        );
        SafeBayes { blocks, ..self }
    }

    /// Sets the number of draws of the weights that the posterior expectation is averaged over.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("SafeBayes", draws);
        SafeBayes { draws, ..self }
    }

    /// Sets the seed of the draws, which all powers share.
    pub fn seed(self, seed: u64) -> Self {
        SafeBayes { key: Key::new(seed).at("safe-bayes"), ..self }
    }

    /// Trains and scores. `train(examples, power)` makes a model and trains it on these examples with the likelihood
    /// raised to this power. The examples are used in their order: shuffle them first if they are sorted by class.
    ///
    /// The theory assumes exact posteriors. If training ends before convergence, the chosen power is the best one for
    /// trainings of that length; so `train` should take equally many steps for every number of blocks, not equally many
    /// epochs.
    ///
    /// # Errors
    /// The error of `train`.
    ///
    /// # Panics
    /// If there are fewer examples than blocks.
    #[track_caller]
    pub fn choose<T, M, L, E>(
        &self,
        likelihood: &L,
        data: &Examples<T, L::Targets>,
        mut train: impl FnMut(&Examples<T, L::Targets>, f64) -> Result<M, E>,
    ) -> Result<SafeBayesTable, E>
    where
        T: Real,
        M: Model + Bayesian<Scalar = T>,
        L: Likelihood<T>,
    {
        let (n, blocks) = (data.len(), self.blocks);
        assert!(n >= blocks, "SafeBayes: {n} example(s) cannot be cut into {blocks} blocks; use fewer blocks");
        let end = |block: usize| block * n / blocks;
        let scored = n - end(1);
        let row = |&rate: &f64| {
            let mut row = SafeBayesRow { rate, r_log: 0.0, i_log: 0.0 };
            for block in 1..blocks {
                let model = train(&data.rows(0..end(block)), rate)?;
                let next = data.rows(end(block)..end(block + 1));
                let share = next.len() as f64 / scored as f64;
                for draw in 0..self.draws {
                    let loss = mean_nll(&model, likelihood, &next, Some(self.key.step(block).draw(draw)));
                    row.r_log += share / self.draws as f64 * loss;
                }
                row.i_log += share * mean_nll(&model, likelihood, &next, None);
            }
            Ok(row)
        };
        let rows = self.rates.iter().map(row).collect::<Result<_, E>>()?;
        Ok(SafeBayesTable { rows, scored })
    }
}

impl SafeBayesTable {
    /// The powers with their losses, in the order of the grid.
    pub fn rows(&self) -> &[SafeBayesRow] {
        &self.rows
    }

    /// The number of scored examples.
    pub fn scored(&self) -> usize {
        self.scored
    }

    /// The power with the smallest posterior-expected loss, the first on ties.
    pub fn rate(&self) -> f64 {
        self.least(|row| row.r_log)
    }

    /// The power with the smallest loss at the posterior mean.
    pub fn rate_by_mean(&self) -> f64 {
        self.least(|row| row.i_log)
    }

    /// The power with the smallest loss; NaN counts as infinite.
    fn least(&self, loss: impl Fn(&SafeBayesRow) -> f64) -> f64 {
        let loss = |row: &SafeBayesRow| Some(loss(row)).filter(|loss| !loss.is_nan()).unwrap_or(f64::INFINITY);
        let least = self.rows.iter().min_by(|a, b| loss(a).total_cmp(&loss(b)));
        least.expect("the grid is not empty").rate
    }
}

impl fmt::Display for SafeBayesTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (chosen, by_mean) = (self.rate(), self.rate_by_mean());
        writeln!(f, "     power        R-log        I-log   nats per example, of {} scored", self.scored)?;
        for row in &self.rows {
            let r = if row.rate == chosen { " <" } else { "" };
            let i = if row.rate == by_mean { " <" } else { "" };
            let line = format!("{:10.4}   {:10.4}{r:2} {:10.4}{i}", row.rate, row.r_log, row.i_log);
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

/// The mean of −ln p(y|x, w) over examples, for the draw of `key` or, without a key, at the posterior mean.
fn mean_nll<T, M, L>(model: &M, likelihood: &L, data: &Examples<T, L::Targets>, key: Option<Key>) -> f64
where
    T: Real,
    M: Model + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    let mut tape = Tape::inference();
    let mut batch = data.empty_minibatch();
    let mut total = 0.0;
    for from in (0..data.len()).step_by(ROWS) {
        let rows: Vec<usize> = (from..data.len().min(from + ROWS)).collect();
        data.gather(&rows, &mut batch);
        tape.reset();
        let net = key.map_or_else(|| model.mean(&tape), |key| model.draw(&tape, key));
        let nll = batch.observed().nll(likelihood, net.forward(tape.input(batch.inputs())).join());
        total += nll.nats() * rows.len() as f64;
    }
    total / data.len() as f64
}
