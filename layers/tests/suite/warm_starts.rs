//! Warm starts: posterior means from given weights, and a prior for each weight from an earlier posterior.

use elbo::nn::{Conv2d, Gru};
use elbo::prelude::*;
use elbo::{Divergence, NormalsByName, TrainError, WeightsError};

use crate::common::{assert_near, examples};

type Dense64<P> = Dense<MeanField<f64>, P>;

#[bayesian]
#[derive(Clone)]
struct Net<P: PriorFor<f64> + Clone>
where
    MeanField<f64>: Divergence<P>,
{
    body: Vec<Dense64<P>>,
    memory: Gru<MeanField<f64>, P>,
    head: (Dense64<P>, Option<Dense64<P>>),
}

fn mean_field(shape: elbo::Shape) -> MeanField<f64> {
    let mean = Tensor::from_fn(shape, |i| (i as f64 * 0.37 + 0.1).cos());
    let sd = Tensor::from_fn(mean.shape(), |i| 0.05 + 0.03 * (i as f64 * 0.9).sin());
    MeanField::with_sds(mean, &sd)
}

fn net<P: PriorFor<f64> + Clone>(prior: P) -> Net<P>
where
    MeanField<f64>: Divergence<P, Scalar = f64>,
{
    let dense = |inputs, outputs| Dense::of(inputs, outputs, mean_field, prior.clone());
    Net {
        body: vec![dense(2, 3), dense(3, 3)],
        memory: Gru::of(3, 2, mean_field, prior.clone()),
        head: (dense(2, 2), Some(dense(2, 1))),
    }
}

#[test]
fn a_layer_whose_prior_is_its_posterior_has_no_divergence() {
    let layer = Dense::new(2, 3).initial_sd(0.1);
    let prior = NormalsByName::of_posterior(&layer);
    assert_eq!(prior.names().collect::<Vec<_>>(), ["bias", "weight"]);
    let layer = layer.prior(prior);
    assert!(layer.kl().abs() < 1e-9, "{}", layer.kl());
    assert_eq!(layer.kl_terms().len(), 2);
    // The same on a tape, with a sample and at its mean.
    let tape = Tape::new();
    assert!(layer.draw(&tape, Key::new(1)).kl().nats().abs() < 1e-5);

    // Means of one's own, and a standard deviation of 0.1 for both.
    let mut layer = Dense::of(2, 3, |shape| MeanField::with_sd(Tensor::zeros(shape), 0.1), Normal(0.0, 1.0));
    let mut pretrained = layer.mean_weights();
    pretrained.set_flat(&[0.3, -0.2, 0.5, 1.1, -0.7, 0.0, 0.25, -0.5, 2.0]).unwrap();
    layer.set_means(&pretrained).unwrap();
    let layer = layer.prior(NormalsByName::around(&pretrained, 0.1));
    assert!(layer.kl().abs() < 1e-9, "{}", layer.kl());
    let moved = Dense { bias: MeanField::with_sd(Tensor::new([3], [0.25, -0.4, 2.0]), 0.1), ..layer };
    // (0.1/0.1)²/2.
    assert!((moved.kl() - 0.5).abs() < 1e-5, "{}", moved.kl());
}

#[test]
fn yesterdays_posterior_is_the_prior_of_a_whole_model() {
    let yesterday = net(Normal(0.0, 1.0));
    let mut today = net(NormalsByName::of_posterior(&yesterday));
    assert!(today.kl().abs() < 1e-12, "{}", today.kl());
    today.initialise(Key::new(1));
    assert!(today.kl() > 1.0);
    today.copy_from(&yesterday);
    assert!(today.kl().abs() < 1e-12, "{}", today.kl());

    // The divergence is that from each weight's own normals, without a tape, on it, and in the log prior density.
    let mut other = today.clone();
    other.visit_mut(&elbo::Path::ROOT, &mut |_, _, tensor| tensor.data_mut().iter_mut().for_each(|x| *x *= 0.9));
    let terms = other.kl_terms();
    let (mut expected, mut log_prior, mut index) = (0.0, 0.0, 0);
    let weights = other.mean_weights();
    let tape = Tape::new();
    let mean_log_prior = other.at(&tape, &weights).log_prior().nats();
    let pairs = |net: &Net<NormalsByName>| {
        let layers = net.body.iter().chain([&net.head.0]).chain(&net.head.1);
        let mut all: Vec<MeanField<f64>> = Vec::new();
        let mut layers = layers.map(|layer| [layer.weight.clone(), layer.bias.clone()]);
        all.extend(layers.by_ref().take(2).flatten());
        let gru = &net.memory;
        let biases = [&gru.bias_ih, &gru.bias_hh].map(|bias| &bias.as_ref().unwrap().value);
        all.extend([&gru.weight_ih, &gru.weight_hh, biases[0], biases[1]].map(Clone::clone));
        all.extend(layers.flatten());
        all
    };
    for (q, p) in pairs(&other).into_iter().zip(pairs(&today)) {
        let mut of_weight = 0.0;
        for i in 0..q.mean.len() {
            let [(a, s), (m, t)] = [&q, &p].map(|family| (family.mean.data()[i], family.sd().data()[i]));
            of_weight += (t / s).ln() + (s * s + (a - m) * (a - m)) / (2.0 * t * t) - 0.5;
            log_prior += -0.5 * ((a - m) / t).powi(2) - t.ln() - 0.5 * std::f64::consts::TAU.ln();
        }
        assert!((terms[index].1 - of_weight).abs() < 1e-10, "{}: {} {of_weight}", terms[index].0, terms[index].1);
        expected += of_weight;
        index += 1;
    }
    assert_eq!(index, terms.len());
    assert!((other.kl() - expected).abs() < 1e-9);
    assert!((mean_log_prior - log_prior).abs() < 1e-9 * log_prior.abs(), "{mean_log_prior} {log_prior}");
    let tape = Tape::new();
    assert!((other.draw(&tape, Key::new(4)).kl().nats() - expected).abs() < 1e-9);
}

