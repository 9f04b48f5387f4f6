//! Tests of the fused draw and divergence against formulas written out, in double precision.

use crate::engine::random::normals;
use crate::engine::{Visitor, VisitorMut, gradcheck, with_threads};
use crate::sampling::{Cx, Drawing, FixedNoise};
use crate::{Adam, Divergence, Gradients, Key, MeanField, Normal, Optimizer, Parameters, Path, Posterior};
use crate::{Real, Tape, Tensor, Var};

/// Around every multiple of a block, a work item, and the length from which threads share.
const LENGTHS: [usize; 10] = [1, 3, 63, 64, 65, 200, 4095, 4096, 4200, 8300];

/// Where a branch changes, and far beyond: the exponential of the last underflows in any format.
const RHOS: [f64; 15] =
    [-1e4, -1000.0, -120.0, -90.0, -40.1, -40.0, -39.9, -5.0, -1e-3, 0.0, 0.5, 1.0, 20.0, 1000.0, 1e4];

fn softplus(rho: f64) -> f64 {
    rho.max(0.0) + (-rho.abs()).exp().ln_1p()
}

fn sigmoid(rho: f64) -> f64 {
    if rho < 0.0 { rho.exp() / (1.0 + rho.exp()) } else { 1.0 / (1.0 + (-rho).exp()) }
}

/// KL(N(μ, softplus(ρ)²) ‖ N(m, s²)), and the sum of its terms' sizes.
fn by_the_formula(mean: f64, rho: f64, prior: Normal) -> (f64, f64) {
    let ln_sd = if rho < -30.0 { rho - 0.5 * rho.exp() } else { softplus(rho).ln() };
    let terms = [
        prior.sd().ln(),
        -ln_sd,
        0.5 * (softplus(rho) / prior.sd()).powi(2),
        0.5 * ((mean - prior.mean()) / prior.sd()).powi(2),
        -0.5,
    ];
    (terms.iter().sum(), terms.iter().map(|term| term.abs()).sum())
}

fn numbers(len: usize, name: &str) -> Vec<f64> {
    let mut numbers = vec![0.0; len];
    normals(Key::new(0).at(name), 0, &mut numbers);
    numbers
}

fn posterior<T: Real>(len: usize) -> MeanField<T> {
    let (mean, rho) = (numbers(len, "mean"), numbers(len, "rho"));
    MeanField { mean: Tensor::from_fn([len], |i| mean[i]), rho: Tensor::from_fn([len], |i| 3.0 * rho[i] - 1.0) }
}

fn with_key<T: Real>(tape: &Tape<T>, key: Key) -> Cx<'_, T> {
    let (key, mode) = Drawing::new(key).mode();
    Cx::new(tape, key, mode)
}

fn kl_on<'t, T: Real>(tape: &'t Tape<T>, q: &'t MeanField<T>, prior: Normal) -> Var<'t, T> {
    Divergence::<Normal>::kl_on(q, tape.alloc(prior), with_key(tape, Key::new(0)), &|| {
        unreachable!("it is a closed form")
    })
}

fn draw<'t, T: Real>(tape: &'t Tape<T>, q: &'t MeanField<T>, prior: Normal, key: Key) -> [Var<'t, T>; 2] {
    Divergence::<Normal>::sample_with_kl(q, tape.alloc(prior), with_key(tape, key)).expect("the pair is fused").into()
}

fn variance<'t, T: Real>(tape: &'t Tape<T>, q: &'t MeanField<T>, prior: Normal) -> [Var<'t, T>; 2] {
    Divergence::<Normal>::variance_with_kl(q, tape.alloc(prior), with_key(tape, Key::new(0)))
        .expect("the pair is fused")
        .into()
}

/// A fixed, uneven combination of the elements.
fn combined<'t>(w: Var<'t, f64>) -> Var<'t, f64> {
    let weights = numbers(w.value().len(), "combined");
    (w * w.tape().constant(w.shape(), |i| weights[i])).sum()
}

