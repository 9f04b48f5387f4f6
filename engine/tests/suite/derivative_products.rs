//! Jacobians and Hessians times vectors: against closed forms, and against what must hold between them for any operation.

use crate::common::Random;
use elbo_engine::{
    Attention, CholeskyFactor, Convolution, CrossEntropy, Gradients, Indices, Parameters, Pooling, Reduction, Tape,
    Tensor, Var, hvp_by_differences, jvp_by_differences,
};

/// Of the largest element.
const TOLERANCE: f64 = 1e-8;

#[track_caller]
fn assert_near(found: &[f64], expected: &[f64], what: &str) {
    assert_eq!(found.len(), expected.len(), "{what}");
    let largest = expected.iter().fold(1e-3f64, |largest, x| largest.max(x.abs()));
    for (i, (a, b)) in found.iter().zip(expected).enumerate() {
        assert!((a - b).abs() <= TOLERANCE * largest, "{what}, element {i}: {a:e} is not {b:e}");
    }
}

/// A function of one variable on the tape, and its second derivative written out.
type Row = (&'static str, for<'t> fn(Var<'t, f64>) -> Var<'t, f64>, fn(f64) -> f64);

fn sigmoid(x: f64) -> f64 {
    1.0 / (1.0 + (-x).exp())
}

fn density(x: f64) -> f64 {
    (-0.5 * x * x).exp() / std::f64::consts::TAU.sqrt()
}

const SECOND: &[Row] = &[
    ("square", |x| x.square(), |_| 2.0),
    ("exp", |x| x.exp(), f64::exp),
    ("exp_m1", |x| x.exp_m1(), f64::exp),
    ("ln", |x| x.ln(), |x| -1.0 / (x * x)),
    ("ln_1p", |x| x.ln_1p(), |x| -1.0 / ((1.0 + x) * (1.0 + x))),
    ("sqrt", |x| x.sqrt(), |x| -0.25 * x.powf(-1.5)),
    ("rsqrt", |x| x.rsqrt(), |x| 0.75 * x.powf(-2.5)),
    ("recip", |x| x.recip(), |x| 2.0 / (x * x * x)),
    ("relu", |x| x.relu(), |_| 0.0),
    ("abs", |x| x.abs(), |_| 0.0),
    ("tanh", |x| x.tanh(), |x| -2.0 * x.tanh() * (1.0 - x.tanh() * x.tanh())),
    ("sigmoid", |x| x.sigmoid(), |x| sigmoid(x) * sigmoid(-x) * (1.0 - 2.0 * sigmoid(x))),
    ("log_sigmoid", |x| x.log_sigmoid(), |x| -sigmoid(x) * sigmoid(-x)),
    ("softplus", |x| x.softplus(), |x| sigmoid(x) * sigmoid(-x)),
    (
        "silu",
        |x| x.silu(),
        |x| {
            let slope = sigmoid(x) * sigmoid(-x);
            2.0 * slope + x * slope * (1.0 - 2.0 * sigmoid(x))
        },
    ),
    ("gelu", |x| x.gelu(), |x| density(x) * (2.0 - x * x)),
    ("sin", |x| x.sin(), |x| -x.sin()),
    ("cos", |x| x.cos(), |x| -x.cos()),
    ("erf", |x| x.erf(), |x| -2.0 * x * std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()),
    ("erfc", |x| x.erfc(), |x| 2.0 * x * std::f64::consts::FRAC_2_SQRT_PI * (-x * x).exp()),
    // ψ′ from its series, with Euler and Maclaurin's remainder.
    (
        "ln_gamma",
        |x| x.ln_gamma(),
        |x| {
            let y = x + 30.0;
            let tail = 1.0 / y + 0.5 / (y * y) + 1.0 / (6.0 * y.powi(3)) - 1.0 / (30.0 * y.powi(5));
            (0..30).map(|k| 1.0 / ((x + f64::from(k)) * (x + f64::from(k)))).sum::<f64>() + tail
        },
    ),
    ("x · x", |x| x * x, |_| 2.0),
    ("1 / (x + 2)", |x| (x + 2.0).recip(), |x| 2.0 / (x + 2.0).powi(3)),
];

#[test]
fn second_derivatives_of_functions_of_one_variable_are_right() {
    let mut random = Random::new(1);
    for (name, function, second) in SECOND {
        let mut x = random.positive(&[9]);
        let v: Vec<f64> = (0..9).map(|_| random.signed()).collect();
        let expected: Vec<f64> = x.data().iter().zip(&v).map(|(&x, v)| second(x) * v).collect();
        let product = hvp_by_differences(&mut x, &v, |tape, x| function(tape.param(x)).sum());
        assert_near(&product.values, &expected, name);
        assert!(product.error < TOLERANCE, "{name}: {:e}", product.error);
    }
}

#[test]
fn a_quadratic_form_has_its_matrix() {
    let mut random = Random::new(2);
    let (mut x, a) = (random.tensor(&[6]), random.tensor(&[6, 6]));
    let v = random.tensor(&[6]);
    let product = hvp_by_differences(&mut x, v.data(), |tape, x| {
        let x = tape.param(x).reshape([1, 6]);
        (x.matmul(tape.constant([6, 6], |i| a.data()[i])) * x).sum()
    });
    let entry = |i: usize, j: usize| (a.data()[6 * i + j] + a.data()[6 * j + i]) * v.data()[j];
    let expected: Vec<f64> = (0..6).map(|i| (0..6).map(|j| entry(i, j)).sum()).collect();
    assert_near(&product.values, &expected, "xᵀAx");
}

#[test]
fn log_sum_exp_has_the_covariance_of_its_softmax() {
    let mut random = Random::new(3);
    let (mut x, v) = (random.tensor(&[7]), random.tensor(&[7]));
    let total: f64 = x.data().iter().map(|x| x.exp()).sum();
    let p: Vec<f64> = x.data().iter().map(|x| x.exp() / total).collect();
    let mean: f64 = p.iter().zip(v.data()).map(|(p, v)| p * v).sum();
    let expected: Vec<f64> = p.iter().zip(v.data()).map(|(p, v)| p * (v - mean)).collect();
    let product = hvp_by_differences(&mut x, v.data(), |tape, x| tape.param(x).log_sum_exp());
    assert_near(&product.values, &expected, "log-sum-exp");
    // The same curvature, whatever the label.
    let product = hvp_by_differences(&mut x, v.data(), |tape, x| {
        tape.param(x).reshape([1, 7]).cross_entropy(tape.alloc_slice(1, |_| 3))
    });
    assert_near(&product.values, &expected, "cross-entropy");
}

#[test]
fn the_log_determinant_has_its_inverses() {
    let mut random = Random::new(4);
    let mut a = random.tensor(&[3, 3]);
    (0..3).for_each(|i| a.data_mut()[4 * i] += 5.0);
    let v = random.tensor(&[3, 3]);
    let tape = Tape::inference();
    let inverse = tape.constant([3, 3], |i| a.data()[i]).inverse();
    // d(A⁻ᵀ) = −(A⁻¹ V A⁻¹)ᵀ.
    let expected = -inverse.matmul(tape.input(&v)).matmul(inverse).transpose();
    let product = hvp_by_differences(&mut a, v.data(), |tape, a| tape.param(a).logdet());
    assert_near(&product.values, expected.value(), "ln det");
    let product = jvp_by_differences(&mut a, v.data(), |tape, a| tape.param(a).inverse());
    assert_near(&product.values, expected.transpose().value(), "A⁻¹");
}

#[test]
fn a_product_of_matrices_moves_by_the_product_rule() {
    let mut random = Random::new(5);
    let mut model = [random.tensor(&[2, 4]), random.tensor(&[4, 3])];
    let move_by = [random.tensor(&[2, 4]), random.tensor(&[4, 3])];
    let v = [move_by[0].data(), move_by[1].data()].concat();
    let product = jvp_by_differences(&mut model, &v, |tape, [a, b]| tape.param(a).matmul(tape.param(b)));
    let tape = Tape::inference();
    let [a, b, da, db] = [&model[0], &model[1], &move_by[0], &move_by[1]].map(|tensor| tape.input(tensor));
    assert_near(&product.values, (da.matmul(b) + a.matmul(db)).value(), "AB");
}

/// An operation of two parameters, of shapes [4, 6] and [6, 6].
type Of = for<'t> fn(Var<'t, f64>, Var<'t, f64>) -> Var<'t, f64>;

const OPERATIONS: &[(&str, Of)] = &[
    ("affine", |x, w| x.affine(w, w.at(0, 1)).tanh()),
    ("broadcasting", |x, w| x * w.at(0, 0) / (w.at(0, 1).exp() + 1.0)),
    ("sums and means", |x, w| x.sum_axes(&[0], false) * w.mean_axes(&[1], false)),
    ("variance", |x, w| x.variance_axes(&[1], true, 1) * x + w.std_axes(&[0], true, 0)),
    ("norm", |x, w| x.norm() * w.norm()),
    ("product", |x, w| x.prod_axes(&[1], false).tanh() * w.mean()),
    ("softmax", |x, w| x.linear(w).softmax(-1)),
    ("log-softmax", |x, w| x.linear(w).log_softmax(0)),
    ("cumulative", |x, w| x.cumsum(1) * x.cumprod(0) + w.mean()),
    ("extremes", |x, w| x.max_axes(&[1], true) * x + w.min_axes(&[0], true)),
    // Between two of the values, which are at least 0.06 apart.
    ("maximum", |x, w| x.maximum(x.tape().constant([1], |_| 0.045)).exp() * x * w.mean()),
    ("powers", |x, w| (x.square() + 0.5).powf(1.7) * w.mean()),
    ("moves", |x, w| x.flip(&[0]).roll(1, 2) * w.slice(0, 1..5, 1).permute(&[0, 1]).exp()),
    ("joins", |x, w| Var::concat(&[x, w], 0).square().tril(0)),
    ("indices", |x, w| {
        let rows = x.tape().alloc_slice(3, |i| [2, 0, 2][i]);
        w.index_select(0, rows).sin() * x.embedding(Indices::new([3], rows))
    }),
    ("einsum", |x, w| Var::einsum("ij,jk,ik->j", &[x, w, x])),
    ("cholesky", |x, w| {
        let eye = x.tape().constant([6, 6], |i| f64::from(i % 7 == 0) * 3.0);
        let l = (w.matmul(w.transpose()) + eye).cholesky();
        l.triangular_solve(x.transpose(), CholeskyFactor::LOWER)
    }),
    ("solve", |x, w| {
        let eye = x.tape().constant([6, 6], |i| f64::from(i % 7 == 0) * 9.0);
        (w + eye).solve(x.transpose())
    }),
    ("convolution", |x, w| {
        x.reshape([1, 1, 4, 6])
            .convolve(w.slice(0, 0..2, 1).reshape([2, 1, 3, 2]), None::<Var<'_, f64>>, Convolution::<2>::new())
            .tanh()
    }),
    ("transposed convolution", |x, w| {
        let w = w.slice(0, 0..2, 1).reshape([1, 2, 3, 2]);
        x.reshape([1, 1, 4, 6]).convolve_transposed(w, None::<Var<'_, f64>>, Convolution::new().stride([2, 2])).square()
    }),
    ("pools", |x, w| {
        let x = (x.square() * w.at(0, 0)).reshape([1, 1, 4, 6]);
        x.avg_pool(Pooling::new([2, 2])) * x.adaptive_avg_pool([2, 3])
    }),
    ("layer normalisation", |x, w| x.linear(w).layer_norm(1, (), 1e-5)),
    ("rms normalisation", |x, w| x.linear(w).rms_norm(1, (), 1e-5)),
    ("batch normalisation", |x, w| x.linear(w).batch_norm((w.at(0, 0), w.at(0, 1)), None, 1e-5)),
    ("group normalisation", |x, w| x.linear(w).reshape([2, 4, 3]).group_norm(2, (), 1e-5)),
    ("attention", |x, w| {
        let x = x.reshape([1, 4, 6]);
        x.attention(x.linear(w), x, Attention::new().causal())
    }),
    ("cross-entropy", |x, w| {
        let labels = x.tape().alloc_slice(4, |i| i);
        x.linear(w).cross_entropy_with(labels, CrossEntropy::new().label_smoothing(0.1))
    }),
    ("binary cross-entropy", |x, w| x.bce_with_logits(x.linear(w).sigmoid(), Reduction::Mean)),
    ("Gaussian likelihood", |x, w| x.gaussian_nll(x.linear(w), x.square() + 0.3, Reduction::Mean)),
    ("Poisson likelihood", |x, w| {
        let counts = x.tape().constant([4, 6], |i| (i % 5) as f64);
        x.linear(w).poisson_nll(counts, Reduction::Mean)
    }),
    ("recomputation", |x, w| x.tape().recompute([x, w], |[x, w]| x.linear(w).tanh().linear(w))),
];

/// Fixed weights of a value's elements.
fn weighted<'t>(value: Var<'t, f64>) -> Var<'t, f64> {
    (value * value.tape().constant(value.shape(), |i| (0.7 + 1.9 * i as f64).sin())).sum()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn elements<M: Parameters<Scalar = f64>>(of: M) -> Vec<f64> {
    let mut all = Vec::new();
    of.visit(&elbo_engine::Path::ROOT, &mut |_, _, tensor| all.extend_from_slice(tensor.data()));
    all
}

#[test]
fn the_jacobian_is_the_transpose_of_the_sweep_back() {
    for (number, (name, of)) in OPERATIONS.iter().enumerate() {
        let mut random = Random::new(10 + number as u64);
        let mut model = [random.apart(&[4, 6]), random.tensor(&[6, 6])];
        model[0] = Tensor::from_fn([4, 6], |i| 0.3 * model[0].data()[i]);
        let v = elements([random.tensor(&[4, 6]), random.tensor(&[6, 6])]);
        let forward = jvp_by_differences(&mut model, &v, |tape, [x, w]| of(tape.param(x), tape.param(w)));
        let weights: Vec<f64> = (0..forward.values.len()).map(|i| (0.7 + 1.9 * i as f64).sin()).collect();
        let mut gradients = Gradients::of(&model);
        let tape = Tape::new();
        weighted(of(tape.param(&model[0]), tape.param(&model[1]))).backward(&mut gradients);
        let gradient: Vec<f64> = gradients.iter().flat_map(|(.., gradient)| gradient.to_vec()).collect();
        let (a, b) = (dot(&weights, &forward.values), dot(&gradient, &v));
        let scale = a.abs().max(dot(&gradient, &gradient).sqrt());
        assert!((a - b).abs() <= TOLERANCE * scale, "{name}: uᵀ(Jv) is {a:e}, (Jᵀu)ᵀv is {b:e}");
    }
}

#[test]
fn a_hessian_is_symmetric() {
    for (number, (name, of)) in OPERATIONS.iter().enumerate() {
        let mut random = Random::new(50 + number as u64);
        let mut model = [random.apart(&[4, 6]), random.tensor(&[6, 6])];
        model[0] = Tensor::from_fn([4, 6], |i| 0.3 * model[0].data()[i]);
        let [u, v] = [0; 2].map(|_| elements([random.tensor(&[4, 6]), random.tensor(&[6, 6])]));
        let mut times =
            |v: &[f64]| hvp_by_differences(&mut model, v, |tape, [x, w]| weighted(of(tape.param(x), tape.param(w))));
        let (hu, hv) = (times(&u), times(&v));
        let (a, b) = (dot(&u, &hv.values), dot(&v, &hu.values));
        let scale = (dot(&hu.values, &hu.values) * dot(&v, &v)).sqrt();
        assert!(scale > 1e-3, "{name} has no curvature here");
        assert!((a - b).abs() <= TOLERANCE * scale, "{name}: uᵀHv is {a:e}, vᵀHu is {b:e}");
    }
}

#[test]
fn the_model_is_left_as_it_was_also_after_a_panic() {
    let mut model = [Tensor::new([2], [0.1, 0.7]), Tensor::new([2], [0.3, 1.0 / 3.0])];
    let before = model.clone();
    hvp_by_differences(&mut model, &[1.0, 2.0, 3.0, 4.0], |tape, [a, b]| (tape.param(a) * tape.param(b)).exp().sum());
    assert!(model == before);
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        jvp_by_differences(&mut model, &[1.0; 4], |tape, [a, _]| tape.param(a).reshape([7]))
    }));
    assert!(outcome.is_err() && model == before);
}

#[test]
fn a_kink_shows_in_the_error() {
    // Nearer than the smallest step.
    let mut x = Tensor::new([1], [1e-4]);
    assert!(jvp_by_differences(&mut x, &[1.0], |tape, x| tape.param(x).relu() * 1.5).error > 1e-3);
    assert_eq!(jvp_by_differences(&mut x, &[0.0], |tape, x| tape.param(x).relu()).values, [0.0]);
}

#[test]
#[should_panic(expected = "hvp_by_differences: a direction of 3 elements for a model with 2 learned ones")]
fn a_direction_of_another_length_is_refused() {
    hvp_by_differences(&mut Tensor::new([2], [1.0, 2.0]), &[1.0; 3], |tape, x| tape.param(x).sum());
}
