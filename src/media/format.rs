//! The file formats that a sniff can name.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A file format, as its first bytes tell it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
#[non_exhaustive]
pub enum Format {
    /// JPEG picture.
    Jpeg,
    /// PNG picture, still or animated.
    Png,
    /// GIF picture, still or animated.
    Gif,
    /// WebP picture, still or animated.
    WebP,
    /// Windows bitmap.
    Bmp,
    /// TIFF picture, and the camera formats built on it.
    Tiff,
    /// AVIF picture or sequence.
    Avif,
    /// HEIC/HEIF picture or sequence.
    Heic,
    /// JPEG XL picture.
    Jxl,
    /// JPEG 2000 picture.
    Jp2,
    /// Windows icon or cursor.
    Ico,
    /// Photoshop document.
    Psd,
    /// SVG drawing. Its class is text: it is never drawn here.
    Svg,
    /// MPEG-4 film.
    Mp4,
    /// QuickTime film.
    Mov,
    /// 3GPP film.
    ThreeGp,
    /// WebM film or sound.
    WebM,
    /// Matroska film or sound.
    Matroska,
    /// AVI film.
    Avi,
    /// Flash video.
    Flv,
    /// Windows Media (ASF).
    Asf,
    /// MPEG transport stream.
    MpegTs,
    /// MPEG programme stream or bare MPEG video.
    MpegPs,
    /// Ogg stream; the class says whether it holds pictures.
    Ogg,
    /// WAVE sound.
    Wav,
    /// MPEG layer III sound.
    Mp3,
    /// FLAC sound.
    Flac,
    /// AAC sound.
    Aac,
    /// MPEG-4 sound.
    M4a,
    /// PDF document.
    Pdf,
    /// ZIP, and what is built on it: office documents, e-books, programs.
    Zip,
    /// RAR archive.
    Rar,
    /// 7-Zip archive.
    SevenZip,
    /// gzip stream.
    Gzip,
    /// xz stream.
    Xz,
    /// Zstandard stream.
    Zstd,
    /// bzip2 stream.
    Bzip2,
    /// tar archive.
    Tar,
    /// Text: UTF-8 or ASCII without control characters, or UTF-16 with a byte-order mark.
    Text,
    /// No bytes.
    Empty,
    /// None of these.
    Unknown,
}

impl Format {
    /// The short name used in JSON and messages.
    pub const fn name(self) -> &'static str {
        match self {
            Format::Jpeg => "jpeg",
            Format::Png => "png",
            Format::Gif => "gif",
            Format::WebP => "webp",
            Format::Bmp => "bmp",
            Format::Tiff => "tiff",
            Format::Avif => "avif",
            Format::Heic => "heic",
            Format::Jxl => "jxl",
            Format::Jp2 => "jp2",
            Format::Ico => "ico",
            Format::Psd => "psd",
            Format::Svg => "svg",
            Format::Mp4 => "mp4",
            Format::Mov => "mov",
            Format::ThreeGp => "threegp",
            Format::WebM => "webm",
            Format::Matroska => "matroska",
            Format::Avi => "avi",
            Format::Flv => "flv",
            Format::Asf => "asf",
            Format::MpegTs => "mpegts",
            Format::MpegPs => "mpegps",
            Format::Ogg => "ogg",
            Format::Wav => "wav",
            Format::Mp3 => "mp3",
            Format::Flac => "flac",
            Format::Aac => "aac",
            Format::M4a => "m4a",
            Format::Pdf => "pdf",
            Format::Zip => "zip",
            Format::Rar => "rar",
            Format::SevenZip => "sevenzip",
            Format::Gzip => "gzip",
            Format::Xz => "xz",
            Format::Zstd => "zstd",
            Format::Bzip2 => "bzip2",
            Format::Tar => "tar",
            Format::Text => "text",
            Format::Empty => "empty",
            Format::Unknown => "unknown",
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
