//! Moves an impl block from the model to its draw, where the weights are known.

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};
use syn::{FnArg, ImplItem, ImplItemFn, ItemImpl, Path, ReceiverKind, Type};

use crate::errors::Errors;
use crate::expand::{forward, signature, with_tape};
use crate::names;

/// The moved block, and `Forward` where it has a forward. Mistakes are told, and what cannot move
/// stays on the model.
pub(crate) fn implementation(k: &TokenStream, mut block: ItemImpl, errors: &mut Errors) -> TokenStream {
    let Some(target) = draw_of(&block, errors) else {
        // A block of a trait is good Rust without the attribute; any other is good for nothing.
        return if block.trait_.is_some() { block.into_token_stream() } else { TokenStream::new() };
    };
    let original = block.clone();
    let mut stay = Vec::new();
    let mut forwards = Vec::new();
    for item in std::mem::take(&mut block.items) {
        match item {
            ImplItem::Fn(mut method) if is_method(&method, errors) => {
                signature::on_tape(&mut method.sig);
                if method.sig.ident == "forward" {
                    forwards.push(method.clone());
                }
                block.items.push(ImplItem::Fn(method));
            }
            ImplItem::Fn(_) => stay.push(item),
            _ => block.items.push(item),
        }
    }
    block.generics = with_tape(&block.generics);
    *block.self_ty = target;
    let forwards = forwards.iter().map(|method| forward::forward(k, &block, method));
    let stay = (!stay.is_empty()).then(|| ItemImpl { items: stay, ..original });
    quote!(#block #(#forwards)* #stay)
}

/// `Net<A>` to `NetDraw<'t, A>`.
fn draw_of(block: &ItemImpl, errors: &mut Errors) -> Option<Type> {
    if let Some((path, _)) = &block.trait_ {
        let name = last_name(&block.self_ty);
        let shown = names::shown(path);
        let why = format_args!(
            "`#[bayesian]` goes on the model's own `impl {name}` block; \
             for a trait, write `impl<'t> {shown} for {name}Draw<'t>` without the attribute"
        );
        errors.at(path, why);
        return None;
    }
    if let Some(parameter) = block.generics.lifetimes().find(|parameter| parameter.lifetime.ident == "t") {
        errors.at(&parameter.lifetime, "`'t` is the lifetime of the tape in this block; name yours otherwise");
        return None;
    }
    let mut target = (*block.self_ty).clone();
    let Some(path) = path_mut(&mut target) else {
        errors.at(&block.self_ty, "expected the name of a struct or an enum with `#[bayesian]`");
        return None;
    };
    let last = path.segments.last_mut()?;
    last.ident = names::draw(&last.ident);
    signature::put_first(&mut last.arguments, names::tape());
    Some(target)
}

fn path_mut(ty: &mut Type) -> Option<&mut Path> {
    match ty {
        Type::Path(ty) if ty.qself.is_none() => Some(&mut ty.path),
        Type::Group(group) => path_mut(&mut group.elem),
        Type::Paren(paren) => path_mut(&mut paren.elem),
        _ => None,
    }
}

fn last_name(ty: &Type) -> String {
    match ty {
        Type::Path(ty) => ty.path.segments.last().map_or_else(String::new, |last| last.ident.to_string()),
        Type::Group(group) => last_name(&group.elem),
        _ => "Model".to_owned(),
    }
}

/// Whether the function can move; if not, why.
fn is_method(method: &ImplItemFn, errors: &mut Errors) -> bool {
    let sig = &method.sig;
    let Some(FnArg::Receiver(receiver)) = sig.inputs.first() else {
        let why = format_args!(
            "`{}` has no `self`, and this block is about a model whose weights are known; \
             put constructors into a plain `impl` without `#[bayesian]`",
            sig.ident
        );
        errors.at(&sig.ident, why);
        return false;
    };
    if matches!(&receiver.kind, ReceiverKind::Reference(_, _, Some(_))) {
        let why = "the weights of a draw do not change; take `&self`, or put what changes the model \
                   into a plain `impl` without `#[bayesian]`";
        errors.at(receiver, why);
        return false;
    }
    if let Some(parameter) = sig.generics.lifetimes().find(|parameter| parameter.lifetime.ident == "t") {
        errors.at(&parameter.lifetime, "`'t` is the lifetime of the tape in this block; name yours otherwise");
        return false;
    }
    true
}
