//! Seeds of what a store keeps and takes in, of the counters and of the worker's messages.

use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{Delta, Entry, EntryId, List, ListKind, Role, SetBuilder, Withdrawal};

use super::{Result, root, write};

/// Manifests to be given their checksum; those that are refused, for each of their rules.
pub fn manifests() -> Result<()> {
    let set = |file: &str, changes: &str| {
        format!(
            r#"{{"file":"{file}.tamis","digest":"{:064x}","bytes":4096,"entries":2,"changes":[{changes}]}}"#,
            7
        )
    };
    let run = |list: &str, first: u64, last: u64| {
        format!(r#"{{"list":"{list}","first":{first},"last":{last},"entries":1}}"#)
    };
    let manifest = |sets: &[String], more: &str| {
        format!(
            r#"{{"format":"tamis store 1","version":3,"created":1,"updated":2,"sets":[{}],"lists":{{"local":{{"kind":"local"}},"feed":{{"kind":"exchange","refreshed":2,"recent":[[1,"a"]]}}}}{more}}}"#,
            sets.join(",")
        )
    };
    let event = r#"{"version":3,"at":2,"event":"change","list":"feed","what":"number 1"}"#;
    let event = format!(
        r#","incidents":{{"parade":{{"expires":9,"opened":1,"entries":2}}}},"last_change":{event},"unlogged":[{event}]"#
    );
    let feed = |first, last| run("feed", first, last);
    let both = format!("{},{}", feed(0, 9), run("local", 0, 2));
    let subscribed = format!(
        r#"{{"kind":"friend","agreement":"a","legal_basis":"b","suppressed":true,"keys":["RWQ"],"need":1,"unsigned":true,"feed":{{"version":1,"digest":"{:064x}"}}}}"#,
        1
    );
    for (name, text) in [
        ("nothing", manifest(&[], "")),
        ("events", manifest(&[], &event)),
        ("base-and-change", manifest(&[set("1", &both), set("2", &feed(10, 12))], "")),
        (
            "gaps",
            manifest(&[set("1", &feed(2, 3)), set("2", &feed(7, 7)), set("3", &feed(9, 20))], ""),
        ),
        ("gap-replaced", manifest(&[set("1", &feed(5, 5)), set("2", &feed(0, 9))], "")),
        ("whole-over-itself", manifest(&[set("1", &feed(9, 9)), set("2", &feed(0, 9))], "")),
        ("backwards", manifest(&[set("2", &feed(4, 4)), set("1", &feed(1, 3))], "")),
        ("list-twice-in-a-set", manifest(&[set("1", &[feed(1, 1), feed(2, 2)].join(","))], "")),
        ("set-twice", manifest(&[set("1", &feed(1, 1)), set("1", &feed(2, 2))], "")),
        ("path", manifest(&[set("../1", &feed(1, 1))], "")),
        ("unknown-list", manifest(&[set("1", &run("nobody", 1, 1))], "")),
        ("foreign-format", manifest(&[], "").replace("store 1", "store 2")),
        ("unknown-kind", manifest(&[], "").replace("exchange", "\u{7f}\u{9b}kind")),
        (
            "last-version",
            manifest(&[], "").replace(r#""version":3"#, r#""version":18446744073709551615"#),
        ),
        ("subscribed", manifest(&[], "").replace(r#"{"kind":"local"}"#, &subscribed)),
        ("short", "[\"tamis store 1\",3,1,2,[],{}]".to_owned()),
    ] {
        write("manifest", name, &[&[1], text.as_bytes()].concat())?;
    }
    let text = manifest(&[], "") + "\n";
    let sum = blake3::hash(text.as_bytes()).to_hex();
    write("manifest", "raw", format!("\0{text}blake3 {sum}\n").as_bytes())?;
    write(
        "manifest",
        "raw-wrong-sum",
        format!("\0{text}blake3 {}\n", sum.replace('a', "b")).as_bytes(),
    )
}

/// Logs, whole and damaged.
pub fn logs() -> Result<()> {
    let init = r#"{"version":1,"at":1,"event":"init"}"#;
    let change = r#"{"version":2,"at":2,"event":"change","list":"feed","what":"number 1: 1 entry","reason":"court order"}"#;
    let refused = |at| {
        format!(
            r#"{{"version":1,"at":{at},"event":"refused","list":"nobody's","what":"number 1: the store does not know the list \"nobody's\"","code":300}}"#
        )
    };
    for (name, text) in [
        ("nothing", String::new()),
        ("init", format!("{init}\n")),
        ("init-cut", init[..20].to_owned()),
        ("init-without-an-end", init.to_owned()),
        ("changes", format!("{init}\n{change}\n{change}\n")),
        ("refused", format!("{init}\n{}\n", refused(6))),
        ("refused-before", format!("{}\n{init}\n{}", refused(5), refused(9))),
        ("refused-init", init.replace("init", "refused") + "\n"),
        ("other-version", format!("{change}\n")),
        ("empty-lines", format!("\n\n{init}\n \n{change}\r\n")),
        ("cut-in-between", format!("{}\n{init}\n{}", &change[..30], &change[..60])),
        ("unknown-fields", init.replace('}', r#","later":[1,{}]}"#) + "\n"),
        ("field-twice", init.replace('}', r#","at":2}"#) + "\n"),
        ("as-a-sequence", "[1,1,\"init\",\"\",\"\",\"\",null]\n".to_owned()),
        ("not-text", "\u{fffd}\n\0\n".to_owned()),
    ] {
        write("log", name, text.as_bytes())?;
    }
    Ok(())
}

/// What lies behind feeds: one set, or a base and a change of it; and what a feed may not hold.
pub fn feed_contents() -> Result<()> {
    let digest = |seed: u8| Fingerprint::new(Algorithm::Sha256, blake3::hash(&[seed]).as_bytes());
    let list = |kind| List::new("neighbour", kind);
    let entry = |seed: u8| -> Result<Entry> {
        let entry = Entry::new(digest(seed)?).item(format!("item {}", seed % 2));
        Ok(entry.source_id(format!("source {seed}")))
    };
    let delta = |number: u64, seeds: &[u8]| -> Result<Delta> {
        let mut delta = Delta::new(list(ListKind::Friend), number)?;
        for seed in seeds {
            delta.add(entry(*seed)?)?;
        }
        Ok(delta)
    };
    let base = delta(9, &[1, 2, 3, 4])?.replacing().to_bytes()?.0;
    let first = delta(1, &[1, 2, 3])?.to_bytes()?.0;
    let mut withdrawing = delta(2, &[5])?;
    withdrawing.withdraw(&Withdrawal::Item("item 1".into()))?;
    withdrawing.withdraw(&Withdrawal::Source("source 2".into()))?;
    let withdrawing = withdrawing.to_bytes()?.0;
    let mut next = delta(10, &[2, 6])?;
    let gone = entry(4)?;
    next.withdraw(&Withdrawal::Entry(EntryId::new(
        "neighbour",
        &gone.source_id,
        Role::Listed,
        &gone.fingerprint,
    )))?;
    let next = next.to_bytes()?.0;
    let mut local = Delta::new(list(ListKind::Local), 1)?;
    local.suppress(EntryId([7; 16]))?;
    local.withdraw(&Withdrawal::Suppression(EntryId([8; 16])))?;
    let local = local.to_bytes()?.0;
    let mut exception = SetBuilder::new();
    let id = exception.add_list(list(ListKind::Local))?;
    exception.set_change(id, 1, 1, false)?;
    exception.add(id, entry(1)?.role(Role::Exception))?;
    let exception = exception.to_bytes()?.0;
    let several = std::fs::read(root().join("tests/sets/good/delta.tamis"))?;
    let operators = std::fs::read(root().join("tests/sets/good/local-delta.tamis"))?;
    let none: &[u8] = &[];
    for (name, flags, first, second) in [
        ("one", 0, &first[..], none),
        ("one-sealed", 1, &first, none),
        ("base-and-change", 1, &base, &next),
        ("two-changes", 1, &first, &withdrawing),
        ("gap", 1, &first, &next),
        ("base-last", 1, &first, &base),
        ("wrong-length", 2, &first, none),
        ("wrong-number", 4, &first, none),
        ("wrong-base", 8, &base, none),
        ("wrong-digest", 16, &base, none),
        ("suppresses", 1, &local, none),
        ("exception", 1, &exception, none),
        ("several-lists", 1, &several, none),
        ("operators-own", 1, &operators, none),
        ("cut", 0, &first[..first.len() - 1], none),
    ] {
        let length = (first.len() as u16).to_le_bytes();
        write("feed_contents", name, &[&[flags], &length[..], first, second].concat())?;
    }
    Ok(())
}

/// Stories as `bodies::changes` reads them. Lists by bits 3 and 4 of a step: feed, local, neighbour, own.
pub fn changes() -> Result<()> {
    let stories: [(&str, &[u8]); 16] = [
        ("add", &[0x00, 0x03, 1, 7, 2, 7, 3, 7]),
        ("add-to-each", &[0x00, 1, 4, 1, 0x08, 1, 4, 2, 0x10, 1, 4, 3, 0x18, 1, 4, 4]),
        ("again", &[0x00, 1, 4, 1, 0x05, 0, 6, 0x05, 0, 0x00, 1, 4, 9, 0x05, 0]),
        ("late", &[0x80, 1, 4, 1, 0x00, 1, 4, 2, 6, 0x05, 0]),
        ("late-withdrawal", &[0x00, 1, 4, 1, 0x80, 0x04, 4, 0x00, 1, 4, 3, 6, 0x05, 1]),
        ("replaced", &[0x00, 3, 1, 1, 2, 1, 3, 1, 0x00, 0xc1, 9, 2, 6]),
        ("replaced-late", &[0x00, 1, 1, 1, 0x80, 0xc1, 9, 2, 0x00, 1, 5, 5, 0x05, 1, 6]),
        ("void", &[0x80, 1, 1, 1, 0x00, 0xc1, 9, 2, 6, 0x05, 0]),
        // Of local: switch off 4 of the feed, let it act again.
        ("suppress", &[0x00, 1, 4, 1, 0x08, 0x04, 36 + 4, 6, 0x08, 0x04, 48 + 4]),
        ("suppress-late", &[0x88, 0x04, 36 + 4, 0x08, 0x04, 48 + 4, 0x00, 1, 4, 1, 6, 0x0d, 0]),
        ("suppress-neighbour", &[0x10, 1, 4, 1, 0x08, 0x04, 156 + 4, 6, 0x08, 0x04, 168 + 4]),
        ("replace-local", &[0x00, 1, 4, 1, 0x08, 0x04, 40, 0x08, 0xc0, 0x00, 1, 5, 1, 6]),
        ("replace-own", &[0x00, 1, 4, 1, 0x08, 0x04, 40, 6, 0x18, 0xc1, 3, 3, 6, 0x18, 0xc1, 2, 2]),
        ("item-moves", &[0x00, 1, 1, 0, 6, 0x00, 1, 1, 1, 0x00, 0x04, 12 + 2, 6, 0x00, 1, 9, 0]),
        ("source", &[0x00, 3, 0, 0, 3, 0, 6, 0, 0x10, 3, 0, 0, 3, 0, 6, 0, 0x00, 0x04, 24, 6]),
        ("gaps", &[0x80, 1, 1, 1, 0, 1, 2, 2, 0x80, 1, 3, 3, 0, 1, 4, 4, 6, 5, 2, 6, 5, 0, 6]),
    ];
    stories.iter().try_for_each(|(name, story)| write("changes", name, story))
}

/// Edits of a file of counters as `bodies::counters` reads them.
pub fn counters() -> Result<()> {
    // What is edited (a word that means something, and how many words behind it; or anywhere, or in the head), which of them, and the word.
    let edit = |kind: u8, number: u16, word: u64| {
        let [low, high] = number.to_le_bytes();
        [&[kind, low, high, 0], &word.to_le_bytes()[..]].concat()
    };
    let everywhere = |word: u64| (0..120).map(|n| edit(64, n, word)).collect::<Vec<_>>().concat();
    let moment = 1_790_000_000;
    for (name, shape, edits) in [
        ("sound", 0x0c, Vec::new()),
        ("sound-threads", 0x3f, Vec::new()),
        ("sound-later", 0x7f, Vec::new()),
        ("sound-untouched", 0, Vec::new()),
        ("zeros", 0x3f, everywhere(0)),
        ("ones", 0x3f, everywhere(u64::MAX)),
        ("one", 0xbf, everywhere(1)),
        ("tripped", 0x3f, everywhere(moment)),
        ("hours", 0x3f, everywhere((moment / 3600 + 1) << 32 | 0xffff)),
        ("late-hours", 0xff, everywhere(u64::MAX - 1)),
        ("head", 0x0c, [edit(32, 8, 3), edit(32, 16, 1 << 40)].concat()),
        ("head-later", 0x0c, (0..12).map(|n| edit(32, 8 * n, 5)).collect::<Vec<_>>().concat()),
        (
            "counters",
            0x0c,
            (0..12).map(|n| edit(0, 16 + 8 * n, u64::MAX)).collect::<Vec<_>>().concat(),
        ),
        ("behind", 0x3f, (0..16).flat_map(|n| edit(64 + n as u8, 30 + n, 1 << 63)).collect()),
    ] {
        write("counters", name, &[&[shape], &edits[..]].concat())?;
    }
    Ok(())
}

/// Messages of the worker and its host, as `bodies::worker` reads them.
pub fn messages() -> Result<()> {
    let hash = "55".repeat(32);
    let found = |view: &str, more: &str| {
        format!(r#"{{"view":"{view}","hash":"{hash}","quality":100{more}}}"#)
    };
    let answer = |perceptual: &[String], missed: &str, size: &str| {
        format!(
            r#"{{"Ok":{{"perceptual":[{}],"complete":true,"missed":{missed},"size":{size}}}}}"#,
            perceptual.join(",")
        )
    };
    let question = r#"{"length":10,"media":{"class":"image","format":"png"},"views":["as-stored","dihedral"],"exact":true,"limits":{"upload_bytes":1,"width":1,"height":1,"pixels":1,"memory":1,"progressive_memory":1,"frames":1,"embedded":1,"embedded_bytes":1,"time":{"secs":1,"nanos":0},"time_per_megapixel":{"secs":0,"nanos":50000000}},"passed":{"secs":0,"nanos":1},"left":null}"#;
    let many: Vec<String> = (0..40).map(|_| found("frame", "")).collect();
    // Eight frames and three pictures inside; the one with 4 exactly.
    let (answers, exact, questions, greetings) = (0x38, 0x3c, 2, 3);
    for (name, choice, text) in [
        ("answer", answers, answer(&[found("as-stored", "")], "null", "[33,20]")),
        ("answer-empty", answers, answer(&[], "\"corrupt\"", "null")),
        ("answer-slack", answers, answer(&[found("as-stored", r#","slack":40"#)], "null", "[1,1]")),
        ("answer-slack-exact", exact, answer(&[found("rot90", r#","slack":1"#)], "null", "[1,1]")),
        (
            "answer-part",
            exact,
            answer(&[found("frame", r#","part":4294967295"#)], "\"limit\"", "[1,1]"),
        ),
        ("answer-bytes", answers, answer(&[found("bytes", "")], "null", "null")),
        ("answer-many", 0, answer(&many, "null", "[5000,5000]")),
        ("answer-fewer", 0, answer(&many[..20], "null", "[4096,4096]")),
        (
            "answer-quality",
            answers,
            answer(&[found("as-stored", "").replace("100", "101")], "null", "null"),
        ),
        ("answer-why-not", answers, r#"{"Err":"timeout"}"#.to_owned()),
        ("answer-died", answers, r#"{"Err":"worker-died"}"#.to_owned()),
        ("answer-missed-died", answers, answer(&[], "\"worker-died\"", "null")),
        ("answer-neither", answers, r#"{"Maybe":1}"#.to_owned()),
        ("question", questions, question.to_owned()),
        (
            "question-long",
            questions,
            question.replace(r#""secs":1"#, r#""secs":18446744073709551615"#),
        ),
        ("question-of-sequences", questions, question.replace(r#"{"secs":0,"nanos":1}"#, "[0,1]")),
        ("orders", greetings, r#"{"version":"0.1.0","memory":268435456}"#.to_owned()),
        (
            "hello",
            greetings,
            r#"{"version":"0.1.0","layers":{"limits":true,"landlock":true,"seccomp":false}}"#
                .to_owned(),
        ),
    ] {
        let length = (text.len() as u32).to_le_bytes();
        write("worker", name, &[&[choice], &length[..], text.as_bytes()].concat())?;
    }
    for name in ["seed-turned.jpg", "seed-animation.gif", "seed-rgba8.png"] {
        let upload = std::fs::read(root().join("fuzz/corpus/sniff_decode").join(name))?;
        write(
            "worker",
            &format!("honest-{name}").replace("seed-", ""),
            &[&[0x3d], &upload[..]].concat(),
        )?;
    }
    let upload = b"PK\x03\x04\x14\0\0\0\0\0";
    write("worker", "honest-zip", &[&[0x39], &upload[..]].concat())
}
