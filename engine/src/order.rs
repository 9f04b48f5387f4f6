//! The order in which a model's two walks visit its tensors, and whether they agree.

use crate::tape::address;
use crate::{Parameters, Path, Real, Role, Tensor};

/// The order in which [`Parameters::visit`] visits tensors, so that results gathered in one walk can be assigned in
/// another.
///
/// [`Parameters`] requires that both walks visit the same tensors in the same order. Memory safety must not rely on
/// that, and a gradient must not reach another tensor of the same shape: [`Order::each_mut`] checks it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Order {
    tensors: Vec<Seen>,
}

/// A tensor as seen by a walk: the address and number of its elements, and its role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    address: usize,
    len: usize,
    role: Role,
}

impl Order {
    /// The order of this model's walk.
    pub fn of<M: Parameters + ?Sized>(model: &M) -> Self {
        let mut order = Order::default();
        model.visit(&Path::ROOT, &mut |_, role, tensor| order.push(role, tensor));
        order
    }

    /// The number of tensors.
    pub fn len(&self) -> usize {
        self.tensors.len()
    }

    /// Whether the model has no tensors.
    pub fn is_empty(&self) -> bool {
        self.tensors.is_empty()
    }

    /// Calls `f` with the index (from 0), the role and the tensor of every visit, for changes in place.
    ///
    /// # Panics
    /// If the model's `visit_mut` visits other tensors than its `visit` did, or in another order. `f` is not called
    /// from the first difference on.
    #[track_caller]
    pub fn each_mut<M: Parameters + ?Sized>(
        &self,
        model: &mut M,
        mut f: impl FnMut(usize, Role, &mut Tensor<M::Scalar>),
    ) {
        let mut walk = Walk { order: self, index: 0, mistake: None, f: &mut f };
        model.visit_mut(&Path::ROOT, &mut |path, role, tensor| walk.visit(path, role, tensor));
        if let Err((index, mistake)) = walk.end() {
            let (mut at, mut expected) = (0, None);
            model.visit(&Path::ROOT, &mut |path, role, tensor| {
                if at == index {
                    expected = Some(shown(path, role, tensor));
                }
                at += 1;
            });
            disagree(std::any::type_name::<M>(), mistake, expected);
        }
    }

    /// With capacity for `tensors` tensors.
    pub(crate) fn with_capacity(tensors: usize) -> Self {
        Order { tensors: Vec::with_capacity(tensors) }
    }

    pub(crate) fn push<T: Real>(&mut self, role: Role, tensor: &Tensor<T>) {
        self.tensors.push(seen(role, tensor));
    }

    pub(crate) fn clear(&mut self) {
        self.tensors.clear();
    }

    /// The addresses of the elements of all tensors that have some: empty ones share an address.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = usize> {
        self.tensors.iter().filter(|tensor| tensor.len > 0).map(|tensor| tensor.address)
    }
}

/// A walk of `visit_mut`, compared with the order of `visit`. It does not know the model's type, so that it is compiled
/// once for all models.
struct Walk<'a, T: Real> {
    order: &'a Order,
    index: usize,
    mistake: Option<String>,
    f: &'a mut dyn FnMut(usize, Role, &mut Tensor<T>),
}

impl<T: Real> Walk<'_, T> {
    fn visit(&mut self, path: &Path<'_>, role: Role, tensor: &mut Tensor<T>) {
        if self.mistake.is_some() {
            return;
        }
        if self.order.tensors.get(self.index) == Some(&seen(role, tensor)) {
            (self.f)(self.index, role, tensor);
            self.index += 1;
        } else {
            self.mistake = Some(shown(path, role, tensor));
        }
    }

    /// # Errors
    /// The index of the first difference, and what `visit_mut` visits there, if anything.
    fn end(self) -> Result<(), (usize, Option<String>)> {
        if self.mistake.is_none() && self.index == self.order.len() {
            return Ok(());
        }
        Err((self.index, self.mistake))
    }
}

#[cold]
#[track_caller]
fn disagree(model: &str, found: Option<String>, expected: Option<String>) -> ! {
    let [found, expected] = [found, expected].map(|tensor| tensor.unwrap_or_else(|| "no further tensor".to_owned()));
    panic!(
        "`Parameters::visit_mut` of `{model}` visits {found} where `Parameters::visit` visits {expected}: both must visit the \
         same tensors in the same order"
    );
}

fn seen<T: Real>(role: Role, tensor: &Tensor<T>) -> Seen {
    Seen { address: address(tensor), len: tensor.len(), role }
}

fn shown<T: Real>(path: &Path<'_>, role: Role, tensor: &Tensor<T>) -> String {
    format!("{path:?} of shape {:?} ({role:?})", tensor.shape())
}
