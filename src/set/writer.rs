//! Lays out what a builder collected, as `FORMAT.md` says, and writes it in one pass over the data.
//!
//! 1. Sort the entries of each algorithm by fingerprint, then id; of equal ids keep the one that was added last.
//! 2. Number the strings, label sets and items that are in use by their sorted order: the bytes then depend on
//!    what was added, not on when.
//! 3. Plan the sections, write the data while taking the checksum of each block, then go back and write the head.
//!
//! What is not needed any more is freed on the way: the hash tables before the first step, texts and their numbers before the columns,
//! and the columns before the radius index, which is made from the codes alone, a table or two at a time.

use std::io::{self, Seek, SeekFrom, Write};

use crate::error::{Error, ErrorCode, Result};
use crate::fingerprint::{Algorithm, Fingerprint};
use crate::index;

use super::block_writer::BlockWriter;
use super::builder::{BuildReport, SetBuilder};
use super::change::REPLACES;
use super::format::{
    self, CHANGE_BYTES, Head, LIST_BYTES, META_BYTES, REVIEWED, TOMBSTONE_BYTES, array_at, section,
};
use super::interner::Interner;
use super::layout::{Layout, Ranking};
use super::options::{BuildOptions, BuildPhase, Meter, Profile};
use super::reader::SetDigest;
use super::record::EntryId;
use super::rows::{Column, Record};
use super::threads::Threads;

/// Below this number of entries, threads take longer to start than they save.
const FEW: usize = 1 << 14;

/// Tables of the radius index that are made at a time. Each takes 8 bytes a code.
const TABLES: usize = 2;

/// Entries that are put into the form of the file at a time, by each thread.
const PART: usize = 1 << 14;

pub(super) fn write(
    builder: SetBuilder,
    options: &BuildOptions,
    meter: &mut Meter<'_>,
    out: &mut (impl Write + Seek),
) -> Result<BuildReport> {
    let jobs = if builder.len() < FEW { 1 } else { options.jobs };
    Threads::with(jobs, |threads| {
        Build { builder, layout: Layout::default(), threads }.write(options, meter, out)
    })
}

/// A build under way.
struct Build<'p> {
    builder: SetBuilder,
    layout: Layout,
    threads: Threads<'p>,
}

