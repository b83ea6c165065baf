//! The names of stead's own tasks. They have a namespace of their own, so that the project's tasks may have any other name.

/// What no task of a project may begin with.
pub(crate) const BUILTIN_NAMESPACE: &str = "stead.";

pub(crate) const WARDEN: &str = "stead.warden";
pub(crate) const GATEWAY: &str = "stead.gateway";
pub(crate) const WEB: &str = "stead.web";
pub(crate) const CONTROL: &str = "stead.control";
pub(crate) const HOOKS: &str = "stead.hooks";
pub(crate) const TERMINAL: &str = "stead.terminal";
pub(crate) const PLAIN: &str = "stead.plain";

/// All of them.
pub(crate) const BUILTIN_TASKS: [&str; 7] = [WARDEN, GATEWAY, WEB, CONTROL, HOOKS, TERMINAL, PLAIN];
