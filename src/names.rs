//! Words: enumerations whose values have one fixed number and one fixed name each.
//!
//! The same words stand in lists, policies, JSON and on the command line, and the same numbers in the set format and the C
//! interface. `named!` defines all of this from one table, so that none of them drifts from the others.
//!
//! ```text
//! named! {
//!     /// What an entry is for.
//!     #[non_exhaustive]
//!     Role ("a role") {             the words of the complaint: `"x" is not a role; expected listed or exception`
//!         /// Doc of the variant.
//!         Listed = 1 "listed",      number, name
//!     }
//! }
//! ```
//!
//! `Name ("a word", read as f)` reads a text as the name that `f(text)` makes of it, for words that people spell in several ways.
//!
//! Where a number that is missing would do harm, such as an action's, 0 stands for nothing: memory full of zeros must not say "allow".
//!
//! The rules, the same for all: `ALL` is in the order of the numbers, `Display` writes the name, `FromStr` reads it in any
//! ASCII case, and serde writes and reads the name as it is. `named!` makes a test of them for each enumeration, by the name of the enumeration.

use crate::error::{Error, ErrorCode, shown};

/// Defines an enumeration of words. The room's docs say how.
macro_rules! named {
    (
        $(#[$attribute:meta])*
        $name:ident ($what:literal $(, read as $plain:path)?) {
            $($(#[$variant_attribute:meta])* $variant:ident = $number:literal $text:literal,)+
        }
    ) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::serde::Serialize, ::serde::Deserialize)]
        #[repr(u8)]
        pub enum $name {
            $($(#[$variant_attribute])* #[serde(rename = $text)] $variant = $number,)+
        }

        impl $name {
            /// Every value, in the order of their numbers.
            pub const ALL: &'static [$name] = &[$($name::$variant,)+];

            /// Their names, in the same order.
            pub const NAMES: &'static [&'static str] = &[$($text,)+];

            /// The name used in lists, policies, JSON and on the command line.
            pub const fn name(self) -> &'static str {
                match self { $($name::$variant => $text,)+ }
            }

            /// The value with that number, if there is one.
            pub fn from_number(number: u8) -> Option<$name> {
                $name::ALL.iter().copied().find(|value| *value as u8 == number)
            }
        }

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(self.name())
            }
        }

        impl ::std::str::FromStr for $name {
            type Err = $crate::error::Error;

            /// Reads the name, in any ASCII case.
            fn from_str(given: &str) -> ::std::result::Result<Self, Self::Err> {
                let text = given;
                $(
                    let text = $plain(text);
                    let text = text.as_str();
                )?
                $name::ALL
                    .iter()
                    .copied()
                    .find(|value| value.name().eq_ignore_ascii_case(text))
                    .ok_or_else(|| $crate::names::complaint(given, $what, $name::NAMES))
            }
        }

        // No word can be forgotten: its test comes with it. A type and a function may bear one name.
        #[cfg(test)]
        #[test]
        #[allow(non_snake_case, reason = "named after what it tests")]
        fn $name() {
            $crate::names::agree($name::ALL, $name::name, $name::from_number);
        }
    };
}

pub(crate) use named;

/// Defines the BLAKE3 digest of something: 32 bytes that are shown, and written and read by serde, as 64 hexadecimal digits.
macro_rules! digest_of {
    ($(#[$attribute:meta])* $name:ident) => {
        $(#[$attribute])*
        #[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
        pub struct $name(pub [u8; 32]);

        impl ::std::fmt::Display for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                f.write_str(&::blake3::Hash::from_bytes(self.0).to_hex())
            }
        }

        impl ::std::fmt::Debug for $name {
            fn fmt(&self, f: &mut ::std::fmt::Formatter<'_>) -> ::std::fmt::Result {
                write!(f, "{}({self})", stringify!($name))
            }
        }

        impl ::serde::Serialize for $name {
            fn serialize<S: ::serde::Serializer>(
                &self,
                serializer: S,
            ) -> ::std::result::Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> ::serde::Deserialize<'de> for $name {
            fn deserialize<D: ::serde::Deserializer<'de>>(
                deserializer: D,
            ) -> ::std::result::Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                let hash = ::blake3::Hash::from_hex(text)
                    .map_err(|_| ::serde::de::Error::custom("a digest has 64 hexadecimal digits"))?;
                Ok($name(*hash.as_bytes()))
            }
        }
    };
}

