//! Fields of posteriors and layers with inconsistent shapes are refused, with the fields' names and shapes.

use elbo::nn::*;
use elbo::prelude::*;
use elbo::{CholeskyFactor, ClosedForm};

use super::{One, one, refuses};

/// Checks that every use of the weight panics with `expected`.
fn check<Q, P>(expected: &[&str], weight: Q, prior: P)
where
    Q: Divergence<P, Scalar = f32, Exact: ClosedForm> + Divergence<MonteCarlo<P>> + Clone,
    P: PriorFor<f32> + Clone,
{
    let named: Vec<&str> = expected.iter().copied().chain(["`weight`"]).collect();
    let model = One { weight: weight.clone(), prior: prior.clone() };
    let estimated = One { weight: weight.clone(), prior: MonteCarlo(prior.clone()) };
    for estimator in [Estimator::Sample, Estimator::Local, Estimator::Flipout] {
        let drawing = Drawing::new(Key::new(1)).estimator(estimator);
        refuses(&named, || {
            let _ = model.draw(&Tape::new(), drawing).kl().nats();
        });
        refuses(&named, || {
            let _ = estimated.draw(&Tape::new(), drawing.draws(2)).kl().nats();
        });
    }
    refuses(&named, || {
        let _ = model.mean(&Tape::new()).weight.value();
    });
    let weights = One { weight: MeanField::new(FOUR), prior: Normal(0.0, 1.0) }.mean_weights();
    refuses(&named, || {
        let _ = model.at(&Tape::new(), &weights);
    });
    // A family's inner parameters do not know which family they belong to.
    refuses(&expected[1..], || {
        let _ = Divergence::<P>::kl(&weight, &prior);
    });
}

const FOUR: [usize; 2] = [2, 2];

fn mean_field() -> MeanField {
    MeanField { mean: Tensor::zeros(FOUR), rho: Tensor::zeros([6]) }
}

#[test]
fn the_parameters_of_a_family_that_do_not_fit_are_refused() {
    let normal = || Normal(0.0, 1.0);
    let shapes = ["[2, 2]", "[6]", "`mean`", "`rho`"];
    let of = |family: &'static str| [&[family][..], &shapes].concat();
    check(&of("MeanField"), mean_field(), normal());
    check(&of("MeanField"), mean_field(), LaplacePrior(0.0, 1.0));
    check(&of("MeanField"), mean_field(), Normals(0.0, 1.0));
    // Fewer scales than means, and equally many with another shape.
    let fewer = MeanField { mean: Tensor::zeros(FOUR), rho: Tensor::zeros([1]) };
    check(&["MeanField", "[2, 2]", "[1]"], fewer, normal());
    let turned = MeanField { mean: Tensor::zeros(FOUR), rho: Tensor::zeros([4]) };
    check(&["MeanField", "[2, 2]", "[4]"], turned, normal());
    check(&of("LowRank"), LowRank { diagonal: mean_field(), loadings: Tensor::zeros([1, 4]) }, normal());
    check(&of("LowRank"), LowRank { diagonal: mean_field(), loadings: Tensor::zeros([1, 4]) }, Normals(0.0, 1.0));
    check(&of("Radial"), Radial { parameters: mean_field() }, normal());
    check(&of("LogNormal"), LogNormal { log: mean_field() }, normal());
    check(&of("LogNormal"), LogNormal { log: mean_field() }, LogNormalPrior(0.0, 1.0));
    check(&of("MeanFieldLaplace"), MeanFieldLaplace { parameters: mean_field() }, normal());
    check(&of("MeanFieldCauchy"), MeanFieldCauchy { parameters: mean_field() }, Cauchy(0.0, 1.0));
    let loadings = |shape: &[usize]| LowRank { diagonal: MeanField::new(FOUR), loadings: Tensor::zeros(shape) };
    check(&["LowRank", "`loadings`", "[2, 5]", "[2, 2]"], loadings(&[2, 5]), normal());
    check(&["LowRank", "`loadings`", "[4]", "[2, 2]"], loadings(&[4]), normal());
    let full = |rho: usize, lower: usize| FullCovariance {
        mean: Tensor::zeros(FOUR),
        factor: CholeskyFactor { rho: Tensor::zeros([rho]), lower: Tensor::zeros([lower]) },
    };
    check(&["FullCovariance", "`factor`", "[2, 2]", "[1]"], full(1, 0), normal());
    check(&["FullCovariance", "`factor`", "[2, 2]", "[5]"], full(5, 10), normal());
    check(&["FullCovariance", "`rho`", "`lower`", "[4]", "[7]"], full(4, 7), normal());
    check(&["FullCovariance", "`rho`", "`lower`", "[4]", "[3]"], full(4, 3), LaplacePrior(0.0, 1.0));
    let matrix = |rows: usize, columns: usize| MatrixNormal {
        mean: Tensor::zeros(FOUR),
        rows: CholeskyFactor { rho: Tensor::zeros([rows]), lower: Tensor::zeros([rows * (rows - 1) / 2]) },
        columns: CholeskyFactor { rho: Tensor::zeros([columns]), lower: Tensor::zeros([columns * (columns - 1) / 2]) },
    };
    check(&["MatrixNormal", "`rows`", "[2, 2]", "[1]"], matrix(1, 2), normal());
    check(&["MatrixNormal", "`columns`", "[2, 2]", "[3]"], matrix(2, 3), normal());
}

