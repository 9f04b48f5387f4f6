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
    /// The divergence in nats, at the epoch's last step; −ln p(w) of a point estimate ([`Map`](crate::Map)).
    pub kl: f64,
    /// The divergence's factor in the loss per example, at the epoch's last step: 1/N for equal batches without
    /// tempering or warm-up.
    pub kl_weight: f64,
    /// An estimate of the evidence lower bound in nats, −(N · nll + kl), with the full divergence, whatever its weight; the log
    /// joint density of a point estimate.
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
    /// The rise of the bound over the last tenth of the steps. `None` if these are too few to measure it.
    pub rise: Option<Rise>,
    /// What guessing would have got: −N times the NLL of the best output that is the same for all examples, in nats. A
    /// bound below it has not paid for its divergence. `None` if it cannot be computed or is not finite.
    pub guessing: Option<f64>,
    /// Whether the rate was held until the bound no longer rose; true if the number of epochs was given.
    pub(super) is_settled: bool,
    /// Whether the loss was the bound, so that the two can be compared.
    pub(super) is_bound: bool,
    /// Whether the weights are a point estimate.
    pub(super) at_point: bool,
    /// Whether the flag of [`Elbo::stop_when`](crate::Elbo::stop_when) has ended it.
    pub(super) is_stopped: bool,
}

/// The slope of the bound over some steps, by a regression on the estimates of the steps.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct Rise {
    /// Nats for each 1,000 steps.
    pub per_thousand: f64,
    /// The standard error of `per_thousand`.
    pub standard_error: f64,
    /// The steps of the whole training.
    pub steps: usize,
}

impl Report {
    /// Of points that climbed the log joint density.
    pub(in crate::infer) fn of_points(epochs: Vec<Epoch>, rise: Option<Rise>, is_settled: bool) -> Self {
        Report { epochs, rise, is_settled, at_point: true, ..Report::default() }
    }

    /// The last epoch.
    ///
    /// # Panics
    /// If the report has no epochs.
    #[track_caller]
    pub fn last(&self) -> Epoch {
        *self.epochs.last().expect("the report has no epochs")
    }

    /// Whether the flag of [`Elbo::stop_when`](crate::Elbo::stop_when) has ended the training before its end.
    pub fn is_stopped(&self) -> bool {
        self.is_stopped
    }

    /// Whether the bound has converged: its rise or fall over the last tenth of the steps is less than two standard errors,
    /// or less than 2 % of the bound; and after [`UntilConverged`](crate::UntilConverged), the
    /// rate began to fall because the bound no longer rose, not because of the limit.
    ///
    /// It says that this training would gain little by going on, not that no other one finds a better bound. False if the
    /// training is too short to tell.
    pub fn is_converged(&self) -> bool {
        let Some(Rise { per_thousand, standard_error, steps }) = self.rise else { return false };
        let gain = per_thousand * (steps / 10) as f64 / 1000.0;
        self.is_settled && (per_thousand.abs() < 2.0 * standard_error || gain.abs() < 0.02 * self.last().elbo.abs())
    }

    /// The names of the term beside the likelihood, and of the sum.
    pub(crate) fn names_of_terms(&self) -> [&'static str; 2] {
        names_of_terms(self.at_point)
    }

    /// The epoch whose parameters the model has.
    fn kept(&self) -> Option<&Epoch> {
        self.best.map_or(self.epochs.last(), |best| self.epochs.get(best - 1))
    }

