//! Checks that the tests of all posterior families share: moments, outputs, divergences, gradients, extremes.

#![allow(unreachable_pub)]

use elbo::engine::gradcheck;
use elbo::prelude::*;
use elbo::{Density, FixedNoise};

/// A weight on its own, of any family under any prior.
#[bayesian]
#[derive(Clone)]
pub struct One<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    #[prior(self.prior)]
    pub weight: Q,
    pub prior: P,
}

const DRAWS: usize = 20_000;

/// Standard errors within which an estimate has to lie.
const ERRORS: f64 = 4.0;

/// Numbers without a pattern, between −1 and 1.
pub fn number(i: usize) -> f64 {
    (i as f64 * 1.7 + 0.4).sin()
}

/// A fixed, uneven combination of the elements.
pub fn combined<'t>(w: Var<'t, f64>) -> Var<'t, f64> {
    (w * w.tape().constant(w.shape(), |i| (i as f64 * 0.9 + 1.0).cos())).sum()
}

/// Samples, one behind the other.
pub fn samples<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(model: &One<Q, P>) -> Vec<f64> {
    let tape = Tape::inference();
    let net = model.draw(&tape, Drawing::new(Key::new(1)).draws(DRAWS));
    net.weight.value().to_vec()
}

/// Checks that the mean of `values` is `expected`, within [`ERRORS`] standard errors.
pub fn assert_mean(values: impl Iterator<Item = f64> + Clone, expected: f64, what: &str) {
    let n = values.clone().count() as f64;
    let mean = values.clone().sum::<f64>() / n;
    let error = (values.map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    assert!((mean - expected).abs() <= ERRORS * error, "{what}: {mean} ± {error}, exactly {expected}");
}

/// Checks that the sample drawn with this noise has the elements `expected`.
pub fn check_sample<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(
    model: &One<Q, P>,
    noise: &FixedNoise<f64>,
    expected: impl Fn(usize) -> f64,
) {
    let tape = Tape::inference();
    let weight = model.draw(&tape, Drawing::new(Key::new(0)).noise(noise)).weight;
    for (i, &w) in weight.value().iter().enumerate() {
        assert!((w - expected(i)).abs() < 1e-14, "element {i}: {w} instead of {}", expected(i));
    }
}

/// Checks that a new `weight` with these means has the divergence and the draw of a new mean-field normal.
pub fn check_starts_like_mean_field<Q: Divergence<Normal, Scalar = f64>>(weight: Q, mean: &Tensor<f64>) {
    let prior = Normal(0.0, 1.0);
    let mean_field = MeanField { mean: mean.clone(), rho: Tensor::full(mean.shape(), -5.0) };
    let [found, expected] = [One { weight, prior }.start(), One { weight: mean_field, prior }.start()];
    assert!((found.0 - expected.0).abs() < 1e-12, "{} instead of {}", found.0, expected.0);
    assert_eq!((&found.1, mean.shape()), (&expected.1, &found.1[..]));
    assert!(found.2.iter().zip(&expected.2).all(|(a, b)| (a - b).abs() < 1e-15));
}

impl<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>> One<Q, P> {
    /// The divergence, and the shape and elements of a draw.
    fn start(&self) -> (f64, Vec<usize>, Vec<f64>) {
        let tape = Tape::inference();
        let net = self.draw(&tape, Key::new(1));
        (net.kl().nats(), net.weight.shape().to_vec(), net.weight.value().to_vec())
    }
}

/// Checks that samples have this mean and covariance.
pub fn check_moments<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(
    model: &One<Q, P>,
    mean: impl Fn(usize) -> f64,
    covariance: impl Fn(usize, usize) -> f64,
) {
    let samples = samples(model);
    let n = samples.len() / DRAWS;
    let rows = || samples.chunks_exact(n);
    for i in 0..n {
        assert_mean(rows().map(|w| w[i]), mean(i), &format!("mean of element {i}"));
        for j in 0..=i {
            let products = rows().map(|w| (w[i] - mean(i)) * (w[j] - mean(j)));
            assert_mean(products, covariance(i, j), &format!("covariance of elements {i} and {j}"));
        }
    }
    let tape = Tape::inference();
    let at_mean = model.mean(&tape).weight.value();
    assert!((0..n).all(|i| (at_mean[i] - mean(i)).abs() < 1e-12), "the mean itself");
}

/// Checks that outputs x wᵀ of a weight of shape (outputs, inputs) with this estimator have the mean and variance that
/// uncorrelated elements imply.
pub fn check_outputs<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(
    model: &One<Q, P>,
    estimator: Estimator,
    mean: impl Fn(usize) -> f64,
    variance: impl Fn(usize) -> f64,
) {
    let [outputs, inputs] = *model.weight.shape() else { panic!("a matrix is needed") };
    let tape = Tape::inference();
    let net = model.draw(&tape, Drawing::new(Key::new(6)).draws(DRAWS).estimator(estimator));
    let x = |j: usize| number(j + 3);
    let y = tape.constant([1, inputs], x).linear(net.weight).value();
    for i in 0..outputs {
        let of_row = |f: &dyn Fn(usize) -> f64, power: i32| -> f64 {
            (0..inputs).map(|j| x(j).powi(power) * f(i * inputs + j)).sum()
        };
        let (mean, variance) = (of_row(&mean, 1), of_row(&variance, 2));
        let values = y.iter().skip(i).step_by(outputs);
        assert_mean(values.clone().copied(), mean, &format!("mean of output {i}"));
        assert_mean(values.map(|y| (y - mean).powi(2)), variance, &format!("variance of output {i}"));
    }
}

/// Checks that the mean of ln q(w) − ln p(w) over samples is the closed form.
pub fn check_divergence<Q, P>(model: &One<Q, P>)
where
    Q: Divergence<P, Scalar = f64, Exact = elbo::Yes> + Density + Clone,
    P: PriorFor<f64> + Clone,
{
    let estimated = One::<Q, MonteCarlo<P>> { weight: model.weight.clone(), prior: MonteCarlo(model.prior.clone()) };
    let tape = Tape::inference();
    let net = estimated.draw(&tape, Drawing::new(Key::new(2)).draws(DRAWS));
    let kl = net.kl().var().unwrap().value();
    assert_eq!(kl.len(), DRAWS);
    assert_mean(kl.iter().copied(), model.kl(), "the divergence");
}

/// Checks that the closed form is equal with and without a tape, to the tape's precision, in both scalar types.
pub fn check_closed_form<Q, P, R>(double: &One<Q, P>, single: &One<R, P>)
where
    Q: Divergence<P, Scalar = f64, Exact = elbo::Yes>,
    R: Divergence<P, Scalar = f32, Exact = elbo::Yes>,
    P: PriorFor<f64> + PriorFor<f32>,
{
    let tape = Tape::new();
    let (on_tape, exact) = (double.draw(&tape, Key::new(1)).kl().nats(), double.kl());
    assert!((on_tape - exact).abs() <= 1e-13 * exact.abs(), "{on_tape} {exact}");
    let tape = Tape::new();
    let (on_tape, exact) = (single.draw(&tape, Key::new(1)).kl().nats(), single.kl());
    assert!((on_tape - exact).abs() <= 1e-5 * exact.abs(), "{on_tape} {exact}");
}

/// Checks that gradients of sample and divergence agree with finite differences, with given noise and with a key's.
pub fn check_gradients<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(
    model: &mut One<Q, P>,
    noise: FixedNoise<f64>,
    tolerance: f64,
) {
    // A check's closure is for a tape of any lifetime.
    let noise: &'static FixedNoise<f64> = Box::leak(Box::new(noise));
    let key = Key::new(3);
    for how in [Drawing::new(key).noise(noise), key.into()] {
        let report = gradcheck(model, |tape, model| combined(model.draw(tape, how).weight.tanh()));
        assert!(!report.comparisons().is_empty());
        report.assert_within(tolerance);
        gradcheck(model, |tape, model| model.draw(tape, how).kl().var().unwrap()).assert_within(tolerance);
        gradcheck(model, |tape, model| {
            let net = model.draw(tape, how);
            combined(*net.weight) + net.kl().var().unwrap() * 0.3
        })
        .assert_within(tolerance);
    }
}

/// Checks the same for the density, through an estimated divergence.
pub fn check_density_gradients<Q, P>(model: &One<Q, P>, tolerance: f64)
where
    Q: Divergence<P, Scalar = f64> + Density + Clone,
    P: PriorFor<f64> + Clone,
{
    let mut estimated =
        One::<Q, MonteCarlo<P>> { weight: model.weight.clone(), prior: MonteCarlo(model.prior.clone()) };
    gradcheck(&mut estimated, |tape, model| model.draw(tape, Key::new(4)).kl().var().unwrap()).assert_within(tolerance);
    check_draws(&estimated);
}

/// Checks that several draws at once equal the draws one by one, bit for bit, and their gradients the mean of these
/// draws'; and that the draws of an antithetic pair differ.
pub fn check_draws<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(model: &One<Q, P>) {
    const AT_ONCE: usize = 3;
    fn loss<'t>(weight: Var<'t, f64>, kl: elbo::Kl<'t, f64>) -> Var<'t, f64> {
        combined(weight.tanh()) + kl.var().unwrap() * 0.3
    }
    let (tape, key) = (Tape::new(), Key::new(5).draw(2));
    let net = model.draw(&tape, Drawing::new(key).draws(AT_ONCE));
    let together = net.weight.value();
    let mut gradients = Gradients::of(model);
    loss(*net.weight, net.kl()).backward(&mut gradients);
    let mut one_by_one = Gradients::of(model);
    for (i, together) in together.chunks_exact(together.len() / AT_ONCE).enumerate() {
        let tape = Tape::new();
        let net = model.draw(&tape, key.draw(2 + i));
        assert_eq!(net.weight.value(), together);
        tape.backward(&[(loss(*net.weight, net.kl()), 1.0 / AT_ONCE as f64)], &mut one_by_one);
    }
    assert_eq!(gradients.iter().count(), one_by_one.iter().count());
    for ((name, _, together), (_, _, one_by_one)) in gradients.iter().zip(one_by_one.iter()) {
        assert_close(together, one_by_one, 1e-12, name);
    }
    assert!(gradients.iter().any(|(.., gradient)| gradient.iter().any(|&g| g != 0.0)));
    let pair = model.draw(&tape, Drawing::new(key).antithetic_pairs(1)).weight.value();
    let (first, second) = pair.split_at(pair.len() / 2);
    assert_eq!(first, &together[..first.len()]);
    assert_ne!(first, second);
}

/// The largest of |a − b| relative to the largest |b|.
pub fn assert_close(a: &[f64], b: &[f64], tolerance: f64, what: &str) {
    assert_eq!(a.len(), b.len(), "{what}");
    let largest = b.iter().fold(0.0, |largest: f64, b| largest.max(b.abs()));
    for (a, b) in a.iter().zip(b) {
        assert!((a - b).abs() <= tolerance * largest, "{what}: {a} instead of {b}");
    }
}

/// Checks that values and gradients of sample and divergence stay finite for extreme ρ and means.
pub fn check_extremes<Q, P>(model: &One<Q, P>, sd: f64)
where
    Q: Divergence<P, Scalar = f64, Exact = elbo::Yes> + Clone,
    P: PriorFor<f64> + Clone,
{
    for rho in [-1e4, -100.0, 0.0, 1e4] {
        for mean in [0.0, 1e4, -1e4] {
            let mut model = One { weight: model.weight.clone(), prior: model.prior.clone() };
            model.visit_mut(&elbo::Path::ROOT, &mut |path, role, tensor| {
                if path.to_string().ends_with("rho") {
                    tensor.data_mut().fill(rho);
                } else if role == elbo::Role::Mean {
                    tensor.data_mut().fill(mean * sd);
                }
            });
            let mut gradients = Gradients::of(&model);
            let tape = Tape::new();
            let net = model.draw(&tape, Key::new(1));
            (net.kl().var().unwrap() + combined(*net.weight)).backward(&mut gradients);
            assert!(model.kl().is_finite() && net.kl().nats().is_finite(), "ρ {rho}, μ {mean}");
            assert!(gradients.first_non_finite().is_none(), "ρ {rho}, μ {mean}");
        }
    }
}
