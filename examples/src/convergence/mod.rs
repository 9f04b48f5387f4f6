//! How close trainings come to the best bound that is known: [problems](problem), [methods](method) and [rows].

pub mod method;
pub mod problem;
pub mod rows;

/// The prior of every weight and bias.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum Scale {
    /// N(0, 1)
    Normal,
    /// N(0, s²) with an s for each layer that is learned
    Learned,
}

impl Scale {
    /// Its name on the command line and in tables.
    pub fn name(self) -> &'static str {
        match self {
            Scale::Normal => "normal",
            Scale::Learned => "learned",
        }
    }
}
