//! Log-densities and closed-form divergences against PyTorch and mpmath: values and gradients, element by element.
//! Gradients with respect to a prior's parameters are compared where ours are learned.

mod case;
mod families;

use std::collections::BTreeMap;
use std::marker::PhantomData;

use crate::common::Reference;
use case::{Case, inverse_softplus, rounded, sigmoid};
use elbo::ClosedForm;
use elbo::prelude::*;
use serde_json::Value;

/// Why a case is not checked here, or `None` if it is.
fn left_out(name: &str) -> Option<&'static str> {
    let begins = |with: &[&str]| with.iter().any(|with| name.starts_with(with));
    if begins(&["kl_gamma", "logpdf_gamma", "logpdf_inverse_gamma"]) {
        Some("there are no gamma distributions")
    } else if begins(&["kl_geometric", "kl_poisson", "kl_categorical"]) {
        Some("weights are not counts or labels")
    } else if begins(&["kl_uniform", "kl_gumbel", "kl_normal__gumbel"]) {
        Some("there are no uniform or Gumbel distributions")
    } else if begins(&["vardrop_kingma"]) {
        Some("the cubic of Kingma et al. 2015 holds for α ≤ 1 alone; the fit of Molchanov et al. 2017 took its place")
    } else {
        None
    }
}

/// A weight of one element and its prior.
#[bayesian]
struct Model<Q: Divergence<P>, P: PriorFor<Q::Scalar>> {
    #[prior(self.prior)]
    weight: Q,
    prior: P,
}

impl<Q: Divergence<P, Exact: ClosedForm>, P: PriorFor<Q::Scalar>> Model<Q, P> {
    /// The divergence without a tape and on it, and its gradients with respect to the parameters.
    fn divergence<const N: usize>(&self, parameters: [&str; N]) -> ([f64; 2], [f64; N]) {
        let (tape, mut gradients) = (Tape::new(), Gradients::of(self));
        let kl = self.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        let of = |name: &str| gradients.get(format!("weight.{name}").trim_end_matches('.')).unwrap()[0].to_f64();
        ([self.weight.kl(&self.prior), kl.nats()], parameters.map(of))
    }
}

/// ln p(w) and its derivative.
fn log_density<T: Real, P: PriorFor<T>>(w: f64, prior: P) -> (f64, f64)
where
    Point<T>: Divergence<P, Scalar = T, Exact: ClosedForm>,
{
    let model = Model { weight: Point(scalar::<T>(w)), prior };
    let ([without_tape, on_tape], [slope]) = model.divergence([""]);
    assert_eq!(rounded::<T>(without_tape), rounded::<T>(on_tape));
    (-on_tape, -slope)
}

fn check_log_density<T: Real, P: PriorFor<T>>(case: &mut Case<'_, T>, prior: impl Fn(&Case<'_, T>) -> P)
where
    Point<T>: Divergence<P, Scalar = T, Exact: ClosedForm>,
{
    for i in 0..case.elements() {
        let (value, slope) = log_density::<T, P>(case.input("x", i), prior(case));
        case.value(i, value);
        case.gradient("x", i, slope);
    }
}

/// The mean-field normal, its standard deviation given as `q_scale`.
fn check_normal<T: Real, P: PriorFor<T>>(case: &mut Case<'_, T>, prior: impl Fn(&Case<'_, T>, usize) -> P)
where
    MeanField<T>: Divergence<P, Scalar = T, Exact: ClosedForm>,
{
    for i in 0..case.elements() {
        let rho = inverse_softplus::<T>(case.input("q_scale", i));
        let weight = MeanField { mean: scalar(case.input("q_loc", i)), rho: scalar(rho) };
        let (values, [by_mean, by_rho]) = Model { weight, prior: prior(case, i) }.divergence(["mean", "rho"]);
        case.values(i, values);
        case.gradient("q_loc", i, by_mean);
        case.gradient("q_scale", i, by_rho / sigmoid(rho));
    }
}

/// A weight under a prior about zero whose scale is learned.
#[bayesian]
struct Learned<T: Real, Q: Divergence<LearnedNormal<T>, Scalar = T>> {
    #[prior(self.prior)]
    weight: Q,
    prior: LearnedNormal<T>,
}

