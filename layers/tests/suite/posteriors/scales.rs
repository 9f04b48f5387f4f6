//! Divergences in `f32` against `f64`, for priors of any scale: values and gradients are right wherever single
//! precision can represent them.

use elbo::prelude::*;
use elbo::{Path, Role};

use crate::posteriors::checks::*;

const SHAPE: [usize; 2] = [2, 3];

const SCALES: [f64; 7] = [1e-20, 1e-10, 1e-4, 1.0, 1e4, 1e10, 1e20];

const RHOS: [f64; 12] = [-1e4, -1000.0, -120.0, -100.0, -90.0, -40.0, -20.0, -5.0, 0.0, 3.0, 50.0, 1e4];

/// Means, in scales of the prior.
const MEANS: [f64; 6] = [0.0, 1e-6, 1.0, -1.0, 30.0, 1e4];

/// Beyond the range of single precision, including intermediate sums and products.
const LARGEST: f64 = f32::MAX as f64 / 256.0;

/// The divergence of a draw, and its gradients by name.
fn divergence<M: Bayesian>(model: &M) -> (f64, Vec<(String, Role, Vec<f64>)>) {
    let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let kl = model.draw(&tape, Key::new(1)).kl();
    kl.var().unwrap().backward(&mut gradients);
    let numbers = |gradient: &[M::Scalar]| gradient.iter().map(|g| g.to_f64()).collect();
    (kl.nats(), gradients.iter().map(|(name, role, gradient)| (name.to_owned(), role, numbers(gradient))).collect())
}

/// Whether `found` is `exact` to single precision; `is_estimate` means that the noise differs.
fn is_right(found: f64, exact: f64, is_estimate: bool) -> bool {
    let is_asked = exact.is_finite() && exact.abs() < LARGEST;
    !is_asked || if is_estimate { found.is_finite() } else { (found - exact).abs() <= 2e-3 * exact.abs().max(1.0) }
}

fn compare<A, B>(what: &str, mut single: A, mut double: B, scale: f64, is_estimate: bool) -> Vec<String>
where
    A: Bayesian<Scalar = f32>,
    B: Bayesian<Scalar = f64>,
{
    let mut wrong = Vec::new();
    for rho in RHOS {
        for mean in MEANS {
            let mut values = Vec::new();
            single.visit_mut(&Path::ROOT, &mut |path, role, tensor| {
                let name = path.to_string();
                if name.starts_with("weight.") && name.ends_with("rho") {
                    tensor.data_mut().fill(rho as f32);
                } else if role == Role::Mean || name == "weight" {
                    tensor.data_mut().fill((mean * scale) as f32);
                }
                values.push(tensor.cast::<f64>());
            });
            let mut values = values.into_iter();
            double.visit_mut(&Path::ROOT, &mut |_, _, tensor| *tensor = values.next().unwrap());
            let ((kl, of_single), (exact, of_double)) = (divergence(&single), divergence(&double));
            let place = format!("{what}, scale {scale:e}, ρ {rho}, mean {mean}");
            if !is_right(kl, exact, is_estimate) {
                wrong.push(format!("{place}: {kl} instead of {exact}"));
            }
            for ((name, role, found), (.., exact)) in of_single.iter().zip(&of_double) {
                // If the gradient of a scale, or of an estimate, exceeds single precision, the whole step is refused,
                // so other gradients that depend on the same values are not checked.
                let with_it = |other: Role| is_estimate || *role == Role::Scale && other == Role::Scale;
                let margin = if is_estimate { 1e-3 } else { 1.0 };
                let mut all = of_double.iter().filter(|(_, other, _)| with_it(*other)).flat_map(|(.., exact)| exact);
                let is_asked = all.all(|g| g.abs() < margin * LARGEST);
                if let Some(i) = (0..found.len()).find(|&i| is_asked && !is_right(found[i], exact[i], is_estimate)) {
                    wrong.push(format!("{place}, `{name}`: {} instead of {}", found[i], exact[i]));
                }
            }
        }
    }
    wrong
}

