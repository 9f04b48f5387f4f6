//! Checking a gradient: what the tape says against differences of values.
//!
//! For whoever writes an operation: its adjoint is right if [`gradcheck`] finds so at a few random points, on both
//! sides of every branch.

use std::fmt;

use crate::random::{Key, normals};
use crate::{Gradients, Order, Parameters, Path, Tape, Var};

/// Directions that are tried for every parameter.
const DIRECTIONS: usize = 3;

/// The first, largest step along a direction.
const STEP: f64 = 1e-2;

/// How often the step is halved.
const HALVINGS: usize = 6;

/// Above this relative error a kink is looked for.
const DOUBTFUL: f64 = 1e-9;

/// By how much the derivatives from the left and from the right differ at a kink, relative to the larger and relative to how
/// well they are known.
const KINK: (f64, f64) = (1e-3, 100.0);

/// Compares the gradient of `f` with differences of its values.
///
/// `f` puts parameters of `model` on the tape, with [`Tape::param`], and returns a value of any shape; several elements
/// are weighted with random numbers and added up. For each learned parameter the derivative along some random
/// directions is taken twice: from the tape, as the inner product of gradient and direction, and from central
/// differences in steps that are halved and extrapolated to zero (C. J. F. Ridders, "Accurate computation of F′(x) and
/// F′(x)F″(x)", 1982). A correct gradient of a smooth function agrees to 1e-9 or better; 1e-7 is a good bound.
///
/// `f` must give the same value every time, and be smooth within about 0.05 of the parameters, on the line through them or
/// on either side: parameters may lie on a kink, as that of |x| at 0, but not near one. On a kink the derivatives of each
/// element of the value from the left and from the right are taken apart, and the tape's is right if it is made of numbers
/// that lie between ([`Comparison::sides`]). Data enters by [`Tape::constant`], labels by [`Tape::alloc_slice`].
///
/// ```
/// use elbo_engine::{Tensor, gradcheck};
///
/// let mut model = [Tensor::new([2], [0.3, -1.2]), Tensor::new([3, 1], [2.0, 0.5, -1.0])];
/// let report = gradcheck(&mut model, |tape, [x, w]| tape.param(x).exp() * tape.param(w).tanh());
/// report.assert_within(1e-7);
/// ```
///
/// # Panics
/// If `f` panics, or returns a value of another tape.
#[track_caller]
pub fn gradcheck<M, F>(model: &mut M, f: F) -> Report
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    let mut gradients = Gradients::of(model);
    let weights = sweep(model, &f, &mut gradients);
    let mut comparisons = Vec::new();
    for parameter in parameters(model) {
        let Some(gradient) = gradients.get(&parameter.name) else {
            continue;
        };
        for direction in 0..DIRECTIONS {
            let along = random(direction, &parameter.name, gradient.len());
            let from_tape: f64 = gradient.iter().zip(&along).map(|(g, d)| g * d).sum();
            let mut shift = |step: f64| -> Vec<f64> {
                set(model, parameter.index, |i| parameter.values[i] + step * along[i]);
                let tape = Tape::inference();
                let value = f(&tape, model).value().to_vec();
                set(model, parameter.index, |i| parameter.values[i]);
                value
            };
            let quotients = Quotients::of(&mut shift);
            let length = gradient.iter().map(|g| g * g).sum::<f64>().sqrt();
            let (central, rounding) = quotients.derivative(&weights);
            let smooth = relative_error(from_tape, central, rounding, length);
            let sides = if smooth > DOUBTFUL { quotients.sides(&weights) } else { None };
            let error = sides.map_or(smooth, |[least, largest]| {
                relative_error(from_tape, from_tape.clamp(least, largest), rounding, length)
            });
            let differences = sides.map_or(central, |[least, largest]| 0.5 * (least + largest));
            let parameter = parameter.name.clone();
            comparisons.push(Comparison { parameter, direction, tape: from_tape, differences, sides, error });
        }
    }
    Report { comparisons }
}

