//! [`Layout`]: the final numbers of strings, label sets and items. They follow from what is in use, not from when it was added.

use crate::error::Result;

use super::builder::SetBuilder;
use super::interner::Interner;
use super::threads::Threads;
use super::writer::too_large;

/// The final numbers of all that the entries refer to.
#[derive(Default)]
pub(super) struct Layout {
    pub(super) strings: Ranking,
    /// Label sets as they are written, except that numbers are big-endian, which makes them sort as their numbers do.
    pub(super) labels: Interner,
    pub(super) label_sets: Ranking,
    /// By the builder's number of a label set: the final one.
    pub(super) label_rank: Vec<u32>,
    /// List and final number of the name of each item, in one number, sorted.
    items: Vec<u64>,
}

impl Layout {
    /// Puts the number of its item into each record, where that of the item's name was. `step` is called between one part of the work and the next, with how much is done, 0 to 1.
    pub(super) fn new(
        builder: &mut SetBuilder,
        threads: Threads<'_>,
        step: &mut dyn FnMut(f64) -> Result<()>,
    ) -> Result<Layout> {
        let records = || builder.columns.iter().flat_map(|column| column.records());
        let mut used = vec![false; builder.strings.len()];
        let mut label_used = vec![false; builder.label_sets.len()];
        for record in records() {
            for string in [record.item, record.source_id, record.legal_basis] {
                used[string as usize] = true;
            }
            label_used[record.labels as usize] = true;
        }
        for (set, _) in builder.label_sets.iter().zip(&label_used).filter(|(_, used)| **used) {
            numbers(set).for_each(|label| used[label as usize] = true);
        }
        for string in builder.lists.iter().flat_map(|list| list.strings) {
            used[string as usize] = true;
        }
        step(0.1)?;
        let strings = Ranking::new(&builder.strings, |n| used[n as usize], threads);
        drop(used);
        let lengths = strings.order.iter().map(|n| builder.strings.get(*n).len() as u64);
        u32::try_from(lengths.sum::<u64>()).map_err(|_| too_large("bytes of strings"))?;
        step(0.6)?;

        let mut labels = Interner::default();
        let mut label_rank = Vec::with_capacity(label_used.len());
        for (set, used) in builder.label_sets.iter().zip(label_used) {
            let mut ranked: Vec<u32> = numbers(set).map(|n| strings.rank[n as usize]).collect();
            ranked.sort_unstable();
            let bytes: Vec<u8> = ranked.into_iter().flat_map(u32::to_be_bytes).collect();
            label_rank.push(if used { labels.intern(&bytes)? } else { 0 });
        }
        u32::try_from(labels.bytes() / 4).map_err(|_| too_large("labels"))?;
        labels.close();
        let label_sets = Ranking::new(&labels, |_| true, threads);
        for number in &mut label_rank {
            *number = label_sets.rank.get(*number as usize).copied().unwrap_or_default();
        }
        step(0.7)?;

        // Sorted with the entries that they are named by: a look-up for each entry would take longer than all the rest.
        let mut named: Vec<(u64, u32)> = Vec::with_capacity(builder.len());
        named.extend(
            records()
                .zip(0..)
                .map(|(r, entry)| (item_key(r.list, strings.rank[r.item as usize]), entry)),
        );
        step(0.8)?;
        threads.sort(&mut named, |a, b| a.0.cmp(&b.0));
        let mut items: Vec<u64> = Vec::with_capacity(named.chunk_by(|a, b| a.0 == b.0).count());
        for (item, entry) in named {
            if items.last() != Some(&item) {
                items.push(item);
            }
            builder.record_mut(entry as usize).item = items.len() as u32 - 1;
        }
        step(1.0)?;
        Ok(Layout { strings, labels, label_sets, label_rank, items })
    }

    pub(super) fn item_count(&self) -> usize {
        self.items.len()
    }

    /// List and name of each item.
    pub(super) fn items(&self) -> impl Iterator<Item = (u32, u32)> {
        self.items.iter().map(|item| ((item >> 32) as u32, *item as u32))
    }
}

