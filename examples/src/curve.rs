//! The curves of the program `curve`: the regression of Blundell et al. 2015, section 5.2, and the CO₂ of Mauna Loa.

use std::f64::consts::PI;
use std::path::Path;

use elbo::data::{Csv, DataError, Examples, Missing, Scaling};
use elbo::engine::random::normals;
use elbo::prelude::{Key, Tensor};

use crate::Failure;

/// Rows with one input and one target, in their units.
type Rows = Vec<[f64; 2]>;

/// A regression over one input, with rows to test on within the range of the training rows and outside of it.
pub struct Curve {
    /// What the picture calls it, and the labels of its axes.
    pub labels: [&'static str; 3],
    /// Units of the hidden layer.
    pub units: usize,
    /// The prior's standard deviation of the weights of the hidden layer, whose inputs have variance 1.
    pub hidden_sd: f64,
    /// Training rows, scaled.
    pub train: Examples<f32, Tensor>,
    /// Rows within the range: scaled inputs and targets in their unit.
    pub inside: Examples<f32, Tensor>,
    /// Rows outside of the range.
    pub outside: Examples<f32, Tensor>,
    /// The x axis of the picture, with the scaled inputs there.
    pub grid: (Vec<f64>, Tensor),
    /// The ends of its y axis.
    pub y_range: [f64; 2],
    /// Points of the picture: some of the training rows and of the rows outside of the range.
    pub points: [Rows; 2],
    /// The scaling of the targets.
    pub scaling: Scaling,
}

impl Curve {
    /// The regression of Blundell et al. 2015, section 5.2: y = x + 0.3 sin(2π(x + ε)) + 0.3 sin(4π(x + ε)) + ε with
    /// ε ~ N(0, 0.02²). 100 rows in [0, 0.5] to train on, 1,000 to test on there, and 1,000 in [−0.25, 0] and [0.5, 0.75].
    ///
    /// The noise ε is within the sines, so that the noise of y depends on x.
    pub fn section_5_2(seed: u64) -> Result<Curve, DataError> {
        let key = Key::new(seed).at("section-5.2");
        let rows = |name: &str, count: usize, place: fn(f64) -> f64| -> Rows {
            let (places, mut noise) = (uniforms(key.at(name).at("x"), count), vec![0.0; count]);
            normals(key.at(name).at("noise"), 0, &mut noise);
            let at = |(u, z): (&f64, &f64)| [place(*u), observed(place(*u), 0.02 * z)];
            places.iter().zip(&noise).map(at).collect()
        };
        let train = rows("train", 100, |u| 0.5 * u);
        let inside = rows("inside", 1000, |u| 0.5 * u);
        let outside = rows("outside", 1000, |u| if u < 0.5 { 0.5 * u - 0.25 } else { 0.5 * u + 0.25 });
        let grid = ((0..=80).map(|i| f64::from(i) / 50.0 - 0.5).collect(), [-1.5, 2.0]);
        let points = [&train, &outside].map(|rows| rows.iter().take(50).copied().collect());
        let labels = ["Blundell et al. 2015, section 5.2", "x", "y"];
        of(labels, (20, 3.0), [&train, &inside, &outside], grid, |x| vec![x], points)
    }

