/// One draw of [`Block`](type@Block): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
enum BlockDraw<'t> {
    /// A draw of `Dense`.
    Dense(
        /// The draw of this layer.
        <Dense as ::elbo::Bayesian>::Draw<'t>,
    ),
    /// A draw of `Gated`.
    Gated {
        /// The draw of this layer.
        gate: <Dense as ::elbo::Bayesian>::Draw<'t>,
        /// The draw of this layer.
        value: <Dense as ::elbo::Bayesian>::Draw<'t>,
        /// The model's field.
        sharp: &'t bool,
    },
    /// A draw of `Relu`.
    Relu,
}
impl<'t> ::core::marker::Copy for BlockDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for BlockDraw<'t> {
    fn clone(&self) -> BlockDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Block {
    type Scalar = <Dense as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        match self {
            Self::Dense(field0) => {
                <Dense as ::elbo::Bayesian>::visit_in(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                <Dense as ::elbo::Bayesian>::visit_in(field0, &path.at("gate"), f);
                <Dense as ::elbo::Bayesian>::visit_in(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        match self {
            Self::Dense(field0) => {
                <Dense as ::elbo::Bayesian>::visit_mut_in(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                <Dense as ::elbo::Bayesian>::visit_mut_in(field0, &path.at("gate"), f);
                <Dense as ::elbo::Bayesian>::visit_mut_in(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Block {
    type Draw<'t> = BlockDraw<'t>;
    type Batch = <<<Dense as ::elbo::Bayesian>::Batch as ::elbo::Property>::And<
        <Dense as ::elbo::Bayesian>::Batch,
    > as ::elbo::Property>::And<<Dense as ::elbo::Bayesian>::Batch>;
    type Exact = <<<Dense as ::elbo::Bayesian>::Exact as ::elbo::Property>::And<
        <Dense as ::elbo::Bayesian>::Exact,
    > as ::elbo::Property>::And<<Dense as ::elbo::Bayesian>::Exact>;
    type Allows = (
        (<Dense as ::elbo::Bayesian>::Allows, <Dense as ::elbo::Bayesian>::Allows),
        <Dense as ::elbo::Bayesian>::Allows,
    );
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        match self {
            Self::Dense(field0) => {
                BlockDraw::Dense(<Dense as ::elbo::Bayesian>::draw_part(field0, cx))
            }
            Self::Gated { gate: field0, value: field1, sharp: field2, .. } => {
                BlockDraw::Gated {
                    gate: <Dense as ::elbo::Bayesian>::draw_part(
                        field0,
                        (cx).at("gate"),
                    ),
                    value: <Dense as ::elbo::Bayesian>::draw_part(
                        field1,
                        (cx).at("value"),
                    ),
                    sharp: field2,
                }
            }
            Self::Relu => BlockDraw::Relu,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        match self {
            Self::Dense(field0) => {
                <Dense as ::elbo::Bayesian>::each_kl(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                <Dense as ::elbo::Bayesian>::each_kl(field0, &path.at("gate"), f);
                <Dense as ::elbo::Bayesian>::each_kl(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
impl ::elbo::hidden::Undrawn for Block {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Block as ::elbo::Parameters>::Scalar> for BlockDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Block>) {
        match self {
            Self::Dense(field0) => {
                ::elbo::Drawn::walk(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                ::elbo::Drawn::walk(field0, &path.at("gate"), f);
                ::elbo::Drawn::walk(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
