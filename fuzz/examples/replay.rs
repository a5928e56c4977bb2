//! Runs one input through a target's body, with neither a nightly compiler nor a sanitizer: `cargo run --manifest-path fuzz/Cargo.toml --example replay TARGET FILE..`.
//! Of a target without files it runs the corpus.

#[path = "../bodies.rs"]
mod bodies;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let name = arguments.next().unwrap_or_default();
    let mut targets = bodies::TARGETS.iter().filter(|(target, _)| *target == name);
    let (_, body) = targets.next().ok_or_else(|| {
        let names: Vec<&str> = bodies::TARGETS.iter().map(|(name, _)| *name).collect();
        format!("{name:?} is no target; expected one of {}", names.join(", "))
    })?;
    let mut files: Vec<PathBuf> = arguments.map(PathBuf::from).collect();
    if files.is_empty() {
        let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("corpus").join(&name);
        files =
            fs::read_dir(corpus)?.map(|file| Ok(file?.path())).collect::<std::io::Result<_>>()?;
        files.sort();
    }
    let mut broken = 0;
    for file in &files {
        let data = fs::read(file)?;
        if catch_unwind(|| body(&data)).is_err() {
            println!("{} breaks a promise", file.display());
            broken += 1;
        }
    }
    println!("{name}: {} inputs, {broken} break a promise", files.len());
    Ok(if broken == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
