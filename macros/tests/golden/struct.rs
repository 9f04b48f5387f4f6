/// One draw of [`Scaled`](type@Scaled): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations, private_bounds, private_interfaces)]
pub struct ScaledDraw<'t> {
    /// The weight in this draw.
    scale: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The draw of this layer.
    layer: <Dense as ::elbo::Bayesian>::Draw<'t>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t> ::core::marker::Copy for ScaledDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for ScaledDraw<'t> {
    fn clone(&self) -> ScaledDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Scaled {
    type Scalar = <<Self as ::elbo::hidden::Parts>::First as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        ::elbo::Parameters::visit_part(&self.scale, &path.at("scale"), f);
        <Dense as ::elbo::Bayesian>::visit_in(&self.layer, &path.at("layer"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        ::elbo::Parameters::visit_mut_part(&mut self.scale, &path.at("scale"), f);
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.layer, &path.at("layer"), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Scaled {
    type Draw<'t> = ScaledDraw<'t>;
    type Batch = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Batch;
    type Exact = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Exact;
    type Allows = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Allows;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        ScaledDraw {
            scale: <MeanField as ::elbo::Divergence<
                Normal,
            >>::weight_with_owned_prior(&self.scale, Normal(1.0, 0.1), (cx).at("scale")),
            layer: <Dense as ::elbo::Bayesian>::draw_part(&self.layer, (cx).at("layer")),
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <MeanField as ::elbo::Divergence<
            Normal,
        >>::term(&self.scale, &Normal(1.0, 0.1), &path.at("scale"), f);
        <Dense as ::elbo::Bayesian>::each_kl(&self.layer, &path.at("layer"), f);
    }
}
impl ::elbo::hidden::Undrawn for Scaled {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Scaled as ::elbo::Parameters>::Scalar> for ScaledDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Scaled>) {
        ::elbo::Drawn::walk(&self.scale, &path.at("scale"), f);
        ::elbo::Drawn::walk(&self.layer, &path.at("layer"), f);
    }
}
const _: () = {
    struct Fields;
    impl ::elbo::hidden::Parts<Fields> for Scaled {
        type First = MeanField;
        type All = (
            ::elbo::hidden::Random<MeanField, Normal>,
            ::elbo::hidden::Part<Dense>,
        );
    }
    impl<First, All> ::elbo::hidden::Parts for Scaled
    where
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
};
