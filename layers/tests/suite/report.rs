//! Pictures, HTML reports and event files: well-formed, complete, and safe against any text and number.

use elbo::prelude::*;
use elbo::report::{self, Chart, Html, Scale, TensorBoard};
use elbo::{Map, Sghmc};

fn classes() -> Examples {
    let x = Tensor::from_fn([48, 2], |i| (i as f64 * 0.61).sin() * 2.0);
    let labels = x.data().chunks(2).map(|point| usize::from(point[0] > point[1])).collect();
    Examples::new(x, labels).unwrap()
}

/// Whether every element of an XML document is closed in order, and no text has a raw `<` or `&`.
fn is_well_formed(document: &str) -> bool {
    let (mut open, mut rest) = (Vec::new(), document);
    while let Some(start) = rest.find('<') {
        let text = &rest[..start];
        let entities = ["&amp;", "&lt;", "&gt;", "&quot;"];
        if text.match_indices('&').any(|(at, _)| !entities.iter().any(|entity| text[at..].starts_with(entity))) {
            return false;
        }
        let Some(end) = rest[start..].find('>') else { return false };
        let tag = &rest[start + 1..start + end];
        if let Some(name) = tag.strip_prefix('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !tag.ends_with('/') && !tag.starts_with('!') && !tag.starts_with("meta") {
            open.push(tag.split([' ', '\n']).next().unwrap_or(""));
        }
        rest = &rest[start + end + 1..];
    }
    open.is_empty()
}

