//! The program `uci`: nine regression data sets in their standard splits (Hernández-Lobato and Adams 2015).

mod comparison;
mod data;
mod method;
mod network;
mod published;
mod record;
mod table;

pub use comparison::compare;
pub use data::{Archive, Split};
pub use method::Method;
pub use published::{COLUMNS, Figure, published};
pub use record::{Fit, Record, Scores};
pub use table::{Row, rows, write, write_choice, write_json};

use clap::ValueEnum;
use serde::{Deserialize, Serialize};

/// A data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Set {
    /// 308 rows
    Yacht,
    /// 506 rows
    Boston,
    /// 768 rows
    Energy,
    /// 1,030 rows
    Concrete,
    /// 1,599 rows
    Wine,
    /// 8,192 rows
    Kin8nm,
    /// 9,568 rows
    Power,
    /// 11,934 rows
    Naval,
    /// 45,730 rows
    Protein,
    /// 1,503 rows, not one of the nine: layers/benches/peers/bde_peer.py writes its splits
    Airfoil,
}

impl Set {
    /// The name, as an option and as a folder of the data.
    pub fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }

    /// The number of standard splits.
    pub fn splits(self) -> usize {
        if matches!(self, Set::Protein | Set::Airfoil) { 5 } else { 20 }
    }

    /// Units of the hidden layer, as in the papers.
    pub fn units(self) -> usize {
        if self == Set::Protein { 100 } else { 50 }
    }

    /// Whether it is one of the nine sets of the published tables.
    pub fn is_standard(self) -> bool {
        self != Set::Airfoil
    }

    /// Whether chains of all rows are run on it.
    pub fn is_small(self) -> bool {
        matches!(self, Set::Yacht | Set::Boston | Set::Energy | Set::Concrete | Set::Airfoil)
    }
}
