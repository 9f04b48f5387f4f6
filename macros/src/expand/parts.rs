//! Generates the associated types that follow from the types of a model's fields: its scalar type and its properties.
//!
//! rustc rejects an associated type of a visible model that names a less visible type, such as the type of a private
//! field. So a visible model lists the types of its fields twice: first in an impl of `Parts` with a private type as its
//! argument, which may name private types; then in a public impl, as type parameters that are bound to the first list.
//!
//! A model that contains itself through others lists its other fields separately, in `Recursive`, and each of these models
//! joins the lists of all, so that evaluating a property terminates.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Visibility, parse_quote};

use crate::ast::{Field, Model, Role};
use crate::check::mentions_tokens;
use crate::expand::prior::{self, PriorType};
use crate::expand::{at_scalar_field, property, scalar, scalar_field};
use crate::names;

/// The associated types of a model's impls, and the items that they need.
pub(crate) struct Parts {
    pub(crate) declaration: TokenStream,
    pub(crate) scalar: TokenStream,
    /// `Batch`, `Exact` and `Allows`.
    pub(crate) properties: [TokenStream; 3],
}

impl Parts {
    pub(crate) fn of(model: &Model) -> Self {
        if matches!(model.vis, Visibility::Inherited) && model.recursive.is_empty() {
            let properties = [property::batch(model), property::exact(model), property::allows(model)];
            return Parts { declaration: TokenStream::new(), scalar: scalar(model), properties };
        }
        let k = &model.root;
        let number =
            |_: &Field| at_scalar_field(model, quote!(<<Self as #k::hidden::Parts>::First as #k::Parameters>::Scalar));
        let properties = ["Batch", "Exact", "Allows"].map(|property| {
            let property = Ident::new(property, Span::call_site());
            quote!(<<Self as #k::hidden::Parts>::All as #k::hidden::Properties>::#property)
        });
        let scalar = scalar_field(model).map_or_else(|| scalar(model), number);
        Parts { declaration: declaration(model), scalar, properties }
    }

    /// For a model with errors.
    pub(crate) fn stub(model: &Model) -> Self {
        let k = &model.root;
        Parts { properties: [(); 3].map(|()| quote!(#k::Yes)), ..Parts::of(model) }
    }
}

fn declaration(model: &Model) -> TokenStream {
    let (k, recursive) = (&model.root, &model.recursive);
    let numbers = scalar_field(model).map_or_else(|| quote!(()), |field| field.ty.to_token_stream());
    let all = property::joined(model, part, |_, [a, b]| quote!((#a, #b))).unwrap_or_else(|| quote!(()));
    let (name, generics, bounds) = (&model.name, &model.generics, &model.generics.where_clause);
    let used = quote!(#name #generics #bounds #numbers #all #(#recursive)*);
    let free = |wanted: &str| {
        let mut ident = Ident::new(wanted, Span::call_site());
        while mentions_tokens(used.clone(), &ident) {
            ident = Ident::new(&format!("{ident}_"), Span::call_site());
        }
        ident
    };
    let [fields, first, rest] = ["Fields", "First", "All"].map(free);
    let listed = listed(model, &fields, &numbers, &all);
    let again = |by: &Ident, of: TokenStream| again(model, by, [&first, &rest], of);
    let body = if recursive.is_empty() {
        let again = again(&fields, quote!(#k::hidden::Parts));
        quote!(#listed #again)
    } else {
        let (circle, (_, arguments, _)) = (free("Circle"), generics.split_for_impl());
        let own = quote!(<Self as #k::hidden::Parts<#fields>>::All);
        let all = recursive.iter().fold(own, |all, other| {
            let (span, k) = (other.span(), names::placed(k, other.span()));
            let of = quote_spanned!(span=> <#other as #k::hidden::Recursive<#name #arguments>>::All);
            quote!((#all, #of))
        });
        let joined = self::listed(model, &circle, &numbers, &all);
        let everybody = again(&circle, quote!(#k::hidden::Parts));
        let others = recursive.iter().map(|other| {
            let k = names::placed(k, other.span());
            again(&fields, quote_spanned!(other.span()=> #k::hidden::Recursive<#other>))
        });
        let agreed = agreed(model);
        quote!(#listed #joined #everybody #(#others)* #agreed)
    };
    quote!(const _: () = { #body };)
}

/// The entry of a field in the list from which properties follow.
fn part(model: &Model, field: &Field) -> Option<TokenStream> {
    let (ty, span) = (&field.ty, field.span());
    let k = names::placed(&model.root, span);
    match field.role() {
        Role::Layer => Some(quote_spanned!(span=> #k::hidden::Part<#ty>)),
        Role::Weight { .. } => Some(match prior::of(model, field) {
            PriorType::Field(prior) | PriorType::Written(prior) => {
                quote_spanned!(span=> #k::hidden::Random<#ty, #prior>)
            }
            PriorType::Estimated => quote_spanned!(span=> #k::hidden::Estimated<#ty>),
            PriorType::Unknown => quote_spanned!(span=> #k::hidden::Closed<#ty>),
        }),
        Role::Prior | Role::Skipped => None,
    }
}

/// The impl that lists the fields for the private type `by`.
fn listed(model: &Model, by: &Ident, numbers: &TokenStream, all: &TokenStream) -> TokenStream {
    let (k, name) = (&model.root, &model.name);
    let (impl_generics, arguments, where_clause) = model.generics.split_for_impl();
    quote! {
        struct #by;
        impl #impl_generics #k::hidden::Parts<#by> for #name #arguments #where_clause {
            type First = #numbers;
            type All = #all;
        }
    }
}

/// An impl of `of` with the same lists, without the names of types.
fn again(model: &Model, by: &Ident, [first, all]: [&Ident; 2], of: TokenStream) -> TokenStream {
    let (k, name) = (&model.root, &model.name);
    let (_, arguments, _) = model.generics.split_for_impl();
    let mut generics = model.generics.clone();
    generics.params.extend::<[syn::GenericParam; 2]>([parse_quote!(#first), parse_quote!(#all)]);
    let bound = parse_quote!(Self: #k::hidden::Parts<#by, First = #first, All = #all>);
    generics.make_where_clause().predicates.push(bound);
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    quote! {
        impl #impl_generics #of for #name #arguments #where_clause {
            type First = #first;
            type All = #all;
        }
    }
}

/// Checks that every model of a cycle names every other: properties would ignore one that is missing.
fn agreed(model: &Model) -> Option<TokenStream> {
    let (k, others) = (&model.root, &model.recursive);
    let but = |i: usize| others.iter().enumerate().filter(move |(j, _)| *j != i).map(|(_, other)| other);
    let pairs = others.iter().enumerate().flat_map(|(i, one)| but(i).map(move |other| (one, other)));
    let pairs: Vec<_> = pairs.map(|(one, other)| quote_spanned!(one.span()=> names::<#one, #other>();)).collect();
    let (impl_generics, _, where_clause) = model.generics.split_for_impl();
    (!pairs.is_empty()).then(|| {
        quote! {
            #[allow(dead_code)]
            fn agreed #impl_generics () #where_clause {
                fn names<A: #k::hidden::Recursive<B>, B>() {}
                #(#pairs)*
            }
        }
    })
}
