//! What a seed decides: hour, weather, lie of the land and what stands on it.

use super::canvas::{Colour, HEIGHT, WIDTH};
use super::noise::{Noise, Random};

/// The colours of an hour of the day.
#[derive(Clone, Copy)]
pub(super) struct Hour {
    pub(super) zenith: Colour,
    pub(super) skyline: Colour,
    pub(super) cloud_lit: Colour,
    pub(super) cloud_dark: Colour,
    /// What distance turns everything into.
    pub(super) haze: Colour,
    /// What the land is lit with; 256 is white daylight.
    pub(super) light: Colour,
    pub(super) sun: Colour,
    pub(super) night: bool,
}

#[rustfmt::skip]
const HOURS: [Hour; 6] = [
    // Noon.
    Hour { zenith: [52, 104, 176], skyline: [186, 212, 232], cloud_lit: [252, 252, 250], cloud_dark: [146, 158, 176],
           haze: [166, 190, 214], light: [256, 252, 240], sun: [255, 252, 236], night: false },
    // Morning.
    Hour { zenith: [104, 146, 196], skyline: [248, 222, 190], cloud_lit: [255, 240, 220], cloud_dark: [150, 142, 160],
           haze: [214, 204, 200], light: [262, 236, 204], sun: [255, 240, 200], night: false },
    // Dusk.
    Hour { zenith: [58, 62, 118], skyline: [244, 156, 96], cloud_lit: [255, 190, 138], cloud_dark: [98, 72, 100],
           haze: [190, 128, 116], light: [216, 158, 132], sun: [255, 214, 140], night: false },
    // Rain coming.
    Hour { zenith: [112, 122, 134], skyline: [200, 206, 210], cloud_lit: [224, 228, 232], cloud_dark: [82, 90, 102],
           haze: [168, 176, 184], light: [206, 212, 216], sun: [236, 236, 230], night: false },
    // Late afternoon.
    Hour { zenith: [74, 128, 178], skyline: [236, 220, 176], cloud_lit: [255, 246, 226], cloud_dark: [160, 150, 150],
           haze: [204, 196, 172], light: [272, 238, 184], sun: [255, 244, 196], night: false },
    // Moonlight.
    Hour { zenith: [12, 20, 48], skyline: [70, 88, 126], cloud_lit: [142, 152, 182], cloud_dark: [26, 32, 52],
           haze: [58, 72, 108], light: [92, 106, 142], sun: [244, 244, 226], night: true },
];

/// What covers the land in front.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Ground {
    Water,
    Meadow,
    /// Furrows or rows of a crop, running to the vanishing point.
    Field,
    Sand,
    Snow,
}

/// One line of hills or mountains.
pub(super) struct Ridge {
    /// How far its mean height is above the horizon, and how much it rises and falls.
    pub(super) rise: i32,
    pub(super) swing: i32,
    /// Lattice cells of its outline over the width of the scene.
    pub(super) cells: i64,
    pub(super) rock: Colour,
    pub(super) green: Colour,
    /// 0..=256: how much of it the air between hides.
    pub(super) haze: i32,
    /// Above this height there is snow.
    pub(super) snow_line: i32,
    /// Height of the trees that roughen its outline, 0 for bare slopes.
    pub(super) trees: i32,
}

/// What a thing is.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Conifer,
    Broadleaf,
    House,
    Figure,
    Boat,
    Rock,
    Post,
}

/// Something that stands on the ground.
pub(super) struct Thing {
    pub(super) kind: Kind,
    /// Where its middle touches the ground.
    pub(super) x: i32,
    pub(super) y: i32,
    /// Its height.
    pub(super) size: i32,
    /// 0..=256: how much of it the air between hides.
    pub(super) haze: i32,
    pub(super) colour: Colour,
    /// Tells things of one kind apart.
    pub(super) variant: i64,
}

