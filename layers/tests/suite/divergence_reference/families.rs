//! Reference cases of the posterior families other than the mean-field normal.

use elbo::ClosedForm;
use elbo::prelude::*;

use crate::divergence_reference::case::{Case, inverse_softplus, sigmoid};
use crate::divergence_reference::{Model, scalar};

/// The gradients by a parameter's name of a divergence whose values, without a tape and on it, are the case's of element `i`; they are of the
/// divergence times the cotangent, as the case's are.
fn gradients<T: Real, Q, P>(
    case: &mut Case<'_, T>,
    i: usize,
    model: &Model<Q, P>,
) -> impl Fn(&str) -> Vec<f64> + use<T, Q, P>
where
    Q: Divergence<P, Scalar = T, Exact = elbo::Yes>,
    P: Prior,
{
    let cotangent = case.element(case.case["cotangent"].as_str().unwrap(), i);
    let (tape, mut gradients) = (Tape::new(), Gradients::of(model));
    let kl = model.draw(&tape, Key::new(1)).kl();
    case.values(i, [model.kl(), kl.nats()]);
    (kl.var().unwrap() * cotangent).backward(&mut gradients);
    move |name| gradients.get(&format!("weight.{name}")).unwrap().iter().map(|x| x.to_f64()).collect()
}

/// The mean-field Laplace, its scale given as `q_scale`.
pub(crate) fn laplace<T: Real, P: PriorFor<T>>(case: &mut Case<'_, T>, prior: impl Fn(&Case<'_, T>, usize) -> P)
where
    MeanFieldLaplace<T>: Divergence<P, Scalar = T, Exact: ClosedForm>,
{
    for i in 0..case.elements() {
        let rho = inverse_softplus::<T>(case.input("q_scale", i));
        let parameters = MeanField { mean: scalar(case.input("q_loc", i)), rho: scalar(rho) };
        let model = Model { weight: MeanFieldLaplace::<T> { parameters }, prior: prior(case, i) };
        let (values, [by_mean, by_rho]) = model.divergence(["mean", "rho"]);
        case.values(i, values);
        case.gradient("q_loc", i, by_mean);
        case.gradient("q_scale", i, by_rho / sigmoid(rho));
    }
}

/// The mean-field Cauchy, its scale given as `q_scale`.
pub(crate) fn cauchy<T: Real>(case: &mut Case<'_, T>, prior: impl Fn(&Case<'_, T>, usize) -> Cauchy) {
    for i in 0..case.elements() {
        let rho = inverse_softplus::<T>(case.input("q_scale", i));
        let parameters = MeanField { mean: scalar(case.input("q_loc", i)), rho: scalar(rho) };
        let model = Model { weight: MeanFieldCauchy::<T> { parameters }, prior: prior(case, i) };
        let (values, [by_median, by_rho]) = model.divergence(["mean", "rho"]);
        case.values(i, values);
        case.gradient("q_loc", i, by_median);
        case.gradient("q_scale", i, by_rho / sigmoid(rho));
    }
}

pub(crate) fn log_normal<T: Real>(case: &mut Case<'_, T>) {
    for i in 0..case.elements() {
        let rho = inverse_softplus::<T>(case.input("q_scale", i));
        let log = MeanField { mean: scalar(case.input("q_loc", i)), rho: scalar(rho) };
        let prior = LogNormalPrior(case.input("p_loc", i), case.input("p_scale", i));
        let model = Model { weight: LogNormal::<T> { log }, prior };
        let (values, [by_mean, by_rho]) = model.divergence(["mean", "rho"]);
        case.values(i, values);
        case.gradient("q_loc", i, by_mean);
        case.gradient("q_scale", i, by_rho / sigmoid(rho));
    }
}

/// The gates of spike and slab: slabs that are the prior's leave the divergence of the gates.
pub(crate) fn gates<T: Real>(case: &mut Case<'_, T>) {
    let logits = case.name.ends_with("#logits");
    for i in 0..case.elements() {
        let of = |name: &str| case.input(&format!("{name}_{}", if logits { "logits" } else { "probs" }), i);
        let (q, p) = (of("q"), of("p"));
        let slab = MeanField::with_sd(scalar::<T>(0.0), 1.7);
        let weight = if logits {
            SpikeAndSlab { slab, inclusion: scalar(q) }
        } else {
            SpikeAndSlab::with_inclusion(slab, &scalar(q))
        };
        let model = Model { weight, prior: SpikeAndSlabPrior(if logits { sigmoid(p) } else { p }, 1.7) };
        let (values, [by_log_odds]) = model.divergence(["inclusion"]);
        case.values(i, values);
        if logits {
            case.gradient("q_logits", i, by_log_odds);
        } else {
            case.gradient("q_probs", i, by_log_odds / (q * (1.0 - q)));
        }
    }
}

