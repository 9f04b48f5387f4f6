//! A user-defined tape operation: ln cosh x, elementwise.

use bayes::engine::{Adjoints, Evaluation, Operation};
use bayes::{Real, Var};

/// Adds [`log_cosh`](LogCosh::log_cosh) to a variable.
pub trait LogCosh {
    /// ln cosh x, elementwise: like x²/2 near zero and like |x| − ln 2 far away, and smooth everywhere.
    #[must_use]
    fn log_cosh(self) -> Self;
}

impl<T: Real> LogCosh for Var<'_, T> {
    fn log_cosh(self) -> Self {
        self.tape().record(Operator, &[self], [self.shape()])[0]
    }
}

#[derive(Clone, Copy)]
struct Operator;

impl<T: Real> Operation<T> for Operator {
    fn name(&self) -> &'static str {
        "log_cosh"
    }

    fn forward(&self, io: &mut Evaluation<'_, T>) {
        let x = io.input(0).data;
        for (y, x) in io.output(0).iter_mut().zip(x) {
            // cosh may overflow although its logarithm does not.
            let x = x.to_f64().abs();
            *y = T::from_f64(x + (-2.0 * x).exp().ln_1p() - std::f64::consts::LN_2);
        }
    }

    fn adjoint(&self, io: &mut Adjoints<'_, T>) {
        let Some(upstream) = io.upstream(0) else { return };
        let x = io.input(0).data;
        io.give(0, |i| upstream[i] * T::from_f64(x[i].to_f64().tanh()));
    }
}
