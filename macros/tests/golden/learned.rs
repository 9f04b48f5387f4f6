/// One draw of [`Learned`](type@Learned): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct LearnedDraw<'t, P: Prior>
where
    MeanField: Divergence<P>,
{
    /// The weight in this draw.
    weight: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    bias: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The prior in this draw.
    scale: <P as ::elbo::PriorFor<<MeanField as ::elbo::Parameters>::Scalar>>::Drawn<'t>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t, P: Prior> ::core::marker::Copy for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{}
#[automatically_derived]
impl<'t, P: Prior> ::core::clone::Clone for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{
    fn clone(&self) -> LearnedDraw<'t, P> {
        *self
    }
}
#[automatically_derived]
impl<P: Prior> ::elbo::Parameters for Learned<P>
where
    MeanField: Divergence<P>,
{
    type Scalar = <MeanField as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        <P as ::elbo::PriorFor<
            <MeanField as ::elbo::Parameters>::Scalar,
        >>::visit(&self.scale, &path.at("scale"), f);
        ::elbo::Parameters::visit_part(&self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_part(&self.bias, &path.at("bias"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        <P as ::elbo::PriorFor<
            <MeanField as ::elbo::Parameters>::Scalar,
        >>::visit_mut(&mut self.scale, &path.at("scale"), f);
        ::elbo::Parameters::visit_mut_part(&mut self.weight, &path.at("weight"), f);
        ::elbo::Parameters::visit_mut_part(&mut self.bias, &path.at("bias"), f);
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
    >>::Exact as ::elbo::Property>::And<
        <MeanField as ::elbo::Divergence<::elbo::MonteCarlo<P>>>::Exact,
    >;
    type Allows = (MeanField, MeanField);
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        let prior_scale = <P as ::elbo::PriorFor<
            <MeanField as ::elbo::Parameters>::Scalar,
        >>::draw_in(&self.scale, (cx).at("scale"));
        LearnedDraw {
            weight: <MeanField as ::elbo::Divergence<
                P,
            >>::weight_with_drawn_prior(&self.weight, prior_scale, (cx).at("weight")),
            bias: <MeanField as ::elbo::Divergence<
                ::elbo::MonteCarlo<P>,
            >>::weight_with_drawn_prior(
                &self.bias,
                ::elbo::MonteCarlo(prior_scale),
                (cx).at("bias"),
            ),
            scale: (prior_scale),
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <P as ::elbo::PriorFor<
            <MeanField as ::elbo::Parameters>::Scalar,
        >>::each_kl(&self.scale, &path.at("scale"), f);
        <MeanField as ::elbo::Divergence<
            P,
        >>::term(&self.weight, &self.scale, &path.at("weight"), f);
    }
}
impl<P: Prior> ::elbo::hidden::Undrawn for Learned<P>
where
    MeanField: Divergence<P>,
{}
#[automatically_derived]
impl<'t, P: Prior> ::elbo::Drawn<'t, <Learned<P> as ::elbo::Parameters>::Scalar>
for LearnedDraw<'t, P>
where
    MeanField: Divergence<P>,
{
    fn walk(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::OnWeight<'_, 't, Learned<P>>,
    ) {
        ::elbo::DrawnPrior::walk(&self.scale, &path.at("scale"), f);
        ::elbo::Drawn::walk(&self.weight, &path.at("weight"), f);
        ::elbo::Drawn::walk(&self.bias, &path.at("bias"), f);
    }
}
