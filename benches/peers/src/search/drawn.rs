//! Codes as PDQ gives them, and queries near and far, from a seed.

use std::fs;

use tamis::hamming::Code;

use crate::common::{LISTED, QUERIES, Random, codes};
use crate::protocol::{Reply, Result};

/// Draws `count` codes and `asked` queries into files, and for each code its rank among the distinct ones in the order of their bytes,
/// which is its row in a set.
///
/// Every second query is near a stored code, 0 to 31 bits away, each as often; the others are near nothing but by chance.
pub fn draw(
    kind: &str,
    count: usize,
    asked: usize,
    [to_codes, to_ranks, to_queries]: [&str; 3],
) -> Result<Reply> {
    let mut random = Random::new(QUERIES);
    let stored = match kind {
        "weight128" => codes(LISTED, count),
        "uniform" => {
            let mut random = Random::new(LISTED);
            (0..count).map(|_| uniform(&mut random)).collect()
        }
        "clustered" => clustered(count),
        _ => return Err("uniform, weight128 or clustered".into()),
    };
    let strangers = codes(QUERIES + 2, asked);
    let queries = strangers.iter().enumerate().map(|(number, stranger)| match (number % 2, kind) {
        (0, _) => moved(&stored[random.below(count)], number / 2 % 32, &mut random),
        (_, "uniform") => uniform(&mut random),
        _ => *stranger,
    });
    fs::write(to_queries, queries.collect::<Vec<_>>().as_flattened())?;
    fs::write(to_codes, stored.as_flattened())?;

    let mut order: Vec<u32> = (0..u32::try_from(count)?).collect();
    order.sort_unstable_by_key(|at| stored[*at as usize]);
    let mut ranks = vec![[0; 4]; count];
    let mut rank = 0_u32;
    for (place, &at) in order.iter().enumerate() {
        rank += u32::from(place > 0 && stored[at as usize] != stored[order[place - 1] as usize]);
        ranks[at as usize] = rank.to_le_bytes();
    }
    fs::write(to_ranks, ranks.as_flattened())?;
    Ok(Reply::default().with_answer(rank + 1))
}

/// Any bits at all, but what a set refuses: more than half of them, which PDQ never gives, or less than 96.
fn uniform(random: &mut Random) -> Code {
    loop {
        let mut code: Code = [0; 32];
        code.as_chunks_mut::<8>().0.iter_mut().for_each(|word| *word = random.next().to_le_bytes());
        if weight(&code) > 128 {
            code.iter_mut().for_each(|byte| *byte = !*byte);
        }
        if weight(&code) >= 96 {
            return code;
        }
    }
}

/// Every second code is within 40 bits of one of `count / 200` centres, so about a hundred to a centre.
fn clustered(count: usize) -> Vec<Code> {
    let centres = codes(LISTED + 2, count.div_ceil(200));
    let mut random = Random::new(LISTED + 4);
    let mut all = codes(LISTED, count);
    for code in all.iter_mut().step_by(2) {
        let distance = random.below(41);
        *code = moved(&centres[random.below(centres.len())], distance, &mut random);
    }
    all
}

/// The code `distance` bits away at random places: half of them cleared, rounded up, the others set, so that the weight hardly changes.
fn moved(code: &Code, distance: usize, random: &mut Random) -> Code {
    let mut other = *code;
    let mut left = [distance / 2, distance.div_ceil(2)];
    while left != [0, 0] {
        let bit = random.below(256);
        let value = usize::from(code[bit / 8] >> (bit % 8) & 1);
        let untouched = (code[bit / 8] ^ other[bit / 8]) >> (bit % 8) & 1 == 0;
        if untouched && left[value] > 0 {
            other[bit / 8] ^= 1 << (bit % 8);
            left[value] -= 1;
        }
    }
    other
}

fn weight(code: &Code) -> u32 {
    code.iter().map(|byte| byte.count_ones()).sum()
}
