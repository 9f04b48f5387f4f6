//! Decisions by expected cost: what to do, given predicted probabilities and the cost of each action for each class.

use crate::metrics::Probabilities;

/// What an action costs if an example is of a class, (actions, classes). The best action for a prediction has the least expected
/// cost Σ_c p_c · cost(action, c), or the most expected utility (Berger 1985, "Statistical Decision Theory and Bayesian Analysis",
/// section 1.5).
///
/// Costs may be negative: a utility u is a cost −u. Their unit is yours.
///
/// ```
/// use elbo::decision::{Costs, Decision};
/// # use elbo::metrics::Probabilities;
/// // Eat or leave a mushroom that is edible (class 0) or poisonous (class 1); ask an expert for 0.4.
/// let costs = Costs::new([[0.0, 20.0], [1.0, 0.0]]).abstain_for(0.4);
/// # let predictions = Probabilities::new(vec![0.999, 0.001, 0.95, 0.05, 0.3, 0.7], vec![0.0; 3], 2, 1);
/// assert_eq!(costs.decide(&predictions), [Decision::Act(0), Decision::Abstain, Decision::Act(1)]);
/// ```
#[derive(Clone, Debug, PartialEq)]
pub struct Costs {
    /// (actions, classes).
    costs: Vec<f64>,
    classes: usize,
    abstaining: Option<f64>,
}

/// What to do with an example.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Decision {
    /// The action of this index.
    Act(usize),
    /// No action: someone else decides.
    Abstain,
}

impl Costs {
    /// From a row for each action, with a cost for each class.
    ///
    /// # Panics
    /// If there are no actions or no classes, rows have different lengths, or a cost is not finite.
    #[track_caller]
    pub fn new<R: AsRef<[f64]>>(actions: impl AsRef<[R]>) -> Self {
        let actions = actions.as_ref();
        let classes = actions.first().map_or(0, |row| row.as_ref().len());
        assert!(classes > 0, "Costs: at least one action and one class are needed");
        for (action, row) in actions.iter().enumerate() {
            let row = row.as_ref();
            let count = row.len();
            assert!(count == classes, "Costs: action {action} (from 0) has {count} costs, but action 0 has {classes}");
            if let Some(class) = row.iter().position(|cost| !cost.is_finite()) {
                panic!(
                    "Costs: the cost of action {action} for class {class} (from 0) is {}; it must be finite",
                    row[class]
                );
            }
        }
        let costs = actions.iter().flat_map(|row| row.as_ref()).copied().collect();
        Costs { costs, classes, abstaining: None }
    }

    /// Of predicting a class where every mistake costs 1: the best action is the most probable class.
    ///
    /// # Panics
    /// If there are no classes.
    #[track_caller]
    pub fn of_mistakes(classes: usize) -> Self {
        let row = |action| (0..classes).map(|class| f64::from(u8::from(class != action))).collect::<Vec<f64>>();
        Costs::new((0..classes).map(row).collect::<Vec<_>>())
    }

    /// Allows to abstain for this cost, whatever the class: where no action is expected to cost less. With
    /// [`of_mistakes`](Costs::of_mistakes), it abstains where the largest probability is below 1 − `cost` (Chow 1970, "On Optimum
    /// Recognition Error and Reject Tradeoff").
    ///
    /// # Panics
    /// If it is not finite.
    #[track_caller]
    #[must_use]
    pub fn abstain_for(self, cost: f64) -> Self {
        assert!(cost.is_finite(), "Costs: the cost of abstaining must be finite, got {cost}");
        Costs { abstaining: Some(cost), ..self }
    }

    /// The number of actions.
    pub fn actions(&self) -> usize {
        self.costs.len() / self.classes
    }

    /// The number of classes.
    pub fn classes(&self) -> usize {
        self.classes
    }

    /// The expected cost of each action for each prediction, (N, actions).
    ///
    /// # Panics
    /// If the predictions have another number of classes.
    #[track_caller]
    pub fn expected(&self, predictions: &Probabilities) -> Vec<f64> {
        let classes = self.classes;
        assert!(
            predictions.classes() == classes,
            "Costs: predictions of {} classes, but costs for {classes}",
            predictions.classes()
        );
        let of_row = |p: &[f64], costs: &[f64]| p.iter().zip(costs).map(|(p, cost)| p * cost).sum::<f64>();
        let rows = predictions.mean().chunks_exact(classes);
        rows.flat_map(|p| self.costs.chunks_exact(classes).map(move |costs| of_row(p, costs))).collect()
    }

    /// The decision of least expected cost for each prediction: the first action on ties, and abstaining only if it costs less than
    /// every action.
    ///
    /// # Panics
    /// If the predictions have another number of classes.
    #[track_caller]
    pub fn decide(&self, predictions: &Probabilities) -> Vec<Decision> {
        let expected = self.expected(predictions);
        let best = expected.chunks_exact(self.actions()).map(|costs| {
            let mut best = 0;
            for (action, cost) in costs.iter().enumerate() {
                if *cost < costs[best] {
                    best = action;
                }
            }
            let abstains = self.abstaining.is_some_and(|cost| cost < costs[best]);
            if abstains { Decision::Abstain } else { Decision::Act(best) }
        });
        best.collect()
    }

    /// The mean cost of decisions, given the classes that the examples turn out to have.
    ///
    /// # Panics
    /// If there are no examples, not one decision for each label, a label or an action is out of range, or a decision abstains
    /// without a cost for it.
    #[track_caller]
    pub fn mean_cost(&self, decisions: &[Decision], labels: &[usize]) -> f64 {
        assert!(!labels.is_empty(), "mean_cost: no examples");
        assert!(
            decisions.len() == labels.len(),
            "mean_cost: {} decisions for {} labels",
            decisions.len(),
            labels.len()
        );
        let mut sum = 0.0;
        for (row, (decision, &label)) in decisions.iter().zip(labels).enumerate() {
            let (actions, classes) = (self.actions(), self.classes);
            assert!(
                label < classes,
                "mean_cost: label {label} of row {row} (from 0) is out of range for {classes} classes"
            );
            sum += match (*decision, self.abstaining) {
                (Decision::Act(action), _) => {
                    assert!(
                        action < actions,
                        "mean_cost: action {action} of row {row} is out of range for {actions} actions"
                    );
                    self.costs[action * classes + label]
                }
                (Decision::Abstain, Some(cost)) => cost,
                (Decision::Abstain, None) => {
                    panic!(
                        "mean_cost: the decision of row {row} (from 0) abstains, which has no cost; set it by `abstain_for`"
                    )
                }
            };
        }
        sum / labels.len() as f64
    }
}
