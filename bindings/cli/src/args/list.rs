//! The arguments of `tamis list`: the list makers' side.

use std::path::PathBuf;

use clap::{ArgGroup, Args, Subcommand};

use super::values::{time, whole};
use super::{Said, Sources, Withdrawn};

#[derive(Debug, Subcommand)]
pub(crate) enum ListVerb {
    /// Begin a list: make its directory.
    #[command(
        after_help = "Example:\n  tamis list new terror-pictures --name terror-pictures --contact lists@example.org \\\n    \
                      --corrections https://example.org/wrong --criteria 'Pictures of attacks, reviewed by two people'\n\n\
                      What it makes:\n  \
                      DIR/list.json       what you say here; edit it at any time, the next `publish` takes it over\n  \
                      DIR/pending.jsonl   what `add` and `withdraw` have noted since the last `publish`\n  \
                      DIR/public/         the feed: serve this directory, and nothing else of DIR, to your subscribers\n\n\
                      Directories have mode 0750 and files 0640: give the web server the group, or copy `public` to it. \
                      Entries are confidential, so let only your subscribers have it.\n\n\
                      Exit status: 0, or 2 if it was not made."
    )]
    New(NewList),
    /// Note entries for the next publication.
    #[command(
        after_help = "Examples:\n  tamis list add DIR picture.jpg --item attack-2026-11 --label terror --reviewed\n  \
                      tamis list add DIR --fingerprint sha256:2c26b46b...98ae --incident parade --expires 72h\n  \
                      tamis list add DIR --from hashes.csv\n\n\
                      A file gives two entries, its SHA-256 and, if it is a picture, its PDQ; the file itself is not kept. \
                      What the options say holds for all entries of the call, but what a row of --from says itself stands; labels \
                      are added, and the earlier end holds. One bad row, and nothing of the call is noted.\n\n\
                      Exit status: 0; 2 if anything was refused: then nothing was noted."
    )]
    Add(AddToList),
    /// Note what the next publication withdraws.
    #[command(
        after_help = "Examples:\n  tamis list withdraw DIR --entry 4f0c...77\n  tamis list withdraw DIR --item attack-2026-11\n\n\
                      Exit status: 0; 2 if nothing of that name is on the list or pending: then nothing was noted."
    )]
    Withdraw(WithdrawFromList),
    /// Turn what was noted into the next change, and publish it in DIR/public.
    #[command(
        after_help = "Examples:\n  tamis list publish DIR --key ~/lists.key\n  tamis list publish DIR --compact --key ~/lists.key\n\n\
                      New set files are written first and feed.json last, each under another name and then renamed, so whoever copies the \
                      directory at any moment has something whole or something that does not fit yet, which subscribers wait for. \
                      Where several must sign, let all of them sign (`tamis list sign`) before subscribers can see it.\n\n\
                      The password of an encrypted key is asked for on the terminal, or taken from TAMIS_KEY_PASSWORD.\n\n\
                      Exit status: 0, published or nothing to publish; 2 on an error."
    )]
    Publish(PublishList),
    /// Add a signature to a feed.
    #[command(
        after_help = "Examples:\n  tamis list sign DIR --key ~/mine.key\n  minisign -S -s ~/mine.key -m DIR/public/feed.json     (the same)\n\n\
                      The first signature becomes feed.json.minisig, those of other keys feed.json.KEYID.minisig. Before it signs, it checks \
                      the feed and every set of it, as a subscriber would.\n\n\
                      Exit status: 0, or 2 if it was not signed."
    )]
    Sign(SignList),
    /// Check a feed as its subscribers will, and for what they will miss.
    #[command(
        after_help = "Examples:\n  tamis list lint DIR\n  tamis list lint DIR --pub lists.pub --canaries ~/harmless-pictures\n\n\
                      Each fault is one line with a code that does not change, such as no-contact, unsigned or canary.\n\n\
                      Exit status: 0 if nothing is wrong, 2 if anything is."
    )]
    Lint(LintList),
    /// Make a key pair, as minisign does.
    #[command(after_help = "Example:\n  tamis list keygen ~/lists\n\n\
                      Writes ~/lists.pub, which subscribers pin, and ~/lists.key, which nobody else may ever have: it is encrypted by a password \
                      that is asked for on the terminal, or taken from TAMIS_KEY_PASSWORD. Keep a copy of both offline. \
                      Both are files of minisign and work with it.\n\n\
                      Exit status: 0, or 2 if nothing was written; existing files are never replaced.")]
    Keygen(Keygen),
}

