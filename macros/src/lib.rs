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
//! The struct is unchanged. The attribute adds its draw and the methods that visit its fields:
//!
//! ```ignore
#![doc = include_str!("../tests/golden/struct.rs")]
//! ```
//!
//! and moves the impl block to the draw, whose weights have values:
//!
//! ```ignore
#![doc = include_str!("../tests/golden/impl.rs")]
//! ```
//!
//! # Modules
//!
//! `ast` parses a model, `attr` parses its attributes, `check` checks the rules across fields, `errors` collects the
//! errors and `fallback` generates stubs if there are any; `expand` generates everything else, and `names` chooses
//! identifiers that cannot clash.

#![forbid(unsafe_code)]

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

/// Makes a struct a Bayesian model, and moves its impl block to the model's draw.
///
/// Attributes of a field:
///
/// - `#[prior(EXPR)]` makes a posterior family a random weight. With `#[prior(self.field)]` the prior is another field,
///   whose hyperparameters are learned.
/// - `#[skip]` leaves the field out of the model.
/// - `#[kl(monte_carlo)]` estimates the divergence, for a pair without a closed form.
/// - `#[name("…")]` sets the name of the parameter, which by default is the field's. `#[name("")]` on the only field of a
///   struct leaves it out of the path: its parameters have the struct's name.
///
/// Every other field is a layer.
///
/// In an impl block, methods move to the draw. Functions without `self` and constants stay on the model. In a method, the
/// model's own name means the draw in patterns and in paths to variants and methods, and the model elsewhere.
///
/// A model may contain itself, in a `Box` or a `Vec`. If it does so through other models, each of them names all the
/// others: `#[bayesian(recursive(Branch))] struct Leaf { .. }` and `#[bayesian(recursive(Leaf))] struct Branch { .. }`.
/// Without this, rustc evaluates the types in a cycle, and reports E0275 or that it needs type annotations.
///
/// `#[bayesian(crate = path)]` sets the path of elbo, if it is not a dependency in Cargo.toml.
#[proc_macro_attribute]
pub fn bayesian(options: TokenStream, item: TokenStream) -> TokenStream {
    attribute(options.into(), item.into()).into()
}

/// The derive that `#[bayesian]` puts on a struct.
///
/// A derive receives the fields after rustc has evaluated `#[cfg]`, so generated code does not visit fields that are
/// compiled away. It also owns its helper attributes, so other derives, before or after, receive the struct unchanged.
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
    let options = errors.keep(attr::bayesian(options)).unwrap_or_default();
    let written = match syn::parse2(item.clone()) {
        Ok(Item::Struct(written)) => on_type(&options, &written.attrs, item, &mut errors),
        Ok(Item::Enum(written)) => on_type(&options, &written.attrs, item, &mut errors),
        Ok(Item::Impl(block)) => {
            if let Some(model) = options.recursive.first() {
                errors.at(model, "`recursive(..)` goes on the struct or enum, not on its `impl` block");
            }
            expand::implementation(&names::root(options.root.as_ref()), block, &mut errors)
        }
        Ok(other) => {
            let (at, what) = kind(&other);
            let why = format_args!(
                "`#[bayesian]` goes on a struct, on an enum of layers, or on its `impl` block; this is {what}"
            );
            errors.at(at, why);
            item
        }
        Err(error) => {
            errors.push(error);
            item
        }
    };
    let compile_errors = errors.finish().map_err(syn::Error::into_compile_error).err();
    quote!(#written #compile_errors)
}

/// The unchanged struct, with the hidden derive.
///
/// It names `derive` by its absolute path, for crates without the prelude.
fn on_type(options: &Options, attrs: &[Attribute], item: Tokens, errors: &mut Errors) -> Tokens {
    let again = |attr: &&Attribute| attr.path().segments.last().is_some_and(|last| last.ident == "bayesian");
    if let Some(again) = attrs.iter().find(again) {
        errors.at(again, "`#[bayesian]` is written twice; remove this one");
        return item;
    }
    let root = names::root(options.root.as_ref());
    let elbo_crate = options.root.as_ref().map(|path| quote!(#[elbo_crate(#path)]));
    let models = &options.recursive;
    let recursive = (!models.is_empty()).then(|| quote!(#[elbo_recursive(#(#models),*)]));
    quote! {
        #[::core::prelude::v1::derive(#root::hidden::Bayesian)]
        #elbo_crate
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
        Err(found) => fallback::fallback(&mut model, found),
    }
}

/// The kind of an item for error messages, and the token to report it at.
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
