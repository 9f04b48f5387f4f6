/// One draw of [`Block`](type@Block): the model with its weights known.
#[allow(dead_code, missing_debug_implementations)]
enum BlockDraw<'t> {
    /// A draw of `Dense`.
    Dense(
        /// The draw of this field.
        <Dense as ::elbo::Bayesian>::Draw<'t>,
    ),
    /// A draw of `Gated`.
    Gated {
        /// The draw of this field.
        gate: <Dense as ::elbo::Bayesian>::Draw<'t>,
        /// The draw of this field.
        value: <Dense as ::elbo::Bayesian>::Draw<'t>,
        /// The model's own.
        sharp: &'t bool,
    },
    /// A draw of `Relu`.
    Relu,
}
#[automatically_derived]
impl<'t> ::core::clone::Clone for BlockDraw<'t> {
    fn clone(&self) -> Self {
        *self
    }
}
#[automatically_derived]
impl<'t> ::core::marker::Copy for BlockDraw<'t> {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Dense as ::elbo::Parameters>::Scalar> for BlockDraw<'t> {
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<
            '_,
            ::elbo::Var<'t, <Dense as ::elbo::Parameters>::Scalar>,
        >,
    ) {
        match self {
            Self::Dense(field0) => {
                ::elbo::Drawn::each_kl(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                ::elbo::Drawn::each_kl(field0, &path.at("gate"), f);
                ::elbo::Drawn::each_kl(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Block {
    type Scalar = <Dense as ::elbo::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::Visitor<'_, 'a, Self::Scalar>,
    ) {
        match self {
            Self::Dense(field0) => {
                ::elbo::hidden::Walk::visit(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                ::elbo::hidden::Walk::visit(field0, &path.at("gate"), f);
                ::elbo::hidden::Walk::visit(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
    fn visit_mut(
        &mut self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::engine::VisitorMut<'_, Self::Scalar>,
    ) {
        match self {
            Self::Dense(field0) => {
                ::elbo::hidden::Walk::visit_mut(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                ::elbo::hidden::Walk::visit_mut(field0, &path.at("gate"), f);
                ::elbo::hidden::Walk::visit_mut(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Block {
    type Draw<'t> = BlockDraw<'t>;
    type Batch = <<<Dense as ::elbo::Bayesian>::Batch as ::elbo::Verdict>::And<
        <Dense as ::elbo::Bayesian>::Batch,
    > as ::elbo::Verdict>::And<<Dense as ::elbo::Bayesian>::Batch>;
    type Exact = <<<Dense as ::elbo::Bayesian>::Exact as ::elbo::Verdict>::And<
        <Dense as ::elbo::Bayesian>::Exact,
    > as ::elbo::Verdict>::And<<Dense as ::elbo::Bayesian>::Exact>;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        match self {
            Self::Dense(field0) => {
                BlockDraw::Dense(::elbo::hidden::Walk::draw_in(field0, cx))
            }
            Self::Gated { gate: field0, value: field1, sharp: field2, .. } => {
                BlockDraw::Gated {
                    gate: ::elbo::hidden::Walk::draw_in(field0, cx.at("gate")),
                    value: ::elbo::hidden::Walk::draw_in(field1, cx.at("value")),
                    sharp: field2,
                }
            }
            Self::Relu => BlockDraw::Relu,
        }
    }
    fn each_kl(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::hidden::Each<'_, ::core::primitive::f64>,
    ) {
        match self {
            Self::Dense(field0) => {
                ::elbo::hidden::Walk::each_kl(field0, path, f);
            }
            Self::Gated { gate: field0, value: field1, .. } => {
                ::elbo::hidden::Walk::each_kl(field0, &path.at("gate"), f);
                ::elbo::hidden::Walk::each_kl(field1, &path.at("value"), f);
            }
            Self::Relu => {}
        }
    }
}