/// Checks ∂/∂s as well as the rest.
fn check_learned<T: Real>(case: &mut Case<'_, T>) {
    for i in 0..case.elements() {
        assert_eq!(case.input("p_loc", i), 0.0);
        let (sd, own) = (case.input("q_scale", i), case.input("p_scale", i));
        let rho = inverse_softplus::<T>(sd);
        let weight = MeanField { mean: scalar::<T>(case.input("q_loc", i)), rho: scalar(rho) };
        let model = Learned { weight, prior: LearnedNormal(own) };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let kl = model.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        case.values(i, [model.kl(), kl.nats()]);
        let by = |name: &str, sd: f64| gradients.get(name).unwrap()[0].to_f64() / sigmoid(inverse_softplus::<T>(sd));
        case.gradient("q_loc", i, gradients.get("weight.mean").unwrap()[0].to_f64());
        case.gradient("q_scale", i, by("weight.rho", sd));
        case.gradient("p_scale", i, by("prior.rho", own));
    }
}

/// ln softplus(ρ), which a learned normal's log-density at its mean says.
fn check_log_scale<T: Real>(case: &mut Case<'_, T>) {
    for i in 0..case.elements() {
        let prior = LearnedNormal { rho: scalar(case.input("rho", i)) };
        let model = Learned { weight: Point(scalar::<T>(0.0)), prior };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let kl = model.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        let constant = 0.5 * std::f64::consts::TAU.ln();
        case.values(i, [model.kl() - constant, kl.nats() - constant]);
        case.gradient("rho", i, gradients.get("prior.rho").unwrap()[0].to_f64());
    }
}

fn scalar<T: Real>(x: f64) -> Tensor<T> {
    Tensor::new([], [T::from_f64(x)])
}

fn normal_prior<T: Real>(case: &Case<'_, T>, i: usize) -> Normal {
    Normal(case.input("p_loc", i), case.input("p_scale", i))
}

