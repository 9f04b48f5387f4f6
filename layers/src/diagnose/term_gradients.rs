//! `TermGradients`: the gradients of NLL and KL compared, by norms, ratio and cosine.

/// The gradients of the mean NLL and of KL/N with respect to some parameters, compared.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct TermGradients {
    /// The number of parameters.
    pub elements: usize,
    squares: [f64; 2],
    product: f64,
}

/// The term with the larger gradient.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DominantTerm {
    /// The likelihood.
    Data,
    /// The divergence.
    Prior,
}

impl TermGradients {
    /// Compares two gradients of equal length.
    pub(super) fn of(nll: &[f64], kl: &[f64]) -> Self {
        let product = |a: &[f64], b: &[f64]| a.iter().zip(b).map(|(a, b)| a * b).sum();
        TermGradients { elements: nll.len(), squares: [product(nll, nll), product(kl, kl)], product: product(nll, kl) }
    }

    /// The comparison over both sets of parameters.
    pub(super) fn and(self, other: TermGradients) -> Self {
        let [nll, kl] = self.squares;
        let [other_nll, other_kl] = other.squares;
        TermGradients {
            elements: self.elements + other.elements,
            squares: [nll + other_nll, kl + other_kl],
            product: self.product + other.product,
        }
    }

    /// The Euclidean norm of the gradient of the mean NLL.
    pub fn nll(&self) -> f64 {
        self.squares[0].sqrt()
    }

    /// The Euclidean norm of the gradient of KL/N.
    pub fn kl(&self) -> f64 {
        self.squares[1].sqrt()
    }

    /// The gradient ratio: the norm for KL/N over the norm for the NLL; NaN if both are zero.
    pub fn ratio(&self) -> f64 {
        self.kl() / self.nll()
    }

    /// The cosine between the two gradients: −1 if they are opposed, NaN if one is zero.
    pub fn cosine(&self) -> f64 {
        self.product / (self.nll() * self.kl())
    }

    /// The term with the larger gradient, the likelihood on ties.
    pub fn dominant(&self) -> DominantTerm {
        if self.kl() > self.nll() { DominantTerm::Prior } else { DominantTerm::Data }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_add_up_to_the_whole() {
        let (nll, kl) = ([3.0, 0.0, -1.0, 2.0], [-4.0, 1.0, 0.0, 0.5]);
        let whole = TermGradients::of(&nll, &kl);
        let parts = TermGradients::of(&nll[..1], &kl[..1]).and(TermGradients::of(&nll[1..], &kl[1..]));
        assert_eq!(whole, parts);
        assert!((whole.nll() - 14f64.sqrt()).abs() < 1e-15 && (whole.kl() - 17.25f64.sqrt()).abs() < 1e-15);
        assert!((whole.cosine() + 11.0 / (14.0 * 17.25f64).sqrt()).abs() < 1e-15);
        assert_eq!(
            (whole.dominant(), TermGradients::of(&[1.0], &[0.5]).dominant()),
            (DominantTerm::Prior, DominantTerm::Data)
        );
    }
}