    /// In words: whether the bound has converged, what guessing would have got, and what to change. Empty if there is
    /// nothing to say.
    pub fn conclusion(&self) -> String {
        let Some(epoch) = self.kept() else { return String::new() };
        let mut said = Vec::new();
        if let Some(Rise { per_thousand, standard_error, .. }) = self.rise.filter(|_| self.best.is_none()) {
            let word = if self.is_converged() { "converged" } else { "not converged" };
            let objective = if self.at_point { "log joint density" } else { "bound" };
            let (moved, size) = if per_thousand < 0.0 { ("fell", -per_thousand) } else { ("rose", per_thousand) };
            said.push(format!(
                "{word}: the {objective} {moved} by {size:.1} ± {standard_error:.1} nats in 1,000 steps at the end"
            ));
            if !self.is_converged() {
                said.push(if moved == "rose" { "train for more epochs" } else { "lower the learning rate" }.to_owned());
            }
        }
        if let Some(guessing) = self.guessing.filter(|_| self.is_bound) {
            said.push(format!("ELBO {:.1} nats, the best constant output has {guessing:.1}", epoch.elbo));
            let fit = epoch.elbo + epoch.kl;
            if fit < guessing {
                said.push("the network fits worse than that: train longer, or look at the data".to_owned());
            } else if epoch.elbo < guessing {
                said.push(
                    "the weights cost more than they explain: use fewer, or learn the prior's scale (`LearnedNormal`)"
                        .to_owned(),
                );
            }
        }
        said.join("; ")
    }

    /// The mean duration of an epoch in seconds; NaN without epochs or without a clock.
    pub fn seconds_per_epoch(&self) -> f64 {
        self.epochs.iter().map(|epoch| epoch.seconds).sum::<f64>() / self.epochs.len() as f64
    }
}

/// The names of the term beside the likelihood, and of the sum.
pub(super) fn names_of_terms(at_point: bool) -> [&'static str; 2] {
    if at_point { ["-ln p(w)", "ln p(y, w)"] } else { ["KL", "ELBO"] }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let validated = self.epochs.iter().any(|epoch| epoch.validation_nll.is_some());
        let [divergence, sum] = names_of_terms(self.at_point);
        let weight = format!("{divergence} weight");
        write!(f, "{:>6} {:>12} {divergence:>14} {weight:>12} {sum:>16}", "epoch", "NLL/example")?;
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
        match &self.conclusion()[..] {
            "" => Ok(()),
            conclusion => writeln!(f, "{conclusion}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_conclusion_says_what_to_change() {
        let epoch = |nll, kl| Epoch {
            nll,
            kl,
            kl_weight: 0.1,
            elbo: -(100.0 * nll + kl),
            validation_nll: None,
            rate_factor: 1.0,
            seconds: 1.0,
        };
        let rise = |per_thousand| Some(Rise { per_thousand, standard_error: 0.5, steps: 5000 });
        let report = |nll, kl, slope| Report {
            epochs: vec![epoch(nll, kl)],
            best: None,
            rise: rise(slope),
            guessing: Some(-131.8),
            is_settled: true,
            is_bound: true,
            at_point: false,
            is_stopped: false,
        };
        assert_eq!(
            report(0.5, 50.0, 0.2).conclusion(),
            "converged: the bound rose by 0.2 ± 0.5 nats in 1,000 steps at the end; ELBO -100.0 nats, the best constant \
             output has -131.8"
        );
        assert!(!report(0.5, 50.0, 20.0).is_converged());
        assert!(report(0.5, 50.0, 20.0).conclusion().contains(
            "not converged: the bound rose by 20.0 ± 0.5 nats in 1,000 steps at the end; train for more epochs"
        ));
        assert!(report(0.5, 50.0, -20.0).conclusion().contains("not converged: the bound fell by 20.0 ± 0.5"));
        // A rise that is sure, and too small to matter.
        assert!(Report { epochs: vec![epoch(50.0, 0.0)], ..report(0.0, 0.0, 2.0) }.is_converged());
        assert!(report(0.5, 100.0, 0.2).to_string().contains("the weights cost more than they explain"));
        assert!(report(1.5, 1.0, 0.2).conclusion().contains("fits worse than that"));
        assert!(!Report { is_bound: false, ..report(1.5, 1.0, 0.2) }.conclusion().contains("constant"));
        assert_eq!(Report { rise: None, guessing: None, ..report(0.5, 50.0, 0.2) }.conclusion(), "");
        // With early stopping the model has the parameters of the best epoch.
        let stopped =
            Report { epochs: vec![epoch(0.5, 50.0), epoch(0.5, 100.0)], best: Some(1), ..report(0.0, 0.0, 9.0) };
        assert_eq!(stopped.conclusion(), "ELBO -100.0 nats, the best constant output has -131.8");
    }
}
