//! What training was like.

/// One epoch of training.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Epoch {
    /// The negative log-likelihood in nats per example: the mean over the epoch's examples, each at
    /// the weights of its step.
    pub nll: f64,
    /// The divergence in nats, at the epoch's last step.
    pub kl: f64,
    /// The evidence lower bound in nats, −(N · nll + kl).
    pub elbo: f64,
    /// How long the epoch took.
    pub seconds: f64,
}

/// Training, epoch by epoch.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The epochs, in order.
    pub epochs: Vec<Epoch>,
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