fn item_key(list: u16, name: u32) -> u64 {
    u64::from(list) << 32 | u64::from(name)
}

/// The numbers that a label set of the builder is made of.
fn numbers(set: &[u8]) -> impl Iterator<Item = u32> {
    set.as_chunks().0.iter().map(|number| u32::from_le_bytes(*number))
}

/// The texts in use, sorted and numbered. The empty text is number 0, whether or not it is in use.
#[derive(Default)]
pub(super) struct Ranking {
    /// The interner's numbers in final order, without that of the empty text.
    pub(super) order: Vec<u32>,
    /// By the interner's number: the final one; 0 for what is not in use.
    pub(super) rank: Vec<u32>,
}

impl Ranking {
    fn new(texts: &Interner, used: impl Fn(u32) -> bool, threads: Threads<'_>) -> Ranking {
        let key = |number| Key { window: window(texts.get(number), 0), number };
        let in_use = (0..texts.len() as u32).filter(|n| used(*n) && !texts.get(*n).is_empty());
        let mut keys: Vec<Key> = in_use.map(key).collect();
        sort(&mut keys, 0, texts, threads);
        let order: Vec<u32> = keys.into_iter().map(|key| key.number).collect();
        let mut rank = vec![0; texts.len()];
        for (i, number) in order.iter().enumerate() {
            rank[*number as usize] = i as u32 + 1;
        }
        Ranking { order, rank }
    }
}

/// A text and eight bytes of it, so that most comparisons do not touch the text.
struct Key {
    window: u64,
    number: u32,
}

const WINDOW: usize = size_of::<u64>();

/// Eight bytes of a text, as a number that sorts as they do; zeros beyond its end.
fn window(text: &[u8], at: usize) -> u64 {
    let mut bytes = [0; WINDOW];
    let rest = text.get(at..).unwrap_or_default();
    let length = rest.len().min(WINDOW);
    bytes[..length].copy_from_slice(&rest[..length]);
    u64::from_be_bytes(bytes)
}

/// Sorts distinct texts that are equal before `at`: by one window, then what is equal there by the next.
fn sort(keys: &mut [Key], at: usize, texts: &Interner, threads: Threads<'_>) {
    threads.sort(keys, |a, b| a.window.cmp(&b.window));
    for same in keys.chunk_by_mut(|a, b| a.window == b.window) {
        match same {
            [_] => {}
            // The texts may end within this window. Few can: they differ in nothing but zeros.
            [first, ..] if first.window as u8 == 0 => {
                same.sort_unstable_by(|a, b| texts.get(a.number).cmp(texts.get(b.number)));
            }
            _ => {
                let next = at + WINDOW;
                threads.update(same, |key| key.window = window(texts.get(key.number), next));
                sort(same, next, texts, threads);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Long common beginnings, zeros, and texts that begin others.
        #[test]
        fn texts_rank_as_their_bytes_sort(
            texts in prop::collection::vec(("(common/beginning/){0,3}", "[a\0b]{0,12}"), 0..80),
            unused in 0u32..10,
        ) {
            let mut interner = Interner::default();
            for (beginning, end) in &texts {
                interner.intern(format!("{beginning}{end}").as_bytes()).unwrap();
            }
            let used = |n: u32| n % 10 != unused;
            let ranking = Threads::with(1, |t| Ok(Ranking::new(&interner, used, t))).unwrap();
            let mut sorted: Vec<&[u8]> =
                interner.iter().zip(0..).filter(|(_, n)| used(*n)).map(|(text, _)| text).collect();
            sorted.push(b"");
            sorted.sort();
            sorted.dedup();
            for (text, number) in interner.iter().zip(0..).filter(|(_, n)| used(*n)) {
                prop_assert_eq!(sorted[ranking.rank[number as usize] as usize], text);
            }
            let order = ranking.order.iter().map(|n| interner.get(*n));
            prop_assert!(order.eq(sorted.into_iter().skip(1)));
        }
    }
}
