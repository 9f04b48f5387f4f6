//! The parsed form of a `#[bayesian]` struct or enum: its fields, their attributes and their roles.

use proc_macro2::{Ident, Span, TokenStream};
use syn::punctuated::Punctuated;
use syn::spanned::Spanned;
use syn::visit_mut::{self, VisitMut};
use syn::{Attribute, Data, DeriveInput, Fields, Generics, Index, Member, Path, Token, Type, Visibility, parse_quote};

use crate::attr::{self, FieldAttrs};
use crate::check::mentions;
use crate::errors::Errors;
use crate::expand::prior;
use crate::names;

/// A struct or an enum of layers.
pub(crate) struct Model {
    /// The path of the crate elbo.
    pub(crate) root: TokenStream,
    pub(crate) vis: Visibility,
    pub(crate) name: Ident,
    pub(crate) generics: Generics,
    pub(crate) body: Body,
    /// The other models through which this one contains itself.
    pub(crate) recursive: Vec<Path>,
    /// The attributes of the type and of an enum's variants, where helper attributes are errors.
    pub(crate) not_on_fields: Vec<Attribute>,
}

pub(crate) enum Body {
    Struct(Group),
    Enum(Vec<(Ident, Group)>),
}

/// The fields of a struct or of a variant.
pub(crate) struct Group {
    pub(crate) style: Style,
    pub(crate) fields: Vec<Field>,
}

#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Style {
    Named,
    Tuple,
    Unit,
}

pub(crate) struct Field {
    pub(crate) member: Member,
    pub(crate) vis: Visibility,
    pub(crate) ty: Type,
    pub(crate) attrs: FieldAttrs,
    /// The segment of the parameter's path.
    pub(crate) segment: Segment,
    /// Whether a weight names this field as its prior: `#[prior(self.field)]`.
    pub(crate) is_prior: bool,
}

/// What a field adds to the paths of the parameters in it.
#[derive(PartialEq)]
pub(crate) enum Segment {
    Name(String),
    Index(usize),
    /// No segment: the field of `Block::Dense(layer)`, and a field with `#[name("")]`.
    Nothing,
}

impl Model {
    /// Parses the input of the derive. `#[bayesian]` has rejected unions before.
    pub(crate) fn read(input: DeriveInput, errors: &mut Errors) -> Self {
        let mut not_on_fields = input.attrs;
        let root = not_on_fields.iter().find(|attr| attr.path().is_ident(attr::CRATE));
        let root = root.and_then(|attr| attr.parse_args_with(Path::parse_mod_style).ok());
        let recursive = not_on_fields.iter().find(|attr| attr.path().is_ident(attr::RECURSIVE));
        let recursive = recursive.and_then(|attr| attr.parse_args_with(Punctuated::parse_terminated).ok());
        let recursive =
            recursive.map_or_else(Vec::new, |models: Punctuated<Path, Token![,]>| models.into_iter().collect());
        let body = match input.data {
            Data::Struct(data) => Body::Struct(Group::read(data.fields, false, errors)),
            Data::Enum(data) => Body::Enum(
                data.variants
                    .into_iter()
                    .map(|variant| {
                        not_on_fields.extend(variant.attrs);
                        (variant.ident, Group::read(variant.fields, true, errors))
                    })
                    .collect(),
            ),
            Data::Union(_) => Body::Enum(Vec::new()),
        };
        let root = names::root(root.as_ref());
        let DeriveInput { vis, ident: name, generics, .. } = input;
        let mut model = Model { root, vis, name, generics, body, recursive, not_on_fields };
        model.replace_self();
        model
    }

