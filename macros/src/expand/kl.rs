//! Generates the methods that visit the divergence of every random weight: `Drawn::walk` and `Bayesian::each_kl`.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use crate::ast::{Model, Role};
use crate::expand::prior::{self, PriorType};
use crate::expand::walk::{self, Borrow, Walk};
use crate::expand::{at_scalar_field, draw, scalar_span, with_tape};
use crate::names;

/// `impl Drawn`.
pub(crate) fn drawn(model: &Model, walked: Walk) -> TokenStream {
    let k = &model.root;
    let (tape, draw, name) = (names::tape(), draw::of(model), &model.name);
    let (_, arguments, _) = model.generics.split_for_impl();
    let generics = with_tape(&model.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let scalar = at_scalar_field(model, quote!(<#name #arguments as #k::Parameters>::Scalar));
    let each = at_scalar_field(model, quote!(#k::OnWeight<'_, #tape, #name #arguments>));
    let (head, close) = (at_scalar_field(model, quote!(#k::Drawn<)), at_scalar_field(model, quote!(>)));
    let walk = method(model, "walk", each, walked);
    quote! {
        #[automatically_derived]
        impl #impl_generics #head #tape, #scalar #close for #draw #where_clause {
            #walk
        }
    }
}

/// `fn each_kl` or `fn walk`, with a visitor of the type `each`.
pub(crate) fn method(model: &Model, name: &str, each: TokenStream, walk: Walk) -> TokenStream {
    let (span, this) = (scalar_span(model), walk::receiver(model));
    let name = Ident::new(name, span);
    let k = names::placed(&model.root, span);
    let (path, f, body) = (walk.argument("path"), walk.argument("f"), walk.body);
    let signature = quote_spanned! {span=>
        fn #name(&#this, #path: &#k::Path<'_>, #f: &mut #each)
    };
    walk::method(model, signature, &body)
}

/// The body of `walk`: calls `walk` of every field.
pub(crate) fn drawn_walk(model: &Model) -> Walk {
    walk::each_field(model, Borrow::Shared, |field, place| {
        let (span, path) = (field.span(), walk::path(field));
        let (k, f) = (names::placed(&model.root, span), names::local_at("f", span));
        match field.role() {
            Role::Skipped => None,
            Role::Prior => Some(quote_spanned!(span=> #k::DrawnPrior::walk(#place, #path, #f))),
            Role::Weight { .. } | Role::Layer => Some(quote_spanned!(span=> #k::Drawn::walk(#place, #path, #f))),
        }
    })
}

/// The body of `each_kl`: the divergence of each weight from its prior, resolved by their types, without a tape.
pub(crate) fn model_walk(model: &Model) -> Walk {
    walk::each_field(model, Borrow::Shared, |field, place| {
        let (span, path) = (field.span(), walk::path(field));
        let (k, f) = (names::placed(&model.root, span), names::local_at("f", span));
        match field.role() {
            Role::Skipped => None,
            Role::Prior => {
                let method = quote_spanned!(span=> each_kl(#place, #path, #f));
                Some(names::qualified(&field.ty, &prior::of_model(model, field), method))
            }
            Role::Layer => {
                let method = quote_spanned!(span=> each_kl(#place, #path, #f));
                Some(names::qualified(&field.ty, &quote!(#k::Bayesian), method))
            }
            // An estimate needs a draw.
            Role::Weight { monte_carlo: true, .. } => None,
            Role::Weight { .. } => {
                let prior = prior::borrowed(model, field);
                let method = match prior::of(model, field) {
                    PriorType::Unknown => quote_spanned!(span=> closed_term(#place, #prior, #path, #f)),
                    _ => quote_spanned!(span=> term(#place, #prior, #path, #f)),
                };
                Some(names::qualified(&field.ty, &prior::pair(model, field), method))
            }
        }
    })
}
