//! Estimated divergences of families with dependent elements at extreme parameters: all values and gradients are
//! finite, for scales from zero to huge and means far from the prior, under every prior.

use elbo::Density;
use elbo::prelude::*;

use crate::posteriors::checks::*;

const SHAPE: [usize; 2] = [2, 3];

/// The scale of the priors.
const SCALE: f64 = 0.1;

fn triangle<T: Real>(rows: usize) -> Tensor<T> {
    Tensor::from_fn([rows, rows], |i| match (i / rows, i % rows) {
        (row, column) if row == column => 1.0,
        (row, column) if row > column => 0.2 * number(row * rows + column),
        _ => 0.0,
    })
}

fn low_rank<T: Real>() -> LowRank<T> {
    LowRank::with_covariance(
        Tensor::zeros(SHAPE),
        &Tensor::full(SHAPE, 1.0),
        &Tensor::from_fn([6, 2], |i| number(i + 5)),
    )
}

fn full<T: Real>() -> FullCovariance<T> {
    FullCovariance::with_factor(Tensor::zeros(SHAPE), &triangle(6))
}

fn matrix<T: Real>() -> MatrixNormal<T> {
    MatrixNormal::with_factors(Tensor::zeros(SHAPE), &triangle(2), &triangle(3))
}

/// Every ρ and every mean of a weight.
fn set<Q: Parameters>(weight: &mut Q, rho: f64, mean: f64) {
    weight.visit_mut(&elbo::Path::ROOT, &mut |path, role, tensor| {
        if path.to_string().ends_with("rho") {
            tensor.data_mut().fill(Q::Scalar::from_f64(rho));
        } else if role == elbo::Role::Mean {
            tensor.data_mut().fill(Q::Scalar::from_f64(mean));
        }
    });
}

/// Path derivatives of a triangular factor are its inverse times the noise, which overflows for a vanishing diagonal
/// beside elements that do not vanish: `least_for_path` is the smallest ρ that is checked for them.
fn check<Q: Density + Clone, P: Prior + Clone>(weight: &Q, prior: &P, least_for_path: f64) {
    let mut wrong = Vec::new();
    for rho in [-1e4, -1000.0, -740.0, -120.0, -90.0, -40.0, -5.0, 0.0, 50.0, 1e4] {
        for away in [1e-30, 1.0, -1.0, 1e4, -1e4] {
            let mut weight = weight.clone();
            set(&mut weight, rho, away * SCALE);
            let model = One { weight, prior: MonteCarlo(prior.clone()) };
            let drawing = Drawing::new(Key::new(1));
            for drawing in
                [Some(drawing), (rho >= least_for_path).then(|| drawing.path_derivative())].into_iter().flatten()
            {
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
                let kl = model.draw(&tape, drawing).kl();
                kl.var().unwrap().backward(&mut gradients);
                if !kl.nats().is_finite() || gradients.first_non_finite().is_some() {
                    wrong.push(format!("ρ {rho}, {away} away: {} {:?}", kl.nats(), gradients.first_non_finite()));
                }
            }
        }
    }
    let [family, prior] = [std::any::type_name::<Q>(), std::any::type_name::<P>()];
    assert!(wrong.is_empty(), "{family} under {prior}:\n{}", wrong.join("\n"));
}

fn under<P: Prior + Clone>(prior: P) {
    fn families<T: Real, P: Prior + Clone>(prior: &P) {
        let radial = Radial::<T>::with_sds(Tensor::zeros(SHAPE), &Tensor::full(SHAPE, 1.0));
        check(&low_rank::<T>(), prior, f64::NEG_INFINITY);
        check(&radial, prior, f64::NEG_INFINITY);
        check(&MeanFieldLaplace::<T>::new(SHAPE), prior, f64::NEG_INFINITY);
        check(&MeanFieldCauchy::<T>::new(SHAPE), prior, f64::NEG_INFINITY);
        check(&full::<T>(), prior, -5.0);
        check(&matrix::<T>(), prior, -5.0);
    }
    families::<f64, P>(&prior);
    families::<f32, P>(&prior);
}

#[test]
fn estimates_are_finite_under_every_prior() {
    under(Normal(0.0, SCALE));
    under(Normals(0.0, SCALE));
    under(LaplacePrior(0.0, SCALE));
    under(StudentT(3.0, 0.0, SCALE));
    under(Cauchy(0.0, SCALE));
    under(ScaleMixture::two(0.5, 1.0, SCALE));
    under(ScaleMixture([0.2, 0.3, 0.5], [3.0, 1.0, 0.2]));
    under(SpikeAndSlabPrior(0.3, SCALE));
    under(Horseshoe(SCALE));
    under(LogUniform);
}

