//! Setters: how a struct that will grow is made, since `#[non_exhaustive]` forbids `Name { field, ..rest }` to other crates.
//!
//! ```text
//! setters! { Entry { reviewed: bool; item: into String; } }     ->     Entry::new(fingerprint).reviewed(true).item("a poster")
//! ```

/// Defines a setter for each field, of its name. The room's docs say how.
macro_rules! setters {
    ($name:ident { $($rest:tt)+ }) => {
        impl $name {
            $crate::setters::setter! { $name $($rest)+ }
        }
    };
}

/// One setter after the other.
macro_rules! setter {
    ($name:ident) => {};
    ($name:ident $field:ident: into $type:ty; $($rest:tt)*) => {
        #[doc = concat!("The same with another `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $field: impl Into<$type>) -> $name {
            self.$field = $field.into();
            self
        }
        $crate::setters::setter! { $name $($rest)* }
    };
    ($name:ident $field:ident: $type:ty; $($rest:tt)*) => {
        #[doc = concat!("The same with another `", stringify!($field), "`.")]
        #[must_use]
        pub fn $field(mut self, $field: $type) -> $name {
            self.$field = $field;
            self
        }
        $crate::setters::setter! { $name $($rest)* }
    };
}

pub(crate) use {setter, setters};
