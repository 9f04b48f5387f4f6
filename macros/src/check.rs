//! The rules across a model's attributes and types that the macro can see. What a field's type is,
//! only rustc knows: a wrong one is its to tell, with the notes of the traits in elbo.

use proc_macro2::{Ident, TokenStream, TokenTree};
use quote::ToTokens;
use syn::visit_mut::{self, VisitMut};
use syn::{Expr, GenericArgument, PathArguments, PathSegment, Type};

use crate::ast::{Body, Field, Model, Role, Segment};
use crate::attr::{self, FieldAttrs};
use crate::errors::Errors;

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

/// What is no prior whatever is implemented: a literal, and a field that is not there.
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
                let of_self = matches!(&*access.base, Expr::Path(path) if path.path.is_ident("self"));
                if !of_self || group.fields.iter().any(|field| field.member == access.member) {
                    continue;
                }
                let (name, missing) = (&model.name, access.member.to_token_stream());
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
            let name = field.ty.to_token_stream();
            let why = format_args!(
                "`{name}` is neither random, learned, saved nor skipped: a plain setting needs `#[skip]`; \
                 a random weight is a `MeanField` with `#[prior(..)]`, a learned one a `Point`, a saved value a `Buffer`"
            );
            errors.at(&field.ty, why);
            field.attrs.skip = Some(syn::parse_quote!(#[skip]));
        }
        (None, None) => owned(&mut field.ty, errors),
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
        Type::Tuple(tuple) => !tuple.elems.is_empty() && tuple.elems.iter().all(is_plain),
        Type::Reference(reference) => is_plain(&reference.elem),
        Type::Group(group) => is_plain(&group.elem),
        Type::Paren(paren) => is_plain(&paren.elem),
        _ => false,
    }
}

fn owned(ty: &mut Type, errors: &mut Errors) {
    struct Own<'e>(&'e mut Errors);
    impl VisitMut for Own<'_> {
        fn visit_type_mut(&mut self, ty: &mut Type) {
            if let Some((pointer, inner)) = shared(ty) {
                let why = format_args!(
                    "a layer is not shared through `{pointer}`: keep it as one field, and use that field twice in `forward`"
                );
                self.0.at(&*ty, why);
                *ty = inner;
            }
            visit_mut::visit_type_mut(self, ty);
        }
    }
    Own(errors).visit_type_mut(ty);
}

/// `Rc<M>` or `Arc<M>`, by whatever path.
fn shared(ty: &Type) -> Option<(Ident, Type)> {
    let Type::Path(path) = ty else { return None };
    let last = path.path.segments.last()?;
    let PathArguments::AngleBracketed(arguments) = &last.arguments else { return None };
    match arguments.args.first()? {
        GenericArgument::Type(inner) if last.ident == "Rc" || last.ident == "Arc" => {
            Some((last.ident.clone(), inner.clone()))
        }
        _ => None,
    }
}

/// Whether `name` stands anywhere in the type: in a recursive model its own name does.
pub(crate) fn mentions(ty: &Type, name: &Ident) -> bool {
    fn anywhere(tokens: TokenStream, name: &Ident) -> bool {
        tokens.into_iter().any(|token| match token {
            TokenTree::Ident(ident) => ident == *name,
            TokenTree::Group(group) => anywhere(group.stream(), name),
            _ => false,
        })
    }
    anywhere(ty.to_token_stream(), name)
}
