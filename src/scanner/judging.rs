//! Judging: from what is known of an upload to its verdict. The doors that uploads come in by are in `scanner.rs`, whose docs have the steps.

use std::sync::Arc;
use std::time::Instant;

use crate::error::Result;
use crate::examine::{Asked, Examined};
use crate::fingerprint::{Algorithm, View};
use crate::media::{Format, Media, MediaClass, Unscannable, is_container};
use crate::policy::Policy;
use crate::store::Counter;
use crate::verdict::{Difference, Method, ShadowVerdict, Verdict};

use super::run::Run;
use super::{Context, Scanner};

/// The widest radius of a search by hashes that are not exact, in bits. Two hashes that have nothing to do with each other are 128 bits
/// apart, give or take 8: at this radius one in a thousand million is found by chance.
const WIDEST: u32 = 80;

/// What was examined of one upload, with what was asked: views, and whether exactly. Remembered only for a shadow.
type Remembered = Vec<(Vec<View>, bool, std::result::Result<Examined, Unscannable>)>;

/// What is known of an upload that is all there, before any policy is asked.
struct Whole<'a> {
    media: Media,
    /// Missing if it is longer than the limit.
    body: Option<&'a [u8]>,
    /// Whether it can be opened. To find out, all of it is searched.
    container: bool,
}

impl Scanner {
    pub(super) fn judge_fingerprints(&mut self, mut run: Run, policy: &Policy) -> Result<Verdict> {
        run.digest_lookup(&mut self.searcher, policy)?;
        let snapshot = Arc::clone(&run.snapshot);
        let near = run.perceptual_search(&mut self.searcher, policy, &snapshot)?;
        run.keep(&near, policy)?;
        let given = run.fingerprints.digests.algorithms();
        if !given.is_empty() {
            run.examined.push(Method::Digests);
        }
        if !run.fingerprints.perceptual.is_empty() {
            run.examined.push(Method::Perceptual);
        }
        // What was not computed then cannot be compared now; whether there was a picture to hash, nobody knows here.
        let held = run.snapshot.algorithms();
        let complete = held.iter().all(|a| match a {
            Algorithm::Pdq => !run.fingerprints.perceptual.is_empty(),
            digest => given.contains(digest),
        }) && run.exact;
        let media = Media { class: MediaClass::Unknown, format: Format::Unknown };
        Ok(run.finish(policy, media, complete))
    }

    /// Judges the shadow, if there is one, after the verdict is settled.
    pub(super) fn compare(
        &mut self,
        mut verdict: Verdict,
        beside: Option<Run>,
        counting: bool,
        judge: impl FnOnce(&mut Scanner, Run, &Policy) -> Result<Verdict>,
    ) -> Verdict {
        let (Some(run), Some(shadow)) = (beside, &self.options.shadow) else { return verdict };
        let policy = Arc::clone(shadow.policy.as_ref().unwrap_or(&self.options.policy));
        // A candidate that turns out to be damaged must not harm what is in force.
        let Ok(other) = judge(self, run, &policy) else {
            self.shadow_counts.add(None);
            return verdict;
        };
        let told = ShadowVerdict::of(&verdict, &other);
        self.shadow_counts.add(Some(told.difference));
        if let Some(counters) = self.options.store.counters().filter(|_| counting) {
            counters.add(match told.difference {
                Difference::Same => Counter::ShadowSame,
                Difference::Stricter => Counter::ShadowStricter,
                Difference::Looser => Counter::ShadowLooser,
            });
        }
        verdict.shadow = Some(told);
        verdict
    }

    /// From digests and bytes to the verdict. `body` is missing when the upload is longer than the limit.
    pub(super) fn judge(
        &mut self,
        mut run: Run,
        media: Media,
        body: Option<&[u8]>,
        context: &Context,
    ) -> Result<Verdict> {
        run.deadline = context.deadline.and_then(|d| run.started.checked_add(d));
        let beside = run.for_shadow();
        let mut seen = beside.is_some().then(Remembered::new);
        // A file may be a picture or anything else and a document besides. One that is too long was not kept.
        let container = match body {
            Some(bytes) => is_container(bytes, &media),
            None => {
                media.format == Format::Svg
                    || [MediaClass::Archive, MediaClass::Pdf].contains(&media.class)
            }
        };
        let upload = Whole { media, body, container };
        let verdict = self.judge_by(run, &Arc::clone(&self.options.policy), &upload, &mut seen)?;
        Ok(self.compare(verdict, beside, self.options.counting, |scanner, run, policy| {
            scanner.judge_by(run, policy, &upload, &mut seen)
        }))
    }

