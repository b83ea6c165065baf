//! placeholder
use crate::{
    config::TaskConfig,
    kernel::LogTail,
    supervisor::{RunContext, core::ExitReason},
};
use std::path::Path;
use std::sync::Arc;
pub(crate) struct ProcessTask;
impl ProcessTask {
    pub(crate) fn new(_: TaskConfig, _: &Path, _: LogTail) -> Self {
        Self
    }
    pub(crate) async fn run(self: Arc<Self>, _: RunContext) -> ExitReason {
        ExitReason::Finished
    }
}
