//! Reports `#[prior(..)]` expressions that cannot be priors: literals, fields that do not exist, plain values.

use quote::ToTokens;
use syn::Expr;

use super::types;
use crate::ast::{Body, Model};
use crate::errors::Errors;
use crate::names;

/// Reports literals, fields that do not exist and fields that hold a plain value: no implementation makes them priors.
pub(super) fn check(model: &Model, errors: &mut Errors) {
    for field in model.fields().filter(|field| field.attrs.skip.is_none()) {
        let Some(prior) = &field.attrs.prior else { continue };
        match &prior.value {
            Expr::Lit(literal) => {
                let why =
                    "a prior is a distribution, such as `Normal(0.0, 1.0)`, or a field that holds one, `self.prior`";
                errors.at(literal, why);
            }
            Expr::Field(access) => {
                let Body::Struct(group) = &model.body else { continue };
                if !matches!(&*access.base, Expr::Path(path) if path.path.is_ident("self")) {
                    continue;
                }
                let (name, missing) = (&model.name, access.member.to_token_stream());
                if let Some(found) = group.fields.iter().find(|field| field.member == access.member) {
                    if types::is_plain(&found.ty) {
                        let why = format_args!(
                            "`{missing}` is a `{}`, and a prior is a distribution: write one, such as `Normal(0.0, self.{missing})`",
                            names::shown(&found.ty)
                        );
                        errors.at(&prior.value, why);
                    }
                    continue;
                }
                let why = format_args!(
                    "`{name}` does not have a field `{missing}` for the prior; \
                     add `{missing}: Normal`, or write the prior here: `#[prior(Normal(0.0, 1.0))]`"
                );
                errors.at(&access.member, why);
            }
            _ => {}
        }
    }
}
