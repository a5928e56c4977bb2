//! Views: the renderings of one upload that are looked up.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::error::{Error, ErrorCode, shown};

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

/// Which rendering of an upload a fingerprint belongs to. Earlier ones are preferred when two match equally well.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
#[repr(u8)]
pub enum View {
    /// The bytes themselves: the view of every digest.
    Bytes = 0,
    /// The picture as it is stored, before its EXIF orientation is applied.
    AsStored = 1,
    /// The picture as a viewer shows it, turned as its EXIF orientation says.
    AsShown = 2,
    /// As stored, turned by 90 degrees counter-clockwise.
    Rot90 = 3,
    /// As stored, turned by 180 degrees.
    Rot180 = 4,
    /// As stored, turned by 270 degrees counter-clockwise.
    Rot270 = 5,
    /// As stored, mirrored top to bottom.
    FlipX = 6,
    /// As stored, mirrored left to right.
    FlipY = 7,
    /// As stored, mirrored at the main diagonal.
    FlipPlus1 = 8,
    /// As stored, mirrored at the other diagonal.
    FlipMinus1 = 9,
}

impl View {
    /// Every view, in order of preference.
    pub const ALL: [View; 10] = [
        View::Bytes,
        View::AsStored,
        View::AsShown,
        View::Rot90,
        View::Rot180,
        View::Rot270,
        View::FlipX,
        View::FlipY,
        View::FlipPlus1,
        View::FlipMinus1,
    ];

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

    /// Whether it is one of the seven turned or mirrored forms.
    pub const fn is_dihedral(self) -> bool {
        self as u8 >= View::Rot90 as u8
    }

    /// The name used in policies and JSON.
    pub const fn name(self) -> &'static str {
        match self {
            View::Bytes => "bytes",
            View::AsStored => "as-stored",
            View::AsShown => "as-shown",
            View::Rot90 => "rot90",
            View::Rot180 => "rot180",
            View::Rot270 => "rot270",
            View::FlipX => "flip-x",
            View::FlipY => "flip-y",
            View::FlipPlus1 => "flip-plus1",
            View::FlipMinus1 => "flip-minus1",
        }
    }
}

impl fmt::Display for View {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for View {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        View::ALL.into_iter().find(|v| v.name() == text).ok_or_else(|| {
            let names: Vec<_> = View::ALL.iter().map(|v| v.name()).collect();
            Error::new(
                ErrorCode::InvalidArgument,
                format!("{:?} is not a view; expected one of {}", shown(text), names.join(", ")),
            )
        })
    }
}