impl Build<'_> {
    fn write(
        mut self,
        options: &BuildOptions,
        meter: &mut Meter<'_>,
        out: &mut (impl Write + Seek),
    ) -> Result<BuildReport> {
        let added = self.builder.len();
        self.builder.strings.close();
        self.builder.label_sets.close();
        self.sort(meter)?;
        let entries = self.builder.len();
        self.builder.suppressions.sort_unstable();
        self.builder.suppressions.dedup();
        let SetBuilder { tombstones, changes, .. } = &mut self.builder;
        tombstones
            .retain(|(list, ..)| u16::try_from(*list).is_ok_and(|l| changes.contains_key(&l)));
        self.builder.tombstones.sort_unstable();
        self.builder.tombstones.dedup();
        u32::try_from(self.builder.tombstones.len()).map_err(|_| too_large("tombstones"))?;
        meter.at(BuildPhase::Numbering, 0.0)?;
        self.layout = Layout::new(&mut self.builder, self.threads, &mut |part| {
            meter.at(BuildPhase::Numbering, part)
        })?;

        let mut head = Head::plan(&self.plan(options)).ok_or_else(|| too_large("bytes"))?;
        let checksums = self.write_data(&head, meter, out).map_err(told)?;
        write_head(&mut head, &checksums, out).map_err(told)?;
        Ok(BuildReport {
            digest: SetDigest(head.digest),
            entries: entries as u64,
            duplicates: (added - entries) as u64,
            bytes: head.data_start + head.data_length,
        })
    }

    fn sort(&mut self, meter: &mut Meter<'_>) -> Result<()> {
        let (added, mut done) = (self.builder.len().max(1), 0);
        let SetBuilder { columns, lists, strings, .. } = &mut self.builder;
        let (lists, strings) = (&*lists, &*strings);
        for column in columns.iter_mut() {
            meter.at(BuildPhase::Sorting, done as f64 / added as f64)?;
            // Beyond that the order in which they were added is not known.
            u32::try_from(column.len()).map_err(|_| too_large("entries"))?;
            done += column.len();
            column.sort(self.threads, &|fingerprint, record| {
                let list = lists.get(usize::from(record.list)).map_or("", |list| &list.list.name);
                entry_id(list, strings, fingerprint, record)
            });
        }
        let entries = self.builder.len();
        let count = u32::try_from(entries).ok().filter(|n| *n < u32::MAX);
        count.map(drop).ok_or_else(|| too_large("entries"))
    }

    /// Id, length and count of every section, in the order of the file.
    fn plan(&self, options: &BuildOptions) -> Vec<(u32, u64, u64)> {
        let SetBuilder { lists, strings, columns, suppressions, tombstones, changes, .. } =
            &self.builder;
        let layout = &self.layout;
        let string_bytes = layout.strings.order.iter().map(|n| strings.get(*n).len()).sum();
        let mut plan = vec![
            (section::META, META_BYTES, 1),
            // One more for the empty text, and one more for the end of the last.
            (section::STRING_OFFSETS, 4, layout.strings.order.len() + 2),
            (section::STRINGS, 1, string_bytes),
            (section::LISTS, LIST_BYTES, lists.len()),
            (section::ITEMS, format::ITEM_BYTES, layout.item_count()),
            (section::ENTRIES, format::ENTRY_BYTES, self.builder.len()),
            (section::LABEL_OFFSETS, 4, layout.label_sets.order.len() + 2),
            (section::LABELS, 4, layout.labels.bytes() as usize / 4),
        ];
        if !suppressions.is_empty() {
            plan.push((section::SUPPRESSIONS, format::ID_BYTES, suppressions.len()));
        }
        for column in columns {
            let id = format::fingerprints(column.algorithm);
            plan.push((id, column.algorithm.width(), column.distinct()));
        }
        for column in columns {
            plan.push((format::entry_ranges(column.algorithm), 4, column.distinct() + 1));
        }
        let row = |(id, element, count)| (id, element as u64 * count as u64, count as u64);
        let mut plan: Vec<_> = plan.into_iter().map(row).collect();
        let codes = self.builder.column_of(Algorithm::Pdq).map_or(0, Column::distinct);
        if let Some(length) = index_length(options, codes) {
            plan.push((format::RADIUS_INDEX, length, codes as u64));
        }
        if !changes.is_empty() {
            if !tombstones.is_empty() {
                plan.push(row((section::TOMBSTONES, TOMBSTONE_BYTES, tombstones.len())));
            }
            plan.push(row((section::CHANGES, CHANGE_BYTES, changes.len())));
        }
        plan
    }

    /// The checksums of all blocks.
    fn write_data(
        mut self,
        head: &Head,
        meter: &mut Meter<'_>,
        out: &mut (impl Write + Seek),
    ) -> io::Result<Vec<u8>> {
        out.seek(SeekFrom::Start(head.data_start))?;
        let mut data = BlockWriter::new(out, head.data_length, self.threads, meter);
        for row in &head.sections {
            data.pad_to(row.offset)?;
            if row.id > section::SUPPRESSIONS {
                // The columns need neither texts nor what refers to them.
                self.layout = Layout::default();
                self.builder.strings = Interner::default();
                self.builder.label_sets = Interner::default();
            }
            if row.id == format::RADIUS_INDEX {
                self.write_index(&mut data)?;
            } else {
                self.write_section(row.id, &mut data)?;
            }
            debug_assert_eq!(data.written(), row.end(), "section {:#x} has its length", row.id);
        }
        data.finish()
    }

    fn write_index<W: Write>(&mut self, out: &mut BlockWriter<'_, '_, W>) -> io::Result<()> {
        let mut codes: Vec<[u8; 32]> = Vec::new();
        if let Some(column) = self.builder.column_of(Algorithm::Pdq) {
            codes.reserve_exact(column.distinct());
            codes.extend(column.fingerprints().map(|code| array_at::<32>(code, 0)));
        }
        self.builder.columns = Vec::new();
        out.phase = BuildPhase::Indexing;
        let index = index::Builder::new(&codes).map_err(io::Error::other)?;
        out.write_all(&index.header())?;
        let make = |table| index.table(table);
        let tables = index::Builder::TABLES;
        self.threads.in_order(tables, TABLES, make, |table: Vec<u8>| out.write_all(&table))?;
        zeros(out, index.padding() as u64)
    }

    fn write_section(&self, id: u32, out: &mut impl Write) -> io::Result<()> {
        let SetBuilder { strings, columns, suppressions, .. } = &self.builder;
        let layout = &self.layout;
        match id {
            section::META => {
                out.write_all(&self.builder.created.to_le_bytes())?;
                zeros(out, META_BYTES as u64 - 8)
            }
            section::STRING_OFFSETS => offsets(out, strings, &layout.strings, 1),
            section::STRINGS => texts(strings, &layout.strings).try_for_each(|s| out.write_all(s)),
            section::LISTS => self.write_lists(out),
            section::ITEMS => layout.items().try_for_each(|(list, name)| {
                out.write_all(&list.to_le_bytes())?;
                out.write_all(&name.to_le_bytes())
            }),
            section::ENTRIES => self.write_entries(out),
            section::LABEL_OFFSETS => offsets(out, &layout.labels, &layout.label_sets, 4),
            section::LABELS => texts(&layout.labels, &layout.label_sets).try_for_each(|set| {
                let (labels, _) = set.as_chunks();
                labels.iter().try_for_each(|label: &[u8; 4]| {
                    out.write_all(&u32::from_be_bytes(*label).to_le_bytes())
                })
            }),
            section::SUPPRESSIONS => suppressions.iter().try_for_each(|id| out.write_all(&id.0)),
            section::TOMBSTONES => {
                self.builder.tombstones.iter().try_for_each(|(list, kind, key)| {
                    out.write_all(&list.to_le_bytes())?;
                    out.write_all(&kind.to_le_bytes())?;
                    out.write_all(key)
                })
            }
            section::CHANGES => {
                self.builder.changes.iter().try_for_each(|(list, (first, last, replaces))| {
                    out.write_all(&u32::from(*list).to_le_bytes())?;
                    out.write_all(&if *replaces { REPLACES } else { 0 }.to_le_bytes())?;
                    out.write_all(&first.to_le_bytes())?;
                    out.write_all(&last.to_le_bytes())?;
                    zeros(out, CHANGE_BYTES as u64 - 24)
                })
            }
            _ => {
                let mut first = 0u32;
                for column in columns {
                    if id == format::fingerprints(column.algorithm) {
                        return column.fingerprints().try_for_each(|bytes| out.write_all(bytes));
                    }
                    if id == format::entry_ranges(column.algorithm) {
                        let mut starts = column.starts.iter().map(|start| first + start);
                        return starts.try_for_each(|start| out.write_all(&start.to_le_bytes()));
                    }
                    first += column.len() as u32;
                }
                Ok(())
            }
        }
    }

    fn write_lists(&self, out: &mut impl Write) -> io::Result<()> {
        for list in &self.builder.lists {
            for string in list.strings {
                out.write_all(&self.layout.strings.rank[string as usize].to_le_bytes())?;
            }
            out.write_all(&[list.list.kind as u8])?;
            zeros(out, LIST_BYTES as u64 - 13)?;
        }
        Ok(())
    }

    fn write_entries(&self, out: &mut impl Write) -> io::Result<()> {
        self.builder.columns.iter().try_for_each(|column| {
            let parts = column.len().div_ceil(PART);
            let make = |part: usize| self.entries(column, part);
            self.threads.in_order(parts, usize::MAX, make, |bytes: Vec<u8>| out.write_all(&bytes))
        })
    }

    /// Some entries of a column as they stand in the file.
    fn entries(&self, column: &Column, part: usize) -> Vec<u8> {
        let Layout { strings, label_rank, .. } = &self.layout;
        let end = column.len().min((part + 1) * PART);
        let mut out = Vec::with_capacity(PART * format::ENTRY_BYTES);
        for (row, bytes, record) in column.with_rows(part * PART..end) {
            let list = self.builder.lists.get(usize::from(record.list));
            let list = list.map_or("", |list| &list.list.name);
            let id = Fingerprint::new(column.algorithm, bytes)
                .map(|fingerprint| entry_id(list, &self.builder.strings, &fingerprint, record));
            out.extend(id.unwrap_or(EntryId([0; 16])).0);
            for number in [
                record.item,
                strings.rank[record.source_id as usize],
                label_rank[record.labels as usize],
                strings.rank[record.legal_basis as usize],
                row,
                record.first_seen,
                record.last_seen,
                record.expires,
            ] {
                out.extend(number.to_le_bytes());
            }
            out.extend([
                column.algorithm as u8,
                record.role as u8,
                record.opinion as u8,
                record.severity as u8,
                if record.reviewed { REVIEWED } else { 0 },
                record.quality,
            ]);
            out.extend([0; 10]);
        }
        out
    }
}

