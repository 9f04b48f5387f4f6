//! Parses the attributes of a model and its fields. Each keeps its tokens, so that errors are reported there.

use proc_macro2::TokenStream;
use syn::parse::{Parse, ParseStream, Parser};
use syn::{Attribute, Expr, Ident, Lit, LitStr, Meta, Path, Token};

use crate::errors::Errors;

/// The attributes that the hidden derive owns.
pub(crate) const HELPERS: [&str; 4] = ["prior", "skip", "kl", "name"];

/// The attribute that passes `#[bayesian(crate = …)]` to the hidden derive.
pub(crate) const CRATE: &str = "elbo_crate";

/// The attribute that passes `#[bayesian(recursive(…))]` to the hidden derive.
pub(crate) const RECURSIVE: &str = "elbo_recursive";

/// The options of `#[bayesian(..)]`.
#[derive(Default)]
pub(crate) struct Options {
    /// `crate = path`.
    pub(crate) root: Option<Path>,
    /// `recursive(Other)`: the models through which this one contains itself.
    pub(crate) recursive: Vec<Path>,
}

/// The helper attributes of a field.
#[derive(Default)]
pub(crate) struct FieldAttrs {
    pub(crate) prior: Option<Prior>,
    pub(crate) skip: Option<Attribute>,
    /// `#[kl(monte_carlo)]`.
    pub(crate) kl: Option<Attribute>,
    pub(crate) name: Option<Name>,
}

/// `#[prior(EXPR)]`.
pub(crate) struct Prior {
    pub(crate) attr: Attribute,
    /// Empty if the expression did not parse, which was reported.
    pub(crate) value: Expr,
}

/// `#[name("…")]`.
pub(crate) struct Name {
    pub(crate) attr: Attribute,
    pub(crate) value: LitStr,
}

impl FieldAttrs {
    pub(crate) fn read(attrs: &[Attribute], errors: &mut Errors) -> Self {
        let mut read = FieldAttrs::default();
        for attr in attrs {
            if attr.path().is_ident("prior") {
                if read.prior.is_some() {
                    errors.at(attr, "this field already has a prior; keep one `#[prior(..)]`");
                } else {
                    let value = errors.keep(prior(attr)).unwrap_or_else(|| Expr::Verbatim(TokenStream::new()));
                    read.prior = Some(Prior { attr: attr.clone(), value });
                }
            } else if attr.path().is_ident("skip") {
                if once(&read.skip, attr, errors) {
                    errors.keep(skip(attr));
                    read.skip = Some(attr.clone());
                }
            } else if attr.path().is_ident("kl") {
                if once(&read.kl, attr, errors) && errors.keep(kl(attr)).is_some() {
                    read.kl = Some(attr.clone());
                }
            } else if attr.path().is_ident("name")
                && once(&read.name, attr, errors)
                && let Some(value) = errors.keep(name(attr))
            {
                read.name = Some(Name { attr: attr.clone(), value });
            }
        }
        read
    }
}

/// Whether `attr` is the first of its kind.
fn once<T>(before: &Option<T>, attr: &Attribute, errors: &mut Errors) -> bool {
    if before.is_some() {
        let name = &attr.path().segments[0].ident;
        errors.at(attr, format_args!("`#[{name}]` is already written for this field; remove this one"));
    }
    before.is_none()
}

fn prior(attr: &Attribute) -> syn::Result<Expr> {
    const HELP: &str = "write the prior in parentheses: `#[prior(Normal(0.0, 1.0))]`, or `#[prior(self.field)]`";
    let Meta::List(list) = &attr.meta else {
        return Err(syn::Error::new_spanned(attr, HELP));
    };
    if list.tokens.is_empty() {
        return Err(syn::Error::new_spanned(attr, HELP));
    }
    let value = |input: ParseStream<'_>| {
        let value = input.parse::<Expr>()?;
        if !input.is_empty() {
            let rest: TokenStream = input.parse()?;
            return Err(syn::Error::new_spanned(rest, "`#[prior(..)]` takes a single expression, the prior"));
        }
        Ok(value)
    };
    value.parse2(list.tokens.clone())
}

fn skip(attr: &Attribute) -> syn::Result<()> {
    match &attr.meta {
        Meta::Path(_) => Ok(()),
        Meta::List(list) if !list.tokens.is_empty() => {
            Err(syn::Error::new_spanned(&list.tokens, "`#[skip]` does not take options; write `#[skip]`"))
        }
        meta => Err(syn::Error::new_spanned(meta, "`#[skip]` does not take options; write `#[skip]`")),
    }
}

