//! JPEGs through the decoder of the crate, against `zune-jpeg` by itself.
#![cfg(feature = "decode")]

use std::path::PathBuf;

use tamis::Limits;
use tamis::media::{Channels, Decoded, Decoder, Keep, PixelFormat, Request, Unscannable, sniff};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;

fn decode(
    bytes: &[u8],
    channels: Channels,
) -> Result<(Decoded, PixelFormat, Vec<u8>), Unscannable> {
    let limits = Limits { memory: 1 << 30, progressive_memory: 1 << 30, ..Limits::default() };
    let request = Request { channels, ..Request::still(bytes, sniff(bytes), &limits) };
    let mut kept = Keep::default();
    let decoded = Decoder::new().decode(&request, &mut kept)?;
    let raster = kept.raster().expect("a frame was handed over");
    let pixels = (0..raster.height()).flat_map(|y| raster.row(y).iter().copied()).collect();
    Ok((decoded, raster.format(), pixels))
}

/// What the decoder says by itself.
fn alone(bytes: &[u8], space: ColorSpace) -> Option<Vec<u8>> {
    let options = DecoderOptions::default()
        .jpeg_set_out_colorspace(space)
        .set_max_width(1 << 16)
        .set_max_height(1 << 16);
    zune_jpeg::JpegDecoder::new_with_options(ZCursor::new(bytes), options).decode().ok()
}

fn pictures() -> Vec<PathBuf> {
    fn walk(dir: &std::path::Path, found: &mut Vec<PathBuf>) {
        for entry in std::fs::read_dir(dir).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                walk(&path, found);
            } else if path.extension().is_some_and(|e| e == "jpg" || e == "jpeg") {
                found.push(path);
            }
        }
    }
    let mut found = Vec::new();
    walk(&PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/data"), &mut found);
    if let Some(more) = std::env::var_os("TAMIS_MORE_JPEGS") {
        walk(&PathBuf::from(more), &mut found);
    }
    found.sort();
    found
}

#[test]
fn whole_pictures_are_whole_and_what_the_decoder_says_by_itself() {
    let pictures = pictures();
    if pictures.is_empty() {
        eprintln!("SKIPPED: no pictures in ../shared/data");
        return;
    }
    let mut bad = 0;
    for path in &pictures {
        let bytes = std::fs::read(path).unwrap();
        if sniff(&bytes).format != tamis::media::Format::Jpeg {
            continue;
        }
        for channels in [Channels::Colour, Channels::Luma] {
            match decode(&bytes, channels) {
                Err(e) => {
                    eprintln!("{}: {channels:?} {e}", path.display());
                    bad += 1;
                }
                Ok((decoded, format, pixels)) => {
                    let space = if format == PixelFormat::Grey8 {
                        ColorSpace::Luma
                    } else {
                        ColorSpace::RGB
                    };
                    let same = alone(&bytes, space).is_some_and(|p| p == pixels);
                    if decoded.cut_short.is_some() || !same {
                        eprintln!(
                            "{}: {channels:?} {decoded:?} {format:?} same {same}",
                            path.display()
                        );
                        bad += 1;
                    }
                }
            }
        }
    }
    eprintln!("{} pictures", pictures.len());
    assert_eq!(bad, 0);
}
