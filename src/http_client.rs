//! A minimal HTTP client: one request on a connection of its own; its status and the start of its body are the answer.
//!
//! TLS is rustls over ring: nothing of it needs a library of the system. The certificates that count are those of the
//! system, among them the ones of a company or of a developer's own authority.

use std::io;
use std::sync::{Arc, LazyLock};

use axum::body::Body;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use futures_util::StreamExt;
use hyper::header::{AUTHORIZATION, HOST};
use hyper::http::request::Builder;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use thiserror::Error;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::spawn_blocking;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use tokio_rustls::rustls::crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature};
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use tokio_rustls::rustls::{ClientConfig, DigitallySignedStruct, Error as TlsError, RootCertStore, SignatureScheme};
use tokio_util::task::AbortOnDropHandle;

/// The ports of URLs that name none.
const HTTP_PORT: u16 = 80;
const HTTPS_PORT: u16 = 443;
/// Bytes of an answer's body that are read.
const BODY_BYTES: usize = 4 * 1024;

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
        source: io::Error,
    },
    /// The server's certificate does not count, or it does not speak TLS.
    #[error("no TLS connection: {0}")]
    Tls(io::Error),
    /// A header or the request line is invalid.
    #[error("the request is invalid")]
    Request(#[from] hyper::http::Error),
    /// The server closed the connection or does not speak HTTP.
    #[error("no http answer")]
    Answer(#[from] hyper::Error),
}

/// An answer.
#[derive(Debug)]
pub(crate) struct HttpReply {
    pub(crate) status: StatusCode,
    /// The start of its body.
    pub(crate) body: String,
}

/// Which certificates of servers are accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Certificates {
    /// Those that the system trusts.
    Trusted,
    /// Any.
    Any,
}

trait ByteStream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<T: AsyncRead + AsyncWrite + Unpin + Send> ByteStream for T {}

/// Sends a request to `url` and returns the answer. User and password of the URL become basic authentication. There is no
/// timeout: dropping the future closes the connection.
///
/// # Errors
///
/// There was no answer.
pub(crate) async fn send(
    url: &str,
    request: Builder,
    body: String,
    certificates: Certificates,
) -> Result<HttpReply, HttpError> {
    let invalid = || HttpError::Url(url.to_owned());
    let parsed: Uri = url.parse().map_err(|_| invalid())?;
    let authority = parsed.authority().ok_or_else(invalid)?;
    let is_https = parsed.scheme_str() == Some("https");
    let port = authority.port_u16().unwrap_or(if is_https { HTTPS_PORT } else { HTTP_PORT });
    // Only a URL puts an IPv6 address in brackets.
    let host = authority.host().trim_matches(['[', ']']);
    let stream = TcpStream::connect((host, port)).await;
    let address = format!("{}:{port}", authority.host());
    let stream = stream.map_err(|source| HttpError::Connect { address: address.clone(), source })?;
    let stream: Box<dyn ByteStream> =
        if is_https { Box::new(with_tls(stream, host, certificates).await?) } else { Box::new(stream) };
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    // The answer tells how the connection fares.
    let _connection = AbortOnDropHandle::new(tokio::spawn(connection));
    let path = parsed.path_and_query().map_or("/", |path| path.as_str());
    let mut request = request.uri(path);
    if !request.headers_ref().is_some_and(|headers| headers.contains_key(HOST)) {
        request = request.header(HOST, address);
    }
    if let Some((user, _)) = authority.as_str().rsplit_once('@') {
        request = request.header(AUTHORIZATION, format!("Basic {}", BASE64_STANDARD.encode(user)));
    }
    let request: Request<String> = request.body(body)?;
    let answer = sender.send_request(request).await?;
    let status = answer.status();
    let mut body = Vec::new();
    let mut chunks = Body::new(answer.into_body()).into_data_stream();
    // What came before an error counts: many servers close a connection without a word.
    while let Some(Ok(chunk)) = chunks.next().await
        && body.len() < BODY_BYTES
    {
        body.extend_from_slice(&chunk[..chunk.len().min(BODY_BYTES - body.len())]);
    }
    Ok(HttpReply { status, body: String::from_utf8_lossy(&body).into_owned() })
}

async fn with_tls(
    stream: TcpStream,
    host: &str,
    certificates: Certificates,
) -> Result<impl ByteStream + use<>, HttpError> {
    let name = ServerName::try_from(host.to_owned()).map_err(|_| HttpError::Url(host.to_owned()))?;
    // The first use reads files.
    let config = spawn_blocking(move || match certificates {
        Certificates::Trusted => Arc::clone(&TRUSTED),
        Certificates::Any => Arc::clone(&ANY),
    });
    let config = config.await.map_err(|error| HttpError::Tls(io::Error::other(error)))?;
    TlsConnector::from(config).connect(name, stream).await.map_err(HttpError::Tls)
}

static PROVIDER: LazyLock<Arc<CryptoProvider>> = LazyLock::new(|| Arc::new(ring::default_provider()));

static TRUSTED: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let mut roots = RootCertStore::empty();
    let found = rustls_native_certs::load_native_certs();
    for error in &found.errors {
        tracing::warn!(%error, "a trusted certificate can't be read");
    }
    roots.add_parsable_certificates(found.certs);
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER)).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has the default versions");
    Arc::new(builder.with_root_certificates(roots).with_no_client_auth())
});

static ANY: LazyLock<Arc<ClientConfig>> = LazyLock::new(|| {
    let builder = ClientConfig::builder_with_provider(Arc::clone(&PROVIDER)).with_safe_default_protocol_versions();
    let builder = builder.expect("ring has the default versions").dangerous();
    Arc::new(builder.with_custom_certificate_verifier(Arc::new(AnyCertificate)).with_no_client_auth())
});

/// Accepts every certificate, for servers of a developer's own; that the server holds its key is still checked.
#[derive(Debug)]
struct AnyCertificate;

impl ServerCertVerifier for AnyCertificate {
    fn verify_server_cert(
        &self,
        _end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, TlsError> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls12_signature(message, cert, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, TlsError> {
        verify_tls13_signature(message, cert, signature, &PROVIDER.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        PROVIDER.signature_verification_algorithms.supported_schemes()
    }
}