#[test]
fn it_trains_and_takes_other_families_and_estimates() {
    let (x, labels) = examples(24, 2, 2);
    let data = Examples::new(x, labels).unwrap();
    let mut first = Dense::new(2, 2);
    Elbo::new(Categorical).optimizer(Adam::new(1e-2)).quiet().fit(&mut first, &data, Epochs(5)).unwrap();
    let prior = NormalsByName::of_posterior(&first);
    let mut next = first.clone().prior(prior.clone());
    let report = Elbo::new(Categorical).optimizer(Adam::new(1e-2)).quiet().fit(&mut next, &data, Epochs(5)).unwrap();
    assert!(report.epochs[0].kl < 1e-3 && report.last().kl > report.epochs[0].kl, "{report}");

    let low_rank = Dense::of(2, 2, |shape| LowRank::<f32>::new(shape, 1), prior.clone());
    assert!(low_rank.kl().is_finite());
    let estimated = first.clone().prior(MonteCarlo(prior.clone())).kl_estimate(Key::new(1), 400);
    assert!(estimated.mean.abs() < 5.0 * estimated.standard_error + 1e-6, "{estimated:?}");
    // All weights under one normal, as without names.
    let plain = Dense::new(2, 2);
    let named = plain.clone().prior(NormalsByName::from(Normal(0.0, 1.0)));
    assert!((plain.kl() - named.kl()).abs() < 1e-9);
    let convolution = Conv2d::new(2, 3, [3, 3]);
    let prior = NormalsByName::of_posterior(&convolution);
    assert!(convolution.prior(prior).kl().abs() < 1e-9);
}

#[test]
fn a_weight_without_a_prior_is_named() {
    let (x, labels) = examples(24, 2, 2);
    let data = Examples::new(x, labels).unwrap();
    let prior = NormalsByName::of_posterior(&Dense::new(2, 2));
    let fails = |mut model: (Dense<MeanField, NormalsByName>,)| {
        let mut elbo = Elbo::new(Categorical).quiet();
        let error = elbo.fit_with(&mut model, &data, Epochs(1), |net, x| net.0.forward(x)).unwrap_err();
        assert!(matches!(error, TrainError::Forward { .. }), "{error}");
        error.to_string()
    };
    let error = fails((Dense::new(2, 2).prior(prior.clone()),));
    assert!(error.contains("no prior for the weight `0.weight`; the prior has `bias`, `weight`"), "{error}");
    let panic = std::panic::catch_unwind(|| Dense::new(3, 2).prior(prior).kl()).unwrap_err();
    let message = panic.downcast::<String>().unwrap();
    assert!(message.contains("the prior of `weight` has the shape [2, 2], but the weight has [2, 3]"), "{message}");
    let panic = std::panic::catch_unwind(|| {
        let layer = Dense::of(2, 2, FullCovariance::<f32>::new, Normal(0.0, 1.0));
        NormalsByName::of_posterior(&layer)
    });
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("the posterior of the weight `weight` has dependent elements"), "{message}");
}

#[test]
fn means_are_set_by_name_and_only_if_they_are_parameters() {
    let (source, mut model) = (net(Normal(0.0, 1.0)), net(Normal(0.0, 2.0)));
    model.initialise(Key::new(3));
    let scales = model.body[1].weight.rho.clone();
    let weights = source.draw_weights(Key::new(2));
    model.set_means(&weights).unwrap();
    assert_near(&model.mean_weights().flat(), &weights.flat(), 0.0);
    assert_eq!(model.body[1].weight.rho, scales);

    let error = model.set_means(&Dense::mean_field(2, 3).mean_weights()).unwrap_err();
    assert!(matches!(error, WeightsError::Model { .. }), "{error}");

    #[bayesian]
    struct Positive {
        #[prior(LogNormalPrior(0.0, 1.0))]
        rate: LogNormal,
        layer: Dense,
        #[prior(Normal(0.0, 1.0))]
        shift: Point,
    }
    let mut model =
        Positive { rate: LogNormal::new([2]), layer: Dense::new(2, 2), shift: Point(Tensor::full([1], 0.5)) };
    let mut weights = model.mean_weights();
    weights.get_mut("layer.bias").unwrap().fill(0.25);
    weights.get_mut("shift").unwrap().fill(-1.0);
    model.set_means(&weights).unwrap();
    assert_eq!((model.layer.bias.mean.data(), model.shift.0.data()), (&[0.25; 2][..], &[-1.0][..]));
    weights.get_mut("layer.bias").unwrap().fill(0.75);
    weights.get_mut("rate").unwrap().fill(3.0);
    let error = model.set_means(&weights).unwrap_err();
    assert!(error.to_string().starts_with("the mean of the weight `rate` cannot be set"), "{error}");
    assert_eq!(model.layer.bias.mean.data(), [0.25; 2]);
}
