//! Any bytes add up, and what is written reads back.

use std::io::{self, Read};

use proptest::prelude::*;

use super::*;
use crate::fingerprint::hex;

/// Gives one byte at a time, each behind an interruption.
struct Trickle<'a>(&'a [u8], bool);

impl Read for Trickle<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 {
            return Err(io::ErrorKind::Interrupted.into());
        }
        let end = out.len().min(1);
        self.0.read(&mut out[..end])
    }
}

/// Bytes that are likely to look like a list.
fn garbage() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        Just(b"algorithm,fingerprint,item\n".to_vec()),
        Just(format!("md5,{MD5},").into_bytes()),
        Just(MD5.as_bytes().to_vec()),
        Just(format!("{{\"algorithm\":\"md5\",\"fingerprint\":\"{MD5}\"}}\n").into_bytes()),
        Just(b"\"".to_vec()),
        Just(b",\"".to_vec()),
        Just(b"\",".to_vec()),
        Just(b"\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"\"\n".to_vec()),
        Just(b"{\"item\":".to_vec()),
        Just(vec![0]),
        Just(vec![0xEF, 0xBB, 0xBF]),
        prop::collection::vec(any::<u8>(), 0..20),
    ];
    (any::<bool>(), prop::collection::vec(piece, 0..30)).prop_map(|(header, pieces)| {
        let start: &[u8] = if header { b"algorithm,fingerprint,item\n" } else { b"" };
        [start, &pieces.concat()].concat()
    })
}

/// Text that survives the trimming of values and the separator of labels.
fn text() -> impl Strategy<Value = String> {
    "[^\\p{Cc};]{0,12}".prop_map(|text| text.trim().to_owned())
}

fn any_entry() -> impl Strategy<Value = Entry> {
    let fingerprint =
        (0..5_usize, prop::collection::vec(any::<u8>(), 64)).prop_map(|(i, mut bytes)| {
            let algorithm = Algorithm::DIGESTS[i];
            bytes.truncate(algorithm.width());
            bytes[0] = 1;
            Fingerprint::new(algorithm, &bytes).unwrap()
        });
    let date = || prop_oneof![Just(0), 100_000_000..=u32::MAX];
    let labels = prop::collection::btree_set(text(), 0..4).prop_map(|labels| {
        labels.into_iter().filter(|label| !label.is_empty()).collect::<Vec<_>>()
    });
    (
        (fingerprint, text(), text(), labels, text()),
        (prop::sample::select(Opinion::ALL), prop::sample::select(Severity::ALL), any::<bool>()),
        (prop::option::of(0..=100_u8), date(), date(), date()),
    )
        .prop_map(|(names, judgement, numbers)| {
            let (fingerprint, item, source_id, labels, legal_basis) = names;
            let (opinion, severity, reviewed) = judgement;
            let (quality, first_seen, last_seen, expires) = numbers;
            Entry {
                fingerprint,
                role: Role::Listed,
                item,
                source_id,
                labels,
                opinion,
                severity,
                reviewed,
                quality,
                legal_basis,
                first_seen,
                last_seen,
                expires,
            }
        })
}

/// The values of an entry by the names of the fields.
fn cells(entry: &Entry) -> [(&'static str, String); 13] {
    [
        ("algorithm", entry.fingerprint.algorithm().to_string()),
        ("fingerprint", hex(entry.fingerprint.bytes())),
        ("item", entry.item.clone()),
        ("labels", entry.labels.join(";")),
        ("opinion", entry.opinion.to_string()),
        ("reviewed", entry.reviewed.to_string()),
        ("severity", entry.severity.to_string()),
        ("quality", entry.quality.map(|q| q.to_string()).unwrap_or_default()),
        ("source_id", entry.source_id.clone()),
        ("legal_basis", entry.legal_basis.clone()),
        ("first_seen", entry.first_seen.to_string()),
        ("last_seen", entry.last_seen.to_string()),
        ("expires", entry.expires.to_string()),
    ]
}

fn as_csv(entries: &[Entry], style: ::csv::QuoteStyle) -> Vec<u8> {
    let mut writer = ::csv::WriterBuilder::new().quote_style(style).from_writer(Vec::new());
    writer.write_record(cells(&Entry::new(md5().fingerprint)).map(|(name, _)| name)).unwrap();
    for entry in entries {
        writer.write_record(cells(entry).map(|(_, value)| value)).unwrap();
    }
    writer.into_inner().unwrap()
}

proptest! {
    #[test]
    fn any_bytes_add_up_and_do_not_depend_on_how_they_arrive(list in garbage()) {
        for format in Format::ALL.iter().copied() {
            let whole = try_read(&list[..], format, &Options::default());
            let trickled = try_read(Trickle(&list, false), format, &Options::default());
            match (whole, trickled) {
                (Ok(whole), Ok(trickled)) => {
                    prop_assert_eq!(whole.report, trickled.report);
                    prop_assert_eq!(whole.entries, trickled.entries);
                    prop_assert_eq!(whole.rejections, trickled.rejections);
                }
                (whole, trickled) => {
                    prop_assert_eq!(whole.err().unwrap().to_string(), trickled.err().unwrap().to_string());
                }
            }
        }
        Format::detect(None, &list);
    }

    #[test]
    fn every_line_is_accounted_for(list in garbage()) {
        for format in Format::ALL.iter().copied() {
            if let Ok(read) = try_read(&list[..], format, &Options::default()) {
                let mut input = &list[..];
                let mut lines = Lines::new(&mut input);
                let mut found = 0;
                while lines.next(&mut Vec::new()).unwrap().is_some() {
                    found += 1;
                }
                let header = u64::from(format == Format::Csv);
                let report = read.report;
                let counted = header + report.rows + report.blank + report.comments + report.continued;
                prop_assert_eq!(found, counted);
            }
        }
    }

    #[test]
    fn a_list_written_as_csv_reads_back(entries in prop::collection::vec(any_entry(), 0..8)) {
        for style in [::csv::QuoteStyle::Necessary, ::csv::QuoteStyle::Always, ::csv::QuoteStyle::NonNumeric] {
            let read = csv(as_csv(&entries, style));
            prop_assert_eq!(read.causes(), []);
            prop_assert_eq!(&read.entries, &entries);
        }
    }

    #[test]
    fn a_list_written_as_json_lines_reads_back(entries in prop::collection::vec(any_entry(), 0..8)) {
        let mut list = String::new();
        for entry in &entries {
            let mut object: serde_json::Map<_, _> =
                cells(entry).into_iter().map(|(name, value)| (name.to_owned(), value.into())).collect();
            object.insert("labels".into(), entry.labels.clone().into());
            object.insert("reviewed".into(), entry.reviewed.into());
            object.insert("expires".into(), entry.expires.into());
            list.push_str(&serde_json::Value::Object(object).to_string());
            list.push('\n');
        }
        let read = jsonl(&list);
        prop_assert_eq!(read.causes(), []);
        prop_assert_eq!(read.entries, entries);
    }
}
