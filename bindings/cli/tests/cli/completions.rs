//! `completions` and help.

use super::Bench;

#[test]
fn completion_scripts_name_the_verbs_and_parse() {
    let bench = Bench::new();
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let run = bench.run(&["completions", shell]);
        assert_eq!((run.status, run.err.as_str()), (0, ""));
        for word in ["test-files", "timings", "bench-set", "bench-query", "nearest"] {
            assert!(run.out.contains(word), "{shell}: {word}");
        }
        bench.write(shell, &run.out);
        // Those shells that this machine has read their script without running it.
        let parsed = std::process::Command::new(shell).arg("-n").arg(bench.path(shell)).status();
        match (shell, parsed) {
            ("bash" | "zsh" | "fish", Ok(status)) => assert!(status.success(), "{shell}"),
            ("bash" | "zsh" | "fish", Err(_)) => eprintln!("skipped: no {shell} here"),
            _ => {}
        }
    }
}

#[test]
fn words_of_the_library_are_listed_and_read_in_every_spelling() {
    let bench = Bench::new();
    bench.write("list.txt", "a7".repeat(32));
    let build = |option, word| {
        bench.run(&["build", "-o", "x.tamis", "--algorithm", "sha256", option, word, "list.txt"])
    };
    let help = bench.run(&["build", "--help"]).out;
    for (option, words) in [
        ("--kind", tamis::set::ListKind::NAMES.join(", ")),
        ("--format", tamis::import::Format::NAMES.join(", ")),
        ("--profile", tamis::set::Profile::NAMES.join(", ")),
    ] {
        let refused = build(option, "nonsense");
        assert_eq!(refused.status, 2);
        for text in [&help, &refused.err] {
            let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
            assert!(text.contains(&format!("possible values: {words}]")), "{words}: {text}");
        }
    }
    for (option, word) in [("--kind", "Referral"), ("--format", "HEX"), ("--profile", "SMALL")] {
        let run = build(option, word);
        assert_eq!(run.status, 0, "{}", run.err);
    }
    let run = bench.run(&["build", "-o", "x.tamis", "--algorithm", "SHA-256", "list.txt"]);
    assert_eq!(run.status, 0, "{}", run.err);
    for shell in ["bash", "zsh", "fish"] {
        let script = bench.run(&["completions", shell]).out;
        for word in ["submissions", "huge-pages", "sha512", "jsonl", "enforce", "critical"] {
            assert!(script.contains(word), "{shell}: {word}");
        }
    }
}

#[test]
fn help_says_what_the_exit_status_means() {
    let bench = Bench::new();
    for arguments in ["", "check", "build", "verify", "query", "bench-set", "bench-query"] {
        let run = bench.run(&[arguments, "--help"][usize::from(arguments.is_empty())..]);
        assert_eq!(run.status, 0);
        assert!(run.out.contains("Exit status: "), "{arguments:?}");
    }
    for verb in [
        "query",
        "bench-set",
        "bench-query",
        "hash",
        "build",
        "info",
        "verify",
        "check",
        "completions",
        "test-files",
        "worker",
    ] {
        assert!(bench.run(&[verb, "--help"]).out.contains("Example"), "{verb}");
    }
}

#[test]
fn a_wrong_command_line_is_an_error() {
    let bench = Bench::new();
    for arguments in [
        &["frobnicate"][..],
        &["check", "a"],
        &["build", "-o", "x", "--kind", "no", "l"],
        &["hash"],
    ] {
        assert_eq!(bench.run(arguments).status, 2, "{arguments:?}");
    }
}
