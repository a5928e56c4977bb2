//! Trees, houses, people, boats and birds.
//!
//! Every shape is a function from a point to a colour and a depth inside of the shape; depths
//! need not be exact distances, since only their sign and their slope near the edge are seen.

use super::canvas::{Canvas, Colour, mix, scale, shine};
use super::scene::{Ground, Kind, Scene, Thing};

/// Paints every thing of the scene for which `chosen` holds, the farthest first.
pub(super) fn paint_things(canvas: &mut Canvas, scene: &Scene, chosen: impl Fn(&Thing) -> bool) {
    for thing in scene.things.iter().filter(|thing| chosen(thing)) {
        if scene.ground != Ground::Water {
            shadow(canvas, scene, thing);
        }
        match thing.kind {
            Kind::Conifer => conifer(canvas, scene, thing),
            Kind::Broadleaf => broadleaf(canvas, scene, thing),
            Kind::House => house(canvas, scene, thing),
            Kind::Figure => figure(canvas, scene, thing),
            Kind::Boat => boat(canvas, scene, thing),
            Kind::Rock => rock(canvas, scene, thing),
            Kind::Post => post(canvas, scene, thing),
        }
    }
}

/// Paints the birds: two wings that meet in a blunt angle.
pub(super) fn paint_birds(canvas: &mut Canvas, scene: &Scene) {
    for &[x, y, span] in &scene.birds {
        canvas.paint([x - span, y - span, x + span, y + span], 230, |px, py| {
            let along = (px - x).abs();
            let wing = y - along / 2 + along * along / span;
            (scale(scene.hour.cloud_dark, 80), (span - along) / 9 + 20 - (py - wing).abs())
        });
    }
}

/// What a surface of a thing looks like from here: lit, and behind the air between.
fn seen(scene: &Scene, thing: &Thing, colour: Colour, light: i32) -> Colour {
    let lit = shine(scale(colour, light.clamp(50, 440)), scene.hour.light);
    mix(lit, scene.hour.haze, thing.haze)
}

/// 1 where the sun is to the right of the thing, -1 where it is to the left.
fn sun_side(scene: &Scene, thing: &Thing) -> i32 {
    if scene.sun[0] > thing.x { 1 } else { -1 }
}

/// Noise that belongs to one thing; `cells` lattice cells over its height.
///
/// Drawn in full detail at every size of the picture: things are small, and their outlines hang
/// on it.
fn texture(scene: &Scene, thing: &Thing, x: i32, y: i32, cells: i64, octaves: u32) -> i32 {
    let size = i64::from(thing.size.max(1));
    let at = |offset: i32| (i64::from(offset) << 16) * cells / size;
    scene.noise.fractal(at(x - thing.x) + (thing.variant << 17), at(y - thing.y), octaves, 0)
}

/// Depth inside of a rectangle.
fn inside(x: i32, y: i32, [left, top, right, bottom]: [i32; 4]) -> i32 {
    (x - left).min(right - x).min(y - top).min(bottom - y)
}

fn shadow(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let wide = match thing.kind {
        Kind::House => thing.size * 9 / 10,
        Kind::Figure | Kind::Post => thing.size / 4,
        Kind::Rock => thing.size,
        _ => thing.size / 3,
    };
    let flat = (wide / 6).max(1);
    let x = thing.x - sun_side(scene, thing) * wide / 2;
    canvas.paint([x - wide, thing.y - flat, x + wide, thing.y + flat], 110, |px, py| {
        let (dx, dy) = (i64::from(px - x), i64::from(py - thing.y) * 6);
        let depth = i64::from(wide) - (dx * dx + dy * dy) / i64::from(wide.max(1));
        ([14, 18, 20], (depth / 8) as i32)
    });
}

fn conifer(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let half = size * (20 + (thing.variant % 9) as i32) / 100;
    canvas.paint([x - half, y - size, x + half, y], 256, |px, py| {
        let down = py - (y - size);
        // Tiers of branches: the outline steps back at the top of each.
        let tier = down * 9 / size.max(1);
        let within = down - tier * size / 9;
        let needles = texture(scene, thing, px, py, 26, 3);
        let reach = down * half / size.max(1) * 8 / 10 + within / 4 + needles / 40 * size / 12_000;
        let trunk = inside(px, py, [x - size / 50, y - size / 6, x + size / 50, y]);
        let branches = if down < size * 92 / 100 { reach - (px - x).abs() } else { -size };
        let side = (px - x) * sun_side(scene, thing) * 130 / half.max(1);
        let colour = if branches < trunk { [66, 48, 36] } else { thing.colour };
        (seen(scene, thing, colour, 220 + side + needles / 130), branches.max(trunk))
    });
}

