//! The cosine matrix, and the exact path's evaluation of the 16x16 lowest coefficients.

/// `cosine(k * pi / 128) * sqrt(2 / 64)`, rounded to `f32` as the reference rounds its matrix.
/// A table, because the last bit of a library cosine may differ between machines.
#[rustfmt::skip]
const QUARTER: [f32; 65] = [
    0.17677669, 0.17672345, 0.17656375, 0.17629771, 0.17592546, 0.17544726, 0.17486335,
    0.17417413, 0.17337997, 0.17248139, 0.17147891, 0.17037314, 0.16916475, 0.16785446,
    0.16644305, 0.16493139, 0.16332036, 0.16161098, 0.15980424, 0.15790124, 0.15590313, 0.1538111,
    0.15162642, 0.14935042, 0.14698444, 0.14452994, 0.14198837, 0.13936128, 0.13665023,
    0.13385688, 0.13098289, 0.12803, 0.125, 0.121894695, 0.11871597, 0.11546574, 0.112145945,
    0.108758606, 0.10530575, 0.10178947, 0.09821187, 0.09457511, 0.090881385, 0.08713291,
    0.08333196, 0.079480805, 0.075581774, 0.07163722, 0.06764951, 0.06362105, 0.059554275,
    0.05545162, 0.051315565, 0.0471486, 0.042953234, 0.038731992, 0.034487423, 0.030222077,
    0.025938528, 0.021639355, 0.017327147, 0.0130045, 0.008674021, 0.004338317, 0.0,
];

/// The reference's matrix: row `i` is frequency `i + 1`, column `j` the sample.
pub(super) const MATRIX: [[f32; 64]; 16] = matrix();

const fn matrix() -> [[f32; 64]; 16] {
    let mut out = [[0.0; 64]; 16];
    let mut i = 0;
    while i < 16 {
        let mut j = 0;
        while j < 64 {
            let turn = (i + 1) * (2 * j + 1) % 256;
            let half = if turn > 128 { 256 - turn } else { turn };
            out[i][j] = if half > 64 { -QUARTER[128 - half] } else { QUARTER[half] };
            j += 1;
        }
        i += 1;
    }
    out
}

/// The 16x16 coefficients of 64x64 samples, with the frequencies 1..=16 of both axes.
///
/// The matrix is that of the reference, its `f32` entries included; only the sums are kept in `f64`.
#[inline(always)]
pub(super) fn coefficients(samples: &[[f64; 64]; 64]) -> [[f64; 16]; 16] {
    let vertical = along_columns(samples);
    transposed(&along_columns(&transposed(&vertical)))
}

/// Half of [`MATRIX`] in `f64`, which holds the same values.
const HALF: [[f64; 32]; 16] = half();

const fn half() -> [[f64; 32]; 16] {
    let mut out = [[0.0; 32]; 16];
    let mut i = 0;
    while i < 16 {
        let mut j = 0;
        while j < 32 {
            out[i][j] = MATRIX[i][j] as f64;
            j += 1;
        }
        i += 1;
    }
    out
}

/// Columns that pass through the registers together.
const TILE: usize = 8;

/// `MATRIX * samples`, with half the products: column `63 - j` of the matrix is column `j`, negated for an odd
/// frequency, so that rows are added or subtracted in pairs first. Every sum is taken in the order of `j`
/// and never fused, which makes the result the same on every CPU.
#[inline(always)]
fn along_columns<const N: usize>(samples: &[[f64; N]; 64]) -> [[f64; N]; 16] {
    let mut out = [[0.0; N]; 16];
    for tile in (0..N).step_by(TILE) {
        // For the odd indexes, which are even frequencies, and for the even ones.
        let mut sums = [[0.0; TILE]; 32];
        let mut differences = [[0.0; TILE]; 32];
        for j in 0..32 {
            for c in 0..TILE {
                let (up, down) = (samples[j][tile + c], samples[63 - j][tile + c]);
                sums[j][c] = up + down;
                differences[j][c] = up - down;
            }
        }
        for i in [0, 8] {
            let even = four_rows([i, i + 2, i + 4, i + 6], &differences);
            let odd = four_rows([i + 1, i + 3, i + 5, i + 7], &sums);
            for n in 0..4 {
                out[i + 2 * n][tile..tile + TILE].copy_from_slice(&even[n]);
                out[i + 2 * n + 1][tile..tile + TILE].copy_from_slice(&odd[n]);
            }
        }
    }
    out
}

/// Four rows of the product at once: their sums do not wait for each other.
#[inline(always)]
fn four_rows(rows: [usize; 4], folded: &[[f64; TILE]; 32]) -> [[f64; TILE]; 4] {
    let weights = rows.map(|i| &HALF[i]);
    let mut out = [[0.0; TILE]; 4];
    for (j, folded) in folded.iter().enumerate() {
        for (out, weights) in out.iter_mut().zip(weights) {
            for (out, sample) in out.iter_mut().zip(folded) {
                *out += weights[j] * sample;
            }
        }
    }
    out
}

#[inline(always)]
fn transposed<const R: usize, const C: usize>(matrix: &[[f64; C]; R]) -> [[f64; R]; C] {
    std::array::from_fn(|c| std::array::from_fn(|r| matrix[r][c]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_the_cosine_of_the_reference() {
        let scale = (2.0f64 / 64.0).sqrt() as f32;
        for (i, row) in MATRIX.iter().enumerate() {
            for (j, entry) in row.iter().enumerate() {
                let angle = std::f64::consts::PI / 128.0 * (i + 1) as f64 * (2 * j + 1) as f64;
                assert_eq!(*entry, (f64::from(scale) * angle.cos()) as f32, "row {i}, column {j}");
            }
        }
    }

    #[test]
    fn folding_changes_nothing_but_rounding() {
        let mut state = 1u64;
        let samples: [[f64; 64]; 64] = std::array::from_fn(|_| {
            std::array::from_fn(|_| {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                (state >> 56) as f64
            })
        });
        let found = coefficients(&samples);
        for i in 0..16 {
            for j in 0..16 {
                let mut sum = 0.0;
                for (y, row) in samples.iter().enumerate() {
                    for (x, sample) in row.iter().enumerate() {
                        sum += f64::from(MATRIX[i][y]) * f64::from(MATRIX[j][x]) * sample;
                    }
                }
                assert!((found[i][j] - sum).abs() < 1e-9, "{i} {j}: {} {sum}", found[i][j]);
            }
        }
    }
}
