//! Published results on the standard splits.

use super::Set;

/// A figure as it is printed: a mean, and its standard error where the source has one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure(pub &'static str);

impl Figure {
    /// The mean.
    pub fn mean(self) -> f64 {
        self.digits().0.parse().expect("a number")
    }

    /// Digits of the mean after the point.
    pub fn precision(self) -> usize {
        self.digits().0.split_once('.').map_or(0, |(_, digits)| digits.len())
    }

    fn digits(self) -> (&'static str, &'static str) {
        self.0.split_once(" ± ").unwrap_or((self.0, ""))
    }
}

/// The columns of [`published`]. The first three: Gal and Ghahramani 2016, "Dropout as a Bayesian approximation", table 1, with the
/// results of Graves 2011 and of Hernández-Lobato and Adams 2015. The others are later runs on the same splits: Bayes by backprop
/// for 400 epochs, dropout for more epochs (2018), and an ensemble for 40 epochs, without standard errors.
pub const COLUMNS: [&str; 6] =
    ["VI (Graves)", "PBP", "dropout", "Bayes by backprop", "dropout 2018", "ensemble, 40 epochs"];

/// RMSE and log-likelihood in nats of each of [`COLUMNS`], ± the standard error; none for a set that is not one of the nine.
pub fn published(set: Set) -> Option<[(Figure, Figure); 6]> {
    let (rmse, log_likelihood) = match set {
        Set::Yacht => (
            ["6.89 ± 0.67", "1.02 ± 0.05", "1.11 ± 0.09", "0.97", "0.67", "1.58"],
            ["-3.43 ± 0.16", "-1.63 ± 0.02", "-1.55 ± 0.03", "-1.45", "-1.25", "-1.18"],
        ),
        Set::Boston => (
            ["4.32 ± 0.29", "3.01 ± 0.18", "2.97 ± 0.19", "3.31", "2.90", "3.28"],
            ["-2.90 ± 0.07", "-2.57 ± 0.09", "-2.46 ± 0.06", "-2.64", "-2.40", "-2.41"],
        ),
        Set::Energy => (
            ["2.65 ± 0.08", "1.80 ± 0.05", "1.66 ± 0.04", "1.00", "0.54", "2.09"],
            ["-2.39 ± 0.03", "-2.04 ± 0.02", "-1.99 ± 0.02", "-1.56", "-1.21", "-1.38"],
        ),
        Set::Concrete => (
            ["7.19 ± 0.12", "5.67 ± 0.09", "5.23 ± 0.12", "5.79", "4.82", "6.03"],
            ["-3.39 ± 0.02", "-3.16 ± 0.02", "-3.04 ± 0.02", "-3.26", "-2.93", "-3.06"],
        ),
        Set::Wine => (
            ["0.65 ± 0.01", "0.64 ± 0.01", "0.62 ± 0.01", "0.64", "0.62", "0.64"],
            ["-0.98 ± 0.01", "-0.97 ± 0.01", "-0.93 ± 0.01", "-0.97", "-0.93", "-0.94"],
        ),
        Set::Kin8nm => (
            ["0.10", "0.10", "0.10", "0.086", "0.08", "0.09"],
            ["0.90 ± 0.01", "0.90 ± 0.01", "0.95 ± 0.01", "0.98", "1.14", "1.20"],
        ),
        Set::Power => (
            ["4.33 ± 0.04", "4.12 ± 0.03", "4.02 ± 0.04", "4.22", "4.01", "4.11"],
            ["-2.89 ± 0.01", "-2.84 ± 0.01", "-2.80 ± 0.01", "-2.94", "-2.80", "-2.79"],
        ),
        Set::Naval => (
            ["0.01", "0.01", "0.01", "0.003", "0.00", "0.00"],
            ["3.73 ± 0.12", "3.73 ± 0.01", "3.80 ± 0.01", "4.30", "4.45", "5.63"],
        ),
        Set::Protein => (
            ["4.84 ± 0.03", "4.73 ± 0.01", "4.36 ± 0.01", "4.68", "4.27", "4.71"],
            ["-2.99 ± 0.01", "-2.97 ± 0.00", "-2.89 ± 0.00", "-2.97", "-2.87", "-2.83"],
        ),
        Set::Airfoil => return None,
    };
    Some(std::array::from_fn(|column| (Figure(rmse[column]), Figure(log_likelihood[column]))))
}

#[cfg(test)]
mod tests {
    use clap::ValueEnum;

    use super::*;

    #[test]
    fn figures_are_numbers_with_their_digits() {
        let figure = Figure("-2.97 ± 0.01");
        assert_eq!((figure.mean(), figure.precision()), (-2.97, 2));
        assert_eq!((Figure("0.086").mean(), Figure("0.086").precision()), (0.086, 3));
        for &set in Set::value_variants() {
            assert_eq!(published(set).is_some(), set.is_standard());
            assert!(
                published(set).iter().flatten().all(|(rmse, ll)| rmse.mean() >= 0.0 && ll.mean().abs() < 10.0),
                "{set:?}"
            );
        }
    }
}