fn broadleaf(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let radius = size * 36 / 100;
    let centre = y - size + radius;
    canvas.paint([x - size / 2, y - size - size / 8, x + size / 2, y], 256, |px, py| {
        let (dx, dy) = (i64::from(px - x), i64::from(py - centre));
        let r = i64::from(radius.max(1));
        let lumps = texture(scene, thing, px, py, 7, 5);
        let leaves = texture(scene, thing, px, py, 40, 2);
        let ball = ((r * r - dx * dx - dy * dy * 4 / 5) / (2 * r)) as i32;
        let crown = ball
            + i64::from(lumps) as i32 * (radius / 16) / 4_600
            + leaves * (radius / 16) / 16_000;
        let trunk = inside(px, py, [x - size / 28, centre, x + size / 28, y]);
        let side = ((dx * i64::from(sun_side(scene, thing)) - dy) * 90 / r) as i32;
        if crown >= 0 || crown > trunk {
            (seen(scene, thing, thing.colour, 215 + side + lumps / 260 + leaves / 180), crown)
        } else {
            (seen(scene, thing, [74, 56, 44], 200 + side), trunk)
        }
    });
}

fn house(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let half = size * (50 + (thing.variant % 30) as i32) / 100;
    let eaves = y - size * 55 / 100;
    let ridge = y - size;
    let gable = half * 2 / 5;
    // The gable end is on one side, the long wall on the other.
    let corner = if thing.variant % 2 == 0 { x - half + 2 * gable } else { x + half - 2 * gable };
    let on_gable = |px: i32| if thing.variant % 2 == 0 { px < corner } else { px > corner };
    let peak = if thing.variant % 2 == 0 { corner - gable } else { corner + gable };
    let roof: Colour = [[128, 62, 46], [92, 78, 72], [70, 74, 86]][(thing.variant % 3) as usize];
    let over = size / 22;
    canvas.paint([x - half - over, ridge - size / 5, x + half + over, y], 256, |px, py| {
        let plaster = texture(scene, thing, px, py, 14, 4);
        let wall = inside(px, py, [x - half, eaves, x + half, y]);
        let front = on_gable(px);
        let lit_side = (sun_side(scene, thing) > 0) == (px > corner);
        let light = if lit_side { 268 } else { 178 };
        // The triangle under the roof, and the roof seen from its long side.
        let rise = (ridge - eaves).abs();
        let pitch = eaves - py - rise + (px - peak).abs() * rise / gable.max(1);
        let triangle = (-pitch).min(py - ridge).min(eaves - py) * gable / size.max(1);
        let slope = inside(px, py, [x - half - over, ridge, x + half + over, eaves + over])
            .min(if front { -size } else { size });
        let beside = (px - peak) * if thing.variant % 2 == 0 { 1 } else { -1 };
        let covering = slope.max(if beside > 0 && py < eaves {
            inside(px, py, [x - half - over, ridge, x + half + over, eaves])
                .min(pitch * gable / size.max(1))
        } else {
            -size
        });
        let chimney =
            inside(px, py, [x - size / 16, ridge - size / 7, x + size / 16, ridge + size / 12]);
        if chimney > 0 {
            return (seen(scene, thing, [122, 84, 70], light + plaster / 500), chimney);
        }
        if covering > 0 {
            let tiles = if ((py - ridge) * 22 / size.max(1)) % 2 == 0 { 14 } else { -14 };
            return (seen(scene, thing, roof, light + tiles + plaster / 700), covering);
        }
        let body = wall.max(if front || beside < 0 { triangle } else { -size });
        // Windows stand on a grid over the wall; one cell of it is the door.
        let cell = (size / 4).max(1);
        let (wx, wy) = ((px - x + half) % cell, (py - eaves) % cell);
        let door = (px - x + half) / cell == 2 && py > eaves + cell;
        let pane = inside(wx, wy, [cell * 3 / 10, cell / 4, cell * 7 / 10, cell * 8 / 10]);
        if wall > 0 && door && inside(wx, 0, [cell / 4, -1, cell * 3 / 4, 1]) > 0 {
            return (seen(scene, thing, [84, 58, 42], light), wall);
        }
        if wall > 0 && pane > 0 && !door {
            let glass = if scene.hour.night {
                [255, 206, 120]
            } else {
                seen(scene, thing, [58, 72, 88], light)
            };
            return (glass, wall);
        }
        (seen(scene, thing, thing.colour, light + plaster / 1_100), body)
    });
}