    fn judge_by(
        &mut self,
        mut run: Run,
        policy: &Policy,
        upload: &Whole<'_>,
        seen: &mut Option<Remembered>,
    ) -> Result<Verdict> {
        let Whole { media, body, container } = upload;
        let (body, container) = (*body, *container);
        run.digest_lookup(&mut self.searcher, policy)?;
        run.examined.push(Method::Digests);
        let views = policy.views();
        let looks_at = |view: &View| match view {
            View::Bytes => false,
            View::Embedded => container,
            _ => media.class.is_picture(),
        };
        let pictures = views.iter().any(looks_at);
        // Videos are not looked into yet, and pictures and documents only if the policy says so.
        let may_hold = media.class.is_picture() || container;
        let opened = !container || views.contains(&View::Embedded);
        let mut complete = media.class != MediaClass::Video && (pictures || !may_hold) && opened;
        // Of what was not kept nobody knows what else it can be opened as.
        complete &= body.is_some();
        if pictures && run.snapshot.algorithms().contains(Algorithm::Pdq) {
            if policy.decided_by_digests(&run.matches) {
                complete = false;
            } else {
                let examined = match body {
                    Some(bytes) => self.perceptual(&mut run, policy, bytes, media, seen)?,
                    None => Err(Unscannable::Limit),
                };
                match examined {
                    Ok(examined) => {
                        // Of a document without pictures nothing but the digests was compared.
                        if media.class.is_picture() || !examined.perceptual.is_empty() {
                            run.examined.push(Method::Perceptual);
                        }
                        run.unscannable = examined.missed;
                        complete = complete && examined.complete && run.unscannable.is_none();
                    }
                    Err(reason) => {
                        run.unscannable = Some(reason);
                        complete = false;
                    }
                }
            }
        }
        Ok(run.finish(policy, *media, complete))
    }

    /// Decodes the picture and hashes each view that the policy names, unless that was done a moment ago.
    fn examine(
        &mut self,
        run: &mut Run,
        asked: &Asked<'_>,
        bytes: &[u8],
        media: &Media,
        seen: &mut Option<Remembered>,
    ) -> std::result::Result<Examined, Unscannable> {
        let mut known = seen.iter().flatten();
        if let Some((.., known)) = known.find(|(v, e, _)| v == asked.views && *e == asked.exact) {
            return known.clone();
        }
        let examined = self.examine_anew(run, asked, bytes, media);
        if let Some(seen) = seen {
            seen.push((asked.views.to_vec(), asked.exact, examined.clone()));
        }
        examined
    }

    fn examine_anew(
        &mut self,
        run: &mut Run,
        asked: &Asked<'_>,
        bytes: &[u8],
        media: &Media,
    ) -> std::result::Result<Examined, Unscannable> {
        #[cfg(feature = "worker")]
        if let Some(worker) = &mut self.worker {
            return run.step(|t| &mut t.examine, || worker.examine(bytes, media, asked));
        }
        let examiner = &mut self.examiner;
        run.step(|t| &mut t.examine, || examiner.examine(bytes, media, asked))
    }

    /// Examines the picture and looks it up, by its luma first if that is cheaper: only what is near anything is
    /// examined exactly, and then that decides.
    fn perceptual(
        &mut self,
        run: &mut Run,
        policy: &Policy,
        bytes: &[u8],
        media: &Media,
        seen: &mut Option<Remembered>,
    ) -> Result<std::result::Result<Examined, Unscannable>> {
        // The limits on time are those of examining; digests have their own pace.
        let limits = self.options.limits.clone();
        let first = Asked {
            views: policy.views(),
            exact: self.options.exact,
            limits: &limits,
            started: Instant::now(),
            deadline: run.deadline,
        };
        let exactly = Asked { exact: true, ..first };
        let mut first = match self.examine(run, &first, bytes, media, seen) {
            Ok(examined) => examined,
            Err(reason) => return Ok(Err(reason)),
        };
        let slack = first.perceptual.iter().map(|p| p.slack).max().unwrap_or(0);
        if slack > 0 && policy.radius().saturating_add(slack) > WIDEST {
            // So wide a search finds strangers. Where colour is out of reach it must do all the same.
            first = self.examine(run, &exactly, bytes, media, seen).unwrap_or(first);
        }
        run.fingerprints.perceptual.clone_from(&first.perceptual);
        let snapshot = Arc::clone(&run.snapshot);
        let searching = Instant::now();
        let mut near = run.perceptual_search(&mut self.searcher, policy, &snapshot)?;
        // A large store that is not in memory yet takes its time, which is not the picture's.
        let started = exactly.started.checked_add(searching.elapsed()).unwrap_or(exactly.started);
        let exactly = Asked { started, ..exactly };
        let mut decisive = first;
        if decisive.perceptual.iter().any(|p| p.slack > 0) && !near.is_empty()? {
            match self.examine(run, &exactly, bytes, media, seen) {
                Ok(examined) => {
                    run.fingerprints.perceptual.clone_from(&examined.perceptual);
                    near = run.perceptual_search(&mut self.searcher, policy, &snapshot)?;
                    decisive = examined;
                }
                // What is near stays a match, of a distance that is only known within the slack.
                Err(reason) => {
                    decisive = Examined { complete: false, missed: Some(reason), ..decisive };
                }
            }
        }
        run.keep(&near, policy)?;
        Ok(Ok(decisive))
    }
}
