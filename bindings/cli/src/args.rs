//! The command line. Help texts are part of the product: each verb says what it does, what it costs, and shows an example.

mod entries;
mod list;
mod store;
mod subscribe;
#[cfg(test)]
mod tests;
mod values;

use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};

use clap::{Args, Parser, Subcommand, ValueEnum};
use tamis::fingerprint::{Algorithm, PdqHash};
use tamis::import::Format;
use tamis::policy::Mode;
use tamis::search::Strategy;
use tamis::set::{ListKind, Profile, Residency};

pub(crate) use entries::{Said, Sources, Withdrawn};
pub(crate) use list::{
    AddToList, Keygen, LintList, ListVerb, NewList, PublishList, SignList, WithdrawFromList,
};
pub(crate) use store::{
    Add, Breaker, Canary, Import, ListTerms, Revoke, StoreVerb, Suppress, Writing,
};
pub(crate) use subscribe::{SubscribeVerb, Trust, Watch};
use values::{threads, time, whole, words};

/// Recognises known illegal pictures and files before an upload is stored.
#[derive(Debug, Parser)]
#[command(
    name = "tamis",
    version,
    max_term_width = 100,
    subcommand_value_name = "VERB",
    subcommand_help_heading = "Verbs",
    after_help = "Exit status: 1 if anything is blocked, else 2 on an error, else 3 if anything goes to review, else 0.\n\n\
                  Start with `tamis demo`. `tamis VERB --help` shows examples."
)]
pub(crate) struct Cli {
    /// Print one JSON object per line instead of text.
    #[arg(long, global = true, display_order = 900)]
    pub(crate) json: bool,
    #[command(subcommand)]
    pub(crate) verb: Verb,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Verb {
    /// Show what Tamis does, on pictures that it draws itself. Needs no files.
    #[command(after_help = "Example:\n  tamis demo --seed 7 --keep /tmp/tamis-demo\n\n\
                      Exit status: 0 if every verdict is the expected one, though uploads are blocked here; 2 if any is not.")]
    Demo(Demo),
    /// Check that this machine and this store will really stop an upload.
    #[command(
        after_help = "Example:\n  tamis doctor --store /var/lib/tamis --policy /etc/tamis/policy.toml\n\n\
                      Exit status: 0 if all works, though something may deserve a look; 2 if any check failed."
    )]
    Doctor(Judging),
    /// Write the files of the built-in test list, to prove an upload path lawfully.
    #[command(
        name = "test-files",
        after_help = "Examples:\n  tamis test-files /tmp/tamis-test\n  tamis check /tmp/tamis-test/* --store base.tamis --test-list\n\n\
                      Exit status: 0; 2 on an error. What is there already is never replaced."
    )]
    TestFiles {
        /// Directory to write them to; made if it does not exist.
        dir: PathBuf,
    },
    /// Print digests and PDQ of files, as stored.
    #[command(
        after_help = "Examples:\n  tamis hash photo.jpg\n  tamis hash --json *.jpg > hashes.jsonl\n\n\
                      Exit status: 0, or 2 if a file cannot be read. A file that is not a picture has digests and no PDQ."
    )]
    Hash {
        /// Files to fingerprint; `-` is stdin.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
    },
    /// Build a set from lists.
    #[command(
        after_help = "Examples:\n  tamis build -o base.tamis --list gifct --kind exchange --reviewed hashes.csv\n  \
                      tamis build -o base.tamis --list local --kind local --algorithm pdq pdq.txt\n  \
                      zcat feed.csv.gz | tamis build -o base.tamis --list feed --format csv -\n\n\
                      Formats: CSV with a header (`algorithm,fingerprint`, and what else the list knows), \
                      JSON Lines with the same names, or one hexadecimal fingerprint per line. \
                      Every rejected row is reported with its line and cause.\n\n\
                      The set is verified and searched before it takes its name; until then the old file stays as it is.\n\n\
                      Exit status: 0 if the set was published, rejected rows or not; 2 if it was not."
    )]
    Build(Build),
    /// Show what a set holds, without reading it all.
    #[command(
        after_help = "Example:\n  tamis info base.tamis\n\nExit status: 0; 2 if it cannot be read."
    )]
    Info {
        /// The set file, or a store directory.
        set: PathBuf,
    },
    /// Read a whole set and check every byte and record of it, and that the search finds what is in it.
    #[command(
        after_help = "Example:\n  tamis verify base.tamis\n\nExit status: 0 if the set is sound, 2 if not."
    )]
    Verify {
        /// The set file, or a store directory.
        set: PathBuf,
    },
    /// Judge files against a store.
    #[command(after_help = "Examples:\n  tamis check upload.jpg --store base.tamis\n  \
                      curl -s https://example.org/x.png | tamis check - --store base.tamis --json\n  \
                      age -d -i key.txt base.tamis.age | tamis check upload.jpg --store -\n\n\
                      Exit status: 1 if anything is blocked, else 2 on an error, else 3 if anything goes to review, else 0. \
                      A file that cannot be read is an error, and the others are judged all the same.\n\n\
                      `tamis scan` judges all files below a directory.")]
    Check {
        /// Files to judge; `-` is stdin.
        #[arg(required = true, value_name = "FILE")]
        files: Vec<PathBuf>,
        #[command(flatten)]
        judging: Judging,
        /// Show what each step took.
        #[arg(long)]
        timings: bool,
        /// Decode pictures in a child process that is shut off from everything: what takes a decoder over or down goes no further.
        #[arg(long)]
        worker: bool,
        /// Hash every picture exactly, not only those that are near something by their luma: slower, and leaves no way past for
        /// JPEGs made to deceive.
        #[arg(long)]
        exact: bool,
    },
    /// Judge all files below some directories.
    #[command(
        after_help = "Example:\n  tamis scan /srv/uploads --store base.tamis --jobs 2 --journal scan.journal --json >> found.jsonl\n\n\
                      Prints what is not clear. With --journal it can be stopped at any time (Ctrl-C) and started again with the \
                      same arguments: files that were finished are not judged, nor printed, again, unless they were changed, or \
                      the store, the policy or Tamis was. So append results (`>>`). \
                      Symbolic links below the directories are not followed; pipes and devices are left out.\n\n\
                      Exit status: 1 if anything is blocked, else 2 on an error or if it was stopped, else 3 if anything goes to review, \
                      else 0. Status and summary are those of the whole scan."
    )]
    Scan(Scan),
    /// Examine uploads for a host, shut off from everything else. Not for people: a host starts it.
    #[command(after_help = "Example:\n  tamis check upload.jpg --store base.tamis --worker\n\n\
                      A host (`--worker`, or Scanner::with_worker in the library) starts it with a pipe on stdin and one on stdout, \
                      sends it uploads and reads hashes; it ends when the host does.\n\n\
                      Exit status: 0; 2 on an error, and if it was started by hand.")]
    Worker,
    /// Look one PDQ code up: every entry of a store that is near it.
    #[command(
        after_help = "Examples:\n  tamis query base.tamis --pdq f8f8f0ce...9c9b22 --radius 31\n  \
                      tamis query --store /var/lib/tamis --pdq f8f8f0ce...9c9b22 --nearest 5 --list gifct --json\n\n\
                      Prints distance in bits, list, item, entry and labels, nearest first; with --json one object \
                      per entry. Entries that are suppressed or have expired match no upload; here they are shown, \
                      and marked. It judges nothing: `tamis check` does. It prints no fingerprints, which are \
                      confidential.\n\n\
                      Cost: microseconds where the set has a radius index, and some milliseconds for a million \
                      codes where it has none or --radius is above 95. Unrelated codes differ in about 128 bits, so \
                      near that much of the set is found, all of which is held in memory unless --nearest is given.\n\n\
                      Exit status: 0, found or not; 2 on an error."
    )]
    Query(Query),
    /// Make a set of drawn PDQ codes, for measurements that others can repeat.
    #[command(
        name = "bench-set",
        after_help = "Examples:\n  tamis bench-set --codes 1000000 -o million.tamis\n  \
                      tamis bench-set --codes 10000000 --kind clustered --seed 1 -o big.tamis\n  \
                      tamis bench-query big.tamis --queries 1000 --radius 31 --seed 2\n\n\
                      The same arguments give the same bytes on every machine, whatever --jobs is. The codes are \
                      distinct. A code that the builder refuses as poison (fewer than 96 bits set, more than 128, or \
                      that of a flat picture) is drawn again: so `uniform` is uniform among the codes that a list may \
                      hold, about half of all. All are entries of one list, `bench`, of kind test, and of one item, \
                      `drawn`.\n\n\
                      Cost: ten million codes give a file of 2.3 GB (1.0 GB with --profile small) and take some minutes \
                      and about 1 GB of memory; a million take seconds.\n\n\
                      Exit status: 0 if the set was published, 2 if it was not."
    )]
    BenchSet(BenchSet),
    /// Measure how fast a set is searched: by its radius index and by a scan, after checking that both agree.
    #[command(
        name = "bench-query",
        after_help = "Examples:\n  tamis bench-query big.tamis\n  \
                      tamis bench-query big.tamis --queries 1000 --radius 31 --seed 2 --json\n  \
                      TAMIS_ISA=avx2 tamis bench-query big.tamis --residency huge-pages\n\n\
                      Half of the queries are stored codes with 0 to --radius bits flipped, half are unrelated codes \
                      with 128 bits set. First every query is answered by the index, as chosen, in batches and by a scan, and all \
                      answers must be equal. Then, in ten rounds, on one thread, with all of the set in memory and \
                      verified, these are timed:\n  \
                      scan           one query, all codes compared\n  \
                      after a scan   one query by the index, just after a scan has driven it out of the caches\n  \
                      index          one query by the index, after 512 others that are not timed\n  \
                      chosen         the same by index or scan, whichever costs less, as for an upload\n  \
                      batch          several queries in one call, chosen\n\
                      p50 and p99 are percentiles of all that was timed: on a busy machine, p99 is its neighbours'.\n\n\
                      Cost: most of it is the check, which scans for every query. At ten million codes it takes a minute or so. Nothing is written.\n\n\
                      Exit status: 0; 2 on an error, and if any answers differ."
    )]
    BenchQuery(BenchQuery),
    /// Make a list for others to subscribe to: note entries, publish, sign.
    #[command(subcommand, subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
    List(ListVerb),
    /// Run a store: add to it, withdraw from it and look at it while every process uses it.
    #[command(
        subcommand,
        subcommand_value_name = "VERB",
        subcommand_help_heading = "Verbs",
        after_help = "Examples:\n  tamis store init /var/lib/tamis\n  tamis store add /var/lib/tamis reported.jpg --reason 'report 4711'\n  tamis store status /var/lib/tamis"
    )]
    Store(StoreVerb),
    /// Explain, check or switch a policy.
    #[command(subcommand, subcommand_value_name = "VERB", subcommand_help_heading = "Verbs")]
    Policy(PolicyVerb),
    /// Print a completion script for a shell.
    #[command(
        after_help = "Example:\n  tamis completions bash > /etc/bash_completion.d/tamis\n\nExit status: 0; 2 on an error."
    )]
    Completions {
        /// The shell.
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Args)]
pub(crate) struct Demo {
    /// Seed of the drawn pictures.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Keep the pictures, the list and the set in this directory.
    #[arg(long, value_name = "DIR")]
    pub(crate) keep: Option<PathBuf>,
}

