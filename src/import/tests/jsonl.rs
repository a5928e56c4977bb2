//! Objects and native values.

use super::*;

#[test]
fn json_lines_are_one_object_each() {
    let object = format!(r#"{{"algorithm":"md5","fingerprint":"{MD5}"}}"#);
    let deep = "[".repeat(100_000);
    for (line, cause) in [
        ("[".to_owned(), "bad-json"),
        (format!("{object},"), "bad-json"),
        (format!("{object}{object}"), "bad-json"),
        (object[..object.len() - 1].to_owned(), "bad-json"),
        ("\"text that is not an object\"".to_owned(), "bad-json"),
        ("null".to_owned(), "bad-json"),
        ("{}".to_owned(), "missing-field"),
        (format!(r#"{{"item":{deep}"#), "bad-json"),
        (format!(r#"{{"other":{deep}"#), "bad-json"),
        (r#"{"item":"\ud800"}"#.to_owned(), "bad-json"),
        (object.replace("md5\"", "md5\",\"Algorithm\":\"sha1\""), "duplicate-field"),
        (object.replace("md5\"", "md5\",\"item\":true"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":[\"a\"]"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":{}"), "bad-value"),
        (object.replace("md5\"", "md5\",\"labels\":[1]"), "bad-value"),
        (object.replace("md5\"", "md5\",\"item\":\"a\\u0000b\""), "bad-text"),
    ] {
        let read = jsonl(format!("{object}\n{line}\n{object}"));
        assert_eq!(read.causes(), [(2, cause)]);
        assert_eq!(read.report.accepted, 2);
    }
    let read = jsonl(&object[..40]);
    assert_eq!(
        read.rejections[0].message,
        "expected one JSON object on the line: EOF while parsing a string at character 40"
    );
}

#[test]
fn json_values_may_be_native() {
    let read = jsonl(format!(
        r#"{{"algorithm":"md5","fingerprint":"{MD5}","labels":["b; c"," a ","",  "a"],"reviewed":true,"quality":70,"source_id":900001,"first_seen":1760000000,"last_seen":1760000000.75,"expires":null,"item":null}}"#
    ));
    let expected = Entry {
        labels: vec!["a".into(), "b; c".into()],
        reviewed: true,
        quality: Some(70),
        source_id: "900001".into(),
        first_seen: 1_760_000_000,
        last_seen: 1_760_000_000,
        ..md5()
    };
    assert_eq!(read.causes(), []);
    assert_eq!(read.entries, [expected]);
}
