//! Walks over the outer structure of picture files: chunk headers only, never their contents.
//!
//! Nothing here allocates, and nothing trusts a length: a part that claims to reach past the end
//! of the file is handed over with the length that it claims, and the walk ends after it.
//! Every step moves forward by at least one byte, so a walk ends.

use std::ops::Range;
#[cfg(feature = "decode")]
use std::time::Instant;

/// One chunk of a PNG or RIFF file.
#[derive(Clone, Debug)]
pub(super) struct Chunk {
    pub(super) kind: [u8; 4],
    /// Where its contents lie. The end may be past the end of the file.
    #[cfg_attr(
        not(feature = "decode"),
        allow(dead_code, reason = "only the survey before decoding reads it")
    )]
    pub(super) body: Range<usize>,
}

/// `N` bytes at `at`, if the file has them.
pub(super) fn array<const N: usize>(bytes: &[u8], at: usize) -> Option<[u8; N]> {
    bytes.get(at..)?.first_chunk::<N>().copied()
}

/// A little-endian number of 16 bits at `at`.
pub(super) fn le16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_le_bytes(array(bytes, at)?)))
}

/// A big-endian number of 16 bits at `at`.
#[cfg(feature = "decode")]
pub(super) fn be16(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from(u16::from_be_bytes(array(bytes, at)?)))
}

/// The chunks of a PNG file, from the one after the signature.
pub(super) fn png_chunks(bytes: &[u8]) -> impl Iterator<Item = Chunk> + '_ {
    let mut at = 8usize;
    std::iter::from_fn(move || {
        let length = u32::from_be_bytes(array(bytes, at)?);
        let kind = array(bytes, at.checked_add(4)?)?;
        let start = at.checked_add(8)?;
        let end = start.saturating_add(length as usize);
        at = end.saturating_add(4);
        Some(Chunk { kind, body: start..end })
    })
}

/// The chunks of a RIFF file in `range`.
#[cfg(feature = "decode")]
pub(super) fn riff_chunks(bytes: &[u8], range: Range<usize>) -> impl Iterator<Item = Chunk> + '_ {
    let bytes = bytes.get(..range.end).unwrap_or(bytes);
    let mut at = range.start;
    std::iter::from_fn(move || {
        let kind = array(bytes, at)?;
        let length = u32::from_le_bytes(array(bytes, at.checked_add(4)?)?);
        let start = at.checked_add(8)?;
        let end = start.saturating_add(length as usize);
        at = end.saturating_add(end & 1);
        Some(Chunk { kind, body: start..end })
    })
}

/// Where a GIF frame lies on the screen, in pixels.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct GifFrame {
    pub(super) left: u32,
    pub(super) top: u32,
    pub(super) width: u32,
    pub(super) height: u32,
    /// Whether any data stand behind its code size.
    pub(super) data: bool,
    pub(super) control: GifControl,
}

/// What a graphic control extension says of the frame behind it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum GifControl {
    /// There is none.
    #[default]
    None,
    /// Flags, delay in hundredths of a second, transparent index. More than these four bytes may follow: viewers that show such a file
    /// go by the first four.
    Given([u8; 4]),
    /// It is shorter than that, and each viewer makes something else of it.
    Short,
}

/// What a walk over a GIF file came to next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GifStep {
    Frame(GifFrame),
    /// The trailer, the end of the file, or a byte that starts no block.
    End,
    /// The walk was told to take no more steps.
    Undecided,
}

/// A walk from frame to frame.
pub(super) struct GifFrames<'a> {
    bytes: &'a [u8],
    at: usize,
    steps: u32,
    #[cfg(feature = "decode")]
    deadline: Option<Instant>,
    /// The graphic control extension for the next frame.
    pending: GifControl,
    /// Whether the extensions so far that say how often it is played all say for ever.
    #[cfg(feature = "decode")]
    endless: Option<bool>,
    /// Where the last frame begins, and the extension before it.
    #[cfg(feature = "decode")]
    last: (usize, GifControl),
}

impl<'a> GifFrames<'a> {
    /// Starts behind the screen descriptor and the global palette; takes at most `steps` steps.
    pub(super) fn new(bytes: &'a [u8], steps: u32) -> Self {
        let flags = bytes.get(10).copied().unwrap_or(0);
        GifFrames {
            bytes,
            at: 13 + palette_bytes(flags),
            steps,
            pending: GifControl::None,
            #[cfg(feature = "decode")]
            endless: None,
            #[cfg(feature = "decode")]
            deadline: None,
            #[cfg(feature = "decode")]
            last: (0, GifControl::None),
        }
    }

    /// The same walk, which takes no more steps once the deadline has passed.
    #[cfg(feature = "decode")]
    pub(super) fn until(self, deadline: Option<Instant>) -> Self {
        GifFrames { deadline, ..self }
    }

