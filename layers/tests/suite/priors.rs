//! Divergences from every prior: estimates against quadrature, gradients against finite differences, extreme
//! parameters.

use elbo::engine::gradcheck;
use elbo::prelude::*;
use elbo::{Approximate, ClosedForm, No, Yes};

#[bayesian]
struct Model<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    #[prior(self.prior)]
    weight: Q,
    prior: P,
}

fn softplus(rho: f64) -> f64 {
    rho.max(0.0) + (-rho.abs()).exp().ln_1p()
}

const MEANS: [f64; 3] = [0.4, -1.3, 2.0];
const RHOS: [f64; 3] = [-0.5, 1.0, -3.0];

fn weight() -> MeanField<f64> {
    MeanField { mean: Tensor::new([3], MEANS), rho: Tensor::new([3], RHOS) }
}

fn log_density<P: Prior>(prior: &P, w: &[f64]) -> Vec<f64> {
    // A separate sum for each element.
    let mut tape = Tape::<f64>::inference();
    let at = |w: &f64| {
        tape.reset();
        prior.log_density(tape.constant([1], |_| *w)).item()
    };
    w.iter().map(at).collect()
}

/// ∫ q (ln q − ln p) by the midpoint rule, whose step is far below any scale here.
fn by_quadrature<P: Prior>(prior: &P) -> f64 {
    let steps = 20_000;
    let reach = 10.0;
    let step = 2.0 * reach / f64::from(steps);
    let elements = MEANS.iter().zip(RHOS).map(|(mean, rho)| {
        let sd = softplus(rho);
        let z: Vec<f64> = (0..steps).map(|i| -reach + (f64::from(i) + 0.5) * step).collect();
        let w: Vec<f64> = z.iter().map(|z| mean + sd * z).collect();
        let terms = z.iter().zip(log_density(prior, &w)).map(|(z, ln_p)| {
            let ln_q = -0.5 * (z * z + std::f64::consts::TAU.ln()) - sd.ln();
            (ln_q + sd.ln()).exp() * (ln_q - ln_p)
        });
        terms.sum::<f64>() * step
    });
    elements.sum()
}

/// The mean of many draws is the integral, to within 4 standard errors.
fn check_estimate<P: Prior + Clone>(name: &str, prior: P) {
    let model = Model { weight: weight(), prior: MonteCarlo(prior.clone()) };
    let tape = Tape::new();
    let draws = model.draw(&tape, Drawing::new(Key::new(7)).draws(20_000)).kl().var().unwrap();
    let (draws, exact) = (draws.value(), by_quadrature(&prior));
    let n = draws.len() as f64;
    let mean = draws.iter().sum::<f64>() / n;
    let error = (draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / (n - 1.0) / n).sqrt();
    assert!(n == 20_000.0 && error < 0.05, "{name}: ± {error}");
    assert!((mean - exact).abs() < 4.0 * error, "{name}: {mean} ± {error}, by quadrature {exact}");
}

#[test]
fn estimates_agree_with_quadrature_within_four_standard_errors() {
    check_estimate("normal", Normal(0.3, 0.7));
    check_estimate("normals", Normals(0.1, 2.0));
    check_estimate("laplace", LaplacePrior(0.2, 0.8));
    check_estimate("student t", StudentT(3.0, -0.1, 0.5));
    check_estimate("cauchy", Cauchy(0.5, 0.3));
    check_estimate("two scales", ScaleMixture::two(0.5, 1.0, 0.05));
    check_estimate("three scales", ScaleMixture([0.2, 0.3, 0.5], [3.0, 1.0, 0.2]));
    check_estimate("spike and slab, continuous", ScaleMixture::spike_and_slab(0.2, 2.0, 0.01));
    check_estimate("spike and slab", SpikeAndSlabPrior(0.3, 1.5));
    check_estimate("horseshoe", Horseshoe(0.2));
    check_estimate("log-uniform", LogUniform);
}

fn point(w: &[f64]) -> Point<f64> {
    Point(Tensor::new([w.len()], w))
}

fn check_gradient<Q: Divergence<P, Scalar = f64>, P: PriorFor<f64>>(weight: Q, prior: P) {
    let mut model = Model { weight, prior };
    gradcheck(&mut model, |tape, model| model.draw(tape, Key::new(1)).kl().var().unwrap()).assert_within(1e-7);
}

