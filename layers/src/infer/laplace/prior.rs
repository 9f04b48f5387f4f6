//! Reads the normal prior that has the value, slope and curvature of a model's prior at the mode.

use crate::engine::random::normals;
use crate::engine::{Gradients, Key, Path, Real, Tape, Var};
use crate::infer::laplace::LaplaceError;
use crate::infer::laplace::chosen::{Chosen, ChosenWeight};
use crate::infer::laplace::richardson::{Derivative, derivatives};
use crate::model::{Bayesian, Drawn};
use crate::scalar_sum::Terms;
use crate::weights::Weights;

/// The prior of the chosen weights at the mode, for the unconstrained numbers.
#[derive(Clone, Debug)]
pub(super) struct Prior {
    /// ln p of the chosen weights, in nats, with the log-Jacobian.
    pub(super) nats: f64,
    /// −∂² ln p/∂w² of each element.
    pub(super) precision: Vec<f64>,
    /// ∂ ln p/∂w of each element.
    pub(super) slope: Vec<f64>,
    /// w − m of each element, where m is the mean of the normal with this slope and this precision; 0 where that is 0.
    pub(super) distance: Vec<f64>,
    /// The first weight whose prior is not normal, if there is one.
    pub(super) not_normal: Option<String>,
}

impl Prior {
    /// Reads the prior at these unconstrained weights.
    ///
    /// # Errors
    /// [`LaplaceError::Prior`] if it has negative curvature, is not smooth, or couples elements.
    pub(super) fn read<M: Bayesian>(
        model: &M,
        weights: &Weights<M::Scalar>,
        chosen: &Chosen,
    ) -> Result<Self, LaplaceError> {
        // Random signs, by which a coupling of elements is found.
        let mut noise = vec![0.0_f64; chosen.len()];
        normals(Key::new(0).at("laplace").at("signs"), 0, &mut noise);
        let first = curvatures(model, weights, chosen, |_| 1.0);
        let second = curvatures(model, weights, chosen, |i| noise[i].signum());
        let tolerance = if size_of::<M::Scalar>() == 8 { 1e-6 } else { 1e-2 };
        let mut precision = Vec::with_capacity(first.len());
        for (element, (first, second)) in first.iter().zip(&second).enumerate() {
            let (weight, _) = chosen.place(element);
            let bad = |mistake: &str| LaplaceError::Prior { weight: weight.name.clone(), mistake: mistake.to_owned() };
            let size = first.value.abs().max(second.value.abs());
            // Neither for NaN.
            let is_smooth = first.error <= tolerance * size + f64::MIN_POSITIVE;
            if !is_smooth {
                return Err(bad("has no second derivative at the mean; take a smooth prior, or exclude the weight"));
            }
            if (first.value - second.value).abs() > tolerance * size {
                return Err(bad(
                    "depends on other random weights of the approximation, such as a random scale; exclude them with \
                     `.weights(..)`",
                ));
            }
            if first.value < 0.0 {
                return Err(bad(&format!(
                    "has the negative curvature {:e} at the mean, so it has no precision there; take a normal prior, or \
                     exclude the weight",
                    first.value
                )));
            }
            precision.push(first.value);
        }
        for weight in &chosen.weights {
            equalise(&mut precision[weight.elements.clone()], tolerance);
        }
        let slope = slopes(model, weights, chosen);
        let distance: Vec<f64> =
            slope.iter().zip(&precision).map(|(g, p)| if *p > 0.0 { -g / p } else { 0.0 }).collect();
        let mut prior = Prior { nats: 0.0, precision, slope, distance, not_normal: None };
        let is_linear = prior.has_linear_slopes(model, weights, chosen);
        for (weight, nats) in chosen.weights.iter().zip(densities(model, weights, chosen)) {
            prior.nats += nats;
            let normal: f64 = weight.elements.clone().map(|i| prior.normal(i, prior.precision[i])).sum();
            let is_normal = (normal - nats).abs() <= tolerance * (1.0 + nats.abs());
            let is_normal = is_normal && is_linear[weight.elements.clone()].iter().all(|is_linear| *is_linear);
            if prior.not_normal.is_none() && !is_normal {
                prior.not_normal = Some(weight.name.clone());
            }
        }
        // In double precision, whatever the model's scalar type.
        let precision = prior.precision.clone();
        Ok(if prior.not_normal.is_none() { prior.with_precision(precision) } else { prior })
    }

