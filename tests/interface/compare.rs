//! Lists the public interface of the library and compares it with `interface.txt`, so that nothing becomes public, or ceases to be, without anybody having decided it.
//!
//! ```text
//! cargo run --manifest-path tests/interface/Cargo.toml --target-dir target/interface             compare
//! cargo run --manifest-path tests/interface/Cargo.toml --target-dir target/interface -- --write  write the list anew
//! ```
//!
//! rustdoc's JSON is not stable. So this program stands in for rustdoc, too, and passes on that it may write it: told to all of cargo, that would build half of the dependencies anew.
//! Each compiler writes its own version of the format; where it cannot be read, this says SKIPPED, and in CI (`TAMIS_CI` is set) fails.
//!
//! The list has every item; of traits that are derived, who has them; of `Send`, `Sync` and the like, who has them not.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::{Command, ExitCode};

const FEATURES: &str = "rayon,tiff,worker";

/// Set where cargo calls this instead of rustdoc.
const STANDS_IN: &str = "TAMIS_INTERFACE_STANDS_IN";

fn main() -> Result<ExitCode, Box<dyn std::error::Error>> {
    if std::env::var_os(STANDS_IN).is_some() {
        let status = Command::new("rustdoc")
            .args(std::env::args_os().skip(1))
            .env("RUSTC_BOOTSTRAP", "1")
            .status()?;
        return Ok(if status.success() { ExitCode::SUCCESS } else { ExitCode::FAILURE });
    }
    let room = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = room.ancestors().nth(2).ok_or("no repository above")?;
    let target = root.join("target");
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root).arg("rustdoc").args([
        "--quiet",
        "--lib",
        "--package",
        "tamis",
        "--features",
        FEATURES,
    ]);
    cargo.arg("--target-dir").arg(&target).args([
        "--",
        "-Zunstable-options",
        "--output-format=json",
    ]);
    if !cargo.env("RUSTDOC", std::env::current_exe()?).env(STANDS_IN, "1").status()?.success() {
        return Err("rustdoc failed".into());
    }
    let now = match listed(&target.join("doc/tamis.json")) {
        Ok(lines) => lines,
        Err(error) => {
            eprintln!("SKIPPED: the interface was not compared: {error}");
            let must = std::env::var_os("TAMIS_CI").is_some();
            return Ok(if must { ExitCode::FAILURE } else { ExitCode::SUCCESS });
        }
    };
    let list = room.join("interface.txt");
    if std::env::args().any(|argument| argument == "--write") {
        std::fs::write(&list, now)?;
        return Ok(ExitCode::SUCCESS);
    }
    let before = std::fs::read_to_string(&list)?;
    if now == before {
        println!("the public interface is as listed: {} items", now.lines().count());
        return Ok(ExitCode::SUCCESS);
    }
    let (old, new): (BTreeSet<_>, BTreeSet<_>) = (before.lines().collect(), now.lines().collect());
    old.difference(&new).for_each(|item| eprintln!("- {item}"));
    new.difference(&old).for_each(|item| eprintln!("+ {item}"));
    eprintln!(
        "The public interface is not what tests/interface/interface.txt says. If that is meant, write it anew: see tests/interface/compare.rs"
    );
    Ok(ExitCode::FAILURE)
}

fn listed(json: &Path) -> Result<String, public_api::Error> {
    let items = |derived: bool, auto: bool| -> Result<Vec<String>, public_api::Error> {
        let interface = public_api::Builder::from_rustdoc_json(json)
            .omit_blanket_impls(true)
            .omit_auto_trait_impls(!auto)
            .omit_auto_derived_impls(!derived)
            .build()?;
        Ok(interface.items().map(|item| format!("{item}\n")).collect())
    };
    let mut lines = items(false, false)?;
    let known: BTreeSet<String> = lines.iter().cloned().collect();
    let derived = items(true, false)?.into_iter().filter(|line| line.starts_with("impl"));
    // `Freeze` is the compiler's own, and nobody can ask for it.
    let missing = items(false, true)?
        .into_iter()
        .filter(|line| line.starts_with("impl") && line.contains(" !") && !line.contains("Freeze"));
    let more: BTreeSet<String> =
        derived.chain(missing).filter(|line| !known.contains(line)).collect();
    lines.extend(more);
    Ok(lines.concat())
}