    /// The weekly concentration of CO₂ at Mauna Loa, in ppm: a quarter of the rows until the end of 1990 to train on, the rest
    /// of them to test on within the range, and the later rows, until 2001, outside of it. The inputs are the time and the first two
    /// harmonics of the year. The picture shows the first of May of each year.
    ///
    /// # Errors
    /// If the file is missing or damaged.
    pub fn co2(data: &Path, seed: u64) -> Result<Curve, Failure> {
        let file = data.join("tables/co2.csv.gz");
        let table = Csv::new().target("co2").missing(Missing::DropRow).read(file)?;
        let [dates, ppm] = ["date", "co2"].map(|name| table.numbers(name).map_err(DataError::from));
        let all: Rows = dates?.iter().zip(ppm?).map(|(&date, &ppm)| [year(date), ppm]).collect();
        let (mut train, mut inside, mut outside) = (Rows::new(), Rows::new(), Rows::new());
        let held_out = uniforms(Key::new(seed).at("co2"), all.len());
        for (row, u) in all.iter().zip(held_out) {
            let part = if row[0] >= LAST {
                &mut outside
            } else if u < 0.25 {
                &mut train
            } else {
                &mut inside
            };
            part.push(*row);
        }
        let in_may = |rows: &Rows| -> Rows {
            let is_near = |row: &&[f64; 2]| (row[0].fract() - MAY).abs() < 0.5 / 52.0;
            rows.iter().filter(is_near).copied().collect()
        };
        let points = [in_may(&train), in_may(&outside)];
        let grid = ((1930..=2030).map(|year| f64::from(year) + MAY).collect(), [280.0, 420.0]);
        let labels = ["Mauna Loa, on the first of May", "year", "CO₂, ppm"];
        let season = |t: f64| {
            let harmonic = |n: f64| (2.0 * PI * n * t).sin_cos();
            let [(s1, c1), (s2, c2)] = [harmonic(1.0), harmonic(2.0)];
            vec![t, s1, c1, s2, c2]
        };
        Ok(of(labels, (20, 1.0), [&train, &inside, &outside], grid, season, points)?)
    }
}

/// The curve of these rows, with the inputs that follow from x, scaled by the training rows.
fn of(
    labels: [&'static str; 3],
    (units, hidden_sd): (usize, f64),
    [train, inside, outside]: [&Rows; 3],
    (grid, y_range): (Vec<f64>, [f64; 2]),
    inputs: impl Fn(f64) -> Vec<f64>,
    points: [Rows; 2],
) -> Result<Curve, DataError> {
    let table = |x: &mut dyn ExactSizeIterator<Item = f64>| -> Tensor {
        let (rows, values) = (x.len(), x.flat_map(&inputs).collect::<Vec<f64>>());
        Tensor::from_fn([rows, values.len() / rows], |i| values[i])
    };
    let examples = |rows: &Rows| {
        let targets = Tensor::from_fn([rows.len(), 1], |i| rows[i][1]);
        Examples::new(table(&mut rows.iter().map(|row| row[0])), targets)
    };
    let train = examples(train)?;
    let [x, scaling] = [Scaling::fit(train.inputs()), Scaling::fit(train.targets())];
    let mut places = table(&mut grid.iter().copied());
    x.transform(&mut places);
    let mut targets = train.targets().clone();
    scaling.transform(&mut targets);
    let train = Examples::new(train.scaled(&x).inputs().clone(), targets)?;
    let [inside, outside] = [examples(inside)?.scaled(&x), examples(outside)?.scaled(&x)];
    Ok(Curve { labels, units, hidden_sd, train, inside, outside, grid: (grid, places), y_range, points, scaling })
}

/// Uniform numbers between 0 and 1.
fn uniforms(key: Key, count: usize) -> Vec<f64> {
    let words = key.philox();
    (0..count as u64).map(|index| (f64::from(words.words(index)[0]) + 0.5) / 2_f64.powi(32)).collect()
}

/// The first of May, as a part of the year.
const MAY: f64 = 120.0 / 365.25;

/// Rows from here on are not trained on.
const LAST: f64 = 1991.0;

fn observed(x: f64, noise: f64) -> f64 {
    x + 0.3 * (2.0 * PI * (x + noise)).sin() + 0.3 * (4.0 * PI * (x + noise)).sin() + noise
}

/// A date such as 19580329 as a year with its part.
fn year(date: f64) -> f64 {
    const BEFORE: [f64; 12] = [0.0, 31.0, 59.0, 90.0, 120.0, 151.0, 181.0, 212.0, 243.0, 273.0, 304.0, 334.0];
    let (year, month, day) = ((date / 1e4).floor(), ((date % 1e4) / 100.0).floor(), date % 100.0);
    year + (BEFORE[(month as usize).clamp(1, 12) - 1] + day - 1.0) / 365.25
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_curve_is_that_of_the_paper() {
        // Without noise, y(1/8) = 1/8 + 0.3 sin(π/4) + 0.3 sin(π/2).
        assert!((observed(0.125, 0.0) - (0.125 + 0.3 * 0.5_f64.sqrt() + 0.3)).abs() < 1e-12);
        // ε is within the sines: a small ε moves y by its product with the slope there, and by ε.
        let slope = 1.0 + 0.6 * PI * (0.25 * PI).cos();
        assert!((observed(0.125, 1e-7) - observed(0.125, 0.0) - 1e-7 * slope).abs() < 1e-12);
        let curve = Curve::section_5_2(1).unwrap();
        assert_eq!([curve.train.len(), curve.inside.len(), curve.outside.len()], [100, 1000, 1000]);
        assert!(curve.points[0].iter().all(|[x, _]| (0.0..0.5).contains(x)));
        assert!(curve.points[1].iter().all(|[x, _]| (-0.25..0.0).contains(x) || (0.5..0.75).contains(x)));
    }

    #[test]
    fn dates_are_years() {
        assert_eq!(year(19580101.0), 1958.0);
        assert!((year(19911231.0) - (1991.0 + 364.0 / 365.25)).abs() < 1e-9);
        assert!((year(19600501.0).fract() - MAY).abs() < 1e-9);
    }
}
