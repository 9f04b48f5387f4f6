//! Adds the tape's lifetime to signatures: `Var` becomes `Var<'t>`, however deeply nested.

use proc_macro2::{Ident, Span};
use syn::visit_mut::{self, VisitMut};
use syn::{
    AngleBracketedGenericArguments, FnArg, GenericArgument, Lifetime, PathArguments, Signature, Type, TypeImplTrait,
    TypeParamBound, TypePath, TypeReference,
};

use crate::names;

/// Gives every `Var` and `Weight` of a signature the tape's lifetime, unless one is written.
pub(crate) fn on_tape(signature: &mut Signature) {
    for input in &mut signature.inputs {
        OnTape.visit_fn_arg_mut(input);
    }
    OnTape.visit_return_type_mut(&mut signature.output);
    OnTape.visit_generics_mut(&mut signature.generics);
}

/// `self: &Net` to `self: &Self`.
pub(crate) fn on_draw(signature: &mut Signature, model: &Ident) {
    if let Some(FnArg::Receiver(receiver)) = signature.inputs.first_mut() {
        visit_mut::visit_receiver_mut(&mut OnDraw(model), receiver);
    }
}

struct OnDraw<'a>(&'a Ident);

impl VisitMut for OnDraw<'_> {
    fn visit_type_path_mut(&mut self, ty: &mut TypePath) {
        match (&ty.qself, ty.path.segments.last()) {
            (None, Some(last)) if last.ident == *self.0 => ty.path = Ident::new("Self", last.ident.span()).into(),
            _ => visit_mut::visit_type_path_mut(self, ty),
        }
    }
}

/// Adds the tape's lifetime to `Var` and `Weight`.
pub(crate) struct OnTape;

impl VisitMut for OnTape {
    fn visit_type_path_mut(&mut self, ty: &mut TypePath) {
        visit_mut::visit_type_path_mut(self, ty);
        let Some(last) = ty.path.segments.last_mut() else { return };
        if last.ident != "Var" && last.ident != "Weight" {
            return;
        }
        let written = matches!(&last.arguments, PathArguments::AngleBracketed(arguments)
            if arguments.args.iter().any(|argument| matches!(argument, GenericArgument::Lifetime(_))));
        if !written {
            put_first(&mut last.arguments, names::tape());
        }
    }
}

/// `Net<A>` to `Net<'t, A>`.
pub(crate) fn put_first(arguments: &mut PathArguments, lifetime: Lifetime) {
    match arguments {
        PathArguments::None => {
            *arguments = PathArguments::AngleBracketed(AngleBracketedGenericArguments {
                colon2_token: None,
                lt_token: Default::default(),
                args: [GenericArgument::Lifetime(lifetime)].into_iter().collect(),
                gt_token: Default::default(),
            });
        }
        PathArguments::AngleBracketed(written) => written.args.insert(0, GenericArgument::Lifetime(lifetime)),
        PathArguments::Parenthesized(_) => {}
    }
}

/// Names the elided lifetimes of a type, so that an impl header can contain it.
///
/// `None` if the type contains `impl Trait`, which an impl header cannot contain.
pub(crate) fn named_lifetimes(ty: &Type) -> Option<(Type, Vec<Lifetime>)> {
    let mut named = ty.clone();
    let mut naming = Naming { names: Vec::new(), unnameable: false };
    naming.visit_type_mut(&mut named);
    (!naming.unnameable).then_some((named, naming.names))
}

struct Naming {
    names: Vec<Lifetime>,
    unnameable: bool,
}

impl Naming {
    fn next(&mut self) -> Lifetime {
        let lifetime = Lifetime::new(&format!("'x{}", self.names.len()), Span::call_site());
        self.names.push(lifetime.clone());
        lifetime
    }
}

impl VisitMut for Naming {
    fn visit_type_reference_mut(&mut self, ty: &mut TypeReference) {
        if ty.lifetime.is_none() {
            ty.lifetime = Some(self.next());
        }
        visit_mut::visit_type_reference_mut(self, ty);
    }

    fn visit_lifetime_mut(&mut self, lifetime: &mut Lifetime) {
        if lifetime.ident == "_" {
            *lifetime = self.next();
        }
    }

    fn visit_type_impl_trait_mut(&mut self, _: &mut TypeImplTrait) {
        self.unnameable = true;
    }

    fn visit_type_param_bound_mut(&mut self, _: &mut TypeParamBound) {
        // Keep elided lifetimes within `dyn Fn(&T)`: the bound declares them.
    }
}
