//! The area under the precision–recall curve, as average precision and by trapezoids.

use super::thresholds::ascending;

/// The average precision, the area under the precision–recall curve (AUPR) without interpolation: Σ (Rₙ − Rₙ₋₁) Pₙ over the
/// distinct scores from the highest down, with the recall R and the precision P of everything that scores at least as much. The
/// share of positives is chance.
///
/// Unlike [`auroc`](crate::metrics::auroc) it depends on that share. For the detection of unknown data, give it with the
/// unknown data as positives ("AUPR-out") and, with negated scores, with the known data as positives ("AUPR-in"; Hendrycks and
/// Gimpel 2017, section 2).
///
/// ```
/// # use elbo::metrics::aupr;
/// // From the top: a positive, a negative, a positive.
/// assert_eq!(aupr(&[0.9, 0.4], &[0.6]), 0.5 * 1.0 + 0.5 * (2.0 / 3.0));
/// ```
///
/// # Panics
/// If there are no positives or no negatives, or a score is NaN.
#[track_caller]
pub fn aupr(positives: &[f64], negatives: &[f64]) -> f64 {
    curve("aupr", positives, negatives).map(|[_, here]| here).fold((0.0, 0.0), area_of_steps).0
}

/// The area under the straight lines between the points of the precision–recall curve, from the point (recall 0, precision 1).
/// Straight lines are too optimistic between points that are far apart (Davis and Goadrich 2006); [`aupr`] is the usual figure.
///
/// # Panics
/// If there are no positives or no negatives, or a score is NaN.
#[track_caller]
pub fn aupr_trapezoid(positives: &[f64], negatives: &[f64]) -> f64 {
    let each = curve("aupr_trapezoid", positives, negatives);
    each.map(|[before, here]| (here.recall - before.recall) * 0.5 * (here.precision + before.precision)).sum()
}

#[derive(Clone, Copy)]
struct Point {
    recall: f64,
    precision: f64,
}

/// The points of the curve, each with the one before it; the first is (recall 0, precision 1).
#[track_caller]
fn curve(metric: &str, positives: &[f64], negatives: &[f64]) -> impl Iterator<Item = [Point; 2]> {
    let tied = ascending(metric, positives, negatives);
    let all = positives.len() as f64;
    let start = ([0usize; 2], Point { recall: 0.0, precision: 1.0 });
    tied.into_iter().rev().scan(start, move |([hits, found], before), tied| {
        *hits += tied.positives;
        *found += tied.positives + tied.negatives;
        let here = Point { recall: *hits as f64 / all, precision: *hits as f64 / *found as f64 };
        Some([std::mem::replace(before, here), here])
    })
}

fn area_of_steps((area, recall): (f64, f64), here: Point) -> (f64, f64) {
    (area + (here.recall - recall) * here.precision, here.recall)
}
