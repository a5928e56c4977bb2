//! 256 bits that mih-rs takes for an integer. It shifts, masks, compares and counts them, and that is all there is:
//! arithmetic, which the traits demand and nobody asks for, ends the run.

use std::io::{Read, Write};
use std::ops::{Add, BitAnd, BitOr, BitXor, Div, Mul, Not, Rem, Shl, Shr, Sub};

use mih_rs::codeint::{CodeInt, Popcnt};
use num_traits::{
    Bounded, CheckedAdd, CheckedDiv, CheckedMul, CheckedSub, FromPrimitive, Num, NumCast, One,
    PrimInt, Saturating, ToPrimitive, Zero,
};

/// Little end first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Wide([u64; 4]);

impl From<&[u8; 32]> for Wide {
    fn from(code: &[u8; 32]) -> Wide {
        Wide(std::array::from_fn(|at| u64::from_le_bytes(code.as_chunks().0[at])))
    }
}

impl Popcnt for Wide {
    fn popcnt(&self) -> u32 {
        self.0.iter().map(|word| word.count_ones()).sum()
    }
}

impl CodeInt for Wide {
    fn dimensions() -> usize {
        256
    }

    fn serialize_into<W: Write>(&self, mut writer: W) -> anyhow::Result<()> {
        Ok(self.0.iter().try_for_each(|word| writer.write_all(&word.to_le_bytes()))?)
    }

    fn deserialize_from<R: Read>(mut reader: R) -> anyhow::Result<Wide> {
        let mut bytes = [0; 32];
        reader.read_exact(&mut bytes)?;
        Ok((&bytes).into())
    }
}

impl Shr<usize> for Wide {
    type Output = Wide;

    fn shr(self, by: usize) -> Wide {
        let (words, bits) = (by / 64, by % 64);
        let word = |at: usize| self.0.get(at).copied().unwrap_or(0);
        Wide(std::array::from_fn(|at| match bits {
            0 => word(at + words),
            _ => word(at + words) >> bits | word(at + words + 1) << (64 - bits),
        }))
    }
}

impl ToPrimitive for Wide {
    fn to_i64(&self) -> Option<i64> {
        self.to_u64()?.try_into().ok()
    }

    fn to_u64(&self) -> Option<u64> {
        (self.0[1..] == [0; 3]).then_some(self.0[0])
    }
}

impl FromPrimitive for Wide {
    fn from_i64(number: i64) -> Option<Wide> {
        Wide::from_u64(number.try_into().ok()?)
    }

    fn from_u64(number: u64) -> Option<Wide> {
        Some(Wide([number, 0, 0, 0]))
    }
}

impl NumCast for Wide {
    fn from<T: ToPrimitive>(number: T) -> Option<Wide> {
        Wide::from_u64(number.to_u64()?)
    }
}

impl Zero for Wide {
    fn zero() -> Wide {
        Wide::default()
    }

    fn is_zero(&self) -> bool {
        *self == Wide::default()
    }
}

impl One for Wide {
    fn one() -> Wide {
        Wide([1, 0, 0, 0])
    }
}

impl Bounded for Wide {
    fn min_value() -> Wide {
        Wide([0; 4])
    }

    fn max_value() -> Wide {
        Wide([u64::MAX; 4])
    }
}

impl Not for Wide {
    type Output = Wide;

    fn not(self) -> Wide {
        Wide(self.0.map(|word| !word))
    }
}

macro_rules! bitwise {
    ($($operator:ident $name:ident $sign:tt),*) => {$(
        impl $operator for Wide {
            type Output = Wide;

            fn $name(self, other: Wide) -> Wide {
                Wide(std::array::from_fn(|at| self.0[at] $sign other.0[at]))
            }
        }
    )*};
}

bitwise!(BitAnd bitand &, BitOr bitor |, BitXor bitxor ^);

macro_rules! unused {
    ($($operator:ident::$name:ident($($argument:ty),*) -> $output:ty),* $(,)?) => {$(
        impl $operator for Wide {
            type Output = Wide;

            fn $name(self $(, _: $argument)*) -> $output {
                unreachable!("mih-rs does no arithmetic")
            }
        }
    )*};
}

unused!(
    Add::add(Wide) -> Wide,
    Sub::sub(Wide) -> Wide,
    Mul::mul(Wide) -> Wide,
    Div::div(Wide) -> Wide,
    Rem::rem(Wide) -> Wide,
);

impl Shl<usize> for Wide {
    type Output = Wide;

    fn shl(self, _: usize) -> Wide {
        unreachable!("mih-rs shifts to the right")
    }
}

macro_rules! unused_checked {
    ($($operator:ident::$name:ident),*) => {$(
        impl $operator for Wide {
            fn $name(&self, _: &Wide) -> Option<Wide> {
                unreachable!("mih-rs does no arithmetic")
            }
        }
    )*};
}

unused_checked!(
    CheckedAdd::checked_add,
    CheckedSub::checked_sub,
    CheckedMul::checked_mul,
    CheckedDiv::checked_div
);

impl Saturating for Wide {
    fn saturating_add(self, _: Wide) -> Wide {
        unreachable!("mih-rs does no arithmetic")
    }

    fn saturating_sub(self, _: Wide) -> Wide {
        unreachable!("mih-rs does no arithmetic")
    }
}

impl Num for Wide {
    type FromStrRadixErr = ();

    fn from_str_radix(_: &str, _: u32) -> Result<Wide, ()> {
        Err(())
    }
}

macro_rules! unused_integer {
    ($($name:ident($($argument:ty),*) -> $output:ty),* $(,)?) => {
        impl PrimInt for Wide {
            fn count_ones(self) -> u32 {
                self.popcnt()
            }

            fn from_be(_: Wide) -> Wide {
                unreachable!("mih-rs reads no numbers")
            }

            fn from_le(_: Wide) -> Wide {
                unreachable!("mih-rs reads no numbers")
            }

            $(fn $name(self $(, _: $argument)*) -> $output {
                unreachable!("mih-rs does no arithmetic")
            })*
        }
    };
}

unused_integer!(
    count_zeros() -> u32,
    leading_zeros() -> u32,
    trailing_zeros() -> u32,
    rotate_left(u32) -> Wide,
    rotate_right(u32) -> Wide,
    signed_shl(u32) -> Wide,
    signed_shr(u32) -> Wide,
    unsigned_shl(u32) -> Wide,
    unsigned_shr(u32) -> Wide,
    swap_bytes() -> Wide,
    to_be() -> Wide,
    to_le() -> Wide,
    pow(u32) -> Wide,
);
