//! One plain value among thirty layers: reported once.
use elbo::prelude::*;

#[bayesian]
struct Network {
    l00: Dense,
    l01: Dense,
    l02: Dense,
    l03: Dense,
    l04: Dense,
    l05: Dense,
    l06: Dense,
    l07: Dense,
    l08: Dense,
    l09: Dense,
    l10: Dense,
    l11: Dense,
    l12: Dense,
    l13: Dense,
    l14: usize,
    l15: Dense,
    l16: Dense,
    l17: Dense,
    l18: Dense,
    l19: Dense,
    l20: Dense,
    l21: Dense,
    l22: Dense,
    l23: Dense,
    l24: Dense,
    l25: Dense,
    l26: Dense,
    l27: Dense,
    l28: Dense,
    l29: Dense,
}

#[bayesian]
impl Network {
    fn forward(&self, x: Var) -> Var {
        let x = self.l00.forward(x);
        let x = self.l01.forward(x);
        let x = self.l02.forward(x);
        let x = self.l03.forward(x);
        let x = self.l04.forward(x);
        let x = self.l05.forward(x);
        let x = self.l06.forward(x);
        let x = self.l07.forward(x);
        let x = self.l08.forward(x);
        let x = self.l09.forward(x);
        let x = self.l10.forward(x);
        let x = self.l11.forward(x);
        let x = self.l12.forward(x);
        let x = self.l13.forward(x);
        let x = self.l15.forward(x);
        let x = self.l16.forward(x);
        let x = self.l17.forward(x);
        let x = self.l18.forward(x);
        let x = self.l19.forward(x);
        let x = self.l20.forward(x);
        let x = self.l21.forward(x);
        let x = self.l22.forward(x);
        let x = self.l23.forward(x);
        let x = self.l24.forward(x);
        let x = self.l25.forward(x);
        let x = self.l26.forward(x);
        let x = self.l27.forward(x);
        let x = self.l28.forward(x);
        let x = self.l29.forward(x);
        if *self.l14 > 1 { x.relu() } else { x }
    }
}

fn train(network: &mut Network, tape: &Tape, adam: &mut Adam) {
    let mut gradients = Gradients::of(network);
    let draw = network.draw(tape, Key::new(1));
    println!("{} {}", draw.kl().nats(), network.kl());
    adam.step(network, &mut gradients);
}

fn main() {}
