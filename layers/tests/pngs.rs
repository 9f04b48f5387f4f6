//! Pictures as PNG: their size, their texts, and what is said where there is no font.

use std::process::ExitCode;

use elbo::report::{Chart, Fonts, Picture, PngError};
use libtest_mimic::{Arguments, Trial};

/// What needs a font is ignored without one, and says so.
fn main() -> ExitCode {
    let has_font = Picture::from(chart()).png(1.0, &Fonts::System).is_ok();
    let with_font = |name: &str, test: fn()| {
        let ran = move || {
            test();
            Ok(())
        };
        let name = if has_font { name.to_owned() } else { format!("{name} (needs a font on this machine)") };
        Trial::test(name, ran).with_ignored_flag(!has_font)
    };
    let no_font = Trial::test("bytes_that_are_no_font_are_refused", || {
        bytes_that_are_no_font_are_refused();
        Ok(())
    });
    let tests = vec![
        with_font("a_picture_has_its_size_and_its_texts", a_picture_has_its_size_and_its_texts),
        with_font("scales_that_make_no_picture_are_refused", scales_that_make_no_picture_are_refused),
        no_font,
    ];
    libtest_mimic::run(&Arguments::from_args(), tests).exit_code()
}

fn chart() -> Chart {
    Chart::new("A title of some length").x("seconds").y("volts").line("a line", &[0.0, 1.0], &[0.0, 1.0])
}

/// The width and height that a PNG's header says.
fn size(png: &[u8]) -> [u32; 2] {
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
}

fn a_picture_has_its_size_and_its_texts() {
    let with_texts = Picture::from(chart());
    let png = with_texts.png(1.5, &Fonts::System).unwrap();
    assert_eq!(size(&png), [960, 480]);
    assert_eq!(with_texts.png(1.5, &Fonts::System).unwrap(), png);
    // Texts are drawn: without them the picture is another, and compresses better.
    let without = Picture::from(Chart::new("").line("", &[0.0, 1.0], &[0.0, 1.0])).png(1.5, &Fonts::System).unwrap();
    assert!(without.len() < png.len() * 9 / 10, "{} {}", without.len(), png.len());

    let file = std::env::temp_dir().join(format!("elbo-png-{}.png", std::process::id()));
    chart().write_png(&file, 1.5, &Fonts::System).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), png);
    std::fs::remove_file(&file).unwrap();
}

fn bytes_that_are_no_font_are_refused() {
    let no_font = Picture::from(chart()).png(1.0, &Fonts::Bytes(b"not a font".to_vec())).unwrap_err();
    assert_eq!(format!("{no_font:?}"), no_font.to_string());
    assert!(matches!(no_font, PngError::NoFont) && no_font.to_string().contains("Fonts::Bytes"));
}

fn scales_that_make_no_picture_are_refused() {
    let picture = Picture::from(chart());
    for scale in [0.0, -1.0, f64::NAN, 1e6] {
        let error = picture.png(scale, &Fonts::System).unwrap_err();
        assert!(matches!(error, PngError::Scale { .. }), "{error}");
    }
}