/// Bytes of the radius index, where there is to be one.
pub(super) fn index_length(options: &BuildOptions, codes: usize) -> Option<u64> {
    let worth = options.profile == Profile::Full && codes >= index::Builder::LEAST;
    worth.then(|| index::Builder::length(codes))
}

fn entry_id(list: &str, strings: &Interner, fingerprint: &Fingerprint, record: &Record) -> EntryId {
    let source_id = str::from_utf8(strings.get(record.source_id)).unwrap_or_default();
    EntryId::new(list, source_id, record.role, fingerprint)
}

fn write_head(head: &mut Head, checksums: &[u8], out: &mut (impl Write + Seek)) -> io::Result<()> {
    let sealed = head.seal(checksums);
    out.seek(SeekFrom::Start(0))?;
    out.write_all(&sealed)?;
    zeros(out, head.checksums_start - sealed.len() as u64)?;
    out.write_all(checksums)?;
    zeros(out, head.data_start - head.checksums_start - checksums.len() as u64)?;
    out.seek(SeekFrom::End(0)).map(drop)
}

/// Texts in final order, without the empty one.
fn texts<'a>(texts: &'a Interner, ranking: &'a Ranking) -> impl Iterator<Item = &'a [u8]> {
    ranking.order.iter().map(|number| texts.get(*number))
}

/// Where each text begins, the empty one first, and where the last ends, in elements of so many bytes.
fn offsets(
    out: &mut impl Write,
    interner: &Interner,
    ranking: &Ranking,
    element: usize,
) -> io::Result<()> {
    let mut end = 0u32;
    out.write_all(&[0; 8])?;
    texts(interner, ranking).try_for_each(|text| {
        end += (text.len() / element) as u32;
        out.write_all(&end.to_le_bytes())
    })
}

pub(super) fn zeros(out: &mut (impl Write + ?Sized), count: u64) -> io::Result<()> {
    io::copy(&mut io::Read::take(io::repeat(0), count), out).map(drop)
}

pub(super) fn too_large(what: &str) -> Error {
    Error::new(
        ErrorCode::SetTooLarge,
        format!("more than 2^32 - 1 {what}; split the lists over several sets"),
    )
}

/// What a writer reports: an error of our own that went through it, or the system's.
fn told(error: io::Error) -> Error {
    error
        .downcast()
        .unwrap_or_else(|e| Error::new(ErrorCode::Io, format!("cannot write the set: {e}")))
}
