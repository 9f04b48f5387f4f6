//! The reader of tables on random, damaged and malicious text.

use elbo::data::{Csv, DataError, Missing, Table, ts};

use super::damage::{Random, gzip, plain_or_packed};
use super::memory::{self, bounded};
use super::{LARGE, survive};

fn seeds() -> Vec<Vec<u8>> {
    let mut seeds = vec![
        "a,b,c\n1,red,0.5\n-2,\"blue, dark\",1e3\n3,red,7\n".to_owned(),
        "a;b\r\n1;\"x\"\"y\r\nz\"\r\n2;x\r\n".to_owned(),
        "\u{feff}a\tb\n?\tNA\n\t3\n".to_owned(),
        "1 2  3\n 4 5 6 \n".to_owned(),
    ];
    seeds.push((0..300).fold("id,x\n".to_owned(), |text, i| text + &format!("n{},{}\n", i % 40, i * i)));
    seeds.into_iter().map(String::into_bytes).collect()
}

/// One of several readers, which the input chooses so that every string is read by all in time.
fn read(csvs: &[Csv], bytes: &[u8]) -> Result<(), DataError> {
    let csv = &csvs[(bytes.len() + usize::from(*bytes.last().unwrap_or(&0))) % csvs.len()];
    csv.parse("file", bytes).map(drop)
}

#[test]
fn tables_survive_anything() {
    let seeds = seeds();
    let csv = Csv::new();
    let csvs = [
        csv.clone(),
        csv.clone().missing(Missing::Mask).header(false),
        csv.clone().missing(Missing::DropRow).delimiter(b';').decimal(b','),
        csv.clone().missing(Missing::Mask).delimiter(b'\t').categorical([1]),
        csv.clone().header(false).delimiter(b' ').quotes(false),
        csv.clone().header(false).ignore([2]).target(1).comment(b'#').missing(Missing::Mask),
    ];
    let string = |random: &mut Random, i: u64| {
        if i.is_multiple_of(LARGE) {
            let large = random.pick(&seeds).repeat(1 << random.below(12));
            return if random.one_in(2) { large } else { gzip(random, &large) };
        }
        plain_or_packed(random, &seeds)
    };
    survive("tables", memory::ALLOWANCE, 20, string, |bytes| read(&csvs, bytes));
}

#[test]
fn sequences_survive_anything() {
    let header = "# c\n@timeStamps false\n@classLabel true 1 b\n@data\n";
    let cases = (0..60).map(|i| format!("{}0:{}1:1\n", "1.5,".repeat(i % 9), "-2e3,".repeat(i % 9)));
    let seeds = [
        format!("{header}1,2:3,4:b\r\n5:6:1\n"),
        format!("{header}{}", cases.collect::<String>()),
        format!("{header}1:1\n"),
    ]
    .map(String::into_bytes);
    let string = |random: &mut Random, i: u64| {
        if i.is_multiple_of(LARGE) {
            let line = b"1,1,1:2,2,2:b\n".repeat(1 << random.below(14));
            return gzip(random, &[header.as_bytes(), &line].concat());
        }
        plain_or_packed(random, &seeds)
    };
    let read = |bytes: &[u8]| ts::from_bytes::<f64>("file", bytes).map(drop);
    survive("sequences", memory::ALLOWANCE, 20, string, read);
    // One long line, and lines as short as possible.
    for text in ["1,".repeat(4 << 20), "1:".repeat(4 << 20), "1:1\n".repeat(2 << 20), "1,".repeat(4 << 20) + "1:1\n"] {
        let bytes = [header.as_bytes(), text.as_bytes()].concat();
        let _ = bounded(bytes.len(), || ts::from_bytes::<f64>("file", &bytes).map(drop));
    }
}

/// The table, within the limit.
#[track_caller]
fn parse(csv: &Csv, bytes: &[u8]) -> Result<Table, DataError> {
    bounded(bytes.len(), || csv.parse("file", bytes))
}

#[track_caller]
fn contains(result: Result<Table, DataError>, part: &str) {
    let message = result.expect_err(part).to_string();
    assert!(message.contains(part), "{part:?} is not in {message:?}");
}