    /// For each element, whether its slope is a linear function of it within four standard deviations, as that of a normal.
    ///
    /// Unlike the second derivative, the slope needs no differences of small steps, so that in single precision, too, a Student's t
    /// distribution with a thousand degrees of freedom is told from a normal.
    fn has_linear_slopes<M: Bayesian>(&self, model: &M, weights: &Weights<M::Scalar>, chosen: &Chosen) -> Vec<bool> {
        let tolerance = if size_of::<M::Scalar>() == 8 { 1e-8 } else { 1e-4 };
        let flat =
            |weights: &Weights<M::Scalar>| -> Vec<f64> { chosen.flat(weights).into_iter().map(Real::to_f64).collect() };
        let start = flat(weights);
        let sd = |i: usize| if self.precision[i] > 0.0 { self.precision[i].powf(-0.5) } else { 1.0 };
        // At a distance of so many standard deviations to both sides: where the weights are, and their slopes.
        let at = |distance: f64| {
            let mut moved = weights.clone();
            chosen.set(&mut moved, |i| M::Scalar::from_f64(start[i] + distance * sd(i)));
            let slopes = slopes(model, &moved, chosen);
            (flat(&moved), slopes)
        };
        let [near, far] = [1.0, 4.0].map(|distance| [at(-distance), at(distance)]);
        let is_linear = |i: usize| {
            let [precision, other] = [&near, &far].map(|[left, right]| {
                let width = right.0[i] - left.0[i];
                (left.1[i] - right.1[i]) / width
            });
            let slack = tolerance * precision.abs() * (sd(i) + self.distance[i].abs());
            let [left, right] = &far;
            let middle = 0.5 * (left.0[i] + right.0[i]) - start[i];
            let bend = 0.5 * (left.1[i] + right.1[i]) - (self.slope[i] - precision * middle);
            self.precision[i] > 0.0 && (precision - other).abs() * sd(i) <= slack && bend.abs() <= 4.0 * slack
        };
        (0..start.len()).map(is_linear).collect()
    }

    /// The prior with another precision for each element and the same means.
    pub(super) fn with_precision(&self, precision: Vec<f64>) -> Self {
        let moved = |i: usize| self.slope[i] - (precision[i] - self.precision[i]) * self.distance[i];
        let slope = (0..precision.len()).map(moved).collect();
        let mut prior = Prior { precision, slope, ..self.clone() };
        prior.nats = (0..prior.precision.len()).map(|i| prior.normal(i, prior.precision[i])).sum();
        prior
    }

    /// ln of the normal density of an element, with this precision.
    pub(super) fn normal(&self, element: usize, precision: f64) -> f64 {
        0.5 * (precision / std::f64::consts::TAU).ln() - 0.5 * precision * self.distance[element].powi(2)
    }
}

/// Sets numbers that are equal up to rounding to their mean.
fn equalise(numbers: &mut [f64], tolerance: f64) {
    let mean = numbers.iter().sum::<f64>() / numbers.len() as f64;
    if numbers.iter().all(|x| (x - mean).abs() <= tolerance * mean) {
        numbers.fill(mean);
    }
}

/// The sums of the rows of −∂² ln p/∂w², times these signs: the diagonal, if elements are independent.
fn curvatures<M: Bayesian>(
    model: &M,
    weights: &Weights<M::Scalar>,
    chosen: &Chosen,
    sign: impl Fn(usize) -> f64,
) -> Vec<Derivative> {
    let start: Vec<f64> = chosen.flat(weights).into_iter().map(Real::to_f64).collect();
    derivatives(|step| {
        let moved = |direction: f64| {
            let mut moved = weights.clone();
            let at = |i: usize| start[i] + direction * sign(i) * step * start[i].abs().max(1.0);
            chosen.set(&mut moved, |i| M::Scalar::from_f64(at(i)));
            moved
        };
        let (right, left) = (moved(1.0), moved(-1.0));
        let widths = chosen.flat(&right).into_iter().zip(chosen.flat(&left)).map(|(r, l)| r.to_f64() - l.to_f64());
        let slopes = slopes(model, &right, chosen).into_iter().zip(slopes(model, &left, chosen));
        slopes.zip(widths).map(|((right, left), width)| (left - right) / width).collect()
    })
}

/// ∂ ln p/∂w of the chosen weights' elements, with the log-Jacobian.
fn slopes<M: Bayesian>(model: &M, weights: &Weights<M::Scalar>, chosen: &Chosen) -> Vec<f64> {
    let mut gradients = Gradients::of(weights);
    let tape = Tape::new();
    let net = model.at(&tape, weights);
    let roots: Vec<_> = [net.log_prior().var(), net.log_jacobian()].into_iter().flatten().collect();
    let roots: Vec<_> = roots.into_iter().map(|root| (root, M::Scalar::ONE)).collect();
    tape.backward(&roots, &mut gradients);
    let of_weight = |weight: &ChosenWeight| gradients.at(weight.index).unwrap_or_default();
    chosen.weights.iter().flat_map(of_weight).map(|g| g.to_f64()).collect()
}

/// ln p of each chosen weight, with its log-Jacobian.
fn densities<M: Bayesian>(model: &M, weights: &Weights<M::Scalar>, chosen: &Chosen) -> Vec<f64> {
    let tape = Tape::inference();
    let net = model.at(&tape, weights);
    let mut nats = Vec::new();
    net.walk(&Path::ROOT, &mut |_, weight| {
        let mut terms = Terms::new();
        terms.add(weight.log_prior_var());
        weight.log_jacobian_var().into_iter().for_each(|term| terms.add(term));
        nats.push(terms.var().map_or(0.0, Var::item));
    });
    chosen.weights.iter().map(|weight| nats[weight.index]).collect()
}
