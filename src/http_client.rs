//! A minimal HTTP client: one request on a connection of its own, of which the status is the answer.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::net::TcpStream;
use tokio_util::task::AbortOnDropHandle;

/// The port of an `http` URL that names none.
const HTTP_PORT: u16 = 80;

/// Why a request has no answer.
#[derive(Debug, Error)]
pub(crate) enum HttpError {
    /// The URL can't be parsed, or names no host.
    #[error("`{0}` is not a URL with a host")]
    Url(String),
    /// The connection failed.
    #[error("cannot connect to {address}")]
    Connect {
        /// Host and port.
        address: String,
        /// The cause.
        source: std::io::Error,
    },
    /// A header or the request line is invalid.
    #[error("the request is invalid")]
    Request(#[from] hyper::http::Error),
    /// The server closed the connection or does not speak HTTP.
    #[error("no http answer")]
    Answer(#[from] hyper::Error),
}

/// Sends a request to `url` and returns the status of the answer. User and password of the URL become basic
/// authentication. There is no timeout: dropping the future closes the connection.
///
/// # Errors
///
/// There was no answer.
pub(crate) async fn send(url: &str, request: Builder, body: String) -> Result<StatusCode, HttpError> {
    let invalid = || HttpError::Url(url.to_owned());
    let parsed: Uri = url.parse().map_err(|_| invalid())?;
    let authority = parsed.authority().ok_or_else(invalid)?;
    let port = authority.port_u16().unwrap_or(HTTP_PORT);
    // Only a URL puts an IPv6 address in brackets.
    let stream = TcpStream::connect((authority.host().trim_matches(['[', ']']), port)).await;
    let address = format!("{}:{port}", authority.host());
    let stream = stream.map_err(|source| HttpError::Connect { address: address.clone(), source })?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The answer tells how the connection fares.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    let mut request = request.uri(path).header(HOST, address);
    if let Some((user, _)) = authority.as_str().rsplit_once('@') {
        request = request.header(AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(user)));
    }
    let request: Request<String> = request.body(body)?;
    Ok(sender.send_request(request).await?.status())
}
