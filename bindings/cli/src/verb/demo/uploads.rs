//! The demo's pictures, the lists that name them, and the uploads made of them.

use std::fmt::Write as _;

use tamis::fingerprint::{Algorithm, Algorithms, PdqHash, View, digests, pdq};
use tamis::media::{PixelFormat, Raster, Unscannable};
use tamis::set::{ListKind, Opinion};
use tamis::{Action, Outcome, Verdict};

use crate::{Failure, drawing, encode};

const WIDTH: u32 = 1024;
const HEIGHT: u32 = 768;

/// The lists by name and kind.
pub(super) const LISTS: [(&str, ListKind); 2] =
    [("exchange", ListKind::Exchange), ("submissions", ListKind::Submissions)];

/// A listed picture.
pub(super) struct Picture {
    item: String,
    list: &'static str,
    opinion: Opinion,
    rgb: Vec<u8>,
    /// The file that the list's maker saw.
    file: Vec<u8>,
}

/// What a verdict must rest on.
enum Ground {
    /// The bytes are those of a listed file.
    Digest,
    /// A view of the picture is near a listed one.
    Picture(View),
    /// The picture could not be examined, for that reason.
    Unscannable(Unscannable),
    /// Nothing matches.
    Nothing,
}

/// An upload and the verdict that is expected of it.
pub(super) struct Upload {
    pub(super) name: &'static str,
    pub(super) file: &'static str,
    pub(super) bytes: Vec<u8>,
    pub(super) expected: Action,
    /// Whether a stronger action is as good: how far an altered copy moves the hash depends on the picture, and so on the seed.
    pub(super) or_stronger: bool,
    ground: Ground,
}

impl Upload {
    /// Whether the verdict is the expected one, for the expected reason.
    pub(super) fn expects(&self, verdict: &Verdict) -> bool {
        let matches = &verdict.matches;
        let grounded = match self.ground {
            Ground::Digest => matches.iter().any(|m| m.algorithm == Algorithm::Sha256),
            Ground::Picture(view) => {
                matches.first().is_some_and(|m| m.algorithm == Algorithm::Pdq && m.view == view)
            }
            Ground::Unscannable(reason) => {
                verdict.outcome == Outcome::Unscannable && verdict.unscannable == Some(reason)
            }
            Ground::Nothing => verdict.outcome == Outcome::Clear && matches.is_empty(),
        };
        let strong_enough = self.or_stronger && verdict.action > self.expected;
        grounded && (verdict.action == self.expected || strong_enough)
    }
}

/// The listed pictures. The fifth is disputed, the sixth only submitted.
pub(super) fn pictures(seed: u64) -> Result<Vec<Picture>, Failure> {
    (1..=6)
        .map(|number| {
            let rgb = draw(seed, number);
            Ok(Picture {
                item: format!("picture-{number}"),
                list: LISTS[usize::from(number == 6)].0,
                opinion: if number == 5 { Opinion::Disputed } else { Opinion::Positive },
                file: encode::jpeg(&rgb, WIDTH, HEIGHT, 90).map_err(encoder)?,
                rgb,
            })
        })
        .collect()
}

/// A list as its maker would publish it: two fingerprints of each picture, and what is known of it.
pub(super) fn list(name: &str, pictures: &[Picture]) -> Result<String, Failure> {
    let mut csv = String::from("algorithm,fingerprint,quality,item,labels,opinion,reviewed\n");
    let mut line = |picture: &Picture, algorithm: Algorithm, fingerprint: String, quality: &str| {
        let Picture { item, opinion, .. } = picture;
        // Writing to a string cannot fail.
        let _ = writeln!(csv, "{algorithm},{fingerprint},{quality},{item},demo,{opinion},true");
    };
    for picture in pictures.iter().filter(|p| p.list == name) {
        let sha256 = digests(&picture.file, Algorithms::NONE.with(Algorithm::Sha256));
        if let Some(digest) = sha256.get(Algorithm::Sha256) {
            line(picture, Algorithm::Sha256, digest.to_hex(), "");
        }
        let (width, height) = (WIDTH as usize, HEIGHT as usize);
        let found = pdq(&Raster::new(&picture.rgb, width, height, PixelFormat::Rgb8)?);
        let hash: PdqHash = found.hash;
        line(picture, Algorithm::Pdq, hash.to_string(), &found.quality.to_string());
    }
    Ok(csv)
}

