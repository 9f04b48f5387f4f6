//! The type of a model's draws, and how it is drawn.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::{Member, Visibility};

use crate::ast::{Body, Field, Group, Model, Role, Style};
use crate::expand::prior::Drawn;
use crate::expand::walk::{self, Borrow, Walk};
use crate::expand::{at_scalar_field, prior_field, scalar, with_tape};
use crate::names;

/// `NetDraw<'t, ..>`, of the model's own generics.
pub(crate) fn of(model: &Model) -> TokenStream {
    let name = names::draw(&model.name);
    let generics = with_tape(&model.generics);
    let (_, arguments, _) = generics.split_for_impl();
    quote!(#name #arguments)
}

/// The type, `Copy` whatever the model's parameters are.
pub(crate) fn declaration(model: &Model) -> TokenStream {
    let (vis, name, draw) = (&model.vis, names::draw(&model.name), of(model));
    let generics = with_tape(&model.generics);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    // Defaults stay: `DenseDraw<'t>` is what `Dense` draws.
    let parameters = &generics.params;
    // Of a type that is less visible than the model, rustc says so at the model itself.
    let more = (!matches!(vis, Visibility::Inherited)).then(|| quote!(, private_bounds, private_interfaces));
    let doc = format!(" One draw of [`{0}`](type@{0}): the model with its weights known.", model.name);
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
            // Only the fallback meets an enum without fields: it was refused, and nothing in it names the tape.
            let tape = names::tape();
            let marker = model.fields().next().is_none().then(|| quote!(_Tape(::core::marker::PhantomData<&#tape ()>)));
            quote!(enum #name<#parameters> #where_clause { #(#variants,)* #marker })
        }
    };
    // The body of `clone` is checked once more when the fields' types are known. Of an only layer, what is wrong with it
    // is then told at its type again, and so once.
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

/// The last field of a draw's struct, its type and its value.
///
/// rustc asks of a struct's last field whether the struct is sized, and does so wherever the draw is
/// named. If that field were of a wrong type, each place would be an error of its own.
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
            Role::Weight { .. } => " This weight, drawn.",
            Role::Prior => " This prior, in the draw.",
            Role::Layer => " The draw of this field.",
            Role::Skipped => " The model's own.",
        };
        quote!(#[doc = #doc] #vis #declared)
    })
}

fn drawn_type(model: &Model, field: &Field) -> TokenStream {
    let (ty, span, tape) = (&field.ty, field.span(), names::tape());
    let k = names::placed(&model.root, span);
    match field.role() {
        // All weights are of the model's number type. Were it asked of this one, a wrong type would be a mistake of
        // every line that uses the field.
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

/// `draw_in`'s body.
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
                // A field that is not a prior is then reported at its own type, and not at each weight as well.
                (Some((field_of_prior, prior)), _) => {
                    let weight = quote_spanned!(span=> weight_with_drawn_prior(#place, #prior, #cx));
                    return names::qualified_at(&field.ty, &pair, weight, &field_of_prior.ty);
                }
                (None, Drawn::Borrowed(prior)) => quote_spanned!(span=> weight(#place, #prior, #cx)),
                (None, Drawn::Estimated(prior)) => quote_spanned!(span=> estimated_weight(#place, #prior, #cx)),
                (None, Drawn::Owned(prior)) => quote_spanned!(span=> weight_with_owned_prior(#place, #prior, #cx)),
            };
            names::qualified(&field.ty, &pair, weight)
        }
        // In parentheses: rustc then shows an error about it at the field's type and not at the attribute.
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
