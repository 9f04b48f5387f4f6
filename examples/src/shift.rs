//! Shifted images and the records of the program `shift`.

use elbo::metrics::Probabilities;
use elbo::prelude::*;
use serde::{Deserialize, Serialize};

use crate::summary::Scores;

/// A shift of images of 28×28 pixels.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shift {
    /// Turned about the centre by so many degrees, anticlockwise, with bilinear interpolation; 0 where there was no image.
    Rotation(u32),
    /// Moved to the right by so many pixels; what leaves on the right comes in on the left.
    Translation(u32),
}

/// The width and the height of an image.
const SIDE: usize = 28;

/// Rotations by 0° to 180° in steps of 15°, and translations by 2 to 14 pixels in steps of 2. A translation by 0 is a rotation by
/// 0°.
pub fn all_shifts() -> Vec<Shift> {
    let rotations = (0..=180).step_by(15).map(Shift::Rotation);
    rotations.chain((2..=14).step_by(2).map(Shift::Translation)).collect()
}

impl Shift {
    /// The degrees or pixels.
    pub fn amount(self) -> u32 {
        let (Shift::Rotation(amount) | Shift::Translation(amount)) = self;
        amount
    }

    /// Whether it is a rotation.
    pub fn is_rotation(self) -> bool {
        matches!(self, Shift::Rotation(_))
    }

    /// The shifted images, (images, 784).
    ///
    /// # Panics
    /// If an image does not have 784 pixels.
    pub fn of(self, images: &Tensor) -> Tensor {
        let pixels = images.shape()[1];
        assert_eq!(pixels, SIDE * SIDE, "a shift takes images of {SIDE}×{SIDE} pixels, not of {pixels}");
        let sources: Vec<[(usize, f64); 4]> = (0..pixels).map(|at| self.sources(at)).collect();
        let data = images.data();
        Tensor::from_fn(images.shape(), |i| {
            let image = &data[i / pixels * pixels..][..pixels];
            sources[i % pixels].iter().map(|&(pixel, share)| share * f64::from(image[pixel])).sum()
        })
    }

    /// The pixels of the image that a pixel of the shifted image is a mean of, with their shares.
    fn sources(self, at: usize) -> [(usize, f64); 4] {
        let (row, column) = (at / SIDE, at % SIDE);
        match self {
            Shift::Translation(pixels) => {
                let from = (column + SIDE - pixels as usize % SIDE) % SIDE;
                [(row * SIDE + from, 1.0), (0, 0.0), (0, 0.0), (0, 0.0)]
            }
            Shift::Rotation(degrees) => {
                let centre = (SIDE - 1) as f64 / 2.0;
                let (sin, cos) = f64::from(degrees).to_radians().sin_cos();
                // Rows grow downwards: a point that is turned anticlockwise comes from one that is turned clockwise.
                let (y, x) = (row as f64 - centre, column as f64 - centre);
                // Rounded, so that a quarter turn takes whole pixels.
                let tidy = |value: f64| (value * 1e9).round() / 1e9;
                let (from_row, from_column) = (tidy(centre + cos * y + sin * x), tidy(centre - sin * y + cos * x));
                let corner = |down: f64, right: f64| {
                    let (r, c) = (from_row.floor() + down, from_column.floor() + right);
                    let share = (1.0 - (from_row - r).abs()) * (1.0 - (from_column - c).abs());
                    let is_inside = [r, c].iter().all(|place| (0.0..SIDE as f64).contains(place));
                    if is_inside { (r as usize * SIDE + c as usize, share) } else { (0, 0.0) }
                };
                [corner(0.0, 0.0), corner(0.0, 1.0), corner(1.0, 0.0), corner(1.0, 1.0)]
            }
        }
    }
}

/// The figures that are compared. The least is the best.
pub const MEASURES: [&str; 4] = ["error", "NLL", "ECE", "Brier"];

/// What a method's predictions are worth under a shift.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Row {
    /// The shift.
    pub shift: Shift,
    /// Share of wrong answers, NLL in nats per image, expected calibration error and Brier score.
    pub figures: [f64; 4],
}

impl Row {
    /// Of predictions for images with these labels.
    pub fn of(shift: Shift, predicted: &Probabilities, labels: &[usize]) -> Self {
        let Scores { error, nll, ece, brier } = Scores::of(predicted, labels);
        Row { shift, figures: [error, nll, ece, brier] }
    }
}

/// The settings that a record holds for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Settings {
    /// Training images.
    pub rows: usize,
    /// Test images.
    pub test_rows: usize,
    /// Units in each of the two hidden layers.
    pub hidden: usize,
    /// Passes over the training images.
    pub epochs: usize,
    /// Draws of a prediction.
    pub draws: usize,
    /// The prior's standard deviation of a weight with n inputs, times √n.
    pub prior_sd: f64,
}

/// The figures of one method and one seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The method.
    pub method: String,
    /// The seed.
    pub seed: u64,
    /// The settings.
    pub settings: Settings,
    /// Seconds of training and of prediction.
    pub seconds: [f64; 2],
    /// By shift, in the order of [`all_shifts`].
    pub rows: Vec<Row>,
}