#[test]
fn the_gates_of_a_slab_that_do_not_fit_are_refused() {
    for inclusion in [&[1][..], &[4], &[5]] {
        let weight = SpikeAndSlab { slab: MeanField::<f32>::new(FOUR), inclusion: Tensor::zeros(inclusion) };
        let shape = format!("{inclusion:?}");
        let expected = ["SpikeAndSlab", "`inclusion`", "[2, 2]", &shape];
        let model = One { weight, prior: SpikeAndSlabPrior(0.5, 1.0) };
        refuses(&expected, || {
            let _ = model.draw(&Tape::new(), Key::new(1)).kl().nats();
        });
        refuses(&expected, || {
            let _ = model.mean(&Tape::new()).weight.value();
        });
        refuses(&expected, || {
            let _ = model.kl();
        });
    }
    let model = One {
        weight: SpikeAndSlab { slab: mean_field(), inclusion: Tensor::zeros(FOUR) },
        prior: SpikeAndSlabPrior(0.5, 1.0),
    };
    refuses(&["SpikeAndSlab", "`mean`", "`rho`"], || {
        let _ = model.kl();
    });
}

#[test]
fn a_priors_scale_with_several_elements_is_refused() {
    for shape in [&[3][..], &[0]] {
        let text = format!("{shape:?}");
        let mut model = Dense::of(2, 2, MeanField::<f32>::new, LearnedNormal(1.0));
        model.prior.rho = Tensor::zeros(shape);
        refuses(&["LearnedNormal", "`rho`", &text], || {
            let _ = model.draw(&Tape::new(), Key::new(1)).kl().nats();
        });
        refuses(&["LearnedNormal", "`rho`", &text], || {
            let _ = model.kl();
        });
        let prior = HierarchicalNormal(LogNormal::<f32>::new([1]), MonteCarlo(HalfCauchy(1.0)));
        let mut model = Dense::of(2, 2, MeanField::<f32>::new, prior);
        model.prior.sd = LogNormal::new(shape);
        refuses(&["HierarchicalNormal", "`sd`", &text], || {
            let _ = model.draw(&Tape::new(), Key::new(1)).kl().nats();
        });
    }
}

