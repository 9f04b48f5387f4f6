//! Optimisers, gradients and parameters: one model and scalar type each, buffers, copies and initialisation.

use crate::common::{classifier, examples, parameters};
use elbo::TrainError;
use elbo::prelude::*;

#[test]
fn an_optimiser_trains_one_model() {
    let (x, labels) = examples(8, 4, 2);
    let data = Examples::new(x.clone(), labels.clone()).unwrap();
    let mut elbo = Elbo::new(Categorical).quiet();
    elbo.fit(&mut classifier(4, 6, 2), &data, Epochs(1)).unwrap();
    let mut other = classifier(4, 7, 2);
    let before = parameters(&other);
    let error = elbo.fit(&mut other, &data, Epochs(1)).unwrap_err();
    assert!(matches!(error, TrainError::Options(_)), "{error}");
    let expected = "Adam: this optimiser has trained another model and has no state for `hidden.0.weight.mean`";
    assert!(error.to_string().contains(expected), "{error}");
    assert_eq!(parameters(&other), before);
    // A model with fewer tensors, and one with another scalar type.
    let error = elbo.fit(&mut Dense::new(4, 2), &data, Epochs(1)).unwrap_err();
    assert!(error.to_string().contains("has trained another model"), "{error}");
    let data = Examples::new(Tensor::<f64>::from_fn(x.shape(), |i| f64::from(x.data()[i])), labels).unwrap();
    let error = elbo.fit(&mut Dense::of(4, 2, MeanField::<f64>::new, Normal(0.0, 1.0)), &data, Epochs(1)).unwrap_err();
    let expected = "Adam: this optimiser has trained another model, in f32, but this one is in f64";
    assert!(error.to_string().contains(expected), "{error}");
}

#[test]
#[should_panic(expected = "Sgd: this optimiser has trained another model, in f64, but this one is in f32")]
fn an_optimiser_trains_models_of_one_scalar_type() {
    fn step<T: Real>(sgd: &mut Sgd) {
        let mut w = Tensor::<T>::full([2], 1.0);
        let mut gradients = Gradients::of(&w);
        let tape = Tape::new();
        tape.param(&w).sum().backward(&mut gradients);
        drop(tape);
        sgd.step(&mut w, &mut gradients);
    }
    let mut sgd = Sgd::new(0.1);
    step::<f64>(&mut sgd);
    step::<f64>(&mut sgd.clone());
    step::<f32>(&mut sgd);
}

#[test]
fn a_model_in_double_precision_trains_with_the_same_options() {
    let x = Tensor::<f64>::from_fn([40, 2], |i| (i as f64 * 0.7).sin());
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    let data = Examples::new(x, labels).unwrap();
    let mut model = Dense::of(2, 2, MeanField::<f64>::new, Normal(0.0, 1.0));
    let mut elbo = Elbo::new(Categorical).batch_size(10).quiet();
    let report = elbo.fit(&mut model, &data, Epochs(30)).unwrap();
    assert!(report.last().nll < report.epochs[0].nll, "{report}");
    // A clone of an optimiser continues with the same state.
    let (mut again, mut copy) = (model.clone(), elbo.clone());
    elbo.fit(&mut model, &data, Epochs(2)).unwrap();
    copy.fit(&mut again, &data, Epochs(2)).unwrap();
    assert_eq!(model.weight.mean, again.weight.mean);
}

#[test]
fn gradients_of_another_model_change_nothing() {
    let (small, mut large) = (Dense::new(2, 2), classifier(4, 6, 2));
    let before = parameters(&large);
    let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
        Sgd::new(0.1).step(&mut large, &mut Gradients::of(&small));
    }));
    let message = panic.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("these gradients belong to another model") && message.contains("[6, 4]"), "{message}");
    assert_eq!(parameters(&large), before);
}

#[test]
fn parameters_are_only_copied_from_a_model_with_the_same_shapes() {
    let of = |layers: usize| (0..layers).map(|_| Dense::new(3, 3)).collect::<Vec<_>>();
    let (mut two, three) = (of(2), of(3));
    let before = parameters(&two);
    for other in [&three, &of(1)] {
        let panic = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| two.copy_from(other)));
        let message = *panic.unwrap_err().downcast::<String>().unwrap();
        assert!(message.starts_with("copy_from: ") && message.contains(".weight.mean"), "{message}");
        assert_eq!(parameters(&two), before);
    }
    let mut same = of(2);
    same.initialise(Key::new(1));
    assert_ne!(parameters(&two), parameters(&same));
    two.copy_from(&same);
    assert_eq!(parameters(&two), parameters(&same));
}

#[test]
fn models_of_two_threads_are_equal_and_initialised_by_the_key() {
    let made = |key: Option<u64>| {
        let mut model = Dense::new(5, 5);
        if let Some(seed) = key {
            model.initialise(Key::new(seed));
        }
        parameters(&model)
    };
    let two = |keys: [Option<u64>; 2]| {
        std::thread::scope(|scope| keys.map(|key| scope.spawn(move || made(key))).map(|it| it.join().unwrap()))
    };
    let [first, second] = two([None; 2]);
    assert!(first == second && first == made(None));
    let [third, fourth] = two([Some(1), Some(2)]);
    assert!(first != third && first != fourth && third != fourth && third == made(Some(1)));
}

#[test]
fn a_buffer_takes_its_new_value_with_the_step() {
    #[bayesian]
    struct Running {
        layer: Dense,
        seen: Buffer,
    }
    #[bayesian]
    impl Running {
        fn forward(&self, x: Var) -> Var {
            let h = self.layer.forward(x);
            self.seen.update(self.seen.var() * 0.5 + x.mean_axes(&[0], false));
            h
        }
    }
    let mut model = Running { layer: Dense::new(2, 2), seen: Buffer(Tensor::zeros([2])) };
    let x: Tensor = Tensor::new([2, 2], [1.0, 2.0, 3.0, 4.0]);
    let (mut tape, mut gradients, mut sgd) = (Tape::new(), Gradients::of(&model), Sgd::new(0.1));
    for step in 0..2 {
        tape.reset();
        let net = model.draw(&tape, Key::new(0).step(step));
        let nll = Categorical.nll(net.forward(tape.input(&x)), &[0, 1]);
        Objective::new(2).loss(nll, net.kl(), step).backward(&mut gradients);
        sgd.step(&mut model, &mut gradients);
    }
    assert_eq!(model.seen.0.data(), [3.0, 4.5]);
}
