//! Writes JPEGs of blocks that have one level each, in any sampling, order of scans and colour model.
//!
//! Every quantizer is 8, so that the first coefficient is the level less 128. There are two Huffman tables: sixteen codes of
//! four bits less one for the first coefficient, and a single `0` for "nothing more in this block".

/// The level of a block.
pub(crate) fn level(component: usize, x: usize, y: usize) -> u8 {
    20 + ((x * 37 + y * 91 + component * 50) % 211) as u8
}

/// A picture to write.
#[derive(Clone)]
pub(crate) struct Drawing {
    pub(crate) width: usize,
    pub(crate) height: usize,
    /// Name, columns and rows of blocks in a unit, and whether its blocks differ; if not, they are all 128.
    pub(crate) components: Vec<(u8, usize, usize, bool)>,
    /// Which components each scan holds.
    pub(crate) scans: Vec<Vec<usize>>,
    pub(crate) progressive: bool,
    /// Units between restart markers.
    pub(crate) restart: usize,
    /// Segments before the frame.
    pub(crate) before: Vec<u8>,
    /// Bytes behind the entropy-coded data, instead of the end marker.
    pub(crate) end: Vec<u8>,
}

impl Drawing {
    /// In YCbCr, and without any colour: the first component differs from block to block.
    pub(crate) fn grey_in_colour(width: usize, height: usize, (h, v): (usize, usize)) -> Drawing {
        let components = vec![(1, h, v, true), (2, 1, 1, false), (3, 1, 1, false)];
        Drawing::new(width, height, components)
    }

    /// All components, whose names these are, have all rows and columns, and differ.
    pub(crate) fn full(width: usize, height: usize, names: &[u8]) -> Drawing {
        Drawing::new(width, height, names.iter().map(|name| (*name, 1, 1, true)).collect())
    }

    fn new(width: usize, height: usize, components: Vec<(u8, usize, usize, bool)>) -> Drawing {
        let scans = vec![(0..components.len()).collect()];
        let end = vec![0xff, 0xd9];
        Drawing {
            width,
            height,
            components,
            scans,
            progressive: false,
            restart: 0,
            before: Vec::new(),
            end,
        }
    }

    /// One scan for each component.
    pub(crate) fn scan_by_scan(mut self) -> Drawing {
        self.scans = (0..self.components.len()).map(|c| vec![c]).collect();
        self
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        let mut out = vec![0xff, 0xd8];
        out.extend(&self.before);
        out.extend(segment(0xdb, &[&[0][..], &[8; 64]].concat()));
        let mut frame = vec![8];
        frame.extend((self.height as u16).to_be_bytes());
        frame.extend((self.width as u16).to_be_bytes());
        frame.push(self.components.len() as u8);
        for (name, h, v, _) in &self.components {
            frame.extend([*name, (h << 4 | v) as u8, 0]);
        }
        out.extend(segment(if self.progressive { 0xc2 } else { 0xc0 }, &frame));
        let mut first = vec![0, 0, 0, 0, 12];
        first.resize(17, 0);
        first.extend(0..12);
        out.extend(segment(0xc4, &first));
        let mut rest = vec![0x10, 1];
        rest.resize(18, 0);
        out.extend(segment(0xc4, &rest));
        if self.restart > 0 {
            out.extend(segment(0xdd, &(self.restart as u16).to_be_bytes()));
        }
        for scan in &self.scans {
            self.scan(scan, [0, if self.progressive { 0 } else { 63 }], &mut out);
        }
        if self.progressive {
            for component in 0..self.components.len() {
                self.scan(&[component], [1, 63], &mut out);
            }
        }
        out.extend(&self.end);
        out
    }

    fn scan(&self, components: &[usize], coefficients: [u8; 2], out: &mut Vec<u8>) {
        let mut header = vec![components.len() as u8];
        components.iter().for_each(|c| header.extend([self.components[*c].0, 0]));
        header.extend(coefficients);
        header.push(0);
        out.extend(segment(0xda, &header));

        let max = |of: fn(&(u8, usize, usize, bool)) -> usize| {
            self.components.iter().map(of).max().unwrap()
        };
        let (h_max, v_max) = (max(|c| c.1), max(|c| c.2));
        let alone = components.len() == 1;
        let units = |side: usize, own: usize, most: usize| {
            if alone { (side * own).div_ceil(most).div_ceil(8) } else { side.div_ceil(8 * most) }
        };
        let (_, h, v, _) = self.components[components[0]];
        let (columns, rows) = (units(self.width, h, h_max), units(self.height, v, v_max));
        let mut bits = Bits::default();
        let mut before = [128u8; 4];
        for unit in 0..columns * rows {
            if self.restart > 0 && unit > 0 && unit % self.restart == 0 {
                out.extend(std::mem::take(&mut bits).bytes());
                out.extend([0xff, 0xd0 + ((unit / self.restart - 1) % 8) as u8]);
                before = [128; 4];
            }
            for c in components {
                let (_, h, v, differs) = self.components[*c];
                let (h, v) = if alone { (1, 1) } else { (h, v) };
                for block in 0..h * v {
                    let (x, y) = (unit % columns * h + block % h, unit / columns * v + block / h);
                    if coefficients[0] == 0 {
                        let level = if differs { level(*c, x, y) } else { 128 };
                        bits.difference(i32::from(level) - i32::from(before[*c]));
                        before[*c] = level;
                    }
                    if coefficients[1] > 0 {
                        bits.push(0, 1);
                    }
                }
            }
        }
        out.extend(bits.bytes());
    }
}

pub(crate) fn segment(marker: u8, body: &[u8]) -> Vec<u8> {
    let mut out = vec![0xff, marker];
    out.extend((body.len() as u16 + 2).to_be_bytes());
    out.extend(body);
    out
}

#[derive(Default)]
struct Bits(Vec<bool>);

impl Bits {
    fn push(&mut self, value: u32, count: u32) {
        self.0.extend((0..count).rev().map(|i| value >> i & 1 == 1));
    }

    fn difference(&mut self, value: i32) {
        let size = 32 - value.unsigned_abs().leading_zeros();
        self.push(size, 4);
        let code = if value < 0 { value - 1 } else { value };
        self.push(code as u32 & ((1 << size) - 1), size);
    }

    /// Filled up with ones; a zero follows each 0xff.
    fn bytes(mut self) -> Vec<u8> {
        self.0.resize(self.0.len().next_multiple_of(8), true);
        let bytes =
            self.0.chunks(8).map(|bits| bits.iter().fold(0, |n, bit| n << 1 | u8::from(*bit)));
        bytes.flat_map(|b| if b == 0xff { vec![0xff, 0] } else { vec![b] }).collect()
    }
}
