//! Misuse in safe code: trait implementations that violate their contracts, inconsistent fields, invalid numbers. Each
//! panics or returns an `Err` that says what is wrong and where, without invalid memory accesses (checked with
//! AddressSanitizer).

mod misfits;
mod models;
mod numbers;
mod posteriors;
mod starts;
mod walks;

use std::panic::{AssertUnwindSafe, catch_unwind};

use elbo::prelude::*;

/// The message of the panic of `work`.
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

/// Checks that `work` panics with a message that contains all of `expected`.
#[track_caller]
fn refuses(expected: &[&str], work: impl FnOnce()) {
    let message = panic_of(work);
    for part in expected {
        assert!(message.contains(part), "no `{part}` in: {message}");
    }
}

/// A model of a single weight of any family under any prior.
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
