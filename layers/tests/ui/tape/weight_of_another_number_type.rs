//! A layer in `f64` is drawn on a tape in `f64`.
use elbo::prelude::*;

fn main() {
    let layer = Dense::<MeanField<f64>>::mean_field(2, 2);
    let tape: Tape<f32> = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
}
