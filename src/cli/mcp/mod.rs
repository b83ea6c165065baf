//! `stead mcp`: a server for agents over standard input and output, in the Model Context Protocol.
//!
//! It is a client of the supervisor, as the other subcommands are: each call looks for one anew, so it may come and go.
//! Only what changes something needs it; logs and why a task failed are known without. Whether changes can be asked for
//! is decided by the person who starts this, not by the agent.

mod brief;
mod logs;
mod tools;

use std::process::ExitCode;

use anyhow::Context;
use clap::Args;
use rmcp::model::{
    CallToolRequestParams, CallToolResponse, CallToolResult, ContentBlock, Implementation, ListToolsResult,
    PaginatedRequestParams, ServerCapabilities, ServerConfig,
};
use rmcp::service::RequestContext;
use rmcp::{ErrorData, RoleServer, ServerHandler, ServiceExt};

use super::FileArgs;
use super::client::block_on;
use tools::Tool;

/// Bytes of one answer; of logs, the oldest lines are left out, of anything else nothing is shown.
const TOOL_ANSWER_BYTES: usize = 64 * 1024;

const INSTRUCTIONS: &str = "stead supervises the processes of this project. Ask `status` how everything stands, `why` \
                            for the cause when a task is not running, and `logs` for what it wrote.";

/// The arguments of `stead mcp`.
#[derive(Debug, Clone, Args)]
pub(super) struct McpArgs {
    /// Let the agent start, stop and restart tasks; without this it can only look
    #[arg(long)]
    allow_control: bool,
}

/// Serves until standard input ends.
///
/// # Errors
///
/// What comes in is no MCP.
pub(super) fn run(file: &FileArgs, args: &McpArgs) -> anyhow::Result<ExitCode> {
    let server = Server { file: file.clone(), allow_control: args.allow_control };
    block_on(async {
        let service = server.serve(rmcp::transport::stdio()).await.context("no agent has introduced itself")?;
        service.waiting().await.context("the conversation broke off")?;
        Ok(ExitCode::SUCCESS)
    })
}

#[derive(Debug)]
struct Server {
    file: FileArgs,
    allow_control: bool,
}

impl Server {
    fn tools(&self) -> impl Iterator<Item = &'static Tool> {
        tools::TOOLS.iter().filter(|tool| self.allow_control || !tool.changes())
    }
}

impl ServerHandler for Server {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(ServerCapabilities::builder().enable_tools().build())
            .with_server_info(Implementation::new("stead", env!("CARGO_PKG_VERSION")))
            .with_instructions(INSTRUCTIONS)
    }

    async fn list_tools(
        &self,
        _request: Option<PaginatedRequestParams>,
        _context: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        Ok(ListToolsResult::with_all_items(self.tools().map(Tool::described).collect()))
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        let Some(tool) = self.tools().find(|tool| tool.name == request.name) else {
            let hidden = tools::TOOLS.iter().any(|tool| tool.name == request.name);
            let hint = if hidden { ": `stead mcp` runs without --allow-control" } else { "" };
            return Err(ErrorData::invalid_params(format!("there is no tool `{}`{hint}", request.name), None));
        };
        let answered = tool.call(&self.file, request.arguments.unwrap_or_default());
        let answer = tokio::select! {
            answer = answered => answer,
            () = context.ct.cancelled() => Err(anyhow::anyhow!("cancelled")),
        };
        let result = match answer {
            Ok(answer) if answer.to_string().len() > TOOL_ANSWER_BYTES => failed(format!(
                "the answer has more than {TOOL_ANSWER_BYTES} bytes: name the tasks you want to know of"
            )),
            Ok(answer) => CallToolResult::structured(answer),
            Err(error) => failed(format!("{error:#}")),
        };
        Ok(result.into())
    }
}

fn failed(why: String) -> CallToolResult {
    CallToolResult::error(vec![ContentBlock::text(why)])
}
