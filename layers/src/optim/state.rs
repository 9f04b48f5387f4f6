//! An optimiser's state: `N` tensors for each learned parameter, in the model's scalar type, checked against the model.

use std::any::Any;
use std::fmt;

use crate::engine::{Gradients, Parameters, Path, Real, Role, Tensor};
use crate::optim::OptimizerState;
use crate::scalar::try_to_scalar;

/// `N` tensors of the shape of each learned parameter, made at the first step, in the model's scalar type.
///
/// The scalar type is erased, so that the optimiser has no type parameter and one constructor serves models of any
/// scalar type.
#[derive(Clone, Debug, Default)]
pub(super) struct State<const N: usize>(Option<Box<dyn AnyState>>);

/// A `Vec<[Tensor<T>; N]>` with `T` erased.
trait AnyState: Any + fmt::Debug + Send + Sync {
    fn boxed(&self) -> Box<dyn AnyState>;

    /// The name of `T`.
    fn scalar_type(&self) -> &'static str;
}

impl<T: Real, const N: usize> AnyState for Vec<[Tensor<T>; N]> {
    fn boxed(&self) -> Box<dyn AnyState> {
        Box::new(self.clone())
    }

    fn scalar_type(&self) -> &'static str {
        T::NAME
    }
}

impl Clone for Box<dyn AnyState> {
    fn clone(&self) -> Self {
        (**self).boxed()
    }
}

impl<const N: usize> State<N> {
    /// Checks that an optimiser with this learning rate and state can train `model`.
    ///
    /// # Errors
    /// If the rate is zero or infinite in the model's scalar type, or the state belongs to another model.
    pub(super) fn check<M: Parameters + ?Sized>(&self, optimizer: &str, rate: f64, model: &M) -> Result<(), String> {
        check_rate_in::<M::Scalar>(optimizer, rate)?;
        let Some(state) = self.get::<M::Scalar>(optimizer)? else { return Ok(()) };
        let mut tensors = Vec::new();
        model.visit(&Path::ROOT, &mut |path, role, tensor| tensors.push((path.to_string(), (role, tensor.shape()))));
        check_tensors(optimizer, state, &tensors)
    }

    /// The state for the model of `gradients`. It is allocated at the first step only.
    ///
    /// # Panics
    /// Where [`check`](Self::check) fails, and if the gradients are of another model.
    #[track_caller]
    pub(super) fn prepare<M: Parameters + ?Sized>(
        &mut self,
        optimizer: &str,
        rate: f64,
        model: &mut M,
        gradients: &mut Gradients<M::Scalar>,
    ) -> &mut [[Tensor<M::Scalar>; N]] {
        let mistake = self.mistake(optimizer, rate, gradients);
        if mistake.is_some() || self.0.is_none() {
            gradients.check(model);
        }
        if let Some(mistake) = mistake {
            panic!("{mistake}");
        }
        self.allocated(gradients)
    }

    /// Why this state cannot train the model of `gradients`.
    fn mistake<T: Real>(&self, optimizer: &str, rate: f64, gradients: &Gradients<T>) -> Option<String> {
        match self.get::<T>(optimizer) {
            Ok(Some(state)) if fits(state, gradients.tensors()) => None,
            Ok(Some(state)) => {
                Some(other_model(optimizer, state, gradients.tensors(), |index| gradients.name(index).to_string()))
            }
            Ok(None) => check_rate_in::<T>(optimizer, rate).err(),
            Err(mistake) => Some(mistake),
        }
    }

    /// Saves the tensors of each learned parameter, as `<names[i]>/<parameter>`; nothing before the first step.
    ///
    /// # Errors
    /// If the state belongs to another model.
    pub(super) fn save<M: Parameters + ?Sized>(
        &self,
        optimizer: &str,
        model: &M,
        names: [&str; N],
        to: &mut OptimizerState<M::Scalar>,
    ) -> Result<(), String> {
        let Some(state) = self.get::<M::Scalar>(optimizer)? else { return Ok(()) };
        let mut each = state.iter();
        model.visit(&Path::ROOT, &mut |path, role, _| {
            if let Some(tensors) = each.next().filter(|_| role.is_learned()) {
                names.iter().zip(tensors).for_each(|(name, tensor)| {
                    to.set_tensor(&format!("{name}/{path}"), tensor.clone());
                });
            }
        });
        Ok(())
    }

