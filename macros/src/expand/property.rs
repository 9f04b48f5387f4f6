//! What the compiler knows of a model: properties, combined from its fields.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use crate::ast::{Field, Model, Role};
use crate::expand::prior::{self, PriorType};
use crate::names;

/// Whether the examples of a batch are independent of each other: weights never couple them.
pub(crate) fn batch(model: &Model) -> TokenStream {
    let property = |field: &Field, k: &TokenStream| match field.role() {
        Role::Layer => Some(names::qualified(&field.ty, &quote!(#k::Bayesian), quote!(Batch))),
        Role::Weight { .. } | Role::Prior | Role::Skipped => None,
    };
    combined(model, property, and)
}

/// Whether the divergence has a closed form.
pub(crate) fn exact(model: &Model) -> TokenStream {
    let property = |field: &Field, k: &TokenStream| {
        let (ty, span) = (&field.ty, field.span());
        match field.role() {
            Role::Layer => Some(names::qualified(ty, &quote!(#k::Bayesian), quote!(Exact))),
            // A prior's hyperparameters are part of its weights' divergences.
            Role::Prior | Role::Skipped => None,
            Role::Weight { .. } => match prior::of(model, field) {
                PriorType::Field(_) | PriorType::Written(_) => {
                    Some(names::qualified(ty, &prior::pair(model, field), quote!(Exact)))
                }
                PriorType::Estimated => Some(quote_spanned!(span=> #k::No<#ty>)),
                // `each_kl` demands a closed form.
                PriorType::Unknown => None,
            },
        }
    };
    combined(model, property, and)
}

/// Which estimators the posteriors allow. Hyperparameters of priors enter no linear map.
pub(crate) fn allows(model: &Model) -> TokenStream {
    let property = |field: &Field, k: &TokenStream| match field.role() {
        Role::Layer => Some(names::qualified(&field.ty, &quote!(#k::Bayesian), quote!(Allows))),
        Role::Weight { .. } => Some(field.ty.to_token_stream()),
        Role::Prior | Role::Skipped => None,
    };
    combined(model, property, |_, [a, b]| quote!((#a, #b)))
}

/// All must say yes.
fn combined(
    model: &Model,
    property: impl Fn(&Field, &TokenStream) -> Option<TokenStream>,
    join: impl Fn(&Model, [&TokenStream; 2]) -> TokenStream,
) -> TokenStream {
    let property = |model: &Model, field: &Field| property(field, &names::placed(&model.root, field.span()));
    let k = &model.root;
    joined(model, property, join).unwrap_or_else(|| quote!(#k::Yes))
}

/// What the fields say, in a balanced tree: a hundred fields nest seven deep.
pub(crate) fn joined(
    model: &Model,
    of_field: impl Fn(&Model, &Field) -> Option<TokenStream>,
    join: impl Fn(&Model, [&TokenStream; 2]) -> TokenStream,
) -> Option<TokenStream> {
    // A recursive model's own property adds nothing to itself, and asking for it would not end. What the models add
    // through which it contains itself is joined in `parts`.
    let fields = model.fields().filter(|field| !model.returns(field));
    let mut said: Vec<TokenStream> = fields.filter_map(|field| of_field(model, field)).collect();
    while said.len() > 1 {
        let joined = |pair: &[TokenStream]| match pair {
            [a, b] => join(model, [a, b]),
            _ => pair.iter().cloned().collect(),
        };
        said = said.chunks(2).map(joined).collect();
    }
    said.pop()
}

fn and(model: &Model, [a, b]: [&TokenStream; 2]) -> TokenStream {
    let k = &model.root;
    quote!(<#a as #k::Property>::And<#b>)
}
