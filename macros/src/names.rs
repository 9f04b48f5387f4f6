//! Identifiers and spans of generated code: names that cannot clash with the user's, placed where rustc should report
//! errors.
//!
//! Local variables get `mixed_site` hygiene: an expression of the user's, such as the prior in
//! `#[prior(path(1.0))]`, does not see them. Items have absolute paths. Only two names may clash with the user's: the
//! tape's lifetime `'t`, and the draw's `…Draw`.

use proc_macro_crate::FoundCrate;
use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::{Generics, Lifetime, Path, Type};

/// The path of the crate elbo: from `crate = path`, or else its name in the user's Cargo.toml.
///
/// elbo declares `extern crate self as elbo`, so `::elbo` is right inside elbo itself too.
pub(crate) fn root(written: Option<&Path>) -> TokenStream {
    if let Some(path) = written {
        return quote!(#path);
    }
    match proc_macro_crate::crate_name("elbo") {
        Ok(FoundCrate::Name(name)) => {
            let name = Ident::new(&name, Span::call_site());
            quote!(::#name)
        }
        Ok(FoundCrate::Itself) | Err(_) => quote!(::elbo),
    }
}

/// The tokens with the span `span`, where rustc then reports an error about the path. Groups keep the spans of their
/// contents, such as the arguments of a call.
pub(crate) fn placed(tokens: &TokenStream, span: Span) -> TokenStream {
    let at = |mut token: TokenTree| {
        token.set_span(span);
        token
    };
    tokens.clone().into_iter().map(at).collect()
}

/// `<ty as of>::item`, with spans from the beginning of the type to its end: rustc reports equal errors with equal spans
/// once.
pub(crate) fn qualified(ty: &Type, of: &TokenStream, item: TokenStream) -> TokenStream {
    qualified_at(ty, of, item, ty)
}

/// [`qualified`], placed at another type: rustc reports the missing traits of the type itself where `ty` is, and those of
/// the types in the item's signature at `place`.
pub(crate) fn qualified_at(ty: &Type, of: &TokenStream, item: TokenStream, place: &Type) -> TokenStream {
    let (first, last) = ends(place);
    let item = placed(&quote!(::#item), last);
    let open = quote_spanned!(first=> <);
    quote_spanned!(first=> #open #ty as #of> #item)
}

/// The tokens with the span of `ty`: the last at its end, the others at its beginning.
pub(crate) fn across(tokens: &TokenStream, ty: &Type) -> TokenStream {
    let (first, last) = ends(ty);
    let mut placed: Vec<TokenTree> = placed(tokens, first).into_iter().collect();
    if let Some(token) = placed.last_mut() {
        token.set_span(last);
    }
    placed.into_iter().collect()
}

/// Tokens formatted as a user would write them.
pub(crate) fn shown(tokens: impl ToTokens) -> String {
    let mut text = tokens.to_token_stream().to_string();
    for (spaced, close) in
        [(" :: ", "::"), (" < ", "<"), (" >", ">"), ("& ", "&"), (" ,", ","), (" (", "("), ("Fn (", "Fn(")]
    {
        text = text.replace(spaced, close);
    }
    text
}

/// The spans of a type's first and last token. Stable Rust cannot join spans.
pub(crate) fn ends(ty: &Type) -> (Span, Span) {
    let mut tokens = ty.to_token_stream().into_iter();
    let Some(first) = tokens.next() else { return (Span::call_site(), Span::call_site()) };
    let last = match tokens.last() {
        Some(TokenTree::Group(group)) => group.span_close(),
        Some(token) => token.span(),
        None => first.span(),
    };
    (first.span(), last)
}

/// The name of the draw of the model `name`.
pub(crate) fn draw(name: &Ident) -> Ident {
    format_ident!("{name}Draw", span = name.span())
}

/// The lifetime of the tape. Users write it too, in signatures such as `State<'t>`.
pub(crate) fn tape() -> Lifetime {
    Lifetime::new("'t", Span::call_site())
}

/// The name of a draw's `PhantomData` field, different from the user's fields.
pub(crate) fn marker(is_taken: impl Fn(&str) -> bool) -> String {
    let mut name = "_tape".to_owned();
    while is_taken(&name) {
        name.insert(0, '_');
    }
    name
}

/// A lifetime for a method, by default `wanted`, that no lifetime of `generics` shadows.
pub(crate) fn lifetime(wanted: &str, generics: &Generics) -> Lifetime {
    let taken = |name: &str| generics.lifetimes().any(|parameter| parameter.lifetime.ident == name);
    let mut name = wanted.to_owned();
    while taken(&name) {
        name.push('_');
    }
    Lifetime::new(&format!("'{name}"), Span::call_site())
}

/// A local variable that the user's expressions do not see.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// A local variable that the user's expressions do not see, shown at `span` in messages.
pub(crate) fn local_at(name: &str, span: Span) -> Ident {
    Ident::new(name, Span::mixed_site().located_at(span))
}

/// `self`, shown at `span` in messages. It has the hygiene of the model's name, so that it is the same in all generated
/// code even if a field's type is from a macro's `$t:ty`.
pub(crate) fn this(model: &Ident, span: Span) -> Ident {
    Ident::new("self", model.span().located_at(span))
}

/// The tokens with each `self` replaced by that of generated code.
pub(crate) fn with_this(tokens: TokenStream, model: &Ident) -> TokenStream {
    let same = |token| match token {
        TokenTree::Ident(ident) if ident == "self" => this(model, ident.span()).into(),
        TokenTree::Group(group) => {
            let mut inner = Group::new(group.delimiter(), with_this(group.stream(), model));
            inner.set_span(group.span());
            inner.into()
        }
        token => token,
    };
    tokens.into_iter().map(same).collect()
}
