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
fn the_loss_of_a_batch_without_labels_is_zero() {
    let x: Tensor = Tensor::new([2, 3], [0.5, 1.0, -2.0, f32::NEG_INFINITY, f32::NAN, 1.0]);
    let weights = [0.0, 1.0, 2.0];
    let options = CrossEntropy::new();
    for (labels, options) in [
        (&[1, 1], options.ignore(1)),
        (&[1, 1], options.ignore(1).label_smoothing(0.1)),
        (&[7, 7], options.ignore(7).class_weights(&weights)),
        (&[0, 0], options.class_weights(&weights)),
        (&[0, 0], options.class_weights(&[0.0; 3]).label_smoothing(0.1)),
    ] {
        for reduction in [Reduction::Mean, Reduction::Sum, Reduction::Each] {
            let mut gradients = Gradients::of(&x);
            let tape = Tape::new();
            let loss = tape.param(&x).cross_entropy_with(labels, options.reduction(reduction));
            assert!(loss.value().iter().all(|&loss| loss == 0.0), "{loss:?}");
            loss.sum().backward(&mut gradients);
            assert_eq!(gradients.get("").unwrap(), [0.0; 6]);
        }
    }
    let nothing = zeros(&[0, 3]);
    assert_eq!(Tape::new().input(&nothing).cross_entropy(&[]).item(), 0.0);
}

#[test]
fn every_reduction_takes_class_weights_smoothing_and_an_ignored_label() {
    let x: Tensor<f64> = Tensor::new([3, 2], [0.0, 1.0, 2.0, 0.0, 5.0, -5.0]);
    let tape = Tape::new();
    let options = CrossEntropy::new().class_weights(&[1.0, 9.0]).label_smoothing(0.2).ignore(0);
    let loss = |reduction| tape.input(&x).cross_entropy_with(&[1, 1, 0], options.reduction(reduction));
    let of_row = |a: f64, b: f64| {
        let total = (a.exp() + b.exp()).ln();
        0.8 * 9.0 * (total - b) + 0.1 * ((total - a) + 9.0 * (total - b))
    };
    let expected = [of_row(0.0, 1.0), of_row(2.0, 0.0)];
    let near = |found: f64, expected: f64| assert!((found - expected).abs() < 1e-13, "{found}, {expected}");
    let each = loss(Reduction::Each).value();
    (0..2).for_each(|row| near(each[row], expected[row]));
    assert_eq!(each[2], 0.0);
    near(loss(Reduction::Sum).item(), expected[0] + expected[1]);
    near(loss(Reduction::Mean).item(), (expected[0] + expected[1]) / 18.0);
}
