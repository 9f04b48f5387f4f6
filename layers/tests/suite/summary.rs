//! `model.summary()`: every weight, parameter and buffer once, with the numbers that the model has by itself.

use elbo::prelude::*;
use elbo::{Kind, Summary, SummaryRow};

#[bayesian]
struct Part<T: Real = f64> {
    scale: LearnedNormal<T>,
    #[prior(self.scale)]
    weight: MeanField<T>,
    shift: Point<T>,
    seen: Buffer<T>,
}

#[bayesian]
struct Whole {
    parts: [Part<f64>; 2],
    spread: HierarchicalNormal<LogNormal<f64>, LogNormalPrior>,
    #[prior(self.spread)]
    head: MeanField<f64>,
    #[prior(MonteCarlo(Normal(0.0, 0.5)))]
    bias: MeanField<f64>,
    #[prior(Normal(0.0, 2.0))]
    estimate: Point<f64>,
    rest: Option<Dense<MeanField<f64>>>,
}

fn part(width: usize) -> Part<f64> {
    Part {
        scale: LearnedNormal(0.5),
        weight: MeanField::new([width, 3]),
        shift: Point(Tensor::zeros([width])),
        seen: Buffer(Tensor::zeros([7])),
    }
}

fn whole() -> Whole {
    Whole {
        parts: [part(2), part(4)],
        spread: HierarchicalNormal::new(LogNormal::new([1]), LogNormalPrior(0.0, 1.0)),
        head: MeanField::new([5]),
        bias: MeanField::new([6]),
        estimate: Point(Tensor::full([2], 0.5)),
        rest: Some(Dense::mean_field(3, 2)),
    }
}

fn row<'s>(summary: &'s Summary, name: &str) -> &'s SummaryRow {
    let mut found = summary.rows.iter().filter(|row| row.name == name);
    let row = found.next().unwrap_or_else(|| panic!("no `{name}` in\n{summary}"));
    assert!(found.next().is_none(), "`{name}` twice in\n{summary}");
    row
}

#[test]
fn every_tensor_is_in_a_row_with_its_family_and_prior() {
    let (model, mut all) = (whole(), 0);
    let summary = model.summary();
    let families = |name: &str| match &row(&summary, name).kind {
        Kind::Random { posterior, prior, is_estimated, .. } => format!("{posterior} {prior} {is_estimated}"),
        other => format!("{other:?}"),
    };
    assert_eq!(families("parts.1.weight"), "MeanField LearnedNormal(0.500) false");
    assert_eq!(families("spread"), "LogNormal LogNormalPrior(0, 1) false");
    assert_eq!(families("head"), "MeanField HierarchicalNormal true");
    assert_eq!(families("bias"), "MeanField MonteCarlo(Normal(0, 0.5)) true");
    assert_eq!(families("estimate"), "Point Normal(0, 2) false");
    assert_eq!(families("rest.weight"), "MeanField Normal(0, 1) false");
    assert_eq!((families("parts.0.shift"), families("parts.1.seen")), ("Deterministic".into(), "Buffer".into()));
    assert_eq!(families("parts.0.scale.rho"), "Deterministic");
    model.visit(&elbo::Path::ROOT, &mut |_, role, tensor| all += if role.is_learned() { tensor.len() } else { 0 });
    assert_eq!((summary.parameters(), summary.parameters()), (all, model.num_parameters()));
    assert_eq!(summary.weights(), 6 + 12 + 1 + 5 + 6 + 2 + 6 + 2);
    let of =
        |name: &str| (row(&summary, name).shape.clone(), row(&summary, name).elements, row(&summary, name).parameters);
    assert_eq!(of("parts.1.weight"), (vec![4, 3], 12, 24));
    assert_eq!(of("parts.1.seen"), (vec![7], 7, 0));
    assert_eq!(of("estimate"), (vec![2], 2, 2));
}

#[test]
fn divergences_are_those_of_the_model() {
    let model = [Dense::<MeanField<f64>>::mean_field(4, 16), Dense::mean_field(16, 3)];
    let summary = model.summary();
    for (name, nats) in model.kl_terms() {
        assert_eq!(row(&summary, &name).kl(), Some(nats), "{name}");
    }
    assert!((summary.kl() - model.kl()).abs() < 1e-9 * model.kl());
    // Those without a closed form are estimates of the same.
    let exact = Dense::<MeanField<f64>>::mean_field(30, 30);
    let estimated = Dense::<MeanField<f64>>::mean_field(30, 30).prior(MonteCarlo(Normal(0.0, 1.0)));
    let (found, expected) = (estimated.summary().kl(), exact.kl());
    // ln q - ln p of a draw has the standard deviation of about √(n/2) nats, and there are 64 draws.
    assert!((found - expected).abs() < 4.0 * (930.0f64 / 2.0 / 64.0).sqrt(), "{found} {expected}");
    assert_eq!(estimated.summary(), estimated.summary());
}

#[test]
fn the_table_has_a_line_for_each_row_and_the_sums() {
    let summary = whole().summary();
    let text = summary.to_string();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), summary.rows.len() + 2);
    assert!(lines[0].starts_with("name") && lines[0].ends_with("per weight"));
    assert!(lines.last().is_some_and(|line| line.starts_with("random weights") && line.contains("≈")));
    assert!(text.contains("MonteCarlo(Normal(0, 0.5))") && text.contains("[4, 3]"), "{text}");
    // A model without weights.
    let none = Point::<f32>(Tensor::zeros([3])).summary();
    assert_eq!((none.weights(), none.parameters(), none.kl()), (0, 3, 0.0));
    assert_eq!(none.to_string().lines().count(), 3);
}
