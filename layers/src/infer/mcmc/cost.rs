//! What chains of very many weights will cost, said before they start.

use std::fmt;

/// From this number of weights on, the cost is said.
const MANY: usize = 100_000;

/// The cost of chains.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Cost {
    pub(super) weights: usize,
    /// Bytes of one of them.
    pub(super) bytes: usize,
    pub(super) chains: usize,
    /// Transitions of each chain that are left, those of the warm-up included.
    pub(super) transitions: usize,
    /// Draws of each chain.
    pub(super) draws: usize,
    /// The most gradients of a transition; `None` for a sampler without trees.
    pub(super) most_gradients: Option<usize>,
    /// The time that a gradient took.
    pub(super) gradient_seconds: f64,
    /// Chains that run at the same time.
    pub(super) at_once: usize,
}

impl Cost {
    /// Prints the cost on standard error, if it is high and progress is shown.
    pub(super) fn say_if(&self, shown: bool) {
        if shown && self.weights >= MANY {
            eprintln!("{self}");
        }
    }

    /// The time of all chains with so many gradients for each transition.
    fn seconds(&self, gradients: usize) -> f64 {
        let rounds = self.chains.div_ceil(self.at_once.max(1));
        (rounds * self.transitions * gradients) as f64 * self.gradient_seconds
    }
}

impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Cost { weights, bytes, chains, transitions, draws, most_gradients, gradient_seconds, .. } = *self;
        let gigabytes = (weights * bytes * chains * draws) as f64 / 1e9;
        write!(
            f,
            "{weights} weights: {chains} chains of {draws} draws take {gigabytes:.1} GB of memory; a gradient takes {}, and \
             {transitions} transitions of each chain take ",
            Time(gradient_seconds)
        )?;
        match most_gradients {
            // A tree of depth 3 is the least that is usual; in many dimensions trees are deeper.
            Some(most) => write!(
                f,
                "{} with 7 gradients each, {} with {most}, the most. `diagonal`, fewer draws, `Laplace` or stochastic-gradient \
                 chains cost less",
                Time(self.seconds(7.min(most))),
                Time(self.seconds(most))
            ),
            None => write!(f, "{} with one gradient each", Time(self.seconds(1))),
        }
    }
}

/// A time in a unit that fits.
struct Time(f64);

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            seconds if seconds.is_nan() => write!(f, "an unknown time"),
            seconds if seconds < 1.0 => write!(f, "{:.1} ms", 1e3 * seconds),
            seconds if seconds < 120.0 => write!(f, "{seconds:.1} s"),
            seconds if seconds < 7200.0 => write!(f, "{:.0} minutes", seconds / 60.0),
            seconds if seconds < 172_800.0 => write!(f, "{:.1} hours", seconds / 3600.0),
            seconds => write!(f, "{:.1} days", seconds / 86_400.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cost_is_memory_and_time() {
        let cost = Cost {
            weights: 1_000_000,
            bytes: 4,
            chains: 4,
            transitions: 2000,
            draws: 1000,
            most_gradients: Some(1023),
            gradient_seconds: 0.01,
            at_once: 2,
        };
        // 2 rounds of 2,000 transitions, 7 and 1,023 gradients of 10 ms.
        let said = cost.to_string();
        for part in ["1000000 weights", "16.0 GB", "10.0 ms", "5 minutes with 7", "11.4 hours with 1023"] {
            assert!(said.contains(part), "{said} does not contain {part}");
        }
        let alone = Cost { most_gradients: None, gradient_seconds: f64::NAN, ..cost }.to_string();
        assert!(alone.contains("an unknown time with one gradient each"), "{alone}");
    }
}
