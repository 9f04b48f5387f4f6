//! Every layer with every posterior family under every prior: draws, divergences, gradients and a step.

use elbo::nn::Conv1d;
use elbo::prelude::*;

/// Draws a layer, and takes every gradient.
fn check<M>(what: &str, mut layer: M, input: &[usize], output: &[usize], weights: &[&str])
where
    M: Bayesian + Parameters<Scalar = f32>,
    for<'t> M::Draw<'t>: Forward<'t, Var<'t>, Out = Var<'t>>,
{
    let x = Tensor::from_fn(input, |i| (0.7 * i as f64 + 0.3).sin());
    let step = |layer: &M, gradients: &mut Gradients| {
        let tape = Tape::new();
        let net = layer.draw(&tape, Key::new(4));
        let y = net.forward(tape.input(&x));
        assert_eq!(y.shape(), output, "{what}");
        let mut terms = Vec::new();
        net.each_kl(&elbo::Path::ROOT, &mut |path, nats| terms.push((path.to_string(), nats.item())));
        let names: Vec<_> = terms.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, weights, "{what}");
        assert!(terms.iter().all(|(_, nats)| nats.is_finite()), "{what}: {terms:?}");
        let total: f64 = terms.iter().map(|(_, nats)| nats).sum();
        assert!((net.kl().nats() - total).abs() <= 1e-5 * (1.0 + total.abs()), "{what}: {terms:?}");
        (y.square().sum() + net.kl().var().unwrap()).backward(gradients);
        y.square().sum().item() + net.kl().nats()
    };
    let mut gradients = Gradients::of(&layer);
    step(&layer, &mut gradients);
    assert!(gradients.first_non_finite().is_none(), "{what}: {:?}", gradients.first_non_finite());
    // Every learned parameter has a gradient; a factor of one row has no elements below the diagonal.
    layer.visit(&elbo::Path::ROOT, &mut |path, role, tensor| {
        let moves = || gradients.get(&path.to_string()).is_some_and(|gradient| gradient.iter().any(|&g| g != 0.0));
        assert!(tensor.is_empty() || !role.is_learned() || moves(), "{what}: `{path}` learns nothing");
    });
    // A step changes the layer, and every parameter stays finite.
    let mut adam = Adam::new(1e-3);
    adam.step(&mut layer, &mut gradients);
    assert!(step(&layer, &mut gradients).is_finite(), "{what}");
}

fn dense_and_conv<Q, P>(what: &str, family: impl Fn(&[usize]) -> Q, prior: P, own: bool)
where
    Q: Divergence<P, Scalar = f32> + Send + Sync,
    P: PriorFor<f32> + Clone,
{
    let dense = Dense::of(3, 4, |shape| family(&shape), prior.clone());
    let weights = ["prior", "weight", "bias"];
    check(&format!("Dense, {what}"), dense, &[5, 3], &[5, 4], &weights[usize::from(!own)..]);
    let conv = Conv1d::of(2, 3, [2], &family, prior.clone());
    let weights: &[_] = if own { &["prior", "weight", "bias.prior", "bias"] } else { &["weight", "bias"] };
    check(&format!("Conv1d, {what}"), conv, &[5, 2, 4], &[5, 3, 3], weights);
    let conv = Conv1d::of(2, 3, [2], &family, prior).without_bias();
    let weights: &[_] = if own { &["prior", "weight"] } else { &["weight"] };
    check(&format!("Conv1d without a bias, {what}"), conv, &[5, 2, 4], &[5, 3, 3], weights);
}

/// A random scale, a separate one for each copy of the prior.
fn hierarchical() -> HierarchicalNormal<LogNormal, MonteCarlo<HalfCauchy>> {
    let sd = LogNormal::with_log_moments(Tensor::full([], -0.5), &Tensor::full([], 0.1));
    HierarchicalNormal(sd, MonteCarlo(HalfCauchy(1.0)))
}

macro_rules! matrix {
    ($family:expr; $($prior:expr),* $(,)?) => {$(
        dense_and_conv(stringify!($prior), $family, $prior, false);
    )*};
}

