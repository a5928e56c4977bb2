//! Views: the renderings of one upload that are looked up.

use crate::names::named;

/// One of the eight ways to turn and mirror a picture, named as the PDQ reference names them.
///
/// A form's hash is near the one that the picture would have after it was turned or mirrored in this way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[repr(u8)]
pub enum Dihedral {
    /// As it is.
    Original = 0,
    /// Turned by a quarter, counter-clockwise.
    Rotate90 = 1,
    /// Turned by a half.
    Rotate180 = 2,
    /// Turned by three quarters counter-clockwise, which is a quarter clockwise.
    Rotate270 = 3,
    /// Mirrored top to bottom: the upper row becomes the lower.
    FlipX = 4,
    /// Mirrored left to right: the left column becomes the right.
    FlipY = 5,
    /// Mirrored at the diagonal from the upper left: rows become columns.
    FlipPlus1 = 6,
    /// Mirrored at the diagonal from the upper right.
    FlipMinus1 = 7,
}

impl Dihedral {
    /// All eight, the original first.
    pub const ALL: [Dihedral; 8] = [
        Dihedral::Original,
        Dihedral::Rotate90,
        Dihedral::Rotate180,
        Dihedral::Rotate270,
        Dihedral::FlipX,
        Dihedral::FlipY,
        Dihedral::FlipPlus1,
        Dihedral::FlipMinus1,
    ];
}

named! {
    /// Which rendering of an upload a fingerprint belongs to. Earlier ones are preferred when two match equally well.
    #[non_exhaustive]
    View("a view") {
        /// The bytes themselves: the view of every digest.
        Bytes = 0 "bytes",
        /// The picture as it is stored, before its EXIF orientation is applied.
        AsStored = 1 "as-stored",
        /// The picture as a viewer shows it, turned as its EXIF orientation says.
        AsShown = 2 "as-shown",
        /// As stored, turned by 90 degrees counter-clockwise.
        Rot90 = 3 "rot90",
        /// As stored, turned by 180 degrees.
        Rot180 = 4 "rot180",
        /// As stored, turned by 270 degrees counter-clockwise.
        Rot270 = 5 "rot270",
        /// As stored, mirrored top to bottom.
        FlipX = 6 "flip-x",
        /// As stored, mirrored left to right.
        FlipY = 7 "flip-y",
        /// As stored, mirrored at the main diagonal.
        FlipPlus1 = 8 "flip-plus1",
        /// As stored, mirrored at the other diagonal.
        FlipMinus1 = 9 "flip-minus1",
        /// A later frame of an animation, as stored. The first frame is the picture itself.
        Frame = 10 "frame",
        /// The small picture that a camera puts into the file.
        Thumbnail = 11 "thumbnail",
        /// A picture inside a document or archive, as stored and as shown.
        Embedded = 12 "embedded",
        /// The picture, if it is transparent somewhere, laid over black instead of white: as stored, as shown, and in the turned and mirrored
        /// forms that are asked for. With this view, frames and embedded pictures are laid over black too, under their own names.
        OverBlack = 13 "over-black",
    }
}

impl View {
    /// The view that a dihedral form of the stored picture is.
    pub const fn of(form: Dihedral) -> View {
        match form {
            Dihedral::Original => View::AsStored,
            Dihedral::Rotate90 => View::Rot90,
            Dihedral::Rotate180 => View::Rot180,
            Dihedral::Rotate270 => View::Rot270,
            Dihedral::FlipX => View::FlipX,
            Dihedral::FlipY => View::FlipY,
            Dihedral::FlipPlus1 => View::FlipPlus1,
            Dihedral::FlipMinus1 => View::FlipMinus1,
        }
    }

    /// Whether an upload may have several of it, told apart by a number: frames, embedded pictures.
    pub(crate) const fn has_parts(self) -> bool {
        matches!(self, View::Frame | View::Embedded)
    }

    /// Whether it is one of the seven turned or mirrored forms.
    pub const fn is_dihedral(self) -> bool {
        self as u8 >= View::Rot90 as u8 && self as u8 <= View::FlipMinus1 as u8
    }
}
