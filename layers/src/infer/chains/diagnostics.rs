//! `ChainDiagnostics`: whether chains agree and have enough draws, in numbers and in words.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;

use crate::engine::{Parameters, Path, Real, Role};
use crate::infer::chains::{Chain, Chains, Temperature, TemperatureEstimate};
use crate::metrics::{e_bfmi, ess_bulk, ess_tail, mcse_mean, r_hat};
use crate::model::Bayesian;

/// The largest R̂ of chains that agree (Vehtari et al. 2021, section 4).
const R_HAT: f64 = 1.01;

/// The least effective sample size, for all chains together (Vehtari et al. 2021, section 4).
const ESS: f64 = 400.0;

/// The least energy fraction of missing information (Betancourt 2016).
const E_BFMI: f64 = 0.3;

/// The share of draws, in percent, from which divergences are a storm.
const STORM: f64 = 20.0;

/// The distance, in standard deviations, from which the place of divergences is said.
const FAR: f64 = 0.5;

/// The most elements of all weights for which each is shown.
const SHOWN: usize = 40;

/// Diagnostics of [`Chains`]: those of every element of every weight, and those of the chains. `Display` prints a table, and in
/// words whether the draws can be used and what to do if they cannot.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ChainDiagnostics {
    /// Every element, weight by weight in the model's order.
    pub elements: Vec<ElementDiagnostics>,
    /// The energy fraction of missing information of each chain; small where a chain cannot move between the energies that it
    /// should visit. Empty for a sampler whose energies say nothing of it.
    pub e_bfmi: Vec<f64>,
    /// Draws whose trajectory diverged, of all chains.
    pub divergences: usize,
    /// Draws whose tree ended at the largest depth, of all chains.
    pub saturated: usize,
    /// Draws of all chains.
    pub draws: usize,
    /// Chains.
    pub chains: usize,
    /// The chains, from 0, of which no draw differs from the first.
    pub stuck: Vec<usize>,
    /// The temperature of each chain, of stochastic-gradient chains.
    pub temperatures: Vec<Temperature>,
    /// Where the draws that diverged differ most from the others: the element whose mean over them is farthest from its mean, in
    /// standard deviations. `None` without two such draws.
    pub divergent: Option<DivergentElement>,
    /// How often the log density or its gradient was not finite after the warm-up, by the term responsible, in all chains.
    pub not_finite: BTreeMap<String, usize>,
    /// The draws of all chains in which an element of a weight left the range of the scalar type, by the weight's name.
    pub rounded: BTreeMap<String, usize>,
}

/// The element of a weight in which draws that diverged differ from the others.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct DivergentElement {
    /// The weight's name.
    pub weight: String,
    /// The element, from 0, row by row.
    pub element: usize,
    /// The mean of the draws that diverged minus that of all draws, in standard deviations of all.
    pub sds: f64,
}

/// Diagnostics of one element of a weight.
#[derive(Clone, Debug, PartialEq)]
#[non_exhaustive]
pub struct ElementDiagnostics {
    /// The weight's name.
    pub weight: String,
    /// The element, from 0, row by row.
    pub element: usize,
    /// The posterior's mean.
    pub mean: f64,
    /// The posterior's standard deviation.
    pub sd: f64,
    /// The Monte Carlo standard error of the mean.
    pub mcse: f64,
    /// Split rank-normalised R̂.
    pub r_hat: f64,
    /// The effective sample size of the mean.
    pub ess_bulk: f64,
    /// The effective sample size of the 5 % and 95 % quantiles, the smaller one.
    pub ess_tail: f64,
}

