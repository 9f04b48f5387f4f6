//! The rules across a model's attributes and types that the macro can see. What a field's type is,
//! only rustc knows: a wrong one is its to tell, with the notes of the traits in elbo.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::{Expr, GenericArgument, Generics, PathArguments, PathSegment, Type};

use crate::ast::{Body, Field, Model, Role, Segment};
use crate::attr::{self, FieldAttrs};
use crate::errors::Errors;
use crate::names;

/// Tells every mistake. Types are left as the fallback should read them: of `Rc<M>`, `M`.
pub(crate) fn check(model: &mut Model, errors: &mut Errors) {
    elsewhere(model, errors);
    lifetimes(model, errors);
    for field in model.fields() {
        attributes(&field.attrs, errors);
    }
    names(model, errors);
    priors(model, errors);
    if let Body::Enum(variants) = &model.body {
        layers(&model.name, variants.iter().flat_map(|(_, group)| &group.fields), errors);
    }
    parameters(model, errors);
    for field in model.fields_mut() {
        kind(field, errors);
    }
}

fn elsewhere(model: &Model, errors: &mut Errors) {
    for attr in &model.elsewhere {
        if let Some(name) = attr::HELPERS.iter().find(|name| attr.path().is_ident(name)) {
            errors.at(attr, format_args!("`#[{name}]` goes on a field"));
        }
    }
}

fn lifetimes(model: &Model, errors: &mut Errors) {
    if let Some(parameter) = model.generics.lifetimes().next() {
        let why = "a model owns what it holds, because an optimiser changes it while nothing else may look: \
                   remove the lifetime, and own the value or pass it to `forward`";
        errors.at(&parameter.lifetime, why);
    }
}

fn attributes(attrs: &FieldAttrs, errors: &mut Errors) {
    if attrs.skip.is_some() {
        if let Some(prior) = &attrs.prior {
            let why = "a skipped field is not random, so it cannot have a prior; remove `#[prior(..)]` or `#[skip]`";
            errors.at(&prior.attr, why);
        }
        if let Some(kl) = &attrs.kl {
            errors.at(kl, "a skipped field has no divergence; remove `#[kl(..)]` or `#[skip]`");
        }
        if let Some(name) = &attrs.name {
            errors.at(&name.attr, "a skipped field has no parameter to name; remove `#[name(..)]` or `#[skip]`");
        }
    } else if let (None, Some(kl)) = (&attrs.prior, &attrs.kl) {
        let why = "`#[kl(..)]` says how to find the divergence from a prior, and this field has none; \
                   add `#[prior(..)]` or remove `#[kl(..)]`";
        errors.at(kl, why);
    }
}

/// Two parameters of one name could not be told apart in a checkpoint, and would share their noise.
fn names(model: &Model, errors: &mut Errors) {
    for group in model.groups() {
        let named = |field: &Field| match &field.segment {
            Segment::Name(name) if !matches!(field.role(), Role::Skipped) => Some(name.clone()),
            _ => None,
        };
        let kept = group.fields.iter().filter(|field| !matches!(field.role(), Role::Skipped)).count();
        for (i, field) in group.fields.iter().enumerate() {
            let Some(attr) = &field.attrs.name else { continue };
            if field.segment == Segment::Nothing && kept > 1 {
                let why = "only the one field of a struct that is not skipped goes without a name of its own";
                errors.at(&attr.value, why);
            }
            let twice = |other: &Field| named(other).is_some() && named(other) == named(field);
            // Of two fields that were both given the name, the later one is wrong.
            let clash = group
                .fields
                .iter()
                .enumerate()
                .any(|(j, other)| twice(other) && (j < i || (j > i && other.attrs.name.is_none())));
            if clash {
                let text = attr.value.value();
                errors.at(
                    &attr.value,
                    format_args!("another field's parameters are already named `{text}`; choose another name"),
                );
            }
        }
    }
}

/// What is no prior whatever is implemented: a literal, a field that is not there, and one that holds a plain value.
fn priors(model: &Model, errors: &mut Errors) {
    for field in model.fields().filter(|field| field.attrs.skip.is_none()) {
        let Some(prior) = &field.attrs.prior else { continue };
        match &prior.value {
            Expr::Lit(literal) => {
                let why =
                    "a prior is a distribution, such as `Normal(0.0, 1.0)`, or a field that holds one, `self.prior`";
                errors.at(literal, why);
            }
            Expr::Field(access) => {
                let Body::Struct(group) = &model.body else { continue };
                if !matches!(&*access.base, Expr::Path(path) if path.path.is_ident("self")) {
                    continue;
                }
                let (name, missing) = (&model.name, access.member.to_token_stream());
                if let Some(found) = group.fields.iter().find(|field| field.member == access.member) {
                    if is_plain(&found.ty) {
                        let why = format_args!(
                            "`{missing}` is a `{}`, and a prior is a distribution: say which, as in `Normal(0.0, self.{missing})`",
                            names::shown(&found.ty)
                        );
                        errors.at(&prior.value, why);
                    }
                    continue;
                }
                let why = format_args!(
                    "`{name}` has no field `{missing}` to hold the prior; \
                     add `#[skip] {missing}: Normal`, or write the prior here: `#[prior(Normal(0.0, 1.0))]`"
                );
                errors.at(&access.member, why);
            }
            _ => {}
        }
    }
}

