//! Chains that cannot move, and terms that are not finite: said by name.

use elbo::prelude::*;
use elbo::{Likelihood, Nuts};

fn data() -> Examples<f32, Tensor> {
    let x = Tensor::from_fn([20, 1], |i| (i as f64 * 0.37).sin());
    let y = Tensor::from_fn([20, 1], |i| (i as f64 * 0.37).cos());
    Examples::new(x, y).unwrap()
}

/// A log-likelihood that is a function of the outputs only.
struct Of(for<'t> fn(Var<'t>) -> Var<'t>);

impl Likelihood<f32> for Of {
    type Targets = Tensor;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t>, _: &'t Tensor) -> Var<'t> {
        (self.0)(output)
    }

    fn predictive(&self, _: &Outputs<f32>) {}
}

#[test]
fn a_chain_that_does_not_move_is_an_error_that_names_why() {
    let (model, data) = (Dense::new(1, 1), data());
    let run = |likelihood| Nuts::new(likelihood).chains(1).warmup(50).draws(40).seed(1).quiet().run(&model, &data);
    // A value whose slopes do not tell where it goes: the step size collapses.
    let rough = run(Of(|output| (output * 1e7).sin() * 1e6));
    let said = format!("{:?}", rough.unwrap_err());
    assert!(said.contains("chain 0") && said.contains("does not move") && said.contains("`weight`[0]"), "{said}");
    // Everything is NaN except where the chain starts.
    let mut start = model.mean_weights();
    start.set_flat(&[0.0, 0.0]).unwrap();
    let nuts = Nuts::new(Of(|output| -(-output.square()).sqrt())).chains(1).warmup(50).draws(40).quiet();
    let said = format!("{:?}", nuts.start_from(vec![start]).run(&model, &data).unwrap_err());
    assert!(said.contains("chain 0"), "{said}");
}

#[test]
fn terms_that_are_not_finite_are_counted_by_name() {
    // A wall at an output of −0.3, below which the likelihood is NaN.
    let (model, data) = (Dense::new(1, 1), data());
    let wall = Of(|output| (output + 0.3).sqrt() * 0.0 - output.square());
    let mut start = model.mean_weights();
    start.set_flat(&[0.1, 0.2]).unwrap();
    let nuts = Nuts::new(wall).chains(2).warmup(100).draws(200).seed(1).quiet();
    let chains = nuts.start_from(vec![start]).run(&model, &data).unwrap();
    let diagnostics = chains.diagnose();
    assert!(diagnostics.not_finite["log-likelihood of the data"] > 0 && diagnostics.divergences > 0);
    assert!(diagnostics.to_string().contains("the log-likelihood of the data was infinite or NaN in"), "{diagnostics}");
}
