//! Many mistakes in one model: each is reported once, all in one compilation, without follow-up errors.
use elbo::prelude::*;

#[bayesian]
struct Network<'a> {
    #[prior(Normal(0.0, 1.0))]
    #[skip]
    width: usize,
    #[prior(Normal(0.0, 1.0))]
    #[prior(Normal(0.0, 1.0))]
    weight: MeanField,
    #[kl(monte_carlo)]
    layer: Dense,
    #[kl(exact)]
    #[prior()]
    bias: MeanField,
    #[skip]
    #[skip]
    name: &'a str,
    shared: std::rc::Rc<Dense>,
}

#[bayesian]
impl<'a> Network<'a> {
    fn forward(&self, x: Var) -> Var {
        self.shared.forward(self.layer.forward(x)).affine(self.weight, self.bias)
    }
}

fn train(network: &mut Network<'static>, tape: &Tape, adam: &mut Adam) {
    let mut gradients = Gradients::of(network);
    let draw = network.draw(tape, Key::new(1));
    println!("{} {} {}", draw.name, draw.kl().nats(), network.kl());
    adam.step(network, &mut gradients);
}

fn main() {}