impl<M: Deref<Target: Bayesian + Sized>> Chains<M> {
    /// Whether the chains agree and have enough draws: R̂, effective sample sizes and standard errors of every weight, divergences
    /// and energies of every chain.
    ///
    /// # Panics
    /// If a chain has fewer than 4 draws.
    #[track_caller]
    pub fn diagnose(&self) -> ChainDiagnostics {
        let draws = self.draws_per_chain();
        assert!(draws >= 4, "diagnose: each chain needs at least 4 draws, got {draws}");
        let chains = self.chains();
        let flat: Vec<Vec<f64>> =
            self.all_weights().iter().map(|w| w.flat().into_iter().map(Real::to_f64).collect()).collect();
        let of_chain = |(chain, made): (usize, &Chain)| -> Vec<usize> {
            made.divergences.iter().map(|draw| chain * draws + draw).collect()
        };
        let diverged: Vec<usize> = chains.iter().enumerate().flat_map(of_chain).collect();
        let mut elements = Vec::new();
        let mut divergent: Option<DivergentElement> = None;
        self.all_weights()[0].visit(&Path::ROOT, &mut |path, _: Role, tensor| {
            for element in 0..tensor.len() {
                let index = elements.len();
                let values: Vec<f64> = flat.iter().map(|draw| draw[index]).collect();
                let found = ElementDiagnostics::of(path.to_string(), element, &values, draws);
                if diverged.len() >= 2 {
                    let mean = diverged.iter().map(|&draw| values[draw]).sum::<f64>() / diverged.len() as f64;
                    let sds = (mean - found.mean) / found.sd;
                    if divergent.as_ref().is_none_or(|most| sds.abs() > most.sds.abs()) {
                        divergent = Some(DivergentElement { weight: found.weight.clone(), element, sds });
                    }
                }
                elements.push(found);
            }
        });
        let is_stuck = |&chain: &usize| {
            let of = &flat[chain * draws..][..draws];
            of.iter().all(|draw| *draw == of[0])
        };
        ChainDiagnostics {
            elements,
            e_bfmi: chains
                .iter()
                .filter(|chain| !chain.energies.is_empty())
                .map(|chain| e_bfmi(&chain.energies))
                .collect(),
            chains: chains.len(),
            divergences: chains.iter().map(|chain| chain.divergences.len()).sum(),
            saturated: chains.iter().map(|chain| chain.saturated).sum(),
            draws: flat.len(),
            stuck: (0..chains.len()).filter(is_stuck).collect(),
            temperatures: chains.iter().filter_map(|chain| chain.temperature).collect(),
            divergent,
            not_finite: total(chains, |chain| &chain.not_finite),
            rounded: total(chains, |chain| &chain.rounded),
        }
    }
}

impl ElementDiagnostics {
    fn of(weight: String, element: usize, values: &[f64], draws: usize) -> Self {
        let chains: Vec<&[f64]> = values.chunks(draws).collect();
        let count = values.len() as f64;
        let mean = values.iter().sum::<f64>() / count;
        let squares: f64 = values.iter().map(|value| (value - mean).powi(2)).sum();
        ElementDiagnostics {
            weight,
            element,
            mean,
            sd: (squares / (count - 1.0)).sqrt(),
            mcse: mcse_mean(&chains),
            r_hat: r_hat(&chains),
            ess_bulk: ess_bulk(&chains),
            ess_tail: ess_tail(&chains),
        }
    }

    /// The smaller effective sample size; NaN if either is.
    fn ess(&self) -> f64 {
        match [self.ess_bulk, self.ess_tail] {
            [bulk, tail] if bulk.is_nan() || tail.is_nan() => f64::NAN,
            [bulk, tail] => bulk.min(tail),
        }
    }

    /// Whether R̂ is too large, or cannot be computed.
    fn disagrees(&self) -> bool {
        self.r_hat.is_nan() || self.r_hat > R_HAT
    }

    /// Whether an effective sample size is too small, or cannot be computed.
    fn is_short(&self) -> bool {
        self.ess().is_nan() || self.ess() < ESS
    }
}

impl ChainDiagnostics {
    /// Whether the draws can be used: every R̂ at most 1.01, every effective sample size at least 400, no divergence, every energy
    /// fraction at least 0.3, and nothing left the range of the scalar type.
    pub fn is_good(&self) -> bool {
        self.findings().is_empty()
    }