    /// Whether it is played for ever, as far as the walk has come: if nothing says so it is played once.
    #[cfg(feature = "decode")]
    pub(super) fn is_endless(&self) -> bool {
        self.endless == Some(true)
    }

    /// Whether the walk came to the end of the file.
    #[cfg(feature = "decode")]
    pub(super) fn ran_out(&self) -> bool {
        self.at >= self.bytes.len()
    }

    /// Where the walk stands: at first, behind the global palette.
    #[cfg(feature = "decode")]
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Where the descriptor of the last frame begins.
    #[cfg(feature = "decode")]
    pub(super) fn start(&self) -> usize {
        self.last.0
    }

    /// Whether the last frame is interlaced.
    #[cfg(feature = "decode")]
    pub(super) fn interlaced(&self) -> bool {
        self.bytes.get(self.last.0 + 9).is_some_and(|flags| flags & 0x40 != 0)
    }

    /// The graphic control extension of the last frame, in the usual shape.
    #[cfg(feature = "decode")]
    pub(super) fn control(&self) -> Vec<u8> {
        match self.last.1 {
            GifControl::Given([flags, low, high, index]) => {
                vec![0x21, 0xf9, 4, flags, low, high, index, 0]
            }
            GifControl::None | GifControl::Short => Vec::new(),
        }
    }

    /// Whether there is one more step, which is taken.
    fn goes_on(&mut self) -> bool {
        #[cfg(feature = "decode")]
        if self.steps.is_multiple_of(1 << 16)
            && self.deadline.is_some_and(|deadline| Instant::now() >= deadline)
        {
            self.steps = 0;
        }
        self.steps = match self.steps.checked_sub(1) {
            Some(left) => left,
            None => return false,
        };
        true
    }

    pub(super) fn step(&mut self) -> GifStep {
        while self.goes_on() {
            match self.bytes.get(self.at) {
                // An extension: a label, then sub-blocks.
                Some(0x21) => {
                    if self.bytes.get(self.at + 1) == Some(&0xf9) {
                        self.pending = control_at(self.bytes, self.at + 2);
                    }
                    #[cfg(feature = "decode")]
                    if let Some(plays) = plays_at(self.bytes, self.at + 1) {
                        self.endless = Some(plays == 0 && self.endless != Some(false));
                    }
                    self.at += 2;
                    self.skip_sub_blocks();
                }
                Some(0x2c) => {
                    let field = |i: usize| le16(self.bytes, self.at + 1 + 2 * i);
                    let (Some(left), Some(top), Some(width), Some(height), Some(&flags)) =
                        (field(0), field(1), field(2), field(3), self.bytes.get(self.at + 9))
                    else {
                        self.at = self.bytes.len();
                        return GifStep::End;
                    };
                    let control = std::mem::take(&mut self.pending);
                    #[cfg(feature = "decode")]
                    {
                        self.last = (self.at, control);
                    }
                    // Descriptor, local palette, code size; then sub-blocks.
                    self.at += 11 + palette_bytes(flags);
                    let data = self.bytes.get(self.at).is_some_and(|length| *length > 0);
                    self.skip_sub_blocks();
                    let frame = GifFrame { left, top, width, height, data, control };
                    return GifStep::Frame(frame);
                }
                // Decoders pass over a stray terminator between blocks.
                Some(0) => self.at += 1,
                _ => return GifStep::End,
            }
        }
        GifStep::Undecided
    }

    fn skip_sub_blocks(&mut self) {
        while self.goes_on() {
            let Some(&length) = self.bytes.get(self.at) else { return };
            self.at += 1 + usize::from(length);
            if length == 0 {
                return;
            }
        }
    }
}

/// How often an animation is played, by the application extension whose label stands at `at`; 0 is for ever.
#[cfg(feature = "decode")]
fn plays_at(bytes: &[u8], at: usize) -> Option<u32> {
    let says = array(bytes, at)?;
    let known = [*b"\xff\x0bNETSCAPE2.0\x03\x01", *b"\xff\x0bANIMEXTS1.0\x03\x01"];
    known.contains(&says).then(|| le16(bytes, at + says.len()))?
}

/// The graphic control extension whose first sub-block begins at `at`.
fn control_at(bytes: &[u8], at: usize) -> GifControl {
    let length = bytes.get(at).copied().unwrap_or(0);
    match array(bytes, at + 1) {
        Some(fields) if length >= 4 => GifControl::Given(fields),
        _ => GifControl::Short,
    }
}

/// Bytes of the palette that a GIF flags byte announces.
fn palette_bytes(flags: u8) -> usize {
    if flags & 0x80 != 0 { 3 << ((flags & 7) + 1) } else { 0 }
}