pub(super) struct Scene {
    pub(super) noise: Noise,
    pub(super) hour: Hour,
    /// The row of units where the ground begins.
    pub(super) horizon: i32,
    pub(super) sun: [i32; 2],
    pub(super) sun_radius: i32,
    /// Added to the density of the clouds: below zero a clear sky.
    pub(super) cover: i32,
    /// Lattice cells of a cloud; more is smaller clouds.
    pub(super) cloud_cells: i64,
    /// From the farthest to the nearest.
    pub(super) ridges: Vec<Ridge>,
    pub(super) ground: Ground,
    /// Two colours that the ground varies between.
    pub(super) soil: [Colour; 2],
    /// Where a path leaves the bottom edge, when there is one.
    pub(super) path: Option<i32>,
    /// Furrows over the width of the ground in front.
    pub(super) furrows: i64,
    /// From the farthest to the nearest.
    pub(super) things: Vec<Thing>,
    pub(super) birds: Vec<[i32; 3]>,
}

impl Scene {
    pub(super) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let r = &mut random;
        let noise = Noise::new(r);
        let mut hour = HOURS[r.between(0, HOURS.len() as i32 - 1) as usize];
        for colour in [&mut hour.zenith, &mut hour.skyline, &mut hour.haze] {
            *colour = vary(r, *colour, 14);
        }
        let horizon = r.between(HEIGHT * 42 / 100, HEIGHT * 68 / 100);
        let sun = [r.between(WIDTH / 12, WIDTH * 11 / 12), r.between(HEIGHT / 14, horizon * 3 / 5)];
        let ground = match r.between(0, 9) {
            0..=3 => Ground::Water,
            4..=5 => Ground::Meadow,
            6..=7 => Ground::Field,
            8 => Ground::Sand,
            _ => Ground::Snow,
        };
        let soil = soil(r, ground);
        let ridges = ridges(r, ground, horizon, soil[0]);
        let path = matches!(ground, Ground::Meadow | Ground::Sand | Ground::Snow)
            .then(|| r.between(-9_000, 9_000));
        let things = things(r, ground, horizon);
        let birds = (0..r.between(0, 9))
            .map(|_| {
                [r.between(0, WIDTH), r.between(HEIGHT / 12, horizon * 3 / 4), r.between(300, 900)]
            })
            .collect();
        Self {
            noise,
            sun,
            sun_radius: r.between(900, 2_000),
            cover: r.between(-9_000, 13_000),
            cloud_cells: i64::from(r.between(9, 24)),
            horizon,
            ridges,
            ground,
            soil,
            path,
            furrows: i64::from(r.between(14, 40)),
            things,
            birds,
            hour,
        }
    }
}

fn vary(r: &mut Random, colour: Colour, by: i32) -> Colour {
    colour.map(|c| (c + r.between(-by, by)).clamp(0, 255))
}

fn soil(r: &mut Random, ground: Ground) -> [Colour; 2] {
    let pair: [Colour; 2] = match (ground, r.between(0, 2)) {
        (Ground::Water, _) => [[18, 44, 58], [40, 84, 88]],
        (Ground::Meadow, 0) => [[58, 92, 34], [148, 150, 66]],
        (Ground::Meadow, 1) => [[86, 92, 38], [176, 158, 84]],
        (Ground::Meadow, _) => [[44, 78, 36], [116, 138, 60]],
        (Ground::Field, 0) => [[96, 70, 46], [154, 120, 80]],
        (Ground::Field, 1) => [[160, 128, 54], [222, 192, 104]],
        (Ground::Field, _) => [[62, 96, 40], [142, 160, 72]],
        (Ground::Sand, _) => [[176, 140, 96], [230, 204, 156]],
        (Ground::Snow, _) => [[176, 190, 214], [250, 250, 252]],
    };
    pair.map(|colour| vary(r, colour, 12))
}

fn ridges(r: &mut Random, ground: Ground, horizon: i32, green: Colour) -> Vec<Ridge> {
    let count = r.between(3, 5);
    let alpine = !r.one_in(3);
    let snow_line = horizon - r.between(7_000, 13_000);
    let rock: Colour = if r.one_in(3) { [136, 102, 78] } else { [104, 102, 104] };
    let green = match ground {
        Ground::Water | Ground::Snow => [52, 74, 44],
        _ => green,
    };
    (0..count)
        .map(|i| {
            // 256 for the farthest, towards 0 for the nearest.
            let far = 256 - i * 256 / count;
            let height = if alpine { horizon * 52 / 100 } else { horizon * 28 / 100 };
            Ridge {
                rise: ((height * far) >> 8) * r.between(18, 34) / 100,
                swing: ((height * far) >> 8) * r.between(60, 105) / 100,
                cells: i64::from(r.between(2, 4) + i),
                rock: vary(r, rock, 10),
                green: vary(r, green, 12),
                haze: (far * far / 256) * 150 / 256 + 16,
                snow_line,
                trees: if i > 0 { r.between(0, 1_000) * (i + 1) / count } else { 0 },
            }
        })
        .collect()
}

