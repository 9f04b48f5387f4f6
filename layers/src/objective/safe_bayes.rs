//! Choosing the likelihood's power by how well its posteriors predict what they have not seen.

use std::fmt;

use crate::data::{Examples, Targets};
use crate::engine::{Key, Real, Tape};
use crate::likelihood::Likelihood;
use crate::model::Bayesian;
use crate::model::{Forward, Layer};
use crate::sampling::check_draws;

/// Examples of a block that are on the tape at a time.
const ROWS: usize = 256;

/// SafeBayes: chooses the power η of the likelihood ([`Tempering::LikelihoodPower`](crate::Tempering::LikelihoodPower)) from
/// a grid by the prequential, that is cumulative, posterior-expected loss (Grünwald 2012, "The Safe Bayesian"; Grünwald
/// and van Ommen 2017, "Inconsistency of Bayesian Inference for Misspecified Linear Models, and a Proposal for Repairing
/// It", section 4.2).
///
/// This is R-log-SafeBayes, block by block. The examples are cut, in the order that they have, into blocks of equal size;
/// for each η a posterior is learned from the first k blocks, and the loss of block k + 1 under it is
/// Σ E_q\[−ln p(y|x, w)\], an average over draws of the weights. The η with the least sum over k is chosen. The papers'
/// blocks hold one example each and begin with the prior; here the first block is learned from and not scored. Their
/// posteriors are exact, and here they are what `train` comes to.
///
/// The table has the loss of I-log-SafeBayes too, −ln p(y|x, w) at the posterior's mean, with the η that it would choose.
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

/// What became of each η.
#[derive(Clone, Debug, PartialEq)]
pub struct SafeBayesTable {
    rows: Vec<SafeBayesRow>,
    scored: usize,
}

/// One η and its losses, in nats per example that was scored.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SafeBayesRow {
    /// The likelihood's power η.
    pub rate: f64,
    /// The mean over draws of the weights of −ln p(y|x, w): what R-log-SafeBayes chooses by.
    pub r_log: f64,
    /// −ln p(y|x, w) at the posterior's mean: what I-log-SafeBayes chooses by.
    pub i_log: f64,
}

impl SafeBayes {
    /// Over these powers, with 4 blocks, 32 draws and seed 0.
    ///
    /// # Panics
    /// If there are none, or one is not positive and finite.
    #[track_caller]
    pub fn over(rates: &[f64]) -> Self {
        assert!(!rates.is_empty(), "SafeBayes: the grid of powers is empty");
        for rate in rates {
            assert!(*rate > 0.0 && rate.is_finite(), "SafeBayes: a power must be positive and finite, got {rate}");
        }
        SafeBayes { rates: rates.to_vec(), blocks: 4, draws: 32, key: Key::new(0).at("safe-bayes") }
    }

    /// With the examples in so many blocks: for each power one model fewer is trained.
    ///
    /// # Panics
    /// If there are fewer than two: one is learned from and another scored.
    #[track_caller]
    pub fn blocks(self, blocks: usize) -> Self {
        assert!(
            blocks >= 2,
            "SafeBayes: at least two blocks are needed, one to learn from and one to score, got {blocks}"
        );
        SafeBayes { blocks, ..self }
    }

    /// With the posterior's expectation as a mean over so many draws of the weights.
    ///
    /// # Panics
    /// If it is 0, or 2³² or more.
    #[track_caller]
    pub fn draws(self, draws: usize) -> Self {
        check_draws("SafeBayes", draws);
        SafeBayes { draws, ..self }
    }

    /// With another seed of the draws, which all powers share.
    pub fn seed(self, seed: u64) -> Self {
        SafeBayes { key: Key::new(seed).at("safe-bayes"), ..self }
    }

    /// Trains and scores. `train` makes a model and trains it on the examples that it is given, with the likelihood to the
    /// power that it is given. The examples are taken in their order: shuffle what is sorted by class first.
    ///
    /// The papers' posteriors are those of their power. Where training ends before it has converged, the power chosen is
    /// the one for trainings that end there; so `train` should take as many steps on the first blocks as on all, not as
    /// many epochs, which are shorter.
    ///
    /// # Errors
    /// What `train` gives.
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
        M: Layer + Bayesian<Scalar = T>,
        L: Likelihood<T>,
    {
        let (n, blocks) = (data.len(), self.blocks);
        assert!(n >= blocks, "SafeBayes: {n} example(s) make no {blocks} blocks");
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

    /// How many examples were scored.
    pub fn scored(&self) -> usize {
        self.scored
    }

    /// The power with the least posterior-expected loss; of equal ones the first.
    pub fn rate(&self) -> f64 {
        self.least(|row| row.r_log)
    }

    /// The power with the least loss at the posterior's mean.
    pub fn rate_by_mean(&self) -> f64 {
        self.least(|row| row.i_log)
    }

    /// A loss that is no number is no least one.
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

/// The mean of −ln p(y|x, w) over examples: of the weights of one draw or, without a key, at the posterior's mean.
fn mean_nll<T, M, L>(model: &M, likelihood: &L, data: &Examples<T, L::Targets>, key: Option<Key>) -> f64
where
    T: Real,
    M: Layer + Bayesian<Scalar = T>,
    L: Likelihood<T>,
{
    let mut tape = Tape::inference();
    let (mut inputs, mut targets) = (data.inputs().empty_like(), data.targets().empty_like());
    let mut total = 0.0;
    for from in (0..data.len()).step_by(ROWS) {
        let rows: Vec<usize> = (from..data.len().min(from + ROWS)).collect();
        data.gather(&rows, &mut inputs, &mut targets);
        tape.reset();
        let net = key.map_or_else(|| model.mean(&tape), |key| model.draw(&tape, key));
        total += likelihood.mean_nll(net.forward(tape.input(&inputs)), &targets).nats() * rows.len() as f64;
    }
    total / data.len() as f64
}
