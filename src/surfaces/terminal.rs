//! placeholder until merged
use super::{Surface, SurfaceContext, SurfaceHandle};
pub struct Terminal;
impl Terminal {
    pub fn new(_: bool) -> Self {
        Self
    }
}
impl Surface for Terminal {
    fn name(&self) -> &str {
        "terminal"
    }
    fn about(&self) -> String {
        String::new()
    }
    async fn start(&self, c: SurfaceContext) -> anyhow::Result<SurfaceHandle> {
        Ok(SurfaceHandle {
            channel: None,
            address: None,
            tasks: vec![tokio::spawn(async move {
                c.shutdown.cancelled().await;
                Ok(())
            })],
        })
    }
}
