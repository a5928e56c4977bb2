//! `policy` and `test-files`.

use super::{Bench, mode_of, set_mode};

#[test]
fn switching_the_mode_changes_one_word_and_keeps_the_rest() {
    let bench = Bench::new();
    let example = bench.run(&["policy", "example"]).out;
    bench.write("policy.toml", &example);
    set_mode(&bench.path("policy.toml"), 0o604);
    assert_eq!(bench.run(&["policy", "mode", "policy.toml"]).out, "observe\n");
    let run = bench.run(&["policy", "mode", "policy.toml", "enforce", "--json"]);
    assert_eq!(run.status, 0);
    assert_eq!(
        (&run.objects()[0]["mode"], &run.objects()[0]["before"]),
        (&"enforce".into(), &"observe".into())
    );
    let edited = String::from_utf8(bench.read("policy.toml")).unwrap();
    assert_eq!(edited, example.replace("mode = \"observe\"", "mode = \"enforce\""));
    assert!(edited.contains("# ") && edited != example);
    assert_eq!(mode_of(&bench.path("policy.toml")), 0o604);
    assert_eq!(bench.names(), ["policy.toml"]);
    let run = bench.run(&["policy", "mode", "policy.toml", "enforce"]);
    assert!(run.status == 0 && run.out.contains("already"));
}

#[cfg(unix)]
#[test]
fn a_link_to_a_policy_stays_a_link() {
    let bench = Bench::new();
    bench.write("real.toml", "version = 1\nmode = \"observe\"\n");
    std::os::unix::fs::symlink("real.toml", bench.path("policy.toml")).unwrap();
    assert_eq!(bench.run(&["policy", "mode", "policy.toml", "enforce"]).status, 0);
    assert!(bench.path("policy.toml").is_symlink());
    assert_eq!(bench.read("real.toml"), b"version = 1\nmode = \"enforce\"\n");
}

#[test]
fn a_policy_is_explained_and_checked() {
    let bench = Bench::new();
    let builtin = bench.run(&["policy", "explain"]);
    assert!(builtin.status == 0 && builtin.out.starts_with("This policy enforces"));
    bench.write("policy.toml", bench.run(&["policy", "example"]).out);
    assert!(
        bench.run(&["policy", "explain", "policy.toml"]).out.starts_with("This policy observes")
    );
    let run = bench.run(&["policy", "check", "policy.toml", "--json"]);
    assert_eq!((run.status, &run.objects()[0]["valid"]), (0, &true.into()));
    bench.write("wrong.toml", "version = 1\nradius = 65\n");
    let run = bench.run(&["policy", "check", "wrong.toml", "--json"]);
    run.fails_with("line 2");
    assert_eq!(run.objects()[0]["valid"], false);
    let before = bench.read("wrong.toml");
    bench.run(&["policy", "mode", "wrong.toml", "enforce"]).fails_with("line 2");
    assert_eq!(bench.read("wrong.toml"), before);
    bench.run(&["policy", "check", "."]).fails_with("expected a policy file");
}

#[test]
fn test_files_are_written_once_and_overwrite_nothing() {
    let bench = Bench::new();
    let run = bench.run(&["test-files", "new/dir"]);
    assert_eq!(run.status, 0);
    for file in tamis::store::test_files() {
        assert_eq!(bench.read(&format!("new/dir/{}", file.name)), file.bytes);
        assert!(run.out.contains(file.name));
    }
    let again = bench.run(&["test-files", "new/dir", "--json"]);
    assert_eq!(again.status, 0);
    assert!(again.objects().iter().all(|file| file["written"] == false));
    std::fs::create_dir(bench.path("other")).unwrap();
    bench.write("other/tamis-test-3.gif", "mine");
    bench.run(&["test-files", "other"]).fails_with("another file of this name");
    assert_eq!(bench.read("other/tamis-test-3.gif"), b"mine");
    assert_eq!(std::fs::read_dir(bench.path("other")).unwrap().count(), 1);
    bench.write("file", "");
    bench
        .run(&["test-files", "file"])
        .fails_with("cannot make it: there is something of that name already");
}
