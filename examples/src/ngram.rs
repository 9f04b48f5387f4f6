//! n-gram models of characters, the baselines of `text`: interpolated Kneser-Ney and Witten-Bell smoothing.

use std::collections::HashMap;

/// How an order is mixed with the one below it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Smoothing {
    /// Interpolated Kneser-Ney (Chen and Goodman 1999, section 2.7): every count is reduced by this number, and orders below
    /// the highest count the different characters before a string in place of its occurrences.
    KneserNey(f64),
    /// The same discount, with occurrences counted in every order (absolute discounting: Ney, Essen and Kneser 1994).
    Absolute(f64),
    /// Witten-Bell (Bell, Cleary and Witten 1990, method C), with the number of different characters after a string times
    /// this factor as the weight of the order below.
    WittenBell(f64),
}

/// The characters after one context: their counts, the sum of these, and how many are not 0.
#[derive(Clone, Default)]
struct After {
    counts: Vec<u32>,
    total: u32,
    different: u32,
}

impl After {
    fn add(&mut self, character: usize, alphabet: usize) {
        self.counts.resize(alphabet, 0);
        self.different += u32::from(self.counts[character] == 0);
        self.counts[character] += 1;
        self.total += 1;
    }
}

/// A table by context: the characters before, packed into a number.
type Table = HashMap<u64, After>;

/// Counts of a text by contexts of 0 to `order` − 1 characters.
pub struct NGrams {
    alphabet: usize,
    /// By length of the context.
    occurrences: Vec<Table>,
    /// By length of the context: how many different characters stand before the context and its next character.
    continuations: Vec<Table>,
}

impl NGrams {
    /// Counts the strings of up to `order` characters of a text.
    ///
    /// # Panics
    /// If the order is 0, or its contexts do not fit into 64 bits.
    pub fn new(text: &[usize], alphabet: usize, order: usize) -> Self {
        assert!(
            order > 0 && (alphabet as u128 + 1).pow(order as u32) < 1 << 64,
            "NGrams: contexts of order {order} of {alphabet} characters do not fit into 64 bits"
        );
        let (mut occurrences, mut continuations) = (vec![Table::new(); order], vec![Table::new(); order]);
        for at in 0..text.len() {
            for length in 0..order.min(at + 1) {
                let context = &text[at - length..at];
                let after = occurrences[length].entry(pack(context, alphabet)).or_default();
                after.add(text[at], alphabet);
                // A string seen for the first time is one more way to continue its end.
                if length > 0 && after.counts[text[at]] == 1 {
                    let shorter = pack(&context[1..], alphabet);
                    continuations[length - 1].entry(shorter).or_default().add(text[at], alphabet);
                }
            }
        }
        NGrams { alphabet, occurrences, continuations }
    }

    /// The probabilities of the next character after `context`, of which the last `order` − 1 characters count.
    pub fn probabilities(&self, context: &[usize], smoothing: Smoothing) -> Vec<f64> {
        let longest = (self.occurrences.len() - 1).min(context.len());
        let mut p = vec![1.0 / self.alphabet as f64; self.alphabet];
        for length in 0..=longest {
            let is_highest = length + 1 == self.occurrences.len();
            let table = match smoothing {
                Smoothing::KneserNey(_) if !is_highest => &self.continuations[length],
                _ => &self.occurrences[length],
            };
            let Some(after) = table.get(&pack(&context[context.len() - length..], self.alphabet)) else { break };
            let (total, different) = (f64::from(after.total), f64::from(after.different));
            let (discount, sum, rest) = match smoothing {
                Smoothing::KneserNey(discount) | Smoothing::Absolute(discount) => {
                    (discount, total, discount * different)
                }
                Smoothing::WittenBell(factor) => (0.0, total + factor * different, factor * different),
            };
            for (p, &count) in p.iter_mut().zip(&after.counts) {
                *p = ((f64::from(count) - discount).max(0.0) + rest * *p) / sum;
            }
        }
        p
    }

    /// The mean negative log-likelihood of a text, in nats per character.
    pub fn nll(&self, text: &[usize], smoothing: Smoothing) -> f64 {
        let order = self.occurrences.len();
        let each = (0..text.len()).map(|at| {
            let context = &text[at.saturating_sub(order - 1)..at];
            -self.probabilities(context, smoothing)[text[at]].ln()
        });
        each.sum::<f64>() / text.len() as f64
    }

    /// The smoothing of a grid that predicts `text` best.
    pub fn best_smoothing(&self, text: &[usize]) -> Smoothing {
        let discounts = (1..20).map(|i| f64::from(i) * 0.05);
        let factors = (1..17).map(|i| f64::from(i) * 0.25);
        let grid = discounts
            .flat_map(|discount| [Smoothing::KneserNey(discount), Smoothing::Absolute(discount)])
            .chain(factors.map(Smoothing::WittenBell));
        let scored = grid.map(|smoothing| (self.nll(text, smoothing), smoothing));
        let best = scored.min_by(|(one, _), (other, _)| one.total_cmp(other));
        best.expect("the grid is not empty").1
    }
}

/// A number for each context of a given length.
fn pack(context: &[usize], alphabet: usize) -> u64 {
    context.iter().fold(0, |packed, &character| packed * alphabet as u64 + character as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMOOTHINGS: [Smoothing; 3] =
        [Smoothing::KneserNey(0.75), Smoothing::Absolute(0.75), Smoothing::WittenBell(1.0)];

    #[test]
    fn probabilities_sum_to_1_after_known_and_unknown_contexts() {
        let text: Vec<usize> = (0..500).map(|i| (i * i + i / 7) % 5).collect();
        let model = NGrams::new(&text, 6, 4);
        for smoothing in SMOOTHINGS {
            for context in [&[][..], &[1], &[5, 5], &[0, 1, 2], &[4, 4, 4, 4]] {
                let p = model.probabilities(context, smoothing);
                assert!((p.iter().sum::<f64>() - 1.0).abs() < 1e-12 && p.iter().all(|&p| p > 0.0), "{p:?}");
            }
        }
    }

    #[test]
    fn kneser_ney_is_its_formula_on_a_small_text() {
        // 0 1 0 1 0 2: bigrams 01, 10, 01, 10, 02.
        let model = NGrams::new(&[0, 1, 0, 1, 0, 2], 3, 2);
        // One kind of character stands before each of the three: one third each, with the discount and without it.
        let p = model.probabilities(&[0], Smoothing::KneserNey(0.5));
        let expected = [2.0 * 0.5 / 3.0 / 3.0, (1.5 + 1.0 / 3.0) / 3.0, (0.5 + 1.0 / 3.0) / 3.0];
        assert!(p.iter().zip(expected).all(|(p, expected)| (p - expected).abs() < 1e-12), "{p:?} {expected:?}");
    }
}