fn kl(attr: &Attribute) -> syn::Result<()> {
    let allowed = "the only option of `#[kl]` is `monte_carlo`";
    match &attr.meta {
        Meta::List(list) => {
            let options = list.parse_args_with(syn::punctuated::Punctuated::<Meta, Token![,]>::parse_terminated)?;
            let mut options = options.iter();
            match options.next() {
                None => {
                    return Err(syn::Error::new_spanned(attr, format_args!("{allowed}: write `#[kl(monte_carlo)]`")));
                }
                Some(Meta::Path(path)) if path.is_ident("monte_carlo") => {}
                Some(other) => return Err(unknown(other, allowed)),
            }
            options.next().map_or(Ok(()), |more| Err(unknown(more, allowed)))
        }
        meta => Err(syn::Error::new_spanned(meta, format_args!("{allowed}: write `#[kl(monte_carlo)]`"))),
    }
}

fn unknown(option: &Meta, allowed: &str) -> syn::Error {
    match option.path().get_ident() {
        Some(name) => syn::Error::new_spanned(option, format_args!("unknown option `{name}`; {allowed}")),
        None => syn::Error::new_spanned(option, format_args!("unknown option; {allowed}")),
    }
}

fn name(attr: &Attribute) -> syn::Result<LitStr> {
    const HELP: &str = "write the parameter's name as a string: `#[name(\"weight\")]`";
    let Meta::List(list) = &attr.meta else {
        return Err(syn::Error::new_spanned(attr, HELP));
    };
    let Ok(Lit::Str(value)) = syn::parse2::<Lit>(list.tokens.clone()) else {
        return Err(syn::Error::new_spanned(attr, HELP));
    };
    let text = value.value();
    // Checkpoints look parameters up by dotted path, in which a number is an index.
    if text.contains('.') || text.starts_with(|c: char| c.is_ascii_digit()) {
        let rule = "a parameter's name cannot contain a dot or begin with a digit";
        return Err(syn::Error::new_spanned(value, rule));
    }
    Ok(value)
}

/// `crate = path`, or `crate = "path"`, and `recursive(Model, ..)`.
pub(crate) fn bayesian(options: TokenStream) -> syn::Result<Options> {
    let read = |input: ParseStream<'_>| {
        let mut read = Options::default();
        while !input.is_empty() {
            if input.peek(Token![crate]) {
                root(input, &mut read)?;
            } else {
                recursive(input, &mut read)?;
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(read)
    };
    read.parse2(options)
}

fn root(input: ParseStream<'_>, options: &mut Options) -> syn::Result<()> {
    let word = input.parse::<Token![crate]>()?;
    if options.root.is_some() {
        return Err(syn::Error::new_spanned(word, "`crate` is already set; keep one"));
    }
    if input.parse::<Token![=]>().is_err() {
        return Err(syn::Error::new_spanned(word, "write the path of elbo: `#[bayesian(crate = path)]`"));
    }
    options.root = Some(if input.peek(LitStr) {
        input.parse::<LitStr>()?.parse_with(Path::parse_mod_style)?
    } else {
        input.call(Path::parse_mod_style)?
    });
    Ok(())
}

fn recursive(input: ParseStream<'_>, options: &mut Options) -> syn::Result<()> {
    const ALLOWED: &str = "the options of `#[bayesian]` are `crate = path` and `recursive(Model)`";
    let rest = input.fork();
    let word = input.parse::<Ident>();
    if !word.as_ref().is_ok_and(|word| word == "recursive") {
        let option = word.map_or_else(|_| "unknown option".to_owned(), |name| format!("unknown option `{name}`"));
        let rest: TokenStream = rest.parse()?;
        return Err(syn::Error::new_spanned(rest, format_args!("{option}; {ALLOWED}")));
    }
    let how = "name the models through which this one contains itself: `#[bayesian(recursive(Model))]`";
    if !input.peek(syn::token::Paren) {
        return Err(syn::Error::new_spanned(word?, how));
    }
    let models;
    let at = syn::parenthesized!(models in input);
    if models.is_empty() {
        return Err(syn::Error::new(at.span.join(), how));
    }
    options.recursive.extend(models.parse_terminated(Path::parse, Token![,])?);
    Ok(())
}
