//! The area under the receiver operating characteristic.

use super::thresholds::{Tied, ascending};

/// The area under the receiver operating characteristic: the probability that a random positive has a higher score than a random
/// negative, where ties count half (the Mann–Whitney statistic; Hanley and McNeil 1982). 0.5 is chance.
///
/// For the detection of data that a model does not know (Hendrycks and Gimpel 2017), the scores are the
/// [`entropy`](crate::metrics::entropy()) of predictions, with unknown data as the positives.
///
/// ```
/// # use elbo::metrics::auroc;
/// let (unknown, known) = ([0.9, 0.8, 0.4], [0.1, 0.4]);
/// assert_eq!(auroc(&unknown, &known), 5.5 / 6.0);
/// ```
///
/// # Panics
/// If there are no positives or no negatives, or a score is NaN.
#[track_caller]
pub fn auroc(positives: &[f64], negatives: &[f64]) -> f64 {
    let tied = ascending("auroc", positives, negatives);
    // Pairs in which the positive is higher count twice, ties once.
    let (mut twice, mut below) = (0u128, 0u128);
    for Tied { positives, negatives } in tied {
        twice += positives as u128 * (2 * below + negatives as u128);
        below += negatives as u128;
    }
    twice as f64 / (2.0 * positives.len() as f64 * negatives.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_share_of_pairs_in_order() {
        assert_eq!(auroc(&[2.0, 3.0], &[0.0, 1.0]), 1.0);
        assert_eq!(auroc(&[0.0, 1.0], &[2.0, 3.0]), 0.0);
        assert_eq!(auroc(&[1.0; 5], &[1.0; 3]), 0.5);
        let (positives, negatives) = ([0.3, -0.0, 0.7, 0.2, f64::INFINITY], [0.0, 0.2, 0.5, -1.0]);
        let pairs = positives.iter().flat_map(|a| negatives.iter().map(move |b| (a, b)));
        let each = pairs.map(|(a, b)| {
            if a > b {
                1.0
            } else if a == b {
                0.5
            } else {
                0.0
            }
        });
        assert_eq!(auroc(&positives, &negatives), each.sum::<f64>() / 20.0);
    }

    #[test]
    #[should_panic(expected = "auroc: the score of negative 1 (from 0) is NaN")]
    fn a_score_that_is_nan_is_refused() {
        auroc(&[1.0], &[0.0, f64::NAN]);
    }
}
