/// One draw of [`Either`](type@Either): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
enum EitherDraw<'t> {
    /// A draw of `Left`.
    Left(
        /// The draw of this layer.
        <Dense as crate::bayes::Bayesian>::Draw<'t>,
    ),
    /// A draw of `Right`.
    Right {
        /// The draw of this layer.
        layer: <Dense as crate::bayes::Bayesian>::Draw<'t>,
    },
}
impl<'t> ::core::marker::Copy for EitherDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for EitherDraw<'t> {
    fn clone(&self) -> EitherDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl crate::bayes::Parameters for Either {
    type Scalar = <Dense as crate::bayes::Parameters>::Scalar;
    fn visit<'a>(
        &'a self,
        path: &crate::bayes::Path<'_>,
        f: &mut crate::bayes::Each<'_, 'a, Self>,
    ) {
        match self {
            Self::Left(field0) => {
                <Dense as crate::bayes::Bayesian>::visit_in(field0, path, f);
            }
            Self::Right { layer: field0, .. } => {
                <Dense as crate::bayes::Bayesian>::visit_in(
                    field0,
                    &path.at("layer"),
                    f,
                );
            }
        }
    }
    fn visit_mut(
        &mut self,
        path: &crate::bayes::Path<'_>,
        f: &mut crate::bayes::EachMut<'_, Self>,
    ) {
        match self {
            Self::Left(field0) => {
                <Dense as crate::bayes::Bayesian>::visit_mut_in(field0, path, f);
            }
            Self::Right { layer: field0, .. } => {
                <Dense as crate::bayes::Bayesian>::visit_mut_in(
                    field0,
                    &path.at("layer"),
                    f,
                );
            }
        }
    }
}
#[automatically_derived]
impl crate::bayes::Bayesian for Either {
    type Draw<'t> = EitherDraw<'t>;
    type Batch = <<Dense as crate::bayes::Bayesian>::Batch as crate::bayes::Property>::And<
        <Dense as crate::bayes::Bayesian>::Batch,
    >;
    type Exact = <<Dense as crate::bayes::Bayesian>::Exact as crate::bayes::Property>::And<
        <Dense as crate::bayes::Bayesian>::Exact,
    >;
    type Allows = (
        <Dense as crate::bayes::Bayesian>::Allows,
        <Dense as crate::bayes::Bayesian>::Allows,
    );
    fn draw_in<'t>(&'t self, cx: crate::bayes::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        match self {
            Self::Left(field0) => {
                EitherDraw::Left(
                    <Dense as crate::bayes::Bayesian>::draw_part(field0, cx),
                )
            }
            Self::Right { layer: field0, .. } => {
                EitherDraw::Right {
                    layer: <Dense as crate::bayes::Bayesian>::draw_part(
                        field0,
                        (cx).at("layer"),
                    ),
                }
            }
        }
    }
    fn each_kl(
        &self,
        path: &crate::bayes::Path<'_>,
        f: &mut crate::bayes::hidden::Nats<'_>,
    ) {
        match self {
            Self::Left(field0) => {
                <Dense as crate::bayes::Bayesian>::each_kl(field0, path, f);
            }
            Self::Right { layer: field0, .. } => {
                <Dense as crate::bayes::Bayesian>::each_kl(field0, &path.at("layer"), f);
            }
        }
    }
}
impl crate::bayes::hidden::Undrawn for Either {}
#[automatically_derived]
impl<'t> crate::bayes::Drawn<'t, <Either as crate::bayes::Parameters>::Scalar>
for EitherDraw<'t> {
    fn walk(
        &self,
        path: &crate::bayes::Path<'_>,
        f: &mut crate::bayes::OnWeight<'_, 't, Either>,
    ) {
        match self {
            Self::Left(field0) => {
                crate::bayes::Drawn::walk(field0, path, f);
            }
            Self::Right { layer: field0, .. } => {
                crate::bayes::Drawn::walk(field0, &path.at("layer"), f);
            }
        }
    }
}
