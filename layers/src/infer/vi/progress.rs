//! Progress of training on standard error: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::infer::vi::Epoch;
use crate::infer::vi::step::StepTerms;

/// The number of lines printed in a training where standard error is not a terminal.
const LINES: usize = 10;

/// The interval at which a bar's numbers are updated.
const REFRESH: Duration = Duration::from_millis(100);

pub(super) enum Progress {
    Bar {
        bar: ProgressBar,
        epochs: usize,
        last: Instant,
    },
    /// One line every `every` epochs.
    Lines {
        epochs: usize,
        every: usize,
    },
    Quiet,
}

impl Progress {
    pub(super) fn new(shown: bool, epochs: usize, steps_per_epoch: usize) -> Self {
        if !shown {
            Progress::Quiet
        } else if std::io::stderr().is_terminal() {
            let bar = ProgressBar::new(epochs.saturating_mul(steps_per_epoch) as u64);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
            bar.set_style(style.expect("the template is constant"));
            Progress::Bar { bar, epochs, last: Instant::now() }
        } else {
            Progress::Lines { epochs, every: epochs.div_ceil(LINES).max(1) }
        }
    }

    /// After a step of epoch `number`, from 1.
    pub(super) fn step(&mut self, number: usize, terms: &StepTerms) {
        if let Progress::Bar { bar, epochs, last } = self {
            bar.inc(1);
            if last.elapsed() >= REFRESH {
                *last = Instant::now();
                let StepTerms { nll, kl, kl_weight } = terms;
                bar.set_message(format!("epoch {number}/{epochs}  NLL {nll:.4}  KL {kl:.0} × {kl_weight:.1e}"));
            }
        }
    }

    /// At the end of a training with early stopping.
    pub(super) fn best(&self, epochs: usize, best: usize) {
        let line = || format!("ended after epoch {epochs}, with the parameters of the best, epoch {best}");
        match self {
            Progress::Bar { bar, .. } => bar.set_message(line()),
            Progress::Lines { .. } => eprintln!("{}", line()),
            Progress::Quiet => {}
        }
    }

    pub(super) fn epoch(&self, number: usize, epochs: usize, epoch: &Epoch) {
        let line = || {
            let Epoch { nll, kl, kl_weight, elbo, .. } = epoch;
            let validation = epoch.validation_nll.map_or_else(String::new, |nll| format!("  validation NLL {nll:.4}"));
            format!(
                "epoch {number}/{epochs}  NLL {nll:.4} nats/example  KL {kl:.0} nats × {kl_weight:.1e}  ELBO {elbo:.0} \
                 nats{validation}"
            )
        };
        match self {
            Progress::Bar { bar, .. } => bar.set_message(line()),
            Progress::Lines { epochs, every } if number.is_multiple_of(*every) || number == *epochs => {
                eprintln!("{}  {:.2} s/epoch", line(), epoch.seconds);
            }
            Progress::Lines { .. } | Progress::Quiet => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Progress::Bar { bar, .. } = self {
            bar.finish();
        }
    }
}
