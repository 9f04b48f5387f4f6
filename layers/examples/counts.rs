//! A likelihood of one's own: a Poisson rate that changes with time, and intervals for new counts.

use elbo::engine::Reduction;
use elbo::prelude::*;

/// Explosions in British coal mines that killed ten or more, by year (Jarrett 1979).
const TABLE: &str = include_str!("data/coal.csv");

/// Counts with a Poisson distribution. The model's output is the logarithm of the rate.
#[derive(Clone, Copy)]
struct Poisson;

impl<T: Real> Likelihood<T> for Poisson {
    type Targets = Tensor<T>;
    type Predictive = Mixture<Self>;
    fn log_likelihood<'t>(&self, log_rate: Var<'t, T>, counts: &'t Tensor<T>) -> Var<'t, T> {
        -log_rate.poisson_nll(log_rate.tape().input(counts), Reduction::Each)
    }
    fn predictive(&self, outputs: &Outputs<T>) -> Mixture<Self> {
        Mixture::new(*self, outputs)
    }
}

impl Univariate for Poisson {
    const DISCRETE: bool = true;
    fn mean(&self, log_rate: &[f64]) -> f64 {
        log_rate[0].exp()
    }
    fn variance(&self, log_rate: &[f64]) -> f64 {
        self.mean(log_rate)
    }
    fn cdf(&self, log_rate: &[f64], count: f64) -> f64 {
        let rate = log_rate[0].exp();
        let p = std::iter::successors(Some((1, (-rate).exp())), |&(k, p)| Some((k + 1, p * rate / f64::from(k))));
        p.take((count.floor() + 1.0) as usize).map(|(_, p)| p).sum()
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (mut years, mut counts) = (Vec::new(), Vec::new());
    for line in TABLE.lines().skip(1) {
        let (year, count) = line.split_once(',').ok_or("a line without a comma")?;
        years.push(year.parse::<f64>()?);
        counts.push(count.parse::<f32>()?);
    }
    // The logarithm of the rate is a line plus a wave: its features are t, sin t and cos t.
    let features = |i: usize| [|t| t, f64::sin, f64::cos][i % 3]((years[i / 3] - 1906.5) / 28.0);
    let train = Examples::new(Tensor::from_fn([years.len(), 3], features), Tensor::new([years.len(), 1], counts))?;
    let mut model = Dense::new(3, 1).initial_sd(0.1);
    Elbo::new(Poisson).fit(&mut model, &train, UntilConverged::new())?;

    let predicted = model.predict(&Poisson, train.inputs(), Draws(200));
    let ((lower, upper), (rate, sd)) = (predicted.interval(0.9), (predicted.mean(), predicted.epistemic_sd()));
    for i in (0..years.len()).step_by(20) {
        println!("{}: {:.2} ± {:.2} a year, 90 % in {} to {}", years[i], rate[i], sd[i], lower[i], upper[i]);
    }
    println!("{:.0} % of the counts are inside", 100.0 * predicted.coverage(train.targets(), 0.9));
    Ok(())
}
