//! Generates method bodies with one statement per field, and the patterns, paths and contexts that they use.

use proc_macro2::{Ident, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};

use crate::ast::{Body, Field, Group, Model, Role, Segment, Style};
use crate::expand::at_scalar_field;
use crate::names;

/// The body of a generated method.
#[derive(Default)]
pub(crate) struct Walk {
    pub(crate) body: TokenStream,
    /// Whether the body uses the method's arguments.
    pub(crate) uses_arguments: bool,
}

impl Walk {
    /// The name of an argument: `_` if it is not used.
    pub(crate) fn argument(&self, name: &str) -> TokenStream {
        if self.uses_arguments { names::local(name).into_token_stream() } else { quote!(_) }
    }
}

/// A method whose signature mentions the scalar type. All of it has the span of that field, because rustc may report an
/// error about a method at any of its tokens.
pub(crate) fn method(model: &Model, signature: TokenStream, body: &TokenStream) -> TokenStream {
    let (signature, body) = (at_scalar_field(model, signature), at_scalar_field(model, quote!({ #body })));
    quote!(#signature #body)
}

/// How a walk borrows the fields of `self`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Borrow {
    Shared,
    Mutable,
}

/// Calls `statement` for each field with an expression that is a reference to the field, and joins the results.
pub(crate) fn each_field(
    model: &Model,
    borrow: Borrow,
    mut statement: impl FnMut(&Field, TokenStream) -> Option<TokenStream>,
) -> Walk {
    let mut uses_arguments = false;
    let mut statements = |group: &Group, place: &dyn Fn(usize, &Field) -> TokenStream| {
        let fields = group.fields.iter().enumerate();
        let written: Vec<_> = fields.map(|(i, field)| statement(field, place(i, field))).collect();
        uses_arguments |= written.iter().any(Option::is_some);
        written
    };
    let body = match &model.body {
        Body::Struct(group) => {
            let written = statements(group, &|_, field| field_of_self(model, field, borrow));
            let fields = || group.fields.iter().zip(&written);
            // Priors first, because they are drawn before the weights that name them.
            let priors = fields().filter(|(field, _)| is_prior(field)).map(|(_, written)| written);
            let others = fields().filter(|(field, _)| !is_prior(field)).map(|(_, written)| written);
            quote!(#(#priors;)* #(#others;)*)
        }
        Body::Enum(variants) => {
            let arms: Vec<_> = variants
                .iter()
                .map(|(variant, group)| {
                    let written = statements(group, &|i, _| binding(i).into_token_stream());
                    let used = |i: usize| written[i].is_some();
                    let pattern = pattern(group, used);
                    quote!(Self::#variant #pattern => { #(#written;)* })
                })
                .collect();
            let this = receiver(model);
            quote!(match #this { #(#arms)* })
        }
    };
    Walk { body, uses_arguments }
}

fn is_prior(field: &Field) -> bool {
    matches!(field.role(), Role::Prior)
}

/// `self`, the receiver of a method.
pub(crate) fn receiver(model: &Model) -> Ident {
    names::this(&model.name, model.name.span())
}

/// `&self.field`, placed at the field's type.
pub(crate) fn field_of_self(model: &Model, field: &Field, borrow: Borrow) -> TokenStream {
    let (first, last) = names::ends(&field.ty);
    let (this, member) = (names::this(&model.name, first), field.member_at(last));
    match borrow {
        Borrow::Shared => quote_spanned!(field.span()=> &#this.#member),
        Borrow::Mutable => quote_spanned!(field.span()=> &mut #this.#member),
    }
}

/// The variable that field `i` of a variant is bound to.
pub(crate) fn binding(i: usize) -> Ident {
    names::local(&format_ident!("field{i}").to_string())
}

/// The fields of a variant's pattern, without those that are not used.
pub(crate) fn pattern(group: &Group, used: impl Fn(usize) -> bool) -> TokenStream {
    let bindings = group.fields.iter().enumerate();
    match group.style {
        Style::Unit => TokenStream::new(),
        Style::Tuple => {
            let bindings = bindings.map(|(i, _)| if used(i) { binding(i).into_token_stream() } else { quote!(_) });
            quote!((#(#bindings),*))
        }
        Style::Named => {
            let bindings = bindings.filter(|(i, _)| used(*i)).map(|(i, field)| {
                let (member, binding) = (&field.member, binding(i));
                quote!(#member: #binding)
            });
            quote!({ #(#bindings,)* .. })
        }
    }
}

/// The path of the field's parameters, below `path`.
pub(crate) fn path(field: &Field) -> TokenStream {
    let span = field.span();
    let path = names::local_at("path", span);
    match &field.segment {
        Segment::Name(name) => quote_spanned!(span=> &#path.at(#name)),
        Segment::Index(i) => quote_spanned!(span=> &#path.index(#i)),
        Segment::Nothing => quote!(#path),
    }
}

/// The context of the field, below `cx`, with the same segments as its path.
pub(crate) fn cx(field: &Field) -> TokenStream {
    // In parentheses, so that the expression begins with a token that has the field's span, where rustc then reports
    // errors, and not at the attribute.
    let span = field.span();
    let cx = names::local_at("cx", span);
    match &field.segment {
        Segment::Name(name) => quote_spanned!(span=> (#cx).at(#name)),
        Segment::Index(i) => quote_spanned!(span=> (#cx).index(#i)),
        Segment::Nothing => quote!(#cx),
    }
}
