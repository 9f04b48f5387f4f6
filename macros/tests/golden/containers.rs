/// One draw of [`Ensemble`](type@Ensemble): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct EnsembleDraw<'t> {
    /// The draw of this layer.
    members: <Vec<[Option<Dense>; 2]> as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    heads: <(Dense, Box<Ensemble>) as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    temperature: <Point as ::elbo::Bayesian>::Draw<'t>,
    /// The model's field.
    classes: &'t usize,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t> ::core::marker::Copy for EnsembleDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for EnsembleDraw<'t> {
    fn clone(&self) -> EnsembleDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Ensemble {
    type Scalar = <Point as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        <Vec<
            [Option<Dense>; 2],
        > as ::elbo::Bayesian>::visit_in(&self.members, &path.at("members"), f);
        <(
            Dense,
            Box<Ensemble>,
        ) as ::elbo::Bayesian>::visit_in(&self.heads, &path.at("heads"), f);
        <Point as ::elbo::Bayesian>::visit_in(
            &self.temperature,
            &path.at("temperature"),
            f,
        );
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        <Vec<
            [Option<Dense>; 2],
        > as ::elbo::Bayesian>::visit_mut_in(&mut self.members, &path.at("members"), f);
        <(
            Dense,
            Box<Ensemble>,
        ) as ::elbo::Bayesian>::visit_mut_in(&mut self.heads, &path.at("heads"), f);
        <Point as ::elbo::Bayesian>::visit_mut_in(
            &mut self.temperature,
            &path.at("temperature"),
            f,
        );
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Ensemble {
    type Draw<'t> = EnsembleDraw<'t>;
    type Batch = <<Vec<
        [Option<Dense>; 2],
    > as ::elbo::Bayesian>::Batch as ::elbo::Property>::And<
        <Point as ::elbo::Bayesian>::Batch,
    >;
    type Exact = <<Vec<
        [Option<Dense>; 2],
    > as ::elbo::Bayesian>::Exact as ::elbo::Property>::And<
        <Point as ::elbo::Bayesian>::Exact,
    >;
    type Allows = (
        <Vec<[Option<Dense>; 2]> as ::elbo::Bayesian>::Allows,
        <Point as ::elbo::Bayesian>::Allows,
    );
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        EnsembleDraw {
            members: <Vec<
                [Option<Dense>; 2],
            > as ::elbo::Bayesian>::draw_part(&self.members, (cx).at("members")),
            heads: <(
                Dense,
                Box<Ensemble>,
            ) as ::elbo::Bayesian>::draw_part(&self.heads, (cx).at("heads")),
            temperature: <Point as ::elbo::Bayesian>::draw_part(
                &self.temperature,
                (cx).at("temperature"),
            ),
            classes: &self.classes,
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <Vec<
            [Option<Dense>; 2],
        > as ::elbo::Bayesian>::each_kl(&self.members, &path.at("members"), f);
        <(
            Dense,
            Box<Ensemble>,
        ) as ::elbo::Bayesian>::each_kl(&self.heads, &path.at("heads"), f);
        <Point as ::elbo::Bayesian>::each_kl(
            &self.temperature,
            &path.at("temperature"),
            f,
        );
    }
}
impl ::elbo::hidden::Undrawn for Ensemble {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Ensemble as ::elbo::Parameters>::Scalar>
for EnsembleDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Ensemble>) {
        ::elbo::Drawn::walk(&self.members, &path.at("members"), f);
        ::elbo::Drawn::walk(&self.heads, &path.at("heads"), f);
        ::elbo::Drawn::walk(&self.temperature, &path.at("temperature"), f);
    }
}
