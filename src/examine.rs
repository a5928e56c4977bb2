//! From an upload's bytes to its perceptual hashes: every view that is asked for, within the limits.
//!
//! ```text
//! examine(upload, asked):
//!     channels = colour if asked.exact, else luma
//!     decode, and while the rows arrive hash each frame:
//!         frame 0     -> as stored, its dihedral forms, as shown
//!         later ones  -> frame
//!     an exact hash that is a near-tie: decode once more, replaying the reference's own arithmetic
//!     a luma hash: note how far the exact one can be away (slack), or that it says nothing
//!     the same, one level down and no further: the thumbnail, pictures inside a document or archive
//! ```
//!
//! Invariants: what an exact examination gives is the hash of the reference library for that view; what one by luma gives is
//! within its `slack` of that, or the result says that only an exact examination helps. Nothing is looked up
//! here: this room knows no store, which is why a [worker process](crate::sandbox) can do the same for a host that
//! trusts no decoder.

use std::time::Instant;

use crate::fingerprint::{Dihedral, Hasher, Pdq, Perceptual, View};
use crate::limits::Limits;
use crate::media::{Channels, Decoder, Frame, Keep, Media, Request, Unscannable};

/// What is asked of one upload.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The views to hash.
    pub views: &'a [View],
    /// Whether hashes must be exact. If not, a JPEG is hashed from its luma, which is faster and nearly the same.
    pub exact: bool,
    /// What it may cost.
    pub limits: &'a Limits,
    /// The caller's own deadline; the nearer of this and [`Limits::time_for`] holds.
    pub deadline: Option<Instant>,
}

/// What was found out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Examined {
    /// The hash of each view.
    pub perceptual: Vec<Perceptual>,
    /// Whether everything that the views call for was looked at.
    pub complete: bool,
    /// The picture ends early, and this is why; what there is of it was hashed as viewers show it.
    pub cut_short: Option<Unscannable>,
    /// Width and height of the picture as stored, if it is one.
    pub size: Option<(usize, usize)>,
}

/// Examines uploads one after the other, reusing its buffers.
#[derive(Debug, Default)]
pub struct Examiner {
    decoder: Decoder,
    hasher: Hasher,
}

impl Examiner {
    /// An examiner with empty buffers.
    pub fn new() -> Self {
        Self::default()
    }

    /// Examines one upload.
    ///
    /// # Errors
    /// Why its picture gave no pixels.
    pub fn examine(
        &mut self,
        bytes: &[u8],
        media: &Media,
        asked: &Asked<'_>,
    ) -> Result<Examined, Unscannable> {
        let mut kept = Keep::default();
        let request = Request {
            bytes,
            media: *media,
            channels: if asked.exact { Channels::Colour } else { Channels::Luma },
            frames: if asked.views.contains(&View::Frame) { asked.limits.frames } else { 1 },
            limits: asked.limits,
            deadline: asked.deadline,
        };
        let decoded = self.decoder.decode(&request, &mut kept)?;
        let mut examined = Examined { complete: decoded.all_frames, ..Examined::default() };
        examined.cut_short = decoded.cut_short;
        if let Some(frame) = kept.frame() {
            examined.size = Some((frame.width, frame.height));
            self.frame(&frame, &kept, asked.views, &mut examined.perceptual);
        }
        Ok(examined)
    }

    fn frame(&mut self, frame: &Frame, kept: &Keep, views: &[View], out: &mut Vec<Perceptual>) {
        let Some(stored) = kept.raster() else { return };
        if views.iter().any(|v| v.is_dihedral()) {
            let forms = self.hasher.hash_dihedral(&stored);
            let forms = Dihedral::ALL.into_iter().zip(forms.hashes).map(|(form, hash)| {
                Perceptual::new(View::of(form), Pdq { hash, quality: forms.quality })
            });
            out.extend(forms.filter(|p| views.contains(&p.view)));
        }
        // At 64 x 64 the reference hashes a picture by itself differently than among its eight forms.
        let alone = out.is_empty() || (frame.width, frame.height) == (64, 64);
        if alone && views.contains(&View::AsStored) {
            out.retain(|p| p.view != View::AsStored);
            out.insert(0, Perceptual::new(View::AsStored, self.hasher.hash(&stored)));
        }
        // An upright picture is shown as it is stored: one look-up is enough, under either name.
        if views.contains(&View::AsShown)
            && (frame.orientation != 1 || !views.contains(&View::AsStored))
        {
            out.push(Perceptual::new(View::AsShown, self.hasher.hash(&stored)));
        }
    }
}