    /// What is wrong, and what to do; empty if nothing is.
    pub fn findings(&self) -> Vec<String> {
        let mut findings = Vec::new();
        for &chain in &self.stuck {
            findings.push(format!(
                "chain {chain} (from 0) never moved: every step was refused; start it elsewhere (`start_from`), or lengthen the \
                 warm-up"
            ));
        }
        if let Some(worst) = self.elements.iter().filter(|e| e.disagrees()).max_by(|a, b| by_size(a.r_hat, b.r_hat)) {
            let count = self.elements.iter().filter(|e| e.disagrees()).count();
            findings.push(format!(
                "the chains disagree: R̂ of `{}`[{}] is {:.3}, and that of {count} of {} elements is above {R_HAT}; draw more, or \
                 compare predictions only: weights of a network have several modes",
                worst.weight,
                worst.element,
                worst.r_hat,
                self.elements.len()
            ));
        }
        if let Some(worst) = self.elements.iter().filter(|e| e.is_short()).min_by(|a, b| by_size(a.ess(), b.ess())) {
            findings.push(format!(
                "too few independent draws: `{}`[{}] has an effective sample size of {:.0}, below {ESS}; draw {:.0} times as many",
                worst.weight,
                worst.element,
                worst.ess(),
                (ESS / worst.ess()).ceil()
            ));
        }
        findings.extend(self.temperatures.iter().enumerate().flat_map(|(chain, of)| of.findings(chain)));
        if self.divergences > 0 {
            let share = 100.0 * self.divergences as f64 / self.draws as f64;
            let place = match &self.divergent {
                Some(DivergentElement { weight, element, sds }) if sds.abs() > FAR => {
                    let side = if *sds < 0.0 { "below" } else { "above" };
                    format!(", mostly where `{weight}`[{element}] is {side} its mean (by {:.1} sds)", sds.abs())
                }
                _ => String::new(),
            };
            let verdict = if share > STORM { "these draws cannot be used: " } else { "" };
            findings.push(format!(
                "{} of {} draws diverged ({share:.1} %){place}: {verdict}the chains cannot enter a part of the posterior; raise \
                 `target_acceptance` to 0.95, or change the model",
                self.divergences, self.draws
            ));
        }
        for (term, count) in &self.not_finite {
            findings.push(format!(
                "the {term} was infinite or NaN in {count} steps, which count as divergent: check it, or use a model in f64"
            ));
        }
        for (weight, count) in &self.rounded {
            findings.push(format!(
                "`{weight}` left the range of the scalar type in {count} of {} draws, where it is the nearest number: use a model \
                 in f64, or a prior that keeps the weight from 0 and from infinity",
                self.draws
            ));
        }
        if 10 * self.saturated > self.draws {
            findings.push(format!(
                "{} of {} trees ended at the largest depth: raise `max_depth`, or bring the inputs to one scale",
                self.saturated, self.draws
            ));
        }
        if let Some((chain, e_bfmi)) =
            self.e_bfmi.iter().enumerate().find(|(_, e_bfmi)| e_bfmi.is_nan() || **e_bfmi < E_BFMI)
        {
            findings.push(format!(
                "the energies of chain {chain} (from 0) change slowly: E-BFMI {e_bfmi:.2}, below {E_BFMI}; lengthen the warm-up, \
                 or change the prior of scales"
            ));
        }
        findings
    }
}

/// The counts of all chains.
fn total(chains: &[Chain], of: fn(&Chain) -> &BTreeMap<String, usize>) -> BTreeMap<String, usize> {
    let mut total = BTreeMap::new();
    for (name, count) in chains.iter().flat_map(of) {
        *total.entry(name.clone()).or_default() += count;
    }
    total
}

/// NaN is the largest.
fn by_size(a: f64, b: f64) -> std::cmp::Ordering {
    a.is_nan().cmp(&b.is_nan()).then(a.total_cmp(&b))
}

