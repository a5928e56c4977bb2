//! How a set is built, and how far a build is.

use std::ops::ControlFlow;

use crate::error::{Error, ErrorCode, Result};
use crate::names::named;

named! {
    /// What a set is built for.
    #[non_exhaustive]
    Profile("a profile") {
        /// Everything that makes the search fast.
        Full = 1 "full",
        /// Without the radius index, for hosts with little memory or disk: 32 bytes for each PDQ code instead of 160. A search by PDQ
        /// is a scan then, some milliseconds for a million codes; it finds the same.
        Small = 2 "small",
    }
}

/// How a set is built. The default is [`Profile::Full`] on the caller's own thread.
///
/// ```
/// use tamis::set::{BuildOptions, Profile, SetBuilder};
/// let options = BuildOptions::new().profile(Profile::Small).jobs(0);
/// # let path = tempfile::tempdir()?.path().join("x");
/// # std::fs::create_dir(path.parent().unwrap())?;
/// let report = SetBuilder::new().write_with(path, &options, &mut |progress| {
///     println!("{} {:.0} %", progress.phase, progress.fraction * 100.0);
///     std::ops::ControlFlow::Continue(())
/// })?;
/// assert_eq!(report.entries, 0);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BuildOptions {
    pub(super) profile: Profile,
    pub(super) jobs: usize,
}

impl BuildOptions {
    /// The default.
    pub fn new() -> BuildOptions {
        BuildOptions { profile: Profile::Full, jobs: 1 }
    }

    /// What the set is for.
    #[must_use]
    pub fn profile(mut self, profile: Profile) -> BuildOptions {
        self.profile = profile;
        self
    }

    /// Number of threads; 0 is one per core. The bytes of the set are the same, whatever the number. They are started
    /// by the call that builds and gone when it returns. Without the feature `rayon` there is only the caller's thread.
    #[must_use]
    pub fn jobs(mut self, jobs: usize) -> BuildOptions {
        self.jobs = jobs;
        self
    }
}

impl Default for BuildOptions {
    fn default() -> BuildOptions {
        BuildOptions::new()
    }
}

named! {
    /// What a build is doing.
    #[non_exhaustive]
    BuildPhase("a phase of a build") {
        /// Sorting the entries and finding those that were given twice.
        Sorting = 1 "sorting",
        /// Numbering strings, label sets and items.
        Numbering = 2 "numbering",
        /// Writing lists, entries and fingerprints.
        Writing = 3 "writing",
        /// Making and writing the radius index.
        Indexing = 4 "indexing",
        /// Waiting until the disk has it, and putting it in place.
        Publishing = 5 "publishing",
    }
}

/// How far a build is.
#[derive(Clone, Copy, Debug, PartialEq)]
#[non_exhaustive]
pub struct BuildProgress {
    /// What it is doing.
    pub phase: BuildPhase,
    /// How much of the whole build is done, 0 to 1; it never falls, and it is 1 when the set is in place.
    pub fraction: f64,
}

/// Called now and then while a set is built; [`ControlFlow::Break`] asks the build to stop.
pub type OnProgress<'a> = dyn FnMut(BuildProgress) -> ControlFlow<()> + 'a;

/// Share of the time of a build that is over when a phase ends, measured with ten million PDQ entries.
const SORTED: f64 = 0.15;
const NUMBERED: f64 = 0.40;
const WRITTEN: f64 = 0.95;

/// Tells the caller how far the build is, and remembers that it asked to stop.
pub(super) struct Meter<'a> {
    tell: &'a mut OnProgress<'a>,
    fraction: f64,
}

impl<'a> Meter<'a> {
    pub(super) fn new(tell: &'a mut OnProgress<'a>) -> Meter<'a> {
        Meter { tell, fraction: 0.0 }
    }

    /// So much of a phase, 0 to 1, is done. Writing and indexing are one stretch of bytes.
    ///
    /// # Errors
    /// [`ErrorCode::Stopped`] if the caller asks to stop.
    pub(super) fn at(&mut self, phase: BuildPhase, part: f64) -> Result<()> {
        let (start, end) = match phase {
            BuildPhase::Sorting => (0.0, SORTED),
            BuildPhase::Numbering => (SORTED, NUMBERED),
            BuildPhase::Writing | BuildPhase::Indexing => (NUMBERED, WRITTEN),
            BuildPhase::Publishing => (WRITTEN, 1.0),
        };
        self.fraction = self.fraction.max(start + (end - start) * part.clamp(0.0, 1.0));
        match (self.tell)(BuildProgress { phase, fraction: self.fraction }) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => {
                Err(Error::new(ErrorCode::Stopped, "the build was stopped; nothing was published"))
            }
        }
    }
}
