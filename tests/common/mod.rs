//! What several integration tests share: a small set that uses every feature of the format, and a writer of damaged ones.

#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part of it")]

use tamis::fingerprint::{Algorithm, Fingerprint};
use tamis::set::{
    Delta, Entry, EntryId, List, ListKind, Opinion, Role, SetBuilder, Severity, Withdrawal,
};

/// A fingerprint that depends on the seed only: BLAKE3 of it, as long as needed. A PDQ code gets exactly 128 bits.
pub fn fingerprint(algorithm: Algorithm, seed: u64) -> Fingerprint {
    let mut bytes = vec![0; algorithm.width()];
    let mut stream = blake3::Hasher::new().update(&seed.to_le_bytes()).finalize_xof();
    stream.fill(&mut bytes);
    if algorithm == Algorithm::Pdq {
        bytes = weight128(&bytes);
    }
    Fingerprint::new(algorithm, &bytes).unwrap()
}

/// 32 bytes turned into a code with 128 bits set, as every PDQ code of a picture without ties has.
pub fn weight128(random: &[u8]) -> Vec<u8> {
    let mut bits: Vec<u8> = (0..=255).collect();
    let mut stream = blake3::Hasher::new().update(random).finalize_xof();
    for i in (1..256usize).rev() {
        let mut word = [0; 8];
        stream.fill(&mut word);
        bits.swap(i, (u64::from_le_bytes(word) % (i as u64 + 1)) as usize);
    }
    let mut code = vec![0; 32];
    for bit in &bits[..128] {
        code[usize::from(bit / 8)] |= 1 << (bit % 8);
    }
    code
}

/// Two lists, every algorithm, shared fingerprints, items with several entries, an exception, suppressions, all fields in use.
pub fn full_builder() -> SetBuilder {
    let mut builder = SetBuilder::new();
    builder.set_created(1_790_000_000);
    let exchange = builder
        .add_list(
            List::new("demo-exchange", ListKind::Exchange)
                .agreement("made by the project's tests")
                .legal_basis("Article 6 of nothing"),
        )
        .unwrap();
    let local = builder.add_list(List::new("local", ListKind::Local)).unwrap();
    for (seed, algorithm) in Algorithm::ALL.iter().copied().enumerate() {
        let entry = Entry::new(fingerprint(algorithm, 1))
            .item("item-1")
            .source_id(format!("row {seed}"))
            .labels(vec!["violence".into(), "demo".into()])
            .severity(Severity::High)
            .reviewed(true)
            .quality((algorithm == Algorithm::Pdq).then_some(97))
            .first_seen(1_700_000_000)
            .last_seen(1_780_000_000);
        builder.add(exchange, entry).unwrap();
    }
    for seed in 2..6 {
        let opinion = [Opinion::Negative, Opinion::Disputed, Opinion::Seed, Opinion::Positive]
            [seed as usize - 2];
        builder
            .add(exchange, Entry::new(fingerprint(Algorithm::Pdq, seed)).opinion(opinion))
            .unwrap();
    }
    // The same fingerprint in two lists.
    builder.add(local, Entry::new(fingerprint(Algorithm::Pdq, 1)).expires(1_800_000_000)).unwrap();
    let exception =
        Entry::new(fingerprint(Algorithm::Sha256, 9)).role(Role::Exception).legal_basis("appeal 7");
    builder.add(local, exception).unwrap();
    builder.suppress(EntryId::new(
        "demo-exchange",
        "",
        Role::Listed,
        &fingerprint(Algorithm::Pdq, 3),
    ));
    builder.suppress(EntryId::new("elsewhere", "", Role::Listed, &fingerprint(Algorithm::Md5, 1)));
    builder
}

pub fn full_set() -> Vec<u8> {
    full_builder().to_bytes().unwrap().0
}

/// A delta of several lists: runs of changes, one that replaces its list, tombstones of every kind, suppressions, and a list that it only adds to.
pub fn delta_builder() -> SetBuilder {
    let mut builder = SetBuilder::new();
    builder.set_created(1_790_000_000);
    let lists = [
        ("demo-exchange", ListKind::Exchange),
        ("friend", ListKind::Friend),
        ("local", ListKind::Local),
        ("no-changes", ListKind::Referral),
    ];
    let lists = lists.map(|(name, kind)| builder.add_list(List::new(name, kind)).unwrap());
    let [exchange, friend, local, other] = lists;
    builder.set_change(exchange, 4, 6, false).unwrap();
    builder.set_change(friend, 0, 260, true).unwrap();
    builder.set_change(local, 70_000, 70_000, false).unwrap();
    for (list, algorithm) in
        [(exchange, Algorithm::Pdq), (friend, Algorithm::Md5), (other, Algorithm::Md5)]
    {
        let entry = Entry::new(fingerprint(algorithm, 1)).item("item-1");
        builder.add(list, entry).unwrap();
    }
    let entry = |seed| EntryId::new("local", "", Role::Listed, &fingerprint(Algorithm::Pdq, seed));
    for seed in 0..3 {
        builder.withdraw(exchange, &Withdrawal::Item(format!("item-{seed}")));
        builder.withdraw(exchange, &Withdrawal::Source(format!("row {seed}")));
        builder.withdraw(local, &Withdrawal::Entry(entry(seed)));
        builder.withdraw(local, &Withdrawal::Suppression(entry(seed + 10)));
        builder.suppress(entry(seed + 20));
    }
    builder
}

