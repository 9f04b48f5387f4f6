//! `Coupling`: one affine coupling layer of a flow.

use crate::engine::random::normals;
use crate::engine::{Key, Parameters, Path, Real, Role, Tensor, Var};
use crate::engine::{Visitor, VisitorMut};

/// The largest logarithm of a factor, and of its inverse.
const LARGEST_LOG_FACTOR: f64 = 2.0;

/// The standard deviation of the initial output weights, times the root of their inputs: factors start near 1.
const INITIAL: f64 = 0.01;

/// An affine coupling layer (Dinh, Sohl-Dickstein and Bengio 2016, "Density estimation using Real NVP"): one half of the elements
/// is kept; the other half is multiplied by exp(2 tanh a) and shifted by t, where a and t are functions of the kept half, by a
/// network with one hidden layer: (a, t) = W tanh(V kept + c) + b.
#[derive(Clone, Debug)]
pub struct Coupling<T: Real = f32> {
    /// V, of shape (hidden, kept).
    pub hidden_weight: Tensor<T>,
    /// c, of shape (hidden).
    pub hidden_bias: Tensor<T>,
    /// W, of shape (2 changed, hidden).
    pub weight: Tensor<T>,
    /// b, of shape (2 changed).
    pub bias: Tensor<T>,
}

impl<T: Real> Coupling<T> {
    pub(super) fn new([kept, changed, hidden]: [usize; 3], key: Key) -> Self {
        let drawn = |name: &str, [rows, columns]: [usize; 2], sd: f64| {
            let mut tensor = Tensor::zeros([rows, columns]);
            normals(key.at(name), 0, tensor.data_mut());
            let sd = T::from_f64(sd / (columns.max(1) as f64).sqrt());
            tensor.data_mut().iter_mut().for_each(|x| *x *= sd);
            tensor
        };
        Coupling {
            hidden_weight: drawn("hidden_weight", [hidden, kept], 1.0),
            hidden_bias: Tensor::zeros([hidden]),
            weight: drawn("weight", [2 * changed, hidden], INITIAL),
            bias: Tensor::zeros([2 * changed]),
        }
    }

    pub(super) fn check(&self, [kept, changed]: [usize; 2]) -> Result<(), String> {
        let hidden = self.hidden_bias.len();
        let found = [self.hidden_weight.shape(), self.hidden_bias.shape(), self.weight.shape(), self.bias.shape()];
        let expected: [&[usize]; 4] = [&[hidden, kept], &[hidden], &[2 * changed, hidden], &[2 * changed]];
        if found == expected { Ok(()) } else { Err(format!("the shapes {found:?}; expected {expected:?}")) }
    }

    /// The logarithms of the factors and the shifts, for rows of kept elements; `put` puts a parameter on the tape.
    pub(super) fn of<'t>(&'t self, kept: Var<'t, T>, put: &dyn Fn(&'t Tensor<T>) -> Var<'t, T>) -> [Var<'t, T>; 2] {
        let hidden = kept.affine(put(&self.hidden_weight), put(&self.hidden_bias)).tanh();
        let changed = self.bias.len() / 2;
        let [a, shift] = hidden.affine(put(&self.weight), put(&self.bias)).split(1, [changed, changed]);
        [a.tanh() * LARGEST_LOG_FACTOR, shift]
    }

    fn parameters(&self) -> [(&'static str, &Tensor<T>); 4] {
        let Coupling { hidden_weight, hidden_bias, weight, bias } = self;
        [("hidden_weight", hidden_weight), ("hidden_bias", hidden_bias), ("weight", weight), ("bias", bias)]
    }
}

impl<T: Real> Parameters for Coupling<T> {
    type Scalar = T;

    fn visit<'a>(&'a self, path: &Path<'_>, f: &mut Visitor<'_, 'a, T>) {
        self.parameters().into_iter().for_each(|(name, tensor)| f(&path.at(name), Role::Scale, tensor));
    }

    fn visit_mut(&mut self, path: &Path<'_>, f: &mut VisitorMut<'_, T>) {
        f(&path.at("hidden_weight"), Role::Scale, &mut self.hidden_weight);
        f(&path.at("hidden_bias"), Role::Scale, &mut self.hidden_bias);
        f(&path.at("weight"), Role::Scale, &mut self.weight);
        f(&path.at("bias"), Role::Scale, &mut self.bias);
    }
}
