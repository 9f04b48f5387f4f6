//! Compares predictions with the baseline that predicts the class frequencies of the training examples.

use elbo::metrics::Probabilities;

/// Scores of one model's predictions and of the baseline.
#[derive(Clone, Debug)]
pub struct Comparison {
    right: Pair,
    nll: Pair,
}

/// A score of every example.
#[derive(Clone, Debug)]
struct Pair {
    model: Vec<f64>,
    baseline: Vec<f64>,
}

impl Comparison {
    /// Scores predictions for examples with these labels, by a model that was trained on examples with `trained_on`.
    pub fn new(predicted: &Probabilities, labels: &[usize], trained_on: &[usize]) -> Self {
        let frequency =
            |class: usize| trained_on.iter().filter(|&&label| label == class).count() as f64 / trained_on.len() as f64;
        let frequencies: Vec<f64> = (0..predicted.classes()).map(frequency).collect();
        let majority = (0..frequencies.len()).max_by(|&a, &b| frequencies[a].total_cmp(&frequencies[b])).unwrap_or(0);
        let right = |answers: &[usize]| answers.iter().zip(labels).map(|(a, b)| f64::from(a == b)).collect();
        let nll = |(row, &label): (usize, &usize)| -predicted.row(row)[label].ln();
        Comparison {
            right: Pair { model: right(&predicted.labels()), baseline: right(&vec![majority; labels.len()]) },
            nll: Pair {
                model: labels.iter().enumerate().map(nll).collect(),
                baseline: labels.iter().map(|&label| -frequencies[label].ln()).collect(),
            },
        }
    }

    /// The model's accuracy, 0 to 1.
    pub fn accuracy(&self) -> f64 {
        mean_and_sd(&self.right.model).0
    }

    /// The model's negative log-likelihood, in nats per example.
    pub fn nll(&self) -> f64 {
        mean_and_sd(&self.nll.model).0
    }
}

/// Means and standard deviations over seeds. If all seeds predict the same examples, also the mean difference to the
/// baseline and its standard error over examples, where each example's difference is averaged over seeds.
pub fn table(seeds: &[Comparison], same_examples: bool) -> String {
    let right: Vec<&Pair> = seeds.iter().map(|seed| &seed.right).collect();
    let nll: Vec<&Pair> = seeds.iter().map(|seed| &seed.nll).collect();
    line("accuracy, %", 100.0, 1, &right, same_examples) + &line("NLL, nats", 1.0, 4, &nll, same_examples)
}

fn line(name: &str, unit: f64, decimals: usize, seeds: &[&Pair], same_examples: bool) -> String {
    let over_seeds = |score: fn(&Pair) -> &[f64]| {
        let means: Vec<f64> = seeds.iter().map(|seed| unit * mean_and_sd(score(seed)).0).collect();
        mean_and_sd(&means)
    };
    let ((mean, sd), (baseline, _)) = (over_seeds(|seed| &seed.model), over_seeds(|seed| &seed.baseline));
    let mut line = format!("{name:11} {mean:.decimals$} ± {sd:.decimals$}, class frequencies {baseline:.decimals$}");
    if same_examples {
        let model = example_means(seeds.iter().map(|seed| &seed.model[..]));
        let baseline = example_means(seeds.iter().map(|seed| &seed.baseline[..]));
        let differences: Vec<f64> =
            model.iter().zip(&baseline).map(|(model, baseline)| unit * (model - baseline)).collect();
        let (difference, sd) = mean_and_sd(&differences);
        let error = sd / (differences.len() as f64).sqrt();
        line += &format!(", difference {difference:.decimals$}, standard error {error:.decimals$}");
    }
    line + "\n"
}

/// Each example's mean over models.
fn example_means<'a>(models: impl ExactSizeIterator<Item = &'a [f64]>) -> Vec<f64> {
    let count = models.len() as f64;
    models.fold(Vec::new(), |mut sums, model| {
        sums.resize(model.len(), 0.0);
        sums.iter_mut().zip(model).for_each(|(sum, x)| *sum += x / count);
        sums
    })
}

fn mean_and_sd(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean).powi(2)).sum();
    (mean, (squares / (n - 1.0).max(1.0)).sqrt())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn comparison(first: [f64; 2], second: [f64; 2]) -> Comparison {
        let probabilities = Probabilities::new([first, second].concat(), vec![0.0; 2], 2, 1);
        Comparison::new(&probabilities, &[0, 1], &[0, 0, 0, 1])
    }

    #[test]
    fn predictions_are_compared_with_the_class_frequencies_of_the_training_examples() {
        let comparison = comparison([0.9, 0.1], [0.4, 0.6]);
        assert_eq!((comparison.accuracy(), comparison.right.baseline.clone()), (1.0, vec![1.0, 0.0]));
        assert!((comparison.nll() + (0.9_f64.ln() + 0.6_f64.ln()) / 2.0).abs() < 1e-12);
        assert_eq!(comparison.nll.baseline, [-0.75_f64.ln(), -0.25_f64.ln()]);
    }

    #[test]
    fn the_standard_error_is_that_of_the_paired_differences() {
        let one = comparison([0.9, 0.1], [0.4, 0.6]);
        // Differences of 0 and 100 points: mean 50, standard deviation 70.7, divided by √2.
        let expected = "accuracy, % 100.0 ± 0.0, class frequencies 50.0, difference 50.0, standard error 50.0\n";
        assert_eq!(table(&[one.clone(), one.clone()], true).split_inclusive('\n').next(), Some(expected));
        let expected = "accuracy, % 100.0 ± 0.0, class frequencies 50.0\n";
        assert_eq!(table(&[one.clone(), one], false).split_inclusive('\n').next(), Some(expected));
    }
}