/// The smallest delta that has one tombstone of each kind. Its lists are `a` with changes 4 to 6, `b` replaced by change 9, and `c` without any.
pub fn small_delta() -> Vec<u8> {
    let mut builder = SetBuilder::new();
    let [a, b, _] =
        ["a", "b", "c"].map(|name| builder.add_list(List::new(name, ListKind::Local)).unwrap());
    builder.set_change(a, 4, 6, false).unwrap();
    builder.set_change(b, 0, 9, true).unwrap();
    builder.withdraw(a, &Withdrawal::Entry(EntryId([7; 16])));
    builder.withdraw(a, &Withdrawal::Item("i".into()));
    builder.withdraw(a, &Withdrawal::Source("s".into()));
    builder.withdraw(b, &Withdrawal::Suppression(EntryId([7; 16])));
    builder.to_bytes().unwrap().0
}

/// A delta of the list `local` alone, as a store takes it: entries, every kind of tombstone, suppressions.
pub fn local_delta() -> SetBuilder {
    let mut delta = Delta::new(List::new("local", ListKind::Local), 5).unwrap();
    for algorithm in [Algorithm::Pdq, Algorithm::Sha256] {
        delta.add(Entry::new(fingerprint(algorithm, 1))).unwrap();
    }
    let id = EntryId([7; 16]);
    for what in [
        Withdrawal::Entry(id),
        Withdrawal::Item("i".into()),
        Withdrawal::Source("s".into()),
        Withdrawal::Suppression(id),
    ] {
        delta.withdraw(&what).unwrap();
    }
    delta.suppress(id).unwrap();
    delta.into_builder().unwrap()
}

/// A set file taken apart after `FORMAT.md`, to be damaged and put together again with checksums that hold.
#[derive(Clone)]
pub struct Parts {
    pub header: Vec<u8>,
    pub table: Vec<[u8; 32]>,
    pub data: Vec<u8>,
}

impl Parts {
    pub fn of(file: &[u8]) -> Parts {
        let sections = u32_at(file, 12) as usize;
        let data_start = u64_at(file, 24) as usize;
        let table =
            file[96..96 + 32 * sections].chunks(32).map(|row| row.try_into().unwrap()).collect();
        Parts { header: file[..64].to_vec(), table, data: file[data_start..].to_vec() }
    }

    /// Row of the table and range in the data of a section.
    pub fn section(&self, id: u32) -> (usize, std::ops::Range<usize>) {
        let row =
            self.table.iter().position(|row| u32_at(row, 0) == id).expect("the section is there");
        let offset = u64_at(&self.table[row], 8) as usize;
        (row, offset..offset + u64_at(&self.table[row], 16) as usize)
    }

    pub fn bytes_of(&mut self, id: u32) -> &mut [u8] {
        let range = self.section(id).1;
        &mut self.data[range]
    }

    /// The file with right checksums, roots, counts and digest. The data starts right after the checksums.
    pub fn seal(&self) -> Vec<u8> {
        let short = |bytes: &[u8]| blake3::hash(bytes).as_bytes()[..16].to_vec();
        let checksums: Vec<u8> = self.data.chunks(4096).flat_map(short).collect();
        let roots: Vec<u8> = checksums.chunks(4096).flat_map(short).collect();
        let mut header = self.header.clone();
        let head = 96 + 32 * self.table.len() + roots.len();
        let data_start = (head.next_multiple_of(64) + checksums.len()).next_multiple_of(64);
        header[12..16].copy_from_slice(&(self.table.len() as u32).to_le_bytes());
        header[16..20].copy_from_slice(&((roots.len() / 16) as u32).to_le_bytes());
        header[24..32].copy_from_slice(&(data_start as u64).to_le_bytes());
        header[32..40].copy_from_slice(&(self.data.len() as u64).to_le_bytes());
        let rest: Vec<u8> = self.table.concat().into_iter().chain(roots).collect();
        let digest = blake3::Hasher::new().update(&header).update(&rest).finalize();
        let mut file = header;
        file.extend(digest.as_bytes());
        file.extend(rest);
        file.resize(file.len().next_multiple_of(64), 0);
        file.extend(checksums);
        file.resize(data_start, 0);
        file.extend(&self.data);
        file
    }
}

pub fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap())
}

pub fn u64_at(bytes: &[u8], at: usize) -> u64 {
    u64::from_le_bytes(bytes[at..at + 8].try_into().unwrap())
}
