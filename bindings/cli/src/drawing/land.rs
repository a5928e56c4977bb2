//! Sky, ridges and ground: everything that fills the picture from edge to edge.

use super::canvas::{Canvas, Colour, FINEST, WIDTH, mix, scale, shine};
use super::noise::finalise;
use super::scene::{Ground, Ridge, Scene};

/// Paints the sky and the ridges, down to the horizon.
pub(super) fn paint_distance(canvas: &mut Canvas, scene: &Scene) {
    let tops: Vec<Vec<i32>> = scene
        .ridges
        .iter()
        .zip(0..)
        .map(|(ridge, row)| {
            (0..canvas.width).map(|c| skyline(scene, ridge, row, canvas.x_of(c))).collect()
        })
        .collect();
    for row in 0..(canvas.row_of(scene.horizon) + 1).min(canvas.height) {
        let y = canvas.y_of(row);
        for column in 0..canvas.width {
            let x = canvas.x_of(column);
            let coverage = |ridge: usize| canvas.edge(y - tops[ridge][column as usize]);
            // The nearest ridge that hides all behind it; only what is in front of it is shaded.
            let solid = (0..tops.len()).rev().find(|&ridge| coverage(ridge) == 256);
            let mut colour = match solid {
                Some(ridge) => slope(scene, ridge, x, y, tops[ridge][column as usize]),
                None => sky(canvas, scene, x, y),
            };
            for (ridge, tops) in tops.iter().enumerate().skip(solid.map_or(0, |ridge| ridge + 1)) {
                let opacity = coverage(ridge);
                if opacity > 0 {
                    let near = slope(scene, ridge, x, y, tops[column as usize]);
                    colour = mix(colour, near, opacity);
                }
            }
            canvas.set(column, row, colour);
        }
    }
}

/// Height of a ridge's outline at `x`.
fn skyline(scene: &Scene, ridge: &Ridge, row: i64, x: i32) -> i32 {
    let along = i64::from(x) * ridge.cells;
    let height = scene.noise.line(along, row + 3, 7) + 32_768;
    let mut top = scene.horizon - ridge.rise - ((ridge.swing * (height >> 4)) >> 12);
    if ridge.trees > 0 {
        let crown = scene.noise.line(along * 40, row + 9, 3) + 32_768;
        top -= (ridge.trees * (crown >> 4)) >> 12;
    }
    top
}

fn sky(canvas: &Canvas, scene: &Scene, x: i32, y: i32) -> Colour {
    let hour = &scene.hour;
    let fall = y * 256 / scene.horizon;
    let mut colour = mix(hour.zenith, hour.skyline, fall * fall / 256);
    let (dx, dy) = (i64::from(x - scene.sun[0]), i64::from(y - scene.sun[1]));
    let squared = dx * dx + dy * dy;
    let radius = i64::from(scene.sun_radius);
    if hour.night {
        colour = mix(colour, hour.sun, star(canvas, x, y));
    }
    let reach = radius * radius * if hour.night { 12 } else { 50 };
    let glow = (200 * reach / (reach + squared)) as i32;
    colour = mix(colour, hour.sun, glow);
    let disc = canvas.edge(((radius * radius - squared) / (2 * radius)) as i32);
    let mut face = hour.sun;
    if hour.night {
        let spots = scene.noise.fractal(i64::from(x) * 40, i64::from(y) * 40, 3, FINEST * 40);
        face = scale(face, 236 + spots / 800);
    }
    colour = mix(colour, face, disc);

    // Clouds lie on a flat ceiling, so they are smaller and denser towards the horizon.
    let above = i64::from(scene.horizon - y).max(0) + 3_600;
    let far = (1 << 28) / above;
    let (u, v) = ((i64::from(x - WIDTH / 2) * far) >> 16, far);
    let (u, v) = (u * scene.cloud_cells + (90 << 16), v * scene.cloud_cells);
    let span = (FINEST * scene.cloud_cells * far.max((far * far) >> 12)) >> 16;
    let density = scene.noise.fractal(u, v, 6, span) + scene.cover;
    if density > 0 {
        let towards_sun = (-2 * dx).clamp(-0x5000, 0x5000);
        let shade = scene.noise.fractal(u + towards_sun, v - 0x5000, 3, span) + scene.cover;
        let lit = 150 + (density - shade) / 90 - density / 260;
        let cloud = mix(hour.cloud_dark, hour.cloud_lit, lit + glow / 3);
        let distance = (far / 700) as i32;
        let cloud = mix(cloud, hour.skyline, distance.min(150));
        colour = mix(colour, cloud, (density / 44).min(244));
    }
    colour
}

