//! Tables of pointwise log-likelihoods, and sums over their examples.

use crate::engine::threads::map_tasks;

/// The results of `work` for each example's log-likelihoods under all draws, on all threads.
///
/// # Panics
/// Unless the table has `draws` rows of equal lengths, at least 1.
#[track_caller]
pub(super) fn for_each_example<R: Send + Sync>(
    what: &str,
    log_likelihood: &[f64],
    draws: usize,
    work: impl Fn(&[f64]) -> R + Sync,
) -> Vec<R> {
    assert!(draws > 0 && !log_likelihood.is_empty(), "{what}: no draws or no examples");
    assert!(
        log_likelihood.len().is_multiple_of(draws),
        "{what}: {} log-likelihoods are not {draws} draws of equally many examples",
        log_likelihood.len()
    );
    let examples = log_likelihood.len() / draws;
    map_tasks(
        examples,
        || Vec::with_capacity(draws),
        |of_example: &mut Vec<f64>, example| {
            of_example.clear();
            of_example.extend(log_likelihood.iter().skip(example).step_by(examples));
            work(of_example)
        },
    )
}

/// The sum of each example's contribution, and its standard error: √(N · variance), where the variance over examples
/// has the divisor N.
pub(super) fn sum_with_error(pointwise: &[f64]) -> (f64, f64) {
    let (sum, count) = (pointwise.iter().sum::<f64>(), pointwise.len() as f64);
    let mean = sum / count;
    (sum, pointwise.iter().map(|x| (x - mean).powi(2)).sum::<f64>().sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn examples_are_columns() {
        let table = [1.0, 2.0, 3.0, /* */ 4.0, 5.0, 6.0];
        assert_eq!(for_each_example("test", &table, 2, <[f64]>::to_vec), [[1.0, 4.0], [2.0, 5.0], [3.0, 6.0]]);
    }

    #[test]
    fn the_error_grows_with_the_root_of_the_number_of_examples() {
        assert_eq!(sum_with_error(&[1.0, 3.0]), (4.0, 2f64.sqrt()));
    }

    #[test]
    #[should_panic(expected = "loo: 5 log-likelihoods are not 2 draws of equally many examples")]
    fn an_incomplete_table_is_refused() {
        for_each_example("loo", &[0.0; 5], 2, <[f64]>::len);
    }

    #[test]
    #[should_panic(expected = "loo: no draws or no examples")]
    fn an_empty_table_is_refused() {
        for_each_example("loo", &[], 2, <[f64]>::len);
    }
}
