//! What priors say of themselves for summaries and pictures: a name, and the log-density of one element.

use crate::distribution::elementwise::{At, ElementwiseTerm, WithDensity};
use crate::engine::kernels::dispatch::Portable;

/// The name of a type without its path and arguments: `Normal` of `&elbo::prior::normal::Normal`.
pub(super) fn type_name<P: ?Sized>() -> String {
    let whole = std::any::type_name::<P>().trim_start_matches('&');
    let path = whole.split('<').next().unwrap_or(whole);
    path.rsplit("::").next().unwrap_or(path).to_owned()
}

/// Visits a log-density at values of one element.
pub(super) struct LogDensities<'a> {
    pub(super) element: usize,
    pub(super) values: &'a [f64],
}

impl<'t> WithDensity<'t> for LogDensities<'_> {
    type Output = Vec<f64>;

    fn with<F: ElementwiseTerm<1> + 't>(self, log_density: F) -> Vec<f64> {
        let at = At { element: self.element, shared: 0.0 };
        self.values.iter().map(|&w| log_density.value::<Portable>([w], at)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prior::{DrawnPrior, Normal, Normals, Prior};
    use crate::{LearnedNormal, StudentT, Tensor};

    #[test]
    fn priors_have_names() {
        struct OfAUser<T>(T);
        assert_eq!(type_name::<&OfAUser<Vec<f64>>>(), "OfAUser");
        assert_eq!(Prior::description(&Normal(0.0, 0.5)), "Normal(0, 0.5)");
        assert_eq!(Prior::description(&StudentT(4.0, 0.0, 1.0)), "StudentT(4, 0, 1)");
    }

    #[test]
    fn the_log_density_of_an_element_is_that_of_its_own_prior() {
        let prior = Normals::new(Tensor::new([2], [0.0, 1.0]), Tensor::new([2], [1.0, 2.0]));
        let found = DrawnPrior::<f64>::log_densities(&prior, &[2], 1, &[1.0, 3.0]).unwrap();
        let ln = |z: f64| -0.5 * (z * z + std::f64::consts::TAU.ln()) - 2f64.ln();
        assert!(found.iter().zip([ln(0.0), ln(1.0)]).all(|(a, b)| (a - b).abs() < 1e-12), "{found:?}");
        // The parameters of a learned one.
        let tape = crate::Tape::<f64>::new();
        let cx = crate::Cx::new(&tape, crate::Key::new(0), crate::sampling::Mode::Mean);
        let learned = LearnedNormal::<f64>::new(2.0);
        let found = crate::prior::PriorFor::draw_in(&learned, cx).log_densities(&[2], 0, &[2.0]).unwrap();
        assert!((found[0] - ln(1.0)).abs() < 1e-9, "{found:?}");
    }
}
