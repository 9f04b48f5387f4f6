//! Generates the impl of `Parameters`: `visit` and `visit_mut` over the named parameters.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};

use crate::ast::{Model, Role};
use crate::expand::prior;
use crate::expand::walk::{self, Borrow, Walk};
use crate::expand::{at_scalar_field, scalar_span};
use crate::names;

/// `impl Parameters`.
pub(crate) fn parameters(model: &Model, scalar: &TokenStream, visit: Walk, visit_mut: Walk) -> TokenStream {
    let (k, name) = (&model.root, &model.name);
    let (impl_generics, type_generics, where_clause) = model.generics.split_for_impl();
    let (this, span) = (walk::receiver(model), scalar_span(model));
    let (here, long) = (names::placed(k, span), names::lifetime("a", &model.generics));
    let each = at_scalar_field(model, quote!(#k::Each<'_, #long, Self>));
    let each_mut = at_scalar_field(model, quote!(#k::EachMut<'_, Self>));
    let (path, f, body) = (visit.argument("path"), visit.argument("f"), visit.body);
    let (path_mut, f_mut, body_mut) = (visit_mut.argument("path"), visit_mut.argument("f"), visit_mut.body);
    let visit = quote_spanned! {span=>
        fn visit<#long>(&#long #this, #path: &#here::Path<'_>, #f: &mut #each)
    };
    let visit_mut = quote_spanned! {span=>
        fn visit_mut(&mut #this, #path_mut: &#here::Path<'_>, #f_mut: &mut #each_mut)
    };
    let (visit, visit_mut) = (walk::method(model, visit, &body), walk::method(model, visit_mut, &body_mut));
    quote! {
        #[automatically_derived]
        impl #impl_generics #k::Parameters for #name #type_generics #where_clause {
            type Scalar = #scalar;
            #visit
            #visit_mut
        }
    }
}

/// The body of `visit`.
pub(crate) fn walk(model: &Model) -> Walk {
    visit(model, Borrow::Shared, "visit")
}

/// The body of `visit_mut`.
pub(crate) fn walk_mut(model: &Model) -> Walk {
    visit(model, Borrow::Mutable, "visit_mut")
}

fn visit(model: &Model, borrow: Borrow, method: &str) -> Walk {
    walk::each_field(model, borrow, |field, place| {
        let (span, path) = (field.span(), walk::path(field));
        let (k, f) = (names::placed(&model.root, span), names::local_at("f", span));
        let [weight, part] = ["part", "in"].map(|of| Ident::new(&format!("{method}_{of}"), span));
        let own = Ident::new(method, span);
        match field.role() {
            Role::Skipped => None,
            Role::Weight { .. } => Some(quote_spanned!(span=> #k::Parameters::#weight(#place, #path, #f))),
            Role::Prior => {
                let of = prior::of_model(model, field);
                Some(names::qualified(&field.ty, &of, quote_spanned!(span=> #own(#place, #path, #f))))
            }
            // A method of `Bayesian`, so that rustc reports a field that is not a model once, and not once per trait.
            Role::Layer => {
                let ty = &field.ty;
                Some(names::qualified(ty, &quote!(#k::Bayesian), quote_spanned!(span=> #part(#place, #path, #f))))
            }
        }
    })
}