#[test]
fn the_divergence_is_the_formula_everywhere() {
    for prior in [Normal(0.0, 1.0), Normal(-0.3, 0.1), Normal(2.0, 1e-6), Normal(0.0, 1e5)] {
        for away in [0.0, 0.7, -3.0, 1e4, -1e4] {
            for rho in RHOS {
                let mean = prior.mean() + away * prior.sd();
                let q = MeanField::<f64> { mean: Tensor::new([1], [mean]), rho: Tensor::new([1], [rho]) };
                let (exact, size) = by_the_formula(mean, rho, prior);
                let tape = Tape::new();
                for nats in [q.kl(&prior), kl_on(&tape, &q, prior).item()] {
                    assert!((nats - exact).abs() <= 1e-13 * size, "{prior:?} μ {mean} ρ {rho}: {nats} {exact}");
                }
                // The same with numbers that f32 can represent.
                let (mean, rho) = (mean as f32, rho as f32);
                let q = MeanField::<f32> { mean: Tensor::new([1], [mean]), rho: Tensor::new([1], [rho]) };
                let exact_prior = Normal(f64::from(prior.mean() as f32), prior.sd());
                let (exact, size) = by_the_formula(mean.into(), rho.into(), exact_prior);
                let tape = Tape::new();
                let nats = kl_on(&tape, &q, prior).item();
                assert!((nats - exact).abs() <= 1e-6 * size, "{prior:?} μ {mean} ρ {rho}: {nats} {exact}");
            }
        }
    }
}

#[test]
fn the_divergence_of_any_length_is_the_sum() {
    fn check<T: Real>(tolerance: f64) {
        let prior = Normal(0.1, 0.5);
        for len in LENGTHS {
            let q = posterior::<T>(len);
            let pairs = q.mean.data().iter().zip(q.rho.data());
            let terms: Vec<_> = pairs.map(|(m, r)| by_the_formula(m.to_f64(), r.to_f64(), prior)).collect();
            let (exact, size) = terms.iter().fold((0.0, 0.0), |(a, b), (x, y)| (a + x, b + y));
            assert!((q.kl(&prior) - exact).abs() <= 1e-13 * size, "{len}");
            let tape = Tape::new();
            for nats in [kl_on(&tape, &q, prior), draw(&tape, &q, prior, Key::new(1))[1]] {
                assert!((nats.item() - exact).abs() <= tolerance * size, "{len}: {nats:?} {exact}");
            }
        }
    }
    check::<f64>(1e-13);
    check::<f32>(2e-7);
}

#[test]
fn many_equal_weights_lose_no_digits() {
    // Rounding errors do not average out if all elements are equal.
    fn check<T: Real>(tolerance: f64) {
        let q = MeanField::<T>::with_sd(Tensor::full([477_610], 0.05), 0.05);
        let exact = 477_610.0 * ((1.0 / 0.05f64).ln() + 0.5 * (0.05f64.powi(2) * 2.0) - 0.5);
        let tape = Tape::new();
        assert!((q.kl(&Normal(0.0, 1.0)) / exact - 1.0).abs() < tolerance);
        assert!((kl_on(&tape, &q, Normal(0.0, 1.0)).item() / exact - 1.0).abs() < tolerance);
    }
    check::<f64>(1e-12);
    check::<f32>(1e-6);
}

#[test]
fn gradients_agree_with_differences_apart_and_together() {
    let prior = Normal(0.1, 0.7);
    for len in [1, 64, 100, 4200] {
        let mut q = posterior::<f64>(len);
        let key = Key::new(3).at("weight");
        gradcheck(&mut q, |tape, q| combined(draw(tape, q, prior, key)[0])).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| combined(q.sample(with_key(tape, key)))).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| draw(tape, q, prior, key)[1]).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| kl_on(tape, q, prior)).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| {
            let [weight, kl] = draw(tape, q, prior, key);
            combined(weight.tanh()) + kl * 0.3
        })
        .assert_within(1e-7);
    }
}

