//! Generates the impls of a model and of its draw. Each submodule generates one part, for structs and enums.

mod body;
mod draw;
mod forward;
mod implementation;
mod kl;
mod params;
mod parts;
pub(crate) mod prior;
mod prior_field;
mod property;
mod signature;
mod walk;

#[cfg(test)]
mod golden;

pub(crate) use implementation::implementation;

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::{Generics, parse_quote};

use crate::ast::{Field, Model, Role};
use crate::check::mentions;
use crate::expand::parts::Parts;
use crate::names;

/// The generated code of a model.
pub(crate) fn model(model: &Model) -> TokenStream {
    let declaration = draw::declaration(model);
    let drawn = kl::drawn(model, kl::drawn_walk(model));
    let parts = Parts::of(model);
    let parameters = params::parameters(model, &parts.scalar, params::walk(model), params::walk_mut(model));
    let bayesian = bayesian(model, &parts.properties, draw::draw_in(model), kl::model_walk(model));
    let parts = parts.declaration;
    quote!(#declaration #parameters #bayesian #drawn #parts)
}

/// Stubs for the fallback: the same types and impls, with methods that are never called.
pub(crate) fn stub(model: &mut Model) -> TokenStream {
    let declaration = draw::declaration(model);
    // A type parameter without a bound was reported; a missing `'static` would be a second error.
    let parameters: Vec<_> = model.generics.type_params().map(|parameter| parameter.ident.clone()).collect();
    for parameter in parameters {
        model.generics.make_where_clause().predicates.push(parse_quote!(#parameter: 'static));
    }
    let model = &*model;
    let drawn = kl::drawn(model, walk::Walk::default());
    let parts = Parts::stub(model);
    let parameters = params::parameters(model, &parts.scalar, walk::Walk::default(), walk::Walk::default());
    let never = walk::Walk { body: quote!(::core::unreachable!()), uses_arguments: false };
    let bayesian = bayesian(model, &parts.properties, never, walk::Walk::default());
    let parts = parts.declaration;
    quote!(#declaration #parameters #bayesian #drawn #parts)
}

fn bayesian(
    model: &Model,
    [batch, exact, allows]: &[TokenStream; 3],
    draw_in: walk::Walk,
    each_kl: walk::Walk,
) -> TokenStream {
    let (k, name) = (&model.root, &model.name);
    let mut owned = model.generics.clone();
    // Only the fallback has lifetimes, which are errors.
    for parameter in model.generics.lifetimes() {
        let lifetime = &parameter.lifetime;
        owned.make_where_clause().predicates.push(parse_quote!(#lifetime: 'static));
    }
    let (impl_generics, type_generics, where_clause) = owned.split_for_impl();
    let tape = names::tape();
    let draw = at_scalar_field(model, draw::of(model));
    let drawn = quote_spanned!(scalar_span(model)=> type Draw<#tape> = #draw;);
    let (cx, this) = (draw_in.argument("cx"), walk::receiver(model));
    let span = scalar_span(model);
    let here = names::placed(k, span);
    let (scalar, draw_type) =
        (at_scalar_field(model, quote!(Self::Scalar)), at_scalar_field(model, quote!(Self::Draw<#tape>)));
    let close = at_scalar_field(model, quote!(>));
    let signature = quote_spanned! {span=>
        fn draw_in<#tape>(&#tape #this, #cx: #here::Cx<#tape, #scalar #close) -> #draw_type
    };
    let draw_in = walk::method(model, signature, &draw_in.body);
    let each_kl = kl::method(model, "each_kl", quote!(#k::hidden::Nats<'_>), each_kl);
    quote! {
        #[automatically_derived]
        impl #impl_generics #k::Bayesian for #name #type_generics #where_clause {
            #drawn
            type Batch = #batch;
            type Exact = #exact;
            type Allows = #allows;
            #draw_in
            #each_kl
        }

        impl #impl_generics #k::hidden::Undrawn for #name #type_generics #where_clause {}
    }
}

/// The field from which the model's scalar type is taken. All fields agree, so it is the one whose type is simplest: the
/// first weight, or else the first layer, preferably without type arguments, and never the recursive model itself.
fn scalar_field(model: &Model) -> Option<&Field> {
    let is_layer = |field: &Field| matches!(field.role(), Role::Layer);
    let weight = |field: &&Field| matches!(field.role(), Role::Weight { .. }) && field.attrs.skip.is_none();
    let layer = |field: &&Field| is_layer(field) && !model.is_recursive(field);
    let plain = |field: &&Field| layer(field) && !field.ty.to_token_stream().to_string().contains('<');
    let other = |field: &&Field| is_layer(field) && !mentions(&field.ty, &model.name);
    let mut found = model.fields().find(weight).or_else(|| model.fields().find(plain));
    found = found.or_else(|| model.fields().find(layer));
    found.or_else(|| model.fields().find(other))
}

/// The scalar type of the model.
fn scalar(model: &Model) -> TokenStream {
    match scalar_field(model) {
        Some(field) => {
            let (ty, k) = (&field.ty, names::placed(&model.root, field.span()));
            names::qualified(ty, &quote!(#k::Parameters), quote!(Scalar))
        }
        None => quote!(::core::primitive::f32),
    }
}

/// The span of signatures with the scalar type: that of its field, so that an error in the field's type and the errors
/// that follow from it are reported at one place.
fn scalar_span(model: &Model) -> Span {
    scalar_field(model).map_or_else(Span::call_site, Field::span)
}

/// Tokens that mention the scalar type, with the span of its field.
fn at_scalar_field(model: &Model, ty: TokenStream) -> TokenStream {
    scalar_field(model).map_or_else(|| ty.clone(), |field| names::across(&ty, &field.ty))
}

/// The model's generics, and before them the lifetime of the tape.
fn with_tape(generics: &Generics) -> Generics {
    let tape = names::tape();
    let mut generics = generics.clone();
    generics.params.insert(0, parse_quote!(#tape));
    generics
}
