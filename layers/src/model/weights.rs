//! `Weights::of`: copies the weights out of a draw of a model.

use crate::engine::{Name, Path, Real, Tensor};
use crate::model::Drawn;
use crate::weights::{Entry, Weights};

impl<T: Real> Weights<T> {
    /// The weights of a draw; with several draws at once, the first.
    pub fn of<'t>(net: &impl Drawn<'t, T>) -> Self {
        let mut entries = Vec::new();
        net.walk(&Path::ROOT, &mut |path, weight| {
            let value = weight.value_var();
            let tensor = Tensor::new(value.shape(), &value.value()[..value.len()]);
            entries.push(Entry { name: Name::of(path), space: weight.space(), tensor });
        });
        Weights::new(entries)
    }
}