fn check<T: Real>(case: &mut Case<'_, T>) {
    let op = case.case["op"].as_str().unwrap();
    match case.name.split('#').next().unwrap() {
        "kl_normal__normal" => {
            check_normal(case, normal_prior);
            check_normal(case, |case, i| {
                Normals(scalar::<f64>(case.input("p_loc", i)), scalar::<f64>(case.input("p_scale", i)))
            });
            if case.input("p_loc", 0) == 0.0 {
                check_learned(case);
            }
        }
        "kl_normal__laplace" => {
            check_normal(case, |case, i| LaplacePrior(case.input("p_loc", i), case.input("p_scale", i)));
        }
        "kl_meanfield_sum_prior" => {
            let [mean, rho] =
                ["mu", "rho"].map(|name| case.reference.tensor(&format!("{}/{name}", case.name)).cast::<T>());
            let (own_mean, own_sd) = (case.attr("p_loc"), case.attr("p_scale"));
            let weight = MeanField { mean, rho };
            let model = Model { weight: weight.clone(), prior: Normal(own_mean, own_sd) };
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
            let kl = model.draw(&tape, Key::new(1)).kl();
            kl.var().unwrap().backward(&mut gradients);
            for value in [model.kl(), kl.nats(), weight.kl(&Normals(own_mean, own_sd))] {
                case.value(0, value);
            }
            let cotangent = case.element(case.case["cotangent"].as_str().unwrap(), 0);
            for (ours, theirs) in [("mean", "mu"), ("rho", "rho")] {
                let gradient = gradients.get(&format!("weight.{ours}")).unwrap();
                let gradient: Vec<f64> = gradient.iter().map(|g| g.to_f64() * cotangent).collect();
                case.gradients(theirs, &gradient);
            }
        }
        "kl_laplace__laplace" => {
            families::laplace(case, |case, i| LaplacePrior(case.input("p_loc", i), case.input("p_scale", i)));
        }
        "kl_cauchy__cauchy" => {
            families::cauchy(case, |case, i| Cauchy(case.input("p_loc", i), case.input("p_scale", i)));
        }
        "kl_laplace__normal" => {
            families::laplace(case, normal_prior);
            families::laplace(case, |case, i| Normals(case.input("p_loc", i), case.input("p_scale", i)));
        }
        "kl_lognormal__lognormal" => families::log_normal(case),
        "kl_lowrank_mvn__diag" => families::low_rank(case),
        "kl_mvn__mvn" => families::full_covariance(case),
        "kl_matrix_normal__standard" => families::matrix_normal(case),
        "kl_bernoulli__bernoulli" => families::gates(case),
        "extreme_log_softplus_rho" => check_log_scale(case),
        "vardrop_molchanov" => {
            for i in 0..case.elements() {
                // ln α = 2 (ln σ − ln |μ|), of any μ.
                for mean in [1.0, -0.3] {
                    let rho = inverse_softplus::<T>((0.5 * case.input("log_alpha", i)).exp() * f64::abs(mean));
                    let weight = MeanField { mean: scalar::<T>(mean), rho: scalar(rho) };
                    let (values, [by_mean, by_rho]) = Model { weight, prior: LogUniform }.divergence(["mean", "rho"]);
                    case.values(i, values);
                    case.gradient("log_alpha", i, -0.5 * mean * by_mean);
                    let log_slope = sigmoid(rho) / (rho.max(0.0) + (-rho.abs()).exp().ln_1p());
                    case.gradient("log_alpha", i, 0.5 * by_rho / log_slope);
                }
            }
        }
        _ => match op {
            "kl_normal_rho" => {
                for i in 0..case.elements() {
                    let parts = ["mu", "rho"].map(|name| case.input(name, i));
                    let weight = || MeanField { mean: scalar::<T>(parts[0]), rho: scalar(parts[1]) };
                    let normal = Model { weight: weight(), prior: normal_prior(case, i) };
                    let prior = Normals(case.input("p_loc", i), case.input("p_scale", i));
                    let normals = Model { weight: weight(), prior };
                    for (values, [by_mean, by_rho]) in
                        [normal.divergence(["mean", "rho"]), normals.divergence(["mean", "rho"])]
                    {
                        case.values(i, values);
                        case.gradient("mu", i, by_mean);
                        case.gradient("rho", i, by_rho);
                    }
                }
            }
            "logpdf_normal" => {
                check_log_density(case, |case| Normal(case.input("loc", 0), case.input("scale", 0)));
                check_log_density(case, |case| Normals(scalar::<f64>(case.input("loc", 0)), case.input("scale", 0)));
            }
            "logpdf_laplace" => {
                check_log_density(case, |case| LaplacePrior(case.input("loc", 0), case.input("scale", 0)))
            }
            "logpdf_cauchy" => {
                check_log_density(case, |case| Cauchy(case.input("loc", 0), case.input("scale", 0)));
                check_log_density(case, |case| StudentT(1.0, case.input("loc", 0), case.input("scale", 0)));
            }
            "logpdf_student_t" => check_log_density(case, |case| {
                StudentT(case.input("df", 0), case.input("loc", 0), case.input("scale", 0))
            }),
            "logpdf_half_cauchy" => check_log_density(case, |case| HalfCauchy(case.input("scale", 0))),
            "logpdf_half_normal" => check_log_density(case, |case| HalfNormal(case.input("scale", 0))),
            "logpdf_scale_mixture" => check_log_density(case, |case| {
                let [pi, slab, spike] = ["pi", "sigma1", "sigma2"].map(|name| case.input(name, 0));
                ScaleMixture::spike_and_slab(pi, slab, spike)
            }),
            "logpdf_horseshoe" => check_log_density(case, |case| Horseshoe(case.input("tau", 0))),
            other => panic!("no check for {other} of {}", case.name),
        },
    }
}

/// Checks a case in the scalar type `T`, and returns the number of elements compared.
fn check_in<T: Real>(reference: &Reference, name: &str, case: &Value) -> usize {
    let mut case = Case::<T> { reference, name, case, compared: 0, number: PhantomData };
    check(&mut case);
    assert!(case.compared > 0, "{name} compared nothing");
    case.compared
}

#[test]
fn every_distribution_agrees_with_the_reference() {
    let manifest = include_str!("../../reference/divergence.json");
    let reference = Reference::new(manifest, include_bytes!("../../reference/divergence.safetensors"));
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let (mut checked, mut compared) = (0, 0);
    for case in &reference.cases {
        let name = case["name"].as_str().unwrap();
        if let Some(reason) = left_out(name) {
            left.entry(reason).or_default().push(name);
            continue;
        }
        let numbers = check_in::<f64>(&reference, name, case);
        assert_eq!(check_in::<f32>(&reference, name, case), numbers, "{name} in f32");
        checked += 1;
        compared += numbers;
    }
    for (reason, names) in &left {
        println!("left out, {reason}: {}", names.join(", "));
    }
    println!("{checked} cases with {compared} numbers are checked, in f64 and in f32");
    assert_eq!((checked, compared), (40, 1202));
    assert_eq!(checked + left.values().map(Vec::len).sum::<usize>(), 55);
}
