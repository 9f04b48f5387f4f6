//! Generates the type of a model's draws, and the body of `draw_in`.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Member, Visibility};

use crate::ast::{Body, Field, Group, Model, Role, Style};
use crate::expand::prior::Drawn;
use crate::expand::walk::{self, Borrow, Walk};
use crate::expand::{at_scalar_field, prior_field, scalar, with_tape};
use crate::names;

/// `NetDraw<'t, ..>` with the model's generics.
pub(crate) fn of(model: &Model) -> TokenStream {
    let name = names::draw(&model.name);
    let generics = with_tape(&model.generics);
    let (_, arguments, _) = generics.split_for_impl();
    quote!(#name #arguments)
}

/// The declaration of the draw's type, which is `Copy` for any type parameters of the model.
pub(crate) fn declaration(model: &Model) -> TokenStream {
    let (vis, name, draw) = (&model.vis, names::draw(&model.name), of(model));
    let generics = with_tape(&model.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    // Defaults are kept, so that `DenseDraw<'t>` is the draw of `Dense`.
    let parameters = &generics.params;
    // rustc already reports private types in a public model, at the model.
    let more = (!matches!(vis, Visibility::Inherited)).then(|| quote!(, private_bounds, private_interfaces));
    let doc = format!(" One draw of [`{0}`](type@{0}): the model with values for its weights.", model.name);
    let body = match &model.body {
        Body::Struct(group) => {
            let (member, ty, _) = last(group);
            let fields = fields(model, group).chain([initialised(group.style, &member, ty)]);
            match group.style {
                Style::Named => quote!(struct #name<#parameters> #where_clause { #(#fields,)* }),
                Style::Tuple | Style::Unit => quote!(struct #name<#parameters>(#(#fields,)*) #where_clause;),
            }
        }
        Body::Enum(variants) => {
            let variants = variants.iter().map(|(variant, group)| {
                let doc = format!(" A draw of `{variant}`.");
                let fields = delimited(group.style, fields(model, group));
                quote!(#[doc = #doc] #variant #fields)
            });
            // An enum without fields is an error, which only the fallback expands. The marker keeps rustc from reporting an unused
            // lifetime as well.
            let tape = names::tape();
            let marker = model.fields().next().is_none().then(|| quote!(_Tape(::core::marker::PhantomData<&#tape ()>)));
            quote!(enum #name<#parameters> #where_clause { #(#variants,)* #marker })
        }
    };
    // rustc checks the fields' types again in the body of `clone`. With a single layer or prior, the return type has the
    // span of that field's type, so that rustc reports an error about the field once.
    let layers: Vec<_> = model.fields().filter(|field| matches!(field.role(), Role::Layer | Role::Prior)).collect();
    let drawn = match layers[..] {
        [only] => names::across(&draw, &only.ty),
        _ => draw.clone(),
    };
    quote! {
        #[doc = #doc]
        #[allow(dead_code, missing_debug_implementations #more)]
        #vis #body
        impl #impl_generics ::core::marker::Copy for #draw #where_clause {}
        #[automatically_derived]
        impl #impl_generics ::core::clone::Clone for #draw #where_clause {
            fn clone(&self) -> #drawn { *self }
        }
    }
}

/// The hidden last field of a draw's struct, its type and its value.
///
/// rustc checks whether a struct's last field is sized, wherever the struct is named. If that field had a wrong type,
/// each place would be a separate error.
fn last(group: &Group) -> (Member, TokenStream, TokenStream) {
    let tape = names::tape();
    let is_taken =
        |name: &str| group.fields.iter().any(|field| matches!(&field.member, Member::Named(ident) if ident == name));
    let member = Member::Named(syn::Ident::new(&names::marker(is_taken), proc_macro2::Span::call_site()));
    let marker = quote!(::core::marker::PhantomData);
    (member, quote!(#marker<&#tape ()>), marker)
}

fn fields<'a>(model: &'a Model, group: &'a Group) -> impl Iterator<Item = TokenStream> + use<'a> {
    group.fields.iter().map(|field| {
        let (vis, declared) = (&field.vis, initialised(group.style, &field.member, drawn_type(model, field)));
        let doc = match field.role() {
            Role::Weight { .. } => " The weight in this draw.",
            Role::Prior => " The prior in this draw.",
            Role::Layer => " The draw of this layer.",
            Role::Skipped => " The model's field.",
        };
        quote!(#[doc = #doc] #vis #declared)
    })
}

fn drawn_type(model: &Model, field: &Field) -> TokenStream {
    let (ty, span, tape) = (&field.ty, field.span(), names::tape());
    let k = names::placed(&model.root, span);
    match field.role() {
        // All weights have the model's scalar type. If it were this field's, a wrong type would cause an error in every
        // line that uses the field.
        Role::Weight { .. } => {
            let (scalar, close) = (scalar(model), at_scalar_field(model, quote!(>)));
            let weight = at_scalar_field(model, quote!(#k::Weight<));
            quote!(#weight #tape, #scalar #close)
        }
        Role::Prior => {
            let scalar = scalar(model);
            names::qualified(ty, &quote!(#k::PriorFor<#scalar>), quote!(Drawn<#tape>))
        }
        Role::Layer => names::qualified(ty, &quote!(#k::Bayesian), quote!(Draw<#tape>)),
        Role::Skipped => quote!(&#tape #ty),
    }
}

/// The body of `draw_in`.
pub(crate) fn draw_in(model: &Model) -> Walk {
    let name = names::draw(&model.name);
    let uses_arguments = model.fields().any(|field| !matches!(field.role(), Role::Skipped));
    let body = match &model.body {
        Body::Struct(group) => {
            let values = group.fields.iter().map(|field| {
                let value = drawn(model, field, walk::field_of_self(model, field, Borrow::Shared));
                initialised(group.style, &field.member_at(field.span()), value)
            });
            let (member, _, value) = last(group);
            let last = initialised(group.style, &member, value);
            let style = if group.style == Style::Unit { Style::Tuple } else { group.style };
            let values = delimited(style, values.chain([last]));
            let priors = prior_field::drawn(model, group);
            quote!(#priors #name #values)
        }
        Body::Enum(variants) => {
            let arms = variants.iter().map(|(variant, group)| {
                let pattern = walk::pattern(group, |_| true);
                let values = group.fields.iter().enumerate().map(|(i, field)| {
                    let binding = walk::binding(i);
                    initialised(group.style, &field.member_at(field.span()), drawn(model, field, quote!(#binding)))
                });
                let values = delimited(group.style, values);
                quote!(Self::#variant #pattern => #name::#variant #values,)
            });
            let this = walk::receiver(model);
            quote!(match #this { #(#arms)* })
        }
    };
    Walk { body, uses_arguments }
}

fn drawn(model: &Model, field: &Field, place: TokenStream) -> TokenStream {
    let (span, cx) = (field.span(), walk::cx(field));
    let k = names::placed(&model.root, span);
    match field.role() {
        Role::Weight { .. } => {
            let pair = super::prior::pair(model, field);
            let weight = match (prior_field::of(model, field), super::prior::drawn(model, field)) {
                // Placed at the prior's type, so that rustc reports a field that is not a prior there once, and not at each
                // weight.
                (Some((prior_field_of_weight, prior)), _) => {
                    let weight = quote_spanned!(span=> weight_with_drawn_prior(#place, #prior, #cx));
                    return names::qualified_at(&field.ty, &pair, weight, &prior_field_of_weight.ty);
                }
                (None, Drawn::Borrowed(prior)) => quote_spanned!(span=> weight(#place, #prior, #cx)),
                (None, Drawn::Estimated(prior)) => quote_spanned!(span=> estimated_weight(#place, #prior, #cx)),
                (None, Drawn::Owned(prior)) => quote_spanned!(span=> weight_with_owned_prior(#place, #prior, #cx)),
            };
            names::qualified(&field.ty, &pair, weight)
        }
        // In parentheses, so that rustc reports an error about it at the field's type and not at the attribute.
        Role::Prior => {
            let given = prior_field::local(field);
            quote_spanned!(span=> (#given))
        }
        Role::Layer => {
            let ty = &field.ty;
            names::qualified(ty, &quote!(#k::Bayesian), quote_spanned!(span=> draw_part(#place, #cx)))
        }
        Role::Skipped => place,
    }
}

/// `member: value`, or the value alone.
fn initialised(style: Style, member: &Member, value: TokenStream) -> TokenStream {
    match style {
        Style::Named => quote!(#member: #value),
        Style::Tuple | Style::Unit => value,
    }
}

fn delimited(style: Style, fields: impl Iterator<Item = TokenStream>) -> TokenStream {
    match style {
        Style::Named => quote!({ #(#fields,)* }),
        Style::Tuple => quote!((#(#fields,)*)),
        Style::Unit => TokenStream::new(),
    }
}
