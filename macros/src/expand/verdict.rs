//! What the compiler knows of a model: verdicts, combined from its fields.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};

use crate::ast::{Field, Model, Role};
use crate::check::mentions;
use crate::expand::prior::{self, PriorType};
use crate::names;

/// Whether the examples of a batch are independent of each other: weights never couple them.
pub(crate) fn batch(model: &Model) -> TokenStream {
    combined(model, |field, k| match field.role() {
        Role::Layer => Some(names::qualified(&field.ty, &quote!(#k::Bayesian), quote!(Batch))),
        Role::Weight { .. } | Role::Prior | Role::Skipped => None,
    })
}

/// Whether the divergence has a closed form.
pub(crate) fn exact(model: &Model) -> TokenStream {
    combined(model, |field, k| {
        let (ty, span) = (&field.ty, field.span());
        match field.role() {
            Role::Layer => Some(names::qualified(ty, &quote!(#k::Bayesian), quote!(Exact))),
            // A prior's own parameter is part of its weights' divergences.
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
    })
}

/// All must say yes. The tree is balanced: a hundred fields nest seven deep.
fn combined(model: &Model, verdict: impl Fn(&Field, &TokenStream) -> Option<TokenStream>) -> TokenStream {
    // A recursive model's own verdict adds nothing to itself, and asking for it would not end.
    let fields = model.fields().filter(|field| !mentions(&field.ty, &model.name));
    let mut verdicts: Vec<TokenStream> =
        fields.filter_map(|field| verdict(field, &names::placed(&model.root, field.span()))).collect();
    while verdicts.len() > 1 {
        verdicts = verdicts.chunks(2).map(|pair| and(model, pair)).collect();
    }
    let k = &model.root;
    verdicts.pop().unwrap_or_else(|| quote!(#k::Yes))
}

fn and(model: &Model, pair: &[TokenStream]) -> TokenStream {
    let k = &model.root;
    match pair {
        [a, b] => quote!(<#a as #k::Verdict>::And<#b>),
        _ => pair.iter().cloned().collect(),
    }
}