#[derive(Debug, Args)]
pub(crate) struct NewList {
    /// The directory to make.
    pub(crate) dir: PathBuf,
    /// The list's name, which subscribers pin your keys to. It cannot be changed later.
    #[arg(long)]
    pub(crate) name: String,
    /// How subscribers reach you.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) contact: String,
    /// Where to say that an entry is wrong.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) corrections: String,
    /// What is listed, and what is not: a sentence, or an address of a page.
    #[arg(long, value_name = "TEXT", default_value = "", hide_default_value = true)]
    pub(crate) criteria: String,
    /// Let each publication end after so many days: then nobody in between can hold news back for longer, but you must publish (`--renew`)
    /// at least that often.
    #[arg(long, value_name = "DAYS", value_parser = whole::<u32>(1..=3650))]
    pub(crate) expires_after: Option<u32>,
}

#[derive(Debug, Args)]
pub(crate) struct AddToList {
    /// The list's directory.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) sources: Sources,
    #[command(flatten)]
    pub(crate) said: Said,
    /// A human has reviewed what is listed, but for rows that say something else.
    #[arg(long)]
    pub(crate) reviewed: bool,
}

#[derive(Debug, Args)]
#[command(group(ArgGroup::new("what").args(["entry", "item", "source"]).required(true).multiple(true)))]
pub(crate) struct WithdrawFromList {
    /// The list's directory.
    pub(crate) dir: PathBuf,
    #[command(flatten)]
    pub(crate) what: Withdrawn,
}

#[derive(Debug, Args)]
pub(crate) struct PublishList {
    /// The list's directory.
    pub(crate) dir: PathBuf,
    /// Sign it with this secret key.
    #[arg(long, value_name = "SECRET")]
    pub(crate) key: Option<PathBuf>,
    /// Join all earlier changes to one base. Subscribers who are up to date need not fetch it.
    #[arg(long)]
    pub(crate) compact: bool,
    /// Publish a new version even if nothing was noted: new dates, and what was edited in list.json.
    #[arg(long)]
    pub(crate) renew: bool,
    /// The time of the publication: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct SignList {
    /// The list's directory, or a feed's.
    pub(crate) dir: PathBuf,
    /// The secret key.
    #[arg(long, value_name = "SECRET")]
    pub(crate) key: PathBuf,
    /// Name of the signature file: feed.json.minisig, or feed.json.NAME.minisig.
    #[arg(long, value_name = "NAME")]
    pub(crate) out: Option<String>,
}

#[derive(Debug, Args)]
pub(crate) struct LintList {
    /// The list's directory, or a feed's.
    pub(crate) dir: PathBuf,
    /// A public key that must have signed it: a file or the key itself; may be given several times.
    #[arg(long = "pub", value_name = "KEY")]
    pub(crate) keys: Vec<String>,
    /// A file, or a directory of files, that no entry may match; may be given several times.
    #[arg(long, value_name = "PATH")]
    pub(crate) canaries: Vec<PathBuf>,
    /// The time to check at: a date, RFC 3339 or seconds since 1970. Default: now.
    #[arg(long, value_name = "TIME", value_parser = time)]
    pub(crate) now: Option<u64>,
}

#[derive(Debug, Args)]
pub(crate) struct Keygen {
    /// Where to write the pair: NAME.pub and NAME.key.
    pub(crate) name: PathBuf,
    /// Do not encrypt the secret key.
    #[arg(short = 'W', long)]
    pub(crate) without_password: bool,
}
