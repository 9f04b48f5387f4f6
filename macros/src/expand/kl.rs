//! The divergence of every random weight, of the model and of its draw.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::ast::{Model, Role};
use crate::expand::prior::{self, PriorType};
use crate::expand::walk::{self, Borrow, Walk};
use crate::expand::{draw, number_span, scalar, with_tape};
use crate::names;

/// `impl Drawn`.
pub(crate) fn drawn(model: &Model, each_kl: Walk) -> TokenStream {
    let k = &model.root;
    let (tape, draw, scalar) = (names::tape(), draw::of(model), scalar(model));
    let generics = with_tape(&model.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let here = names::placed(k, number_span(model));
    let nats = quote_spanned!(number_span(model)=> #here::Var<#tape, #scalar>);
    let each_kl = method(model, nats, each_kl);
    quote! {
        #[automatically_derived]
        impl #impl_generics #k::Drawn<#tape, #scalar> for #draw #where_clause {
            #each_kl
        }
    }
}

/// `fn each_kl`, whose visitor gets the divergences as `nats`.
pub(crate) fn method(model: &Model, nats: TokenStream, walk: Walk) -> TokenStream {
    let (span, this) = (number_span(model), walk::receiver(model));
    let k = names::placed(&model.root, span);
    let (path, f, body) = (walk.argument("path"), walk.argument("f"), walk.body);
    let signature = quote_spanned! {span=>
        fn each_kl(&#this, #path: &#k::Path<'_>, #f: &mut #k::hidden::Each<'_, #nats>)
    };
    quote!(#signature { #body })
}

/// On the tape: every field of the draw knows its own.
pub(crate) fn drawn_walk(model: &Model) -> Walk {
    let f = names::local("f");
    walk::each_field(model, Borrow::Shared, |field, place| {
        let (span, path) = (field.span(), walk::path(field));
        let k = names::placed(&model.root, span);
        match field.role() {
            Role::Skipped => None,
            Role::Weight { .. } | Role::Prior | Role::Layer => {
                Some(quote_spanned!(span=> #k::Drawn::each_kl(#place, #path, #f)))
            }
        }
    })
}

/// Without a tape: a weight's is the divergence of its pair, resolved by the types of both.
pub(crate) fn model_walk(model: &Model) -> Walk {
    let f = names::local("f");
    walk::each_field(model, Borrow::Shared, |field, place| {
        let (span, path) = (field.span(), walk::path(field));
        let k = names::placed(&model.root, span);
        match field.role() {
            Role::Skipped => None,
            Role::Prior => Some(quote_spanned!(span=> #k::hidden::own_kl::<Self::Scalar, _>(#place, #path, #f))),
            Role::Layer => Some(quote_spanned!(span=> #k::hidden::Walk::each_kl(#place, #path, #f))),
            Role::Weight { .. } => {
                let prior = prior::borrowed(model, field);
                let kl = match prior::of(model, field) {
                    // The verdict was read off this type, so the prior has to be of it.
                    PriorType::Written(ty) => quote_spanned!(span=> #k::hidden::kl::<_, #ty>(#place, #prior)),
                    PriorType::Field(_) | PriorType::Estimated => quote_spanned!(span=> #k::hidden::kl(#place, #prior)),
                    PriorType::Unknown => quote_spanned!(span=> #k::hidden::closed_kl(#place, #prior)),
                };
                Some(quote_spanned!(span=> #f(#path, #kl)))
            }
        }
    })
}