#[test]
fn gradients_agree_with_differences() {
    let [means, sds] = [[0.1, -2.0, 0.3], [0.5, 3.0, 0.01]].map(|x| Tensor::<f64>::new([3], x));
    let w = [0.4, -1.3, 2.0];
    check_gradient(point(&w), Normals(means.clone(), sds.clone()));
    check_gradient(point(&w), LogUniform);
    check_gradient(point(&w.map(f64::abs)), LogNormalPrior(0.3, 0.8));
    check_gradient(point(&w), MonteCarlo(SpikeAndSlabPrior(0.3, 1.5)));
    check_gradient(point(&w), ScaleMixture([0.2, 0.3, 0.5], [3.0, 1.0, 0.2]));
    check_gradient(weight(), Normals(means, sds));
    check_gradient(weight(), LaplacePrior(0.2, 0.5));
    check_gradient(weight(), LogUniform);
    check_gradient(weight(), MonteCarlo(Horseshoe(0.3)));
    check_gradient(weight(), MonteCarlo(ScaleMixture::two(0.5, 1.0, 0.05)));
}

#[test]
fn a_log_normal_prior_is_a_normal_prior_of_the_logarithm() {
    // ln p(w) = ln N(ln w; mu, sigma²) − ln w.
    for w in [1e-300, 1e-3, 0.7, 1.0, 40.0, 1e200] {
        let [log_normal] = log_density(&LogNormalPrior(0.3, 0.8), &[w])[..] else { unreachable!() };
        let [normal] = log_density(&Normal(0.3, 0.8), &[f64::ln(w)])[..] else { unreachable!() };
        let exact = normal - f64::ln(w);
        assert!((log_normal - exact).abs() <= 1e-14 * exact.abs() + 1e-14, "{w}: {log_normal} {exact}");
    }
    assert_eq!(log_density(&LogNormalPrior(0.0, 1.0), &[0.0, -1.0]), [f64::NEG_INFINITY; 2]);
    assert_eq!(log_density(&HalfCauchy(1.0), &[-1e-9]), [f64::NEG_INFINITY]);
    assert_eq!(log_density(&HalfNormal(1.0), &[-1e-9]), [f64::NEG_INFINITY]);
}

/// Checks that all values and gradients of these closed forms are finite.
fn check_extremes<T: Real, P: PriorFor<T>>(prior: impl Fn() -> P, scale: f64)
where
    MeanField<T>: Divergence<P, Scalar = T, Exact: ClosedForm>,
{
    for rho in [-1e4, -1000.0, -120.0, -90.0, -40.1, -40.0, -39.9, -5.0, 0.0, 1.0, 50.0, 1e4] {
        for away in [0.0, 1e-30, 1.0, -1.0, 1e4, -1e4] {
            let weight = MeanField { mean: Tensor::full([2], away * scale), rho: Tensor::full([2], rho) };
            let model = Model { weight, prior: prior() };
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
            let kl = model.draw(&tape, Key::new(1)).kl();
            kl.var().unwrap().backward(&mut gradients);
            assert_eq!(gradients.iter().count(), 2);
            let finite = gradients.iter().all(|(.., gradient)| gradient.iter().all(|g| g.is_finite()));
            let nats = [kl.nats(), model.weight.kl(&model.prior)];
            assert!(finite && nats.iter().all(|nats| nats.is_finite()), "ρ {rho}, {away} away: {nats:?}");
            // In `f32` the value on the tape may have underflowed.
            assert!((nats[0] - nats[1]).abs() <= 1e-5 * nats[1].abs() + 1e-30, "ρ {rho}, {away} away: {nats:?}");
        }
    }
}

#[test]
fn closed_forms_are_finite_for_every_rho_and_every_mean() {
    fn check<T: Real>() {
        check_extremes::<T, _>(|| Normals(0.0, 0.1), 0.1);
        check_extremes::<T, _>(|| LaplacePrior(0.0, 0.1), 0.1);
        check_extremes::<T, _>(|| LogUniform, 1.0);
    }
    check::<f64>();
    check::<f32>();
}

/// Checks the same for estimates, of a family and of the point that its draw tends to.
fn check_estimated_extremes<T: Real, P: Prior + Clone>(prior: P, scale: f64) {
    for rho in [-1e4, -1000.0, -740.0, -120.0, -90.0, -40.0, -5.0, 0.0, 50.0, 1e4] {
        for away in [1e-30, 1.0, -1.0, 1e4, -1e4] {
            let mean = Tensor::full([2], away * scale);
            let point = Model { weight: Point::<T>(mean.clone()), prior: MonteCarlo(prior.clone()) };
            let rho = Tensor::full([2], rho);
            let family = Model { weight: MeanField { mean, rho }, prior: MonteCarlo(prior.clone()) };
            let what = format!("ρ {:?}, {away} away", family.weight.rho);
            check_estimate_is_finite(&point, &what);
            check_estimate_is_finite(&family, &what);
        }
    }
}

