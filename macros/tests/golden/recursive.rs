/// One draw of [`Chain`](type@Chain): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct ChainDraw<'t>(
    /// The draw of this layer.
    pub <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    <Option<Box<Chain>> as ::elbo::Bayesian>::Draw<'t>,
    ::core::marker::PhantomData<&'t ()>,
);
impl<'t> ::core::marker::Copy for ChainDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for ChainDraw<'t> {
    fn clone(&self) -> ChainDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Chain {
    type Scalar = <Dense as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        <Dense as ::elbo::Bayesian>::visit_in(&self.0, &path.index(0usize), f);
        <Option<
            Box<Chain>,
        > as ::elbo::Bayesian>::visit_in(&self.1, &path.index(1usize), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.0, &path.index(0usize), f);
        <Option<
            Box<Chain>,
        > as ::elbo::Bayesian>::visit_mut_in(&mut self.1, &path.index(1usize), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Chain {
    type Draw<'t> = ChainDraw<'t>;
    type Batch = <Dense as ::elbo::Bayesian>::Batch;
    type Exact = <Dense as ::elbo::Bayesian>::Exact;
    type Allows = <Dense as ::elbo::Bayesian>::Allows;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ChainDraw(
            <Dense as ::elbo::Bayesian>::draw_part(&self.0, (cx).index(0usize)),
            <Option<
                Box<Chain>,
            > as ::elbo::Bayesian>::draw_part(&self.1, (cx).index(1usize)),
            ::core::marker::PhantomData,
        )
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <Dense as ::elbo::Bayesian>::each_kl(&self.0, &path.index(0usize), f);
        <Option<
            Box<Chain>,
        > as ::elbo::Bayesian>::each_kl(&self.1, &path.index(1usize), f);
    }
}
impl ::elbo::hidden::Undrawn for Chain {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Chain as ::elbo::Parameters>::Scalar> for ChainDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Chain>) {
        ::elbo::Drawn::walk(&self.0, &path.index(0usize), f);
        ::elbo::Drawn::walk(&self.1, &path.index(1usize), f);
    }
}
