//! Progress of chains on standard error: a bar on a terminal (feature `progress`), a line for each chain elsewhere.

use std::sync::Mutex;

#[cfg(all(feature = "progress", not(target_family = "wasm")))]
use indicatif::{ProgressBar, ProgressStyle};

use crate::infer::mcmc::nuts_rs::Transition;

pub(super) struct Progress {
    shown: bool,
    #[cfg(all(feature = "progress", not(target_family = "wasm")))]
    bar: Option<ProgressBar>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    transitions: usize,
    divergences: usize,
    step_size: f64,
}

impl Progress {
    /// Of `transitions` transitions of all chains.
    pub(super) fn new(shown: bool, transitions: usize) -> Self {
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        let bar = {
            use std::io::IsTerminal;
            (shown && std::io::stderr().is_terminal()).then(|| {
                let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
                let bar = ProgressBar::new(transitions as u64);
                bar.set_style(style.expect("the template is constant"));
                bar
            })
        };
        #[cfg(not(all(feature = "progress", not(target_family = "wasm"))))]
        let _ = transitions;
        Progress {
            shown,
            #[cfg(all(feature = "progress", not(target_family = "wasm")))]
            bar,
            state: Mutex::default(),
        }
    }

    /// After a transition of any chain.
    pub(super) fn step(&self, draw: &Transition) {
        if !self.shown {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.transitions += 1;
        state.divergences += usize::from(draw.is_divergent && !draw.is_warmup);
        state.step_size = draw.step_size;
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if state.transitions.is_multiple_of(64) {
                bar.set_message(state.line());
            }
        }
    }

    /// At the end of all chains.
    pub(super) fn finish(&self) {
        if !self.shown {
            return;
        }
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        if let Some(bar) = &self.bar {
            bar.set_message(state.line());
            bar.finish();
            return;
        }
        eprintln!("{} transitions, {}", state.transitions, state.line());
    }
}

impl State {
    fn line(&self) -> String {
        format!("{} divergent, step size {:.3}", self.divergences, self.step_size)
    }
}