fn check_estimate_is_finite<Q: Divergence<P>, P: PriorFor<Q::Scalar>>(model: &Model<Q, P>, what: &str) {
    for drawing in [Drawing::new(Key::new(1)), Drawing::new(Key::new(1)).path_derivative()] {
        let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
        let kl = model.draw(&tape, drawing).kl();
        kl.var().unwrap().backward(&mut gradients);
        assert!(kl.nats().is_finite(), "{what}: {}", kl.nats());
        assert!(gradients.first_non_finite().is_none(), "{what}");
    }
}

#[test]
fn estimates_are_finite_for_every_rho_and_every_mean() {
    fn check<T: Real>() {
        check_estimated_extremes::<T, _>(Normal(0.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(Normals(0.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(LaplacePrior(0.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(StudentT(3.0, 0.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(Cauchy(0.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(ScaleMixture::two(0.5, 1.0, 0.1), 0.1);
        check_estimated_extremes::<T, _>(ScaleMixture([0.2, 0.3, 0.5], [3.0, 1.0, 0.2]), 1.0);
        check_estimated_extremes::<T, _>(SpikeAndSlabPrior(0.3, 0.1), 0.1);
        check_estimated_extremes::<T, _>(Horseshoe(0.1), 0.1);
        check_estimated_extremes::<T, _>(LogUniform, 1.0);
    }
    check::<f64>();
    check::<f32>();
}

#[test]
fn a_gradient_of_150_in_the_far_tail_is_exact() {
    fn by_mean<P: Prior>(prior: P, mean: f64) -> f32
    where
        MeanField: Divergence<P, Scalar = f32>,
    {
        let model = Model { weight: MeanField::with_sd(Tensor::full([3], mean), 0.01), prior };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        model.draw(&tape, Key::new(1)).kl().var().unwrap().backward(&mut gradients);
        gradients.get("weight.mean").unwrap()[0]
    }
    assert_eq!(by_mean(Normals(0.0, 1.0), 150.0), 150.0);
    assert_eq!(by_mean(LaplacePrior(0.0, 1.0 / 150.0), 20.0), 150.0);
    // Far in a mixture's tail, where both densities underflow to zero.
    let model = Model { weight: Point::<f32>(Tensor::full([1], 150.0)), prior: ScaleMixture::two(0.25, 1.0, 1e-3) };
    let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
    model.draw(&tape, Key::new(1)).kl().var().unwrap().backward(&mut gradients);
    assert_eq!(gradients.get("weight").unwrap(), [150.0]);
}

fn log_uniform() -> Model<MeanField<f64>, LogUniform> {
    Model { weight: weight(), prior: LogUniform }
}

#[test]
fn the_type_distinguishes_exact_fitted_and_estimated_divergences() {
    fn is<M: Bayesian<Exact = Property>, Property>(_: &M) {}
    assert!(Model { weight: weight(), prior: LaplacePrior(0.0, 1.0) }.kl_is_exact());
    assert!(!log_uniform().kl_is_exact());
    is::<_, Approximate<(MeanField<f64>, LogUniform)>>(&log_uniform());
    // A model with a fitted form counts as fitted, unless it also has an estimate.
    is::<_, Approximate<(MeanField<f64>, LogUniform)>>(&(
        Model { weight: weight(), prior: LaplacePrior(0.0, 1.0) },
        log_uniform(),
        log_uniform(),
    ));
    is::<_, No<(MeanField<f64>, MonteCarlo<LogUniform>)>>(&(
        log_uniform(),
        Model { weight: weight(), prior: MonteCarlo(LogUniform) },
    ));
    is::<_, Yes>(&Model { weight: point(&[1.0]), prior: Cauchy(0.0, 1.0) });
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let step = |threads| {
        elbo::with_threads(threads, || {
            let mean = Tensor::<f32>::from_fn([123_457], |i| (i as f64 * 0.37).sin());
            let model = Model { weight: MeanField::with_sd(mean, 0.1), prior: LaplacePrior(0.0, 0.3) };
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
            let kl = model.draw(&tape, Key::new(1)).kl();
            kl.var().unwrap().backward(&mut gradients);
            let gradients = gradients.iter().flat_map(|(.., gradient)| gradient.iter().map(|g| g.to_bits()));
            (kl.nats().to_bits(), model.kl().to_bits(), gradients.collect::<Vec<_>>())
        })
    };
    let alone = step(1);
    assert_eq!(alone.2.len(), 2 * 123_457);
    for threads in [2, 3] {
        assert!(step(threads) == alone, "{threads} threads");
    }
}
