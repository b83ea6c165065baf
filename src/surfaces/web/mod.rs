//! The web surface.

/// The bundle of files that the web surface serves.
#[derive(Debug, Clone, Default)]
pub struct ActiveWebDist;
