//! The arguments of the verbs of `tamis store` that are about other people's lists.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use tamis::set::ListKind;

use super::values::{time, whole, words};
use super::{Grounds, Writing};

/// Kinds of lists that somebody else makes.
const OF_OTHERS: [ListKind; 4] =
    [ListKind::Friend, ListKind::Exchange, ListKind::Referral, ListKind::Submissions];

#[derive(Debug, Subcommand)]
pub(crate) enum SubscribeVerb {
    /// Subscribe to a list: pin its maker's keys, and say how far it is trusted. Without keys: show what is pinned.
    #[command(
        after_help = "Examples:\n  tamis store trust STORE neighbour.pub --list neighbour\n  \
                      tamis store trust STORE RWQf6LRCGA9i53ml...FO3 --list gifct --kind exchange --agreement 'MoU 2026'\n  \
                      tamis store trust STORE a.pub b.pub c.pub --list shared --need 2\n  \
                      tamis store trust STORE new.pub --list neighbour --replace DE3F210D0B600F19\n  \
                      tamis store trust STORE\n\n\
                      Get the key from its maker by another way than the feed, and compare its id. A key is worth nothing for any other list. \
                      A list that is new to the store is a friend's, so its matches go to review, unless --kind says otherwise.\n\n\
                      When a key changes or is lost, see \"Keys of lists\" in SECURITY.md.\n\n\
                      Exit status: 0; 2 on an error, and then nothing was changed."
    )]
    Trust(Trust),
    /// Apply what other programs drop into a directory: signed feeds, as soon as they are complete.
    #[command(
        after_help = "Examples:\n  tamis store watch /var/spool/tamis --store /var/lib/tamis\n  \
                      rsync -a maker::feed/ /var/spool/tamis/neighbour/\n  tamis store watch /var/spool/tamis --store /var/lib/tamis --once\n\n\
                      Each directory in DIR with a feed.json, or DIR itself, is a feed of a list that `tamis store trust` knows. How it comes there is \
                      your choice: rsync, wget, a script that reads mails. It may come in any order and in pieces: a feed whose sets are not \
                      all there, or not signed well yet, is waited for; with --once it is refused. Single set files (*.tamis) are taken only for lists that are pinned with --unsigned.\n\n\
                      It touches no network and deletes nothing. What it refuses is told here and in `tamis store log`, once for each content. \
                      Ctrl-C ends it. Unit files for systemd are in bindings/cli/systemd.\n\n\
                      Exit status: 0; with --once, 2 if anything was refused, is incomplete or failed; 2 if DIR or the store cannot be used at all."
    )]
    Watch(Watch),
}

#[derive(Debug, Args)]
pub(crate) struct Trust {
    #[command(flatten)]
    pub(crate) writing: Writing,
    /// Public keys: files of minisign, or the keys themselves.
    #[arg(value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// The list. Without one: show all that have keys.
    #[arg(long, value_name = "NAME")]
    pub(crate) list: Option<String>,
    /// How many of the keys must have signed. Default: as before, or 1.
    #[arg(long, value_name = "N", value_parser = whole::<u32>(1..=64))]
    pub(crate) need: Option<u32>,
    /// How far the list is trusted. Default: as before, or friend.
    #[arg(long, value_parser = words(&OF_OTHERS, ListKind::name))]
    pub(crate) kind: Option<ListKind>,
    #[command(flatten)]
    pub(crate) grounds: Grounds,
    /// Let go of this key, by its id, in favour of the ones that are given; may be given several times.
    #[arg(long, value_name = "KEYID", requires = "keys")]
    pub(crate) replace: Vec<String>,
    /// Let go of this key, by its id; may be given several times. What it signed before stays.
    #[arg(long, value_name = "KEYID")]
    pub(crate) remove: Vec<String>,
    /// Take the list without signatures: whoever can write to where it arrives then says what is on it.
    #[arg(long, conflicts_with_all = ["keys", "need", "remove", "replace"])]
    pub(crate) unsigned: bool,
    /// Why, for the log.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) reason: String,
}

#[derive(Debug, Args)]
pub(crate) struct Watch {
    /// The directory to watch.
    pub(crate) dir: PathBuf,
    /// The store directory.
    #[arg(long, value_name = "PATH")]
    pub(crate) store: PathBuf,
    /// Look once, apply what is there, and end.
    #[arg(long)]
    pub(crate) once: bool,
    /// Look at least every so many seconds, whether or not the system says that anything has changed.
    #[arg(long, value_name = "SECONDS", default_value_t = 5, value_parser = whole::<u64>(1..=86400))]
    pub(crate) poll: u64,
    /// Take lists even if they grow or shrink beyond the bounds. Only with --once.
    #[arg(long, requires = "once")]
    pub(crate) force: bool,
    /// The time of the change: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}
