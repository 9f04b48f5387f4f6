//! Log-densities and closed forms against PyTorch's and mpmath's: values and gradients, element by element. Gradients with
//! respect to a prior's parameters are compared where ours are learned.

#[path = "../common/mod.rs"]
mod common;
mod families;

use std::collections::BTreeMap;

use common::Reference;
use elbo::prelude::*;
use serde_json::Value;

/// Relative.
const VALUES: f64 = 1e-10;
const GRADIENTS: f64 = 1e-8;

/// Why a case is not checked here, or `None` if it is.
fn left_out(name: &str) -> Option<&'static str> {
    let begins = |with: &[&str]| with.iter().any(|with| name.starts_with(with));
    if begins(&["kl_gamma", "logpdf_gamma", "logpdf_inverse_gamma"]) {
        Some("there are no gamma distributions")
    } else if begins(&["kl_geometric", "kl_poisson", "kl_categorical"]) {
        Some("no weight of ours is a count or a label")
    } else if begins(&["kl_uniform", "kl_gumbel", "kl_normal__gumbel"]) {
        Some("there are no uniform and no Gumbel distributions")
    } else if begins(&["vardrop_kingma"]) {
        Some("the cubic of Kingma et al. 2015 holds for α ≤ 1 alone; the fit of Molchanov et al. 2017 took its place")
    } else {
        None
    }
}

/// One case of the reference.
struct Case<'r> {
    reference: &'r Reference,
    name: &'r str,
    case: &'r Value,
    /// How many elements were compared.
    compared: usize,
}

impl Case<'_> {
    /// Element `i` of an input, of which there may be one for all.
    fn input(&self, name: &str, i: usize) -> f64 {
        self.element(&format!("{}/{name}", self.name), i)
    }

    fn element(&self, name: &str, i: usize) -> f64 {
        let tensor = self.reference.tensor(name);
        tensor.data()[if tensor.len() == 1 { 0 } else { i }]
    }

    fn elements(&self) -> usize {
        self.reference.tensor(self.case["outputs"][0].as_str().unwrap()).len()
    }

    fn attr(&self, name: &str) -> f64 {
        self.case["attrs"][name].as_f64().unwrap()
    }

    fn value(&mut self, i: usize, actual: f64) {
        let output = self.case["outputs"][0].as_str().unwrap();
        let expected = self.element(output, i);
        close(output, i, actual, expected, VALUES);
        self.compared += 1;
    }

    fn values(&mut self, i: usize, actual: [f64; 2]) {
        actual.into_iter().for_each(|actual| self.value(i, actual));
    }

    /// Compares ∂/∂input of element `i`.
    fn gradient(&mut self, input: &str, i: usize, actual: f64) {
        let cotangent = self.element(self.case["cotangent"].as_str().unwrap(), i);
        let name = format!("{}/d_{input}", self.name);
        close(&name, i, actual * cotangent, self.element(&name, i), GRADIENTS);
        self.compared += 1;
    }
}

#[track_caller]
fn close(what: &str, i: usize, actual: f64, expected: f64, tolerance: f64) {
    let error = (actual - expected).abs();
    assert!(error <= tolerance * expected.abs() + 1e-14, "{what}[{i}]: {actual} instead of {expected}");
}

/// ρ with softplus(ρ) = σ.
fn inverse_softplus(sd: f64) -> f64 {
    sd + (-(-sd).exp_m1()).ln()
}

fn sigmoid(rho: f64) -> f64 {
    1.0 / (1.0 + (-rho).exp())
}

/// A weight of one element and its prior.
#[bayesian]
struct Model<Q: Divergence<P, Scalar = f64>, P: Prior> {
    #[prior(self.prior)]
    weight: Q,
    #[skip]
    prior: P,
}

impl<Q: Divergence<P, Scalar = f64>, P: Prior> Model<Q, P> {
    /// The divergence without a tape and on it, and its gradients with respect to the parameters.
    fn divergence<const N: usize>(&self, parameters: [&str; N]) -> ([f64; 2], [f64; N]) {
        let (tape, mut gradients) = (Tape::new(), Gradients::of(self));
        let kl = self.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        let of = |name: &str| gradients.get(format!("weight.{name}").trim_end_matches('.')).unwrap()[0];
        ([self.weight.kl(&self.prior), kl.nats()], parameters.map(of))
    }
}

/// ln p(w) and its derivative.
fn log_density<P: Prior>(w: f64, prior: P) -> (f64, f64)
where
    Point<f64>: Divergence<P, Scalar = f64>,
{
    let model = Model { weight: Point(Tensor::new([], [w])), prior };
    let ([without_tape, on_tape], [slope]) = model.divergence([""]);
    assert_eq!(without_tape, on_tape);
    (-on_tape, -slope)
}

fn check_log_density<P: Prior>(case: &mut Case<'_>, prior: impl Fn(&Case<'_>) -> P)
where
    Point<f64>: Divergence<P, Scalar = f64>,
{
    for i in 0..case.elements() {
        let (value, slope) = log_density(case.input("x", i), prior(case));
        case.value(i, value);
        case.gradient("x", i, slope);
    }
}

/// The mean-field normal, its standard deviation given as `q_scale`.
fn check_normal<P: Prior>(case: &mut Case<'_>, prior: impl Fn(&Case<'_>, usize) -> P)
where
    MeanField<f64>: Divergence<P, Scalar = f64>,
{
    for i in 0..case.elements() {
        let rho = inverse_softplus(case.input("q_scale", i));
        let weight = MeanField { mean: Tensor::new([], [case.input("q_loc", i)]), rho: Tensor::new([], [rho]) };
        let (values, [by_mean, by_rho]) = Model { weight, prior: prior(case, i) }.divergence(["mean", "rho"]);
        case.values(i, values);
        case.gradient("q_loc", i, by_mean);
        case.gradient("q_scale", i, by_rho / sigmoid(rho));
    }
}

