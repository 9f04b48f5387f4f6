//! Tests that compare expansions with the files in `tests/golden`, so that reviews see changes of generated code.
//! `UPDATE_GOLDEN=1 cargo test -p elbo-macros` rewrites the files.

use std::path::Path;

use proc_macro2::TokenStream;
use quote::quote;

use crate::errors::Errors;

fn compare(name: &str, expanded: TokenStream) {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(name);
    let parsed = syn::parse2(expanded).expect("an expansion is Rust");
    let printed = prettyplease::unparse(&parsed);
    if std::env::var_os("UPDATE_GOLDEN").is_some() {
        std::fs::write(&file, &printed).expect("the golden file can be written");
    }
    let expected = std::fs::read_to_string(&file).unwrap_or_default();
    assert!(
        printed == expected,
        "the expansion differs from {}; if it is correct, UPDATE_GOLDEN=1 rewrites the file:\n{printed}",
        file.display()
    );
}

fn type_with_attribute(item: TokenStream) -> TokenStream {
    crate::model(syn::parse2(item).expect("a struct or an enum"))
}

fn impl_with_attribute(item: TokenStream) -> TokenStream {
    let mut errors = Errors::new();
    let block = syn::parse2(item).expect("an impl block");
    let expanded = super::implementation(&quote!(::elbo), block, &mut errors);
    errors.finish().expect("no errors");
    expanded
}

#[test]
fn a_struct_of_two_fields() {
    let expanded = type_with_attribute(quote! {
        pub struct Scaled {
            #[prior(Normal(1.0, 0.1))]
            scale: MeanField,
            layer: Dense,
        }
    });
    compare("struct.rs", expanded);
}

#[test]
fn an_impl_moves_to_the_draw() {
    let expanded = impl_with_attribute(quote! {
        impl Scaled {
            pub fn forward(&self, x: Var) -> Var {
                self.layer.forward(x) * self.scale
            }
        }
    });
    compare("impl.rs", expanded);
}

#[test]
fn an_impl_with_a_constructor_and_patterns() {
    let expanded = impl_with_attribute(quote! {
        impl Network {
            const WIDTH: usize = 2;
            fn new() -> Self {
                Network { hidden: Dense::new(Self::WIDTH, 2), head: Dense::new(2, 2) }
            }
            fn twice(x: Var) -> Var {
                x * 2.0
            }
            fn forward(self: &Self, x: Var) -> Var {
                let Network { hidden, head } = *self;
                let both = |x: Var| self.head.forward(hidden.forward(x));
                if matches!(self.kind, Kind::One) { Self::twice(both(x)) } else { head.forward(x) }
            }
        }
    });
    compare("patterns.rs", expanded);
}

#[test]
fn a_model_that_contains_itself_through_others() {
    let expanded = type_with_attribute(quote! {
        #[elbo_recursive(Branch, Fruit)]
        struct Leaf {
            here: Dense,
            branch: Option<Box<Branch>>,
            other: Vec<Self>,
        }
    });
    compare("circle.rs", expanded);
}

#[test]
fn a_generic_struct_with_its_prior_in_a_field() {
    let expanded = type_with_attribute(quote! {
        pub struct Dense<Q: Divergence<P> = MeanField, P: Prior = Normal> {
            #[prior(self.prior)]
            weight: Q,
            #[prior(self.prior)]
            #[kl(monte_carlo)]
            #[name("offset")]
            bias: Q,
            #[skip]
            prior: P,
        }
    });
    compare("generic.rs", expanded);
}

#[test]
fn a_prior_with_hyperparameters() {
    let expanded = type_with_attribute(quote! {
        struct Learned<P: Prior>
        where
            MeanField: Divergence<P>,
        {
            #[prior(self.scale)]
            weight: MeanField,
            #[prior(self.scale)]
            #[kl(monte_carlo)]
            bias: MeanField,
            scale: P,
        }
    });
    compare("learned.rs", expanded);
}

#[test]
fn a_recursive_tuple_struct() {
    compare(
        "recursive.rs",
        type_with_attribute(quote!(
            struct Chain(pub Dense, Option<Box<Chain>>);
        )),
    );
}

