//! Progress of training on standard error: a bar on a terminal (feature `progress`), lines elsewhere.

#[cfg(all(feature = "progress", not(target_family = "wasm")))]
use bar::Bar;

use crate::infer::vi::report::names_of_terms;
use crate::infer::vi::step::StepTerms;
use crate::infer::vi::{Epoch, Report};

/// The number of lines printed in a training where standard error is not a terminal.
const LINES: usize = 10;

pub(in crate::infer) enum Progress {
    Bar(Bar),
    /// One line every `every` epochs, and one after the last; of a point estimate, or not.
    Lines {
        every: usize,
        at_point: bool,
    },
    Quiet,
}

impl Progress {
    /// For a training of `steps` steps, as far as is known, in epochs of `batches` steps.
    pub(in crate::infer) fn new(shown: bool, at_point: bool, steps: usize, batches: usize) -> Self {
        if !shown {
            return Progress::Quiet;
        }
        let lines = || Progress::Lines { every: steps.div_ceil(batches.max(1)).div_ceil(LINES).max(1), at_point };
        Bar::on_terminal(at_point, steps, batches).map_or_else(lines, Progress::Bar)
    }

    fn is_at_point(&self) -> bool {
        match self {
            Progress::Bar(bar) => bar.is_at_point(),
            Progress::Lines { at_point, .. } => *at_point,
            Progress::Quiet => false,
        }
    }

    /// The training will take this many steps.
    pub(in crate::infer) fn set_steps(&mut self, steps: usize) {
        if let Progress::Bar(bar) = self {
            bar.set_steps(steps);
        }
    }

    /// The training goes on after `steps` steps, as `line` says.
    pub(super) fn resumed(&mut self, steps: usize, line: &str) {
        match self {
            Progress::Bar(bar) => {
                bar.line(line);
                bar.go_on_after(steps);
            }
            Progress::Lines { .. } => eprintln!("{line}"),
            Progress::Quiet => {}
        }
    }

    /// At the end of a training.
    pub(in crate::infer) fn conclusion(&self, report: &Report) {
        let conclusion = report.conclusion();
        match self {
            _ if conclusion.is_empty() => {}
            Progress::Bar(bar) => bar.line(&conclusion),
            Progress::Lines { .. } => eprintln!("{conclusion}"),
            Progress::Quiet => {}
        }
    }

    /// After a step of epoch `number`, from 1.
    pub(in crate::infer) fn step(&mut self, number: usize, terms: &StepTerms) {
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

    /// After epoch `number`, from 1, of `epochs` as far as is known.
    pub(in crate::infer) fn epoch(&self, number: usize, epochs: usize, is_last: bool, epoch: &Epoch) {
        let line = || {
            let Epoch { nll, kl, kl_weight, elbo, .. } = epoch;
            let validation = epoch.validation_nll.map_or_else(String::new, |nll| format!("  validation NLL {nll:.4}"));
            let [divergence, sum] = names_of_terms(self.is_at_point());
            format!(
                "epoch {number}/{epochs}  NLL {nll:.4} nats/example  {divergence} {kl:.0} nats × {kl_weight:.1e}  {sum} \
                 {elbo:.0} nats{validation}"
            )
        };
        match self {
            Progress::Bar(bar) => bar.say(line()),
            Progress::Lines { every, .. } if number.is_multiple_of(*every) || is_last => {
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

    use crate::infer::vi::report::names_of_terms;
    use crate::infer::vi::step::StepTerms;

    /// How often a bar's numbers change.
    const REFRESH: Duration = Duration::from_millis(100);

    /// A bar on the terminal.
    pub(in crate::infer) struct Bar {
        bar: ProgressBar,
        /// Steps of an epoch.
        batches: usize,
        at_point: bool,
        last: Instant,
    }

    impl Bar {
        /// A bar, if the standard error is a terminal.
        pub(super) fn on_terminal(at_point: bool, steps: usize, batches: usize) -> Option<Bar> {
            if !std::io::stderr().is_terminal() {
                return None;
            }
            let bar = ProgressBar::new(steps as u64);
            let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
            bar.set_style(style.expect("the template is constant"));
            Some(Bar { bar, batches: batches.max(1), at_point, last: Instant::now() })
        }

        pub(super) fn step(&mut self, number: usize, terms: &StepTerms) {
            self.bar.inc(1);
            if self.last.elapsed() >= REFRESH {
                self.last = Instant::now();
                let StepTerms { nll, kl, kl_weight } = terms;
                let epochs = self.bar.length().unwrap_or(0).div_ceil(self.batches as u64);
                let [divergence, _] = names_of_terms(self.at_point);
                self.say(format!("epoch {number}/{epochs}  NLL {nll:.4}  {divergence} {kl:.0} × {kl_weight:.1e}"));
            }
        }

        pub(super) fn is_at_point(&self) -> bool {
            self.at_point
        }

        pub(in crate::infer) fn set_steps(&self, steps: usize) {
            self.bar.set_length(steps as u64);
        }

        pub(super) fn go_on_after(&self, steps: usize) {
            self.bar.set_position(steps as u64);
            self.bar.reset_eta();
        }

        pub(super) fn say(&self, line: String) {
            self.bar.set_message(line);
        }

        /// Prints a line that stays.
        pub(super) fn line(&self, line: &str) {
            self.bar.println(line);
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
pub(in crate::infer) enum Bar {}

#[cfg(not(all(feature = "progress", not(target_family = "wasm"))))]
impl Bar {
    fn on_terminal(_at_point: bool, _steps: usize, _batches: usize) -> Option<Bar> {
        None
    }

    fn is_at_point(&self) -> bool {
        match *self {}
    }

    fn step(&mut self, _number: usize, _terms: &StepTerms) {
        match *self {}
    }

    fn say(&self, _line: String) {
        match *self {}
    }

    fn set_steps(&self, _steps: usize) {
        match *self {}
    }

    fn go_on_after(&self, _steps: usize) {
        match *self {}
    }

    fn line(&self, _line: &str) {
        match *self {}
    }
}
