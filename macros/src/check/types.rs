//! Checks field types by their names: type parameters without bounds, plain values, and layers that are shared or borrowed.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{GenericArgument, Generics, PathArguments, PathSegment, Type, TypeParamBound, WherePredicate};

use crate::ast::{Field, Model};
use crate::errors::Errors;
use crate::names;

/// Containers of models that are models.
const CONTAINERS: [&str; 3] = ["Vec", "Option", "Box"];

/// Reports fields whose type is a type parameter without a bound, and the bound to declare.
pub(super) fn parameters(model: &mut Model, errors: &mut Errors) {
    let name = model.name.clone();
    let bounded = |parameter: &Ident, generics: &Generics| {
        let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        predicates.into_iter().any(|predicate| match predicate {
            WherePredicate::Type(of) if is_named(&of.bounded_ty, parameter) => !of.bounds.iter().all(is_unrelated),
            other => mentions_tokens(other.to_token_stream(), parameter),
        })
    };
    let unknown: Vec<Ident> = model
        .generics
        .type_params()
        .filter(|parameter| parameter.bounds.iter().all(is_unrelated) && !bounded(&parameter.ident, &model.generics))
        .map(|parameter| parameter.ident.clone())
        .collect();
    for field in model.fields_mut().filter(|field| field.attrs.skip.is_none()) {
        let holds = |parameter: &&Ident| match &field.attrs.prior {
            Some(_) => is_named(&field.ty, parameter),
            None => holds(&field.ty, parameter),
        };
        let Some(parameter) = unknown.iter().find(holds) else { continue };
        let (what, bound) = match &field.attrs.prior {
            Some(_) => ("random weight", "Divergence<Normal>"),
            None => ("layer", "Layer"),
        };
        let why = format_args!(
            "`{parameter}` may be any type, and this field is a {what}: declare `{name}<{parameter}: {bound}>`"
        );
        errors.at(&field.ty, why);
        field.attrs.prior = None;
        field.attrs.skip = Some(syn::parse_quote!(#[skip]));
    }
}

fn is_named(ty: &Type, name: &Ident) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.is_ident(name))
}

/// Whether a bound is a lifetime, or a trait of the prelude or of `fmt` by its plain name: such bounds do not make a type
/// a layer.
fn is_unrelated(bound: &TypeParamBound) -> bool {
    const PLAIN: [&str; 10] =
        ["Sized", "Clone", "Copy", "Send", "Sync", "Debug", "Default", "PartialEq", "Eq", "Unpin"];
    match bound {
        TypeParamBound::Lifetime(_) => true,
        TypeParamBound::Trait(bound) => PLAIN.iter().any(|name| bound.path.is_ident(name)),
        _ => false,
    }
}

/// Whether the type is `name`, or a container of it.
fn holds(ty: &Type, name: &Ident) -> bool {
    match ty {
        Type::Array(array) => holds(&array.elem, name),
        Type::Tuple(tuple) => tuple.elems.iter().any(|elem| holds(elem, name)),
        Type::Group(group) => holds(&group.elem, name),
        Type::Paren(paren) => holds(&paren.elem, name),
        _ => is_named(ty, name) || held(ty).is_some_and(|mut held| held.any(|ty| holds(ty, name))),
    }
}

/// The type arguments of a `Vec`, an `Option` or a `Box`.
fn held(ty: &Type) -> Option<impl Iterator<Item = &Type>> {
    let Type::Path(path) = ty else { return None };
    match path.path.segments.last()? {
        PathSegment { ident, arguments: PathArguments::AngleBracketed(arguments) }
            if CONTAINERS.iter().any(|name| ident == name) =>
        {
            Some(arguments.args.iter().filter_map(|argument| match argument {
                GenericArgument::Type(ty) => Some(ty),
                _ => None,
            }))
        }
        _ => None,
    }
}

