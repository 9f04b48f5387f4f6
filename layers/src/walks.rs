//! Whether the two walks of a model agree, which any crate may implement.

use crate::{Parameters, Path};

/// Panics if the model's two walks do not give the same tensors in the same order.
#[track_caller]
pub(crate) fn check_walks<M: Parameters + ?Sized>(model: &mut M) {
    let mut expected: Vec<(String, Vec<usize>)> = Vec::new();
    model.visit(&Path::ROOT, &mut |path, _, tensor| expected.push((path.to_string(), tensor.shape().to_vec())));
    let mut found = Vec::new();
    model.visit_mut(&Path::ROOT, &mut |path, _, tensor| found.push((path.to_string(), tensor.shape().to_vec())));
    let differ = (0..expected.len().max(found.len())).find(|&i| expected.get(i) != found.get(i));
    if let Some(i) = differ {
        let said = |walk: &[(String, Vec<usize>)]| match walk.get(i) {
            Some((name, shape)) => format!("`{name}` of shape {shape:?}"),
            None => "nothing more".to_owned(),
        };
        panic!(
            "`Parameters::visit_mut` of `{}` gives {} where `Parameters::visit` gives {}: both must give the same tensors \
             under the same names in the same order",
            std::any::type_name::<M>(),
            said(&found),
            said(&expected)
        );
    }
}