/// The outcome of a [`gradcheck`].
#[derive(Clone, Debug)]
pub struct Report {
    comparisons: Vec<Comparison>,
}

/// A derivative along one direction, computed twice.
#[derive(Clone, Debug)]
pub struct Comparison {
    /// The parameter's name.
    pub parameter: String,
    /// The number of the direction.
    pub direction: usize,
    /// The derivative from the tape.
    pub tape: f64,
    /// The derivative from differences of values.
    pub differences: f64,
    /// On a kink, the least and the largest that the derivative may be, taking each element of the value from the left or
    /// from the right; `differences` is their mean.
    pub sides: Option<[f64; 2]>,
    /// The difference of `tape` and `differences` or, on a kink, of `tape` and what lies between the sides, beyond what
    /// rounding of the values explains, in units of the largest of both and of the gradient's length; infinite if one of
    /// them is no finite number.
    pub error: f64,
}

impl Report {
    /// All comparisons, in the order of the model's walk.
    pub fn comparisons(&self) -> &[Comparison] {
        &self.comparisons
    }

    /// The comparison with the largest error, if anything was compared: empty parameters have no derivative.
    pub fn worst(&self) -> Option<&Comparison> {
        self.comparisons.iter().max_by(|a, b| a.error.total_cmp(&b.error))
    }

    /// # Panics
    /// If a relative error is larger than `tolerance`; the message lists every comparison.
    #[track_caller]
    pub fn assert_within(&self, tolerance: f64) {
        assert!(
            self.comparisons.iter().all(|comparison| comparison.error <= tolerance),
            "the tape's gradient differs from differences of values by more than {tolerance:e}:\n{self}"
        );
    }
}

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.comparisons.iter().try_for_each(|comparison| writeln!(f, "{comparison}"))
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Comparison { parameter, direction, tape, differences, sides, error } = self;
        write!(f, "`{parameter}`, direction {direction}: tape {tape:.12e}, ")?;
        match sides {
            None => write!(f, "differences {differences:.12e}, ")?,
            Some([least, largest]) => write!(f, "a kink: from {least:.12e} to {largest:.12e}, ")?,
        }
        write!(f, "relative error {error:.1e}")
    }
}

/// A learned parameter as it was given.
struct Parameter {
    index: usize,
    name: String,
    values: Vec<f64>,
}

fn parameters<M: Parameters<Scalar = f64> + ?Sized>(model: &M) -> Vec<Parameter> {
    let (mut found, mut index) = (Vec::new(), 0);
    model.visit(&Path::ROOT, &mut |path, role, tensor| {
        if role.is_learned() && !tensor.is_empty() {
            found.push(Parameter { index, name: path.to_string(), values: tensor.data().to_vec() });
        }
        index += 1;
    });
    found
}

/// Sets the elements of the `index`th tensor of the walk.
fn set<M: Parameters<Scalar = f64> + ?Sized>(model: &mut M, index: usize, value: impl Fn(usize) -> f64) {
    Order::of(model).each_mut(model, |at, _, tensor| {
        if at == index {
            tensor.data_mut().iter_mut().enumerate().for_each(|(i, element)| *element = value(i));
        }
    });
}

/// Fills the gradients of the weighted sum of `f`'s elements, and returns the weights.
#[track_caller]
fn sweep<M, F>(model: &M, f: &F, gradients: &mut Gradients<f64>) -> Vec<f64>
where
    M: Parameters<Scalar = f64> + ?Sized,
    F: for<'t> Fn(&'t Tape<f64>, &'t M) -> Var<'t, f64>,
{
    let tape = Tape::new();
    let value = f(&tape, model);
    let weights = match value.len() {
        1 => vec![1.0],
        len => random(0, "the value", len),
    };
    (value * tape.constant(value.shape(), |i| weights[i])).sum().backward(gradients);
    weights
}

/// Numbers of both signs, none of them small: a wrong element shows in any inner product.
fn random(draw: usize, name: &str, len: usize) -> Vec<f64> {
    let mut numbers = vec![0.0; len];
    normals(Key::new(0).at(name).draw(draw), 0, &mut numbers);
    numbers.iter().map(|x: &f64| x.signum() * (0.5 + x.abs() / (1.0 + x.abs()))).collect()
}

