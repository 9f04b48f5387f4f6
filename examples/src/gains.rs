//! What predictions gain over giving every example the shares of the classes among the training examples.

use elbo::metrics::Probabilities;

/// How predictions of one model do.
#[derive(Clone, Debug)]
pub struct Gains {
    right: Pair,
    nll: Pair,
}

/// A score, example by example.
#[derive(Clone, Debug)]
struct Pair {
    model: Vec<f64>,
    /// Of who knows the shares only.
    shares: Vec<f64>,
}

impl Gains {
    /// Of predictions for examples with these labels, by a model that was trained on those.
    pub fn of(predicted: &Probabilities, labels: &[usize], trained_on: &[usize]) -> Self {
        let share =
            |class: usize| trained_on.iter().filter(|&&label| label == class).count() as f64 / trained_on.len() as f64;
        let shares: Vec<f64> = (0..predicted.classes()).map(share).collect();
        let largest = (0..shares.len()).max_by(|&a, &b| shares[a].total_cmp(&shares[b])).unwrap_or(0);
        let right = |answers: &[usize]| answers.iter().zip(labels).map(|(a, b)| f64::from(a == b)).collect();
        let nll = |(row, &label): (usize, &usize)| -predicted.row(row)[label].ln();
        Gains {
            right: Pair { model: right(&predicted.labels()), shares: right(&vec![largest; labels.len()]) },
            nll: Pair {
                model: labels.iter().enumerate().map(nll).collect(),
                shares: labels.iter().map(|&label| -shares[label].ln()).collect(),
            },
        }
    }

    /// The share of right answers.
    pub fn accuracy(&self) -> f64 {
        mean_and_sd(&self.right.model).0
    }

    /// Nats an example.
    pub fn nll(&self) -> f64 {
        mean_and_sd(&self.nll.model).0
    }
}

/// Means and standard deviations over seeds. Where all seeds predict the same examples, also the difference and its standard
/// error over examples, each example's difference being the mean over seeds.
pub fn table(seeds: &[Gains], same_examples: bool) -> String {
    let right: Vec<&Pair> = seeds.iter().map(|seed| &seed.right).collect();
    let nll: Vec<&Pair> = seeds.iter().map(|seed| &seed.nll).collect();
    line("accuracy, %", 100.0, 1, &right, same_examples) + &line("NLL, nats", 1.0, 4, &nll, same_examples)
}

fn line(what: &str, unit: f64, decimals: usize, seeds: &[&Pair], same_examples: bool) -> String {
    let each = |score: fn(&Pair) -> &[f64]| {
        let means: Vec<f64> = seeds.iter().map(|seed| unit * mean_and_sd(score(seed)).0).collect();
        mean_and_sd(&means)
    };
    let ((mean, sd), (by_shares, _)) = (each(|seed| &seed.model), each(|seed| &seed.shares));
    let mut line = format!("{what:11} {mean:.decimals$} ± {sd:.decimals$}, by shares {by_shares:.decimals$}");
    if same_examples {
        let model = means(seeds.iter().map(|seed| &seed.model[..]));
        let shares = means(seeds.iter().map(|seed| &seed.shares[..]));
        let differences: Vec<f64> = model.iter().zip(&shares).map(|(model, shares)| unit * (model - shares)).collect();
        let (difference, spread) = mean_and_sd(&differences);
        let error = spread / (differences.len() as f64).sqrt();
        line += &format!(": a difference of {difference:.decimals$}, its standard error {error:.decimals$}");
    }
    line + "\n"
}

/// The mean over models of each example.
fn means<'a>(models: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let count = models.len() as f64;
    models.fold(Vec::new(), |mut sums, model| {
        sums.resize(model.len(), 0.0);
        sums.iter_mut().zip(model).for_each(|(sum, x)| *sum += x / count);
        sums
    })
}

fn mean_and_sd(of: &[f64]) -> (f64, f64) {
    let n = of.len() as f64;
    let mean = of.iter().sum::<f64>() / n;
    let squares: f64 = of.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gains(first: [f64; 2], second: [f64; 2]) -> Gains {
        let probabilities = Probabilities::new([first, second].concat(), vec![0.0; 2], 2, 1);
        Gains::of(&probabilities, &[0, 1], &[0, 0, 0, 1])
    }

    #[test]
    fn predictions_are_compared_with_the_shares_of_the_training_examples() {
        let gains = gains([0.9, 0.1], [0.4, 0.6]);
        assert_eq!((gains.accuracy(), gains.right.shares.clone()), (1.0, vec![1.0, 0.0]));
        assert!((gains.nll() + (0.9_f64.ln() + 0.6_f64.ln()) / 2.0).abs() < 1e-12);
        assert_eq!(gains.nll.shares, [-0.75_f64.ln(), -0.25_f64.ln()]);
    }

    #[test]
    fn the_standard_error_is_that_of_differences_example_by_example() {
        let one = gains([0.9, 0.1], [0.4, 0.6]);
        // Differences of 0 and 100 points: mean 50, standard deviation 70.7, over the root of two.
        let expected = "accuracy, % 100.0 ± 0.0, by shares 50.0: a difference of 50.0, its standard error 50.0\n";
        assert_eq!(table(&[one.clone(), one.clone()], true).split_inclusive('\n').next(), Some(expected));
        let expected = "accuracy, % 100.0 ± 0.0, by shares 50.0\n";
        assert_eq!(table(&[one.clone(), one], false).split_inclusive('\n').next(), Some(expected));
    }
}