/// Under a normal prior with a mean and a standard deviation for every element.
pub(crate) fn low_rank<T: Real>(case: &mut Case<'_, T>) {
    let of = |name: &str| case.reference.tensor(&format!("{}/{name}", case.name));
    let (variance, factor) = (of("q_diag"), of("q_factor"));
    let (n, rank) = (variance.len(), factor.len() / variance.len());
    let sd: Tensor<f64> = Tensor::from_fn([n], |i| variance.data()[i].sqrt());
    let weight = LowRank::with_covariance(of("q_loc").cast::<T>(), &sd.cast(), &factor.cast());
    let model = Model { weight, prior: Normals(of("p_loc"), of("p_scale")) };
    let by = gradients(case, 0, &model);

    case.gradients("q_loc", &by("mean"));
    // Loadings are relative to the standard deviation: ∂/∂V = σ ∂/∂B, and σ moves B with it.
    let (by_loadings, by_rho) = (by("loadings"), by("rho"));
    let ours = |i: usize, k: usize| by_loadings[k * n + i] / sd.data()[i];
    let back: Vec<f64> = (0..n * rank).map(|at| ours(at / rank, at % rank)).collect();
    case.gradients("q_factor", &back);
    let rho = model.weight.diagonal.rho.data();
    let by_sd = |i: usize| by_rho[i] / sigmoid(rho[i].to_f64());
    let through_factor = |i: usize| -> f64 { (0..rank).map(|k| factor.data()[i * rank + k] * ours(i, k)).sum() };
    let back: Vec<f64> = (0..n).map(|i| (by_sd(i) - through_factor(i) / sd.data()[i]) / (2.0 * sd.data()[i])).collect();
    case.gradients("q_diag", &back);
}

/// A normal prior of any covariance P Pᵀ is N(0, I) of P⁻¹(w − its mean).
pub(crate) fn full_covariance<T: Real>(case: &mut Case<'_, T>) {
    let of = |name: &str| case.reference.tensor(&format!("{}/{name}", case.name));
    let n = of("q_loc").len();
    let (p, p_mean) = if case.reference.has(&format!("{}/p_tril", case.name)) {
        (of("p_tril"), of("p_loc"))
    } else {
        (Tensor::from_fn([n, n], |i| f64::from(u8::from(i % (n + 1) == 0))), Tensor::zeros([n]))
    };
    let away: Vec<f64> = of("q_loc").data().iter().zip(p_mean.data()).map(|(a, b)| a - b).collect();
    let mean = Tensor::new([n], solve(p.data(), n, 1, &away)).cast::<T>();
    let factor = Tensor::new([n, n], solve(p.data(), n, n, of("q_tril").data())).cast::<T>();
    let model = Model { weight: FullCovariance::with_factor(mean, &factor), prior: Normal(0.0, 1.0) };
    let by = gradients(case, 0, &model);

    let by_mean = transposed_solve(p.data(), n, 1, &by("mean"));
    case.gradients("q_loc", &by_mean);
    // The reference's gradient is zero above the diagonal, where it leaves out what the rest here may take up: it is
    // compared through the backward pass, from ours to the reference's.
    let ours = triangle(&model.weight.factor.rho, &by("factor.rho"), &by("factor.lower"));
    // dL_q = P⁻ᵀ dL, below the diagonal.
    let mut back = transposed_solve(p.data(), n, n, &ours);
    for i in 0..n {
        back[i * n + i + 1..(i + 1) * n].fill(0.0);
    }
    case.gradients("q_tril", &back);
}

pub(crate) fn matrix_normal<T: Real>(case: &mut Case<'_, T>) {
    let of = |name: &str| case.reference.tensor(&format!("{}/{name}", case.name));
    let [rows, columns] = ["q_row_tril", "q_col_tril"].map(|name| of(name).cast());
    let weight = MatrixNormal::with_factors(of("q_loc").cast::<T>(), &rows, &columns);
    let model = Model { weight, prior: Normal(0.0, 1.0) };
    let by = gradients(case, 0, &model);
    case.gradients("q_loc", &by("mean"));
    let rows = triangle(&model.weight.rows.rho, &by("rows.rho"), &by("rows.lower"));
    case.gradients("q_row_tril", &rows);
    let columns = triangle(&model.weight.columns.rho, &by("columns.rho"), &by("columns.lower"));
    case.gradients("q_col_tril", &columns);
}

/// The gradient by a lower-triangular matrix, zero above the diagonal, from those by what it is held in.
fn triangle<T: Real>(rho: &Tensor<T>, by_rho: &[f64], by_lower: &[f64]) -> Vec<f64> {
    let n = rho.len();
    let mut square = vec![0.0; n * n];
    let mut lower = by_lower.iter();
    for i in 0..n {
        square[i * n..][..i].iter_mut().for_each(|x| *x = *lower.next().unwrap());
        square[i * n + i] = by_rho[i] / sigmoid(rho.data()[i].to_f64());
    }
    square
}

/// L⁻¹ Y, by columns.
fn solve(l: &[f64], n: usize, columns: usize, y: &[f64]) -> Vec<f64> {
    let mut x = y.to_vec();
    for i in 0..n {
        for c in 0..columns {
            let dot: f64 = (0..i).map(|k| l[i * n + k] * x[k * columns + c]).sum();
            x[i * columns + c] = (x[i * columns + c] - dot) / l[i * n + i];
        }
    }
    x
}

/// L⁻ᵀ Y, by columns.
fn transposed_solve(l: &[f64], n: usize, columns: usize, y: &[f64]) -> Vec<f64> {
    let mut x = y.to_vec();
    for c in 0..columns {
        for i in (0..n).rev() {
            let dot: f64 = (i + 1..n).map(|k| l[k * n + i] * x[k * columns + c]).sum();
            x[i * columns + c] = (x[i * columns + c] - dot) / l[i * n + i];
        }
    }
    x
}
