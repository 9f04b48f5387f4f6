//! Generates the impl of `Forward`, through which generic code calls a model's forward.

use proc_macro2::TokenStream;
use quote::quote;
use syn::{FnArg, ImplItemFn, ItemImpl, ReceiverKind, ReturnType, Safety, Type, parse_quote};

use crate::expand::signature::named_lifetimes;
use crate::names;

/// `impl Forward<'t, A>` for `fn forward(&self, x: A) -> B`; `None` for any other signature.
pub(crate) fn forward(k: &TokenStream, block: &ItemImpl, method: &ImplItemFn) -> Option<TokenStream> {
    let sig = &method.sig;
    let generic = !sig.generics.params.is_empty() || sig.generics.where_clause.is_some();
    if generic || sig.asyncness.is_some() || matches!(sig.safety, Safety::Unsafe(_)) {
        return None;
    }
    let mut inputs = sig.inputs.iter();
    let (Some(FnArg::Receiver(receiver)), Some(FnArg::Typed(input)), None) =
        (inputs.next(), inputs.next(), inputs.next())
    else {
        return None;
    };
    let (input, lifetimes) = named_lifetimes(&input.ty)?;
    let output: Type = match &sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    // An associated type cannot name an output that borrows the input.
    if !named_lifetimes(&output)?.1.is_empty() {
        return None;
    }
    let mut generics = block.generics.clone();
    for lifetime in lifetimes {
        generics.params.insert(1, parse_quote!(#lifetime));
    }
    let (impl_generics, _, where_clause) = generics.split_for_impl();
    let (draw, tape, x) = (&block.self_ty, names::tape(), names::local("x"));
    // The impl repeats the forward's `#[cfg]` and `#[track_caller]`.
    let named = |name: &'static str| method.attrs.iter().filter(move |attr| attr.path().is_ident(name));
    let (cfg, track_caller) = (named("cfg"), named("track_caller"));
    let this = match &receiver.kind {
        ReceiverKind::Reference(..) => quote!(self),
        ReceiverKind::Value => quote!(*self),
        ReceiverKind::Typed(_, ty) => match &**ty {
            Type::Reference(reference) if is_self(&reference.elem) => quote!(self),
            ty if is_self(ty) => quote!(*self),
            _ => return None,
        },
        _ => return None,
    };
    Some(quote! {
        #(#cfg)*
        #[automatically_derived]
        impl #impl_generics #k::Forward<#tape, #input> for #draw #where_clause {
            type Out = #output;
            #(#track_caller)*
            fn forward(&self, #x: #input) -> #output {
                <#draw>::forward(#this, #x)
            }
        }
    })
}

fn is_self(ty: &Type) -> bool {
    matches!(ty, Type::Path(path) if path.qself.is_none() && path.path.is_ident("Self"))
}
