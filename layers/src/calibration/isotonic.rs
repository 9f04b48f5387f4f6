//! `IsotonicRegression`: the nondecreasing function with the least squares, by pooling adjacent violators.

use super::CalibrationError;

/// The nondecreasing function with the least (weighted) squared errors (Ayer et al. 1955; Barlow et al. 1972): the values at the given
/// places by pooling adjacent violators, and straight lines between them; beyond the first and the last place it is constant.
/// The function of scikit-learn's `IsotonicRegression(out_of_bounds="clip")`.
///
/// ```
/// # use elbo::calibration::IsotonicRegression;
/// let rising = IsotonicRegression::fit(&[1.0, 2.0, 3.0, 4.0], &[0.0, 1.0, 0.0, 1.0])?;
/// assert_eq!([0.0, 1.0, 2.0, 3.0, 3.5, 9.0].map(|x| rising.at(x)), [0.0, 0.0, 0.5, 0.5, 0.75, 1.0]);
/// # Ok::<(), elbo::calibration::CalibrationError>(())
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct IsotonicRegression {
    /// Ascending.
    x: Vec<f64>,
    /// Not descending.
    y: Vec<f64>,
}

/// Neighbouring places with one value.
#[derive(Clone, Copy)]
struct Pool {
    weight: f64,
    mean: f64,
    places: usize,
}

impl IsotonicRegression {
    /// Fits the function to values `y` at places `x`, in any order.
    ///
    /// # Errors
    /// [`CalibrationError`]: there are none, not equally many of both, or a number is not finite.
    pub fn fit(x: &[f64], y: &[f64]) -> Result<Self, CalibrationError> {
        if x.len() != y.len() {
            return Err(CalibrationError::Rows { what: "values", found: y.len(), expected: x.len() });
        }
        if x.is_empty() {
            return Err(CalibrationError::Empty);
        }
        for (what, numbers) in [("the place", x), ("the value", y)] {
            if let Some(row) = numbers.iter().position(|number| !number.is_finite()) {
                return Err(CalibrationError::NotFinite { what, row, value: numbers[row] });
            }
        }
        let mut pairs: Vec<(f64, f64)> = x.iter().copied().zip(y.iter().copied()).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        let (mut places, mut pools) = (Vec::new(), Vec::<Pool>::new());
        for tied in pairs.chunk_by(|a, b| a.0 == b.0) {
            places.push(tied[0].0);
            let weight = tied.len() as f64;
            let mut pool = Pool { weight, mean: tied.iter().map(|(_, y)| y).sum::<f64>() / weight, places: 1 };
            while let Some(before) = pools.pop_if(|before| before.mean >= pool.mean) {
                let weight = before.weight + pool.weight;
                let mean = (before.weight * before.mean + pool.weight * pool.mean) / weight;
                pool = Pool { weight, mean, places: before.places + pool.places };
            }
            pools.push(pool);
        }
        let y = pools.iter().flat_map(|pool| std::iter::repeat_n(pool.mean, pool.places)).collect();
        Ok(IsotonicRegression { x: places, y })
    }

    /// The function's value at `x`; NaN for NaN.
    pub fn at(&self, x: f64) -> f64 {
        let next = self.x.partition_point(|place| *place < x);
        match next {
            _ if x.is_nan() => f64::NAN,
            0 => self.y[0],
            _ if next == self.x.len() => self.y[next - 1],
            _ => {
                let ([x0, x1], [y0, y1]) = ([self.x[next - 1], self.x[next]], [self.y[next - 1], self.y[next]]);
                if y0 == y1 { y0 } else { y0 + (y1 - y0) * ((x - x0) / (x1 - x0)) }
            }
        }
    }

    /// The places, in ascending order, with the function's values.
    pub fn points(&self) -> impl ExactSizeIterator<Item = (f64, f64)> {
        self.x.iter().copied().zip(self.y.iter().copied())
    }
}