/// Opacity of the star, if any, at a point: at most one in each cell of a grid.
fn star(canvas: &Canvas, x: i32, y: i32) -> i32 {
    const CELL: i32 = 1_600;
    let bits = finalise(((x / CELL) as u64) << 32 | (y / CELL) as u64);
    if bits & 3 != 0 {
        return 0;
    }
    let place = |shift: u32| ((bits >> shift) & 0x3FF) as i32 + 288;
    let (dx, dy) = (x % CELL - place(8), y % CELL - place(24));
    (canvas.edge(70 - dx.abs().max(dy.abs())) * (64 + ((bits >> 40) & 127) as i32)) >> 8
}

/// The colour of a ridge at a point below its outline.
fn slope(scene: &Scene, index: usize, x: i32, y: i32, top: i32) -> Colour {
    let ridge = &scene.ridges[index];
    let below = y - top;
    let grain = 14 + 4 * index as i64;
    // Gullies run down from the outline, so the pattern hangs from it.
    let u = i64::from(x) * grain + ((index as i64) << 21);
    let v = i64::from(y + below / 2) * grain * 3 / 4;
    let span = FINEST * grain;
    let pattern = scene.noise.fractal(u, v, 5, span);
    let towards_sun = i64::from(scene.sun[0] - x).clamp(-0x2000, 0x2000) * 2;
    let relief = pattern - scene.noise.fractal(u + towards_sun, v - 0x4000, 4, span);

    let mut colour = mix(ridge.rock, ridge.green, 110 + pattern / 260 + below / 36);
    let snow = (ridge.snow_line - y) / 8 + pattern / 100 + relief / 60;
    if ridge.trees == 0 || snow > 128 {
        colour = mix(colour, [238, 242, 248], snow);
    }
    if ridge.trees > 0 {
        let crowns = scene.noise.fractal(u * 5, v * 8, 3, span * 8);
        colour = scale(colour, 205 + crowns / 320);
    }
    colour = shine(scale(colour, (236 + relief / 90).clamp(70, 400)), scene.hour.light);
    let mist = ridge.haze + (below * 60 / (ridge.rise + ridge.swing + 1)).clamp(0, 60);
    mix(colour, scene.hour.haze, mist)
}

/// Paints the ground, from the horizon to the bottom edge.
pub(super) fn paint_ground(canvas: &mut Canvas, scene: &Scene) {
    for row in canvas.row_of(scene.horizon).max(0)..canvas.height {
        let y = canvas.y_of(row);
        let opacity = canvas.edge(y - scene.horizon);
        for column in 0..canvas.width {
            let x = canvas.x_of(column);
            let colour = match scene.ground {
                Ground::Water => water(canvas, scene, x, y),
                _ => soil(scene, x, y),
            };
            let colour = mix(canvas.get(column, row), colour, opacity);
            canvas.set(column, row, colour);
        }
    }
}

