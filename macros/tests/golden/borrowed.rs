impl<'t, M: Layer> StackDraw<'t, M> {
    fn forward(
        self,
        (xs, state): (&[Var<'t, M::Scalar>], Option<Var<'t, M::Scalar>>),
    ) -> (Var<'t, M::Scalar>, Var<'t, M::Scalar>) {
        todo!()
    }
}
#[automatically_derived]
impl<
    't,
    'x0,
    M: Layer,
> ::elbo::Forward<'t, (&'x0 [Var<'t, M::Scalar>], Option<Var<'t, M::Scalar>>)>
for StackDraw<'t, M> {
    type Out = (Var<'t, M::Scalar>, Var<'t, M::Scalar>);
    fn forward(
        &self,
        x: (&'x0 [Var<'t, M::Scalar>], Option<Var<'t, M::Scalar>>),
    ) -> (Var<'t, M::Scalar>, Var<'t, M::Scalar>) {
        <StackDraw<'t, M>>::forward(*self, x)
    }
}