/// What files are judged by.
#[derive(Debug, Args)]
pub(crate) struct Judging {
    /// Store directory or set file to compare with; `-` is a set on stdin, which is kept in sealed memory and never on a disk.
    #[arg(long, visible_alias = "set", value_name = "PATH")]
    pub(crate) store: PathBuf,
    /// Policy file. Without one, the `policy.toml` in the store directory holds; without that, the built-in policy, which enforces.
    #[arg(long, value_name = "FILE")]
    pub(crate) policy: Option<PathBuf>,
    /// Include the built-in test list.
    #[arg(long)]
    pub(crate) test_list: bool,
    /// Another store or set file to judge by, beside the one in force. What it would do about each file is told and counted, and nothing else happens.
    #[arg(long, value_name = "PATH")]
    pub(crate) shadow_store: Option<PathBuf>,
    /// Another policy file to judge by, beside the one in force.
    #[arg(long, value_name = "FILE")]
    pub(crate) shadow_policy: Option<PathBuf>,
    /// The time to judge at: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Build {
    /// The set file to write. It appears when it is complete, or not at all.
    #[arg(short, long, value_name = "SET")]
    pub(crate) output: PathBuf,
    /// Files to read, one list each unless --list gives one name for all; `-` is stdin.
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    /// Name of the list. Default: each file's name without its ending.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Option<String>,
    /// Where the lists come from, which decides how far they are trusted. Only rows of a `local` list may be exceptions, which let a
    /// file through.
    #[arg(long, default_value_t = ListKind::Exchange, value_parser = words(&ListKind::ALL, ListKind::name))]
    pub(crate) kind: ListKind,
    /// Format of the files. Default: by name and contents.
    #[arg(long, value_parser = words(&Format::ALL, Format::name))]
    pub(crate) format: Option<Format>,
    /// Algorithm of files that hold only fingerprints.
    #[arg(long, value_parser = words(&Algorithm::ALL, Algorithm::name))]
    pub(crate) algorithm: Option<Algorithm>,
    #[command(flatten)]
    pub(crate) grounds: Grounds,
    /// Take rows that do not say so as reviewed by a human.
    #[arg(long)]
    pub(crate) reviewed: bool,
    /// The time at which the set is made: a date, RFC 3339 or seconds since 1970. Default: now. Give it where builds must be equal byte for
    /// byte.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) created: Option<u64>,
    /// Also write every rejected row to this file, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// What the set is for. `small` is for hosts with little memory or disk and has no radius index: a search by PDQ then takes some
    /// milliseconds for a million codes, and finds the same.
    #[arg(long, default_value_t = Profile::Full, value_parser = words(&Profile::ALL, Profile::name))]
    pub(crate) profile: Profile,
    /// Build even if it seems that this machine has not enough memory or disk.
    #[arg(long)]
    pub(crate) force: bool,
    /// Take lists that hold no rows at all. Without it they are an error: an export that failed looks like that.
    #[arg(long)]
    pub(crate) allow_empty: bool,
}

