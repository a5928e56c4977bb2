use super::*;

fn header(store: &str) -> Header {
    Header { store: store.into(), policy: tamis::PolicyDigest([7; 32]), now: None }
}

fn stamp(size: u64) -> Stamp {
    Stamp { size, times: [(5, 6), (7, 8)] }
}

fn finished(journal: &Journal, path: &str, size: u64) -> Option<Action> {
    journal.finished(Path::new(path), &stamp(size))
}

#[test]
fn finished_files_are_known_again_unless_anything_changed() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::open(&path, &header("s")).unwrap();
    assert_eq!(finished(&journal, "/a", 1), None);
    journal.add(Path::new("/a"), &stamp(1), Action::Allow).unwrap();
    journal.add(Path::new("/b\n% ü"), &stamp(2), Action::Block).unwrap();
    journal.commit().unwrap();
    drop(journal);

    let text = fs::read_to_string(&path).unwrap();
    assert!(text.ends_with("b 2 5.000000006 7.000000008 /b%0A%25 %C3%BC\n"), "{text}");
    let journal = Journal::open(&path, &header("s")).unwrap();
    assert_eq!(finished(&journal, "/a", 1), Some(Action::Allow));
    assert_eq!(finished(&journal, "/b\n% ü", 2), Some(Action::Block));
    assert_eq!(finished(&journal, "/a", 2), None);
    let times = Stamp { size: 1, times: [(5, 6), (7, 9)] };
    assert_eq!(journal.finished(Path::new("/a"), &times), None);
    drop(journal);

    // Older sections count again when their header does: a verdict depends on nothing else.
    let other = Journal::open(&path, &header("t")).unwrap();
    assert_eq!(finished(&other, "/a", 1), None);
    drop(other);
    assert_eq!(
        finished(&Journal::open(&path, &header("s")).unwrap(), "/a", 1),
        Some(Action::Allow)
    );
    assert_eq!(fs::read_to_string(&path).unwrap().matches(MAGIC).count(), 3);
}

#[test]
fn every_torn_end_is_cut_off_and_nothing_before_it_is_lost() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let mut journal = Journal::open(&path, &header("s")).unwrap();
    journal.add(Path::new("/a"), &stamp(1), Action::Review).unwrap();
    journal.commit().unwrap();
    let kept = fs::metadata(&path).unwrap().len() as usize;
    journal.add(Path::new("/long/name"), &stamp(1), Action::Block).unwrap();
    journal.commit().unwrap();
    drop(journal);
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        let mut journal = Journal::open(&path, &header("s")).unwrap();
        let first = (length >= kept).then_some(Action::Review);
        assert_eq!(finished(&journal, "/a", 1), first, "{length}");
        // Not even under a shorter name.
        for end in 1..="/long/name".len() {
            assert_eq!(finished(&journal, &"/long/name"[..end], 1), None, "{length}");
        }
        journal.add(Path::new("/c"), &stamp(3), Action::Allow).unwrap();
        journal.commit().unwrap();
        drop(journal);
        let journal = Journal::open(&path, &header("s")).unwrap();
        assert_eq!(finished(&journal, "/c", 3), Some(Action::Allow), "{length}");
    }
}

#[test]
fn a_foreign_file_is_left_as_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("photo.jpg");
    fs::write(&path, b"\xFF\xD8\xFF").unwrap();
    let error = Journal::open(&path, &header("s")).err().unwrap();
    assert!(error.to_string().contains("not a journal"), "{error}");
    assert_eq!(fs::read(&path).unwrap(), b"\xFF\xD8\xFF");
    assert!(Journal::open(dir.path(), &header("s")).is_err());
}

#[test]
fn two_scans_do_not_share_a_journal() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("journal");
    let journal = Journal::open(&path, &header("s")).unwrap();
    let error = Journal::open(&path, &header("s")).err().unwrap();
    assert!(error.to_string().contains("another scan"), "{error}");
    drop(journal);
    assert!(Journal::open(&path, &header("s")).is_ok());
}
