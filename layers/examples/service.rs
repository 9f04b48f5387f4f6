//! A service that predicts: a line with two numbers in, class probabilities out, for many connections at once.
//!
//! Start it with `cargo run --release -p elbo --example service`, then send a line:
//! `printf '0.5,-1.0\n' | nc 127.0.0.1 7878`.

use std::io::{self, BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use elbo::prelude::*;

/// Draws of the weights that are made once, before the first request. It is `Send + Sync`.
type Service = KeptDraws<Arc<Dense>>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let x: Tensor = Tensor::from_fn([400, 2], |i| ((i * i) as f64).sin());
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    let mut model = Dense::new(2, 2);
    Elbo::new(Categorical).optimizer(Adam::new(1e-2)).fit(&mut model, &Examples::new(x, labels)?, Epochs(100))?;

    let service = Arc::new(KeptDraws::new(Arc::new(model), Draws(64)));
    let listener = TcpListener::bind("127.0.0.1:7878")?;
    println!("listening on {}", listener.local_addr()?);
    for connection in listener.incoming() {
        let (connection, service) = (connection?, service.clone());
        thread::spawn(move || {
            if let Err(mistake) = answer(connection, &service) {
                eprintln!("a connection ended: {mistake}");
            }
        });
    }
    Ok(())
}

/// Answers each line with the probability of each class and the mutual information of class and weights, in nats.
fn answer(connection: TcpStream, service: &Service) -> io::Result<()> {
    let mut out = connection.try_clone()?;
    for line in BufReader::new(connection).lines() {
        let numbers: Result<Vec<f32>, _> = line?.split(',').map(|x| x.trim().parse()).collect();
        let answer = match numbers {
            // `predict` panics if an output is not finite, so refuse inputs that are far outside the data.
            Ok(x) if x.len() == 2 && x.iter().all(|x| x.abs() < 1e6) => {
                let p = service.predict(&Categorical, &Tensor::new([1, 2], x));
                format!("{:.3},{:.3},{:.4}\n", p.row(0)[0], p.row(0)[1], p.mutual_information()[0])
            }
            _ => "error: send two numbers below a million, such as 0.5,-1.0\n".to_owned(),
        };
        out.write_all(answer.as_bytes())?;
    }
    Ok(())
}
