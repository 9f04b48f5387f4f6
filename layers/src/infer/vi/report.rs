//! `Report` and `Epoch`: what training measured, epoch by epoch.

use std::fmt;

/// One epoch of training.
///
/// The parameters change during an epoch, so its two terms are measured at each step's own parameters.
/// [`Elbo::evaluate`](crate::Elbo::evaluate) computes the bound at the final parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The negative log-likelihood in nats per example: the mean over the epoch's examples, each with the weights drawn
    /// in its step.
    pub nll: f64,
    /// The divergence in nats, at the epoch's last step.
    pub kl: f64,
    /// The divergence's factor in the loss per example, at the epoch's last step: 1/N for equal batches without
    /// tempering or warm-up.
    pub kl_weight: f64,
    /// An estimate of the evidence lower bound in nats, −(N · nll + kl), with the full divergence, whatever its weight.
    pub elbo: f64,
    /// The negative log-likelihood of the validation set of [`Training::validate`](crate::Training::validate) after the
    /// epoch, in nats per example.
    pub validation_nll: Option<f64>,
    /// The schedule's factor of the learning rate at the epoch's last step.
    pub rate_factor: f64,
    /// The duration of the epoch in seconds, without validation; NaN on WebAssembly without a clock.
    pub seconds: f64,
}

/// A training, epoch by epoch. `Display` prints a table.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// The best epoch, from 1, with [`Training::early_stopping`](crate::Training::early_stopping): the model has its
    /// parameters.
    pub best: Option<usize>,
}

impl Report {
    /// The last epoch.
    ///
    /// # Panics
    /// If the report has no epochs.
    #[track_caller]
    pub fn last(&self) -> Epoch {
        *self.epochs.last().expect("the report has no epochs")
    }

    /// The mean duration of an epoch in seconds; NaN without epochs or without a clock.
    pub fn seconds_per_epoch(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / self.epochs.len() as f64
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validated = self.epochs.iter().any(|epoch| epoch.validation_nll.is_some());
        write!(f, "{:>6} {:>12} {:>14} {:>12} {:>16}", "epoch", "NLL/example", "KL", "KL weight", "ELBO")?;
        if validated {
            write!(f, " {:>14}", "validation NLL")?;
        }
        let timed = self.epochs.iter().any(|epoch| !epoch.seconds.is_nan());
        writeln!(f, " {:>8}{}", "rate", if timed { "   seconds" } else { "" })?;
        for (i, epoch) in self.epochs.iter().enumerate() {
            let Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, seconds } = epoch;
            write!(f, "{:>6} {nll:>12.4} {kl:>14.1} {kl_weight:>12.3e} {elbo:>16.1}", i + 1)?;
            if validated {
                let shown = validation_nll.map_or_else(String::new, |nll| format!("{nll:.4}"));
                write!(f, " {shown:>14}")?;
            }
            let mark = if self.best == Some(i + 1) { "  best" } else { "" };
            let seconds = if timed { format!(" {seconds:>9.3}") } else { String::new() };
            writeln!(f, " {rate_factor:>8.4}{seconds}{mark}")?;
        }
        Ok(())
    }
}
