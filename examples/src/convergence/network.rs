//! The network: two hidden layers with relu.

use elbo::prelude::*;

/// A network inputs-units-units-outputs with mean-field weights.
#[bayesian]
pub struct Mlp<P: PriorFor<f32>>
where
    MeanField: Divergence<P>,
{
    layers: [Dense<MeanField, P>; 3],
}

impl<P: PriorFor<f32> + Clone> Mlp<P>
where
    MeanField: Divergence<P>,
{
    /// A network with this prior in each layer. `initial_sd` is the weights' standard deviation before training; by default
    /// `fit` chooses it.
    pub fn new([inputs, units, outputs]: [usize; 3], prior: &P, initial_sd: Option<f64>) -> Self {
        let layer = |from, to| {
            let dense = Dense::new(from, to).prior(prior.clone());
            match initial_sd {
                Some(sd) => dense.initial_sd(sd / f64::sqrt(from as f64)),
                None => dense,
            }
        };
        Mlp { layers: [layer(inputs, units), layer(units, units), layer(units, outputs)] }
    }
}

#[bayesian]
impl<P: PriorFor<f32>> Mlp<P>
where
    MeanField: Divergence<P>,
{
    fn forward(&self, x: Var) -> Var {
        let [first, second, head] = self.layers;
        head.forward(second.forward(first.forward(x).relu()).relu())
    }
}
