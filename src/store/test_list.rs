//! The built-in test list: the EICAR file of this field. Pictures drawn by the project and a line of text, listed as if they were
//! known illegal content, so that anyone can lawfully prove that uploads are really judged.

use crate::error::{Error, ErrorCode, Result};
use crate::set::Set;

/// Name of the built-in test list.
pub const TEST_LIST: &str = "tamis-test";

/// One file of the test list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct TestFile {
    /// Its name.
    pub name: &'static str,
    /// Its bytes, the same for ever.
    pub bytes: &'static [u8],
}

/// The files of the test list. An upload of any of them must be blocked wherever the list is included.
pub fn test_files() -> &'static [TestFile] {
    &[
        TestFile { name: "tamis-test-1.png", bytes: include_bytes!("test_list/tamis-test-1.png") },
        TestFile { name: "tamis-test-2.jpg", bytes: include_bytes!("test_list/tamis-test-2.jpg") },
        TestFile { name: "tamis-test-3.gif", bytes: include_bytes!("test_list/tamis-test-3.gif") },
        TestFile { name: "tamis-test-4.txt", bytes: include_bytes!("test_list/tamis-test-4.txt") },
    ]
}

/// The set with the entries of the test list: every digest of each file, and PDQ of the pictures.
///
/// # Errors
/// [`ErrorCode::Internal`] if the built-in bytes are not a set.
pub fn test_set() -> Result<Set> {
    // Built by `tests/test_list.rs` from tamis-test.jsonl beside it, and checked there to be up to date.
    Set::from_bytes(include_bytes!("test_list/tamis-test.set"))
        .map_err(|e| Error::new(ErrorCode::Internal, format!("the built-in test list: {e}")))
}