/// A weight under a prior about zero whose scale is learned.
#[bayesian]
struct Learned<Q: Divergence<LearnedNormal<f64>, Scalar = f64>> {
    #[prior(self.prior)]
    weight: Q,
    prior: LearnedNormal<f64>,
}

/// Checks ∂/∂s as well as the rest.
fn check_learned(case: &mut Case<'_>) {
    for i in 0..case.elements() {
        assert_eq!(case.input("p_loc", i), 0.0);
        let (sd, own) = (case.input("q_scale", i), case.input("p_scale", i));
        let weight = MeanField { mean: scalar(case.input("q_loc", i)), rho: scalar(inverse_softplus(sd)) };
        let model = Learned { weight, prior: LearnedNormal(own) };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let kl = model.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        case.values(i, [model.kl(), kl.nats()]);
        let by = |name: &str, sd: f64| gradients.get(name).unwrap()[0] / sigmoid(inverse_softplus(sd));
        case.gradient("q_loc", i, gradients.get("weight.mean").unwrap()[0]);
        case.gradient("q_scale", i, by("weight.rho", sd));
        case.gradient("p_scale", i, by("prior.rho", own));
    }
}

/// ln softplus(ρ), which a learned normal's log-density at its mean says.
fn check_log_scale(case: &mut Case<'_>) {
    for i in 0..case.elements() {
        let prior = LearnedNormal { rho: scalar(case.input("rho", i)) };
        let model = Learned { weight: Point(scalar(0.0)), prior };
        let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
        let kl = model.draw(&tape, Key::new(1)).kl();
        kl.var().unwrap().backward(&mut gradients);
        let constant = 0.5 * std::f64::consts::TAU.ln();
        case.values(i, [model.kl() - constant, kl.nats() - constant]);
        case.gradient("rho", i, gradients.get("prior.rho").unwrap()[0]);
    }
}

fn scalar(x: f64) -> Tensor<f64> {
    Tensor::new([], [x])
}

fn normal_prior(case: &Case<'_>, i: usize) -> Normal {
    Normal(case.input("p_loc", i), case.input("p_scale", i))
}

fn check(case: &mut Case<'_>) {
    let op = case.case["op"].as_str().unwrap();
    match case.name.split('#').next().unwrap() {
        "kl_normal__normal" => {
            check_normal(case, normal_prior);
            check_normal(case, |case, i| Normals(scalar(case.input("p_loc", i)), scalar(case.input("p_scale", i))));
            if case.input("p_loc", 0) == 0.0 {
                check_learned(case);
            }
        }
        "kl_normal__laplace" => {
            check_normal(case, |case, i| Laplace(case.input("p_loc", i), case.input("p_scale", i)));
        }
        "kl_meanfield_sum_prior" => {
            let [mean, rho] = ["mu", "rho"].map(|name| case.reference.tensor(&format!("{}/{name}", case.name)));
            let (own_mean, own_sd) = (case.attr("p_loc"), case.attr("p_scale"));
            let elements = mean.len();
            let weight = MeanField { mean, rho };
            let model = Model { weight: weight.clone(), prior: Normal(own_mean, own_sd) };
            let (tape, mut gradients) = (Tape::new(), Gradients::of(&model));
            let kl = model.draw(&tape, Key::new(1)).kl();
            kl.var().unwrap().backward(&mut gradients);
            for value in [model.kl(), kl.nats(), weight.kl(&Normals(own_mean, own_sd))] {
                case.value(0, value);
            }
            for i in 0..elements {
                let cotangent = case.element(case.case["cotangent"].as_str().unwrap(), 0);
                for (ours, theirs) in [("mean", "mu"), ("rho", "rho")] {
                    let name = format!("{}/d_{theirs}", case.name);
                    let actual = gradients.get(&format!("weight.{ours}")).unwrap()[i] * cotangent;
                    close(&name, i, actual, case.element(&name, i), GRADIENTS);
                }
            }
        }
        "kl_laplace__laplace" => {
            families::laplace(case, |case, i| Laplace(case.input("p_loc", i), case.input("p_scale", i)));
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
                    let rho = inverse_softplus((0.5 * case.input("log_alpha", i)).exp() * f64::abs(mean));
                    let weight = MeanField { mean: scalar(mean), rho: scalar(rho) };
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
                    let weight = || MeanField { mean: scalar(parts[0]), rho: scalar(parts[1]) };
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
                check_log_density(case, |case| Normals(scalar(case.input("loc", 0)), case.input("scale", 0)));
            }
            "logpdf_laplace" => check_log_density(case, |case| Laplace(case.input("loc", 0), case.input("scale", 0))),
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
            other => panic!("nobody checks {other} of {}", case.name),
        },
    }
}

#[test]
fn every_distribution_we_have_is_the_reference_s() {
    let manifest = include_str!("../reference/divergence.json");
    let reference = Reference::new(manifest, include_bytes!("../reference/divergence.safetensors"));
    let mut left: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut checked = 0;
    for case in &reference.cases {
        let name = case["name"].as_str().unwrap();
        if let Some(reason) = left_out(name) {
            left.entry(reason).or_default().push(name);
            continue;
        }
        let mut case = Case { reference: &reference, name, case, compared: 0 };
        check(&mut case);
        assert!(case.compared > 0, "{name} compared nothing");
        checked += 1;
    }
    for (reason, names) in &left {
        println!("left out, {reason}: {}", names.join(", "));
    }
    println!("{checked} cases checked");
    assert_eq!(checked, 40);
    assert_eq!(checked + left.values().map(Vec::len).sum::<usize>(), 55);
}
