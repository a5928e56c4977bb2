//! Pictures drawn by the project: landscapes with the detail of photographs, from a seed.
//!
//! The demo, the tests and the test list need pictures that anyone may have and that behave like
//! photographs under a perceptual hash: detail at every size, grain, many different scenes. They
//! are drawn here, so that no photograph has to be shipped.
//!
//! ```text
//! scene   = what the seed decides (hour, weather, ridges, ground, things)
//! picture = sky and ridges, wood on the far edge, ground (water mirrors what is above it),
//!           things from far to near, birds, and at last the camera: vignette and film grain
//! ```
//!
//! Invariants:
//! * Integers only, no dependency but `std`: the same seed draws the same bytes on every machine.
//! * Positions are in units of the scene, never in pixels: one seed is one scene at every size.
//!   Another aspect than 4:3 stretches it. Only the grain belongs to the pixels.

mod canvas;
mod hostile;
mod land;
mod letters;
pub(crate) mod noise;
mod scene;
#[cfg(test)]
mod tests;
mod things;

#[allow(unused_imports, reason = "the generator of the test list has no use for it")]
pub(crate) use hostile::tiny_bomb;

use canvas::{Canvas, HEIGHT, WIDTH};
use noise::finalise;
use scene::{Ground, Scene};

/// Draws the scene of a seed as RGB, three bytes a pixel, row by row from the top.
///
/// A picture without pixels is empty.
pub(crate) fn draw(seed: u64, width: u32, height: u32) -> Vec<u8> {
    if width == 0 || height == 0 {
        return Vec::new();
    }
    let mut canvas = paint(seed, width, height);
    expose(&mut canvas, seed);
    canvas.into_rgb()
}

/// Width and height of the pictures of the test list.
pub(crate) const TEST_SIZE: [u32; 2] = [320, 240];

/// Draws picture 1, 2 or 3 of the test list, of [`TEST_SIZE`], as RGB.
///
/// Each says what it is in large letters over a landscape, so that a moderator who sees one
/// knows that it is a test.
pub(crate) fn draw_test(number: u8) -> Vec<u8> {
    // Seeds far from those that the demo and the tests count up from 1.
    let seed = u64::from(number) + 7_000_000;
    let [width, height] = TEST_SIZE;
    let mut canvas = paint(seed, width, height);
    // Each picture has its own layout: the letters weigh more in a perceptual hash than the land.
    let (tops, cell, colour) = match number {
        1 => ([3_000, 22_000], 1_900, [250, 222, 60]),
        2 => ([8_000, 28_000], 1_500, [255, 255, 255]),
        _ => ([14_000, 33_000], 1_700, [244, 120, 70]),
    };
    letters::write(&mut canvas, "TAMIS", tops[0], cell, colour);
    letters::write(&mut canvas, &format!("TEST {number}"), tops[1], cell * 4 / 5, colour);
    // No grain, and sixteen levels a channel: the PNG stays small.
    canvas.into_rgb().into_iter().map(|value| value / 16 * 17).collect()
}

/// The scene before the camera.
fn paint(seed: u64, width: u32, height: u32) -> Canvas {
    let scene = Scene::new(seed);
    let mut canvas = Canvas::new(width, height);
    land::paint_distance(&mut canvas, &scene);
    things::paint_birds(&mut canvas, &scene);
    // What stands on the far shore has to be there before the water mirrors it.
    let shore =
        |thing: &scene::Thing| scene.ground == Ground::Water && thing.kind != scene::Kind::Boat;
    things::paint_things(&mut canvas, &scene, shore);
    land::paint_ground(&mut canvas, &scene);
    things::paint_things(&mut canvas, &scene, |thing| !shore(thing));
    canvas
}

/// The camera: darker corners, a soft contrast curve and the grain of film.
fn expose(canvas: &mut Canvas, seed: u64) {
    for row in 0..canvas.height {
        let dy = i64::from(canvas.y_of(row) - HEIGHT / 2);
        for column in 0..canvas.width {
            let dx = i64::from(canvas.x_of(column) - WIDTH / 2);
            // 256 in the middle, about 180 in the corners.
            let lens = 256 - ((dx * dx + dy * dy) * 76 / (1_i64 << 31) * 8 / 10) as i32;
            let place = (row as u64) << 32 | column as u64;
            let bits = finalise(place ^ seed.rotate_left(17) ^ 0x7A61_6D69_735F_6772);
            let speck = |shift: u32| ((bits >> shift) & 0xFF) as i32;
            // The sum of three even values is close to a bell curve.
            let silver = speck(0) + speck(8) + speck(16) - 382;
            let mut next = 24;
            let colour = canvas.get(column, row).map(|c| {
                let tint = speck(next) - 128;
                next += 8;
                ((c * lens) >> 8) + (silver * 5 + tint * 2) / 256
            });
            canvas.set(column, row, colour);
        }
    }
}
