//! From tables to models and back, and what is said of tables that are none.

use std::fmt::Write;
use std::path::Path;

use elbo::Epochs;

use super::*;
use crate::Failure;

/// A reproducible number between 0 and 1.
fn uniform(seed: usize, row: usize) -> f64 {
    let mixed = (row as u64 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29)
        ^ (seed as u64 + 7).wrapping_mul(0xd6e8_feb8_6659_fd93);
    let mixed = (mixed ^ (mixed >> 31)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    ((mixed ^ (mixed >> 27)) >> 11) as f64 / (1u64 << 53) as f64
}

/// The sum of twelve uniform numbers less 6: mean 0 and variance 1.
fn noise(row: usize) -> f64 {
    (0..12).map(|seed| uniform(100 + seed, row)).sum::<f64>() - 6.0
}

fn text(table: &str) -> Text {
    Text::of(Path::new("table.csv"), table.as_bytes().to_vec(), true).unwrap()
}

/// A short fit.
fn options(epochs: usize) -> FitOptions {
    FitOptions { budget: Epochs(epochs).into(), draws: 32, ..FitOptions::default() }
}

fn refusal(table: &str, target: &str) -> String {
    let read = Text::of(Path::new("table.csv"), table.as_bytes().to_vec(), true);
    let done = read.and_then(|text| fit(&text, target, &Reading::default(), &options(1)).map(|_| ()));
    let error = done.expect_err("the table is refused");
    assert!(matches!(error, Failure::Input(_)), "exit code 2: {error}");
    error.to_string()
}

/// Rows of a table with every kind of column.
fn houses(rows: std::ops::Range<usize>) -> String {
    let mut table = "id,rooms,garden,street,built,country,price\n".to_owned();
    for row in rows {
        let rooms = 1 + (uniform(1, row) * 6.0) as usize;
        let garden = ["no", "yes"][usize::from(uniform(2, row) < 0.4)];
        let street = ["oak", "elm", "fir", "ash"][(uniform(3, row) * 4.0) as usize];
        let built = if row % 10 == 3 { "?".to_owned() } else { format!("{:.0}", 1900.0 + 100.0 * uniform(4, row)) };
        let price = 50.5 + 20.0 * rooms as f64 + 30.0 * f64::from(garden == "yes") + 5.0 * noise(row);
        let _ = writeln!(table, "{},{rooms},{garden},{street},{built},nowhere,{price:.2}", 9000 + 7 * row);
    }
    table
}

#[test]
fn the_kinds_of_columns_are_found() {
    let fitted = fit(&text(&houses(0..60)), "price", &Reading::default(), &options(2)).unwrap();
    let kinds: Vec<(String, String, usize)> =
        fitted.inputs.iter().map(|(name, kind, missing)| (name.clone(), kind.to_string(), *missing)).collect();
    assert_eq!(kinds[0], ("rooms".to_owned(), "numbers from 1 to 6".to_owned(), 0));
    assert_eq!(kinds[1], ("garden".to_owned(), "yes/no: no, yes".to_owned(), 0));
    assert_eq!(kinds[2], ("street".to_owned(), "categories: 4 names".to_owned(), 0));
    assert!(kinds[3].1.starts_with("numbers from 19") && kinds[3].2 == 6, "{kinds:?}");
    let left_out: Vec<&str> = fitted.left_out.iter().map(|column| &column.name[..]).collect();
    assert_eq!(left_out, ["id", "country"]);
    let families: Vec<Family> = fitted.compared.iter().map(|compared| compared.candidate.family).collect();
    for family in [Family::Gaussian, Family::Heteroscedastic, Family::StudentT] {
        assert!(families.contains(&family), "{families:?}");
    }
}

/// A table of one input and a target.
fn with_target(target: impl Fn(usize) -> String) -> String {
    (0..100).fold("x,y\n".to_owned(), |table, row| format!("{table}{:.3},{}\n", uniform(1, row), target(row)))
}

#[test]
fn the_likelihood_follows_from_the_target() {
    let of = |target: &dyn Fn(usize) -> String, likelihood: Option<Family>| {
        let text = text(&with_target(target));
        let table = read::Layout::find(&text, "y", &Reading::default()).unwrap().0;
        Target::of(&table, "y", likelihood).map(|(target, _)| target)
    };
    let families = |target: &dyn Fn(usize) -> String| of(target, None).unwrap().families();
    assert_eq!(families(&|row| ["no", "yes"][row % 2].to_owned()), [Family::Bernoulli]);
    assert_eq!(families(&|row| (row % 2).to_string()), [Family::Bernoulli]);
    assert_eq!(families(&|row| ["a", "b", "c"][row % 3].to_owned()), [Family::Categorical]);
    assert_eq!(families(&|row| (row % 3).to_string()), [Family::Categorical]);
    // Few large counts.
    let counts = |row: usize| ((-uniform(2, row).ln() * 2.0) as usize).to_string();
    assert_eq!(families(&counts), [Family::Poisson, Family::NegativeBinomial]);
    let numbers = [Family::Gaussian, Family::Heteroscedastic, Family::StudentT];
    assert_eq!(families(&|row| format!("{:.4}", noise(row))), numbers);
    // Whole numbers far from 0 are not counts.
    assert_eq!(families(&|row| format!("{:.0}", 150.0 + 40.0 * noise(row))), numbers);
    let skewed = |row: usize| format!("{:.4}", (1.5 * noise(row)).exp());
    assert_eq!(families(&skewed), [&numbers[..], &[Family::LogNormal]].concat());
    // What the user says holds, if it can.
    assert_eq!(of(&|row| (row % 3).to_string(), Some(Family::Poisson)).unwrap(), Target::Counts);
    let message = of(&|row| format!("{:.4}", noise(row)), Some(Family::Poisson)).unwrap_err().to_string();
    assert!(message.contains("is not a count"), "{message}");
    let message = of(&|row| ["no", "yes"][row % 2].to_owned(), Some(Family::Gaussian)).unwrap_err().to_string();
    assert!(message.contains("gaussian does not take"), "{message}");
}

#[test]
fn tables_that_cannot_be_used_are_refused_with_the_place() {
    let good = houses(0..40);
    let replaced = |line: usize, with: &str| {
        let lines: Vec<&str> =
            good.lines().enumerate().map(|(i, old)| if i + 1 == line { with } else { old }).collect();
        lines.join("\n")
    };
    for (table, target, parts) in [
        (String::new(), "price", vec!["the file is empty"]),
        ("a,b\n".to_owned(), "b", vec!["table.csv"]),
        ("a,b\n1,2\n".to_owned(), "b", vec!["1 rows", "20 at least"]),
        (good.clone(), "cost", vec!["--target names \"cost\"", "rooms", "price"]),
        (with_target(|_| "same".to_owned()), "y", vec!["\"y\"", "same in every row"]),
        (with_target(|_| "4".to_owned()), "y", vec!["\"y\"", "same in every row"]),
        (with_target(|_| String::new()), "y", vec!["\"y\"", "no value in any row"]),
        (with_target(|row| format!("name {row}")), "y", vec!["100 different names", "too many for classes"]),
        ("a,a,b\n1,2,3\n".to_owned(), "b", vec!["columns 1 and 2 are all called \"a\""]),
        (replaced(5, "1,2,yes,oak,1950"), "price", vec!["line 5", "expected 7 cells", "found 5"]),
        (
            replaced(5, "1,2,yes,oak,1950,nowhere,1O0"),
            "price",
            vec!["line 5, column 7 (\"price\")", "\"1O0\"", "--missing"],
        ),
        (
            replaced(8, "1,two,yes,oak,1950,nowhere,100"),
            "price",
            vec!["line 8, column 2 (\"rooms\")", "\"two\"", "--category"],
        ),
        (replaced(8, "1,2,yes,oak,1950,nowhere,\"1,000\""), "price", vec!["line 8, column 7 (\"price\")", "\"1,000\""]),
        (
            replaced(8, "1,2,yes,oak,1950,nowhere,2x").replace(',', ";").replace('.', ","),
            "price",
            vec!["line 8", "\"2x\""],
        ),
        (replaced(8, "1,2,yes,oak,inf,nowhere,100"), "price", vec!["line 8, column 5 (\"built\")", "\"inf\""]),
        ("x,y\n".to_owned() + &"1,2.5\n1,3.5\n".repeat(15), "y", vec!["no column is left", "column 1 (\"x\")"]),
    ] {
        let message = refusal(&table, target);
        assert!(parts.iter().all(|part| message.contains(part)), "{parts:?} are not in {message:?}");
        assert!(!message.contains("`."), "advice for programs: {message}");
    }
}

#[test]
fn a_byte_order_mark_line_ends_quotes_and_semicolons_change_nothing() {
    let plain = houses(0..40);
    let quoted = plain.replace("oak", "\"oak\"").replace("street", "\"street\"");
    let variants = [
        format!("\u{feff}{plain}"),
        plain.replace('\n', "\r\n"),
        quoted,
        plain.replace(',', ";").replace('.', ","),
        plain.replace(',', "\t"),
    ];
    let nll = |table: &str| fit(&text(table), "price", &Reading::default(), &options(2)).unwrap().scores.nll;
    let expected = nll(&plain);
    for variant in &variants {
        assert_eq!(nll(variant), expected, "{}", variant.lines().nth(1).unwrap());
    }
}

#[test]
fn a_model_that_was_written_and_read_predicts_the_same() {
    let folder = std::env::temp_dir().join(format!("elbo-tabular-{}", std::process::id()));
    let names = |row: usize| {
        ["cold", "mild", "hot"][(3.0 * (0.8 * uniform(1, row) + 0.2 * uniform(2, row))) as usize % 3].to_owned()
    };
    let count = |row: usize| ((-uniform(2, row).ln() * 3.0 * uniform(1, row)) as usize).to_string();
    for (table, target) in [(houses(0..80), "price"), (with_target(names), "y"), (with_target(count), "y")] {
        let fitted = fit(&text(&table), target, &Reading::default(), &options(20)).unwrap();
        fitted.saved.write(&folder).unwrap();
        let read = Saved::read(&folder).unwrap();
        let (now, then) = (predict(&fitted.saved, &text(&table)).unwrap(), predict(&read, &text(&table)).unwrap());
        assert_eq!(now, then);
        assert!(now.targets.is_some() && now.csv().lines().count() == now.lines.len() + 1);
        fitted.write_report("A table", &folder.join("report.html")).unwrap();
        let html = std::fs::read_to_string(folder.join("report.html")).unwrap();
        assert!(html.contains("<svg") && html.contains(&fitted.compared[0].candidate.to_string()), "{target}");
    }
    std::fs::write(folder.join("table.json"), "{\"format\": 2}").unwrap();
    let message = Saved::read(&folder).err().unwrap().to_string();
    assert!(message.contains("version 2"), "{message}");
    std::fs::remove_dir_all(folder).unwrap();
}

#[test]
fn rows_and_columns_of_new_tables_are_taken_by_name_and_what_is_new_is_said() {
    let saved = fit(&text(&houses(0..80)), "price", &Reading::default(), &options(20)).unwrap().saved;
    let new = "rooms,garden,street,built\n3,yes,oak,1950\n3,yes,lime,1950\n3,,oak,1950\n90,yes,oak,1950\n3,yes,oak,\n";
    let found = predict(&saved, &text(new)).unwrap();
    let reasons: Vec<String> = found.unlike.iter().map(|reasons| reasons.join("; ")).collect();
    assert!(reasons[1].contains("street = \"lime\" is new"), "{reasons:?}");
    assert!(reasons[2].contains("garden is missing"), "{reasons:?}");
    assert!(reasons[3].contains("rooms = 90 is outside of 1 to 6"), "{reasons:?}");
    // The training data have rows without the year.
    assert!(!reasons[0].contains("is") && !reasons[4].contains("built"), "{reasons:?}");
    assert!(found.targets.is_none());
    let other = "extra,built,street,garden,rooms\nx,1950,oak,yes,3\n";
    let reordered = predict(&saved, &text(other)).unwrap();
    assert_eq!(reordered.not_used, ["extra"]);
    let mean = |of: &Predictions| match &of.prediction {
        Prediction::Numbers(numbers) => numbers.mean[0],
        Prediction::Classes(_) => f64::NAN,
    };
    assert!((mean(&found) / mean(&reordered) - 1.0).abs() < 1e-5);

    let refused = |table: &str| predict(&saved, &text(table)).unwrap_err().to_string();
    let message = refused("rooms,built\n3,1950\n");
    assert!(message.contains("no column \"garden\", \"street\""), "{message}");
    let message = refused("rooms,garden,street,built\n3,yes,oak,1950\nmany,yes,oak,1950\n");
    assert!(message.contains("line 3, column 1 (\"rooms\"): expected a number, found \"many\""), "{message}");
}

#[test]
fn intervals_and_sets_contain_as_many_targets_as_they_say() {
    let table = |rows: std::ops::Range<usize>| {
        rows.fold("a,b,y\n".to_owned(), |table, row| {
            let (a, b) = (uniform(1, row), uniform(2, row));
            // Noise that is three times as large for large a.
            format!("{table}{a:.4},{b:.4},{:.4}\n", 3.0 * a - 2.0 * b + (0.2 + 0.4 * a) * noise(row))
        })
    };
    let choices = FitOptions { likelihood: Some(Family::Gaussian), ..options(500) };
    let fitted = fit(&text(&table(0..300)), "y", &Reading::default(), &choices).unwrap();
    let tested = fitted.test(&text(&table(1000..4000))).unwrap();
    assert!((fitted.scores.coverage - 0.9).abs() < 0.005, "{:?}", fitted.scores);
    // The threshold of 300 rows has a standard deviation of 0.017.
    assert!((tested.coverage - 0.9).abs() < 0.04, "{tested:?}");
    assert!(tested.nll < tested.guess - 0.3 && fitted.verdict.better_than_guessing, "{tested:?}");

    let table = |rows: std::ops::Range<usize>| {
        rows.fold("a,y\n".to_owned(), |table, row| {
            let a = uniform(1, row);
            let class = ["left", "middle", "right"][((3.0 * (a + 0.25 * noise(row))).clamp(0.0, 2.99)) as usize];
            format!("{table}{a:.4},{class}\n")
        })
    };
    let fitted = fit(&text(&table(0..300)), "y", &Reading::default(), &options(500)).unwrap();
    let tested = fitted.test(&text(&table(1000..4000))).unwrap();
    assert!((tested.coverage - 0.9).abs() < 0.05 && tested.size < 2.9, "{tested:?}");
    assert!(tested.nll < tested.guess && tested.own < 0.06, "{tested:?}");
}
