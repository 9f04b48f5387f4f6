//! Gradient checks of einsum, and its value against the definition: one loop over all indices.

use elbo_engine::{Tape, Tensor, Var};

use super::{Check, agree};
use crate::common::Random;

pub(crate) const CHECKS: &[Check] = &[("einsum", einsum)];

const EQUATIONS: [&str; 21] = [
    "ij,jk->ik",
    "ij,kj->ki",
    "bij,bjk->bik",
    "bhqd,bhkd->bhqk",
    "abc,cd,bd->a",
    "ab,bc,cd,da->",
    "i,j->ij",
    "ij,ij->ij",
    "ij,ij->i",
    "ij,ij->",
    "i,i->",
    "ij->ji",
    "ij->",
    "ij->j",
    "ii->i",
    "ii->",
    "iij,jii->j",
    "iii->i",
    "ab,c->c",
    "a,ab,b->",
    ",i->i",
];

fn einsum(random: &mut Random) {
    EQUATIONS.iter().for_each(|equation| check(random, equation));
    let letter = |random: &mut Random| char::from(b'a' + random.below(5) as u8);
    let operands: Vec<String> =
        (0..1 + random.below(3)).map(|_| (0..random.below(4)).map(|_| letter(random)).collect()).collect();
    let mut output: Vec<char> = Vec::new();
    for letter in operands.concat().chars() {
        if random.below(2) == 0 && !output.contains(&letter) {
            output.insert(random.below(output.len() + 1), letter);
        }
    }
    let output: String = output.into_iter().collect();
    check(random, &format!("{} -> {output}", operands.join(", ")));
}

fn check(random: &mut Random, equation: &str) {
    // A length for every letter.
    let lengths: Vec<usize> = (0..26).map(|_| if random.below(20) == 0 { 0 } else { 1 + random.below(3) }).collect();
    let index = |letter: u8| usize::from(letter - b'a');
    let plain = equation.replace(' ', "");
    let (inputs, output) = plain.split_once("->").unwrap();
    let shape = |letters: &str| -> Vec<usize> { letters.bytes().map(|letter| lengths[index(letter)]).collect() };
    let mut model: Vec<Tensor<f64>> = inputs.split(',').map(|letters| random.tensor(&shape(letters))).collect();
    agree(&mut model, |tape, model| {
        let operands: Vec<_> = model.iter().map(|operand| tape.param(operand)).collect();
        Var::einsum(equation, &operands)
    });

    let mut letters: Vec<u8> = inputs.bytes().filter(|letter| *letter != b',').collect();
    letters.sort_unstable();
    letters.dedup();
    let mut expected: Tensor<f64> = Tensor::zeros(shape(output));
    let place = |of: &str, values: &[usize]| {
        of.bytes().fold(0, |at, letter| at * lengths[index(letter)] + values[index(letter)])
    };
    let combinations: usize = letters.iter().map(|&letter| lengths[index(letter)]).product();
    for combination in 0..combinations {
        let (mut values, mut rest) = (vec![0; 26], combination);
        for &letter in &letters {
            (values[index(letter)], rest) = (rest % lengths[index(letter)], rest / lengths[index(letter)]);
        }
        let factors = inputs.split(',').zip(&model).map(|(of, operand)| operand.data()[place(of, &values)]);
        expected.data_mut()[place(output, &values)] += factors.product::<f64>();
    }
    let tape = Tape::new();
    let operands: Vec<_> = model.iter().map(|operand| tape.input(operand)).collect();
    let value = Var::einsum(equation, &operands);
    assert_eq!(value.shape(), expected.shape(), "{equation}");
    let close = value.value().iter().zip(expected.data()).all(|(a, b)| (a - b).abs() < 1e-11);
    assert!(close, "{equation}: {value:?}, expected {expected:?}");
}
