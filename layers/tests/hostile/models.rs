//! Implementations of `Parameters`, `Drawn`, `Optimizer`, `Targets` and `Likelihood` that violate their contracts.

use elbo::data::{DataError, Examples, Targets};
use elbo::engine::{Visitor, VisitorMut};
use elbo::prelude::*;
use elbo::{Cx, MeanNll, Monitor, Outputs, Path, Role, Yes};

use super::refuses;

/// A model whose `visit_mut` visits other tensors than `visit`, or in another order.
struct Walks {
    small: Tensor,
    large: Tensor,
    fewer: bool,
}

impl Walks {
    fn new(fewer: bool) -> Self {
        Walks { small: Tensor::full([2], 1.0), large: Tensor::full([3, 4], 2.0), fewer }
    }
}

impl Parameters for Walks {
    type Scalar = f32;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f32>) {
        f(&path.at("small"), Role::Point, &self.small);
        f(&path.at("large"), Role::Point, &self.large);
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f32>) {
        f(&path.at("large"), Role::Point, &mut self.large);
        if !self.fewer {
            f(&path.at("small"), Role::Point, &mut self.small);
        }
    }
}

#[derive(Clone, Copy)]
struct Nothing<'t>(Var<'t>);

impl<'t> Drawn<'t, f32> for Nothing<'t> {
    fn walk(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, Weight<'t>)) {}

    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Var<'t>)) {
        f(path, self.0);
    }
}

impl<'t> Forward<'t, Var<'t>> for Nothing<'t> {
    type Out = Var<'t>;

    fn forward(&self, x: Var<'t>) -> Var<'t> {
        x
    }
}

impl Bayesian for Walks {
    type Draw<'t> = Nothing<'t>;
    type Batch = Yes;
    type Exact = Yes;
    type Allows = Yes;

    fn draw_in<'t>(&'t self, cx: Cx<'t>) -> Nothing<'t> {
        Nothing(cx.tape().param(&self.large))
    }

    fn each_kl(&self, _: &Path<'_>, _: &mut dyn FnMut(&Path<'_>, f64)) {}
}

/// An optimiser that does not change the model.
struct Idle;

impl Optimizer for Idle {
    fn step<M: Parameters + ?Sized>(&mut self, _: &mut M, _: &mut Gradients<M::Scalar>) {}

    fn scale_rate(&mut self, _: f64) {}
}

#[test]
fn walks_that_differ_are_refused_and_nothing_is_copied() {
    for fewer in [false, true] {
        let (mut to, from) = (Walks::new(fewer), Walks::new(fewer));
        to.large.data_mut()[0] = 7.0;
        refuses(&["Parameters::visit_mut", "Parameters::visit", "Walks", "`small`"], || to.copy_from(&from));
        assert_eq!((to.large.data()[0], to.small.data()), (7.0, &[1.0; 2][..]));

        let data: Examples = Examples::new(Tensor::full([6, 3], 0.5), vec![0; 6]).unwrap();
        refuses(&["Parameters::visit_mut", "Walks", "`small`"], || {
            let mut elbo = Elbo::new(Categorical).optimizer(Idle).quiet();
            let _ = elbo.training(&mut to, &data).early_stopping(Monitor::Elbo, 1).run(Epochs(2));
        });
    }
}

#[test]
fn a_divergence_that_is_not_one_number_is_refused() {
    let (model, tape, x) = (Walks::new(false), Tape::new(), Tensor::full([6, 3], 0.5));
    let net = model.draw(&tape, Key::new(1));
    refuses(&["Drawn::each_kl", "[3, 4]"], || {
        let labels = [0; 6];
        let nll = Categorical.nll(tape.input(&x), &labels);
        let _ = Objective::new(6).free_nats(1.0).loss_of(nll, &net, 0);
    });
}

/// Targets whose `gather` returns fewer rows than requested.
#[derive(Debug)]
struct Few(Vec<usize>);

impl Targets for Few {
    fn rows(&self) -> usize {
        self.0.len()
    }

    fn empty_like(&self) -> Self {
        Few(Vec::new())
    }

    fn gather(&self, rows: &[usize], into: &mut Self) {
        into.0.clear();
        into.0.extend(rows.iter().skip(1).map(|&row| self.0[row]));
    }

    fn check(&self) -> Result<(), DataError> {
        Ok(())
    }
}

struct Lenient;

impl Likelihood<f32> for Lenient {
    type Targets = Few;
    type Predictive = ();

    fn log_likelihood<'t>(&self, output: Var<'t>, _: &'t Few) -> Var<'t> {
        -output.square()
    }

    fn predictive(&self, _: &Outputs) {}

    fn mean_nll<'t>(&self, output: Var<'t>, targets: &'t Few) -> MeanNll<'t> {
        MeanNll::from_sum(output.square().sum(), targets.rows().max(1))
    }
}

#[test]
fn targets_that_lose_rows_are_refused() {
    let data = || Examples::new(Tensor::full([6, 3], 0.5), Few(vec![0; 6])).unwrap();
    let expected = ["Targets::gather", "Few", "rows"];
    let error = Elbo::new(Lenient).batch_size(3).quiet().fit(&mut Dense::new(3, 2), &data(), Epochs(1)).unwrap_err();
    expected.iter().for_each(|part| assert!(error.to_string().contains(part), "no `{part}` in: {error}"));
    let error = Elbo::new(Lenient).quiet().evaluate(&Dense::new(3, 2), &data(), Draws(2)).unwrap_err();
    expected.iter().for_each(|part| assert!(error.to_string().contains(part), "no `{part}` in: {error}"));
    refuses(&expected, || {
        let _ = data().split(0.5, 1);
    });
    refuses(&expected, || {
        let _ = data().batches(2, Key::new(1)).next();
    });
    refuses(&expected, || {
        let _ = data().rows(1..3);
    });
}
