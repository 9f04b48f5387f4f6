/// One draw of [`Leaf`](type@Leaf): the model with values for its weights.
#[allow(dead_code, missing_debug_implementations)]
struct LeafDraw<'t> {
    /// The draw of this layer.
    here: <Dense as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    branch: <Option<Box<Branch>> as ::elbo::Bayesian>::Draw<'t>,
    /// The draw of this layer.
    other: <Vec<Leaf> as ::elbo::Bayesian>::Draw<'t>,
    _tape: ::core::marker::PhantomData<&'t ()>,
}
impl<'t> ::core::marker::Copy for LeafDraw<'t> {}
#[automatically_derived]
impl<'t> ::core::clone::Clone for LeafDraw<'t> {
    fn clone(&self) -> LeafDraw<'t> {
        *self
    }
}
#[automatically_derived]
impl ::elbo::Parameters for Leaf {
    type Scalar = <<Self as ::elbo::hidden::Parts>::First as ::elbo::Parameters>::Scalar;
    fn visit<'a>(&'a self, path: &::elbo::Path<'_>, f: &mut ::elbo::Each<'_, 'a, Self>) {
        <Dense as ::elbo::Bayesian>::visit_in(&self.here, &path.at("here"), f);
        <Option<
            Box<Branch>,
        > as ::elbo::Bayesian>::visit_in(&self.branch, &path.at("branch"), f);
        <Vec<Leaf> as ::elbo::Bayesian>::visit_in(&self.other, &path.at("other"), f);
    }
    fn visit_mut(&mut self, path: &::elbo::Path<'_>, f: &mut ::elbo::EachMut<'_, Self>) {
        <Dense as ::elbo::Bayesian>::visit_mut_in(&mut self.here, &path.at("here"), f);
        <Option<
            Box<Branch>,
        > as ::elbo::Bayesian>::visit_mut_in(&mut self.branch, &path.at("branch"), f);
        <Vec<
            Leaf,
        > as ::elbo::Bayesian>::visit_mut_in(&mut self.other, &path.at("other"), f);
    }
}
#[automatically_derived]
impl ::elbo::Bayesian for Leaf {
    type Draw<'t> = LeafDraw<'t>;
    type Batch = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Batch;
    type Exact = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Exact;
    type Allows = <<Self as ::elbo::hidden::Parts>::All as ::elbo::hidden::Properties>::Allows;
    fn draw_in<'t>(&'t self, cx: ::elbo::Cx<'t, Self::Scalar>) -> Self::Draw<'t> {
        LeafDraw {
            here: <Dense as ::elbo::Bayesian>::draw_part(&self.here, (cx).at("here")),
            branch: <Option<
                Box<Branch>,
            > as ::elbo::Bayesian>::draw_part(&self.branch, (cx).at("branch")),
            other: <Vec<
                Leaf,
            > as ::elbo::Bayesian>::draw_part(&self.other, (cx).at("other")),
            _tape: ::core::marker::PhantomData,
        }
    }
    fn each_kl(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::hidden::Nats<'_>) {
        <Dense as ::elbo::Bayesian>::each_kl(&self.here, &path.at("here"), f);
        <Option<
            Box<Branch>,
        > as ::elbo::Bayesian>::each_kl(&self.branch, &path.at("branch"), f);
        <Vec<Leaf> as ::elbo::Bayesian>::each_kl(&self.other, &path.at("other"), f);
    }
}
impl ::elbo::hidden::Undrawn for Leaf {}
#[automatically_derived]
impl<'t> ::elbo::Drawn<'t, <Leaf as ::elbo::Parameters>::Scalar> for LeafDraw<'t> {
    fn walk(&self, path: &::elbo::Path<'_>, f: &mut ::elbo::OnWeight<'_, 't, Leaf>) {
        ::elbo::Drawn::walk(&self.here, &path.at("here"), f);
        ::elbo::Drawn::walk(&self.branch, &path.at("branch"), f);
        ::elbo::Drawn::walk(&self.other, &path.at("other"), f);
    }
}
const _: () = {
    struct Fields;
    impl ::elbo::hidden::Parts<Fields> for Leaf {
        type First = Dense;
        type All = ::elbo::hidden::Part<Dense>;
    }
    struct Circle;
    impl ::elbo::hidden::Parts<Circle> for Leaf {
        type First = Dense;
        type All = (
            (
                <Self as ::elbo::hidden::Parts<Fields>>::All,
                <Branch as ::elbo::hidden::Recursive<Leaf>>::All,
            ),
            <Fruit as ::elbo::hidden::Recursive<Leaf>>::All,
        );
    }
    impl<First, All> ::elbo::hidden::Parts for Leaf
    where
        Self: ::elbo::hidden::Parts<Circle, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
    impl<First, All> ::elbo::hidden::Recursive<Branch> for Leaf
    where
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
    impl<First, All> ::elbo::hidden::Recursive<Fruit> for Leaf
    where
        Self: ::elbo::hidden::Parts<Fields, First = First, All = All>,
    {
        type First = First;
        type All = All;
    }
    #[allow(dead_code)]
    fn agreed() {
        fn names<A: ::elbo::hidden::Recursive<B>, B>() {}
        names::<Branch, Fruit>();
        names::<Fruit, Branch>();
    }
};
