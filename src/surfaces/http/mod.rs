//! The HTTP API, whatever it listens on: the web surface serves it over TCP, the control surface over a socket file.
//!
//! It sends snapshots and passes requests on; it holds no task state and decides nothing about a task. The surface that
//! listens decides who may connect, before a request comes here.
//!
//! | module | its job |
//! |---|---|
//! | `server` | connections: accept, register, bound, end in good order |
//! | `activity` | which connections wait for their clients |
//! | `router` | every route, and the bounds on requests |
//! | `state` | what the routes share |
//! | `caller`, `extract` | what handlers take from a request |
//! | `status`, `readiness` | the supervisor at one instant, and its configuration |
//! | `live`, `deltas`, `sse` | the event stream, with the changes of the state |
//! | `requests` | requests that change something |
//! | `clients` | who is connected |
//! | `attach`, `cells` | a task's terminal: input, and a WebSocket to it |
//! | `logs`, `log_query`, `follow` | what the tasks wrote: pages, and lines as they are written |
//! | `runs`, `why` | a task's past; why it is in its state |
//! | `reading` | turns to read what is on disk |
//! | `openapi`, `flat_schemas` | the description of the routes |
//! | `problem` | refusals |
//! | `limits` | every bound |

mod activity;
mod attach;
mod caller;
mod cells;
mod clients;
mod deltas;
mod environment;
mod extract;
mod flat_schemas;
mod follow;
pub(super) mod limits;
mod live;
mod log_query;
mod logs;
mod openapi;
mod problem;
mod readiness;
mod reading;
mod requests;
mod router;
mod runs;
mod server;
mod sse;
mod state;
mod status;
mod why;

pub(super) use caller::trust_name;
pub(super) use problem::Problem;
pub(super) use router::router;
pub(super) use server::{Accepted, Clients, Listen, serve};
pub(super) use state::Api;