#[test]
fn a_training_and_its_predictions_have_pictures() {
    let (train, held_out) = classes().split(0.75, 1).unwrap();
    let mut model = Dense::new(2, 2);
    let mut elbo = Elbo::new(Categorical).quiet();
    let training = elbo.training(&mut model, &train).validate(&held_out, Draws(4)).run(Epochs(30)).unwrap();
    let predictions = model.predict(&Categorical, held_out.inputs(), Draws(16));
    let curves = report::training(&training).svg();
    let of = |what: &str| curves.matches(what).count();
    // NLL of both sets, KL, ELBO and guessing.
    assert_eq!((of("<polyline"), of(">validation<"), of(">guessing<"), of("nats per example")), (5, 1, 1, 1));
    let calibration = report::reliability(&predictions.reliability(held_out.targets(), 10));
    let entropies = report::entropies(&predictions.entropy(), &predictions.entropy());
    let pit = report::pit(&[0.1, 0.5, 0.99], 10);
    for svg in [curves, calibration.svg(), entropies.svg(), pit.svg()] {
        assert!(is_well_formed(&svg) && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
    let page = Html::new("A <report> & more").heading("Training").text(&training.conclusion()).printed("a < b\n& c");
    let page = page.table(["metric", "value"], &[["error".to_owned(), "1 %".to_owned()]]);
    let page = page.picture(calibration.clone()).picture(calibration).document();
    assert!(is_well_formed(&page), "{page}");
    assert!(page.contains("<title>A &lt;report&gt; &amp; more</title>") && page.contains("a &lt; b\n&amp; c"));
    // It asks nothing of any server: the only address in it names SVG.
    assert!(page.match_indices("http").all(|(at, _)| page[at..].starts_with("http://www.w3.org/2000/svg")));
    // Names that the document refers to are unique.
    let ids: Vec<&str> = page.split("id=\"").skip(1).map(|rest| rest.split('"').next().unwrap()).collect();
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(ids.len(), unique.len());
}

#[test]
fn chains_have_traces_and_ranks() {
    let model = Dense::new(2, 2);
    let chains = Sghmc::new(Categorical).chains(3).warmup(5).draws(40).quiet().run(&model, &classes()).unwrap();
    let traces = report::traces(&chains, "weight", 3).svg();
    assert_eq!((traces.matches("<polyline").count(), traces.contains("chain 2")), (3, true));
    let ranks = report::ranks(&chains, "bias", 0);
    assert_eq!(ranks.charts().len(), 3);
    assert!(is_well_formed(&ranks.svg()) && is_well_formed(&traces));
}

#[test]
#[should_panic(expected = "report: the model has no weight `wieght`")]
fn a_weight_that_does_not_exist_is_named() {
    let model = Dense::new(2, 2);
    let chains = Sghmc::new(Categorical).chains(1).warmup(2).draws(4).quiet().run(&model, &classes()).unwrap();
    let _ = report::traces(&chains, "wieght", 0);
}

#[test]
fn any_number_can_be_drawn() {
    let strange = [f64::NAN, f64::INFINITY, -f64::MAX, f64::MAX, 5e-324, 0.0, -1.0, 1e9];
    for scale in [Scale::Lin, Scale::Log] {
        let chart = Chart::new("<&\"\u{1}").x("x").y("y").x_scale(scale).y_scale(scale);
        let chart = chart.line("line", &strange, &strange).points("points", &strange, &strange);
        let chart = chart.band("band", &strange, &strange, &strange).bars("bars", &strange, &strange[1..]);
        let svg = chart.dashed("", &[], &[]).svg();
        assert!(is_well_formed(&svg) && !svg.contains("NaN") && !svg.contains("inf"), "{svg}");
    }
    assert!(is_well_formed(&Chart::new("empty").svg()));
}

/// The events of a file: (step, tag, scalar), with NaN for a histogram.
fn events(bytes: &[u8]) -> Vec<(u64, String, f32)> {
    fn varint(bytes: &[u8], at: &mut usize) -> u64 {
        let (mut value, mut shift) = (0, 0);
        loop {
            let byte = bytes[*at];
            *at += 1;
            value |= u64::from(byte & 0x7f) << shift;
            shift += 7;
            if byte < 0x80 {
                return value;
            }
        }
    }
    /// (field, its bytes or number) of a message.
    fn fields(bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let (mut at, mut found) = (0, Vec::new());
        while at < bytes.len() {
            let key = varint(bytes, &mut at);
            let len = match key & 7 {
                0 => {
                    let value = varint(bytes, &mut at);
                    found.push((key >> 3, value.to_le_bytes().to_vec()));
                    continue;
                }
                1 => 8,
                5 => 4,
                _ => varint(bytes, &mut at) as usize,
            };
            found.push((key >> 3, bytes[at..at + len].to_vec()));
            at += len;
        }
        found
    }
    let (mut at, mut found) = (0, Vec::new());
    while at < bytes.len() {
        let len = u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap()) as usize;
        let event = fields(&bytes[at + 12..at + 12 + len]);
        at += len + 16;
        let of =
            |fields: &[(u64, Vec<u8>)], field| fields.iter().find(|(f, _)| *f == field).map(|(_, bytes)| bytes.clone());
        let Some(summary) = of(&event, 5) else { continue };
        let step = of(&event, 2).map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
        let value = fields(&of(&fields(&summary), 1).unwrap());
        let tag = String::from_utf8(of(&value, 1).unwrap()).unwrap();
        found.push((step, tag, of(&value, 2).map_or(f32::NAN, |bytes| f32::from_le_bytes(bytes.try_into().unwrap()))));
    }
    found
}

#[test]
fn epochs_are_events_with_scalars_and_histograms() {
    let folder = std::env::temp_dir().join(format!("elbo-board-{}", std::process::id()));
    let mut model = Dense::new(2, 2);
    let mut board = TensorBoard::create(&folder).unwrap();
    let second = TensorBoard::create(&folder).unwrap();
    assert_ne!(board.path(), second.path());
    let report = Map::new(Categorical).quiet().fit(&mut model, &classes(), Epochs(3)).unwrap();
    for (index, epoch) in report.epochs.iter().enumerate() {
        board.epoch(index + 1, epoch, &model).unwrap();
    }
    board.histogram("empty", 4, [f64::NAN]).unwrap();
    board.scalar("own", 4, 2.5).unwrap();
    board.flush().unwrap();
    let found = events(&std::fs::read(board.path()).unwrap());
    let scalar = |step: u64, tag: &str| {
        found.iter().find(|(s, t, _)| (*s, &t[..]) == (step, tag)).unwrap_or_else(|| panic!("{tag} at {step}")).2
    };
    assert_eq!(scalar(2, "training/ELBO, nats"), report.epochs[1].elbo as f32);
    assert_eq!(scalar(4, "own"), 2.5);
    assert!(scalar(3, "weight/mean").is_nan() && scalar(3, "bias/sd").is_nan());
    assert!(!found.iter().any(|(_, tag, _)| tag == "empty" || tag.starts_with("validation")));
    let mistake = TensorBoard::create(board.path()).unwrap_err();
    assert_ne!(mistake.to_string(), "");
    std::fs::remove_dir_all(folder).unwrap();
}
