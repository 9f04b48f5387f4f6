//! Moves the methods of an impl block from the model to its draw.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens, quote};
use syn::{FnArg, ImplItem, ImplItemFn, ItemImpl, Path, Receiver, ReceiverKind, Type, parse_quote};

use crate::check::mentions_tokens;
use crate::errors::Errors;
use crate::expand::body::{self, Names};
use crate::expand::{forward, signature, with_tape};
use crate::names;

/// Returns the moved block, an impl of `Forward` if it has a forward, and the items that stay on the model. Reports errors.
pub(crate) fn implementation(k: &TokenStream, mut block: ItemImpl, errors: &mut Errors) -> TokenStream {
    let Some(target) = draw_of(&block, errors) else {
        // An impl of a trait compiles without the attribute, so it is kept.
        return if block.trait_.is_some() { block.into_token_stream() } else { TokenStream::new() };
    };
    let mut model = ItemImpl { items: Vec::new(), ..block.clone() };
    let items = std::mem::take(&mut block.items).into_iter();
    let (staying, mut moved): (Vec<_>, Vec<_>) = items.partition(|item| stays(item, errors));
    let named = |items: &[ImplItem]| -> Vec<Ident> {
        let functions = items.iter().filter_map(|item| match item {
            ImplItem::Fn(function) => Some(function.sig.ident.clone()),
            _ => None,
        });
        functions.collect()
    };
    let (model_names, draw_names) = (named(&staying), named(&moved));
    let name = path_mut(&mut block.self_ty).and_then(|path| Some(path.segments.last()?.ident.clone()));
    let names =
        name.as_ref().map(|name| Names { model: &model.self_ty, name, moved: &draw_names, staying: &model_names });
    let mut forwards = Vec::new();
    for item in &mut moved {
        let ImplItem::Fn(method) = item else { continue };
        signature::on_tape(&mut method.sig);
        if let Some(names) = &names {
            signature::on_draw(&mut method.sig, names.name);
            body::on_draw(&mut method.block, names);
        }
        if method.sig.ident == "forward" {
            forwards.push(method.clone());
        }
    }
    moved.extend(staying.iter().filter_map(|item| constant(item, &model.self_ty)));
    block.items = moved;
    block.generics = with_tape(&block.generics);
    *block.self_ty = target;
    let forwards = forwards.iter().map(|method| forward::forward(k, &block, method));
    model.items = staying;
    let stay = (!model.items.is_empty()).then_some(model);
    quote!(#block #(#forwards)* #stay)
}

/// Whether an item stays on the model: a constant, a function without `self`, or a method that cannot move, which is
/// reported.
fn stays(item: &ImplItem, errors: &mut Errors) -> bool {
    match item {
        ImplItem::Const(_) => true,
        ImplItem::Fn(function) => match function.sig.inputs.first() {
            Some(FnArg::Receiver(receiver)) => !may_move(function, receiver, errors),
            _ => true,
        },
        _ => false,
    }
}

/// Copies a constant to the draw's type, so that `Self::CONSTANT` works in moved methods.
fn constant(item: &ImplItem, model: &Type) -> Option<ImplItem> {
    let ImplItem::Const(constant) = item else { return None };
    if mentions_tokens(constant.ty.to_token_stream(), &Ident::new("Self", Span::call_site())) {
        return None;
    }
    let (name, mut copy) = (&constant.ident, constant.clone());
    copy.attrs.retain(|attr| attr.path().is_ident("cfg") || attr.path().is_ident("doc"));
    copy.attrs.push(parse_quote!(#[allow(dead_code)]));
    copy.expr = parse_quote!(<#model>::#name);
    Some(ImplItem::Const(copy))
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
        errors.at(&parameter.lifetime, "`'t` is the lifetime of the tape in this block; use another name");
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

/// Whether the method can move; if it cannot, reports why.
fn may_move(method: &ImplItemFn, receiver: &Receiver, errors: &mut Errors) -> bool {
    let sig = &method.sig;
    if is_mutable(receiver) {
        let why = "the weights of a draw are immutable; take `&self`, or move this method \
                   to an `impl` block without `#[bayesian]`";
        errors.at(receiver, why);
        return false;
    }
    if let Some(parameter) = sig.generics.lifetimes().find(|parameter| parameter.lifetime.ident == "t") {
        errors.at(&parameter.lifetime, "`'t` is the lifetime of the tape in this block; use another name");
        return false;
    }
    true
}

/// `&mut self`, or `self: &mut Self`.
fn is_mutable(receiver: &Receiver) -> bool {
    match &receiver.kind {
        ReceiverKind::Reference(_, _, mutability) => mutability.is_some(),
        ReceiverKind::Typed(_, ty) => matches!(&**ty, Type::Reference(reference) if reference.mutability.is_some()),
        _ => false,
    }
}
