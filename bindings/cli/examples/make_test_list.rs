//! Writes the files of the test list, for maintainers: `cargo run -p tamis-cli --example
//! make_test_list`. The result is committed, so that the digests stay the same whatever later
//! versions of the encoders do; run it again only to replace the list.

#[allow(dead_code, reason = "the rest is for the demo")]
#[path = "../src/drawing/mod.rs"]
mod drawing;
#[allow(dead_code, reason = "the rest is for the demo")]
#[path = "../src/encode.rs"]
mod encode;

use std::error::Error;
use std::path::Path;

const TEXT: &[u8] =
    b"TAMIS-TEST-FILE: harmless, made to test upload filters; see tamis test-files.\n";

fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../src/store/test_list");
    let [width, height] = drawing::TEST_SIZE;
    let picture = drawing::draw_test;
    std::fs::create_dir_all(&folder)?;
    let write = |name: &str, bytes: Vec<u8>| std::fs::write(folder.join(name), bytes);
    write("tamis-test-1.png", encode::png(&picture(1), width, height)?)?;
    write("tamis-test-2.jpg", encode::jpeg(&picture(2), width, height, 90)?)?;
    write("tamis-test-3.gif", encode::gif(&picture(3), width, height)?)?;
    write("tamis-test-4.txt", TEXT.to_vec())?;
    Ok(())
}