/// The divergence of a log-normal is that of its logarithm, so it stays finite as well. Its estimates need a weight
/// that does not overflow: e to the power of at most some hundreds.
#[test]
fn a_log_normal_is_finite_as_far_as_its_weight_is() {
    fn check_all<T: Real>() {
        for rho in [-1e4, -1000.0, -120.0, -90.0, -40.0, -5.0, 0.0, 50.0, 1e4] {
            for away in [0.0, 1e-30, 1.0, -1.0, 1e4, -1e4] {
                let mut weight = LogNormal::<T>::new(SHAPE);
                set(&mut weight, rho, away * SCALE);
                let model = One { weight, prior: LogNormalPrior(0.0, SCALE) };
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
                let kl = model.draw(&tape, Key::new(1)).kl();
                kl.var().unwrap().backward(&mut gradients);
                let finite = kl.nats().is_finite() && model.kl().is_finite() && gradients.first_non_finite().is_none();
                assert!(finite, "ρ {rho}, {away} away: {} {}", kl.nats(), model.kl());
            }
        }
    }
    check_all::<f64>();
    check_all::<f32>();

    fn estimated<T: Real, P: Prior + Clone>(prior: P) {
        for rho in [-1e4, -1000.0, -740.0, -120.0, -90.0, -40.0, -5.0, 0.0] {
            for away in [1e-30f64, 1.0, 1e4] {
                let mut weight = LogNormal::<T>::new(SHAPE);
                set(&mut weight, rho, (away * SCALE).ln());
                let model = One { weight, prior: MonteCarlo(prior.clone()) };
                let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
                let kl = model.draw(&tape, Key::new(1)).kl();
                kl.var().unwrap().backward(&mut gradients);
                let finite = kl.nats().is_finite() && gradients.first_non_finite().is_none();
                assert!(finite, "{}, ρ {rho}, {away} away: {}", std::any::type_name::<P>(), kl.nats());
            }
        }
    }
    fn every_prior<T: Real>() {
        estimated::<T, _>(Normal(0.0, SCALE));
        estimated::<T, _>(LaplacePrior(0.0, SCALE));
        estimated::<T, _>(StudentT(3.0, 0.0, SCALE));
        estimated::<T, _>(Cauchy(0.0, SCALE));
        estimated::<T, _>(ScaleMixture::two(0.5, 1.0, SCALE));
        estimated::<T, _>(Horseshoe(SCALE));
        estimated::<T, _>(LogUniform);
        estimated::<T, _>(HalfNormal(SCALE));
        estimated::<T, _>(HalfCauchy(SCALE));
        estimated::<T, _>(LogNormalPrior(0.0, 1.0));
    }
    every_prior::<f64>();
    every_prior::<f32>();
}

/// ∂KL/∂μ of a weight at 150 with vanishing sd, under a prior whose log-density has slope −150 there. A lower limit of
/// densities would make it 0.
#[test]
fn a_gradient_of_150_in_the_far_tail_is_exact() {
    fn by_mean<Q: Divergence<P>, P: PriorFor<Q::Scalar>>(mut weight: Q, prior: P, mean: f64) {
        set(&mut weight, -1e4, mean);
        let model = One { weight, prior };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        model.draw(&tape, Key::new(1)).kl().var().unwrap().backward(&mut gradients);
        let what = std::any::type_name::<(Q, P)>();
        let mut found = 0;
        for (name, role, gradient) in gradients.iter() {
            if role == elbo::Role::Mean {
                found += 1;
                let right = gradient.iter().all(|g| (g.to_f64() / 150.0 - 1.0).abs() < 1e-6);
                assert!(right, "{what}, {name}: {gradient:?}");
            }
        }
        assert_eq!(found, 1, "{what}");
    }
    fn families<T: Real>() {
        // Nothing below the diagonal.
        let (full, matrix) = (|| FullCovariance::<T>::new(SHAPE), || MatrixNormal::<T>::new(SHAPE));
        let radial = || Radial::<T>::new(SHAPE);
        macro_rules! of_each {
            ($prior:expr, $mean:expr; $($family:expr),*) => {$(
                by_mean($family, $prior, $mean);
                by_mean($family, MonteCarlo($prior), $mean);
            )*};
        }
        of_each!(Normal(0.0, 1.0), 150.0; MeanField::<T>::new(SHAPE), low_rank::<T>(), full(), matrix(), radial(), MeanFieldLaplace::<T>::new(SHAPE));
        of_each!(Normals(0.0, 1.0), 150.0; MeanField::<T>::new(SHAPE), low_rank::<T>(), full(), matrix(), radial(), MeanFieldLaplace::<T>::new(SHAPE));
        of_each!(LaplacePrior(0.0, 1.0 / 150.0), 20.0; MeanField::<T>::new(SHAPE), low_rank::<T>(), full(), matrix(), MeanFieldLaplace::<T>::new(SHAPE));
        // Far in a mixture's tail, where both densities underflow to zero.
        let mixture = || MonteCarlo(ScaleMixture::two(0.25, 1.0, 1e-3));
        by_mean(low_rank::<T>(), mixture(), 150.0);
        by_mean(full(), mixture(), 150.0);
        by_mean(matrix(), mixture(), 150.0);
        by_mean(radial(), mixture(), 150.0);
        // ν + 1 over the weight.
        let student = || MonteCarlo(StudentT(1499.0, 0.0, 1e-6));
        by_mean(low_rank::<T>(), student(), 10.0);
        by_mean(full(), student(), 10.0);
        by_mean(matrix(), student(), 10.0);
        by_mean(radial(), student(), 10.0);
        by_mean(LogNormal::<T>::new(SHAPE), LogNormalPrior(0.0, 1.0), 150.0);
        let mut gated = SpikeAndSlab::<T>::new(SHAPE);
        gated.inclusion.data_mut().fill(T::from_f64(60.0));
        by_mean(gated, SpikeAndSlabPrior(0.3, 1.0), 150.0);
    }
    families::<f64>();
    families::<f32>();
}
