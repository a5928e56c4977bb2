//! The surface that is painted on, measured in scene units instead of pixels.
//!
//! A scene is always [`WIDTH`] x [`HEIGHT`] units, whatever the number of pixels: that is what
//! makes one seed the same picture at every size. Units are square at an aspect of 4:3.

/// Width of every scene, in units.
pub(super) const WIDTH: i32 = 1 << 16;
/// Height of every scene, in units.
pub(super) const HEIGHT: i32 = WIDTH / 4 * 3;

/// The finest detail that is drawn, in units: a pixel of a picture 1024 wide. It does not depend on
/// the size of the picture: waves that lose their detail would mirror another place.
pub(super) const FINEST: i64 = WIDTH as i64 / 1024;

/// Red, green and blue; 0..=255 when painted, free to leave that range before.
pub(super) type Colour = [i32; 3];

/// `a` where `t` is 0 or less, `b` where it is 256 or more, a blend between.
pub(super) fn mix(a: Colour, b: Colour, t: i32) -> Colour {
    let t = t.clamp(0, 256);
    std::array::from_fn(|c| a[c] + (((b[c] - a[c]) * t) >> 8))
}

/// A surface of colour `a` under light `b`; 256 is full light.
pub(super) fn shine(a: Colour, b: Colour) -> Colour {
    std::array::from_fn(|c| (a[c] * b[c]) >> 8)
}

/// A colour made brighter or darker; 256 leaves it as it is.
pub(super) fn scale(a: Colour, factor: i32) -> Colour {
    a.map(|c| (c * factor) >> 8)
}

pub(super) struct Canvas {
    pub(super) width: i32,
    pub(super) height: i32,
    rgb: Vec<u8>,
}

impl Canvas {
    pub(super) fn new(width: u32, height: u32) -> Self {
        let rgb = vec![0; width as usize * height as usize * 3];
        Self { width: width as i32, height: height as i32, rgb }
    }

    /// The centre of a column, in units.
    pub(super) fn x_of(&self, column: i32) -> i32 {
        ((2 * i64::from(column) + 1) * i64::from(WIDTH) / (2 * i64::from(self.width))) as i32
    }

    /// The centre of a row, in units.
    pub(super) fn y_of(&self, row: i32) -> i32 {
        ((2 * i64::from(row) + 1) * i64::from(HEIGHT) / (2 * i64::from(self.height))) as i32
    }

    /// The column that holds a position, which may lie outside of the picture.
    pub(super) fn column_of(&self, x: i32) -> i32 {
        (i64::from(x) * i64::from(self.width)).div_euclid(i64::from(WIDTH)) as i32
    }

    /// The row that holds a position, which may lie outside of the picture.
    pub(super) fn row_of(&self, y: i32) -> i32 {
        (i64::from(y) * i64::from(self.height)).div_euclid(i64::from(HEIGHT)) as i32
    }

    /// Opacity 0..=256 of a pixel whose centre lies `depth` units inside of an edge: a ramp of
    /// one pixel across the edge.
    pub(super) fn edge(&self, depth: i32) -> i32 {
        let depth = depth.clamp(-WIDTH, WIDTH);
        (128 + ((i64::from(depth) * i64::from(self.width)) >> 8) as i32).clamp(0, 256)
    }

    pub(super) fn get(&self, column: i32, row: i32) -> Colour {
        let at = self.offset(column, row);
        std::array::from_fn(|c| i32::from(self.rgb[at + c]))
    }

    pub(super) fn set(&mut self, column: i32, row: i32, colour: Colour) {
        let at = self.offset(column, row);
        for (byte, value) in self.rgb[at..at + 3].iter_mut().zip(colour) {
            *byte = value.clamp(0, 255) as u8;
        }
    }

    /// Paints a shape that lies in a rectangle (left, top, right, bottom, in units).
    ///
    /// `shade(x, y)` gives the colour at the centre of a pixel, and how many units inside of the
    /// shape's edge that is (negative outside). `strength` is 256 for an opaque shape.
    pub(super) fn paint(
        &mut self,
        [left, top, right, bottom]: [i32; 4],
        strength: i32,
        shade: impl Fn(i32, i32) -> (Colour, i32),
    ) {
        let columns = self.column_of(left).max(0)..=self.column_of(right).min(self.width - 1);
        for row in self.row_of(top).max(0)..=self.row_of(bottom).min(self.height - 1) {
            let y = self.y_of(row);
            for column in columns.clone() {
                let (colour, depth) = shade(self.x_of(column), y);
                let opacity = (self.edge(depth) * strength) >> 8;
                if opacity > 0 {
                    let under = self.get(column, row);
                    self.set(column, row, mix(under, colour, opacity));
                }
            }
        }
    }

    pub(super) fn into_rgb(self) -> Vec<u8> {
        self.rgb
    }

    fn offset(&self, column: i32, row: i32) -> usize {
        (row as usize * self.width as usize + column as usize) * 3
    }
}
