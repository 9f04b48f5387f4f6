//! Gradient checking: compares the tape's gradient with finite differences.
//!
//! To test an operation, run [`gradcheck`] at a few random points on both sides of every branch.

mod differences;
mod report;

use differences::Quotients;
pub use report::{Comparison, Report};

use crate::random::{Key, normals};
use crate::{Gradients, Order, Parameters, Path, Tape, Var};

/// Directions that are tried for every parameter.
const DIRECTIONS: usize = 3;

/// Above this relative error, look for a kink.
const DOUBTFUL: f64 = 1e-9;

/// Compares the gradient of `f` with finite differences of its values.
///
/// `f` puts parameters of `model` on the tape, with [`Tape::param`], and returns a value of any shape; several elements
/// are weighted with random numbers and summed. For each learned parameter the derivative along some random
/// differences in steps that are halved and extrapolated to zero (C. J. F. Ridders, "Accurate computation of F′(x) and
/// F′(x)F″(x)", 1982). A correct gradient of a smooth function agrees to 1e-9 or better; 1e-7 is a good bound.
///
/// `f` must return the same value every time, and be smooth within about 0.05 of the parameters, on the line through
/// them or on either side: parameters may lie on a kink, such as that of |x| at 0, but not near one. On a kink, the
/// derivatives of each element of the value from the left and from the right are computed separately, and the tape's is
/// right if each element's lies between them ([`Comparison::sides`]). Pass data by [`Tape::constant`], labels by
/// [`Tape::alloc_slice`].
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
    let weights = weighted_backward(model, &f, &mut gradients);
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

/// The initial value of a learned parameter.
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
fn weighted_backward<M, F>(model: &M, f: &F, gradients: &mut Gradients<f64>) -> Vec<f64>
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

/// Random numbers of both signs, none of them small: a wrong element shows in any inner product.
fn random(draw: usize, name: &str, len: usize) -> Vec<f64> {
    let mut numbers = vec![0.0; len];
    normals(Key::new(0).at(name).draw(draw), 0, &mut numbers);
    numbers.iter().map(|x: &f64| x.signum() * (0.5 + x.abs() / (1.0 + x.abs()))).collect()
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

    /// x³ with a derivative that is wrong by the relative error `.0`.
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

    /// |x| with the derivative `.0` at 0.
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