impl fmt::Display for ChainDiagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<28} {:>10} {:>10} {:>9} {:>7} {:>9} {:>9}",
            "weight", "mean", "sd", "MCSE", "R̂", "ESS bulk", "ESS tail"
        )?;
        if self.elements.len() <= SHOWN {
            for e in &self.elements {
                let ElementDiagnostics { weight, element, mean, sd, mcse, r_hat, ess_bulk, ess_tail } = e;
                let name = format!("{weight}[{element}]");
                writeln!(
                    f,
                    "{name:<28} {mean:>10.4} {sd:>10.4} {mcse:>9.4} {r_hat:>7.3} {ess_bulk:>9.0} {ess_tail:>9.0}"
                )?;
            }
        } else {
            for of in self.elements.chunk_by(|a, b| a.weight == b.weight) {
                let least = |ess: fn(&ElementDiagnostics) -> f64| of.iter().map(ess).fold(f64::INFINITY, f64::min);
                let r_hat = of.iter().map(|e| e.r_hat).max_by(|a, b| by_size(*a, *b)).unwrap_or(f64::NAN);
                let name = format!("{}, worst of {}", of[0].weight, of.len());
                let (bulk, tail) = (least(|e| e.ess_bulk), least(|e| e.ess_tail));
                writeln!(f, "{name:<28} {:>10} {:>10} {:>9} {r_hat:>7.3} {bulk:>9.0} {tail:>9.0}", "", "", "")?;
            }
        }
        let e_bfmi = match self.e_bfmi.iter().copied().reduce(f64::min) {
            Some(least) => format!(", E-BFMI {least:.2} at least"),
            None => String::new(),
        };
        let ChainDiagnostics { draws, chains, divergences, saturated, .. } = self;
        if self.temperatures.is_empty() {
            writeln!(
                f,
                "{draws} draws of {chains} chains, {divergences} divergent, {saturated} trees of the largest depth{e_bfmi}"
            )?;
        } else {
            writeln!(f, "{draws} draws of {chains} chains")?;
        }
        for (chain, Temperature { target, kinetic, configurational }) in self.temperatures.iter().enumerate() {
            let shown = |of: &TemperatureEstimate| format!("{:.3} ± {:.3}", of.mean, of.standard_error);
            let kinetic = kinetic.as_ref().map_or(String::new(), |of| format!("of the momenta {}, ", shown(of)));
            writeln!(
                f,
                "chain {chain}: temperature {kinetic}of the weights {}, expected {target}",
                shown(configurational)
            )?;
        }
        match &self.findings()[..] {
            [] if !self.temperatures.is_empty() => writeln!(
                f,
                "the draws can be used: R̂ ≤ {R_HAT}, effective sample sizes ≥ {ESS}, temperatures as expected"
            ),
            [] => writeln!(f, "the draws can be used: R̂ ≤ {R_HAT}, effective sample sizes ≥ {ESS}, no divergence"),
            findings => findings.iter().try_for_each(|finding| writeln!(f, "{finding}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::nn::Dense;
    use crate::samples::KeptDraws;

    #[test]
    fn findings_name_the_weight_where_draws_diverge_and_the_term_that_is_not_finite() {
        let model = Dense::new(1, 1);
        let weights = (0..80).map(|i| {
            let mut weights = model.mean_weights();
            weights.set_flat(&[((i * 7) % 40) as f32, ((i * 11) % 40) as f32]).expect("two elements");
            weights
        });
        let weights: Vec<_> = weights.collect();
        // The smallest values of the first weight.
        let smallest = |draws: &[_]| -> Vec<usize> {
            let is_small = |i: &usize| -> bool {
                let draw: &crate::Weights = &draws[*i];
                draw.flat()[0] < 3.0
            };
            (0..40).filter(is_small).collect()
        };
        let mut chains =
            [0, 1].map(|chain| Chain { divergences: smallest(&weights[40 * chain..][..40]), ..Chain::default() });
        chains[1].not_finite.insert("log prior density of `bias`".to_owned(), 5);
        let chains = Chains::new(KeptDraws::of(&model, weights).expect("they fit"), chains.to_vec());
        let found = chains.diagnose();
        let place = found.divergent.as_ref().expect("six draws diverged");
        assert_eq!((&place.weight[..], place.element, found.divergences), ("weight", 0, 6));
        assert!((place.sds + 1.6).abs() < 0.05, "{place:?}");
        let said = found.to_string();
        for part in [
            "mostly where `weight`[0] is below its mean (by 1.6 sds)",
            "the log prior density of `bias` was infinite or NaN in 5",
        ] {
            assert!(said.contains(part), "{said} does not contain {part}");
        }
        assert!(!said.contains("cannot be used"), "{said}");
    }
}
