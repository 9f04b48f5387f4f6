//! Drawing a layer in `f64` on a tape in `f32`.
use elbo::prelude::*;

fn main() {
    let layer = Dense::<MeanField<f64>>::mean_field(2, 2);
    let tape: Tape<f32> = Tape::new();
    let draw = layer.draw(&tape, Key::new(1));
}