/// The values of a function at 0 and at both ends of smaller and smaller steps.
struct Quotients {
    here: Vec<f64>,
    /// The step, and the values ahead and behind.
    rows: Vec<(f64, [Vec<f64>; 2])>,
}

impl Quotients {
    fn of(value: &mut dyn FnMut(f64) -> Vec<f64>) -> Self {
        let steps = (0..=HALVINGS).map(|row| STEP / f64::from(1 << row));
        let here = value(0.0);
        Quotients { here, rows: steps.map(|step| (step, [value(step), value(-step)])).collect() }
    }

    /// d/dt Σ weights · value(t) at 0 by central differences, and a bound of what rounding of the values does to it.
    fn derivative(&self, weights: &[f64]) -> (f64, f64) {
        let (mut limit, mut bound) = (Limit::new(4.0), f64::NAN);
        for (step, [ahead, behind]) in &self.rows {
            let terms = || weights.iter().zip(ahead.iter().zip(behind));
            // Differences first: the values' common part cancels before it is added up.
            let difference: f64 = terms().map(|(w, (a, b))| w * (a - b)).sum();
            let size: f64 = terms().map(|(w, (a, b))| w.abs() * (a.abs() + b.abs())).sum();
            if limit.refine(difference / (2.0 * step)) {
                bound = size * f64::EPSILON / step;
            }
        }
        (limit.value, bound)
    }

    /// Between which numbers the derivative lies, each element of the value taken from the left or from the right; if these
    /// differ for one.
    fn sides(&self, weights: &[f64]) -> Option<[f64; 2]> {
        let (mut sides, mut is_kink) = ([0.0; 2], false);
        for (element, weight) in weights.iter().enumerate() {
            // The error of a central difference is even in the step, so that halving quarters its first order; that of a
            // difference to one side has every order.
            let [mut central, mut left, mut right] = [4.0, 2.0, 2.0].map(Limit::new);
            for (step, [ahead, behind]) in &self.rows {
                let [here, ahead, behind] = [&self.here, ahead, behind].map(|values| values[element]);
                central.refine((ahead - behind) / (2.0 * step));
                right.refine((ahead - here) / step);
                left.refine((here - behind) / step);
            }
            let gap = (left.value - right.value).abs();
            let size = left.value.abs().max(right.value.abs());
            let on_kink = gap > KINK.0 * size && gap > KINK.1 * (left.error + right.error);
            let [a, b] = if on_kink { [left.value, right.value] } else { [central.value; 2] }.map(|x| weight * x);
            sides = [sides[0] + a.min(b), sides[1] + a.max(b)];
            is_kink |= on_kink;
        }
        (is_kink && sides.iter().all(|side| side.is_finite())).then_some(sides)
    }
}

/// The limit of a quotient as its step is halved again and again, by Richardson's extrapolation.
struct Limit {
    /// By how much halving divides the error's first order, and each next order beside the one before.
    ratio: f64,
    row: Vec<f64>,
    value: f64,
    /// How far apart estimates of `value` are.
    error: f64,
}

impl Limit {
    fn new(ratio: f64) -> Self {
        Limit { ratio, row: Vec::new(), value: f64::NAN, error: f64::INFINITY }
    }

    /// Takes the quotient of the next step; whether the limit is known better for it.
    fn refine(&mut self, quotient: f64) -> bool {
        let before = std::mem::replace(&mut self.row, vec![quotient]);
        let (mut power, mut is_better) = (1.0, false);
        for (order, &coarser) in before.iter().enumerate() {
            power *= self.ratio;
            let finer = self.row[order];
            let next = finer + (finer - coarser) / (power - 1.0);
            let error = (next - finer).abs().max((next - coarser).abs());
            if error < self.error {
                (self.error, self.value, is_better) = (error, next, true);
            }
            self.row.push(next);
        }
        is_better
    }
}