pub(crate) use digest_of;

/// Whether serde leaves a number out.
pub(crate) fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// The error for a text that is none of the names.
pub(crate) fn complaint(text: &str, what: &str, names: &[&str]) -> Error {
    let expected = match names {
        [first @ .., last] if !first.is_empty() => format!("{} or {last}", first.join(", ")),
        _ => names.concat(),
    };
    let text = shown(text);
    Error::new(ErrorCode::InvalidArgument, format!("{text:?} is not {what}; expected {expected}"))
}

/// Every way to write a value and to read it back, for every value of one enumeration: what each `named!` tests.
#[cfg(test)]
pub(crate) fn agree<T>(all: &[T], name: fn(T) -> &'static str, from_number: fn(u8) -> Option<T>)
where
    T: Copy
        + std::fmt::Debug
        + std::fmt::Display
        + Ord
        + std::str::FromStr<Err = Error>
        + serde::Serialize
        + serde::de::DeserializeOwned,
{
    assert!(all.is_sorted(), "{all:?}");
    let names: std::collections::BTreeSet<_> = all.iter().map(|value| name(*value)).collect();
    assert_eq!(names.len(), all.len(), "{names:?}");
    for value in all {
        let word = name(*value);
        assert_eq!(value.to_string(), word);
        for text in [word.to_owned(), word.to_ascii_uppercase()] {
            assert_eq!(text.parse::<T>().unwrap(), *value);
        }
        let json = serde_json::to_value(value).unwrap();
        assert_eq!(json, word);
        assert_eq!(serde_json::from_value::<T>(json).unwrap(), *value);
    }
    let numbered: Vec<T> = (0..=u8::MAX).filter_map(from_number).collect();
    assert_eq!(numbered, all);
    let message = "\u{1b}no such word".parse::<T>().unwrap_err().to_string();
    assert!(all.iter().all(|value| message.contains(name(*value))), "{message}");
    assert!(!message.contains('\u{1b}'), "{message}");
}

#[cfg(test)]
mod tests {
    use crate::error::Error;
    use crate::fingerprint::Algorithm;
    use crate::import::Format;
    use crate::policy::{Mode, PolicyDigest};

    #[test]
    fn a_digest_is_written_as_digits_and_read_back() {
        let (digest, digits) = (PolicyDigest([0xa7; 32]), "a7".repeat(32));
        assert_eq!(digest.to_string(), digits);
        assert_eq!(format!("{digest:?}"), format!("PolicyDigest({digits})"));
        let json = serde_json::to_value(digest).unwrap();
        assert_eq!(json, digits);
        let read = |json: &str| serde_json::from_value::<PolicyDigest>(json.into());
        assert_eq!(read(&digits).unwrap(), digest);
        for bad in ["", "a7", &digits[1..], &format!("{digits}a"), &digits.replace('a', "g")] {
            assert!(read(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_complaint_says_what_was_expected() {
        let text = |error: Error| error.to_string();
        assert_eq!(
            text("off".parse::<Mode>().unwrap_err()),
            "\"off\" is not a mode; expected observe or enforce"
        );
        assert_eq!(
            text("film".parse::<Format>().unwrap_err()),
            "\"film\" is not a list format; expected csv, jsonl or hex"
        );
        // Neither a part of a word nor a word with more around it.
        for text in ["", "obs", "observe "] {
            assert!(text.parse::<Mode>().is_err(), "{text:?}");
        }
        for text in ["SHA-256", " sha-256 ", "Sha256"] {
            assert_eq!(text.parse::<Algorithm>().unwrap(), Algorithm::Sha256);
        }
    }
}
