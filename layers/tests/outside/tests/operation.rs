//! Tests of the user-defined operation on elbo's tape.

use bayes::Tape;
use bayes::engine::{Tensor, gradcheck};
use outside::LogCosh;

fn value(x: f64) -> f64 {
    let (tape, x) = (Tape::<f64>::new(), Tensor::new([1], [x]));
    tape.input(&x).log_cosh().item()
}

#[test]
fn it_is_the_logarithm_of_the_hyperbolic_cosine_and_does_not_overflow() {
    for x in [-3.0_f64, -0.5, 0.0, 1e-3, 2.0] {
        assert!((value(x) - x.cosh().ln()).abs() < 1e-15, "{x}");
    }
    for x in [-1e4, 1e4] {
        assert!((value(x) - (1e4 - std::f64::consts::LN_2)).abs() < 1e-11, "{x}");
    }
}

#[test]
fn its_gradient_is_the_slope_of_its_value() {
    let mut model = [Tensor::new([2, 3], [-2.0, -0.3, 0.0, 0.7, 1.1, 40.0]), Tensor::new([3], [0.5, -1.0, 2.0])];
    let report = gradcheck(&mut model, |tape, [x, w]| (tape.param(x) * tape.param(w).log_cosh()).log_cosh());
    report.assert_within(1e-7);
}

#[test]
fn it_takes_a_tensor_without_elements() {
    let (tape, nothing) = (Tape::<f64>::new(), Tensor::zeros([0, 3]));
    assert_eq!(tape.input(&nothing).log_cosh().shape(), [0, 3]);
}