/// Priors whose divergence is estimated.
macro_rules! estimated {
    ($family:expr) => {
        matrix!($family;
            MonteCarlo(Normal(0.0, 1.0)),
            MonteCarlo(Normals(0.0, 1.0)),
            MonteCarlo(LaplacePrior(0.0, 1.0)),
            MonteCarlo(StudentT(3.0, 0.0, 1.0)),
            MonteCarlo(Cauchy(0.0, 1.0)),
            MonteCarlo(ScaleMixture::two(0.5, 1.0, 0.1)),
            MonteCarlo(ScaleMixture([0.2, 0.3, 0.5], [3.0, 1.0, 0.2])),
            MonteCarlo(Horseshoe(0.1)),
            MonteCarlo(LogUniform),
            MonteCarlo(SpikeAndSlabPrior(0.5, 1.0)),
            MonteCarlo(LearnedNormal::<f32>(1.0)),
        );
        dense_and_conv("MonteCarlo(hierarchical())", $family, MonteCarlo(hierarchical()), true);
    };
}

/// A family with moments under priors that need only those.
macro_rules! closed {
    ($family:expr) => {
        matrix!($family; Normal(0.0, 1.0), Normals(0.1, 1.0), LearnedNormal(1.0));
        dense_and_conv("hierarchical()", $family, hierarchical(), true);
    };
}

#[test]
fn mean_field() {
    let family = |shape: &[usize]| MeanField::new(shape);
    closed!(family);
    matrix!(family; LaplacePrior(0.0, 1.0), LogUniform);
    estimated!(family);
}

#[test]
fn low_rank() {
    let family = |shape: &[usize]| LowRank::new(shape, 2);
    closed!(family);
    matrix!(family; LaplacePrior(0.0, 1.0));
    estimated!(family);
}

#[test]
fn full_covariance() {
    let family = |shape: &[usize]| FullCovariance::new(shape);
    closed!(family);
    matrix!(family; LaplacePrior(0.0, 1.0));
    estimated!(family);
}

#[test]
fn matrix_normal() {
    let family = |shape: &[usize]| MatrixNormal::new(shape);
    closed!(family);
    matrix!(family; LaplacePrior(0.0, 1.0));
    estimated!(family);
}

#[test]
fn radial() {
    let family = |shape: &[usize]| Radial::new(shape);
    closed!(family);
    estimated!(family);
}

#[test]
fn flow() {
    let family = |shape: &[usize]| Flow::new(shape, 2);
    matrix!(family; MonteCarlo(Normal(0.0, 1.0)), MonteCarlo(LaplacePrior(0.0, 1.0)), MonteCarlo(LearnedNormal::<f32>(1.0)));
}

#[test]
fn log_normal() {
    let family = |shape: &[usize]| LogNormal::new(shape);
    closed!(family);
    matrix!(family; LaplacePrior(0.0, 1.0), HalfNormal(1.0), LogNormalPrior(0.0, 1.0));
    matrix!(family; MonteCarlo(HalfCauchy(1.0)), MonteCarlo(HalfNormal(1.0)), MonteCarlo(LogNormalPrior(0.0, 1.0)));
    estimated!(family);
}

#[test]
fn spike_and_slab() {
    matrix!(|shape: &[usize]| SpikeAndSlab::new(shape); SpikeAndSlabPrior(0.5, 1.0));
}

#[test]
fn point() {
    // Away from zero, where the horseshoe's density is infinite.
    let family = |shape: &[usize]| Point(Tensor::from_fn(shape, |i| 0.3 + 0.1 * i as f64));
    closed!(family);
    matrix!(family;
        LaplacePrior(0.0, 1.0),
        StudentT(3.0, 0.0, 1.0),
        Cauchy(0.0, 1.0),
        ScaleMixture::two(0.5, 1.0, 0.1),
        Horseshoe(0.1),
        LogUniform,
        LogNormalPrior(0.0, 1.0),
        HalfNormal(1.0),
        HalfCauchy(1.0),
    );
    estimated!(family);
}
