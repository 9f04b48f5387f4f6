//! The area under the receiver operating characteristic.

/// The area under the receiver operating characteristic: the probability that a random positive has a higher score than a random
/// negative, where ties count half (the Mann–Whitney statistic; Hanley and McNeil 1982). 0.5 is chance.
///
/// For the detection of data that a model does not know (Hendrycks and Gimpel 2017), the scores are the
/// [`entropy`](super::entropy()) of predictions, with unknown data as the positives.
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
    let (p, n) = (positives.len(), negatives.len());
    assert!(p > 0 && n > 0, "auroc: both kinds are needed, got {p} positives and {n} negatives");
    let scores = || positives.iter().map(|&score| (score, true)).chain(negatives.iter().map(|&score| (score, false)));
    if let Some(index) = scores().position(|(score, _)| score.is_nan()) {
        let (kind, index) = if index < p { ("positive", index) } else { ("negative", index - p) };
        panic!("auroc: the score of {kind} {index} (from 0) is NaN");
    }
    let mut sorted: Vec<(f64, bool)> = scores().collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    // Pairs in which the positive is higher count twice, ties once.
    let (mut twice, mut below) = (0u128, 0u128);
    for ties in sorted.chunk_by(|a, b| a.0 == b.0) {
        let positive = ties.iter().filter(|(_, is_positive)| *is_positive).count() as u128;
        let negative = ties.len() as u128 - positive;
        twice += positive * (2 * below + negative);
        below += negative;
    }
    twice as f64 / (2.0 * p as f64 * n as f64)
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
