//! `stead down`: end the supervisor that runs, and wait until it is gone.

use std::process::ExitCode;

use anyhow::Context;
use hyper::StatusCode;

use super::client::{Client, ClientError, block_on};
use super::{EXIT_REFUSED, FileArgs, complain, print};

/// Has everything stopped in good order, waits for the end, and says how that came.
///
/// # Errors
///
/// There is no supervisor, or it can't be asked.
pub(super) fn run(file: &FileArgs) -> anyhow::Result<ExitCode> {
    let client = Client::of(file)?;
    block_on(async {
        match client.post("/api/v1/shutdown", None).await {
            Ok(_) => Ok(()),
            // It is going down already.
            Err(ClientError::Refused { status: StatusCode::CONFLICT, .. }) => Ok(()),
            Err(error) => Err(error.into()),
        }
    })?;
    client.paths.wait_until_free().context("cannot wait for the end")?;
    match client.paths.outcome() {
        Some(outcome) => {
            print(outcome.trim_end())?;
            Ok(ExitCode::SUCCESS)
        }
        None => {
            complain("the supervisor is gone, and did not say how it ended");
            Ok(ExitCode::from(EXIT_REFUSED))
        }
    }
}