fn figure(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    canvas.paint([x - size / 3, y - size, x + size / 3, y], 256, |px, py| {
        let head_y = i64::from(y - size + size / 8);
        let r = i64::from((size / 9).max(1));
        let (dx, dy) = (i64::from(px - x), i64::from(py) - head_y);
        let head = ((r * r - dx * dx - dy * dy * 3 / 4) / (2 * r)) as i32;
        let spread = ((py - y + size) / 12).min(size / 9);
        let coat = inside(
            px,
            py,
            [
                x - size / 10 - spread / 2,
                y - size * 78 / 100,
                x + size / 10 + spread / 2,
                y - size * 40 / 100,
            ],
        );
        let step = (py - y + size * 2 / 5) * (2 + (thing.variant % 3) as i32) / 12;
        let leg = |to: i32| size / 18 - (px - x - to).abs();
        let legs = leg(step).max(leg(-step)).min(py - y + size * 2 / 5).min(y - py);
        let side = (px - x) * sun_side(scene, thing) * 500 / size.max(1);
        if head >= coat && head >= legs {
            let hair = dy < -r / 5;
            let skin = if hair { [60, 44, 32] } else { [206, 160, 130] };
            (seen(scene, thing, skin, 230 + side), head)
        } else if coat >= legs {
            (seen(scene, thing, thing.colour, 220 + side), coat)
        } else {
            (seen(scene, thing, [48, 50, 66], 220 + side), legs)
        }
    });
}

fn boat(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let half = size * 36 / 100;
    let deck = y - size / 9;
    canvas.paint([x - half, y - size, x + half, y + size / 3], 256, |px, py| {
        let hull_half = half - (py - deck) * 3 / 2;
        let hull = (hull_half - (px - x).abs()).min(py - deck).min(y - py);
        let mast = inside(px, py, [x - size / 120, y - size, x + size / 120, deck]);
        let down = py - (y - size);
        let sail_base = deck - size / 20;
        let right = (px - x - size / 50).min(down * half / size.max(1) * 9 / 10 - (px - x));
        let left = (x - size / 50 - px).min(down * half / size.max(1) * 6 / 10 - (x - px));
        let sail = right.max(left).min(sail_base - py);
        if py > y {
            // Its broken mirror image.
            let waves = texture(scene, thing, px, py * 3, 20, 3);
            let depth = half - (py - y) - (px - x).abs() + waves * size / 200_000;
            let image = mix(scale(thing.colour, 120), scene.soil[0], 120);
            let gap = if waves > 1_500 { depth.min(0) - 200 } else { depth };
            return (shine(image, scene.hour.light), gap);
        }
        let side = (px - x) * sun_side(scene, thing) * 60 / half.max(1);
        if hull >= mast && hull >= sail {
            let stripe = if py - deck < size / 40 { [235, 232, 224] } else { thing.colour };
            (seen(scene, thing, stripe, 220 + side), hull)
        } else if sail >= mast {
            let cloth = texture(scene, thing, px, py, 5, 3) / 300;
            (seen(scene, thing, [240, 234, 218], 240 + side + cloth), sail)
        } else {
            (seen(scene, thing, [90, 70, 52], 220), mast)
        }
    });
}

fn rock(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let half = size * 3 / 4;
    canvas.paint(
        [x - half - size / 4, y - size, x + half + size / 4, y + size / 8],
        256,
        |px, py| {
            let (dx, dy) = (i64::from(px - x), i64::from(py - y) * 3 / 2);
            let r = i64::from(half.max(1));
            let rough = texture(scene, thing, px, py, 3, 5);
            let depth =
                ((r * r - dx * dx - dy * dy) / (2 * r)) as i32 + rough * (size / 8) / 12_000;
            let side = (((dx * i64::from(sun_side(scene, thing))) - dy * 3 / 2) * 70 / r) as i32;
            let cracks = texture(scene, thing, px, py, 9, 4);
            (
                seen(scene, thing, thing.colour, 190 + side + rough / 220 + cracks / 200),
                depth.min(y + size / 9 - py),
            )
        },
    );
}

fn post(canvas: &mut Canvas, scene: &Scene, thing: &Thing) {
    let Thing { x, y, size, .. } = *thing;
    let half = (size / 12).max(1);
    canvas.paint([x - half, y - size, x + half, y], 256, |px, py| {
        let grain = texture(scene, thing, px * 4, py, 6, 3);
        let side = (px - x) * sun_side(scene, thing) * 80 / half;
        (
            seen(scene, thing, thing.colour, 220 + side + grain / 220),
            inside(px, py, [x - half, y - size, x + half, y]),
        )
    });
}
