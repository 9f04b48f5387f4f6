//! Misuse gets an answer: implementors of the public traits that break their promises, fields that do not fit each other,
//! numbers that mean nothing. Each panics, or is an `Err`, and says what is wrong, and where; none touches memory that is
//! not its own, which AddressSanitizer shows on this file.

mod misfits;
mod models;
mod numbers;
mod posteriors;
mod starts;

use std::panic::{AssertUnwindSafe, catch_unwind};

use elbo::prelude::*;

/// What `work` says as it panics.
#[track_caller]
fn panic_of(work: impl FnOnce()) -> String {
    match catch_unwind(AssertUnwindSafe(work)) {
        Ok(()) => panic!("it was accepted"),
        Err(payload) => match payload.downcast::<String>() {
            Ok(message) => *message,
            Err(payload) => payload.downcast_ref::<&str>().expect("a message").to_string(),
        },
    }
}

/// `work` panics, and says all of `expected`.
#[track_caller]
fn refuses(expected: &[&str], work: impl FnOnce()) {
    let message = panic_of(work);
    for part in expected {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

/// A weight on its own, of any family under any prior.
#[bayesian]
#[derive(Clone)]
struct One<Q: Divergence<P>, P: PriorFor<Q::Scalar> = Normal> {
    #[prior(self.prior)]
    weight: Q,
    prior: P,
}

#[bayesian]
impl<Q: Divergence<P>, P: PriorFor<Q::Scalar>> One<Q, P> {
    fn forward(&self, x: Var<Q::Scalar>) -> Var<Q::Scalar> {
        x.linear(self.weight)
    }
}

fn one<Q: Divergence<Normal>>(weight: Q) -> One<Q> {
    One { weight, prior: Normal(0.0, 1.0) }
}
