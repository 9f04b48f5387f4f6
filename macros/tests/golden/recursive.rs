/// One draw of [`Chain`](type@Chain): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
struct ChainDraw<'t>(
    /// The draw of this field.
    pub <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this field.
    <Option<Box<Chain>> as ::elbo::Bayesian>::Draw<'t>,
    ::core::marker::PhantomData<&'t ()>,
);
#[automatically_derived]
impl<'t> ::core::clone::Clone for ChainDraw<'t> {
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t> ::core::marker::Copy for ChainDraw<'t> {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Dense as ::elbo::Parameters>::Scalar> for ChainDraw<'t> {
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<
            '_,
            ::elbo::Var<'t, <Dense as ::elbo::Parameters>::Scalar>,
        >,
    ) {
        ::elbo::Drawn::each_kl(&self.0, &path.index(0usize), f);
        ::elbo::Drawn::each_kl(&self.1, &path.index(1usize), f);
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Chain {
    type Scalar = <Dense as ::elbo::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {
        ::elbo::hidden::Walk::visit(&self.0, &path.index(0usize), f);
        ::elbo::hidden::Walk::visit(&self.1, &path.index(1usize), f);
    }
    fn visit_mut(
        &mut self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {
        ::elbo::hidden::Walk::visit_mut(&mut self.0, &path.index(0usize), f);
        ::elbo::hidden::Walk::visit_mut(&mut self.1, &path.index(1usize), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Chain {
    type Draw<'t> = ChainDraw<'t>;
    type Batch = <Dense as ::elbo::Bayesian>::Batch;
    type Exact = <Dense as ::elbo::Bayesian>::Exact;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ChainDraw(
            ::elbo::hidden::Walk::draw_in(&self.0, cx.index(0usize)),
            ::elbo::hidden::Walk::draw_in(&self.1, cx.index(1usize)),
            ::core::marker::PhantomData,
        )
    }
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {
        ::elbo::hidden::Walk::each_kl(&self.0, &path.index(0usize), f);
        ::elbo::hidden::Walk::each_kl(&self.1, &path.index(1usize), f);
    }
}
