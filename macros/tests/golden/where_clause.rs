/// One draw of [`Stack`](type@Stack): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations, private_bounds, private_interfaces)]
pub(crate) struct StackDraw<'t, M, T: Real = f32, const N: usize = 2>(
    /// The draw of this layer.
    pub <[M; N] as ::elbo::Bayesian>::Draw<'t>,
    /// The weight in this draw.
    ::elbo::Weight<'t, <MeanField<T> as ::elbo::Parameters>::Scalar>,
    /// The model's field.
    pub(super) &'t Normal,
    ::core::marker::PhantomData<&'t ()>,
)
where
    M: Layer<Scalar = T>;
impl<'t, M, T: Real, const N: usize> ::core::marker::Copy for StackDraw<'t, M, T, N>
where
    M: Layer<Scalar = T>,
{}
#[automatically_derived]
impl<'t, M, T: Real, const N: usize> ::core::clone::Clone for StackDraw<'t, M, T, N>
where
    M: Layer<Scalar = T>,
{
    fn clone(&self) -> StackDraw<'t, M, T, N> {
        *self
    }
}
#[automatically_derived]
impl<M, T: Real, const N: usize> ::elbo::Parameters for Stack<M, T, N>
where
    M: Layer<Scalar = T>,
{
    type Scalar = <<Self as ::elbo::hidden::Parts>::First as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        <[M; N] as ::elbo::Bayesian>::visit_in(&self.0, &path.index(0usize), f);
        ::elbo::Parameters::visit_part(&self.1, &path.index(1usize), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        <[M; N] as ::elbo::Bayesian>::visit_mut_in(&mut self.0, &path.index(0usize), f);
        ::elbo::Parameters::visit_mut_part(&mut self.1, &path.index(1usize), f);
    }
}
#[automatically_derived]
impl<M, T: Real, const N: usize> ::elbo::Bayesian for Stack<M, T, N>
where
    M: Layer<Scalar = T>,
{
    type Draw<'t> = StackDraw<'t, M, T, N>;
    type Batch = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Batch;
    type Exact = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Exact;
    type Allows = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Allows;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        StackDraw(
            <[M; N] as ::elbo::Bayesian>::draw_part(&self.0, (cx).index(0usize)),
            <MeanField<
                T,
            > as ::elbo::Divergence<
                Normal,
            >>::weight(&self.1, &self.2, (cx).index(1usize)),
            &self.2,
            ::core::marker::PhantomData,
        )
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <[M; N] as ::elbo::Bayesian>::each_kl(&self.0, &path.index(0usize), f);
        <MeanField<
            T,
        > as ::elbo::Divergence<Normal>>::term(&self.1, &self.2, &path.index(1usize), f);
    }
}
impl<M, T: Real, const N: usize> ::elbo::hidden::Undrawn for Stack<M, T, N>
where
    M: Layer<Scalar = T>,
{}
#[automatically_derived]
impl<
    't,
    M,
    T: Real,
    const N: usize,
> ::elbo::Drawn<'t, <Stack<M, T, N> as ::elbo::Parameters>::Scalar>
for StackDraw<'t, M, T, N>
where
    M: Layer<Scalar = T>,
{
    fn walk(
        &self,
        path: &::elbo::Path<'_>,
        f: &mut ::elbo::OnWeight<'_, 't, Stack<M, T, N>>,
    ) {
        ::elbo::Drawn::walk(&self.0, &path.index(0usize), f);
        ::elbo::Drawn::walk(&self.1, &path.index(1usize), f);
    }
}
const _: () = {
    struct Fields;
    impl<M, T: Real, const N: usize> ::elbo::hidden::Parts<Fields> for Stack<M, T, N>
    where
        M: Layer<Scalar = T>,
    {
        type First = MeanField<T>;
        type All = (
            ::elbo::hidden::Part<[M; N]>,
            ::elbo::hidden::Random<MeanField<T>, Normal>,
        );
    }
    impl<M, T: Real, const N: usize, First, All> ::elbo::hidden::Parts for Stack<M, T, N>
    where
        M: Layer<Scalar = T>,
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
};
