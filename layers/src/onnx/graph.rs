//! `Graph`: nodes and initialisers, and the bytes of a model.

use std::collections::HashMap;

use crate::protobuf::Message;

/// The operator set, and the version of the format that came with it.
const OPERATORS: u64 = 19;
const FORMAT: u64 = 9;

/// Types of elements.
const FLOAT: u64 = 1;
const INT64: u64 = 7;
const BOOL: i64 = 9;

/// The names of the input and the output.
const INPUT: &str = "input";
const OUTPUT: &str = "output";

/// The length of an axis.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Dim {
    Fixed(usize),
    /// This many times the number of rows.
    Rows(usize),
}

/// An attribute of a node.
pub(super) enum Attribute<'a> {
    Float(&'a str, f64),
    Int(&'a str, i64),
    Ints(&'a str, Vec<i64>),
}

/// The graph of a model, while it is built.
pub(super) struct Graph {
    nodes: Vec<Message>,
    initialisers: Vec<Message>,
    input: Vec<Dim>,
    /// The number of values so far.
    count: usize,
    /// The initialisers by their type, shape and bytes: draws share what they have in common.
    known: HashMap<(u64, Vec<usize>, Vec<u8>), String>,
    /// The number of rows, a vector of one element.
    rows: Option<String>,
}

impl Graph {
    /// An empty graph for inputs of this shape, with any number of rows.
    pub(super) fn new(input: &[usize]) -> Self {
        let rest = input[1..].iter().map(|&length| Dim::Fixed(length));
        let input = [Dim::Rows(1)].into_iter().chain(rest).collect();
        Graph { nodes: Vec::new(), initialisers: Vec::new(), input, count: 0, known: HashMap::new(), rows: None }
    }

    /// The name of the input.
    pub(super) fn input(&self) -> String {
        INPUT.to_owned()
    }

    /// Adds a node with one output; returns its name.
    pub(super) fn node(&mut self, operator: &str, inputs: &[&str], attributes: &[Attribute<'_>]) -> String {
        self.count += 1;
        // No field of a model has a `/` in its name.
        let name = format!("/{}/{}", operator.to_lowercase(), self.count);
        self.add(operator, inputs, &name, attributes);
        name
    }

    fn add(&mut self, operator: &str, inputs: &[&str], output: &str, attributes: &[Attribute<'_>]) {
        let mut node = Message::new();
        for input in inputs {
            node = node.text(1, input);
        }
        node = node.text(2, output).text(3, output).text(4, operator);
        for attribute in attributes {
            node = node.message(
                5,
                &match attribute {
                    Attribute::Float(name, x) => Message::new().text(1, name).float(2, *x as f32).integer(20, 1),
                    Attribute::Int(name, i) => Message::new().text(1, name).integer(3, *i as u64).integer(20, 2),
                    Attribute::Ints(name, all) => {
                        let named = Message::new().text(1, name);
                        all.iter().fold(named, |message, &i| message.integer(8, i as u64)).integer(20, 7)
                    }
                },
            );
        }
        self.nodes.push(node);
    }

    /// A node without attributes.
    pub(super) fn plain(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.node(operator, inputs, &[])
    }

    /// A tensor of numbers; it has the wanted name if its value is new.
    pub(super) fn tensor(&mut self, wanted: &str, shape: &[usize], data: &[f32]) -> String {
        let bytes = data.iter().flat_map(|x| x.to_le_bytes()).collect();
        self.initialiser(wanted, FLOAT, shape, bytes)
    }

    /// A single number.
    pub(super) fn number(&mut self, x: f64) -> String {
        self.tensor("", &[], &[x as f32])
    }

    /// A vector of numbers.
    pub(super) fn numbers(&mut self, x: &[f64]) -> String {
        let data: Vec<f32> = x.iter().map(|&x| x as f32).collect();
        self.tensor("", &[x.len()], &data)
    }

    /// A vector of whole numbers.
    pub(super) fn integers(&mut self, all: &[i64]) -> String {
        self.initialiser("", INT64, &[all.len()], all.iter().flat_map(|i| i.to_le_bytes()).collect())
    }

    /// A whole number.
    pub(super) fn integer(&mut self, i: i64) -> String {
        self.initialiser("", INT64, &[], i.to_le_bytes().to_vec())
    }

    fn initialiser(&mut self, wanted: &str, dtype: u64, shape: &[usize], bytes: Vec<u8>) -> String {
        let key = (dtype, shape.to_vec(), bytes);
        if let Some(name) = self.known.get(&key) {
            return name.clone();
        }
        self.count += 1;
        let name = match wanted {
            "" => format!("/constant/{}", self.count),
            INPUT | OUTPUT => format!("/{wanted}"),
            wanted => wanted.to_owned(),
        };
        // A weight that is used in two shapes is two initialisers.
        let name =
            if self.known.values().any(|known| *known == name) { format!("{name}/{}", self.count) } else { name };
        let dims = shape.iter().fold(Message::new(), |message, &length| message.integer(1, length as u64));
        self.initialisers.push(dims.integer(2, dtype).text(8, &name).part(9, &key.2));
        self.known.insert(key, name.clone());
        name
    }

    /// A shape, as a vector of whole numbers.
    pub(super) fn shape(&mut self, dims: &[Dim]) -> String {
        let fixed = |dim: &Dim| match dim {
            Dim::Fixed(length) => Some(*length as i64),
            Dim::Rows(_) => None,
        };
        if let Some(lengths) = dims.iter().map(fixed).collect::<Option<Vec<i64>>>() {
            return self.integers(&lengths);
        }
        let mut parts = Vec::new();
        for dim in dims {
            parts.push(match *dim {
                Dim::Fixed(length) => self.integers(&[length as i64]),
                Dim::Rows(1) => self.rows(),
                Dim::Rows(times) => {
                    let (rows, times) = (self.rows(), self.integers(&[times as i64]));
                    self.plain("Mul", &[&rows, &times])
                }
            });
        }
        let parts: Vec<&str> = parts.iter().map(String::as_str).collect();
        self.node("Concat", &parts, &[Attribute::Int("axis", 0)])
    }

    fn rows(&mut self) -> String {
        if let Some(rows) = &self.rows {
            return rows.clone();
        }
        let (input, first) = (self.input(), self.integers(&[0]));
        let shape = self.plain("Shape", &[&input]);
        let rows = self.node("Gather", &[&shape, &first], &[Attribute::Int("axis", 0)]);
        self.rows = Some(rows.clone());
        rows
    }

    /// The value with these axes.
    pub(super) fn reshape(&mut self, x: &str, dims: &[Dim]) -> String {
        let free = dims.iter().filter(|dim| matches!(dim, Dim::Rows(_))).count();
        let is_empty = dims.contains(&Dim::Fixed(0));
        let shape = if free <= 1 && !is_empty {
            let lengths = dims.iter().map(|dim| match *dim {
                Dim::Fixed(length) => length as i64,
                Dim::Rows(_) => -1,
            });
            self.integers(&lengths.collect::<Vec<i64>>())
        } else {
            self.shape(dims)
        };
        self.node("Reshape", &[x, &shape], &[Attribute::Int("allowzero", i64::from(is_empty))])
    }

    /// The value broadcast to these axes.
    pub(super) fn expand(&mut self, x: &str, dims: &[Dim]) -> String {
        let shape = self.shape(dims);
        self.plain("Expand", &[x, &shape])
    }

    /// Numbers as truth values: whether they are not 0.
    pub(super) fn truth(&mut self, x: &str) -> String {
        self.node("Cast", &[x], &[Attribute::Int("to", BOOL)])
    }

    /// Truth values as numbers.
    pub(super) fn float(&mut self, x: &str) -> String {
        self.node("Cast", &[x], &[Attribute::Int("to", FLOAT as i64)])
    }

    /// Numbers as indices.
    pub(super) fn indices(&mut self, x: &str) -> String {
        self.node("Cast", &[x], &[Attribute::Int("to", INT64 as i64)])
    }

    /// The values on a new first axis.
    pub(super) fn stack<'n>(&mut self, values: impl Iterator<Item = &'n str>) -> String {
        let first = self.integers(&[0]);
        let layers: Vec<String> = values.map(|value| self.plain("Unsqueeze", &[value, &first])).collect();
        let layers: Vec<&str> = layers.iter().map(String::as_str).collect();
        self.node("Concat", &layers, &[Attribute::Int("axis", 0)])
    }

    /// The bytes of the file, with this value as its output.
    pub(super) fn finish(mut self, output: &str, shape: &[Dim]) -> Vec<u8> {
        self.add("Identity", &[output], OUTPUT, &[]);
        let mut graph = Message::new();
        for node in &self.nodes {
            graph = graph.message(1, node);
        }
        graph = graph.text(2, "elbo");
        for initialiser in &self.initialisers {
            graph = graph.message(5, initialiser);
        }
        graph = graph.message(11, &value(INPUT, &self.input)).message(12, &value(OUTPUT, shape));
        let operators = Message::new().text(1, "").integer(2, OPERATORS);
        let model = Message::new().integer(1, FORMAT).text(2, "elbo").text(3, env!("CARGO_PKG_VERSION"));
        model.message(7, &graph).message(8, &operators).bytes().to_vec()
    }
}

/// The name and the type of an input or output.
fn value(name: &str, dims: &[Dim]) -> Message {
    let mut shape = Message::new();
    for dim in dims {
        shape = shape.message(
            1,
            &match *dim {
                Dim::Fixed(length) => Message::new().integer(1, length as u64),
                Dim::Rows(1) => Message::new().text(2, "batch"),
                Dim::Rows(times) => Message::new().text(2, &format!("{times}*batch")),
            },
        );
    }
    let tensor = Message::new().integer(1, FLOAT).message(2, &shape);
    Message::new().text(1, name).message(2, &Message::new().message(1, &tensor))
}