/// A field of a type parameter of which nothing is known: the bound that it needs goes where the parameter is declared.
fn parameters(model: &mut Model, errors: &mut Errors) {
    let name = model.name.clone();
    let bounded = |parameter: &Ident, generics: &Generics| {
        let predicates = generics.where_clause.iter().flat_map(|clause| &clause.predicates);
        predicates.into_iter().any(|predicate| mentions_tokens(predicate.to_token_stream(), parameter))
    };
    let unknown: Vec<Ident> = model
        .generics
        .type_params()
        .filter(|parameter| parameter.bounds.is_empty() && !bounded(&parameter.ident, &model.generics))
        .map(|parameter| parameter.ident.clone())
        .collect();
    for field in model.fields_mut().filter(|field| field.attrs.skip.is_none()) {
        let Some(parameter) = unknown.iter().find(|parameter| is_named(&field.ty, parameter)) else { continue };
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

fn layers<'a>(name: &Ident, fields: impl Iterator<Item = &'a Field>, errors: &mut Errors) {
    let mut any = false;
    for field in fields {
        if let Some(prior) = &field.attrs.prior {
            let why = "the variants of an enum hold layers: put this weight into a struct with `#[bayesian]`, \
                       and the struct into the variant";
            errors.at(&prior.attr, why);
        }
        any |= field.attrs.skip.is_none();
    }
    if !any {
        let why = format_args!(
            "no variant of `{name}` holds a layer, so there is nothing to draw; \
             remove `#[bayesian]`, and put `#[skip]` on the fields of this type"
        );
        errors.at(name, why);
    }
}

/// Types that are no model and no posterior whatever is implemented, found by their names. Told here,
/// it is one error; rustc has one for each trait that is asked of the field.
fn kind(field: &mut Field, errors: &mut Errors) {
    let plain = is_plain(&field.ty);
    match (&field.attrs.prior, &field.attrs.skip) {
        (Some(_), Some(_)) if plain => field.attrs.prior = None,
        (Some(_), None) if plain => {
            let why = "a random weight is of a posterior family, such as `MeanField`; \
                       a plain value has no `#[prior(..)]`, and needs `#[skip]`";
            errors.at(&field.ty, why);
            field.attrs.skip = Some(syn::parse_quote!(#[skip]));
        }
        (None, None) if plain => {
            let name = names::shown(&field.ty);
            let why = format_args!(
                "`{name}` is neither random, learned, saved nor skipped: a plain setting needs `#[skip]`; \
                 a random weight is a `MeanField` with `#[prior(..)]`, a learned one a `Point`, a saved value a `Buffer`"
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

/// A number, a text, or a container of them.
fn is_plain(ty: &Type) -> bool {
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
                inner && ["Vec", "Option", "Box"].iter().any(|name| ident == name)
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

/// Layers that the model does not own, or not as what they are; `false` if nothing is left to be a layer.
fn owned(ty: &mut Type, errors: &mut Errors) -> bool {
    if let Some((pointer, inner)) = within(ty, &["Rc", "Arc"]) {
        let why = format_args!(
            "a layer is not shared through `{pointer}`: keep it as one field, and use that field twice in `forward`"
        );
        errors.at(&*ty, why);
        *ty = inner;
    } else if let Some((cell, inner)) = within(ty, &["Cell", "RefCell", "OnceCell", "Mutex", "RwLock"]) {
        let why = format_args!(
            "a layer does not change behind a `{cell}`: keep it as a field; an optimiser has the model as `&mut`"
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
            let why = "the draw of a layer behind `dyn` has no known type: \
                       write an enum of the layers that it may be, with `#[bayesian]`";
            errors.at(object, why);
            false
        }
        Type::Array(array) => owned(&mut array.elem, errors),
        Type::Tuple(tuple) => tuple.elems.iter_mut().all(|elem| owned(elem, errors)),
        Type::Group(group) => owned(&mut group.elem, errors),
        Type::Paren(paren) => owned(&mut paren.elem, errors),
        Type::Path(path) => match path.path.segments.last_mut() {
            Some(PathSegment { ident, arguments: PathArguments::AngleBracketed(arguments) })
                if ["Vec", "Option", "Box"].iter().any(|name| ident == name) =>
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

/// The container and what it holds, if it is called one of `names`, by whatever path.
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

/// Whether `name` stands anywhere in the type: in a recursive model its own name does.
pub(crate) fn mentions(ty: &Type, name: &Ident) -> bool {
    mentions_tokens(ty.to_token_stream(), name)
}

fn mentions_tokens(tokens: TokenStream, name: &Ident) -> bool {
    tokens.into_iter().any(|token| match token {
        TokenTree::Ident(ident) => ident == *name,
        TokenTree::Group(group) => mentions_tokens(group.stream(), name),
        _ => false,
    })
}
