//! Errors of losses; and the accuracy of losses for confident predictions.

use elbo_engine::{CrossEntropy, Gradients, Reduction, Tape, Tensor};

use super::{panics, zeros};

#[test]
fn losses_do_not_broadcast() {
    let [x, row, three] = [zeros(&[2, 3]), zeros(&[1, 3]), zeros(&[3])];
    let tape = Tape::new();
    let [x, row, three] = [&x, &row, &three].map(|x| tape.input(x));
    let mean = Reduction::Mean;
    panics(&["mse", "[2, 3]", "targets", "[1, 3]", "nothing is broadcast"], || x.mse(row, mean));
    panics(&["l1", "[2, 3]", "[3]"], || x.l1(three, mean));
    panics(&["huber", "[2, 3]", "[3]"], || x.huber(three, 1.0, mean));
    panics(&["bce_with_logits", "[1, 3]", "[2, 3]"], || row.bce_with_logits(x, mean));
    panics(&["bce_with_logits", "[2, 3]", "[3]"], || x.bce_with_logits_weighted(three, &[1.0; 3], mean));
    panics(&["gaussian_nll", "[2, 3]", "variances", "[1, 3]"], || x.gaussian_nll(x, row, mean));
    panics(&["student_t_nll", "[2, 3]", "scales", "[3]"], || x.student_t_nll(x, three, 2.0, mean));
    panics(&["poisson_nll", "[2, 3]", "counts", "[1, 3]"], || x.poisson_nll(row, mean));
    panics(&["negative_binomial_nll", "[2, 3]", "[1, 3]"], || x.negative_binomial_nll(row, 2.0, mean));
}

#[test]
fn invalid_settings() {
    let x = zeros(&[2, 3]);
    let tape = Tape::new();
    let x = tape.input(&x);
    let mean = Reduction::Mean;
    panics(&["huber", "positive", "0"], || x.huber(x, 0.0, mean));
    panics(&["student_t_nll", "positive", "NaN"], || x.student_t_nll(x, x, f64::NAN, mean));
    panics(&["negative_binomial_nll", "positive", "-1"], || x.negative_binomial_nll(x, -1.0, mean));
    panics(&["bce_with_logits", "[2, 3]", "2 weights"], || x.bce_with_logits_weighted(x, &[1.0; 2], mean));
    panics(&["label_smoothing", "1.5"], || CrossEntropy::new().label_smoothing(1.5));
    let two = CrossEntropy::new().class_weights(&[1.0, 2.0]);
    panics(&["cross_entropy", "2 class weights", "[2, 3]"], || x.cross_entropy_with(&[0, 1], two));
    let ignoring = CrossEntropy::new().ignore(7);
    panics(&["cross_entropy", "row 1", "label 8", "3 classes"], || x.cross_entropy_with(&[7, 8], ignoring));
}

#[test]
fn the_loss_of_a_confident_correct_prediction_is_accurate() {
    let logits: Tensor<f32> = Tensor::new([2, 2], [-30.0, 40.0, 25.0, -1e4]);
    let targets = Tensor::new([2, 2], [0.0, 1.0, 1.0, 0.0]);
    let exact = [-30.0f64, -40.0, -25.0, -1e4].map(f64::exp);
    for weighted in [false, true] {
        let mut gradients = Gradients::of(&logits);
        let tape = Tape::new();
        let (x, y) = (tape.param(&logits), tape.input(&targets));
        let loss = if weighted {
            x.bce_with_logits_weighted(y, &[1.0, 1.0], Reduction::Each)
        } else {
            x.bce_with_logits(y, Reduction::Each)
        };
        loss.sum().backward(&mut gradients);
        let slopes = gradients.get("").unwrap();
        for i in 0..4 {
            let (value, slope) = (f64::from(loss.value()[i]), f64::from(slopes[i]));
            assert!((value - exact[i]).abs() <= 1e-6 * exact[i], "{value} is not {}", exact[i]);
            let sign = if targets.data()[i] == 0.0 { 1.0 } else { -1.0 };
            assert!((slope - sign * exact[i]).abs() <= 1e-6 * exact[i], "{slope} is not ±{}", exact[i]);
        }
    }
}

#[test]
fn the_mean_over_ignored_rows_only_is_nan() {
    let x = zeros(&[2, 3]);
    let tape = Tape::new();
    let ignoring = CrossEntropy::new().ignore(1);
    assert!(tape.input(&x).cross_entropy_with(&[1, 1], ignoring).item().is_nan());
    assert_eq!(tape.input(&x).cross_entropy_with(&[1, 1], ignoring.reduction(Reduction::Sum)).item(), 0.0);
}
