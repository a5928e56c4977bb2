//! What the help of every verb keeps to.

use clap::{Arg, ArgAction, Command, CommandFactory};

use super::Cli;

/// Values that are counted in these.
const UNITS: [&str; 3] = ["BITS", "DAYS", "SECONDS"];

/// All verbs, by the words that call them.
fn verbs() -> Vec<(String, Command)> {
    fn walk(command: &Command, name: &str, found: &mut Vec<(String, Command)>) {
        let below = command.get_subcommands().filter(|verb| verb.get_name() != "help");
        let mut leaf = true;
        for verb in below {
            leaf = false;
            walk(verb, &format!("{name} {}", verb.get_name()), found);
        }
        if leaf {
            found.push((name.to_owned(), command.clone()));
        }
    }
    let mut found = Vec::new();
    walk(&Cli::command(), "tamis", &mut found);
    assert!(found.len() > 30, "{}", found.len());
    found
}

fn arguments(verb: &Command) -> impl Iterator<Item = (&Arg, String)> {
    verb.get_arguments().map(|argument| {
        let help = argument.get_long_help().or(argument.get_help());
        (argument, help.map(ToString::to_string).unwrap_or_default())
    })
}

#[test]
fn every_verb_has_examples_and_says_what_its_status_means() {
    for (name, verb) in verbs() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert_eq!(help.matches("Exit status: ").count(), 1, "{name}");
        let (title, examples) = help.split_once(":\n").unwrap();
        let examples = examples.split("\n\n").next().unwrap();
        let examples = examples.lines().filter(|line| !line.starts_with("    ")).count();
        assert_eq!(title, if examples == 1 { "Example" } else { "Examples" }, "{name}");
    }
}

#[test]
fn help_is_wrapped_by_the_terminal_alone() {
    for (name, verb) in verbs() {
        let help = verb.get_after_help().map(ToString::to_string).unwrap_or_default();
        let lines: Vec<_> = help.lines().collect();
        for pair in lines.windows(2) {
            let indented = |line: &str| line.is_empty() || line.starts_with("  ");
            assert!(indented(pair[0]) || indented(pair[1]), "{name}: {pair:?}");
        }
        // What is to be typed, or stands in columns, fits in the widest help.
        for line in lines.iter().filter(|line| line.starts_with("  ")) {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
    }
}

#[test]
fn the_same_is_said_in_the_same_words() {
    for (name, verb) in verbs() {
        for (argument, help) in arguments(&verb) {
            let name = format!("{name}: {}", argument.get_id());
            assert!(!help.is_empty(), "{name}");
            let many = matches!(argument.get_action(), ArgAction::Append);
            let told = help.contains("; may be given several times");
            assert_eq!(told, many && !argument.is_positional(), "{name}: {help}");
            let takes = argument.get_action().takes_values();
            let values = argument.get_value_names().filter(|_| takes).unwrap_or_default();
            // One of them, however many may be given; but for units.
            let plural = |value: &str| value.ends_with('S') && !UNITS.contains(&value);
            assert!(!values.iter().any(|value| plural(value)), "{name}: {values:?}");
            let is_time = values.iter().any(|value| value.as_str() == "TIME");
            assert_eq!(help.contains("seconds since 1970"), is_time, "{name}: {help}");
        }
    }
}
