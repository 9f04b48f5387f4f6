//! Rewrites the bodies of methods that move to the draw: what the model's name and `Self` mean there.
//!
//! | written | means |
//! |---|---|
//! | `Net { a, b }`, `Net(a, b)`, `Net::Variant(..)` as a pattern | the draw, without its hidden field |
//! | `Net::Variant(..)`, `Net::method` as an expression | the draw's |
//! | `Net::new()`, `Self::new()` of a function without `self` | the model's, where the function stays |
//! | `Net { .. }` and `Net(..)` as expressions, and `Net` as a type | the model: a draw is made by drawing |
//! | `|x: Var|` | a variable on the tape of this draw |

use proc_macro2::{Group, Ident, Span, TokenStream, TokenTree};
use quote::{ToTokens, quote, quote_spanned};
use syn::parse::{ParseStream, Parser};
use syn::visit_mut::{self, VisitMut};
use syn::{
    Block, Expr, ExprCall, ExprClosure, ExprPath, ExprStruct, Item, Macro, Member, Pat, PatStruct, PatTupleStruct,
    Path, QSelf, Token, Type, parse_quote_spanned,
};

use crate::expand::signature::OnTape;

/// The names of the impl block around a body.
pub(crate) struct Names<'a> {
    pub(crate) model: &'a Type,
    /// The last segment of the model's path, by which bodies refer to the model.
    pub(crate) name: &'a Ident,
    /// The methods, which move to the draw.
    pub(crate) moved: &'a [Ident],
    /// The functions that stay on the model.
    pub(crate) staying: &'a [Ident],
}

/// Rewrites a body so that `self` is the draw.
pub(crate) fn on_draw(body: &mut Block, names: &Names<'_>) {
    InBody(names).visit_block_mut(body);
}

struct InBody<'a>(&'a Names<'a>);

