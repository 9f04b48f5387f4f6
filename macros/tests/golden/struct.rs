/// One draw of [`Scaled`](type@Scaled): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
pub struct ScaledDraw<'t> {
    /// This weight, drawn.
    scale: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The draw of this field.
    layer: <Dense as ::elbo::Bayesian>::Draw<'t>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
#[automatically_derived]
impl<'t> ::core::clone::Clone for ScaledDraw<'t> {
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t> ::core::marker::Copy for ScaledDraw<'t> {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <MeanField as ::elbo::Parameters>::Scalar>
for ScaledDraw<'t> {
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<
            '_,
            ::elbo::Var<'t, <MeanField as ::elbo::Parameters>::Scalar>,
        >,
    ) {
        ::elbo::Drawn::each_kl(&self.scale, &path.at("scale"), f);
        ::elbo::Drawn::each_kl(&self.layer, &path.at("layer"), f);
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Scaled {
    type Scalar = <MeanField as ::elbo::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {
        ::elbo::Parameters::visit(&self.scale, &path.at("scale"), f);
        ::elbo::hidden::Walk::visit(&self.layer, &path.at("layer"), f);
    }
    fn visit_mut(
        &mut self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {
        ::elbo::Parameters::visit_mut(&mut self.scale, &path.at("scale"), f);
        ::elbo::hidden::Walk::visit_mut(&mut self.layer, &path.at("layer"), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Scaled {
    type Draw<'t> = ScaledDraw<'t>;
    type Batch = <Dense as ::elbo::Bayesian>::Batch;
    type Exact = <<MeanField as ::elbo::Divergence<
        Normal,
    >>::Exact as ::elbo::Verdict>::And<<Dense as ::elbo::Bayesian>::Exact>;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ScaledDraw {
            scale: ::elbo::hidden::weight(
                &self.scale,
                ::elbo::hidden::kept(Normal(1.0, 0.1), cx),
                cx.at("scale"),
            ),
            layer: ::elbo::hidden::Walk::draw_in(&self.layer, cx.at("layer")),
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {
        f(
            &path.at("scale"),
            ::elbo::hidden::kl::<_, Normal>(&self.scale, &Normal(1.0, 0.1)),
        );
        ::elbo::hidden::Walk::each_kl(&self.layer, &path.at("layer"), f);
    }
}