    /// The state that [`save`](Self::save) has saved.
    ///
    /// # Errors
    /// If a tensor is missing or has another shape.
    pub(super) fn loaded<M: Parameters + ?Sized>(
        model: &M,
        names: [&str; N],
        from: &OptimizerState<M::Scalar>,
    ) -> Result<Self, String> {
        let (mut all, mut count, mut mistake) = (Vec::new(), 0, None);
        model.visit(&Path::ROOT, &mut |path, role, tensor| {
            let mut of = |name: &str| {
                if !role.is_learned() {
                    return Tensor::zeros([0]);
                }
                match from.tensor(&format!("{name}/{path}")) {
                    Some(saved) if saved.shape() == tensor.shape() => {
                        count += 1;
                        saved.clone()
                    }
                    _ => {
                        mistake.get_or_insert_with(|| {
                            format!("the optimiser's `{name}/{path}` of shape {:?} is missing", tensor.shape())
                        });
                        Tensor::zeros([0])
                    }
                }
            };
            all.push(names.map(&mut of));
        });
        match mistake {
            // Saved before the first step.
            _ if count == 0 => Ok(State(None)),
            Some(mistake) => Err(mistake),
            None => Ok(State(Some(Box::new(all)))),
        }
    }

    fn allocated<T: Real>(&mut self, gradients: &Gradients<T>) -> &mut [[Tensor<T>; N]] {
        let state: &mut dyn Any = &mut **self.0.get_or_insert_with(|| {
            let zeros = |form| std::array::from_fn::<_, N, _>(|_| Tensor::<T>::zeros(shape_of(form)));
            Box::new(gradients.tensors().map(zeros).collect::<Vec<_>>())
        });
        state.downcast_mut::<Vec<[Tensor<T>; N]>>().expect("its scalar type was checked")
    }

    /// The state, if there was a step.
    ///
    /// # Errors
    /// If it has another scalar type.
    pub(super) fn get<T: Real>(&self, optimizer: &str) -> Result<Option<&[[Tensor<T>; N]]>, String> {
        let Some(state) = &self.0 else { return Ok(None) };
        let any: &dyn Any = &**state;
        match any.downcast_ref::<Vec<[Tensor<T>; N]>>() {
            Some(state) => Ok(Some(state)),
            None => Err(format!(
                "{optimizer}: this optimiser has trained another model, in {}, but this one is in {}; make a new \
                 optimiser",
                state.scalar_type(),
                T::NAME
            )),
        }
    }
}

/// # Errors
/// If the rate is zero or infinite in `T`.
fn check_rate_in<T: Real>(optimizer: &str, rate: f64) -> Result<(), String> {
    try_to_scalar::<T>(format_args!("{optimizer}: a learning rate"), rate).map(|_| ())
}

/// The shape of a parameter's state: empty if the parameter is not learned.
fn shape_of((role, shape): (Role, &[usize])) -> &[usize] {
    if role.is_learned() { shape } else { &[0] }
}

fn differs<T: Real, const N: usize>((state, form): (&[Tensor<T>; N], (Role, &[usize]))) -> bool {
    !state[0].shape().iter().eq(shape_of(form))
}

/// Whether this state fits a model with tensors of these roles and shapes.
fn fits<'a, T: Real, const N: usize>(
    state: &[[Tensor<T>; N]],
    forms: impl ExactSizeIterator<Item = (Role, &'a [usize])>,
) -> bool {
    state.len() == forms.len() && !state.iter().zip(forms).any(differs)
}

/// Checks that a state fits a model with these tensors.
fn check_tensors<T: Real, const N: usize>(
    optimizer: &str,
    state: &[[Tensor<T>; N]],
    tensors: &[(String, (Role, &[usize]))],
) -> Result<(), String> {
    let forms = tensors.iter().map(|&(_, form)| form);
    if fits(state, forms.clone()) {
        return Ok(());
    }
    Err(other_model(optimizer, state, forms, |index| tensors[index].0.clone()))
}

/// The error for a model that this state does not fit.
fn other_model<'a, T: Real, const N: usize>(
    optimizer: &str,
    state: &[[Tensor<T>; N]],
    forms: impl ExactSizeIterator<Item = (Role, &'a [usize])>,
    name: impl FnOnce(usize) -> String,
) -> String {
    let count = forms.len();
    let other = match state.iter().zip(forms).enumerate().find(|&(_, pair)| differs(pair)) {
        Some((index, (_, (_, shape)))) => format!("`{}` of shape {shape:?}", name(index)),
        None => format!("{count} tensors where the other had {}", state.len()),
    };
    format!("{optimizer}: this optimiser has trained another model and has no state for {other}; make a new optimiser")
}
