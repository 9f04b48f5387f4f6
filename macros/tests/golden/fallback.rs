::core::compile_error! {
    "a skipped field is not random, so it cannot have a prior; remove `#[prior(..)]` or `#[skip]`"
}
::core::compile_error! {
    "a layer cannot be shared through `Rc`: keep it as one field, and use that field twice in `forward`"
}
/// One draw of [`Wrong`](type@Wrong): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct WrongDraw<'t> {
    /// The weight in this draw.
    weight: ::elbo::Weight<'t, <Vec<Dense> as ::elbo::Parameters>::Scalar>,
    /// The draw of this layer.
    shared: <Vec<Dense> as ::elbo::Bayesian>::Draw<'t>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t> ::core::marker::Copy for WrongDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for WrongDraw<'t> {
    fn clone(&self) -> WrongDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Wrong {
    type Scalar = <Vec<Dense> as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, _: &::elbo::Path<'_>, _: &mut ::elbo::Each<'_, 'a, Self>) {}
    fn visit_mut(&mut self, _: &::elbo::Path<'_>, _: &mut ::elbo::EachMut<'_, Self>) {}
}
#[automatically_derived]
impl ::elbo::Bayesian for Wrong {
    type Draw<'t> = WrongDraw<'t>;
    type Batch = ::elbo::Yes;
    type Exact = ::elbo::Yes;
    type Allows = ::elbo::Yes;
    fn draw_in<'t>(&'t self, _: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ::core::unreachable!()
    }
    fn each_kl(&self, _: &::elbo::Path<'_>, _: &mut ::elbo::hidden::Nats<'_>) {}
}
impl ::elbo::hidden::Undrawn for Wrong {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Wrong as ::elbo::Parameters>::Scalar> for WrongDraw<'t> {
    fn walk(&self, _: &::elbo::Path<'_>, _: &mut ::elbo::OnWeight<'_, 't, Wrong>) {}
}
