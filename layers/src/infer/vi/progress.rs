//! Progress of training on standard error: a bar on a terminal (feature `progress`), lines elsewhere.

#[cfg(all(feature = "progress", not(target_family = "wasm")))]
use bar::Bar;

use crate::infer::vi::Epoch;
use crate::infer::vi::step::StepTerms;

/// The number of lines printed in a training where standard error is not a terminal.
const LINES: usize = 10;

pub(super) enum Progress {
    Bar(Bar),
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
            return Progress::Quiet;
        }
        let lines = || Progress::Lines { epochs, every: epochs.div_ceil(LINES).max(1) };
        Bar::on_terminal(epochs, steps_per_epoch).map_or_else(lines, Progress::Bar)
    }

    /// After a step of epoch `number`, from 1.
    pub(super) fn step(&mut self, number: usize, terms: &StepTerms) {
        if let Progress::Bar(bar) = self {
            bar.step(number, terms);
        }
    }

    /// At the end of a training with early stopping.
    pub(super) fn best(&self, epochs: usize, best: usize) {
        let line = || format!("ended after epoch {epochs}, with the parameters of the best, epoch {best}");
        match self {
            Progress::Bar(bar) => bar.say(line()),
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
            Progress::Bar(bar) => bar.say(line()),
            Progress::Lines { epochs, every } if number.is_multiple_of(*every) || number == *epochs => {
                let time =
                    if epoch.seconds.is_nan() { String::new() } else { format!("  {:.2} s/epoch", epoch.seconds) };
                eprintln!("{}{time}", line());
            }
            Progress::Lines { .. } | Progress::Quiet => {}
        }
    }
}

#[cfg(all(feature = "progress", not(target_family = "wasm")))]
mod bar {
    use std::io::IsTerminal;
    use std::time::{Duration, Instant};

    use indicatif::{ProgressBar, ProgressStyle};

    use crate::infer::vi::step::StepTerms;

    /// How often a bar's numbers change.
    const REFRESH: Duration = Duration::from_millis(100);

    /// A bar on the terminal.
    pub(in crate::infer::vi) struct Bar {
        bar: ProgressBar,
        epochs: usize,
        last: Instant,
    }

    impl Bar {
        /// A bar, if the standard error is a terminal.
        pub(super) fn on_terminal(epochs: usize, steps_per_epoch: usize) -> Option<Bar> {
            if !std::io::stderr().is_terminal() {
                return None;
            }
            let bar = ProgressBar::new(epochs.saturating_mul(steps_per_epoch) as u64);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
            bar.set_style(style.expect("the template is constant"));
            Some(Bar { bar, epochs, last: Instant::now() })
        }

        pub(super) fn step(&mut self, number: usize, terms: &StepTerms) {
            self.bar.inc(1);
            if self.last.elapsed() >= REFRESH {
                self.last = Instant::now();
                let (StepTerms { nll, kl, kl_weight }, epochs) = (terms, self.epochs);
                self.say(format!("epoch {number}/{epochs}  NLL {nll:.4}  KL {kl:.0} × {kl_weight:.1e}"));
            }
        }

        pub(super) fn say(&self, line: String) {
            self.bar.set_message(line);
        }
    }

    impl Drop for Bar {
        fn drop(&mut self) {
            self.bar.finish();
        }
    }
}

/// There is no bar without the feature `progress`.
#[cfg(not(all(feature = "progress", not(target_family = "wasm"))))]
pub(super) enum Bar {}

#[cfg(not(all(feature = "progress", not(target_family = "wasm"))))]
impl Bar {
    fn on_terminal(_epochs: usize, _steps_per_epoch: usize) -> Option<Bar> {
        None
    }

    fn step(&mut self, _number: usize, _terms: &StepTerms) {
        match *self {}
    }

    fn say(&self, _line: String) {
        match *self {}
    }
}
