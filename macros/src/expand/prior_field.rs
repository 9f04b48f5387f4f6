//! Generates the draws of priors that are fields of the model, before the draws of the weights that name them.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::Member;

use crate::ast::{Body, Field, Group, Model, Role};
use crate::expand::prior;
use crate::expand::walk::{self, Borrow};
use crate::names;

/// Draws every prior that weights name, before the weights.
pub(crate) fn drawn(model: &Model, group: &Group) -> TokenStream {
    let priors = group.fields.iter().filter(|field| matches!(field.role(), Role::Prior));
    let drawn = priors.map(|field| {
        let (span, variable, cx) = (field.span(), local(field), walk::cx(field));
        let place = walk::field_of_self(model, field, Borrow::Shared);
        let draw =
            names::qualified(&field.ty, &prior::of_model(model, field), quote_spanned!(span=> draw_in(#place, #cx)));
        quote_spanned!(span=> let #variable = #draw;)
    });
    drawn.collect()
}

/// The field of the prior that `weight` names, and its draw.
pub(crate) fn of<'a>(model: &'a Model, weight: &Field) -> Option<(&'a Field, TokenStream)> {
    let (Role::Weight { prior, monte_carlo }, Body::Struct(group)) = (weight.role(), &model.body) else {
        return None;
    };
    let named = prior::named(prior)?;
    let field = group.fields.iter().find(|field| field.member == *named && matches!(field.role(), Role::Prior))?;
    let local = local(field).into_token_stream();
    let k = &model.root;
    Some((field, if monte_carlo { quote!(#k::MonteCarlo(#local)) } else { local }))
}

/// The local variable in `draw_in` that holds the draw of this prior.
pub(crate) fn local(field: &Field) -> Ident {
    match &field.member {
        Member::Named(name) => {
            names::local_at(&format!("prior_{}", name.to_string().trim_start_matches("r#")), field.span())
        }
        Member::Unnamed(index) => names::local_at(&format!("prior{}", index.index), field.span()),
    }
}
