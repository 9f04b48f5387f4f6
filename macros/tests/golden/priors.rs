/// One draw of [`Priors`](type@Priors): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct PriorsDraw<'t, P: Prior> {
    /// The weight in this draw.
    computed: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    wrapped: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    constructed: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    estimated: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The weight in this draw.
    literal: ::elbo::Weight<'t, <MeanField as ::elbo::Parameters>::Scalar>,
    /// The model's field.
    own: &'t P,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t, P: Prior> ::core::marker::Copy for PriorsDraw<'t, P> {}
#[automatically_derived]
impl<'t, P: Prior> ::core::clone::Clone for PriorsDraw<'t, P> {
    fn clone(&self) -> PriorsDraw<'t, P> {
        *self
    }
}
#[automatically_derived]
impl<P: Prior> ::elbo::Parameters for Priors<P> {
    type Scalar = <MeanField as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        ::elbo::Parameters::visit_part(&self.computed, &path.at("computed"), f);
        ::elbo::Parameters::visit_part(&self.wrapped, &path.at("wrapped"), f);
        ::elbo::Parameters::visit_part(&self.constructed, &path.at("constructed"), f);
        ::elbo::Parameters::visit_part(&self.estimated, &path.at("estimated"), f);
        ::elbo::Parameters::visit_part(&self.literal, &path.at("literal"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        ::elbo::Parameters::visit_mut_part(&mut self.computed, &path.at("computed"), f);
        ::elbo::Parameters::visit_mut_part(&mut self.wrapped, &path.at("wrapped"), f);
        ::elbo::Parameters::visit_mut_part(
            &mut self.constructed,
            &path.at("constructed"),
            f,
        );
        ::elbo::Parameters::visit_mut_part(
            &mut self.estimated,
            &path.at("estimated"),
            f,
        );
        ::elbo::Parameters::visit_mut_part(&mut self.literal, &path.at("literal"), f);
    }
}
#[automatically_derived]
impl<P: Prior> ::elbo::Bayesian for Priors<P> {
    type Draw<'t> = PriorsDraw<'t, P>;
    type Batch = ::elbo::Yes;
    type Exact = <<<MeanField as ::elbo::Divergence<
        MonteCarlo<P>,
    >>::Exact as ::elbo::Property>::And<
        <MeanField as ::elbo::Divergence<MonteCarlo<Normal>>>::Exact,
    > as ::elbo::Property>::And<
        <<MeanField as ::elbo::Divergence<
            ::elbo::MonteCarlo<Mixture>,
        >>::Exact as ::elbo::Property>::And<
            <Point as ::elbo::Divergence<priors::Normal>>::Exact,
        >,
    >;
    type Allows = (((MeanField, MeanField), (MeanField, MeanField)), Point);
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        PriorsDraw {
            computed: <MeanField as ::elbo::Divergence<
                _,
            >>::weight_with_owned_prior(&self.computed, standard(), (cx).at("computed")),
            wrapped: <MeanField as ::elbo::Divergence<
                MonteCarlo<P>,
            >>::weight_with_owned_prior(
                &self.wrapped,
                MonteCarlo(self.own),
                (cx).at("wrapped"),
            ),
            constructed: <MeanField as ::elbo::Divergence<
                MonteCarlo<Normal>,
            >>::weight_with_owned_prior(
                &self.constructed,
                MonteCarlo::new(Normal::new(0.0, 1.0)),
                (cx).at("constructed"),
            ),
            estimated: <MeanField as ::elbo::Divergence<
                ::elbo::MonteCarlo<Mixture>,
            >>::weight_with_owned_prior(
                &self.estimated,
                ::elbo::MonteCarlo(Mixture::new(0.5, 1.0)),
                (cx).at("estimated"),
            ),
            literal: <Point as ::elbo::Divergence<
                priors::Normal,
            >>::weight_with_owned_prior(
                &self.literal,
                priors::Normal {
                    mean: 0.0,
                    sd: 1.0,
                },
                (cx).at("literal"),
            ),
            own: &self.own,
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <MeanField as ::elbo::Divergence<
            _,
        >>::closed_term(&self.computed, &standard(), &path.at("computed"), f);
        <MeanField as ::elbo::Divergence<
            MonteCarlo<P>,
        >>::term(&self.wrapped, &MonteCarlo(self.own), &path.at("wrapped"), f);
        <MeanField as ::elbo::Divergence<
            MonteCarlo<Normal>,
        >>::term(
            &self.constructed,
            &MonteCarlo::new(Normal::new(0.0, 1.0)),
            &path.at("constructed"),
            f,
        );
        <Point as ::elbo::Divergence<
            priors::Normal,
        >>::term(
            &self.literal,
            &priors::Normal {
                mean: 0.0,
                sd: 1.0,
            },
            &path.at("literal"),
            f,
        );
    }
}
impl<P: Prior> ::elbo::hidden::Undrawn for Priors<P> {}
#[automatically_derived]
impl<'t, P: Prior> ::elbo::Drawn<'t, <Priors<P> as ::elbo::Parameters>::Scalar>
for PriorsDraw<'t, P> {
    fn walk(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::OnWeight<'_, 't, Priors<P>>,
    ) {
        ::elbo::Drawn::walk(&self.computed, &path.at("computed"), f);
        ::elbo::Drawn::walk(&self.wrapped, &path.at("wrapped"), f);
        ::elbo::Drawn::walk(&self.constructed, &path.at("constructed"), f);
        ::elbo::Drawn::walk(&self.estimated, &path.at("estimated"), f);
        ::elbo::Drawn::walk(&self.literal, &path.at("literal"), f);
    }
}
