//! Generates stubs of a model with errors, so that its uses do not cause further errors.
//!
//! `#[bayesian]` always emits the struct unchanged, with the hidden derive that owns its helper attributes. The derive adds
//! stubs of the draw and of the trait impls.

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::Model;
use crate::expand;

/// The errors, and the stubs.
pub(crate) fn fallback(model: &mut Model, found: syn::Error) -> TokenStream {
    let errors = found.into_compile_error();
    // The draw of `Net<'t>` would declare two lifetimes `'t`.
    if model.generics.lifetimes().any(|parameter| parameter.lifetime.ident == "t") {
        return errors;
    }
    let stub = expand::stub(model);
    quote!(#errors #stub)
}
