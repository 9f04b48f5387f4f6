/// One draw of [`Relu`](type@Relu): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations, private_bounds, private_interfaces)]
pub struct ReluDraw<'t>(::core::marker::PhantomData<&'t ()>);
impl<'t> ::core::marker::Copy for ReluDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for ReluDraw<'t> {
    fn clone(&self) -> ReluDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Relu {
    type Scalar = ::core::primitive::f32;
    fn visit<'a>(&'a self, _: &::elbo::Path<'_>, _: &mut ::elbo::Each<'_, 'a, Self>) {}
    fn visit_mut(&mut self, _: &::elbo::Path<'_>, _: &mut ::elbo::EachMut<'_, Self>) {}
}
#[automatically_derived]
impl ::elbo::Bayesian for Relu {
    type Draw<'t> = ReluDraw<'t>;
    type Batch = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Batch;
    type Exact = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Exact;
    type Allows = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Allows;
    fn draw_in<'t>(&'t self, _: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ReluDraw(::core::marker::PhantomData)
    }
    fn each_kl(&self, _: &::elbo::Path<'_>, _: &mut ::elbo::hidden::Nats<'_>) {}
}
impl ::elbo::hidden::Undrawn for Relu {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Relu as ::elbo::Parameters>::Scalar> for ReluDraw<'t> {
    fn walk(&self, _: &::elbo::Path<'_>, _: &mut ::elbo::OnWeight<'_, 't, Relu>) {}
}
const _: () = {
    struct Fields;
    impl ::elbo::hidden::Parts<Fields> for Relu {
        type First = ();
        type All = ();
    }
    impl<First, All> ::elbo::hidden::Parts for Relu
    where
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
};
