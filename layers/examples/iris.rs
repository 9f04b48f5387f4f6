//! From a CSV file to class probabilities with their uncertainty: the iris flowers of Fisher 1936.

use elbo::data::{Csv, Encoder};
use elbo::prelude::*;

/// Four measurements in centimetres and the species in each line.
const TABLE: &str = include_str!("data/iris.csv");

#[bayesian]
struct Classifier {
    hidden: Dense,
    head: Dense,
}

#[bayesian]
impl Classifier {
    fn forward(&self, x: Var) -> Var {
        let x = self.hidden.forward(x).tanh();
        self.head.forward(x)
    }
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let table = Csv::new().target("species").parse("iris.csv", TABLE)?; // a file: `.read("iris.csv")`
    let (train, test) = table.split(0.7, 1)?;
    let encoder = Encoder::fit(&train)?; // mean 0 and standard deviation 1 in every column of the training data
    let (train, test) = (encoder.classification(&train)?, encoder.classification(&test)?);

    let (inputs, species) = (encoder.width(), encoder.classes());
    let mut model = Classifier { hidden: Dense::new(inputs, 16), head: Dense::new(16, species.len()) };
    let mut elbo = Elbo::new(Categorical);
    // The report's last line says whether the bound has converged, and what guessing would have got.
    elbo.fit(&mut model, &train, UntilConverged::new())?;
    println!("ELBO {:.1} nats", elbo.evaluate(&model, &train, Draws(100))?.elbo);

    let predictions = model.predict(&Categorical, test.inputs(), Draws(200));
    let y = test.targets();
    println!("accuracy {:.3}, NLL {:.3} nats", predictions.accuracy(y), predictions.nll(y));
    println!("expected calibration error {:.3}", predictions.ece(y, 10));
    for (flower, unknown) in predictions.mutual_information().iter().enumerate().take(5) {
        println!("flower {flower}: {:.3?}, {unknown:.3} nats unknown about the weights", predictions.row(flower));
    }
    Ok(())
}