#[test]
fn texts_that_take_the_most_memory_stay_within_the_limit_or_are_refused() {
    let csv = Csv::new().header(false).missing(Missing::Mask);
    const MANY: usize = 4 << 20;
    // Rows and columns of as few bytes as possible.
    assert_eq!(parse(&csv, &b"1\n".repeat(MANY)).unwrap().len(), MANY);
    assert_eq!(parse(&csv, &b",\n".repeat(MANY)).unwrap().len(), MANY);
    assert_eq!(parse(&csv, &[&b"a,1\n"[..], &b",\n".repeat(MANY)].concat()).unwrap().len(), MANY + 1);
    assert_eq!(parse(&csv, &[b",\n".repeat(MANY), b"a,1\n".to_vec()].concat()).unwrap().len(), MANY + 1);
    assert_eq!(parse(&csv, &b",,,,,,,\n".repeat(MANY / 8)).unwrap().len(), MANY / 8);
    contains(parse(&csv, &b",".repeat(MANY)), "file, line 1: the table takes ");
    contains(parse(&csv, &b"1,".repeat(MANY)), "file, line 1: the table takes ");
    contains(parse(&Csv::new(), &b"ab,".repeat(MANY)), "file, line 1: the table takes ");
    // Cells without an end.
    contains(parse(&csv, &b"1".repeat(MANY)), "found more than 65536 bytes");
    contains(
        parse(&csv, &[&b"\""[..], &b"x\n".repeat(MANY)].concat()),
        "line 1: expected a quote that ends the quoted",
    );
    contains(parse(&csv.clone().ignore([1]), &[&b"1,2\n"[..], &b"x".repeat(MANY)].concat()), "found 1");
    contains(parse(&csv, &b"\n".repeat(MANY)), "only blank lines");
    // Many different names.
    let names = (0..300_000).fold(String::new(), |text, i| text + &format!("{i:x}g\n"));
    contains(parse(&csv, names.as_bytes()), "at most 1000 different names");
    let short: String = (0..65_000).map(|i| format!("{i:x}g\n")).collect();
    // The names alone take more than a short file allows.
    let many = csv.clone().max_categories(65_000);
    assert_eq!(many.memory_limit(1 << 26).parse("file", short.as_bytes()).unwrap().len(), 65_000);
    // A header of long names.
    let long = format!("{0}a,{0}b\n1,2\n", "x".repeat(60_000));
    assert_eq!(parse(&Csv::new(), long.as_bytes()).unwrap().len(), 1);
}

#[test]
fn packed_tables_that_unpack_a_thousandfold_are_refused() {
    let csv = Csv::new().header(false);
    let mut random = Random::new(1);
    for (row, times) in [(&b"0\n"[..], 16 << 20), (b"0,0,0,0\n", 4 << 20), (b"a,b\n", 8 << 20)] {
        // At a random level; level 0 does not pack.
        let bytes =
            std::iter::repeat_with(|| gzip(&mut random, &row.repeat(times))).find(|bytes| bytes.len() < 1 << 20);
        contains(parse(&csv, &bytes.unwrap()), "allow more with `.memory_limit(bytes)`");
    }
    let bytes = gzip(&mut random, &b"0\n".repeat(100_000));
    assert_eq!(csv.clone().memory_limit(1 << 24).parse("file", bytes).unwrap().len(), 100_000);
}

#[test]
fn time_is_linear_in_the_size() {
    let csv = Csv::new().missing(Missing::Mask);
    let time = |bytes: &[u8]| {
        let start = std::time::Instant::now();
        let _ = csv.parse("file", bytes);
        start.elapsed()
    };
    let row = |i: usize| format!("{i}.5,name{},-1e-3\n", i % 900);
    let text = |rows| (0..rows).fold("a,b,c\n".to_owned(), |text, i| text + &row(i)).into_bytes();
    let (small, large) = (text(20_000), text(320_000));
    let ratio = (0..5).map(|_| time(&large).as_secs_f64() / time(&small).as_secs_f64()).fold(f64::INFINITY, f64::min);
    // Sixteen times the rows; quadratic time would be 256 times as long.
    assert!(ratio < 64.0, "{ratio}");
}

/// Why tables are split by our own code: `docs/decisions/026-tables.md`.
#[test]
fn the_crate_csv_takes_more_than_the_limit_and_accepts_open_quotes() {
    let commas = b",".repeat(4 << 20);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).from_reader(&commas[..]);
    let mut record = csv::ByteRecord::new();
    let (read, peak) = crate::own_process::peak(|| reader.read_byte_record(&mut record).unwrap());
    println!("csv: {:.1} bytes of memory for each byte of a line of commas", peak as f64 / commas.len() as f64);
    assert!(read && peak > memory::RATIO * commas.len() + memory::ALLOWANCE, "{peak}");
    for text in ["a\n\"x\ny\nz", "a\n\"x\"y"] {
        assert!(csv::Reader::from_reader(text.as_bytes()).records().all(|record| record.is_ok()), "{text:?}");
    }
}
