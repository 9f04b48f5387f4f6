impl<'t> ScaledDraw<'t> {
    pub fn forward(&self, x: Var<'t>) -> Var<'t> {
        self.layer.forward(x) * self.scale
    }
}
#[automatically_derived]
impl<'t> ::elbo::Forward<'t, Var<'t>> for ScaledDraw<'t> {
    type Out = Var<'t>;
    fn forward(&self, x: Var<'t>) -> Var<'t> {
        <ScaledDraw<'t>>::forward(self, x)
    }
}
