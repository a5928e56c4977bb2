//! Actions and modes: the words a policy answers with.

use crate::names::named;

named! {
    /// What the platform is told to do with an upload. Ordered: a stronger action is greater.
    ///
    /// ```
    /// use tamis::policy::Action;
    /// assert!(Action::Block > Action::Review && Action::Review > Action::Allow);
    /// assert_eq!("review".parse::<Action>()?, Action::Review);
    /// # Ok::<(), tamis::Error>(())
    /// ```
    Action("an action") {
        /// Store and publish it.
        Allow = 1 "allow",
        /// Do not publish it until a person has decided.
        Review = 2 "review",
        /// Refuse it.
        Block = 3 "block",
    }
}

named! {
    /// Whether a policy's actions take effect.
    Mode("a mode") {
        /// Every upload is allowed; the judgement says what enforcing would have done.
        Observe = 1 "observe",
        /// The actions take effect.
        Enforce = 2 "enforce",
    }
}
