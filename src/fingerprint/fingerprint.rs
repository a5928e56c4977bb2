//! A fingerprint of any algorithm: the algorithm and its bytes.

use std::fmt;

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::Algorithm;

/// An algorithm together with the bytes it gave. Ordered by algorithm, then bytes.
///
/// ```
/// use tamis::fingerprint::{Algorithm, Fingerprint};
/// let empty = Fingerprint::from_hex(Algorithm::Md5, "d41d8cd98f00b204e9800998ecf8427e")?;
/// assert_eq!(empty.bytes().len(), 16);
/// # Ok::<(), tamis::Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Fingerprint {
    algorithm: Algorithm,
    // Zero beyond `algorithm.width()`, so that derived comparison is right.
    bytes: [u8; 64],
}

impl Fingerprint {
    /// From the algorithm's bytes.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] if there are more or fewer bytes than the algorithm gives.
    pub fn new(algorithm: Algorithm, bytes: &[u8]) -> Result<Self> {
        if bytes.len() != algorithm.width() {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{algorithm} has {} bytes, found {}", algorithm.width(), bytes.len()),
            ));
        }
        let mut all = [0; 64];
        all[..bytes.len()].copy_from_slice(bytes);
        Ok(Fingerprint { algorithm, bytes: all })
    }

    /// From hexadecimal digits of either case; spaces around them are ignored.
    ///
    /// # Errors
    /// [`ErrorCode::InvalidArgument`] for a wrong number of digits or anything that is not a digit.
    pub fn from_hex(algorithm: Algorithm, hex: &str) -> Result<Self> {
        let hex = hex.trim().as_bytes();
        let width = algorithm.width();
        if hex.len() != 2 * width {
            return Err(Error::new(
                ErrorCode::InvalidArgument,
                format!("{algorithm} has {} hexadecimal digits, found {}", 2 * width, hex.len()),
            ));
        }
        let mut bytes = [0; 64];
        for (byte, pair) in bytes.iter_mut().zip(hex.chunks_exact(2)) {
            match (nibble(pair[0]), nibble(pair[1])) {
                (Some(high), Some(low)) => *byte = high << 4 | low,
                _ => {
                    return Err(Error::new(
                        ErrorCode::InvalidArgument,
                        format!("{algorithm} holds a character that is not a hexadecimal digit"),
                    ));
                }
            }
        }
        Ok(Fingerprint { algorithm, bytes })
    }

    /// The algorithm.
    pub fn algorithm(&self) -> Algorithm {
        self.algorithm
    }

    /// The bytes, as many as [`Algorithm::width`] says.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.algorithm.width()]
    }

    /// Lower-case hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex(self.bytes())
    }
}

/// Lower-case hexadecimal digits of any bytes.
pub(crate) fn hex(bytes: &[u8]) -> String {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut out = String::with_capacity(2 * bytes.len());
    for byte in bytes {
        out.push(DIGITS[usize::from(byte >> 4)] as char);
        out.push(DIGITS[usize::from(byte & 15)] as char);
    }
    out
}

fn nibble(digit: u8) -> Option<u8> {
    (digit as char).to_digit(16).map(|d| d as u8)
}

impl fmt::Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.to_hex())
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_hex())
    }
}
