//! How training looks while it runs: a bar on a terminal, lines elsewhere.

use std::io::IsTerminal;

use indicatif::{ProgressBar, ProgressStyle};

use crate::train::Epoch;

/// Lines printed for a whole training where there is no terminal.
const LINES: usize = 10;

pub(super) enum Progress {
    Bar(ProgressBar),
    /// Every so many epochs.
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
            let bar = ProgressBar::new((epochs * steps_per_epoch) as u64);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
            bar.set_style(style.expect("the template is constant"));
            Progress::Bar(bar)
        } else {
            Progress::Lines { epochs, every: epochs.div_ceil(LINES) }
        }
    }

    pub(super) fn step(&self) {
        if let Progress::Bar(bar) = self {
            bar.inc(1);
        }
    }

    pub(super) fn epoch(&self, number: usize, epochs: usize, epoch: &Epoch) {
        let line = || {
            let Epoch { nll, kl, elbo, .. } = epoch;
            format!("epoch {number}/{epochs}  NLL {nll:.4} nats/example  KL {kl:.0} nats  ELBO {elbo:.0} nats")
        };
        match self {
            Progress::Bar(bar) => bar.set_message(line()),
            Progress::Lines { epochs, every } if number.is_multiple_of(*every) || number == *epochs => {
                eprintln!("{}  {:.2} s/epoch", line(), epoch.seconds);
            }
            Progress::Lines { .. } | Progress::Quiet => {}
        }
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Progress::Bar(bar) = self {
            bar.finish();
        }
    }
}
