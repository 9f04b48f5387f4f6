//! A likelihood of one's own: a Poisson rate that changes with time, and intervals for new counts.

use elbo::engine::Reduction;
use elbo::prelude::*;

/// Explosions in British coal mines that killed ten or more, by year (Jarrett 1979).
const TABLE: &str = include_str!("data/coal.csv");

/// Counts with a Poisson distribution. The model's output is the logarithm of the rate.
#[derive(Clone, Copy)]
struct Poisson;

impl Likelihood<f32> for Poisson {
    type Targets = Tensor;
    type Predictive = Mixture<Self>;
    fn log_likelihood<'t>(&self, log_rate: Var<'t>, counts: &'t Tensor) -> Var<'t> {
        -log_rate.poisson_nll(log_rate.tape().input(counts), Reduction::Each)
    }
    fn predictive(&self, outputs: &Outputs) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }
}

impl Univariate for Poisson {
    const DISCRETE: bool = true;
    fn mean(&self, log_rate: &[f64]) -> f64 {
        log_rate[0].exp()
    }
    fn variance(&self, log_rate: &[f64]) -> f64 {
        log_rate[0].exp()
    }
    fn cdf(&self, log_rate: &[f64], count: f64) -> f64 {
        let (rate, mut p, mut sum) = (log_rate[0].exp(), (-log_rate[0].exp()).exp(), 0.0);
        for k in 1..=(count.floor() + 1.0) as u32 {
            sum += p;
            p *= rate / f64::from(k);
        }
        sum
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let lines = TABLE.lines().skip(1).map(|line| line.split_once(',').expect("two columns"));
    let (years, counts): (Vec<f64>, Vec<f32>) =
        lines.map(|(year, n)| (year.parse().unwrap(), n.parse().unwrap())).unzip();
    // The logarithm of the rate is a line plus a wave: its features are t, sin t and cos t.
    let features = |i: usize| [|t| t, f64::sin, f64::cos][i % 3]((years[i / 3] - 1906.5) / 28.0);
    let x = Tensor::from_fn([years.len(), 3], features);
    let train = Examples::new(x, Tensor::new([years.len(), 1], counts))?;
    let mut model = Dense::new(3, 1).initial_sd(0.1);
    Elbo::new(Poisson).optimizer(Adam::new(1e-2)).fit(&mut model, &train, Epochs(500))?;

    let predicted = model.predict(&Poisson, train.inputs(), Draws(200));
    let ((lower, upper), (rate, sd)) = (predicted.interval(0.9), (predicted.mean(), predicted.epistemic_sd()));
    for i in (0..years.len()).step_by(20) {
        let (year, from, to) = (years[i], lower[i], upper[i]);
        println!("{year}: {:.2} ± {:.2} explosions a year, 90 % interval of the count {from} to {to}", rate[i], sd[i]);
    }
    println!("{:.0} % of the counts are inside", 100.0 * predicted.coverage(train.targets(), 0.9));
    Ok(())
}
