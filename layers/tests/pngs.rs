//! Pictures as PNG: their size, their texts, and what is said where there is no font.

use elbo::report::{Chart, Fonts, Picture, PngError};

fn chart() -> Chart {
    Chart::new("A title of some length").x("seconds").y("volts").line("a line", &[0.0, 1.0], &[0.0, 1.0])
}

/// The width and height that a PNG's header says.
fn size(png: &[u8]) -> [u32; 2] {
    assert_eq!(png[..8], *b"\x89PNG\r\n\x1a\n");
    [16, 20].map(|at| u32::from_be_bytes(png[at..at + 4].try_into().unwrap()))
}

#[test]
fn a_picture_has_its_size_and_its_texts() {
    let with_texts = Picture::from(chart());
    let png = match with_texts.png(1.5, &Fonts::System) {
        Ok(png) => png,
        Err(PngError::NoFont) => {
            println!("there is no font on this machine");
            return;
        }
        Err(error) => panic!("{error}"),
    };
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

#[test]
fn mistakes_are_errors() {
    let picture = Picture::from(chart());
    let no_font = picture.png(1.0, &Fonts::Bytes(b"not a font".to_vec())).unwrap_err();
    assert_eq!(format!("{no_font:?}"), no_font.to_string());
    assert!(matches!(no_font, PngError::NoFont) && no_font.to_string().contains("Fonts::Bytes"));
    if matches!(picture.png(1.0, &Fonts::System), Err(PngError::NoFont)) {
        return;
    }
    for scale in [0.0, -1.0, f64::NAN, 1e6] {
        let error = picture.png(scale, &Fonts::System).unwrap_err();
        assert!(matches!(error, PngError::Scale { .. }), "{error}");
    }
}