/// Checks that the forward of a layer with inconsistent fields panics with `expected`.
fn forward<M: Layer + Bayesian<Scalar = f32>>(expected: &[&str], layer: M, input: &[usize]) {
    let (tape, x) = (Tape::new(), Tensor::full(input, 0.5));
    refuses(expected, || {
        let _ = layer.draw(&tape, Key::new(1)).forward(tape.input(&x));
    });
}

#[test]
fn the_fields_of_a_layer_that_do_not_fit_are_refused() {
    let mean_field = |shape: &[usize]| MeanField::<f32>::new(shape);
    let mut dense = Dense::new(3, 2);
    dense.bias = mean_field(&[5]);
    forward(&["[2, 3]", "[5]"], dense, &[4, 3]);
    let mut conv = Conv1d::new(2, 3, [2]);
    conv.bias.as_mut().unwrap().value = mean_field(&[1]);
    forward(&["[3, 2, 2]", "[1]"], conv, &[4, 2, 5]);
    let mut conv = Conv1d::new(2, 3, [2]);
    conv.settings = conv.settings.groups(3);
    forward(&["[3, 2, 2]", "group"], conv, &[4, 2, 5]);
    let mut lstm = Lstm::new(2, 3);
    (lstm.hidden, lstm.outputs) = (4, 4);
    forward(&["lstm", "12 outputs", "[1, 4]"], lstm, &[1, 5, 2]);
    let mut gru = Gru::new(2, 3);
    gru.bias_hh.as_mut().unwrap().value = mean_field(&[3]);
    forward(&["[9, 3]", "[3]"], gru, &[1, 5, 2]);
    let mut rnn = Rnn::new(2, 3);
    rnn.weight_hh = mean_field(&[3, 2]);
    forward(&["[3, 2]"], rnn, &[1, 5, 2]);
    let mut norm = GroupNorm::<f32>::new(2, 4);
    norm.groups = 0;
    forward(&["group_norm", "0"], norm, &[3, 4]);
    let mut norm = GroupNorm::<f32>::new(2, 4);
    norm.bias = Point::new([2]);
    forward(&["group_norm", "[2]"], norm, &[3, 4]);
    let mut norm = LayerNorm::<f32>::new([4]);
    norm.bias = Point::new([1]);
    forward(&["layer_norm", "[1]"], norm, &[3, 4]);
    let mut norm = BatchNorm::<f32>::new(4);
    norm.variance = Buffer(Tensor::full([1], 1.0));
    forward(&["batch_norm", "[1]"], norm.clone(), &[3, 4]);
    forward(&["batch_norm", "[1]"], norm.frozen(), &[3, 4]);
    let mut norm = BatchNorm::<f32>::new(4);
    norm.momentum = 1.5;
    forward(&["momentum", "1.5"], norm, &[3, 4]);
    for eps in [-1.0, f64::NAN, f64::INFINITY] {
        let text = eps.to_string();
        let mut norm = LayerNorm::<f32>::new([4]);
        norm.eps = eps;
        forward(&["layer_norm", &text], norm, &[3, 4]);
        let mut norm = GroupNorm::<f32>::new(2, 4);
        norm.eps = eps;
        forward(&["group_norm", &text], norm, &[3, 4]);
        let mut norm = BatchNorm::<f32>::new(4);
        norm.eps = eps;
        forward(&["batch_norm", &text], norm.clone(), &[3, 4]);
        forward(&["batch_norm", &text], norm.frozen(), &[3, 4]);
    }
}

/// An overflowing width does not wrap around to a smaller one.
#[test]
fn a_width_beyond_any_memory_is_refused() {
    let wide = 1usize << 62;
    refuses(&["Lstm", &wide.to_string()], || drop(Lstm::new(2, wide)));
    refuses(&["Gru", &(usize::MAX / 2).to_string()], || drop(Gru::new(2, usize::MAX / 2)));
    refuses(&["memory"], || drop(Dense::new(wide, 8)));
    refuses(&["memory"], || drop(one(MeanField::<f32>::new([1 << 50]))));
}
