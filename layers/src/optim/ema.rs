//! `Ema`: the exponential moving average of a model's parameters.

use crate::engine::{Name, Order, Parameters, Path, Real, Role, Tensor, Visitor, VisitorMut};

/// The exponential moving average of a model's parameters over updates, a ← a + (1 − d)(θ − a), from the first update's
/// values on (Polyak averaging with a fixed decay d). It often predicts better than the last parameters.
///
/// Averages are in double precision, because (1 − d)(θ − a) soon is less than a rounding error in single precision. Every
/// learned parameter is averaged as it is stored, so a scale in its own parametrisation. Buffers are not averaged: the
/// latest value counts. A parameter that does not change, such as a frozen one, keeps its value exactly.
///
/// ```
/// use std::ops::ControlFlow;
///
/// use elbo::Ema;
/// use elbo::prelude::*;
///
/// # let x = Tensor::from_fn([64, 2], |i| (i as f64 * 0.7).sin());
/// # let train: Examples = Examples::new(x, (0..64).map(|i| i % 2).collect())?;
/// # let (mut model, mut elbo) = (Dense::new(2, 2), Elbo::new(Categorical).quiet());
/// let mut ema = Ema::new(0.9);
/// let training = elbo.training(&mut model, &train).on_epoch_end(|_, model| {
///     ema.update(model);
///     ControlFlow::Continue(())
/// });
/// training.run(Epochs(20))?;
/// ema.copy_to(&mut model);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
///
/// In your own training loop, call [`update`](Ema::update) after each step, with a decay such as 0.999. It implements
/// [`Parameters`] with the model's names, so averages are saved as models are.
#[derive(Clone, Debug)]
pub struct Ema {
    decay: f64,
    is_corrected: bool,
    updates: usize,
    averages: Vec<Average>,
    /// Whether the averages are in the model, and its parameters here.
    is_swapped: bool,
}

#[derive(Clone, Debug)]
struct Average {
    name: Name,
    role: Role,
    tensor: Tensor<f64>,
}

impl Ema {
    /// An average with this decay d: about the last 1/(1 − d) updates count.
    ///
    /// # Panics
    /// If it is not in [0, 1).
    #[track_caller]
    pub fn new(decay: f64) -> Self {
        assert!((0.0..1.0).contains(&decay), "Ema: the decay must be in [0, 1), got {decay}");
        Ema { decay, is_corrected: false, updates: 0, averages: Vec::new(), is_swapped: false }
    }

    /// Weights update t by (1 − d)/(1 − dᵗ), which is the bias correction of Adam's moments (Kingma and Ba 2015, section
    /// 3): the first updates count alike, and the initial values do not stay for 1/(1 − d) updates.
    #[must_use]
    pub fn bias_correction(self) -> Self {
        Ema { is_corrected: true, ..self }
    }

    /// The number of updates.
    pub fn updates(&self) -> usize {
        self.updates
    }

    /// Adds the model's current parameters to the average.
    ///
    /// # Panics
    /// If the model has other parameters than the first one, or holds the averages after a [`swap`](Ema::swap).
    #[track_caller]
    pub fn update<M: Parameters + ?Sized>(&mut self, model: &M) {
        self.check_not_swapped("update");
        if self.averages.is_empty() {
            model.visit(&Path::ROOT, &mut |path, role, tensor| {
                self.averages.push(Average { name: Name::of(path), role, tensor: tensor.cast() });
            });
            self.updates = 1;
            return;
        }
        self.check("update", model);
        self.updates += 1;
        let keep = 1.0 - self.decay;
        let weight = if self.is_corrected { keep / (1.0 - self.decay.powf(self.updates as f64)) } else { keep };
        let mut averages = self.averages.iter_mut();
        model.visit(&Path::ROOT, &mut |_, role, tensor| {
            let Some(average) = averages.next() else { return };
            let weight = if role.is_learned() { weight } else { 1.0 };
            for (average, new) in average.tensor.data_mut().iter_mut().zip(tensor.data()) {
                let new = new.to_f64();
                // A weight of 1 must not read the old value, which may not be finite.
                *average = if weight == 1.0 { new } else { *average + weight * (new - *average) };
            }
        });
    }

    /// Sets the model's parameters to the averages.
    ///
    /// # Panics
    /// If there was no update, or the model has other parameters, or it holds the averages already.
    #[track_caller]
    pub fn copy_to<M: Parameters + ?Sized>(&self, model: &mut M) {
        self.check_not_swapped("copy_to");
        self.check("copy_to", model);
        Order::of(model).each_mut(model, |index, _, tensor| set(tensor, &self.averages[index].tensor));
    }

