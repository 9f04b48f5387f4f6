/// One draw of [`Learned`](type@Learned): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
struct LearnedDraw<'t, P: Prior>
where
    MeanField: Divergence<P>,
{
    /// This weight, drawn.
    weight: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// This weight, drawn.
    bias: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// This prior, in the draw.
    scale: ::elbo::Given<'t, P, <MeanField as ::elbo::Parameters>::Scalar>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
#[automatically_derived]
impl<'t, P: Prior> ::core::clone::Clone for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t, P: Prior> ::core::marker::Copy for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{}
#[automatically_derived]
impl<'t, P: Prior> ::elbo::Drawn<'t, <MeanField as ::elbo::Parameters>::Scalar>
for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<
            '_,
            ::elbo::Var<'t, <MeanField as ::elbo::Parameters>::Scalar>,
        >,
    ) {
        ::elbo::Drawn::each_kl(&self.scale, &path.at("scale"), f);
        ::elbo::Drawn::each_kl(&self.weight, &path.at("weight"), f);
        ::elbo::Drawn::each_kl(&self.bias, &path.at("bias"), f);
    }
}
#[automatically_derived]
impl<P: Prior> ::elbo::Parameters for Learned<P>
where
    MeanField: Divergence<P>,
{
    type Scalar = <MeanField as ::elbo::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {
        ::elbo::hidden::visit_own(&self.scale, &path.at("scale"), f);
        ::elbo::Parameters::visit(&self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit(&self.bias, &path.at("bias"), f);
    }
    fn visit_mut(
        &mut self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {
        ::elbo::hidden::visit_mut_own(&mut self.scale, &path.at("scale"), f);
        ::elbo::Parameters::visit_mut(&mut self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_mut(&mut self.bias, &path.at("bias"), f);
    }
}
#[automatically_derived]
impl<P: Prior> ::elbo::Bayesian for Learned<P>
where
    MeanField: Divergence<P>,
{
    type Draw<'t> = LearnedDraw<'t, P>;
    type Batch = ::elbo::Yes;
    type Exact = <<MeanField as ::elbo::Divergence<
        P,
    >>::Exact as ::elbo::Verdict>::And<
        <MeanField as ::elbo::Divergence<::elbo::MonteCarlo<P>>>::Exact,
    >;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        let given_scale = ::elbo::Given::field(&self.scale, cx.at("scale"));
        LearnedDraw {
            weight: ::elbo::hidden::weight_given(
                &self.weight,
                given_scale,
                cx.at("weight"),
            ),
            bias: ::elbo::hidden::weight_given(
                &self.bias,
                given_scale.monte_carlo(),
                cx.at("bias"),
            ),
            scale: given_scale,
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {
        ::elbo::hidden::own_kl::<Self::Scalar, _>(&self.scale, &path.at("scale"), f);
        f(&path.at("weight"), ::elbo::hidden::kl(&self.weight, &self.scale));
        f(
            &path.at("bias"),
            ::elbo::hidden::kl(&self.bias, ::elbo::MonteCarlo::of(&self.scale)),
        );
    }
}
