/// One draw of [`Odd`](type@Odd): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct OddDraw<'t> {
    /// The weight in this draw.
    path: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The draw of this layer.
    cx: <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    f: <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    r#type: <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The model's field.
    _tape: &'t usize,
    __tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t> ::core::marker::Copy for OddDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for OddDraw<'t> {
    fn clone(&self) -> OddDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Odd {
    type Scalar = <MeanField as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        ::elbo::Parameters::visit_part(&self.path, &path.at("kernel"), f);
        <Dense as ::elbo::Bayesian>::visit_in(&self.cx, &path.at("cx"), f);
        <Dense as ::elbo::Bayesian>::visit_in(&self.f, &path.at("f"), f);
        <Dense as ::elbo::Bayesian>::visit_in(&self.r#type, &path.at("type"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        ::elbo::Parameters::visit_mut_part(&mut self.path, &path.at("kernel"), f);
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.cx, &path.at("cx"), f);
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.f, &path.at("f"), f);
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.r#type, &path.at("type"), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Odd {
    type Draw<'t> = OddDraw<'t>;
    type Batch = <<<Dense as ::elbo::Bayesian>::Batch as ::elbo::Property>::And<
        <Dense as ::elbo::Bayesian>::Batch,
    > as ::elbo::Property>::And<<Dense as ::elbo::Bayesian>::Batch>;
    type Exact = <<<Dense as ::elbo::Bayesian>::Exact as ::elbo::Property>::And<
        <Dense as ::elbo::Bayesian>::Exact,
    > as ::elbo::Property>::And<<Dense as ::elbo::Bayesian>::Exact>;
    type Allows = (
        (MeanField, <Dense as ::elbo::Bayesian>::Allows),
        (<Dense as ::elbo::Bayesian>::Allows, <Dense as ::elbo::Bayesian>::Allows),
    );
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        OddDraw {
            path: <MeanField as ::elbo::Divergence<
                _,
            >>::weight_with_owned_prior(&self.path, path(1.0), (cx).at("kernel")),
            cx: <Dense as ::elbo::Bayesian>::draw_part(&self.cx, (cx).at("cx")),
            f: <Dense as ::elbo::Bayesian>::draw_part(&self.f, (cx).at("f")),
            r#type: <Dense as ::elbo::Bayesian>::draw_part(
                &self.r#type,
                (cx).at("type"),
            ),
            _tape: &self._tape,
            __tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <MeanField as ::elbo::Divergence<
            _,
        >>::closed_term(&self.path, &path(1.0), &path.at("kernel"), f);
        <Dense as ::elbo::Bayesian>::each_kl(&self.cx, &path.at("cx"), f);
        <Dense as ::elbo::Bayesian>::each_kl(&self.f, &path.at("f"), f);
        <Dense as ::elbo::Bayesian>::each_kl(&self.r#type, &path.at("type"), f);
    }
}
impl ::elbo::hidden::Undrawn for Odd {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Odd as ::elbo::Parameters>::Scalar> for OddDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Odd>) {
        ::elbo::Drawn::walk(&self.path, &path.at("kernel"), f);
        ::elbo::Drawn::walk(&self.cx, &path.at("cx"), f);
        ::elbo::Drawn::walk(&self.f, &path.at("f"), f);
        ::elbo::Drawn::walk(&self.r#type, &path.at("type"), f);
    }
}