    /// Replaces `Self` in field types by the model's type: in the declaration of the draw, `Self` would be the draw.
    fn replace_self(&mut self) {
        let (name, (_, arguments, _)) = (&self.name, self.generics.split_for_impl());
        let mut replacement = ReplaceSelf(parse_quote!(#name #arguments));
        self.fields_mut().for_each(|field| replacement.visit_type_mut(&mut field.ty));
        replacement.visit_generics_mut(&mut self.generics);
    }

    /// Whether the field may contain this model, directly or through the models of `recursive(..)`.
    pub(crate) fn is_recursive(&self, field: &Field) -> bool {
        let others = self.recursive.iter().filter_map(|path| path.segments.last());
        others.map(|last| &last.ident).chain([&self.name]).any(|name| mentions(&field.ty, name))
    }

    /// The fields of the struct, or of all variants.
    pub(crate) fn fields(&self) -> impl Iterator<Item = &Field> {
        self.groups().flat_map(|group| &group.fields)
    }

    pub(crate) fn fields_mut(&mut self) -> impl Iterator<Item = &mut Field> {
        let groups: Vec<&mut Group> = match &mut self.body {
            Body::Struct(group) => vec![group],
            Body::Enum(variants) => variants.iter_mut().map(|(_, group)| group).collect(),
        };
        groups.into_iter().flat_map(|group| &mut group.fields)
    }

    pub(crate) fn groups(&self) -> impl Iterator<Item = &Group> {
        let (one, many) = match &self.body {
            Body::Struct(group) => (Some(group), &[][..]),
            Body::Enum(variants) => (None, &variants[..]),
        };
        one.into_iter().chain(many.iter().map(|(_, group)| group))
    }
}

impl Group {
    fn read(fields: Fields, variant: bool, errors: &mut Errors) -> Self {
        let style = match &fields {
            Fields::Named(_) => Style::Named,
            Fields::Unnamed(_) => Style::Tuple,
            Fields::Unit => Style::Unit,
        };
        let alone = variant && style == Style::Tuple && fields.len() == 1;
        let fields = fields.into_iter().enumerate();
        let fields = fields.map(|(i, field)| {
            let attrs = FieldAttrs::read(&field.attrs, errors);
            let segment = match (&attrs.name, &field.ident) {
                (Some(name), _) if name.value.value().is_empty() => Segment::Nothing,
                (Some(name), _) => Segment::Name(name.value.value()),
                // `r#type` is the parameter `type`.
                (None, Some(ident)) => Segment::Name(ident.to_string().trim_start_matches("r#").to_owned()),
                (None, None) if alone => Segment::Nothing,
                (None, None) => Segment::Index(i),
            };
            let span = field.ty.span();
            let member = field.ident.map_or_else(|| Member::Unnamed(Index { index: i as u32, span }), Member::Named);
            Field { member, vis: field.vis, ty: field.ty, attrs, segment, is_prior: false }
        });
        let mut fields: Vec<Field> = fields.collect();
        for i in 0..fields.len() {
            let prior = fields[i].attrs.prior.as_ref();
            if let Some(named) = prior.and_then(|prior| prior::named(&prior.value)).cloned() {
                fields.iter_mut().filter(|field| field.member == named).for_each(|field| field.is_prior = true);
            }
        }
        Group { style, fields }
    }
}

impl Field {
    pub(crate) fn role(&self) -> Role<'_> {
        match &self.attrs {
            FieldAttrs { prior: Some(prior), kl, .. } => {
                Role::Weight { prior: &prior.value, monte_carlo: kl.is_some() }
            }
            FieldAttrs { skip: Some(_), .. } => Role::Skipped,
            _ if self.is_prior => Role::Prior,
            _ => Role::Layer,
        }
    }

    /// Where errors about the field are reported: at its type.
    pub(crate) fn span(&self) -> Span {
        self.ty.span()
    }

    /// The field's member with the span of its type, where rustc then reports errors about the field.
    pub(crate) fn member_at(&self, place: Span) -> Member {
        let mut member = self.member.clone();
        match &mut member {
            Member::Named(ident) => ident.set_span(ident.span().located_at(place)),
            Member::Unnamed(index) => index.span = place,
        }
        member
    }
}

/// Replaces `Self` by this path.
struct ReplaceSelf(Path);

impl VisitMut for ReplaceSelf {
    fn visit_path_mut(&mut self, path: &mut Path) {
        if path.leading_colon.is_none()
            && let Some(first) = path.segments.first_mut()
            && first.ident == "Self"
        {
            let span = first.ident.span();
            *first = self.0.segments[0].clone();
            first.ident.set_span(span);
        }
        visit_mut::visit_path_mut(self, path);
    }
}

/// The role of a field, as far as its attributes determine it.
#[derive(Clone, Copy)]
pub(crate) enum Role<'a> {
    /// A weight with a prior: random, or a point estimate.
    Weight {
        prior: &'a syn::Expr,
        monte_carlo: bool,
    },
    /// A prior that weights of the same struct name. Its hyperparameters, if any, are learned.
    Prior,
    /// A model: a layer, a `Point` or a `Buffer`.
    Layer,
    Skipped,
}