/// Reports types that cannot be models or posteriors, by their names. This is one error here; rustc would report one for
/// each trait that generated code requires of the field.
pub(super) fn kind(field: &mut Field, errors: &mut Errors) {
    let plain = is_plain(&field.ty);
    match (&field.attrs.prior, &field.attrs.skip) {
        (Some(_), Some(_)) if plain => field.attrs.prior = None,
        (Some(_), None) if plain => {
            let why = "a random weight has a posterior family as its type, such as `MeanField`; \
                       a plain value takes `#[skip]` and not `#[prior(..)]`";
            errors.at(&field.ty, why);
            field.attrs.skip = Some(syn::parse_quote!(#[skip]));
        }
        // Reported at the weight that names it as its prior.
        (None, None) if plain && field.is_prior => field.attrs.skip = Some(syn::parse_quote!(#[skip])),
        (None, None) if plain => {
            let name = names::shown(&field.ty);
            let why = format_args!(
                "`{name}` is neither a layer nor a weight: put `#[skip]` on a plain setting; use a `MeanField` with \
                 `#[prior(..)]` for a random weight, a `Point` for a deterministic one, a `Buffer` for a saved value"
            );
            errors.at(&field.ty, why);
            field.attrs.skip = Some(syn::parse_quote!(#[skip]));
        }
        (None, None) => {
            let is_layer = owned(&mut field.ty, errors);
            field.attrs.skip = (!is_layer).then(|| syn::parse_quote!(#[skip]));
        }
        _ => {}
    }
}

/// Whether the type is a number, a string, or a container of these.
pub(super) fn is_plain(ty: &Type) -> bool {
    const PLAIN: &[&str] = &[
        "bool", "char", "str", "String", "f32", "f64", "i8", "i16", "i32", "i64", "i128", "isize", "u8", "u16", "u32",
        "u64", "u128", "usize",
    ];
    match ty {
        Type::Path(path) => match path.path.segments.last() {
            Some(last) if last.arguments.is_empty() => {
                path.path.segments.len() == 1 && PLAIN.iter().any(|name| last.ident == name)
            }
            Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(arguments) }) => {
                let inner =
                    arguments.args.iter().all(|argument| matches!(argument, GenericArgument::Type(ty) if is_plain(ty)));
                inner && CONTAINERS.iter().any(|name| ident == name)
            }
            _ => false,
        },
        Type::Array(array) => is_plain(&array.elem),
        Type::Tuple(tuple) => tuple.elems.iter().all(is_plain),
        Type::FnPtr(_) | Type::Ptr(_) => true,
        Type::Reference(reference) => is_plain(&reference.elem),
        Type::Group(group) => is_plain(&group.elem),
        Type::Paren(paren) => is_plain(&paren.elem),
        _ => false,
    }
}

/// Reports layers behind a shared pointer, a cell, a reference or `dyn`, and replaces the type by the layer's. `false` if
/// the layer's type is unknown.
fn owned(ty: &mut Type, errors: &mut Errors) -> bool {
    if let Some((pointer, inner)) = within(ty, &["Rc", "Arc"]) {
        let why = format_args!(
            "a layer cannot be shared through `{pointer}`: keep it as one field, and use that field twice in `forward`"
        );
        errors.at(&*ty, why);
        *ty = inner;
    } else if let Some((cell, inner)) = within(ty, &["Cell", "RefCell", "OnceCell", "Mutex", "RwLock"]) {
        let why = format_args!(
            "a layer cannot be in a `{cell}`: keep it as a plain field; an optimiser takes the model as `&mut`"
        );
        errors.at(&*ty, why);
        *ty = inner;
    }
    match ty {
        Type::Reference(reference) => {
            errors
                .at(reference.and_token, "a model owns its layers, because an optimiser changes them: remove the `&`");
            *ty = (*reference.elem).clone();
            owned(ty, errors)
        }
        Type::TraitObject(object) => {
            let why = "a layer behind `dyn` has a draw of unknown type: \
                       use an enum of the possible layers, with `#[bayesian]`";
            errors.at(object, why);
            false
        }
        Type::Array(array) => owned(&mut array.elem, errors),
        Type::Tuple(tuple) => tuple.elems.iter_mut().all(|elem| owned(elem, errors)),
        Type::Group(group) => owned(&mut group.elem, errors),
        Type::Paren(paren) => owned(&mut paren.elem, errors),
        Type::Path(path) => match path.path.segments.last_mut() {
            Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(arguments) })
                if CONTAINERS.iter().any(|name| ident == name) =>
            {
                arguments.args.iter_mut().all(|argument| match argument {
                    GenericArgument::Type(ty) => owned(ty, errors),
                    _ => true,
                })
            }
            _ => true,
        },
        _ => true,
    }
}

/// The name of the container and its type argument, if the last segment of its path is one of `names`.
fn within(ty: &Type, names: &[&str]) -> Option<(Ident, Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if names.iter().any(|name| last.ident == name) => {
            Some((last.ident.clone(), inner.clone()))
        }
        _ => None,
    }
}

/// Whether `name` occurs anywhere in the type, as a recursive model's name does.
pub(crate) fn mentions(ty: &Type, name: &Ident) -> bool {
    mentions_tokens(ty.to_token_stream(), name)
}

pub(crate) fn mentions_tokens(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions_tokens(group.stream(), name),
        _ => false,
    })
}
