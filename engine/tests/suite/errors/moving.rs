//! Errors of axes, ranges and indices.

use elbo_engine::{Indices, Padding, Tape, Var};

use super::{panics, zeros};

#[test]
fn ranges_and_positions_out_of_range() {
    let x = zeros(&[2, 3]);
    let tape = Tape::new();
    let x = tape.input(&x);
    panics(&["slice", "axis 2", "[2, 3]"], || x.slice(2, .., 1));
    panics(&["slice", "from 1 to 4", "axis 1", "[2, 3]", "length 3"], || x.slice(1, 1..4, 1));
    panics(&["slice", "from 2 to 1"], || x.slice(1, -1..=0, 1));
    panics(&["slice", "from -2 to 3"], || x.slice(1, -5.., 1));
    panics(&["slice", "[2, 3]"], || x.slice(1, isize::MIN..=isize::MAX, 1));
    panics(&["slice", "step", "[2, 3]", "got 0"], || x.slice(1, .., 0));
    panics(&["at", "position 3", "axis 1", "[2, 3]"], || x.at(1, 3));
    panics(&["at", "position -4", "axis 1", "[2, 3]"], || x.at(-1, -4));
    panics(&["split", "[1, 1]", "3", "axis 1", "[2, 3]"], || x.split(1, [1, 1]));
    panics(&["split", "do not add up"], || x.split(1, [usize::MAX, 4]));
    panics(&["diagonal", "[2, 3]", "(.., n, n)"], || x.diagonal());
}

#[test]
fn values_that_cannot_be_joined() {
    let [a, b, line] = [zeros(&[2, 3]), zeros(&[4, 2]), zeros(&[3])];
    let tape = Tape::<f64>::new();
    let [a, b, line] = [&a, &b, &line].map(|x| tape.input(x));
    panics(&["concat", "value 1", "[4, 2]", "[2, 3]", "axis 0"], || Var::concat(&[a, b], 0));
    panics(&["concat", "value 2", "[3]", "[2, 3]"], || Var::concat(&[a, a, line], 0));
    panics(&["concat", "axis 2", "[2, 3]"], || Var::concat(&[a, a], 2));
    panics(&["concat", "at least one"], || Var::<f64>::concat(&[], 0));
    panics(&["stack", "value 1", "[4, 2]", "[2, 3]"], || Var::stack(&[a, b], 0));
    panics(&["stack", "axis 3"], || Var::stack(&[a, a], 3));
    panics(&["stack", "at least one"], || Var::<f64>::stack(&[], 0));
}

#[test]
fn shapes_that_cannot_be_produced() {
    let [x, line, empty] = [zeros(&[2, 3]), zeros(&[3]), zeros(&[0])];
    let tape = Tape::new();
    let [x, line, empty] = [&x, &line, &empty].map(|x| tape.input(x));
    panics(&["broadcast_to", "[2, 3]", "[2, 4]"], || x.broadcast_to([2, 4]));
    panics(&["broadcast_to", "[2, 3]", "[3]"], || x.broadcast_to([3]));
    panics(&["repeat", "1 counts", "[2, 3]", "2 axes"], || x.repeat(&[2]));
    panics(&["repeat", "larger than memory"], || x.repeat(&[usize::MAX, 1]));
    panics(&["pad", "1 pairs", "[2, 3]", "2 axes"], || x.pad(&[[1, 1]], Padding::Constant(0.0)));
    panics(&["pad", "[3]", "larger than memory"], || line.pad(&[[usize::MAX, 1]], Padding::Constant(0.0)));
    panics(&["pad", "3 and 0", "Reflect", "axis 0", "[3]"], || line.pad(&[[3, 0]], Padding::Reflect));
    panics(&["pad", "0 and 4", "Circular", "axis 0", "[3]"], || line.pad(&[[0, 4]], Padding::Circular));
    panics(&["pad", "0 and 1", "Replicate", "[0]"], || empty.pad(&[[0, 1]], Padding::Replicate));
    panics(&["flip", "repeated"], || x.flip(&[0, -2]));
    panics(&["roll", "axis 2", "[2, 3]"], || x.roll(2, 1));
    panics(&["tril", "[3]", "(.., rows, columns)"], || line.tril(0));
    panics(&["triu", "[3]", "(.., rows, columns)"], || line.triu(0));
}

#[test]
fn indices_out_of_range() {
    let [x, source, scalar] = [zeros(&[2, 3]), zeros(&[2, 1]), zeros(&[])];
    let tape = Tape::<f64>::new();
    let [x, source, scalar] = [&x, &source, &scalar].map(|x| tape.input(x));
    panics(&["index_select", "index 3", "[1]", "axis 1", "length 3"], || x.index_select(1, &[0, 3]));
    panics(&["index_add", "index 3", "axis 1", "length 3"], || x.index_add(1, &[3], source));
    panics(&["index_add", "[2, 1]", "2 indices", "[2, 2]"], || x.index_add(1, &[0, 1], source));
    panics(&["gather", "[2]", "[2, 3]", "axis 1"], || x.gather(1, &[0, 1]));
    panics(&["gather", "index 3", "[1, 0]", "[2, 3]"], || x.gather(1, Indices::new([2, 1], &[0, 3])));
    panics(&["scatter_add", "[3, 1]", "[2, 3]"], || x.scatter_add(1, Indices::new([3, 1], &[0; 3]), source));
    panics(&["scatter_add", "[2, 1]", "[2, 2]"], || x.scatter_add(1, Indices::new([2, 2], &[0; 4]), source));
    panics(&["embedding", "index 2", "[0, 1]", "[2, 3]", "length 2"], || x.embedding(Indices::new([1, 2], &[1, 2])));
    panics(&["embedding", "padding row 2", "[2, 3]", "2 rows"], || x.embedding_padded(&[0], 2));
    panics(&["embedding", "[]", "(entries, features ..)"], || scalar.embedding(&[0]));
    panics(&["Indices::new", "[2, 2]", "4", "3"], || Indices::new([2, 2], &[0; 3]));
    panics(&["one_hot", "index 3", "length 3"], || tape.one_hot(&[3], 3));
}

#[test]
fn invalid_equations() {
    let [a, b] = [zeros(&[2, 3]), zeros(&[4, 2])];
    let tape = Tape::<f64>::new();
    let [a, b] = [&a, &b].map(|x| tape.input(x));
    panics(&["einsum", "`ij,jk`", "arrow"], || Var::einsum("ij,jk", &[a, b]));
    panics(&["einsum", "`.`", "letters"], || Var::einsum("...i->i", &[a]));
    panics(&["einsum", "2 operands", "got 1"], || Var::einsum("ij,jk->ik", &[a]));
    panics(&["einsum", "1 operands", "got 0"], || Var::<f64>::einsum("->", &[]));
    panics(&["einsum", "operand 1", "3 letters", "[4, 2]"], || Var::einsum("ij,jkl->i", &[a, b]));
    panics(&["einsum", "`j` is 3 long", "[2, 3]", "4 long", "[4, 2]"], || Var::einsum("ij,jk->ik", &[a, b]));
    panics(&["einsum", "`i` is 2 long", "3 long", "[2, 3]"], || Var::einsum("ii->i", &[a]));
    panics(&["einsum", "repeats `i`"], || Var::einsum("ij->ii", &[a]));
    panics(&["einsum", "`k`", "not an axis of any operand"], || Var::einsum("ij->ik", &[a]));
}
