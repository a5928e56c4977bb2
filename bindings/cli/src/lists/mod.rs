//! Lists as files: reading them, accounting for their rows, and whether this machine has room for what they hold. For every verb that takes some.

pub(crate) mod list;
pub(crate) mod preflight;
pub(crate) mod rejects;
pub(crate) mod rows;
