//! Reads the type of a prior off its expression in `#[prior(..)]`, and generates its value.
//!
//! Whether a divergence has a closed form depends on the pair of types (posterior, prior), but a macro cannot query the
//! type of an expression. So it reads the type off the spelling of the expression, and the generated `each_kl` uses the
//! expression at that type: if the macro reads it wrongly, the code does not compile.
//!
//! | expression | type |
//! |---|---|
//! | `self.prior` | the field's |
//! | `Normal(0.0, 1.0)`, `Flat`, `Normal { .. }`, `Normal::new(..)` | the path up to its first type: `Normal` |
//! | `MonteCarlo(p)`, `MonteCarlo::new(p)` | `MonteCarlo<P>`; where P is not known, its divergence is estimated anyway |
//! | anything else | unknown: `each_kl` requires a closed form |

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::{Expr, Ident, Member, Path};

use crate::ast::{Body, Field, Model, Role};
use crate::expand::scalar;
use crate::names;

/// The type of a prior, as far as its expression shows it.
pub(crate) enum PriorType {
    /// A field of the model, of this type.
    Field(TokenStream),
    /// The expression names this type.
    Written(TokenStream),
    /// `MonteCarlo` of a prior of unknown type, or such a prior with `#[kl(monte_carlo)]`.
    Estimated,
    Unknown,
}

