//! Every pair of family and prior with a closed-form divergence: it is the mean of its estimates, and its gradients
//! agree with finite differences.

use elbo::prelude::*;
use elbo::{Density, FixedNoise};

use crate::posteriors::checks::*;

const SHAPE: [usize; 2] = [2, 3];

fn sd(i: usize) -> f64 {
    0.3 + 0.1 * i as f64
}

/// One weight of each family.
struct Families<T: Real> {
    low_rank: LowRank<T>,
    full: FullCovariance<T>,
    matrix: MatrixNormal<T>,
    radial: Radial<T>,
    log_normal: LogNormal<T>,
}

fn triangle<T: Real>(rows: usize) -> Tensor<T> {
    Tensor::from_fn([rows, rows], |i| match (i / rows, i % rows) {
        (row, column) if row == column => 0.4 + 0.1 * row as f64,
        (row, column) if row > column => 0.2 * number(row * rows + column),
        _ => 0.0,
    })
}

fn families<T: Real>() -> Families<T> {
    let (mean, sds) = (|| Tensor::from_fn(SHAPE, number), Tensor::from_fn(SHAPE, sd));
    Families {
        low_rank: LowRank::with_covariance(mean(), &sds, &Tensor::from_fn([6, 2], |i| 0.4 * number(i + 5))),
        full: FullCovariance::with_factor(mean(), &triangle(6)),
        matrix: MatrixNormal::with_factors(mean(), &triangle(2), &triangle(3)),
        radial: Radial::with_sds(mean(), &sds),
        log_normal: LogNormal::with_log_moments(mean(), &sds),
    }
}

fn check<Q, P, R>(double: Q, single: R, prior: P)
where
    Q: Divergence<P, Scalar = f64, Exact = elbo::Yes> + Density + Clone,
    R: Divergence<P, Scalar = f32, Exact = elbo::Yes>,
    P: PriorFor<f64> + PriorFor<f32> + Clone,
{
    check_closed_form(
        &One { weight: double.clone(), prior: prior.clone() },
        &One { weight: single, prior: prior.clone() },
    );
    check_double(double, prior);
}

fn check_double<Q, P>(weight: Q, prior: P)
where
    Q: Divergence<P, Scalar = f64, Exact = elbo::Yes> + Density + Clone,
    P: PriorFor<f64> + Clone,
{
    let mut model = One { weight, prior };
    check_divergence(&model);
    check_gradients(&mut model, noise(), 1e-7);
}

/// Given noise for every family, under all of its names.
fn noise() -> FixedNoise<f64> {
    FixedNoise::new()
        .set("weight", Tensor::from_fn(SHAPE, |i| 1.5 * number(i + 3)))
        .set("weight.factor", Tensor::from_fn([2], number))
        .set("weight.radius", Tensor::from_fn([0; 0], |_| 0.8))
}

/// The prior's means and standard deviations differ from element to element.
fn normals() -> Normals {
    Normals(Tensor::from_fn(SHAPE, |i| 0.5 * number(i + 9)), Tensor::from_fn(SHAPE, |i| 0.6 + 0.2 * number(i + 4)))
}

macro_rules! under {
    ($prior:expr, $($family:ident)*) => {$(
        check(families::<f64>().$family, families::<f32>().$family, $prior);
    )*};
}

#[test]
fn under_normals_of_each_element_s_own() {
    under!(normals(), low_rank full matrix radial log_normal);
}

#[test]
fn under_a_laplace() {
    under!(LaplacePrior(0.2, 0.7), low_rank full matrix log_normal);
    // The log-normal is positive, so a prior mean that is not is a separate case.
    under!(LaplacePrior(-0.3, 0.7), low_rank log_normal);
}

#[test]
fn under_a_normal_whose_scale_is_learned() {
    check_double(families().low_rank, LearnedNormal(0.8));
    check_double(families().full, LearnedNormal(0.8));
    check_double(families().matrix, LearnedNormal(0.8));
    check_double(families().radial, LearnedNormal(0.8));
    check_double(families().log_normal, LearnedNormal(0.8));
}

#[test]
fn of_a_log_normal_under_what_is_for_positive_weights() {
    under!(HalfNormal(1.2), log_normal);
    under!(LogUniform, log_normal);
}

/// A normal prior whose scale s has a log-normal posterior: given the sampled s, the divergence is that from a learned
/// normal of this s.
#[test]
fn under_a_hierarchical_normal_given_the_scale_drawn() {
    fn check<Q>(weight: Q)
    where
        Q: Divergence<HierarchicalNormal<LogNormal<f64>, HalfCauchyOfLog>, Scalar = f64>
            + Divergence<LearnedNormal<f64>, Scalar = f64, Exact = elbo::Yes>
            + Clone,
    {
        let scale = LogNormal::with_log_moments(Tensor::full([], -0.2), &Tensor::full([], 0.3));
        let mut model = One { weight, prior: HierarchicalNormal(scale, MonteCarlo(HalfCauchy(1.0))) };
        check_gradients(&mut model, noise().set("prior", Tensor::full([], 0.7)), 1e-7);
        let tape = Tape::new();
        let net = model.draw(&tape, Key::new(8));
        let s = net.prior.sd.item();
        let given = One { weight: model.weight.clone(), prior: LearnedNormal(s) };
        let mut of_weight = f64::NAN;
        net.weight.each_kl(&elbo::Path::ROOT, &mut |_, kl| of_weight = kl.item());
        assert!((of_weight / given.kl() - 1.0).abs() < 1e-12, "{of_weight} {}", given.kl());
    }
    check(families().low_rank);
    check(families().full);
    check(families().matrix);
    check(families().radial);
    check(families().log_normal);
}

type HalfCauchyOfLog = MonteCarlo<HalfCauchy>;

#[test]
fn without_elements_and_far_out() {
    for shape in [[0, 3], [3, 0]] {
        let empty = Tensor::zeros(shape);
        let prior = Normals(empty.clone(), Tensor::full(shape, 1.0));
        assert_eq!(One { weight: FullCovariance::<f64>::new(shape), prior: prior.clone() }.kl(), 0.0);
        assert_eq!(One { weight: MatrixNormal::<f64>::new(shape), prior: prior.clone() }.kl(), 0.0);
        assert_eq!(One { weight: Radial::<f64>::new(shape), prior: prior.clone() }.kl(), 0.0);
        assert_eq!(One { weight: LogNormal::<f64>::new(shape), prior }.kl(), 0.0);
    }
    let (normals, laplace) = (Normals(0.0, 0.7), LaplacePrior(0.0, 0.7));
    check_extremes(&One { weight: families().low_rank, prior: normals.clone() }, 0.7);
    check_extremes(&One { weight: families().full, prior: normals.clone() }, 0.7);
    check_extremes(&One { weight: families().matrix, prior: normals.clone() }, 0.7);
    check_extremes(&One { weight: families().radial, prior: normals }, 0.7);
    check_extremes(&One { weight: families().low_rank, prior: laplace }, 0.7);
    check_extremes(&One { weight: families().full, prior: laplace }, 0.7);
    check_extremes(&One { weight: families().matrix, prior: laplace }, 0.7);
}
