/// One draw of [`Dense`](type@Dense): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations, private_bounds, private_interfaces)]
pub struct DenseDraw<'t, Q: Divergence<P> = MeanField, P: Prior = Normal> {
    /// The weight in this draw.
    weight: ::elbo::Weight<'t, <Q as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    bias: ::elbo::Weight<'t, <Q as ::elbo::Parameters>::Scalar>,
    /// The model's field.
    prior: &'t P,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t, Q: Divergence<P>, P: Prior> ::core::marker::Copy for DenseDraw<'t, Q, P> {}
#[automatically_derived]
impl<'t, Q: Divergence<P>, P: Prior> ::core::clone::Clone for DenseDraw<'t, Q, P> {
    fn clone(&self) -> DenseDraw<'t, Q, P> {
        *self
    }
}
#[automatically_derived]
impl<Q: Divergence<P>, P: Prior> ::elbo::Parameters for Dense<Q, P> {
    type Scalar = <<Self as ::elbo::hidden::Parts>::First as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        ::elbo::Parameters::visit_part(&self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_part(&self.bias, &path.at("offset"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        ::elbo::Parameters::visit_mut_part(&mut self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_mut_part(&mut self.bias, &path.at("offset"), f);
    }
}
#[automatically_derived]
impl<Q: Divergence<P>, P: Prior> ::elbo::Bayesian for Dense<Q, P> {
    type Draw<'t> = DenseDraw<'t, Q, P>;
    type Batch = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Batch;
    type Exact = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Exact;
    type Allows = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Allows;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        DenseDraw {
            weight: <Q as ::elbo::Divergence<
                P,
            >>::weight(&self.weight, &self.prior, (cx).at("weight")),
            bias: <Q as ::elbo::Divergence<
                ::elbo::MonteCarlo<P>,
            >>::estimated_weight(&self.bias, &self.prior, (cx).at("offset")),
            prior: &self.prior,
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <Q as ::elbo::Divergence<
            P,
        >>::term(&self.weight, &self.prior, &path.at("weight"), f);
    }
}
impl<Q: Divergence<P>, P: Prior> ::elbo::hidden::Undrawn for Dense<Q, P> {}
#[automatically_derived]
impl<
    't,
    Q: Divergence<P>,
    P: Prior,
> ::elbo::Drawn<'t, <Dense<Q, P> as ::elbo::Parameters>::Scalar>
for DenseDraw<'t, Q, P> {
    fn walk(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::OnWeight<'_, 't, Dense<Q, P>>,
    ) {
        ::elbo::Drawn::walk(&self.weight, &path.at("weight"), f);
        ::elbo::Drawn::walk(&self.bias, &path.at("offset"), f);
    }
}
const _: () = {
    struct Fields;
    impl<Q: Divergence<P>, P: Prior> ::elbo::hidden::Parts<Fields> for Dense<Q, P> {
        type First = Q;
        type All = (
            ::elbo::hidden::Random<Q, P>,
            ::elbo::hidden::Random<Q, ::elbo::MonteCarlo<P>>,
        );
    }
    impl<Q: Divergence<P>, P: Prior, First, All> ::elbo::hidden::Parts for Dense<Q, P>
    where
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
};