#[test]
fn the_variance_and_its_gradients_are_those_of_the_formula() {
    let prior = Normal(0.1, 0.7);
    for len in [1, 64, 100, 4200] {
        let mut q = posterior::<f64>(len);
        let tape = Tape::new();
        let [made, kl] = variance(&tape, &q, prior);
        assert_eq!(kl.item(), kl_on(&tape, &q, prior).item());
        for (made, rho) in made.value().iter().zip(q.rho.data()) {
            assert!((made / softplus(*rho).powi(2) - 1.0).abs() < 1e-13, "{rho}: {made}");
        }
        gradcheck(&mut q, |tape, q| combined(variance(tape, q, prior)[0])).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| variance(tape, q, prior)[1]).assert_within(1e-7);
        gradcheck(&mut q, |tape, q| {
            let [variance, kl] = variance(tape, q, prior);
            combined(variance.tanh()) + kl * 0.3
        })
        .assert_within(1e-7);
        let (together, apart) = (Tape::new(), Tape::new());
        let [mut fused, mut plain] = [Gradients::of(&q), Gradients::of(&q)];
        let [made, kl] = variance(&together, &q, prior);
        (combined(made) + kl * 0.0).backward(&mut fused);
        combined(apart.param(&q.rho).softplus().square()).backward(&mut plain);
        assert!(fused.get("mean").unwrap().iter().all(|&g| g == 0.0));
        for (a, b) in fused.get("rho").unwrap().iter().zip(plain.get("rho").unwrap()) {
            assert!((a - b).abs() <= 1e-14 * b.abs(), "{a} {b}");
        }
    }
}

#[test]
fn gradients_of_several_draws_before_one_backward_agree_with_differences() {
    let prior = Normal(0.0, 1.0);
    for draws in [2, 3, 10, 32] {
        let mut q = posterior::<f64>(70);
        let report = gradcheck(&mut q, |tape, q| {
            let losses = (0..draws).map(|number| {
                let [weight, kl] = draw(tape, q, prior, Key::new(3).draw(number));
                combined(weight.tanh()) + kl * 0.1
            });
            losses.reduce(|sum, loss| sum + loss).expect("there are draws")
        });
        report.assert_within(1e-7);
    }
}

/// A posterior, and fixed noise for drawing its weight.
struct Replayed {
    q: MeanField<f64>,
    noise: FixedNoise<f64>,
}

impl Parameters for Replayed {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        self.q.visit(path, f);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        self.q.visit_mut(path, f);
    }
}

#[test]
fn fixed_noise_replays_a_draw_forward_and_backward() {
    let (len, prior, key) = (200, Normal(0.0, 1.0), Key::new(0).at("weight"));
    let mut noise = vec![0.0; len];
    normals(key, 0, &mut noise);
    let mut model =
        Replayed { q: posterior(len), noise: FixedNoise::new().set("weight", Tensor::new([len], noise.clone())) };
    fn replay<'t>(tape: &'t Tape<f64>, model: &'t Replayed, prior: Normal) -> [Var<'t, f64>; 2] {
        let (key, mode) = Drawing::new(Key::new(0)).noise(&model.noise).mode();
        let cx = Cx::new(tape, key, mode).at("weight");
        Divergence::<Normal>::sample_with_kl(&model.q, tape.alloc(prior), cx).expect("the pair is fused").into()
    }
    let tape = Tape::new();
    let [replayed, drawn] = [replay(&tape, &model, prior)[0], draw(&tape, &model.q, prior, key)[0]];
    assert_eq!(replayed.value(), drawn.value());
    let elements = replayed.value().iter().zip(&noise).zip(model.q.mean.data()).zip(model.q.rho.data());
    for (((w, e), mean), rho) in elements {
        assert!((w - (mean + softplus(*rho) * e)).abs() <= 1e-14 * (1.0 + mean.abs() + w.abs()));
    }
    gradcheck(&mut model, |tape, model| {
        let [weight, kl] = replay(tape, model, prior);
        combined(weight.square()) + kl
    })
    .assert_within(1e-7);
}