impl Record {
    /// The name of the record of a method and a seed.
    pub fn name(method: &str, seed: u64) -> String {
        format!("{method}-{seed}")
    }
}

/// The mean over seeds of a method's figures, (shifts, 4).
pub fn means(records: &[&Record]) -> Vec<[f64; 4]> {
    let mean = |row: usize, measure: usize| {
        records.iter().map(|record| record.rows[row].figures[measure]).sum::<f64>() / records.len() as f64
    };
    (0..records[0].rows.len()).map(|row| [0, 1, 2, 3].map(|measure| mean(row, measure))).collect()
}

/// The indices of the methods with the least mean of a measure under a shift: the best, and those whose difference to it, over the
/// seeds that are the same, is at most twice its standard error.
pub fn best(methods: &[Vec<&Record>], row: usize, measure: usize) -> Vec<usize> {
    let values: Vec<Vec<f64>> =
        methods.iter().map(|records| records.iter().map(|of| of.rows[row].figures[measure]).collect()).collect();
    let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
    let least = (0..values.len()).min_by(|&a, &b| mean(&values[a]).total_cmp(&mean(&values[b])));
    let Some(least) = least else { return Vec::new() };
    let is_near = |other: &usize| {
        let differences: Vec<f64> = values[*other].iter().zip(&values[least]).map(|(a, b)| a - b).collect();
        let (n, mean) = (differences.len() as f64, mean(&differences));
        let variance = differences.iter().map(|d| (d - mean).powi(2)).sum::<f64>() / (n - 1.0).max(1.0);
        *other != least && mean <= 2.0 * (variance / n).sqrt()
    };
    let near = (0..values.len()).filter(is_near);
    std::iter::once(least).chain(near).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Tensor {
        Tensor::from_fn([1, SIDE * SIDE], |i| i as f64)
    }

    #[test]
    fn a_quarter_turn_moves_the_upper_right_corner_to_the_upper_left() {
        let (image, turned) = (image(), Shift::Rotation(90).of(&image()));
        let pixel = |of: &Tensor, row: usize, column: usize| of.data()[row * SIDE + column];
        for (row, column) in [(0, 27), (3, 20), (14, 5)] {
            // Anticlockwise: (row, column) goes to (27 − column, row).
            assert_eq!(pixel(&turned, 27 - column, row), pixel(&image, row, column));
        }
    }

    #[test]
    fn a_half_turn_reverses_the_pixels_and_no_turn_keeps_them() {
        let mut reversed = image().data().to_vec();
        reversed.reverse();
        assert_eq!(Shift::Rotation(180).of(&image()).data(), reversed);
        assert_eq!(Shift::Rotation(0).of(&image()).data(), image().data());
    }

    #[test]
    fn other_turns_interpolate() {
        // A plane stays a plane within the circle that every turn keeps: pixel (r, c) is 28r + c.
        let turned = Shift::Rotation(30).of(&image());
        let (sin, cos) = 30_f64.to_radians().sin_cos();
        for (row, column) in [(13_u8, 13_u8), (10, 18), (20, 8)] {
            let (y, x) = (f64::from(row) - 13.5, f64::from(column) - 13.5);
            let expected = 28.0 * (13.5 + cos * y + sin * x) + 13.5 - sin * y + cos * x;
            let found = f64::from(turned.data()[usize::from(row) * SIDE + usize::from(column)]);
            assert!((found - expected).abs() < 1e-3, "{found} instead of {expected}");
        }
        // The corners come from outside of the image.
        assert_eq!(Shift::Rotation(45).of(&image()).data()[0], 0.0);
    }

    #[test]
    fn a_translation_moves_to_the_right_and_wraps() {
        let moved = Shift::Translation(2).of(&image());
        assert_eq!(moved.data()[..4], [26.0, 27.0, 0.0, 1.0]);
        assert_eq!(moved.data()[SIDE + 5], (SIDE + 3) as f32);
    }

    #[test]
    fn the_best_is_the_least_mean_with_those_within_two_standard_errors() {
        let settings = Settings { rows: 1, test_rows: 1, hidden: 1, epochs: 1, draws: 1, prior_sd: 1.0 };
        let record = |seed: u64, value: f64| Record {
            method: "m".to_owned(),
            seed,
            settings: settings.clone(),
            seconds: [0.0; 2],
            rows: vec![Row { shift: Shift::Rotation(0), figures: [value; 4] }],
        };
        let of = |values: [f64; 3]| values.map(|value| record(1, value));
        let (first, second, third) = (of([3.0, 3.1, 3.2]), of([1.0, 2.0, 3.0]), of([2.1, 1.9, 2.4]));
        let methods: Vec<Vec<&Record>> = [&first, &second, &third].map(|of| of.iter().collect()).into();
        // Differences to the second: 2, 1.1, 0.2 with the mean 1.1 and the standard error 0.52; 1.1, −0.1, −0.6 with 0.13 and 0.5.
        assert_eq!(best(&methods, 0, 0), [1, 2]);
        assert!((means(&methods[2])[0][1] - 6.4 / 3.0).abs() < 1e-12);
    }
}
