//! Checks the rules across a model's attributes and field types that the macro can see. It cannot resolve types: rustc
//! reports a field of a wrong type, with the notes of elbo's traits.

mod priors;
mod types;

use proc_macro2::Ident;

use crate::ast::{Body, Field, Model, Role, Segment};
use crate::attr::{self, FieldAttrs};
use crate::errors::Errors;
pub(crate) use types::{mentions, mentions_tokens};

/// Reports every error. It replaces types that are errors by what the fallback should use: `Rc<M>` by `M`.
pub(crate) fn check(model: &mut Model, errors: &mut Errors) {
    not_on_fields(model, errors);
    lifetimes(model, errors);
    for field in model.fields() {
        attributes(&field.attrs, errors);
    }
    names(model, errors);
    priors::check(model, errors);
    if let Body::Enum(variants) = &model.body {
        layers(&model.name, variants.iter().flat_map(|(_, group)| &group.fields), errors);
    }
    types::parameters(model, errors);
    for field in model.fields_mut() {
        types::kind(field, errors);
    }
}

fn not_on_fields(model: &Model, errors: &mut Errors) {
    for attr in &model.not_on_fields {
        if let Some(name) = attr::HELPERS.iter().find(|name| attr.path().is_ident(name)) {
            errors.at(attr, format_args!("`#[{name}]` goes on a field"));
        }
    }
}

fn lifetimes(model: &Model, errors: &mut Errors) {
    if let Some(parameter) = model.generics.lifetimes().next() {
        let why = "a model owns its fields, because an optimiser needs exclusive access to them: \
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
        let why = "`#[kl(..)]` applies to a field with a prior, and this field does not have one; \
                   add `#[prior(..)]` or remove `#[kl(..)]`";
        errors.at(kl, why);
    }
}

/// Two parameters with the same name would overwrite each other in a checkpoint, and would share their noise.
fn names(model: &Model, errors: &mut Errors) {
    for group in model.groups() {
        let named = |field: &Field| match &field.segment {
            Segment::Name(name) if !matches!(field.role(), Role::Skipped) => Some(name.clone()),
            _ => None,
        };
        let kept =
            group.fields.iter().filter(|field| matches!(field.role(), Role::Weight { .. } | Role::Layer)).count();
        for (i, field) in group.fields.iter().enumerate() {
            let Some(attr) = &field.attrs.name else { continue };
            if field.segment == Segment::Nothing && kept > 1 {
                let why = "`#[name(\"\")]` needs a struct with a single weight or layer; give this field a name";
                errors.at(&attr.value, why);
            }
            let twice = |other: &Field| named(other).is_some() && named(other) == named(field);
            // If both fields have the name by attribute, the later one is reported.
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

fn layers<'a>(name: &Ident, fields: impl Iterator<Item = &'a Field>, errors: &mut Errors) {
    let mut has_layer = false;
    for field in fields {
        if let Some(prior) = &field.attrs.prior {
            let why = "enum variants hold layers, not weights: put this weight into a struct with `#[bayesian]`, \
                       and the struct into the variant";
            errors.at(&prior.attr, why);
        }
        has_layer |= field.attrs.skip.is_none();
    }
    if !has_layer {
        let why = format_args!(
            "the variants of `{name}` do not hold a layer, so there is nothing to draw; \
             remove `#[bayesian]`, and put `#[skip]` on the fields of this type"
        );
        errors.at(name, why);
    }
}
