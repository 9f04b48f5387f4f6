//! Pictures of weights: divergence and signal-to-noise ratio by weight, pruning, risk–coverage, and the posterior of one element.

use elbo::metrics::RiskCoverage;
use elbo::prelude::*;
use elbo::prune::SignalToNoise;
use elbo::{Sghmc, report};

/// A layer whose means are 0.5 and −1, with standard deviations 0.1 and 0.2.
fn layer() -> Dense<MeanField<f64>> {
    let mut layer = Dense::<MeanField<f64>>::mean_field(2, 1);
    layer.weight = MeanField::with_sds(Tensor::new([1, 2], [0.5, -1.0]), &Tensor::new([1, 2], [0.1, 0.2]));
    layer
}

#[bayesian]
struct Positive {
    #[prior(HalfNormal(1.0))]
    scale: LogNormal<f64>,
}

/// The points of the polylines of a chart, in pixels.
fn lines(svg: &str) -> Vec<Vec<[f64; 2]>> {
    let of = |points: &str| {
        let pairs = points.split(' ').map(|pair| pair.split_once(',').unwrap());
        pairs.map(|(x, y)| [x.parse().unwrap(), y.parse().unwrap()]).collect()
    };
    svg.split("<polyline points=\"").skip(1).map(|rest| of(rest.split('"').next().unwrap())).collect()
}

#[test]
fn the_density_of_a_normal_weight_is_highest_at_its_mean() {
    let chart = report::posterior(&layer(), "weight", 1);
    let svg = chart.svg();
    let [posterior, prior] = &lines(&svg)[..] else { panic!("{svg}") };
    let top = |line: &[[f64; 2]]| (0..line.len()).min_by(|a, b| line[*a][1].total_cmp(&line[*b][1])).unwrap();
    // In the middle of its 10 standard deviations; the prior N(0, 1) rises towards 0, to the right.
    assert_eq!((posterior.len(), top(posterior)), (241, 120));
    assert!(prior.windows(2).all(|pair| pair[1][1] <= pair[0][1]) && prior[240][1] < prior[0][1]);
    // The densities' ratio at the mean: N(-1; -1, 0.2) / N(-1; 0, 1) = 5 e^(1/2); the floor is at 272 pixels.
    let ratio = (272.0 - posterior[120][1]) / (272.0 - prior[120][1]);
    assert!((ratio - 5.0 * 0.5f64.exp()).abs() < 0.1, "{ratio}");
    assert!(svg.contains("Posterior of weight, element 1") && svg.contains("prior Normal(0, 1)"));
}

#[test]
fn any_family_and_any_samples_have_histograms() {
    // Draws of a family that is not normal: 31 bins, the background, the clip and the legend.
    let svg = report::posterior(&Positive { scale: LogNormal::new([3]) }, "scale", 2).svg();
    assert_eq!((svg.matches("<rect").count(), svg.contains("prior HalfNormal(1)")), (31 + 3, true), "{svg}");
    let model = layer();
    let data = Examples::new(Tensor::from_fn([24, 2], |i| (i as f64).sin()), Tensor::zeros([24, 1])).unwrap();
    let chains = Sghmc::new(Gaussian::new(0.3)).chains(2).warmup(5).draws(30).quiet().run(&model, &data).unwrap();
    let of_chains = report::draws(&chains, "bias", 0).svg();
    assert_eq!(of_chains.matches("<rect").count(), 7 + 3, "{of_chains}");
    assert_eq!(lines(&of_chains).len(), 1);
    let kept = report::draws(&KeptDraws::new(&model, Draws(400)), "weight", 0).svg();
    assert_eq!(kept.matches("<rect").count(), 20 + 3);
}

#[test]
fn rows_have_a_bar_for_each_weight_and_the_longest_is_the_largest() {
    let model = [Dense::<MeanField<f64>>::mean_field(8, 32), Dense::mean_field(32, 3)];
    let summary = model.summary();
    let picture = report::kl_by_weight(&summary);
    assert_eq!(picture.charts().len(), 2);
    let svg = picture.svg();
    for name in ["0.weight", "0.bias", "1.weight", "1.bias"] {
        assert_eq!(svg.matches(&format!(">{name}<")).count(), 2, "{svg}");
    }
    let ratios = SignalToNoise::of(&model).unwrap();
    let svg = report::signal_to_noise(&ratios).svg();
    // Means of biases are 0, so their ratios have no place; of each weight there are two bars and the median.
    assert_eq!((svg.matches("<circle").count(), svg.contains(">1.bias<"), svg.contains("|μ|/σ")), (2, true, true));
    let curve = ratios.curve(&[0.0, 0.5, 1.0], |kept| Ok(kept.removed() as f64)).unwrap();
    let pruning = report::pruning(&curve, "error, %").svg();
    // The threshold after everything is removed is infinite: a line of two points, as the first ratio is 0.
    assert_eq!(lines(&pruning)[0].len(), 3);
    assert!(pruning.contains(">error, %<") && !pruning.contains("inf") && !pruning.contains("NaN"));
}

#[test]
fn a_risk_coverage_curve_ends_at_the_risk_of_all() {
    let curve = RiskCoverage::new(&[0.1, 0.9, 0.3, 0.5], &[0.0, 1.0, 0.0, 1.0]);
    let svg = report::risk_coverage(&curve, "error rate").svg();
    let [risk, all] = &lines(&svg)[..] else { panic!("{svg}") };
    assert_eq!((risk.len(), risk.last(), svg.contains("AURC 0.2083")), (4, all.last(), true), "{svg}");
}

#[test]
#[should_panic(expected = "report: the model has no weight `wieght`; the nearest names are `weight`")]
fn a_weight_that_does_not_exist_is_named() {
    let _ = report::posterior(&layer(), "wieght", 0);
}

#[test]
#[should_panic(expected = "report: element 2 (from 0) of `weight`, which has 2")]
fn an_element_that_does_not_exist_is_named() {
    let _ = report::draws(&KeptDraws::new(&layer(), Draws(4)), "weight", 2);
}
