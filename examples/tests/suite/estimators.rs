//! Theoretical bounds on the estimators' variances.

use elbo_examples::variance::{log_log_slope, measure};

#[test]
fn variances_fall_with_the_batch_size_as_in_theory() {
    let rows = measure(0.05, 400, 1);
    let slope = log_log_slope(rows.iter().map(|row| (row.batch as f64, row.local)));
    assert!((slope + 1.0).abs() <= 0.05, "local reparameterisation falls with slope {slope}");
    for row in &rows {
        assert!(row.local <= row.independent, "{row:?}");
        assert!(row.antithetic <= row.shared / 4.0, "{row:?}");
        // In theory never below one; 3 % tolerance for sampling noise.
        let ratio = row.flipout / row.independent;
        assert!(row.batch > 256 || (0.97..=1.3).contains(&ratio), "{row:?}");
    }
    let last = rows.last().unwrap();
    assert!(last.flipout <= last.shared / 15.0, "{last:?}");
}
