//! `#[bayesian]`, the attribute of the crate elbo that makes a struct a Bayesian model.
//!
//! Use it through elbo, which re-exports it and documents what a model can do; this page is about
//! what the attribute writes.
//!
//! ```ignore
//! use elbo::prelude::*;
//!
//! #[bayesian]
//! pub struct Scaled {
//!     #[prior(Normal(1.0, 0.1))]
//!     scale: MeanField,
//!     layer: Dense,
//! }
//!
//! #[bayesian]
//! impl Scaled {
//!     pub fn forward(&self, x: Var) -> Var {
//!         self.layer.forward(x) * self.scale
//!     }
//! }
//! ```
//!
//! The struct stays as it is. Beside it stand its draw and the walks over its fields:
//!
//! ```ignore
#![doc = include_str!("../tests/golden/struct.rs")]
//! ```
//!
//! and the impl block is moved to the draw, in which the weights are known:
//!
//! ```ignore
#![doc = include_str!("../tests/golden/impl.rs")]
//! ```
//!
//! # The way through
//!
//! `ast` is a model as it was written, `attr` reads the attributes, `check` knows the rules, `errors`
//! collects what breaks them, `fallback` is what is emitted then; `expand` writes everything else, and
//! `names` what it is called.

mod ast;
mod attr;
mod check;
mod errors;
mod expand;
mod fallback;
mod names;

use proc_macro::TokenStream;
use proc_macro2::TokenStream as Tokens;
use quote::{ToTokens, quote};
use syn::{Attribute, DeriveInput, Item};

use crate::ast::Model;
use crate::attr::Options;
use crate::errors::Errors;

/// Makes a struct a Bayesian model, and its impl block the model's with weights known.
///
/// On a field, `#[prior(EXPR)]` makes a posterior family a random weight, and a field that it names as
/// `#[prior(self.field)]` its prior, whose hyperparameters are learned; `#[skip]` leaves the field
/// out of the model; `#[kl(monte_carlo)]` estimates the divergence where the pair has no closed form;
/// `#[name("…")]` names the parameter otherwise than the field, and `#[name("")]` leaves the only field of a struct without
/// a name of its own: its parameters have the struct's. Every other field draws itself.
///
/// In an impl block, methods move to the draw. Functions without `self` and constants stay on the model. In a method, the
/// model's own name is the draw in patterns and in paths to variants and methods, and the model elsewhere.
///
/// A model may contain itself, in a `Box` or a `Vec`. Where it does so through other models, each of them names all the
/// others: `#[bayesian(recursive(Branch))] struct Leaf { .. }` and `#[bayesian(recursive(Leaf))] struct Branch { .. }`.
/// Without that, rustc follows the types in a circle, and reports E0275 or that it needs type annotations.
///
/// `#[bayesian(crate = path)]` says where elbo is, if it is not a dependency in Cargo.toml.
#[proc_macro_attribute]
pub fn bayesian(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(options.into(), item.into()).into()
}

/// The other half of `#[bayesian]` on a struct.
///
/// A derive gets the fields after rustc evaluated `#[cfg]`, so a field that is compiled away is in
/// none of the walks; and it owns its helper attributes, so other derives, before or after, find the
/// struct as it was written.
#[doc(hidden)]
#[proc_macro_derive(Bayesian, attributes(prior, skip, kl, name, elbo_crate, elbo_recursive))]
pub fn derive(item: TokenStream) -> TokenStream {
    match syn::parse(item) {
        Ok(input) => model(input).into(),
        Err(error) => error.into_compile_error().into(),
    }
}

fn attribute(options: Tokens, item: Tokens) -> Tokens {
    let mut errors = Errors::new();
    let said = errors.keep(attr::bayesian(options)).unwrap_or_default();
    let written = match syn::parse2(item.clone()) {
        Ok(Item::Struct(written)) => on_type(&said, &written.attrs, item, &mut errors),
        Ok(Item::Enum(written)) => on_type(&said, &written.attrs, item, &mut errors),
        Ok(Item::Impl(block)) => {
            if let Some(model) = said.recursive.first() {
                errors.at(model, "`recursive(..)` goes on the struct or the enum, and not on its `impl` block");
            }
            expand::implementation(&names::root(said.root.as_ref()), block, &mut errors)
        }
        Ok(other) => {
            let (at, what) = kind(&other);
            let why = format_args!(
                "`#[bayesian]` makes a model of a struct, or of an enum of layers, and goes on its `impl` block; this is {what}"
            );
            errors.at(at, why);
            item
        }
        Err(error) => {
            errors.push(error);
            item
        }
    };
    let told = errors.finish().map_err(syn::Error::into_compile_error).err();
    quote!(#written #told)
}

/// The struct as it was written, with the hidden derive.
///
/// `derive` is named by its path, for a crate without the prelude.
fn on_type(said: &Options, attrs: &[Attribute], item: Tokens, errors: &mut Errors) -> Tokens {
    let again = |attr: &&Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "bayesian");
    if let Some(again) = attrs.iter().find(again) {
        errors.at(again, "`#[bayesian]` is written twice; remove this one");
        return item;
    }
    let root = names::root(said.root.as_ref());
    let told = said.root.as_ref().map(|path| quote!(#[elbo_crate(#path)]));
    let models = &said.recursive;
    let recursive = (!models.is_empty()).then(|| quote!(#[elbo_recursive(#(#models),*)]));
    quote! {
        #[::core::prelude::v1::derive(#root::hidden::Bayesian)]
        #told
        #recursive
        #item
    }
}

fn model(input: DeriveInput) -> Tokens {
    let mut errors = Errors::new();
    let mut model = Model::read(input, &mut errors);
    check::check(&mut model, &mut errors);
    match errors.finish() {
        Ok(()) => expand::model(&model),
        Err(mistakes) => fallback::fallback(&mut model, mistakes),
    }
}

/// What a reader calls the item, and where it says so.
fn kind(item: &Item) -> (Tokens, &'static str) {
    match item {
        Item::Fn(item) => (item.sig.fn_token.to_token_stream(), "a function"),
        Item::Trait(item) => (item.trait_token.to_token_stream(), "a trait"),
        Item::Union(item) => (item.union_token.to_token_stream(), "a union"),
        Item::Mod(item) => (item.mod_token.to_token_stream(), "a module"),
        Item::Const(item) => (item.const_token.to_token_stream(), "a constant"),
        Item::Static(item) => (item.static_token.to_token_stream(), "a static"),
        Item::Type(item) => (item.type_token.to_token_stream(), "a type alias"),
        Item::Use(item) => (item.use_token.to_token_stream(), "an import"),
        other => (other.to_token_stream(), "something else"),
    }
}
