//! Prediction: independence of rows, and the errors for invalid inputs and outputs.

use crate::common::{assert_near, classifier, examples};
use elbo::prelude::*;

/// Couples the rows of a batch.
#[bayesian]
struct Centred {
    layer: Dense,
}

#[bayesian]
impl Centred {
    fn forward(&self, x: Var) -> Var {
        let y = self.layer.forward(x);
        y - y.mean_axes(&[0], true)
    }
}

fn inputs(rows: usize) -> Tensor {
    examples(rows, 4, 2).0
}

#[test]
#[should_panic(expected = "in this model's forward the rows of a batch influence each other")]
fn rows_that_influence_each_other_are_detected() {
    Centred { layer: Dense::new(4, 2) }.outputs(&inputs(300), Draws(2));
}

#[test]
fn rows_that_influence_each_other_are_predicted_in_one_batch() {
    let model = Centred { layer: Dense::new(4, 2) };
    let x = inputs(300);
    let tape = Tape::inference();
    let by_hand = model.draw(&tape, Key::new(0).at("predict").draw(0)).forward(tape.input(&x));
    assert_eq!(model.outputs(&x, Draws(1).in_one_batch()).tensor().data(), by_hand.value());
    // Few rows are one batch anyway.
    let few = inputs(200);
    assert_eq!(model.outputs(&few, Draws(3)), model.outputs(&few, Draws(3).in_one_batch()));
}

#[test]
fn one_batch_or_several_give_the_same_prediction_of_independent_rows() {
    let (model, x) = (classifier(4, 6, 2), inputs(700));
    let (cut, whole) = (model.outputs(&x, Draws(3)), model.outputs(&x, Draws(3).in_one_batch()));
    assert_eq!(whole.tensor().shape(), [3, 700, 2]);
    assert_near(cut.tensor().data(), whole.tensor().data(), 1e-5);
}

#[test]
#[should_panic(expected = "predict: row 2, column 1 (both from 0) of the inputs is NaN")]
fn a_nan_among_the_inputs_is_named() {
    let mut x = inputs(5);
    x.data_mut()[9] = f32::NAN;
    let _ = classifier(4, 6, 2).predict(&Categorical, &x, Draws(2));
}

#[test]
#[should_panic(expected = "predict: the model's output for row 3 is not finite under draw 0")]
fn an_output_that_overflows_is_named() {
    #[bayesian]
    struct Exponential {
        layer: Dense,
    }
    #[bayesian]
    impl Exponential {
        fn forward(&self, x: Var) -> Var {
            (self.layer.forward(x) * 0.0 + x.sum_axes(&[1], true)).exp()
        }
    }
    let mut x: Tensor = Tensor::zeros([6, 4]);
    x.data_mut()[12] = 1e3;
    Exponential { layer: Dense::new(4, 2) }.outputs(&x, Draws(2));
}

#[test]
#[should_panic(expected = "predict: the model's output has the shape [] for 5 rows of inputs; expected (rows, ..)")]
fn an_output_without_rows_is_refused() {
    #[bayesian]
    struct Total {
        layer: Dense,
    }
    #[bayesian]
    impl Total {
        fn forward(&self, x: Var) -> Var {
            self.layer.forward(x).sum()
        }
    }
    Total { layer: Dense::new(4, 2) }.outputs(&inputs(5), Draws(2));
}

#[test]
fn predicted_numbers_have_aleatoric_and_epistemic_parts() {
    let x: Tensor = Tensor::from_fn([30, 2], |i| (i as f64).sin());
    let model = Dense::new(2, 1).initial_sd(0.3);
    let predicted = model.predict(&Gaussian::new(0.5), &x, Draws(40));
    let of_weights = model.outputs(&x, Draws(40));
    assert_eq!((predicted.sd().len(), of_weights.sd().len()), (30, 30));
    for ((all, weights), (mean, same)) in
        predicted.sd().iter().zip(of_weights.sd()).zip(predicted.mean().iter().zip(of_weights.mean()))
    {
        assert!((all * all - (weights * weights + 0.25)).abs() < 1e-9);
        assert!((mean - same).abs() < 1e-12);
    }
    let (low, high) = predicted.interval(0.9);
    assert!(!low.is_empty() && [low.len(), high.len()] == [predicted.mean().len(); 2]);
    assert!(low.iter().zip(&high).zip(predicted.mean()).all(|((low, high), mean)| *low < mean && mean < *high));
    assert_eq!(predicted.coverage(&Tensor::new([30, 1], predicted.mean()), 0.5), 1.0);
}