fn things(r: &mut Random, ground: Ground, horizon: i32) -> Vec<Thing> {
    let mut things = Vec::new();
    let depth = HEIGHT - horizon;
    let stand = |r: &mut Random, kind: Kind, near: i32| {
        // `near` of 0 is the horizon, 256 the bottom edge; size follows from the distance.
        let y = horizon + ((depth * near) >> 8) + 150;
        let full = match kind {
            Kind::Conifer => r.between(12_000, 20_000),
            Kind::Broadleaf => r.between(10_000, 17_000),
            Kind::House => r.between(9_000, 12_000),
            Kind::Figure => r.between(4_200, 4_800),
            Kind::Boat => r.between(7_000, 12_000),
            Kind::Rock => r.between(1_500, 4_500),
            Kind::Post => r.between(2_600, 3_000),
        };
        let colour = match kind {
            Kind::Conifer => [28, 52, 34],
            Kind::Broadleaf if r.one_in(4) => [150, 96, 34],
            Kind::Broadleaf => [62, 92, 34],
            Kind::House => [[214, 204, 184], [172, 92, 74], [150, 130, 104], [226, 222, 214]]
                [r.between(0, 3) as usize],
            Kind::Figure => [r.between(40, 220), r.between(30, 150), r.between(30, 160)],
            Kind::Boat => [r.between(60, 230), r.between(50, 200), r.between(50, 200)],
            Kind::Rock => [112, 106, 100],
            Kind::Post => [96, 78, 60],
        };
        Thing {
            kind,
            x: r.between(-WIDTH / 40, WIDTH + WIDTH / 40),
            y,
            size: full * (near + 18) / 220,
            haze: (256 - near) * 90 / 256,
            colour: vary(r, colour, 16),
            variant: i64::from(r.between(0, 250)),
        }
    };
    let wet = ground == Ground::Water;
    // A wood along the far edge, then single trees, houses and people nearer by.
    for _ in 0..r.between(0, 26) {
        let kind = if r.one_in(3) { Kind::Broadleaf } else { Kind::Conifer };
        let near = r.between(0, if wet { 2 } else { 26 });
        things.push(stand(r, kind, near));
    }
    let tree = if r.one_in(2) { Kind::Conifer } else { Kind::Broadleaf };
    for _ in 0..r.between(0, 5) {
        let near = if wet { r.between(3, 8) } else { r.between(20, 200) };
        things.push(stand(r, tree, near));
    }
    for _ in 0..r.between(0, 4) {
        let near = if wet { r.between(1, 8) } else { r.between(8, 130) };
        things.push(stand(r, Kind::House, near));
    }
    if wet {
        for _ in 0..r.between(0, 4) {
            let near = r.between(12, 190);
            things.push(stand(r, Kind::Boat, near));
        }
    } else {
        for _ in 0..r.between(0, 5) {
            let near = r.between(30, 230);
            things.push(stand(r, Kind::Figure, near));
        }
        for _ in 0..r.between(0, 7) {
            let near = r.between(30, 250);
            things.push(stand(r, Kind::Rock, near));
        }
        if r.one_in(2) {
            // A fence that comes nearer as it crosses the picture.
            let (from, to) = (r.between(24, 90), r.between(60, 170));
            let posts = r.between(9, 16);
            for post in 0..posts {
                let near = from + (to - from) * post / posts;
                let mut thing = stand(r, Kind::Post, near);
                thing.x = WIDTH * post / (posts - 1);
                things.push(thing);
            }
        }
    }
    things.sort_by_key(|thing| thing.y);
    things
}
