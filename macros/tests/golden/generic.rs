/// One draw of [`Dense`](type@Dense): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
pub struct DenseDraw<'t, Q: Divergence<P> = MeanField, P: Prior = Normal> {
    /// This weight, drawn.
    weight: ::elbo::Weight<'t, <Q as ::elbo::Parameters>::Scalar>,
    /// This weight, drawn.
    bias: ::elbo::Weight<'t, <Q as ::elbo::Parameters>::Scalar>,
    /// The model's own.
    prior: &'t P,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
#[automatically_derived]
impl<'t, Q: Divergence<P>, P: Prior> ::core::clone::Clone for DenseDraw<'t, Q, P> {
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t, Q: Divergence<P>, P: Prior> ::core::marker::Copy for DenseDraw<'t, Q, P> {}
#[automatically_derived]
impl<'t, Q: Divergence<P>, P: Prior> ::elbo::Drawn<'t, <Q as ::elbo::Parameters>::Scalar>
for DenseDraw<'t, Q, P> {
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<
            '_,
            ::elbo::Var<'t, <Q as ::elbo::Parameters>::Scalar>,
        >,
    ) {
        ::elbo::Drawn::each_kl(&self.weight, &path.at("weight"), f);
        ::elbo::Drawn::each_kl(&self.bias, &path.at("offset"), f);
    }
}
#[automatically_derived]
impl<Q: Divergence<P>, P: Prior> ::elbo::Parameters for Dense<Q, P> {
    type Scalar = <Q as ::elbo::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {
        ::elbo::Parameters::visit(&self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit(&self.bias, &path.at("offset"), f);
    }
    fn visit_mut(
        &mut self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {
        ::elbo::Parameters::visit_mut(&mut self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_mut(&mut self.bias, &path.at("offset"), f);
    }
}
#[automatically_derived]
impl<Q: Divergence<P>, P: Prior> ::elbo::Bayesian for Dense<Q, P> {
    type Draw<'t> = DenseDraw<'t, Q, P>;
    type Batch = ::elbo::Yes;
    type Exact = <<Q as ::elbo::Divergence<
        P,
    >>::Exact as ::elbo::Verdict>::And<
        <Q as ::elbo::Divergence<::elbo::MonteCarlo<P>>>::Exact,
    >;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        DenseDraw {
            weight: ::elbo::hidden::weight(&self.weight, &self.prior, cx.at("weight")),
            bias: ::elbo::hidden::weight(
                &self.bias,
                ::elbo::MonteCarlo::of(&self.prior),
                cx.at("offset"),
            ),
            prior: &self.prior,
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {
        f(&path.at("weight"), ::elbo::hidden::kl(&self.weight, &self.prior));
        f(
            &path.at("offset"),
            ::elbo::hidden::kl(&self.bias, ::elbo::MonteCarlo::of(&self.prior)),
        );
    }
}