    /// Exchanges the model's parameters and the averages, for an evaluation between steps; a second call changes them back.
    ///
    /// # Panics
    /// If there was no update, or the model has other parameters.
    #[track_caller]
    pub fn swap<M: Parameters + ?Sized>(&mut self, model: &mut M) {
        self.check("swap", model);
        Order::of(model).each_mut(model, |index, _, tensor| {
            let own: Tensor<f64> = tensor.cast();
            set(tensor, &self.averages[index].tensor);
            self.averages[index].tensor = own;
        });
        self.is_swapped = !self.is_swapped;
    }

    #[track_caller]
    fn check_not_swapped(&self, method: &str) {
        let swapped = self.is_swapped;
        assert!(!swapped, "Ema::{method}: the model holds the averages since `swap`; call `swap` again first");
    }

    /// # Panics
    /// If nothing was averaged yet, or the averages are of a model with other names or shapes.
    #[track_caller]
    fn check<M: Parameters + ?Sized>(&self, method: &str, model: &M) {
        assert!(self.updates > 0, "Ema::{method}: nothing was averaged yet; call `update` first");
        let (mut index, mut mistake) = (0, None);
        model.visit(&Path::ROOT, &mut |path, _, tensor| {
            let average = self.averages.get(index);
            let fits = average.is_some_and(|own| own.name.is(path) && own.tensor.shape() == tensor.shape());
            if mistake.is_none() && !fits {
                let held = average.map_or("no tensor".to_owned(), |Average { name, tensor, .. }| {
                    format!("`{name}` of shape {:?}", tensor.shape())
                });
                mistake = Some(format!("{path:?} of shape {:?}, where the average has {held}", tensor.shape()));
            }
            index += 1;
        });
        if mistake.is_none() && index < self.averages.len() {
            mistake = Some(format!("{index} tensors, where the average has {}", self.averages.len()));
        }
        if let Some(mistake) = mistake {
            panic!("Ema::{method}: the model has {mistake}; use one average for each model");
        }
    }
}

fn set<T: Real>(tensor: &mut Tensor<T>, average: &Tensor<f64>) {
    tensor.data_mut().iter_mut().zip(average.data()).for_each(|(own, &average)| *own = T::from_f64(average));
}

/// The averages, under the names of the model.
impl Parameters for Ema {
    type Scalar = f64;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, f64>) {
        for Average { name, role, tensor } in &self.averages {
            name.below(path, |path| f(path, *role, tensor));
        }
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, f64>) {
        for Average { name, role, tensor } in &mut self.averages {
            name.below(path, |path| f(path, *role, tensor));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The averages of these values of one parameter.
    fn averages(mut ema: Ema, values: &[f64]) -> Vec<f64> {
        let of = |&value: &f64| {
            ema.update(&Tensor::<f64>::full([1], value));
            ema.averages[0].tensor.data()[0]
        };
        values.iter().map(of).collect()
    }

    #[test]
    fn the_average_is_its_definition() {
        let found = averages(Ema::new(0.9), &[2.0, 4.0, -1.0]);
        let expected = [2.0, 0.9 * 2.0 + 0.1 * 4.0, 0.9 * (0.9 * 2.0 + 0.1 * 4.0) - 0.1];
        assert!(found.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-15), "{found:?} {expected:?}");
    }

    #[test]
    fn the_bias_correction_is_that_of_adams_moments() {
        let values = [2.0, 4.0, -1.0, 7.0];
        let (mut moment, mut power) = (0.0, 1.0);
        for (found, value) in averages(Ema::new(0.9).bias_correction(), &values).into_iter().zip(values) {
            moment = 0.9 * moment + 0.1 * value;
            power *= 0.9;
            assert!((found - moment / (1.0 - power)).abs() < 1e-14, "{found}");
        }
    }

    #[test]
    fn a_constant_is_kept_exactly() {
        for ema in [Ema::new(0.999), Ema::new(0.999).bias_correction()] {
            assert!(averages(ema, &[0.1; 50]).iter().all(|&average| average == 0.1));
        }
    }

    #[test]
    #[should_panic(expected = "the decay must be in [0, 1), got 1")]
    fn a_decay_of_one_is_refused() {
        Ema::new(1.0);
    }
}
