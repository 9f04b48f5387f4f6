//! What is emitted in place of a model with mistakes.
//!
//! The struct itself is never lost: `#[bayesian]` emits it as it was written, with the hidden derive
//! that owns its helper attributes. The derive adds stubs of the draw and the traits, so that no
//! error follows from the missing impls where the model is used.

use proc_macro2::TokenStream;
use quote::quote;

use crate::ast::Model;
use crate::expand;

/// The mistakes, and stubs.
pub(crate) fn fallback(model: &mut Model, mistakes: syn::Error) -> TokenStream {
    let told = mistakes.into_compile_error();
    // A draw of `Net<'t>` would need two lifetimes of one name.
    if model.generics.lifetimes().any(|parameter| parameter.lifetime.ident == "t") {
        return told;
    }
    let stub = expand::stub(model);
    quote!(#told #stub)
}
