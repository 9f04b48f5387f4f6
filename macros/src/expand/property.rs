//! Generates the properties of a model, which combine those of its fields: `Batch`, `Exact` and `Allows`.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};

use crate::ast::{Field, Model, Role};
use crate::expand::prior::{self, PriorType};
use crate::names;

/// `Bayesian::Batch`: whether the examples of a batch are independent of each other. Weights never couple them.
pub(crate) fn batch(model: &Model) -> TokenStream {
    let property = |field: &Field, k: &TokenStream| match field.role() {
        Role::Layer => Some(names::qualified(&field.ty, &quote!(#k::Bayesian), quote!(Batch))),
        Role::Weight { .. } | Role::Prior | Role::Skipped => None,
    };
    combined(model, property, and)
}

/// `Bayesian::Exact`: whether the divergence has a closed form.
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
                // `each_kl` requires a closed form.
                PriorType::Unknown => None,
            },
        }
    };
    combined(model, property, and)
}

/// `Bayesian::Allows`: which estimators the posteriors allow. Hyperparameters do not enter linear maps.
pub(crate) fn allows(model: &Model) -> TokenStream {
    let property = |field: &Field, k: &TokenStream| match field.role() {
        Role::Layer => Some(names::qualified(&field.ty, &quote!(#k::Bayesian), quote!(Allows))),
        Role::Weight { .. } => Some(field.ty.to_token_stream()),
        Role::Prior | Role::Skipped => None,
    };
    combined(model, property, |_, [a, b]| quote!((#a, #b)))
}

/// The conjunction of the fields' properties; `Yes` without fields.
fn combined(
    model: &Model,
    property: impl Fn(&Field, &TokenStream) -> Option<TokenStream>,
    join: impl Fn(&Model, [&TokenStream; 2]) -> TokenStream,
) -> TokenStream {
    let property = |model: &Model, field: &Field| property(field, &names::placed(&model.root, field.span()));
    let k = &model.root;
    joined(model, property, join).unwrap_or_else(|| quote!(#k::Yes))
}

/// Joins the fields' types in a balanced tree: a hundred fields nest seven deep.
pub(crate) fn joined(
    model: &Model,
    of_field: impl Fn(&Model, &Field) -> Option<TokenStream>,
    join: impl Fn(&Model, [&TokenStream; 2]) -> TokenStream,
) -> Option<TokenStream> {
    // A recursive model's own properties are left out, because evaluating them would not terminate. `parts` joins those
    // of the models through which it contains itself.
    let fields = model.fields().filter(|field| !model.is_recursive(field));
    let mut terms: Vec<TokenStream> = fields.filter_map(|field| of_field(model, field)).collect();
    while terms.len() > 1 {
        let joined = |pair: &[TokenStream]| match pair {
            [a, b] => join(model, [a, b]),
            _ => pair.iter().cloned().collect(),
        };
        terms = terms.chunks(2).map(joined).collect();
    }
    terms.pop()
}

fn and(model: &Model, [a, b]: [&TokenStream; 2]) -> TokenStream {
    let k = &model.root;
    quote!(<#a as #k::Property>::And<#b>)
}
