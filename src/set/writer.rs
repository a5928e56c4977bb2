//! Lays out what a builder collected, as `FORMAT.md` says, and writes it in one pass over the data.
//!
//! 1. Sort the entries by fingerprint, then id; of equal ids keep the one that was added last.
//! 2. Number the strings, label sets and items that are in use by their sorted order: the bytes then depend on
//!    what was added, not on when.
//! 3. Plan the sections, write the data while taking the checksum of each block, then go back and write the head.

use std::io::{self, Seek, SeekFrom, Write};

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::Algorithm;

use super::builder::{BuildReport, Pending, SetBuilder};
use super::format::{
    self, BLOCK, CHECKSUM, Head, LIST_BYTES, META_BYTES, NO_QUALITY, REVIEWED, checksum, section,
};
use super::reader::SetDigest;

pub(super) fn write(mut builder: SetBuilder, out: &mut (impl Write + Seek)) -> Result<BuildReport> {
    let added = builder.entries.len();
    let entries = sorted(std::mem::take(&mut builder.entries));
    let duplicates = (added - entries.len()) as u64;
    u32::try_from(entries.len())
        .ok()
        .filter(|n| *n < u32::MAX)
        .ok_or_else(|| too_large("entries"))?;
    builder.suppressions.sort_unstable();
    builder.suppressions.dedup();

    let layout = Layout::new(&builder, &entries)?;
    let plan = layout.sections(&builder, &entries);
    let rows: Vec<_> = plan.iter().map(|s| (s.id, s.length, s.count)).collect();
    let mut head = Head::plan(&rows).ok_or_else(|| too_large("bytes"))?;

    let io = |e: io::Error| Error::new(ErrorCode::Io, format!("cannot write the set: {e}"));
    out.seek(SeekFrom::Start(head.data_start)).map_err(io)?;
    let mut data = BlockWriter::new(&mut *out, head.blocks() as usize);
    for (section, row) in plan.into_iter().zip(&head.sections) {
        data.pad_to(row.offset).map_err(io)?;
        (section.write)(&mut data).map_err(io)?;
        debug_assert_eq!(
            data.written,
            row.end(),
            "section {:#x} has the length that was planned",
            row.id
        );
    }
    let checksums = data.finish().map_err(io)?;

    let sealed = head.seal(&checksums);
    out.seek(SeekFrom::Start(0)).map_err(io)?;
    out.write_all(&sealed).map_err(io)?;
    zeros(out, head.checksums_start - sealed.len() as u64).map_err(io)?;
    out.write_all(&checksums).map_err(io)?;
    zeros(out, head.data_start - head.checksums_start - checksums.len() as u64).map_err(io)?;
    out.seek(SeekFrom::End(0)).map_err(io)?;
    Ok(BuildReport {
        digest: SetDigest(head.digest),
        entries: entries.len() as u64,
        duplicates,
        bytes: head.data_start + head.data_length,
    })
}

/// Sorted by fingerprint, then id; each id once. The sort is stable, so the last of equals is the one added last.
fn sorted(mut entries: Vec<Pending>) -> Vec<Pending> {
    entries.sort_by(|a, b| a.fingerprint.cmp(&b.fingerprint).then(a.id.cmp(&b.id)));
    entries.dedup_by(|later, kept| {
        let same = later.id == kept.id;
        if same {
            std::mem::swap(later, kept);
        }
        same
    });
    entries
}

/// The sections that are made of numbers rather than copied from the entries.
struct Layout {
    /// By the builder's number: the final number.
    string_rank: Vec<u32>,
    /// The builder's numbers, in final order.
    strings: Vec<u32>,
    label_rank: Vec<u32>,
    label_sets: Vec<Vec<u32>>,
    /// (list, final number of the name), sorted.
    items: Vec<(u32, u32)>,
}

