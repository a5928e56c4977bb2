//! The arguments of `tamis store`.

use std::path::{Path, PathBuf};

use clap::{ArgGroup, Args, Subcommand};
use tamis::fingerprint::Algorithm;
use tamis::import::Format;
use tamis::set::{EntryId, ListKind};

use super::values::{time, whole, words};
use super::{Grounds, Said, Sources, SubscribeVerb, Withdrawn};
use crate::moment::Moment;

#[derive(Debug, Subcommand)]
pub(crate) enum StoreVerb {
    /// Make a store: a directory that can be added to while it is in use.
    #[command(
        after_help = "Examples:\n  tamis store init /var/lib/tamis\n  chgrp -R www-data /var/lib/tamis && chmod g+s /var/lib/tamis\n\n\
                      Writes DIR/policy.toml, unless there is one: it only observes, until `tamis policy mode \
                      DIR/policy.toml enforce`. `check`, `scan` and `doctor` go by it when no --policy is given.\n\n\
                      Exit status: 0; 2 if there is a store already, which then stays as it is."
    )]
    Init {
        /// The directory; made if it does not exist.
        dir: PathBuf,
        /// The time of the change: a date, RFC 3339 or seconds since 1970. Default: now.
        #[arg(long, value_name = "TIME", value_parser = time)]
        now: Option<u64>,
    },
    /// List files, fingerprints or rows: in force in every process within a second.
    #[command(
        after_help = "Examples:\n  tamis store add /var/lib/tamis reported.jpg --reason 'report 4711'\n  \
                      tamis store add /var/lib/tamis --fingerprint sha256:9f86d0...0a08 --label terrorism\n  \
                      tamis store add /var/lib/tamis --from urgent.csv --incident buffalo --expires 48h\n  \
                      tamis store add /var/lib/tamis holiday.jpg --exception --reason 'appeal 12 upheld'\n\n\
                      A file is fingerprinted here: all digests and, of a picture, its PDQ as stored; the file itself is not \
                      kept. What is added counts as reviewed, unless --unreviewed is given. It goes to the list `local`, \
                      which outlives every import.\n\n\
                      Exit status: 0; 2 on an error, and then nothing was added."
    )]
    Add(Add),
    /// Take a list as it is now: what it no longer holds is withdrawn.
    #[command(
        after_help = "Examples:\n  tamis store import /var/lib/tamis gifct.csv --list gifct --kind exchange --reviewed\n  \
                      zcat new.csv.gz | tamis store import /var/lib/tamis - --format csv --list gifct --merge\n  \
                      tamis store import /var/lib/tamis base.tamis --list gifct\n\n\
                      Several files are one list. A list that has not changed is only noted as up to date. A list that would grow to more \
                      than five times its size, or lose a fifth of its entries, is refused without --force. Suppressions and the list \
                      `local` stay as they are, whatever is imported. A set file counts as its entries of that list; a delta, as the change that it is.\n\n\
                      Exit status: 0 if the list was taken, rejected rows or not; 2 if it was not."
    )]
    Import(Import),
    /// Say how far a list is trusted, and by what right its matches are acted on.
    #[command(
        after_help = "Examples:\n  tamis store terms /var/lib/tamis --list local --legal-basis 'terms of use, 4.2'\n  \
                      tamis store terms /var/lib/tamis --list referrals --kind referral --reason 'contract of 3 May'\n\n\
                      What the operator lays down here holds for all entries of the list, whatever its maker says of it.\n\n\
                      Exit status: 0; 2 on an error."
    )]
    Terms(ListTerms),
    /// Withdraw entries from a list that this store numbers.
    #[command(
        after_help = "Examples:\n  tamis store revoke /var/lib/tamis --list local --entry 5f0c...91 --reason 'appeal 12 upheld'\n  \
                      tamis store revoke /var/lib/tamis --list gifct --source 29174 --reason 'their mail of 3 May'\n\n\
                      The next import of the list brings back what it still holds: to switch entries of another's list off for \
                      good, use `tamis store suppress`.\n\n\
                      Exit status: 0; 2 on an error, and if the list has no such entry."
    )]
    Revoke(Revoke),
    /// Switch entries of any list off, or on again, whatever their lists say from now on.
    #[command(
        after_help = "Examples:\n  tamis store suppress /var/lib/tamis 5f0c...91 --reason 'our own logo'\n  \
                      tamis store suppress /var/lib/tamis --list referrals --reason 'too many errors'\n  \
                      tamis store suppress /var/lib/tamis 5f0c...91 --lift --reason 'it was right after all'\n\n\
                      Matches of a suppressed entry are told, and lead to nothing. `tamis check --json` and `tamis query` name entries.\n\n\
                      Exit status: 0; 2 on an error. An entry that the store does not hold (yet) is suppressed all the same, with a remark."
    )]
    Suppress(Suppress),
    /// Say what is in force, how old it is, and what deserves a look.
    #[command(
        after_help = "Examples:\n  tamis store status /var/lib/tamis\n  tamis store status /var/lib/tamis --quick --json\n\n\
                      Counting reads all of the store: some seconds for ten million entries. --quick leaves it out.\n\n\
                      Exit status: 0; 2 if the store cannot be opened."
    )]
    Status {
        /// The store directory.
        store: PathBuf,
        /// Do not count the entries of each list.
        #[arg(long)]
        quick: bool,
        /// The time at which entries have expired or not: a date, RFC 3339 or seconds since 1970. Default: now.
        #[arg(long, value_name = "TIME", value_parser = time)]
        now: Option<u64>,
    },
    /// Make one base of the base and its deltas.
    #[command(after_help = "Example:\n  tamis store compact /var/lib/tamis\n\n\
                      Processes go on checking with what they have, and take the new base when it is complete. It needs about as much \
                      memory and disk as building the base did; once a day, in a quiet hour, is enough. Entries that expired more than 30 days ago, \
                      and incidents that have ended, are left out.\n\n\
                      Exit status: 0, also if there was nothing to do; 2 on an error: the store is then as it was.")]
    Compact {
        #[command(flatten)]
        writing: Writing,
    },
    /// Name harmless files that no entry may match: from then on, a change that would match one is refused.
    #[command(
        after_help = "Examples:\n  tamis store canary /var/lib/tamis /srv/forum/static/logo.png ~/harmless-pictures\n  tamis store canary /var/lib/tamis\n  \
                      tamis store canary /var/lib/tamis --remove logo.png\n\n\
                      Files are fingerprinted here, turned and mirrored too, and not kept; directories are walked. Some are built in: tiny pictures and texts that \
                      every site has. Without files: show what they are called, which is the files' own names.\n\n\
                      Exit status: 0; 2 on an error, which changes nothing, and if an entry that is in force already matches one."
    )]
    Canary(Canary),
    /// Show what matched too many different uploads to be right, and so leads to review at most; let it act again.
    #[command(
        after_help = "Examples:\n  tamis store breaker /var/lib/tamis\n  tamis store breaker /var/lib/tamis --reset 5f0c...91\n\n\
                      More than 40 different uploads within an hour, and more than ten times what is usual, degrade an entry of a picture to review; entries of \
                      an active incident and equal digests are never degraded. A flood of what is really listed: declare an incident, or reset.\n\n\
                      Exit status: 0; 2 on an error, and if what was to be reset had not tripped."
    )]
    Breaker(Breaker),
    /// Read all of a store and check that it is sound.
    #[command(after_help = "Example:\n  tamis store verify /var/lib/tamis\n\n\
                      Checks the manifest, who may read and write what, that every set is the one that the manifest names, every byte and \
                      record of it, that the search finds what is in it, and the log. Changes nothing.\n\n\
                      Exit status: 0 if the store is sound, 2 if not.")]
    Verify {
        /// The store directory.
        store: PathBuf,
    },
    /// Print what was changed and refused, the oldest first.
    #[command(
        after_help = "Examples:\n  tamis store log /var/lib/tamis --since 7d\n  tamis store log /var/lib/tamis --json | jq 'select(.event == \"refused\")'\n\n\
                      Exit status: 0; 2 on an error."
    )]
    Log {
        /// The store directory.
        store: PathBuf,
        /// Only what happened since: a date, RFC 3339, seconds since 1970, or how long ago, such as 48h or 7d.
        #[arg(long, value_name = "TIME")]
        since: Option<Moment>,
        /// The time from which --since counts back: a date, RFC 3339 or seconds since 1970. Default: now.
        #[arg(long, value_name = "TIME", value_parser = time)]
        now: Option<u64>,
    },
    #[command(flatten)]
    Subscribe(SubscribeVerb),
}

