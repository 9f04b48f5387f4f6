//! What training was like.

use std::fmt;

/// One epoch of training.
///
/// The weights change while an epoch lasts: its two terms are those of its steps, as they were seen on the way. The bound
/// at the weights that training ends with is [`Elbo::evaluate`](crate::Elbo::evaluate)'s.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Epoch {
    /// The negative log-likelihood in nats per example: the mean over the epoch's examples, each at
    /// the weights of its step.
    pub nll: f64,
    /// The divergence in nats, at the epoch's last step.
    pub kl: f64,
    /// What the divergence was multiplied by at the epoch's last step, in a loss per example: 1/N without tempering and
    /// warm-up, where all batches are of one size.
    pub kl_weight: f64,
    /// An estimate of the evidence lower bound in nats, −(N · nll + kl), with the divergence in full whatever its weight was.
    pub elbo: f64,
    /// The negative log-likelihood of the examples that [`Training::validate`](crate::Training::validate) was given, in nats
    /// per example, after the epoch.
    pub validation_nll: Option<f64>,
    /// The factor of the optimiser's learning rate at the epoch's last step.
    pub rate_factor: f64,
    /// How long the epoch took, without validation.
    pub seconds: f64,
}

/// Training, epoch by epoch. Shown as a table.
#[derive(Clone, Debug, Default, PartialEq)]
#[non_exhaustive]
pub struct Report {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
    /// With [`Training::early_stopping`](crate::Training::early_stopping), the best epoch, counted from 1: the model has its
    /// parameters.
    pub best: Option<usize>,
}

impl Report {
    /// The last epoch.
    ///
    /// # Panics
    /// If there was none.
    #[track_caller]
    pub fn last(&self) -> Epoch {
        *self.epochs.last().expect("there was no epoch")
    }

    /// The mean time an epoch took, in seconds; NaN if there was none.
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
        writeln!(f, " {:>8} {:>9}", "rate", "seconds")?;
        for (i, epoch) in self.epochs.iter().enumerate() {
            let Epoch { nll, kl, kl_weight, elbo, validation_nll, rate_factor, seconds } = epoch;
            write!(f, "{:>6} {nll:>12.4} {kl:>14.1} {kl_weight:>12.3e} {elbo:>16.1}", i + 1)?;
            if validated {
                let shown = validation_nll.map_or_else(String::new, |nll| format!("{nll:.4}"));
                write!(f, " {shown:>14}")?;
            }
            let mark = if self.best == Some(i + 1) { "  best" } else { "" };
            writeln!(f, " {rate_factor:>8.4} {seconds:>9.3}{mark}")?;
        }
        Ok(())
    }
}