/// Where a point of the ground lies on the plain: across, away from the viewer, and how much of
/// the plain the finest detail covers there.
fn plain(scene: &Scene, x: i32, y: i32) -> (i64, i64, i64) {
    let far = (1 << 28) / (i64::from(y - scene.horizon).max(0) + 1_400);
    // A row nearer to the horizon covers more: the derivative of `far`.
    let span = (FINEST * far.max((far * far) >> 12)) >> 16;
    ((i64::from(x - WIDTH / 2) * far) >> 16, far, span)
}

fn soil(scene: &Scene, x: i32, y: i32) -> Colour {
    let (across, away, span) = plain(scene, x, y);
    let below = (y - scene.horizon).max(0);
    // Far detail is smaller than a pixel; it fades instead of flickering.
    let near = (below / 24).min(256);
    let pattern = scene.noise.fractal(across * 26, away * 26, 5, span * 26);
    let tufts = scene.noise.fractal(across * 190, away * 90, 2, span * 90);
    let patches = scene.noise.fractal(i64::from(x) * 5, i64::from(y) * 16, 3, FINEST * 16);
    let relief =
        pattern - scene.noise.fractal(across * 26 + 0x5000, away * 26 + 0x5000, 4, span * 26);
    let mut tone = 128 + patches / 170 + (((pattern / 300 + tufts / 190) * near) >> 8);
    let soft = if scene.ground == Ground::Snow { 2 } else { 1 };
    let mut light = 246 + (((relief / 210 / soft) * near) >> 8) + patches / 500;
    if scene.ground == Ground::Field {
        let bend = scene.noise.octave(away * 3, 7 << 16) / 8;
        let phase = ((across * scene.furrows + i64::from(bend)) & 0xFFFF) as i32;
        let wave = (phase - 32_768).abs() - 16_384;
        tone += (wave / 110 * near) >> 8;
        light += (wave / 260 * near) >> 8;
    }
    let mut colour = mix(scene.soil[0], scene.soil[1], tone);
    if let Some(start) = scene.path {
        let bend = i64::from(scene.noise.octave(away * 2, 19 << 16)) / 3 * (away - 10_000) / 60_000;
        let off = (across - i64::from(start) / 3 - bend).abs() as i32;
        let worn = (900 - off + pattern / 120) / 2;
        let dust = scale(mix(scene.soil[1], [170, 146, 116], 150), 236 + tufts / 700);
        colour = mix(colour, dust, worn.min(220));
    }
    let colour = shine(scale(colour, light.clamp(120, 380)), scene.hour.light);
    mix(colour, scene.hour.haze, (100 - below / 70).max(0))
}

fn water(canvas: &Canvas, scene: &Scene, x: i32, y: i32) -> Colour {
    let (across, away, span) = plain(scene, x, y);
    let below = (y - scene.horizon).max(0);
    let swell = scene.noise.fractal(across * 30, away * 60, 5, span * 60);
    let ripple = scene.noise.fractal(across * 120, away * 260, 2, span * 260);
    // The mirror image of what is above the horizon, torn by the waves.
    let slip = (swell / 24 + ripple / 40) * (below + 1_500) / 12_000;
    let mirror_y = (scene.horizon - below * 9 / 8 - 200 + slip).clamp(0, scene.horizon - 1);
    let mirror_x = (x + slip / 3).clamp(0, WIDTH - 1);
    let image = canvas.get(
        canvas.column_of(mirror_x),
        canvas.row_of(mirror_y).min(canvas.row_of(scene.horizon) - 1).max(0),
    );
    let deep = shine(mix(scene.soil[0], scene.soil[1], 100 + swell / 160), scene.hour.light);
    let mut colour = mix(image, deep, 50 + below / 130 + ripple / 700);
    colour = scale(colour, 246 + swell / 360 + ripple / 520);
    // Glitter below the sun.
    let off = (x - scene.sun[0]).abs();
    let glint = (ripple + swell) / 90 - 40 - off / 36;
    colour = mix(colour, scene.hour.sun, glint.min(210));
    mix(colour, scene.hour.haze, (70 - below / 40).max(0))
}