/// A reference to the prior of a weight without `#[kl(monte_carlo)]`.
pub(crate) fn borrowed(model: &Model, field: &Field) -> TokenStream {
    let Role::Weight { prior, .. } = field.role() else {
        return TokenStream::new();
    };
    let value = names::with_this(prior.to_token_stream(), &model.name);
    quote!(&#value)
}

/// The prior of a weight as an argument of the method that draws the weight.
pub(crate) enum Drawn {
    /// A reference to a field.
    Borrowed(TokenStream),
    /// A reference to a field, with `#[kl(monte_carlo)]`.
    Estimated(TokenStream),
    /// The value of an expression, which the tape's arena keeps for the draw.
    Owned(TokenStream),
}

pub(crate) fn drawn(model: &Model, field: &Field) -> Drawn {
    let Role::Weight { prior, monte_carlo } = field.role() else {
        return Drawn::Owned(TokenStream::new());
    };
    let (k, value) = (&model.root, names::with_this(prior.to_token_stream(), &model.name));
    match (is_place(prior), monte_carlo) {
        (true, false) => Drawn::Borrowed(quote!(&#value)),
        (true, true) => Drawn::Estimated(quote!(&#value)),
        (false, false) => Drawn::Owned(value),
        (false, true) => Drawn::Owned(quote!(#k::MonteCarlo(#value))),
    }
}

/// `PriorFor<..>` with the model's scalar type.
pub(crate) fn of_model(model: &Model, field: &Field) -> TokenStream {
    let (k, scalar) = (names::placed(&model.root, field.span()), scalar(model));
    quote_spanned!(field.span()=> #k::PriorFor<#scalar>)
}

/// The field of `self.field`.
pub(crate) fn named(prior: &Expr) -> Option<&Member> {
    match prior {
        Expr::Paren(inner) => named(&inner.expr),
        Expr::Group(inner) => named(&inner.expr),
        Expr::Field(access) if is_self(&access.base) => Some(&access.member),
        _ => None,
    }
}

/// `self.prior`, or a place within it.
fn is_place(prior: &Expr) -> bool {
    match prior {
        Expr::Paren(inner) => is_place(&inner.expr),
        Expr::Group(inner) => is_place(&inner.expr),
        Expr::Field(access) => is_self(&access.base) || is_place(&access.base),
        _ => false,
    }
}

/// `Divergence<P>` with the type `P` of a weight's prior. If the macro could read `P`, the prior has to be of this type,
/// because `Bayesian::Exact` uses the same.
pub(crate) fn pair(model: &Model, field: &Field) -> TokenStream {
    let k = names::placed(&model.root, field.span());
    let prior = match of(model, field) {
        PriorType::Field(ty) | PriorType::Written(ty) => ty,
        PriorType::Estimated | PriorType::Unknown if is_estimated_place(field) => {
            quote_spanned!(field.span()=> #k::MonteCarlo<_>)
        }
        PriorType::Estimated | PriorType::Unknown => quote_spanned!(field.span()=> _),
    };
    quote_spanned!(field.span()=> #k::Divergence<#prior>)
}

/// Whether the prior is a place under `#[kl(monte_carlo)]`.
fn is_estimated_place(field: &Field) -> bool {
    matches!(field.role(), Role::Weight { prior, monte_carlo: true } if is_place(prior))
}

/// The type of the prior of a weight.
pub(crate) fn of(model: &Model, field: &Field) -> PriorType {
    let Role::Weight { prior, monte_carlo } = field.role() else {
        return PriorType::Unknown;
    };
    let k = names::placed(&model.root, field.span());
    let ty = of_expression(model, prior);
    match ty {
        PriorType::Field(ty) if monte_carlo => PriorType::Field(quote!(#k::MonteCarlo<#ty>)),
        PriorType::Written(ty) if monte_carlo => PriorType::Written(quote!(#k::MonteCarlo<#ty>)),
        _ if monte_carlo => PriorType::Estimated,
        ty => ty,
    }
}

fn of_expression(model: &Model, prior: &Expr) -> PriorType {
    match prior {
        Expr::Paren(inner) => of_expression(model, &inner.expr),
        Expr::Group(inner) => of_expression(model, &inner.expr),
        Expr::Field(access) if is_self(&access.base) => of_field(model, &access.member),
        Expr::Struct(literal) if literal.qself.is_none() => of_path(model, &literal.path),
        Expr::Path(path) if path.qself.is_none() => of_path(model, &path.path),
        Expr::Call(call) => match &*call.func {
            Expr::Path(path) if path.qself.is_none() => match call.args.first() {
                Some(inner) => match monte_carlo(&path.path) {
                    Some(path) => wrapped(model, &path, inner),
                    None => of_path(model, &path.path),
                },
                None => of_path(model, &path.path),
            },
            _ => PriorType::Unknown,
        },
        _ => PriorType::Unknown,
    }
}

fn is_self(base: &Expr) -> bool {
    matches!(base, Expr::Path(path) if path.path.is_ident("self"))
}

fn of_field(model: &Model, member: &Member) -> PriorType {
    let Body::Struct(group) = &model.body else { return PriorType::Unknown };
    match group.fields.iter().find(|field| field.member == *member) {
        Some(field) => PriorType::Field(field.ty.to_token_stream()),
        None => PriorType::Unknown,
    }
}

/// The path of the type in `MonteCarlo(..)` and in `MonteCarlo::new(..)`.
fn monte_carlo(path: &Path) -> Option<Path> {
    let mut path = path.clone();
    if path.segments.len() > 1 && path.segments.last().is_some_and(|last| last.ident == "new") {
        path.segments.pop();
        path.segments.pop_punct();
    }
    path.segments.last().filter(|last| last.ident == "MonteCarlo" && last.arguments.is_empty())?;
    Some(path)
}

fn wrapped(model: &Model, path: &Path, inner: &Expr) -> PriorType {
    match of_expression(model, inner) {
        PriorType::Field(ty) => PriorType::Field(quote!(#path<#ty>)),
        PriorType::Written(ty) => PriorType::Written(quote!(#path<#ty>)),
        PriorType::Estimated | PriorType::Unknown => PriorType::Estimated,
    }
}

/// The path up to its first segment that is spelled like a type.
fn of_path(model: &Model, path: &Path) -> PriorType {
    let Some(at) = path.segments.iter().position(|segment| is_type(model, &segment.ident)) else {
        return PriorType::Unknown;
    };
    let mut path = path.clone();
    path.segments = path.segments.into_iter().take(at + 1).collect();
    // `Scaled::<Normal>` in an expression is a valid type too.
    PriorType::Written(path.into_token_stream())
}

/// `Normal`, or a parameter of the model; not `normal` (a function), `NORMAL` (a constant) or `Self`.
fn is_type(model: &Model, name: &Ident) -> bool {
    let text = name.to_string();
    if model.generics.type_params().any(|parameter| parameter.ident == *name) {
        return true;
    }
    text != "Self" && text.starts_with(char::is_uppercase) && text.contains(char::is_lowercase)
}