impl Layout {
    fn new(builder: &SetBuilder, entries: &[Pending]) -> Result<Layout> {
        let mut used = vec![false; builder.strings.values.len()];
        let mut label_used = vec![false; builder.label_sets.values.len()];
        for entry in entries {
            for string in [entry.item, entry.source_id, entry.legal_basis] {
                used[string as usize] = true;
            }
            label_used[entry.labels as usize] = true;
        }
        for (set, _) in builder.label_sets.values.iter().zip(&label_used).filter(|(_, used)| **used)
        {
            set.iter().for_each(|label| used[*label as usize] = true);
        }
        for list in &builder.lists {
            builder.list_strings(list).into_iter().for_each(|string| used[string as usize] = true);
        }

        let mut strings: Vec<u32> = (0..used.len() as u32).filter(|i| used[*i as usize]).collect();
        strings.sort_unstable_by(|a, b| {
            builder.strings.values[*a as usize].cmp(&builder.strings.values[*b as usize])
        });
        // The empty string is number 0, whether or not the builder has met it.
        let empty = strings.first().is_some_and(|s| builder.strings.values[*s as usize].is_empty());
        let shift = u32::from(!empty);
        let mut string_rank = vec![0; used.len()];
        for (rank, string) in strings.iter().enumerate() {
            string_rank[*string as usize] = rank as u32 + shift;
        }
        if empty {
            strings.remove(0);
        }
        let bytes: u64 =
            strings.iter().map(|s| builder.strings.values[*s as usize].len() as u64).sum();
        u32::try_from(bytes).map_err(|_| too_large("bytes of strings"))?;

        let ranked = |set: &[u32]| {
            let mut set: Vec<u32> = set.iter().map(|label| string_rank[*label as usize]).collect();
            set.sort_unstable();
            set
        };
        let mut label_sets: Vec<Vec<u32>> = vec![Vec::new()];
        label_sets.extend(
            builder
                .label_sets
                .values
                .iter()
                .zip(&label_used)
                .filter(|(_, used)| **used)
                .map(|(set, _)| ranked(set)),
        );
        label_sets.sort_unstable();
        label_sets.dedup();
        let label_rank = builder
            .label_sets
            .values
            .iter()
            .map(|set| label_sets.binary_search(&ranked(set)).unwrap_or_default() as u32)
            .collect();
        u32::try_from(label_sets.iter().map(Vec::len).sum::<usize>())
            .map_err(|_| too_large("labels"))?;

        let mut items: Vec<_> =
            entries.iter().map(|e| (u32::from(e.list), string_rank[e.item as usize])).collect();
        items.sort_unstable();
        items.dedup();
        Ok(Layout { string_rank, strings, label_rank, label_sets, items })
    }

    fn string(&self, number: u32) -> u32 {
        self.string_rank[number as usize]
    }

    fn sections<'a>(
        &'a self,
        builder: &'a SetBuilder,
        entries: &'a [Pending],
    ) -> Vec<SectionPlan<'a>> {
        let mut plan = vec![
            SectionPlan::new(section::META, 1, META_BYTES, move |out| {
                out.write_all(&builder.created.to_le_bytes())?;
                zeros(out, META_BYTES as u64 - 8)
            }),
            SectionPlan::new(section::STRING_OFFSETS, self.strings.len() + 2, 4, move |out| {
                let lengths =
                    self.strings.iter().map(|s| builder.strings.values[*s as usize].len());
                offsets(out, std::iter::once(0).chain(lengths))
            }),
            SectionPlan::new(
                section::STRINGS,
                self.strings.iter().map(|s| builder.strings.values[*s as usize].len()).sum(),
                1,
                move |out| {
                    self.strings.iter().try_for_each(|s| {
                        out.write_all(builder.strings.values[*s as usize].as_bytes())
                    })
                },
            ),
            SectionPlan::new(section::LISTS, builder.lists.len(), LIST_BYTES, move |out| {
                self.write_lists(builder, out)
            }),
            SectionPlan::new(section::ITEMS, self.items.len(), format::ITEM_BYTES, move |out| {
                self.items.iter().try_for_each(|(list, name)| {
                    out.write_all(&list.to_le_bytes())?;
                    out.write_all(&name.to_le_bytes())
                })
            }),
            SectionPlan::new(section::ENTRIES, entries.len(), format::ENTRY_BYTES, move |out| {
                self.write_entries(entries, out)
            }),
            SectionPlan::new(section::LABEL_OFFSETS, self.label_sets.len() + 1, 4, move |out| {
                offsets(out, self.label_sets.iter().map(Vec::len))
            }),
            SectionPlan::new(
                section::LABELS,
                self.label_sets.iter().map(Vec::len).sum(),
                4,
                move |out| {
                    self.label_sets
                        .iter()
                        .flatten()
                        .try_for_each(|label| out.write_all(&label.to_le_bytes()))
                },
            ),
        ];
        if !builder.suppressions.is_empty() {
            plan.push(SectionPlan::new(
                section::SUPPRESSIONS,
                builder.suppressions.len(),
                format::ID_BYTES,
                move |out| builder.suppressions.iter().try_for_each(|id| out.write_all(&id.0)),
            ));
        }
        let columns: Vec<Column<'_>> =
            Algorithm::ALL.into_iter().filter_map(|a| Column::new(a, entries)).collect();
        for column in &columns {
            let column = *column;
            let rows = column.rows().count();
            plan.push(SectionPlan::new(
                format::fingerprints(column.algorithm),
                rows,
                column.algorithm.width(),
                move |out| {
                    column.rows().try_for_each(|row| out.write_all(row[0].fingerprint.bytes()))
                },
            ));
        }
        for column in columns {
            let rows = column.rows().count();
            plan.push(SectionPlan::new(
                format::entry_ranges(column.algorithm),
                rows + 1,
                4,
                move |out| {
                    out.write_all(&(column.first as u32).to_le_bytes())?;
                    let mut end = column.first as u32;
                    column.rows().try_for_each(|row| {
                        end += row.len() as u32;
                        out.write_all(&end.to_le_bytes())
                    })
                },
            ));
        }
        plan
    }

    fn write_lists(&self, builder: &SetBuilder, out: &mut dyn Write) -> io::Result<()> {
        for list in &builder.lists {
            for string in builder.list_strings(list) {
                out.write_all(&self.string(string).to_le_bytes())?;
            }
            out.write_all(&[list.kind as u8])?;
            zeros(out, LIST_BYTES as u64 - 13)?;
        }
        Ok(())
    }

    fn write_entries(&self, entries: &[Pending], out: &mut dyn Write) -> io::Result<()> {
        let mut row = 0u32;
        for (i, entry) in entries.iter().enumerate() {
            match i.checked_sub(1).map(|p| entries[p].fingerprint) {
                Some(previous) if previous == entry.fingerprint => {}
                Some(previous) if previous.algorithm() == entry.fingerprint.algorithm() => row += 1,
                _ => row = 0,
            }
            let name = (u32::from(entry.list), self.string(entry.item));
            let item = self.items.binary_search(&name).unwrap_or_default() as u32;
            out.write_all(&entry.id.0)?;
            for number in [
                item,
                self.string(entry.source_id),
                self.label_rank[entry.labels as usize],
                self.string(entry.legal_basis),
                row,
                entry.first_seen,
                entry.last_seen,
                entry.expires,
            ] {
                out.write_all(&number.to_le_bytes())?;
            }
            out.write_all(&[
                entry.fingerprint.algorithm() as u8,
                entry.role as u8,
                entry.opinion as u8,
                entry.severity as u8,
                if entry.reviewed { REVIEWED } else { 0 },
                entry.quality.unwrap_or(NO_QUALITY),
            ])?;
            zeros(out, 10)?;
        }
        Ok(())
    }
}

