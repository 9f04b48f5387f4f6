//! Priors with a parameter of their own, which is learned with the model.

use std::any::{TypeId, type_name};
use std::ops::Deref;

use crate::engine::{Path, Real, Var};
use crate::engine::{Visitor, VisitorMut};
use crate::estimator::Weight;
use crate::model::Drawn;
use crate::prior::{MonteCarlo, Prior};
use crate::sampling::Cx;

/// A prior's own parameter: learned and certain (empirical Bayes), or with a posterior of its own (hierarchical).
pub trait Own<T: Real> {
    /// Calls `f` with every tensor below `path`.
    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>);

    /// Calls `f` with every tensor below `path`, to be changed in place.
    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>);

    /// The parameter on the tape.
    fn draw<'t>(&'t self, cx: Cx<'t, T>) -> OwnDraw<'t, T>;

    /// Calls `f` with the divergence of the parameter's own posterior, if it has one: nats, NaN without a closed form.
    fn each_kl(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, f64));
}

/// What [`Prior::own`] gives of a parameter in the number type `A`: itself, of a model in the same.
///
/// # Panics
/// If the model is in another: its optimiser could not learn the parameter.
#[track_caller]
pub fn own_of<A: Real, T: Real>(own: &dyn Own<A>) -> &dyn Own<T> {
    assert_same::<A, T>();
    // SAFETY: the two types are one and the same.
    unsafe { std::mem::transmute::<&dyn Own<A>, &dyn Own<T>>(own) }
}

/// The same for [`Prior::own_mut`].
///
/// # Panics
/// As [`own_of`].
#[track_caller]
pub fn own_mut_of<A: Real, T: Real>(own: &mut dyn Own<A>) -> &mut dyn Own<T> {
    assert_same::<A, T>();
    // SAFETY: the two types are one and the same.
    unsafe { std::mem::transmute::<&mut dyn Own<A>, &mut dyn Own<T>>(own) }
}

#[track_caller]
fn assert_same<A: 'static, T: 'static>() {
    assert!(
        TypeId::of::<A>() == TypeId::of::<T>(),
        "the prior's own parameter is {}, in a model of {}: make both of one number type",
        type_name::<A>(),
        type_name::<T>()
    );
}

/// A prior's own parameter in a draw.
#[derive(Clone, Copy, Debug)]
pub enum OwnDraw<'t, T: Real = f32> {
    /// It is certain.
    Certain(Var<'t, T>),
    /// It was drawn from a posterior of its own, whose divergence counts.
    Random(Weight<'t, T>),
}

/// A prior in a draw. It derefs to the prior.
#[derive(Debug)]
pub struct Given<'t, P, T: Real = f32> {
    prior: &'t P,
    own: Option<OwnDraw<'t, T>>,
}

impl<P, T: Real> Clone for Given<'_, P, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<P, T: Real> Copy for Given<'_, P, T> {}

impl<P, T: Real> Deref for Given<'_, P, T> {
    type Target = P;

    fn deref(&self) -> &P {
        self.prior
    }
}

impl<'t, P: Prior, T: Real> Given<'t, P, T> {
    /// A prior that is no field of the model, or a skipped one: nothing of it is learned.
    ///
    /// # Panics
    /// If it has a parameter of its own: nobody would learn it.
    #[track_caller]
    pub fn fixed(prior: &'t P) -> Self {
        assert!(
            prior.own::<T>().is_none(),
            "the prior has a parameter of its own, which is learned: keep it in a field, without `#[skip]`, and write \
             `#[prior(self.field)]`"
        );
        Given { prior, own: None }
    }

    /// A prior that is a field of the model.
    pub fn field(prior: &'t P, cx: Cx<'t, T>) -> Self {
        Given { prior, own: prior.own::<T>().map(|own| own.draw(cx)) }
    }

    /// The prior itself, for as long as the draw.
    pub fn prior(self) -> &'t P {
        self.prior
    }

    /// The value of its own parameter, if it has one.
    pub fn own(self) -> Option<Var<'t, T>> {
        self.own.map(|own| match own {
            OwnDraw::Certain(value) => value,
            OwnDraw::Random(weight) => *weight,
        })
    }

    /// The same prior, its divergences to be estimated.
    pub fn monte_carlo(self) -> Given<'t, MonteCarlo<P>, T> {
        Given { prior: MonteCarlo::of(self.prior), own: self.own }
    }

    /// ln p(w), summed over the elements of `w`: nats.
    pub fn log_density(self, w: Var<'t, T>) -> Var<'t, T> {
        let log_density = match self.own() {
            Some(own) => self.prior.log_density_given(w, own),
            None => self.prior.log_density(w),
        };
        assert!(
            log_density.len() == 1,
            "`Prior::log_density` of `{}` gave the shape {:?}; it must be one number, summed over the elements of the weight",
            type_name::<P>(),
            log_density.shape()
        );
        log_density
    }
}

impl<'t, P, T: Real> Drawn<'t, T> for Given<'t, P, T> {
    fn walk(&self, path: &Path<'_>, f: &mut dyn FnMut(&Path<'_>, Weight<'t, T>)) {
        if let Some(OwnDraw::Random(weight)) = self.own {
            weight.walk(path, f);
        }
    }
}