/// By what right lists are held, and their matches acted on.
#[derive(Debug, Args)]
pub(crate) struct Grounds {
    /// Licence or agreement under which you hold what is listed.
    #[arg(long, value_name = "TEXT")]
    pub(crate) agreement: Option<String>,
    /// Legal basis for acting on what matches.
    #[arg(long, value_name = "TEXT")]
    pub(crate) legal_basis: Option<String>,
}

impl Grounds {
    pub(crate) fn are_given(&self) -> bool {
        self.agreement.is_some() || self.legal_basis.is_some()
    }

    /// Lays down what is given. What is not stays as it was.
    pub(crate) fn lay_down(&self, agreement: &mut String, legal_basis: &mut String) {
        for (given, text) in [(&self.agreement, agreement), (&self.legal_basis, legal_basis)] {
            if let Some(given) = given {
                text.clone_from(given);
            }
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct Query {
    #[command(flatten)]
    pub(crate) place: Place,
    /// The code to look up: 64 hexadecimal digits, as `tamis hash` prints them.
    #[arg(long, value_name = "HEX")]
    pub(crate) pdq: PdqHash,
    /// Most bits in which an entry may differ, 0 to 256.
    #[arg(long, value_name = "BITS", default_value_t = 31, allow_negative_numbers = true, value_parser = whole::<u32>(0..=256))]
    pub(crate) radius: u32,
    /// Only the nearest so many entries.
    #[arg(long, value_name = "K", value_parser = whole::<u64>(1..=u64::MAX))]
    pub(crate) nearest: Option<u64>,
    /// Only entries of this list; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Vec<String>,
    /// How to find them; every way finds the same. `auto` takes the cheaper one for this query; `index` the radius index, whatever it
    /// costs, where the set has one and --radius is at most 95; `scan` compares all codes.
    #[arg(long, default_value_t = Strategy::Auto, value_parser = words(&Strategy::ALL, Strategy::name))]
    pub(crate) strategy: Strategy,
    /// Include the built-in test list.
    #[arg(long)]
    pub(crate) test_list: bool,
    /// The time at which entries have expired or not: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}

/// A store, named with or without an option.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
pub(crate) struct Place {
    /// Store directory or set file.
    #[arg(value_name = "STORE")]
    path: Option<PathBuf>,
    /// The same, named as in other verbs.
    #[arg(long, visible_alias = "set", value_name = "PATH")]
    store: Option<PathBuf>,
}

impl Place {
    pub(crate) fn path(&self) -> Option<&Path> {
        self.path.as_deref().or(self.store.as_deref())
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchSet {
    /// How many codes.
    #[arg(long, value_name = "N", value_parser = whole::<u64>(1..=u64::from(u32::MAX)))]
    pub(crate) codes: u64,
    /// How the codes lie.
    #[arg(long, value_enum, default_value_t = CodeKind::Uniform)]
    pub(crate) kind: CodeKind,
    /// Seed of the drawn codes.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// The set file to write. It appears when it is complete, or not at all.
    #[arg(short, long, value_name = "SET")]
    pub(crate) output: PathBuf,
    /// What the set is for. `small` has no radius index.
    #[arg(long, default_value_t = Profile::Full, value_parser = words(&Profile::ALL, Profile::name))]
    pub(crate) profile: Profile,
    /// Threads. Default: one per core.
    #[arg(long, short, value_name = "N", value_parser = threads)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Build even if it seems that this machine has not enough memory or disk.
    #[arg(long)]
    pub(crate) force: bool,
}

/// How drawn codes lie.
#[derive(Clone, Copy, Debug, ValueEnum)]
pub(crate) enum CodeKind {
    /// Random bits, of the codes that a list may hold.
    Uniform,
    /// Exactly 128 bits set, as PDQ gives for a picture without ties.
    Weight128,
    /// Half within 0 to 40 bits of one of a few centres (one for 200 codes), as copies of one picture are; half as weight128.
    Clustered,
}

impl CodeKind {
    pub(crate) fn name(self) -> &'static str {
        match self {
            CodeKind::Uniform => "uniform",
            CodeKind::Weight128 => "weight128",
            CodeKind::Clustered => "clustered",
        }
    }
}

#[derive(Debug, Args)]
pub(crate) struct BenchQuery {
    /// The set file, or a store directory. Any set that holds PDQ codes will do.
    pub(crate) set: PathBuf,
    /// How many queries to draw.
    #[arg(long, value_name = "N", default_value_t = 1000, value_parser = whole::<u64>(1..=1_000_000))]
    pub(crate) queries: u64,
    /// Most bits in which a code may differ from a query, 0 to 256.
    #[arg(long, value_name = "BITS", default_value_t = 31, allow_negative_numbers = true, value_parser = whole::<u32>(0..=256))]
    pub(crate) radius: u32,
    /// Seed of the drawn queries.
    #[arg(long, value_name = "N", default_value_t = 2, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) seed: u64,
    /// Queries in one call of a batch: 8 are the turned and mirrored forms of one picture.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = whole::<u64>(1..=1024))]
    pub(crate) batch: u64,
    /// Most scans that are timed: at ten million codes one takes tens of milliseconds.
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = whole::<u64>(1..=1_000_000))]
    pub(crate) scans: u64,
    /// Where the bytes of the set lie: `mapped`, in a map of the file that all processes share, the default of the library; `populated`, the
    /// same, all of it brought in when it is opened; `heap`, in a copy in ordinary memory; `huge-pages`, in a copy in huge pages where the
    /// system has them; `sealed`, in a copy that the kernel has sealed against every change (Linux).
    #[arg(long, default_value_t = Residency::Mapped, value_parser = words(Residency::AVAILABLE, Residency::name))]
    pub(crate) residency: Residency,
    /// Do not bring all of the set into memory first. The check of the answers then does so for what it touches.
    #[arg(long)]
    pub(crate) cold: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Scan {
    /// Directories or files.
    #[arg(required = true, value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    #[command(flatten)]
    pub(crate) judging: Judging,
    /// Threads. Default: one per core.
    #[arg(long, short, value_name = "N", value_parser = threads)]
    pub(crate) jobs: Option<NonZeroUsize>,
    /// Remember finished files here, so that the scan can be stopped and resumed.
    #[arg(long, value_name = "FILE")]
    pub(crate) journal: Option<PathBuf>,
    /// Also print clear files.
    #[arg(long)]
    pub(crate) all: bool,
    /// Decode pictures in child processes that are shut off from everything, one per thread.
    #[arg(long)]
    pub(crate) worker: bool,
    /// Hash every picture exactly, not only those that are near something by their luma.
    #[arg(long)]
    pub(crate) exact: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyVerb {
    /// Say in sentences what a policy does.
    #[command(
        after_help = "Example:\n  tamis policy explain policy.toml\n\nExit status: 0; 2 if the policy is not valid."
    )]
    Explain {
        /// The policy file. Without one: the built-in policy.
        file: Option<PathBuf>,
    },
    /// Check a policy file, and say where it is wrong.
    #[command(
        after_help = "Example:\n  tamis policy check policy.toml\n\nExit status: 0 if the policy is valid, 2 if not."
    )]
    Check {
        /// The policy file.
        file: PathBuf,
    },
    /// Print a commented policy file to start from. It only observes, until you switch it.
    #[command(
        after_help = "Example:\n  tamis policy example > policy.toml\n\nExit status: 0; 2 on an error."
    )]
    Example,
    /// Show or switch whether a policy observes or enforces. Comments in the file stay.
    #[command(
        after_help = "Examples:\n  tamis policy mode policy.toml\n  tamis policy mode policy.toml enforce\n\n\
                      Exit status: 0; 2 on an error: the file is then as it was."
    )]
    Mode {
        /// The policy file.
        file: PathBuf,
        /// The new mode: `observe` holds nothing back and tells what would have been done, `enforce` acts. Without one, the mode is printed.
        #[arg(value_parser = words(&Mode::ALL, Mode::name))]
        mode: Option<Mode>,
    },
}