fn triangle<T: Real>(rows: usize) -> Tensor<T> {
    Tensor::from_fn([rows, rows], |i| match (i / rows, i % rows) {
        (row, column) if row == column => 1.0,
        _ => 0.0,
    })
}

fn full<T: Real>() -> FullCovariance<T> {
    FullCovariance::with_factor(Tensor::zeros(SHAPE), &triangle(6))
}

fn matrix<T: Real>() -> MatrixNormal<T> {
    MatrixNormal::with_factors(Tensor::zeros(SHAPE), &triangle(2), &triangle(3))
}

fn low_rank<T: Real>() -> LowRank<T> {
    LowRank { diagonal: MeanField::new(SHAPE), loadings: Tensor::from_fn([2, 6], |i| 0.5 * number(i)) }
}

macro_rules! compare {
    ($wrong:ident, $scale:ident, $is_estimate:expr; $($family:ident: $($prior:expr),*;)*) => {$($(
        let what = format!("{} under {}", stringify!($family), stringify!($prior));
        let single = One { weight: make::$family::<f32>(), prior: $prior };
        let double = One { weight: make::$family::<f64>(), prior: $prior };
        $wrong.extend(compare(&what, single, double, $scale, $is_estimate));
    )*)*};
}

mod make {
    use super::{Real, SHAPE};
    pub(super) use super::{full, low_rank, matrix};
    use elbo::{LogNormal, MeanField, MeanFieldCauchy, MeanFieldLaplace, Point, Radial, SpikeAndSlab};

    macro_rules! new {
        ($($name:ident $family:ident)*) => {$(
            pub(super) fn $name<T: Real>() -> $family<T> {
                $family::new(SHAPE)
            }
        )*};
    }

    new!(mean_field MeanField laplace MeanFieldLaplace cauchy MeanFieldCauchy radial Radial log_normal LogNormal
        gated SpikeAndSlab point Point);
}

#[track_caller]
fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "{} are wrong:\n{}", wrong.len(), wrong[..wrong.len().min(40)].join("\n"));
}

#[test]
fn closed_forms_are_right_in_single_precision() {
    let mut wrong = Vec::new();
    for s in SCALES {
        compare! { wrong, s, false;
            mean_field: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), LearnedNormal(s), LogUniform;
            low_rank: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), LearnedNormal(s);
            full: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), LearnedNormal(s);
            matrix: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), LearnedNormal(s);
            radial: Normal(0.0, s), Normals(0.0, s), LearnedNormal(s);
            laplace: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), LearnedNormal(s);
            cauchy: Cauchy(0.0, s);
            log_normal: LogNormalPrior(0.0, s), LogUniform;
            gated: SpikeAndSlabPrior(0.3, s);
            point: Normal(0.0, s), Normals(0.0, s), LaplacePrior(0.0, s), StudentT(3.0, 0.0, s), Cauchy(0.0, s), Horseshoe(s),
                ScaleMixture::two(0.5, s, 0.1 * s), LearnedNormal(s), LogUniform;
        }
    }
    assert_none(&wrong);
}

#[test]
fn estimates_are_right_in_single_precision() {
    let mut wrong = Vec::new();
    for s in SCALES {
        macro_rules! under_every_prior {
            ($($family:ident)*) => {
                compare! { wrong, s, true; $(
                    $family: MonteCarlo(Normal(0.0, s)), MonteCarlo(LaplacePrior(0.0, s)), MonteCarlo(StudentT(3.0, 0.0, s)),
                        MonteCarlo(Cauchy(0.0, s)), MonteCarlo(Horseshoe(s)), MonteCarlo(LogUniform),
                        MonteCarlo(ScaleMixture::two(0.5, s, 0.1 * s)), MonteCarlo(SpikeAndSlabPrior(0.3, s));
                )* }
            };
        }
        under_every_prior!(mean_field low_rank full matrix radial laplace cauchy);
    }
    assert_none(&wrong);
}