/// What every change of a store takes.
#[derive(Debug, Args)]
pub(crate) struct Writing {
    /// The store directory.
    pub(crate) store: PathBuf,
    /// How many seconds to wait while another process writes to the store.
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = whole::<u64>(0..=u64::MAX))]
    pub(crate) wait: u64,
    /// The time of the change: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Canary {
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Files, and directories of files.
    #[arg(value_name = "PATH")]
    pub(crate) paths: Vec<PathBuf>,
    /// Let go of a canary, by the name that it is shown under; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) remove: Vec<String>,
}

#[derive(Debug, Args)]
pub(crate) struct Breaker {
    /// The store directory.
    pub(crate) store: PathBuf,
    /// Let this entry act again, by its id; may be given several times.
    #[arg(long, value_name = "ID")]
    pub(crate) reset: Vec<EntryId>,
    /// Let this list act again; may be given several times.
    #[arg(long, value_name = "NAME")]
    pub(crate) reset_list: Vec<String>,
    /// Let everything act again.
    #[arg(long)]
    pub(crate) reset_all: bool,
}

#[derive(Debug, Args)]
pub(crate) struct Add {
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) said: Said,
    /// The list to add to, which the store must know.
    #[arg(long, value_name = "NAME", default_value = tamis::store::LOCAL)]
    pub(crate) list: String,
    /// Nobody has reviewed it: matches go to review.
    #[arg(long)]
    pub(crate) unreviewed: bool,
    /// Let these exact files through, whatever other lists say: an overturned decision. By SHA-256 and BLAKE3 only.
    #[arg(long, conflicts_with_all = ["from", "incident"])]
    pub(crate) exception: bool,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Import {
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Files to read, which together are the list; `-` is stdin.
    #[arg(required = true, value_name = "LIST")]
    pub(crate) lists: Vec<PathBuf>,
    /// Name of the list.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// Where the list comes from, which decides how far it is trusted. Default: as the store has it; exchange, if it does not know the list.
    #[arg(long, value_parser = words(&ListKind::ALL, ListKind::name))]
    pub(crate) kind: Option<ListKind>,
    /// Only add, and withdraw nothing.
    #[arg(long)]
    pub(crate) merge: bool,
    #[command(flatten)]
    pub(crate) grounds: Grounds,
    /// Take rows that do not say so as reviewed by a human.
    #[arg(long)]
    pub(crate) reviewed: bool,
    /// Format of the files. Default: by name and contents.
    #[arg(long, value_parser = words(&Format::ALL, Format::name))]
    pub(crate) format: Option<Format>,
    /// Algorithm of files that hold only fingerprints.
    #[arg(long, value_parser = words(&Algorithm::ALL, Algorithm::name))]
    pub(crate) algorithm: Option<Algorithm>,
    /// Take it even if the list grows or shrinks beyond the bounds.
    #[arg(long)]
    pub(crate) force: bool,
    /// Take lists that hold no rows at all. Without it they are an error: an export that failed looks like that.
    #[arg(long)]
    pub(crate) allow_empty: bool,
    /// Also write every rejected row to this file, as JSON Lines.
    #[arg(long, value_name = "FILE")]
    pub(crate) rejects: Option<PathBuf>,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct ListTerms {
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// The list, which the store must know.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// Where it comes from, which decides how far it is trusted.
    #[arg(long, value_parser = words(&ListKind::ALL, ListKind::name))]
    pub(crate) kind: Option<ListKind>,
    #[command(flatten)]
    pub(crate) grounds: Grounds,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["entry", "item", "source", "list_all"]).required(true).multiple(true)))]
pub(crate) struct Revoke {
    #[command(flatten)]
    pub(crate) writing: Writing,
    #[command(flatten)]
    pub(crate) what: Withdrawn,
    /// The whole list.
    #[arg(long, conflicts_with_all = ["entry", "item", "source"])]
    pub(crate) list_all: bool,
    /// The list to withdraw from.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: String,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Suppress {
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Entries, by their ids.
    #[arg(value_name = "ENTRY", required_unless_present = "list")]
    pub(crate) entries: Vec<EntryId>,
    /// A whole list instead.
    #[arg(long, value_name = "NAME", conflicts_with = "entries")]
    pub(crate) list: Option<String>,
    /// Switch on again.
    #[arg(long)]
    pub(crate) lift: bool,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: String,
}

impl Writing {
    pub(crate) fn store(&self) -> &Path {
        &self.store
    }

    /// The time of the change.
    pub(crate) fn now(&self) -> u64 {
        self.now.unwrap_or_else(crate::judging::now)
    }
}
