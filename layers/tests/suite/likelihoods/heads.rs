//! Models with several heads, trained and predicted by `fit` and `predict`.

use elbo::prelude::*;
use elbo::{Heads, ModelOutput};

#[bayesian]
struct TwoHeads {
    body: Dense<MeanField<f64>>,
    size: Dense<MeanField<f64>>,
    kind: Dense<MeanField<f64>>,
}

#[bayesian]
impl TwoHeads {
    fn forward(&self, x: Var<f64>) -> (Var<f64>, Var<f64>) {
        let x = self.body.forward(x).tanh();
        (self.size.forward(x), self.kind.forward(x))
    }
}

fn model() -> TwoHeads {
    let dense = Dense::<MeanField<f64>>::mean_field;
    TwoHeads { body: dense(2, 6), size: dense(6, 2), kind: dense(6, 3) }
}

fn data(rows: usize) -> Examples<f64, (Tensor<f64>, Vec<usize>)> {
    let x = Tensor::from_fn([rows, 2], |i| (i as f64 * 0.9).sin());
    let sizes = Tensor::from_fn([rows, 2], |i| x.data()[i] * 2.0);
    let kinds = (0..rows).map(|row| usize::from(x.data()[2 * row] > 0.0) + usize::from(x.data()[2 * row + 1] > 0.0));
    Examples::new(x.clone(), (sizes, kinds.collect())).unwrap()
}

fn likelihood() -> Heads<(elbo::Head<Gaussian>, elbo::Head<Categorical>)> {
    Heads::new([2], Gaussian::new(0.2)).and([3], Categorical)
}

#[test]
fn the_sum_is_that_of_the_heads() {
    let (model, data) = (model(), data(5));
    let (tape, x) = (Tape::new(), data.inputs());
    let net = model.mean(&tape);
    let (size, kind) = net.forward(tape.input(x));
    let (sizes, kinds) = data.targets();
    let expected = Gaussian::new(0.2).nll(size, sizes).nats() + Categorical.nll(kind, kinds).nats();
    let joined = (size, kind).join();
    assert_eq!(joined.shape(), [5, 5]);
    let nll = data.observed().nll(&likelihood(), joined).nats();
    assert!((nll - expected).abs() < 1e-13);
    let each = data.observed().log_likelihood(&likelihood(), joined);
    assert!((each.sum().item() + 5.0 * expected).abs() < 1e-12);
}

#[test]
fn both_heads_are_learned_and_predicted() {
    let (mut model, data) = (model(), data(200));
    let mut elbo = Elbo::new(likelihood()).optimizer(Adam::new(2e-2)).batch_size(50).quiet();
    elbo.fit(&mut model, &data, Epochs(60)).unwrap();
    let (size, kind) = model.predict(&likelihood(), data.inputs(), Draws(16));
    let (sizes, kinds) = data.targets();
    assert!(size.rmse(sizes) < 0.3, "{}", size.rmse(sizes));
    assert!(kind.accuracy(kinds) > 0.9, "{}", kind.accuracy(kinds));
    assert!(elbo.evaluate(&model, &data, Draws(4)).unwrap().elbo.is_finite());
}

#[test]
fn one_head_s_targets_can_be_missing() {
    let rows = 6;
    let all = data(rows);
    let (mut sizes, kinds) = all.targets().clone();
    let mut mask = Tensor::full([rows, 3], 1.0);
    for row in [1, 4] {
        sizes.data_mut()[2 * row] = f64::NAN;
        mask.data_mut()[3 * row] = 0.0;
    }
    mask.data_mut()[5] = 0.0;
    let masked = Examples::with_mask(all.inputs().clone(), (sizes, kinds), mask).unwrap();
    let (model, tape) = (model(), Tape::new());
    let output = model.mean(&tape).forward(tape.input(all.inputs())).join();
    let each = all.observed().log_likelihood(&likelihood(), output);
    let left = masked.observed().log_likelihood(&likelihood(), output);
    for (i, (all, left)) in each.value().iter().zip(left.value()).enumerate() {
        assert_eq!(*left, if [3, 5, 12].contains(&i) { 0.0 } else { *all }, "{i}");
    }
}

#[test]
fn a_mistake_names_its_head() {
    let all = data(4);
    let wrong = Examples::new(all.inputs().clone(), (all.targets().0.clone(), vec![0, 1, 5, 0])).unwrap();
    let error = Elbo::new(likelihood()).quiet().fit(&mut model(), &wrong, Epochs(1)).unwrap_err().to_string();
    assert!(error.contains("head 1 (from 0): example 2 (from 0) has the label 5"), "{error}");
    let narrow = Heads::new([2], Gaussian::new(0.2)).and([2], Categorical);
    let error = Elbo::new(narrow).quiet().fit(&mut model(), &all, Epochs(1)).unwrap_err().to_string();
    assert!(error.contains("has shape [5], but the heads need [2, 2] elements"), "{error}");
}
