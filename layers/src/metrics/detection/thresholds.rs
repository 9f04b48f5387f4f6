//! The numbers of positives and negatives at every distinct score.

/// How many positives and negatives have one score.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Tied {
    pub(super) positives: usize,
    pub(super) negatives: usize,
}

/// The distinct scores in ascending order, each with its numbers of positives and negatives.
///
/// # Panics
/// If there are no positives or no negatives, or a score is NaN.
#[track_caller]
pub(super) fn ascending(metric: &str, positives: &[f64], negatives: &[f64]) -> Vec<Tied> {
    let (p, n) = (positives.len(), negatives.len());
    assert!(p > 0 && n > 0, "{metric}: both kinds are needed, got {p} positives and {n} negatives");
    let scores = || positives.iter().map(|&score| (score, true)).chain(negatives.iter().map(|&score| (score, false)));
    if let Some(index) = scores().position(|(score, _)| score.is_nan()) {
        let (kind, index) = if index < p { ("positive", index) } else { ("negative", index - p) };
        panic!("{metric}: the score of {kind} {index} (from 0) is NaN");
    }
    let mut sorted: Vec<(f64, bool)> = scores().collect();
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let tied = sorted.chunk_by(|a, b| a.0 == b.0).map(|ties| {
        let positives = ties.iter().filter(|(_, is_positive)| *is_positive).count();
        Tied { positives, negatives: ties.len() - positives }
    });
    tied.collect()
}