#[test]
fn gradients_are_exact_and_finite_at_the_extremes() {
    fn check<T: Real>(tolerance: f64) {
        for prior in [Normal(0.0, 1.0), Normal(0.5, 0.1)] {
            for away in [0.0, 1e4, -1e4, 1.5] {
                let mean = T::from_f64(prior.mean() + away * prior.sd());
                let q = MeanField::<T> {
                    mean: Tensor::full([RHOS.len()], mean.to_f64()),
                    rho: Tensor::from_fn([RHOS.len()], |i| RHOS[i]),
                };
                let mut gradients = Gradients::of(&q);
                let tape = Tape::new();
                let [weight, kl] = draw(&tape, &q, prior, Key::new(1));
                assert!(weight.value().iter().all(|w| w.is_finite()) && kl.item().is_finite());
                tape.backward(&[(weight.sum(), T::ZERO), (kl, T::ONE)], &mut gradients);
                let [by_mean, by_rho] = ["mean", "rho"].map(|name| gradients.get(name).unwrap());
                for (i, rho) in RHOS.map(|rho| T::from_f64(rho).to_f64()).into_iter().enumerate() {
                    let exact = (mean.to_f64() - prior.mean()) / prior.sd().powi(2);
                    assert!((by_mean[i].to_f64() - exact).abs() <= tolerance * exact.abs(), "{exact} {}", by_mean[i]);
                    let ratio = if rho < -30.0 { 1.0 } else { sigmoid(rho) / softplus(rho) };
                    let pull = sigmoid(rho) * softplus(rho) / prior.sd().powi(2);
                    let error = (by_rho[i].to_f64() - (pull - ratio)).abs();
                    assert!(error <= tolerance * (pull + ratio), "ρ {rho}: {} {}", by_rho[i], pull - ratio);
                }
                assert_eq!(by_rho[0].to_f64(), -1.0);
            }
        }
    }
    check::<f64>(1e-14);
    check::<f32>(1e-6);
}

#[test]
fn the_backward_pass_uses_the_noise_of_the_key_at_any_scale() {
    fn check<T: Real>(unit: f64) {
        let (len, key) = (64 * 120, Key::new(5).at("weight"));
        let mut noise = vec![T::ZERO; len];
        normals(key, 0, &mut noise);
        // Blocks with σ from 1e-12 to 1, and weights of either sign around one.
        let rho = |i: usize| -27.6 + 27.6 * (i / 64) as f64 / 119.0;
        let q = MeanField::<T> {
            mean: Tensor::from_fn([len], |i| (1.0 + (i as f64).sin()) * if i % 2 == 0 { 0.7 } else { -0.7 }),
            rho: Tensor::from_fn([len], rho),
        };
        let mut gradients = Gradients::of(&q);
        let tape = Tape::new();
        tape.backward(&[(draw(&tape, &q, Normal(0.0, 1.0), key)[0].sum(), T::ONE)], &mut gradients);
        for (i, (found, noise)) in gradients.get("rho").unwrap().iter().zip(&noise).enumerate() {
            let slope = sigmoid(q.rho.data()[i].to_f64());
            let error = (found.to_f64() / slope - noise.to_f64()).abs();
            assert!(error <= 32.0 * unit + 8.0 * unit * noise.to_f64().abs(), "{i}: {error:e}");
        }
    }
    check::<f32>(2f64.powi(-24));
    check::<f64>(2f64.powi(-53));
}

#[test]
fn the_gradient_of_a_perturbation_is_its_noise_at_any_scale() {
    fn check<T: Real>(tolerance: f64) {
        let rhos = [-80.0, -40.0, -5.0, -1e-3, 0.0, 0.5, 20.0, 1000.0];
        let (len, key) = (200, Key::new(5).at("weight"));
        let mut noise = vec![T::ZERO; len];
        normals(key, 0, &mut noise);
        let q = MeanField::<T> { mean: Tensor::zeros([len]), rho: Tensor::from_fn([len], |i| rhos[i % rhos.len()]) };
        let mut gradients = Gradients::of(&q);
        let tape = Tape::new();
        crate::fused::perturbation(&q.rho, with_key(&tape, key)).sum().backward(&mut gradients);
        for (i, (found, noise)) in gradients.get("rho").unwrap().iter().zip(&noise).enumerate() {
            let exact = noise.to_f64() * sigmoid(q.rho.data()[i].to_f64());
            assert!((found.to_f64() - exact).abs() <= tolerance * exact.abs(), "{i}: {found:?} {exact}");
        }
    }
    check::<f32>(1e-6);
    check::<f64>(1e-14);
}

