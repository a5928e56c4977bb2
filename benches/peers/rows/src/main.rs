//! zune-jpeg's release candidate: rows of raw Y, Cb and Cr as they are decoded, and whole planes to compare with.
//!
//! ```text
//! decode rc-rows|rc-luma|rc-rgb JPEG TIMES
//! luma JPEG FILE                    writes the Y plane that the rows make; answers WIDTH HEIGHT
//! ```

#[path = "../../src/protocol.rs"]
mod protocol;

use std::fs;

use protocol::{Reply, Result, measure};
use zune_core::bytestream::ZCursor;
use zune_core::colorspace::ColorSpace;
use zune_core::options::DecoderOptions;
use zune_jpeg::{JpegDecoder, RawImcuRowStatus};

fn main() -> Result<()> {
    protocol::serve(|words| match *words {
        ["decode", decoder, file, times] => decode(decoder, &fs::read(file)?, times.parse()?),
        ["luma", file, to] => {
            let mut plane = Vec::new();
            let (width, height) = rows(&fs::read(file)?, |row| plane.extend_from_slice(row))?;
            fs::write(to, plane)?;
            Ok(Reply::default().with_answer(format_args!("{width} {height}")))
        }
        _ => Err("no such command".into()),
    })
}

/// Answers how many pixels there are.
fn decode(decoder: &str, jpeg: &[u8], times: usize) -> Result<Reply> {
    let (pixels, reply) = match decoder {
        "rc-rows" => measure(times, || {
            let (width, height) = rows(jpeg, |row| {
                std::hint::black_box(row);
            })?;
            Ok(width * height)
        }),
        "rc-luma" => measure(times, || whole(jpeg, ColorSpace::Luma)),
        "rc-rgb" => measure(times, || Ok(whole(jpeg, ColorSpace::RGB)? / 3)),
        _ => Err("no such decoder".into()),
    }?;
    Ok(reply.with_answer(pixels))
}

fn whole(jpeg: &[u8], colors: ColorSpace) -> Result<usize> {
    let options = DecoderOptions::default().jpeg_set_out_colorspace(colors);
    Ok(JpegDecoder::new_with_options(ZCursor::new(jpeg), options).decode()?.len())
}

/// Hands over every row of the first component, which is Y; returns width and height.
fn rows(jpeg: &[u8], mut take: impl FnMut(&[u8])) -> Result<(usize, usize)> {
    let mut decoder = JpegDecoder::new(ZCursor::new(jpeg));
    decoder.decode_headers()?;
    let mut raw = decoder.raw_output();
    let count = raw.num_components().ok_or("no components")?;
    let layout = &raw.layout().ok_or("no layout")?[..count];
    let strides: Vec<usize> = layout.iter().map(|plane| plane.stride).collect();
    let mut planes: Vec<Vec<u8>> =
        layout.iter().map(|p| vec![0; p.stride * p.vertical_sampling_factor * 8]).collect();
    let luma = *layout.first().ok_or("no components")?;
    loop {
        let mut into: Vec<&mut [u8]> = planes.iter_mut().map(Vec::as_mut_slice).collect();
        match raw.decode_next_imcu_row(&mut into, &strides)? {
            RawImcuRowStatus::RowReady { rows_written } => {
                for row in planes[0].chunks(luma.stride).take(rows_written[0]) {
                    take(&row[..luma.width]);
                }
            }
            RawImcuRowStatus::Complete => return Ok((luma.width, luma.height)),
            _ => return Err("the file ends early".into()),
        }
    }
}