#[test]
fn an_enum_of_layers() {
    let expanded = type_with_attribute(quote! {
        enum Block {
            Dense(Dense),
            Gated { gate: Dense, value: Dense, #[skip] sharp: bool },
            Relu,
        }
    });
    compare("enum.rs", expanded);
}

#[test]
fn a_unit_struct() {
    compare(
        "unit.rs",
        type_with_attribute(quote!(
            pub struct Relu;
        )),
    );
}

#[test]
fn a_tuple_struct_with_a_scalar_type_a_length_and_a_where_clause() {
    let expanded = type_with_attribute(quote! {
        pub(crate) struct Stack<M, T: Real = f32, const N: usize = 2>(
            pub [M; N],
            #[prior(self.2)] MeanField<T>,
            #[skip] pub(super) Normal,
        )
        where
            M: Layer<Scalar = T>;
    });
    compare("where_clause.rs", expanded);
}

#[test]
fn containers_of_containers() {
    let expanded = type_with_attribute(quote! {
        struct Ensemble {
            members: Vec<[Option<Dense>; 2]>,
            heads: (Dense, Box<Ensemble>),
            temperature: Point,
            #[skip]
            classes: usize,
        }
    });
    compare("containers.rs", expanded);
}

#[test]
fn names_that_clash_and_names_that_are_set() {
    let expanded = type_with_attribute(quote! {
        struct Odd {
            #[name("kernel")]
            #[prior(path(1.0))]
            path: MeanField,
            cx: Dense,
            f: Dense,
            r#type: Dense,
            #[skip]
            _tape: usize,
        }
    });
    compare("names.rs", expanded);
}

#[test]
fn priors_however_they_are_written() {
    let expanded = type_with_attribute(quote! {
        struct Priors<P: Prior> {
            #[prior(standard())]
            computed: MeanField,
            #[prior(MonteCarlo(self.own))]
            wrapped: MeanField,
            #[prior(MonteCarlo::new(Normal::new(0.0, 1.0)))]
            constructed: MeanField,
            #[prior(Mixture::new(0.5, 1.0))]
            #[kl(monte_carlo)]
            estimated: MeanField,
            #[prior(priors::Normal { mean: 0.0, sd: 1.0 })]
            literal: Point,
            #[skip]
            own: P,
        }
    });
    compare("priors.rs", expanded);
}

#[test]
fn the_crate_under_another_path() {
    let expanded = type_with_attribute(quote! {
        #[elbo_crate(crate::bayes)]
        enum Either {
            Left(Dense),
            #[cfg(feature = "right")]
            Right { layer: Dense },
        }
    });
    compare("crate.rs", expanded);
}

#[test]
fn the_attribute_keeps_the_struct_unchanged() {
    let written = quote! {
        /// A documented network.
        #[derive(Clone, Debug)]
        #[cfg_attr(feature = "serde", derive(Serialize))]
        pub(crate) struct Network<M: Layer>
        where
            M: Clone,
        {
            /// The body.
            #[cfg(not(feature = "small"))]
            pub body: [M; 2],
            #[name("head")]
            pub(crate) head: M,
        }
    };
    compare("attribute.rs", crate::attribute(TokenStream::new(), written));
}

#[test]
fn a_forward_of_borrowed_input() {
    let expanded = impl_with_attribute(quote! {
        impl<M: Layer> Stack<M> {
            fn forward(self, (xs, state): (&[Var<M::Scalar>], Option<Var<M::Scalar>>)) -> (Var<M::Scalar>, Var<M::Scalar>) {
                todo!()
            }
        }
    });
    compare("borrowed.rs", expanded);
}

#[test]
fn stubs_of_a_model_with_errors() {
    let expanded = type_with_attribute(quote! {
        struct Wrong {
            #[prior(Normal(0.0, 1.0))]
            #[skip]
            weight: MeanField,
            shared: Vec<Rc<Dense>>,
        }
    });
    compare("fallback.rs", expanded);
}
