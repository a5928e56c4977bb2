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
        self.names().0
    }

    /// The media type for a `Content-Type` header.
    ///
    /// It describes what the bytes are, not what is safe to serve: text may be HTML.
    pub const fn mime(self) -> &'static str {
        self.names().1
    }

    const fn names(self) -> (&'static str, &'static str) {
        match self {
            Format::Jpeg => ("jpeg", "image/jpeg"),
            Format::Png => ("png", "image/png"),
            Format::Gif => ("gif", "image/gif"),
            Format::WebP => ("webp", "image/webp"),
            Format::Bmp => ("bmp", "image/bmp"),
            Format::Tiff => ("tiff", "image/tiff"),
            Format::Avif => ("avif", "image/avif"),
            Format::Heic => ("heic", "image/heic"),
            Format::Jxl => ("jxl", "image/jxl"),
            Format::Jp2 => ("jp2", "image/jp2"),
            Format::Ico => ("ico", "image/vnd.microsoft.icon"),
            Format::Psd => ("psd", "image/vnd.adobe.photoshop"),
            Format::Svg => ("svg", "image/svg+xml"),
            Format::Mp4 => ("mp4", "video/mp4"),
            Format::Mov => ("mov", "video/quicktime"),
            Format::ThreeGp => ("threegp", "video/3gpp"),
            Format::WebM => ("webm", "video/webm"),
            Format::Matroska => ("matroska", "video/x-matroska"),
            Format::Avi => ("avi", "video/x-msvideo"),
            Format::Flv => ("flv", "video/x-flv"),
            Format::Asf => ("asf", "video/x-ms-asf"),
            Format::MpegTs => ("mpegts", "video/mp2t"),
            Format::MpegPs => ("mpegps", "video/mpeg"),
            Format::Ogg => ("ogg", "application/ogg"),
            Format::Wav => ("wav", "audio/wav"),
            Format::Mp3 => ("mp3", "audio/mpeg"),
            Format::Flac => ("flac", "audio/flac"),
            Format::Aac => ("aac", "audio/aac"),
            Format::M4a => ("m4a", "audio/mp4"),
            Format::Pdf => ("pdf", "application/pdf"),
            Format::Zip => ("zip", "application/zip"),
            Format::Rar => ("rar", "application/vnd.rar"),
            Format::SevenZip => ("sevenzip", "application/x-7z-compressed"),
            Format::Gzip => ("gzip", "application/gzip"),
            Format::Xz => ("xz", "application/x-xz"),
            Format::Zstd => ("zstd", "application/zstd"),
            Format::Bzip2 => ("bzip2", "application/x-bzip2"),
            Format::Tar => ("tar", "application/x-tar"),
            Format::Text => ("text", "text/plain"),
            Format::Empty => ("empty", "application/x-empty"),
            Format::Unknown => ("unknown", "application/octet-stream"),
        }
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