/// The entries of one algorithm, which stand together.
#[derive(Clone, Copy)]
struct Column<'a> {
    algorithm: Algorithm,
    first: usize,
    entries: &'a [Pending],
}

impl<'a> Column<'a> {
    fn new(algorithm: Algorithm, entries: &'a [Pending]) -> Option<Column<'a>> {
        let first = entries.partition_point(|e| e.fingerprint.algorithm() < algorithm);
        let end = entries.partition_point(|e| e.fingerprint.algorithm() <= algorithm);
        (first < end).then(|| Column { algorithm, first, entries: &entries[first..end] })
    }

    /// The entries of each distinct fingerprint.
    fn rows(self) -> impl Iterator<Item = &'a [Pending]> {
        self.entries.chunk_by(|a, b| a.fingerprint == b.fingerprint)
    }
}

type WriteSection<'a> = Box<dyn FnOnce(&mut dyn Write) -> io::Result<()> + 'a>;

struct SectionPlan<'a> {
    id: u32,
    count: u64,
    length: u64,
    write: WriteSection<'a>,
}

impl<'a> SectionPlan<'a> {
    fn new(
        id: u32,
        count: usize,
        element: usize,
        write: impl FnOnce(&mut dyn Write) -> io::Result<()> + 'a,
    ) -> SectionPlan<'a> {
        let count = count as u64;
        SectionPlan { id, count, length: count * element as u64, write: Box::new(write) }
    }
}

/// Running sums, starting at 0: one number more than there are lengths.
fn offsets(out: &mut dyn Write, lengths: impl Iterator<Item = usize>) -> io::Result<()> {
    let mut end = 0u32;
    out.write_all(&end.to_le_bytes())?;
    for length in lengths {
        end += length as u32;
        out.write_all(&end.to_le_bytes())?;
    }
    Ok(())
}

fn zeros(out: &mut (impl Write + ?Sized), count: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), count), out).map(drop)
}

fn too_large(what: &str) -> Error {
    Error::new(
        ErrorCode::SetTooLarge,
        format!("more than 2^32 - 1 {what}; split the lists over several sets"),
    )
}

/// Passes bytes on, and takes the checksum of each block of them.
struct BlockWriter<W> {
    out: W,
    block: Vec<u8>,
    checksums: Vec<u8>,
    written: u64,
}

impl<W: Write> BlockWriter<W> {
    fn new(out: W, blocks: usize) -> BlockWriter<W> {
        BlockWriter {
            out,
            block: Vec::with_capacity(BLOCK),
            checksums: Vec::with_capacity(blocks * CHECKSUM),
            written: 0,
        }
    }

    fn pad_to(&mut self, offset: u64) -> io::Result<()> {
        zeros(self, offset - self.written)
    }

    fn end_block(&mut self) -> io::Result<()> {
        self.checksums.extend(checksum(&self.block));
        self.out.write_all(&self.block)?;
        self.block.clear();
        Ok(())
    }

    /// The checksums of all blocks.
    fn finish(mut self) -> io::Result<Vec<u8>> {
        if !self.block.is_empty() {
            self.end_block()?;
        }
        Ok(self.checksums)
    }
}

impl<W: Write> Write for BlockWriter<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n = bytes.len().min(BLOCK - self.block.len());
        self.block.extend_from_slice(&bytes[..n]);
        self.written += n as u64;
        if self.block.len() == BLOCK {
            self.end_block()?;
        }
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
