//! Tests of plans.

use super::*;
use crate::infer::vi::{Epochs, UntilConverged};

/// Of a large model.
const LARGE: Yardstick = Yardstick { parameters: 1_000_000, guessing: None };

/// The factors of a training in epochs of `batches` steps, from step `first` on, on a bound that rises by `rise` a step.
fn factors(budget: Budget, schedule: Option<&Schedule>, [first, batches]: [usize; 2], rise: f64) -> (Vec<f64>, bool) {
    factors_beside(LARGE, budget, schedule, [first, batches], rise)
}

/// [`factors`], compared with this yardstick.
fn factors_beside(
    yardstick: Yardstick,
    budget: Budget,
    schedule: Option<&Schedule>,
    [first, batches]: [usize; 2],
    rise: f64,
) -> (Vec<f64>, bool) {
    let mut plan = Plan::new(budget, schedule, true, [first, batches], 0);
    let (mut trace, mut factors) = (Trace::default(), Vec::new());
    let mut step = first;
    while !plan.is_over() {
        for _ in 0..batches {
            factors.push(plan.factor(step).unwrap().unwrap_or(1.0));
            // Noise that is the same at each step of an epoch.
            trace.push(-1000.0 + rise * (step - first) as f64 + (step as f64 * 0.7).sin());
            step += 1;
        }
        plan.after_epoch(step, &trace, yardstick);
    }
    assert_eq!(plan.steps(), factors.len());
    (factors, plan.is_settled())
}

#[test]
fn a_given_length_rises_and_falls() {
    let (all, settled) = factors(Epochs(100).into(), None, [70, 7], 0.0);
    assert!(all.len() == 700 && settled && all[0] < 0.03 && all[34] > 0.99 && all[699] < 1e-4, "{all:?}");
    // The rise does not grow with a limit that will not be reached.
    let plan = Plan::new(Epochs(1_000_000).into(), None, true, [0, 10], 0);
    assert!(plan.factor(RISE_STEPS).unwrap().unwrap() > 0.99);
    assert!(factors(Epochs(0).into(), None, [0, 5], 0.0).0.is_empty());
}

#[test]
fn the_rate_is_held_until_the_bound_no_longer_rises() {
    let (all, settled) = factors(UntilConverged::new().into(), None, [20, 10], 0.0);
    assert!(settled && all.len() == 12_000 && all[3_999] == 1.0 && all[4_001] < 1.0 && all[11_999] < 1e-6);
    let (all, settled) = factors(UntilConverged::new().into(), None, [0, 10], 1.0);
    assert!(!settled && all.len() == 60_000 && all[19_999] == 1.0 && all[59_999] < 1e-6);
    // One or two epochs are too short to be held.
    for epochs in [1, 2] {
        let (all, _) = factors(UntilConverged::within(Epochs(epochs)).into(), None, [0, 200], 1.0);
        assert!(all.len() == 200 * epochs && all[0] < 0.2 && *all.last().unwrap() < 0.1, "{all:?}");
    }
    // An epoch of more steps than the limit is one epoch.
    assert_eq!(factors(UntilConverged::new().into(), None, [0, 70_000], 0.0).0.len(), 70_000);
}

/// Whether a training settles, and its steps, on a bound of about −1,000 that rises by `rise` a step.
fn until_converged(yardstick: Yardstick, rise: f64) -> (bool, usize) {
    let (all, settled) = factors_beside(yardstick, UntilConverged::new().into(), None, [0, 10], rise);
    (settled, all.len())
}

#[test]
fn below_guessing_the_rate_is_held_until_the_gain_is_surely_small() {
    // 0.02 nats a step gain 80 of 1,000 in as many steps again: little, but for a bound below guessing.
    let guessing = |bound| Yardstick { guessing: Some(bound), ..LARGE };
    assert_eq!(until_converged(guessing(-1500.0), 0.02), (true, 12_000));
    assert_eq!(until_converged(guessing(-100.0), 0.02), (false, 60_000));
    assert_eq!(until_converged(guessing(-1005.0), 0.001), (true, 12_000));
}

/// What a training below guessing does with the divergence and the parameters, at which steps, on a bound of −1,000 at first
/// and of `after` once the divergence has counted twice.
fn below_guessing(after: f64) -> (Vec<usize>, Vec<(usize, Action)>, usize, bool) {
    let yardstick = Yardstick { guessing: Some(-100.0), ..LARGE };
    let mut plan = Plan::new(UntilConverged::new().into(), None, true, [0, 10], 0);
    let (mut trace, mut doubled, mut actions) = (Trace::default(), Vec::new(), Vec::new());
    let mut step = 0;
    while !plan.is_over() {
        let bound = if doubled.is_empty() { -1000.0 } else { after };
        if plan.divergence_factor() != 1.0 {
            doubled.push(step);
        }
        trace.push(bound + (step as f64 * 0.7).sin());
        step += 1;
        if step % 10 == 0 {
            let action = plan.after_epoch(step, &trace, yardstick);
            actions.extend((action != Action::None).then_some((step, action)));
        }
    }
    (doubled, actions, step, plan.is_settled())
}

#[test]
fn once_settled_below_guessing_the_divergence_counts_twice_for_a_while() {
    let (doubled, actions, steps, settled) = below_guessing(-990.0);
    assert_eq!(doubled, (4000..4670).collect::<Vec<_>>());
    assert_eq!(actions, [(4000, Action::Keep)]);
    assert!(settled && steps >= 3 * 5450 && steps.is_multiple_of(3), "{steps}");
    // What has not paid is undone.
    let (_, actions, ..) = below_guessing(-1010.0);
    assert!(matches!(actions[..], [(4000, Action::Keep), (5450.., Action::Restore)]), "{actions:?}");

    // With a rate or an optimiser of the user's own, the loss is too.
    let schedule = Schedule::constant();
    for (schedule, automatic) in [(Some(&schedule), true), (None, false)] {
        let plan = Plan::new(UntilConverged::new().into(), schedule, automatic, [0, 10], 0);
        assert!(plan.stage.excess == Excess::Over);
    }
}

#[test]
fn a_gain_is_small_for_a_large_model_only() {
    let parameters = |parameters| Yardstick { parameters, ..LARGE };
    assert_eq!(until_converged(parameters(20_000), 0.02), (true, 12_000));
    assert_eq!(until_converged(parameters(1_000), 0.02), (false, 60_000));
    assert_eq!(until_converged(parameters(1_000), 0.001), (true, 12_000));
}

#[test]
fn with_a_schedule_training_ends_where_the_rate_would_fall_or_the_schedule_ends() {
    let schedule = Schedule::cosine(1030);
    let (all, settled) = factors(UntilConverged::new().into(), Some(&schedule), [30, 100], 1.0);
    assert!(!settled && all.len() == 1000 && all[0] == schedule.factor(30));
    let (all, settled) = factors(UntilConverged::new().into(), Some(&Schedule::constant()), [0, 100], 0.0);
    assert!(settled && all.len() == 4000 && all.iter().all(|factor| *factor == 1.0));
    // Not before the warm-up has ended.
    let plan = Plan::new(UntilConverged::new().into(), None, true, [0, 10], 9_000);
    assert_eq!(plan.steps(), 27_000);
}
