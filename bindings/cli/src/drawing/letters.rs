//! The words on the pictures of the test list, in a block font of 5 x 7 cells.

use super::canvas::{Canvas, Colour, HEIGHT, WIDTH};

const COLUMNS: i32 = 5;
const ROWS: i32 = 7;

/// Rows from the top, the leftmost cell in the highest of five bits.
#[rustfmt::skip]
fn glyph(letter: char) -> [u8; ROWS as usize] {
    match letter {
        'T' => [0b11111, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100],
        'A' => [0b01110, 0b10001, 0b10001, 0b11111, 0b10001, 0b10001, 0b10001],
        'M' => [0b10001, 0b11011, 0b10101, 0b10101, 0b10001, 0b10001, 0b10001],
        'I' => [0b01110, 0b00100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        'S' => [0b01111, 0b10000, 0b10000, 0b01110, 0b00001, 0b00001, 0b11110],
        'E' => [0b11111, 0b10000, 0b10000, 0b11110, 0b10000, 0b10000, 0b11111],
        '1' => [0b00100, 0b01100, 0b00100, 0b00100, 0b00100, 0b00100, 0b01110],
        '2' => [0b01110, 0b10001, 0b00001, 0b00110, 0b01000, 0b10000, 0b11111],
        '3' => [0b11110, 0b00001, 0b00001, 0b01110, 0b00001, 0b00001, 0b11110],
        _ => [0; ROWS as usize],
    }
}

/// Writes a line of text, centred, its top at `top`; one cell of the font is `cell` units wide.
///
/// Letters without a glyph leave a gap.
pub(super) fn write(canvas: &mut Canvas, text: &str, top: i32, cell: i32, colour: Colour) {
    let advance = (COLUMNS + 1) * cell;
    let mut left = (WIDTH - advance * text.chars().count() as i32 + cell) / 2;
    for letter in text.chars() {
        let rows = glyph(letter);
        let within = [left, top, left + COLUMNS * cell, (top + ROWS * cell).min(HEIGHT)];
        // First a dark copy, a third of a cell down and to the right, then the letter itself.
        for (shift, colour) in [(cell / 3, [16, 18, 24]), (0, colour)] {
            let area = within.map(|edge| edge + shift);
            canvas.paint(area, 256, |x, y| {
                let (column, row) =
                    ((x - area[0]).div_euclid(cell), (y - area[1]).div_euclid(cell));
                let set = (0..COLUMNS).contains(&column)
                    && (0..ROWS).contains(&row)
                    && rows[row as usize] >> (COLUMNS - 1 - column) & 1 == 1;
                (colour, if set { cell } else { -cell })
            });
        }
        left += advance;
    }
}
