//! A tokio program with a critical and a flaky task under one policy.
//!
//! Run it with `cargo run --example embedded`; ctrl-c drains it.

use std::time::Duration;

use stead::supervisor::{Followed, RestartConfig, TaskSupervisor};
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() {
    let root = CancellationToken::new();
    let mut supervisor = TaskSupervisor::new(root.clone(), RestartConfig::default());

    // Critical: the program makes no sense without it. It runs already when it is handed over, and follows
    // the root token.
    let stop = root.child_token();
    let listener = tokio::spawn(async move {
        println!("listener: up");
        stop.cancelled().await;
        println!("listener: last connection closed");
        Ok(())
    });
    supervisor.track_critical("listener", listener);

    // Restartable: made anew for each run, with a token of that run's own.
    let mut run = 0;
    supervisor.track_restartable("poller", move |stop| {
        run += 1;
        async move {
            println!("poller: run {run}");
            tokio::select! {
                () = tokio::time::sleep(Duration::from_millis(300)) => anyhow::bail!("the upstream hung up"),
                () = stop.cancelled() => Ok(()),
            }
        }
    });

    // What happens can be watched from anywhere in the program.
    let mut events = supervisor.handle().event_log().follow(0);
    tokio::spawn(async move {
        loop {
            match events.next().await {
                Followed::Event(event) => {
                    println!("  [{}] {}", event.event.task.as_deref().unwrap_or("supervisor"), event.text);
                }
                Followed::Dropped(count) => println!("  {count} events were missed"),
            }
        }
    });

    supervisor.on_stop(|_| println!("all down"));
    let outcome = supervisor.run().await;
    println!("{outcome}");
    // Not `return`: a task that blocks its thread would hold the runtime's end for ever.
    std::process::exit(outcome.exit_code().into());
}