#[test]
fn nan_parameters_do_not_affect_their_neighbours() {
    let mut q = posterior::<f32>(64);
    let gradient = |q: &MeanField<f32>| {
        let mut gradients = Gradients::of(q);
        let tape = Tape::new();
        draw(&tape, q, Normal(0.0, 1.0), Key::new(1))[0].sum().backward(&mut gradients);
        gradients.get("rho").unwrap().to_vec()
    };
    let before = gradient(&q);
    q.mean.data_mut()[7] = f32::NAN;
    for (i, (after, before)) in gradient(&q).iter().zip(&before).enumerate().filter(|(i, _)| *i != 7) {
        assert!((after - before).abs() <= 4e-6 * before.abs().max(1.0), "{i}: {after} {before}");
    }
}

#[test]
fn where_the_exact_gradient_is_150_it_is_150() {
    let q = MeanField::<f32>::with_sd(Tensor::full([100], 150.0), 0.01);
    let mut gradients = Gradients::of(&q);
    let tape = Tape::new();
    draw(&tape, &q, Normal(0.0, 1.0), Key::new(1))[1].backward(&mut gradients);
    assert_eq!(gradients.get("mean").unwrap(), [150.0; 100]);
}

#[test]
fn a_divergence_of_weight_zero_adds_nothing_even_where_it_overflows() {
    let q = MeanField::<f32>::with_sd(Tensor::full([70], 1e30), 1.0);
    let mut gradients = Gradients::of(&q);
    let tape = Tape::new();
    let [weight, kl] = draw(&tape, &q, Normal(0.0, 1e-20), Key::new(1));
    tape.backward(&[(weight.sum(), 1.0), (kl, 0.0)], &mut gradients);
    assert_eq!(gradients.get("mean").unwrap(), [1.0; 70]);
}

#[test]
fn a_nan_parameter_makes_the_divergence_nan() {
    for (mean, rho) in [(f64::NAN, 0.0), (0.0, f64::NAN), (f64::INFINITY, 0.0), (0.0, f64::NEG_INFINITY)] {
        let mut q = posterior::<f32>(100);
        q.mean.data_mut()[70] = mean as f32;
        q.rho.data_mut()[70] = rho as f32;
        assert!(!q.kl(&Normal(0.0, 1.0)).is_finite());
        let tape = Tape::new();
        assert!(!draw(&tape, &q, Normal(0.0, 1.0), Key::new(1))[1].item().is_finite());
    }
}

#[test]
fn any_number_of_threads_gives_the_same_bits() {
    let steps = |threads| {
        with_threads(threads, || {
            let mut q = posterior::<f32>(300 * 401 + 7);
            let (mut gradients, mut adam) = (Gradients::of(&q), Adam::new(1e-2));
            let mut seen = Vec::new();
            let mut tape = Tape::new();
            for step in 0..3 {
                tape.reset();
                let [weight, kl] = draw(&tape, &q, Normal(0.0, 1.0), Key::new(1).step(step));
                seen.extend_from_slice(weight.value());
                seen.extend_from_slice(kl.value());
                tape.backward(&[(weight.square().sum(), 1.0), (kl, 1e-3)], &mut gradients);
                seen.extend(gradients.iter().flat_map(|(.., gradient)| gradient));
                adam.step(&mut q, &mut gradients);
                q.visit(&Path::ROOT, &mut |_, _, tensor| seen.extend_from_slice(tensor.data()));
            }
            seen.into_iter().map(f32::to_bits).collect::<Vec<_>>()
        })
    };
    let alone = steps(1);
    for threads in [2, 3] {
        assert!(steps(threads) == alone, "{threads} threads");
    }
}
