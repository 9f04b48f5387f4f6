/// One draw of [`Relu`](type@Relu): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
pub struct ReluDraw<'t>(::core::marker::PhantomData<&'t ()>);
#[automatically_derived]
impl<'t> ::core::clone::Clone for ReluDraw<'t> {
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t> ::core::marker::Copy for ReluDraw<'t> {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, ::core::primitive::f32> for ReluDraw<'t> {
    fn each_kl(
        &self,
        _: &::elbo::Path<'_>,
        _: &mut ::elbo::hidden::Each<'_, ::elbo::Var<'t, ::core::primitive::f32>>,
    ) {}
}
#[automatically_derived]
impl ::elbo::Parameters for Relu {
    type Scalar = ::core::primitive::f32;
    fn visit<'a>(
        &'a self,
        _: &::elbo::Path<'_>,
        _: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {}
    fn visit_mut(
        &mut self,
        _: &::elbo::Path<'_>,
        _: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {}
}
#[automatically_derived]
impl ::elbo::Bayesian for Relu {
    type Draw<'t> = ReluDraw<'t>;
    type Batch = ::elbo::Yes;
    type Exact = ::elbo::Yes;
    fn draw_in<'t>(&'t self, _: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ReluDraw(::core::marker::PhantomData)
    }
    fn each_kl(
        &self,
        _: &::elbo::Path<'_>,
        _: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {}
}