fn relative_error(tape: f64, differences: f64, rounding: f64, length: f64) -> f64 {
    let beyond = (tape - differences).abs() - rounding;
    let scale = tape.abs().max(differences.abs()).max(length);
    match beyond / scale {
        _ if !(tape.is_finite() && differences.is_finite()) => f64::INFINITY,
        _ if beyond <= 0.0 => 0.0,
        error => error,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Adjoints, Evaluation, Operation, Tensor};

    /// x³ with a derivative that is wrong by a relative `0`.
    #[derive(Clone, Copy)]
    struct Cube(f64);

    impl Operation<f64> for Cube {
        fn name(&self) -> &'static str {
            "cube"
        }

        fn forward(&self, io: &mut Evaluation<'_, f64>) {
            let x = io.input(0).data;
            io.output(0).iter_mut().zip(x).for_each(|(y, x)| *y = x * x * x);
        }

        fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
            let (x, g) = (io.input(0).data, io.upstream(0).unwrap());
            io.give(0, |i| g[i] * 3.0 * x[i] * x[i] * (1.0 + self.0));
        }
    }

    fn check(wrong: f64) -> Report {
        let mut model = Tensor::from_fn([4], |i| i as f64 - 1.3);
        gradcheck(&mut model, |tape, x| tape.record(Cube(wrong), &[tape.param(x)], [x.shape()])[0])
    }

    #[test]
    fn a_right_gradient_agrees_closely() {
        let report = check(0.0);
        assert_eq!(report.comparisons().len(), DIRECTIONS);
        report.assert_within(1e-10);
    }

    #[test]
    fn a_slightly_wrong_gradient_is_found() {
        assert!(check(1e-6).worst().unwrap().error > 1e-7);
    }

    #[test]
    #[should_panic(expected = "``, direction 0: tape")]
    fn the_message_names_parameter_and_direction() {
        check(1e-3).assert_within(1e-7);
    }

    /// |x| whose derivative at 0 is the number.
    #[derive(Clone, Copy)]
    struct Distance(f64);

    impl Operation<f64> for Distance {
        fn name(&self) -> &'static str {
            "distance"
        }

        fn forward(&self, io: &mut Evaluation<'_, f64>) {
            let x = io.input(0).data;
            io.output(0).iter_mut().zip(x).for_each(|(y, x)| *y = x.abs());
        }

        fn adjoint(&self, io: &mut Adjoints<'_, f64>) {
            let (x, g) = (io.input(0).data, io.upstream(0).unwrap());
            io.give(0, |i| g[i] * if x[i] == 0.0 { self.0 } else { x[i].signum() });
        }
    }

    fn check_distance(at_zero: f64, x: [f64; 3]) -> Report {
        let mut model = Tensor::new([3], x);
        gradcheck(&mut model, |tape, x| tape.record(Distance(at_zero), &[tape.param(x)], [x.shape()])[0])
    }

    #[test]
    fn on_a_kink_any_slope_between_both_sides_is_right() {
        for at_zero in [-1.0, -0.3, 0.0, 1.0] {
            for x in [[0.0; 3], [0.0, 0.7, -1.2]] {
                let report = check_distance(at_zero, x);
                report.assert_within(1e-10);
            }
        }
        let smooth = check_distance(0.0, [0.4, -0.7, 1.0]);
        assert!(smooth.comparisons().iter().all(|comparison| comparison.sides.is_none()), "{smooth}");
    }

    #[test]
    #[should_panic(expected = "a kink: from ")]
    fn on_a_kink_a_slope_beyond_both_sides_is_found() {
        check_distance(1.001, [0.0, 0.7, -1.2]).assert_within(1e-7);
    }

    #[test]
    fn the_model_is_left_as_it_was() {
        let mut model = [Tensor::new([2], [0.1, 0.7]), Tensor::new([2], [0.3, 1.0 / 3.0])];
        let before = model.clone();
        gradcheck(&mut model, |tape, [a, b]| tape.param(a) * tape.param(b));
        assert!(model == before);
    }
}