impl InBody<'_> {
    /// The first segment of a path if it is `Net` or `Self`, and the segment that follows.
    fn own<'p>(&self, qself: Option<&QSelf>, path: &'p Path) -> Option<(&'p Ident, Option<&'p Ident>)> {
        let first = path.segments.first().filter(|_| qself.is_none() && path.leading_colon.is_none())?;
        let is_own = first.ident == "Self" || first.ident == *self.0.name;
        is_own.then(|| (&first.ident, path.segments.get(1).map(|segment| &segment.ident)))
    }

    /// `Net::Variant` to `Self::Variant`.
    fn to_self(&self, qself: Option<&QSelf>, path: &mut Path) {
        if let Some((first, _)) = self.own(qself, path) {
            let this = Ident::new("Self", first.span());
            path.segments[0] = this.into();
        }
    }

    /// Whether `Net::word` refers to the draw, judging by its spelling and by whether it is called.
    fn is_draws(&self, word: &Ident, called: bool) -> bool {
        let text = word.to_string();
        let capital = text.starts_with(char::is_uppercase);
        self.0.moved.contains(word) || capital && (called || text.contains(char::is_lowercase))
    }

    fn path(&self, qself: &mut Option<QSelf>, path: &mut Path, called: bool) {
        let Some((first, Some(word))) = self.own(qself.as_ref(), path) else { return };
        if self.0.staying.contains(word) {
            let (model, rest) = (self.0.model, path.segments.iter().skip(1));
            let on_model: ExprPath = parse_quote_spanned!(first.span()=> <#model>::#(#rest)::*);
            (*qself, *path) = (on_model.qself, on_model.path);
        } else if self.is_draws(word, called) {
            self.to_self(None, path);
        }
    }

    /// Rewrites paths in a macro's tokens, which are not parsed.
    fn tokens(&self, tokens: TokenStream) -> TokenStream {
        let tokens: Vec<TokenTree> = tokens.into_iter().collect();
        let is = |i: usize, punct: char| matches!(tokens.get(i), Some(TokenTree::Punct(at)) if at.as_char() == punct);
        let own = |i: usize| {
            let begins = i == 0 || !is(i - 1, ':') && !is(i - 1, '.');
            let word = match (tokens.get(i), tokens.get(i + 3)) {
                (Some(TokenTree::Ident(first)), Some(TokenTree::Ident(word)))
                    if begins && (first == "Self" || first == self.0.name) =>
                {
                    word
                }
                _ => return None,
            };
            (is(i + 1, ':') && is(i + 2, ':')).then_some(word)
        };
        let rewritten = tokens.iter().enumerate().map(|(i, token)| match token {
            TokenTree::Group(group) => {
                let mut inner = Group::new(group.delimiter(), self.tokens(group.stream()));
                inner.set_span(group.span());
                TokenTree::Group(inner).into()
            }
            token => match own(i) {
                Some(word) if self.0.staying.contains(word) => {
                    let model = self.0.model;
                    quote_spanned!(token.span()=> <#model>)
                }
                Some(word) if self.is_draws(word, matches!(tokens.get(i + 4), Some(TokenTree::Group(_)))) => {
                    Ident::new("Self", token.span()).into_token_stream()
                }
                _ => token.to_token_stream(),
            },
        });
        rewritten.collect()
    }
}

impl VisitMut for InBody<'_> {
    /// Items in a body do not refer to the block around them.
    fn visit_item_mut(&mut self, _: &mut Item) {}

    fn visit_expr_closure_mut(&mut self, closure: &mut ExprClosure) {
        for input in &mut closure.inputs {
            OnTape.visit_pat_mut(input);
        }
        OnTape.visit_return_type_mut(&mut closure.output);
        visit_mut::visit_expr_closure_mut(self, closure);
    }

    fn visit_expr_path_mut(&mut self, path: &mut ExprPath) {
        self.path(&mut path.qself, &mut path.path, false);
        visit_mut::visit_expr_path_mut(self, path);
    }

    fn visit_expr_call_mut(&mut self, call: &mut ExprCall) {
        if let Expr::Path(function) = &mut *call.func {
            self.path(&mut function.qself, &mut function.path, true);
        }
        visit_mut::visit_expr_call_mut(self, call);
    }

    fn visit_expr_struct_mut(&mut self, literal: &mut ExprStruct) {
        self.path(&mut literal.qself, &mut literal.path, true);
        visit_mut::visit_expr_struct_mut(self, literal);
    }

    fn visit_pat_mut(&mut self, pattern: &mut Pat) {
        if let Pat::Path(path) = pattern
            && path.path.segments.len() > 1
        {
            self.to_self(path.qself.as_ref(), &mut path.path);
        }
        visit_mut::visit_pat_mut(self, pattern);
    }

    fn visit_pat_struct_mut(&mut self, pattern: &mut PatStruct) {
        self.to_self(pattern.qself.as_ref(), &mut pattern.path);
        if pattern.path.is_ident("Self") && pattern.rest.is_none() {
            let is_taken = |name: &str| {
                pattern.fields.iter().any(|field| matches!(&field.member, Member::Named(member) if member == name))
            };
            let marker = Ident::new(&crate::names::marker(is_taken), Span::call_site());
            pattern.fields.push(syn::FieldPat {
                attrs: Vec::new(),
                member: Member::Named(marker),
                colon_token: Some(Default::default()),
                pat: Box::new(syn::parse_quote!(_)),
            });
        }
        visit_mut::visit_pat_struct_mut(self, pattern);
    }

    fn visit_pat_tuple_struct_mut(&mut self, pattern: &mut PatTupleStruct) {
        self.to_self(pattern.qself.as_ref(), &mut pattern.path);
        let is_whole = !pattern.elems.iter().any(|elem| matches!(elem, Pat::Rest(_)));
        if pattern.path.is_ident("Self") && is_whole {
            pattern.elems.push(syn::parse_quote!(_));
        }
        visit_mut::visit_pat_tuple_struct_mut(self, pattern);
    }

    fn visit_macro_mut(&mut self, call: &mut Macro) {
        let matched = |input: ParseStream<'_>| {
            let mut value: Expr = input.parse()?;
            let comma: Token![,] = input.parse()?;
            let mut pattern = Pat::parse_multi_with_leading_vert(input)?;
            let rest: TokenStream = input.parse()?;
            self.visit_expr_mut(&mut value);
            self.visit_pat_mut(&mut pattern);
            let rest = self.tokens(rest);
            Ok(quote!(#value #comma #pattern #rest))
        };
        let is_matches = call.path.segments.last().is_some_and(|last| last.ident == "matches");
        let read = if is_matches { matched.parse2(call.tokens.clone()).ok() } else { None };
        call.tokens = read.unwrap_or_else(|| self.tokens(call.tokens.clone()));
    }
}