/// What people upload: the same, altered copies, other things, and attacks.
pub(super) fn uploads(seed: u64, pictures: &[Picture]) -> Result<Vec<Upload>, Failure> {
    let [one, two, three, four, disputed, submitted] = pictures else {
        return Err(Failure::new("the demo has six pictures"));
    };
    let (small_width, small_height) = (WIDTH * 2 / 5, HEIGHT * 2 / 5);
    let small = encode::resize(&three.rgb, WIDTH, HEIGHT, small_width, small_height);
    let small = encode::jpeg(&small.map_err(encoder)?, small_width, small_height, 85);
    let mirrored = encode::mirror(&four.rgb, WIDTH, HEIGHT).map_err(encoder)?;
    let unrelated = draw(seed, 7);
    let jpeg = |rgb: &[u8], quality| encode::jpeg(rgb, WIDTH, HEIGHT, quality).map_err(encoder);

    let as_stored = || Ground::Picture(View::AsStored);
    let upload = |name, file, bytes, expected, ground| Upload {
        name,
        file,
        bytes,
        expected,
        or_stronger: false,
        ground,
    };
    let altered = |name, file, bytes, view| Upload {
        or_stronger: true,
        ..upload(name, file, bytes, Action::Review, Ground::Picture(view))
    };
    let (block, review, allow) = (Action::Block, Action::Review, Action::Allow);
    let half = one.file.get(..one.file.len() / 2).unwrap_or_default().to_vec();
    Ok(vec![
        upload("the listed file itself", "same.jpg", one.file.clone(), block, Ground::Digest),
        upload("re-encoded, JPEG 60", "re-encoded.jpg", jpeg(&two.rgb, 60)?, block, as_stored()),
        altered("resized to 40 %", "resized.jpg", small.map_err(encoder)?, View::AsStored),
        altered("mirrored left to right", "mirrored.jpg", jpeg(&mirrored, 85)?, View::FlipY),
        upload(
            "saved as PNG",
            "saved.png",
            encode::png(&one.rgb, WIDTH, HEIGHT).map_err(encoder)?,
            block,
            as_stored(),
        ),
        upload(
            "saved as GIF, 256 colours",
            "saved.gif",
            encode::gif(&two.rgb, WIDTH, HEIGHT).map_err(encoder)?,
            block,
            as_stored(),
        ),
        upload(
            "disputed by members",
            "disputed.jpg",
            jpeg(&disputed.rgb, 75)?,
            review,
            as_stored(),
        ),
        upload(
            "of an unverified list",
            "unverified.jpg",
            submitted.file.clone(),
            review,
            Ground::Digest,
        ),
        upload(
            "hostile: 35-byte GIF",
            "hostile.gif",
            drawing::tiny_bomb(),
            review,
            Ground::Unscannable(Unscannable::Limit),
        ),
        upload(
            "a JPEG cut in half",
            "cut.jpg",
            half,
            review,
            Ground::Unscannable(Unscannable::Truncated),
        ),
        upload(
            "an unrelated picture",
            "unrelated.jpg",
            jpeg(&unrelated, 85)?,
            allow,
            Ground::Nothing,
        ),
        upload("a text", "text.txt", TEXT.to_vec(), allow, Ground::Nothing),
    ])
}

const TEXT: &[u8] = b"A harmless note that was uploaded beside the pictures.\n";

/// The seven pictures of one seed are never those of another, but where the numbers overflow.
fn draw(seed: u64, number: u64) -> Vec<u8> {
    drawing::draw(seed.wrapping_mul(7).wrapping_add(number), WIDTH, HEIGHT)
}

fn encoder(error: image::ImageError) -> Failure {
    Failure::new(format!("a drawn picture cannot be encoded: {error}"))
}
