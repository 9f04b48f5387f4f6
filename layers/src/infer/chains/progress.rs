//! Progress of chains on standard error: a bar on a terminal (feature `progress`), a line at the end elsewhere.

use std::fmt::Display;
use std::sync::Mutex;

#[cfg(all(feature = "progress", not(target_family = "wasm")))]
use indicatif::{ProgressBar, ProgressStyle};

/// `S` is what is shown beside the number of steps.
pub(in crate::infer) struct Progress<S> {
    shown: bool,
    /// What is counted, in the plural.
    unit: &'static str,
    #[cfg(all(feature = "progress", not(target_family = "wasm")))]
    bar: Option<ProgressBar>,
    state: Mutex<(usize, S)>,
}

impl<S: Default + Display> Progress<S> {
    /// Of `count` steps of all chains.
    pub(in crate::infer) fn new(shown: bool, count: usize, unit: &'static str) -> Self {
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        let bar = {
            use std::io::IsTerminal;
            (shown && std::io::stderr().is_terminal()).then(|| {
                let style = ProgressStyle::with_template("{msg} {wide_bar} {per_sec}, {eta} left");
                let bar = ProgressBar::new(count as u64);
                bar.set_style(style.expect("the template is constant"));
                bar
            })
        };
        #[cfg(not(all(feature = "progress", not(target_family = "wasm"))))]
        let _ = count;
        Progress {
            shown,
            unit,
            #[cfg(all(feature = "progress", not(target_family = "wasm")))]
            bar,
            state: Mutex::default(),
        }
    }

    /// After a step of any chain.
    pub(in crate::infer) fn step(&self, update: impl FnOnce(&mut S)) {
        if !self.shown {
            return;
        }
        let mut state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        state.0 += 1;
        update(&mut state.1);
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        if let Some(bar) = &self.bar {
            bar.inc(1);
            if state.0.is_multiple_of(64) {
                bar.set_message(state.1.to_string());
            }
        }
    }

    /// At the end of all chains.
    pub(in crate::infer) fn finish(&self) {
        if !self.shown {
            return;
        }
        let state = self.state.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        #[cfg(all(feature = "progress", not(target_family = "wasm")))]
        if let Some(bar) = &self.bar {
            bar.set_message(state.1.to_string());
            bar.finish();
            return;
        }
        eprintln!("{} {}, {}", state.0, self.unit, state.1);
    }
}
