//! Who may talk to the web surface at all, decided before any route sees the request.
//!
//! A supervisor on loopback is reachable by every page that the user's browser has open and by every user of this
//! machine. Three checks keep those out: the `Host` must be a name under which no foreign page can be served (against DNS
//! rebinding), nothing below `/api` and no metrics go to a page of another origin (which could measure how long an answer
//! takes, if not read it), and a request must have the token. Without it there are only the page's own files, health,
//! and on loopback metrics, and what [`ReadAccess::Anyone`] opens.

use std::net::IpAddr;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::token::Token;
use crate::config::ReadAccess;
use crate::surfaces::http::Problem;

/// How a WebSocket of a page shows its token, as a page can't set headers: among the protocols that it speaks.
const PROTOCOL: &[u8] = b"token.";
/// How a request shows its token: `Authorization: Bearer TOKEN`.
const SCHEME: &[u8] = b"Bearer ";

/// Where everything is that is not the page's own.
const API: &str = "/api/";
/// The one path below it that says nothing of this supervisor.
const DESCRIPTION: &str = "/api/openapi.json";
const METRICS: &str = "/metrics";

/// What requests are judged by.
#[derive(Debug, Clone)]
pub(super) struct Guard {
    /// The address listened on.
    listen: IpAddr,
    read: ReadAccess,
    token: Token,
}

impl Guard {
    pub(super) fn new(listen: IpAddr, read: ReadAccess, token: Token) -> Self {
        Self { listen, read, token }
    }

    /// Whether reading what is at this path needs the token.
    fn protects(&self, path: &str) -> bool {
        let is_exposed = !self.listen.to_canonical().is_loopback();
        match path {
            DESCRIPTION => false,
            METRICS => is_exposed,
            path => path.starts_with(API) && (is_exposed || self.read == ReadAccess::Token),
        }
    }
}

/// The address of ours that a connection reached; the server puts it into each request's extensions.
#[derive(Debug, Clone, Copy)]
pub(in crate::surfaces) struct Reached(pub(super) IpAddr);

/// Lets a request pass to the routes or answers it with a [`Problem`], and hardens whatever goes back.
pub(super) async fn guard(State(guard): State<Guard>, request: Request, next: Next) -> Response {
    let mut response = match admit(&guard, &request) {
        Ok(()) => next.run(request).await,
        Err(problem) => problem.into_response(),
    };
    for (name, value) in HARDENING {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// Sent with every response. There is no CORS header: no other origin has any business here.
const HARDENING: [(HeaderName, &str); 5] = [
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; object-src 'none'",
    ),
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
];

fn admit(guard: &Guard, request: &Request) -> Result<(), Problem> {
    let &Reached(local) = request.extensions().get().expect("the server adds it to every request");
    let host = host(request)?;
    if !is_ours(&host, guard.listen, local) {
        let detail = format!("this server is not `{host}`; ask for it by localhost or by its address");
        return Err(Problem::new(StatusCode::MISDIRECTED_REQUEST, detail));
    }
    let (headers, path) = (request.headers(), request.uri().path());
    // It begins with GET, and can be typed into.
    let is_socket = headers.contains_key(header::UPGRADE);
    let changes = is_socket || !request.method().is_safe();
    if (changes || path == METRICS || path.starts_with(API)) && !is_same_origin(headers, &host) {
        return Err(Problem::new(StatusCode::FORBIDDEN, "a page of another origin has no access"));
    }
    let admitted = has_token(headers, &guard.token) || (is_socket && speaks_token(headers, &guard.token));
    if admitted || !(changes || guard.protects(path)) { Ok(()) } else { Err(Problem::token_needed()) }
}

fn speaks_token(headers: &HeaderMap, token: &Token) -> bool {
    let protocols = headers.get_all(header::SEC_WEBSOCKET_PROTOCOL).iter();
    let mut each = protocols.flat_map(|value| value.as_bytes().split(|&byte| byte == b',')).map(<[u8]>::trim_ascii);
    each.any(|protocol| protocol.strip_prefix(PROTOCOL).is_some_and(|shown| token.is(shown)))
}

fn has_token(headers: &HeaderMap, token: &Token) -> bool {
    let mut shown = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(shown), None) = (shown.next(), shown.next()) else { return false };
    let shown = shown.as_bytes();
    let is_bearer = shown.get(..SCHEME.len()).is_some_and(|scheme| scheme.eq_ignore_ascii_case(SCHEME));
    is_bearer && token.is(&shown[SCHEME.len()..])
}

/// The host the client thinks it talks to: of the request line if it names one (RFC 9112, 3.2.2), else the header's.
fn host(request: &Request) -> Result<Authority, Problem> {
    let bad = |detail| Problem::new(StatusCode::BAD_REQUEST, detail);
    let mut hosts = request.headers().get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else {
        return Err(bad("a request has exactly one Host header"));
    };
    let host = match request.uri().authority() {
        Some(authority) => authority.clone(),
        None => Authority::try_from(host.as_bytes()).map_err(|_| bad("the Host header is not a host"))?,
    };
    if host.as_str().contains('@') { Err(bad("a host has no user name")) } else { Ok(host) }
}

/// Whether the host is a loopback name, the address listened on, or the very address the connection reached.
///
/// Names other than `localhost` are refused even if they lead here: the owner of the name could serve a page under
/// it and let it point here afterwards.
fn is_ours(host: &Authority, listen: IpAddr, local: IpAddr) -> bool {
    let name = host.host();
    let literal = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')).unwrap_or(name);
    match literal.parse::<IpAddr>() {
        Ok(ip) => {
            let ip = ip.to_canonical();
            ip.is_loopback() || ip == listen.to_canonical() || ip == local.to_canonical()
        }
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

/// Whether a request is from a page of this server or from no page at all, going by what browsers add.
fn is_same_origin(headers: &HeaderMap, host: &Authority) -> bool {
    let site = headers.get_all("sec-fetch-site").iter().all(|site| site == "same-origin" || site == "none");
    let own = format!("http://{host}");
    let origin =
        headers.get_all(header::ORIGIN).iter().all(|origin| origin.as_bytes().eq_ignore_ascii_case(own.as_bytes()));
    site && origin
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    #[test]
    fn loopback_names_and_the_own_address_are_ours() {
        let lan: IpAddr = "192.168.1.5".parse().unwrap();
        let ours = |host: &str| is_ours(&host.parse().unwrap(), lan, lan);
        for host in ["localhost", "LOCALHOST:7070", "127.0.0.1:1", "127.9.9.9", "[::1]:7070", "192.168.1.5:7070"] {
            assert!(ours(host), "{host}");
        }
        for host in
            ["evil.example", "localhost.evil.example", "127.0.0.1.nip.io", "192.168.1.6", "[fe80::1]", "0.0.0.0"]
        {
            assert!(!ours(host), "{host}");
        }
    }

    #[test]
    fn an_unspecified_address_is_ours_by_the_address_that_was_reached() {
        let any: IpAddr = "0.0.0.0".parse().unwrap();
        let reached: IpAddr = "10.0.0.7".parse().unwrap();
        assert!(is_ours(&"10.0.0.7:80".parse().unwrap(), any, reached));
        assert!(!is_ours(&"10.0.0.8:80".parse().unwrap(), any, reached));
    }

    fn admitted(method: &str, headers: &[(&str, &str)]) -> Result<(), StatusCode> {
        let guard = Guard::new(LOOPBACK, ReadAccess::Anyone, Token::sample());
        admitted_by(&guard, method, "/api/v1/tasks/api/restart", headers)
    }

    fn admitted_by(guard: &Guard, method: &str, path: &str, headers: &[(&str, &str)]) -> Result<(), StatusCode> {
        let mut request = axum::http::Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.extension(Reached(guard.listen)).body(axum::body::Body::empty()).unwrap();
        admit(guard, &request).map_err(|problem| problem.into_response().status())
    }

    #[test]
    fn reading_takes_the_token_too() {
        let host = ("host", "localhost:7070");
        let bearer = format!("Bearer {}", Token::sample().secret());
        let lan: IpAddr = "192.168.1.5".parse().unwrap();
        let guard = |listen, read| Guard::new(listen, read, Token::sample());
        let (private, open) = (guard(LOOPBACK, ReadAccess::Token), guard(LOOPBACK, ReadAccess::Anyone));
        let exposed = guard(lan, ReadAccess::Anyone);
        for path in ["/api/v1/logs?grep=x", "/api/v1/snapshot", "/api/v1/config", "/api/v1/tasks/api", "/api/v2/x"] {
            for method in ["GET", "HEAD", "OPTIONS"] {
                let refused = Err(StatusCode::UNAUTHORIZED);
                assert_eq!(admitted_by(&private, method, path, &[host]), refused, "{method} {path}");
                assert_eq!(admitted_by(&exposed, method, path, &[host]), refused, "{method} {path}");
                let shown = [host, ("authorization", bearer.as_str())];
                assert_eq!(admitted_by(&private, method, path, &shown), Ok(()), "{method} {path}");
                assert_eq!(admitted_by(&open, method, path, &[host]), Ok(()), "{method} {path}");
            }
        }
        for path in ["/", "/app.js", "/healthz", "/readyz", "/api/openapi.json"] {
            assert_eq!(admitted_by(&private, "GET", path, &[host]), Ok(()), "{path}");
            assert_eq!(admitted_by(&exposed, "GET", path, &[host]), Ok(()), "{path}");
        }
        assert_eq!(admitted_by(&private, "GET", "/metrics", &[host]), Ok(()));
        assert_eq!(admitted_by(&exposed, "GET", "/metrics", &[host]), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn a_page_of_another_origin_reads_nothing() {
        let guard = Guard::new(LOOPBACK, ReadAccess::Anyone, Token::sample());
        let get =
            |path: &str, name, value| admitted_by(&guard, "GET", path, &[("host", "localhost:7070"), (name, value)]);
        for path in ["/api/v1/logs?grep=s", "/api/v1/snapshot", "/api/openapi.json", "/metrics"] {
            for (name, value) in [("sec-fetch-site", "cross-site"), ("sec-fetch-site", "same-site"), ("origin", "null")]
            {
                assert_eq!(get(path, name, value), Err(StatusCode::FORBIDDEN), "{path} {value}");
            }
            assert_eq!(get(path, "sec-fetch-site", "none"), Ok(()), "{path}");
        }
        // A link from another page leads to this one.
        assert_eq!(get("/", "sec-fetch-site", "cross-site"), Ok(()));
    }

    #[test]
    fn changing_anything_takes_the_token() {
        let host = ("host", "localhost:7070");
        let shown = |value: &str| admitted("POST", &[host, ("authorization", value)]);
        let bearer = format!("Bearer {}", Token::sample().secret());
        for own in [&bearer, &bearer.replace("Bearer", "bearer")] {
            assert_eq!(shown(own), Ok(()), "{own}");
        }
        let others =
            ["", "Bearer ", "Bearer", "Bearer nope", &bearer.replace("Bearer", "Basic"), &format!("{bearer}0")];
        for other in others {
            assert_eq!(shown(other), Err(StatusCode::UNAUTHORIZED), "{other}");
        }
        let twice = [host, ("authorization", bearer.as_str()), ("authorization", "Bearer nope")];
        assert_eq!(admitted("POST", &twice), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(admitted("POST", &[host]), Err(StatusCode::UNAUTHORIZED));
        assert_eq!(admitted("GET", &[host]), Ok(()));
    }

    #[test]
    fn a_socket_needs_the_token_and_may_show_it_among_its_protocols() {
        let socket = [("host", "localhost:7070"), ("upgrade", "websocket")];
        let shown = |protocols: &str| admitted("GET", &[socket[0], socket[1], ("sec-websocket-protocol", protocols)]);
        let token = Token::sample();
        assert_eq!(shown(&format!("stead.v1, token.{}", token.secret())), Ok(()));
        for other in ["stead.v1", "token.", "token.nope", token.secret()] {
            assert_eq!(shown(other), Err(StatusCode::UNAUTHORIZED), "{other}");
        }
        let bearer = format!("Bearer {}", token.secret());
        assert_eq!(admitted("GET", &[socket[0], socket[1], ("authorization", &bearer)]), Ok(()));
        let foreign = ("origin", "http://evil.example");
        assert_eq!(
            admitted("GET", &[socket[0], socket[1], ("authorization", &bearer), foreign]),
            Err(StatusCode::FORBIDDEN)
        );
        let protocol = format!("token.{}", token.secret());
        let post = [socket[0], ("sec-websocket-protocol", protocol.as_str())];
        assert_eq!(admitted("POST", &post), Err(StatusCode::UNAUTHORIZED));
    }

    #[test]
    fn a_page_of_another_origin_changes_nothing() {
        let bearer = format!("Bearer {}", Token::sample().secret());
        let with =
            |name, value| admitted("POST", &[("host", "localhost:7070"), ("authorization", &bearer), (name, value)]);
        assert_eq!(with("origin", "http://localhost:7070"), Ok(()));
        assert_eq!(with("sec-fetch-site", "same-origin"), Ok(()));
        assert_eq!(with("sec-fetch-site", "none"), Ok(()));
        for origin in
            ["http://localhost:7071", "http://localhost", "https://localhost:7070", "http://evil.example", "null"]
        {
            assert_eq!(with("origin", origin), Err(StatusCode::FORBIDDEN), "{origin}");
        }
        for site in ["cross-site", "same-site", "surprise"] {
            assert_eq!(with("sec-fetch-site", site), Err(StatusCode::FORBIDDEN), "{site}");
        }
    }

    #[test]
    fn a_request_has_one_host_without_a_user() {
        let from = |hosts: &[(&str, &str)]| admitted("GET", hosts);
        assert_eq!(from(&[]), Err(StatusCode::BAD_REQUEST));
        assert_eq!(from(&[("host", "localhost"), ("host", "localhost")]), Err(StatusCode::BAD_REQUEST));
        assert_eq!(from(&[("host", "localhost@evil.example")]), Err(StatusCode::BAD_REQUEST));
        assert_eq!(from(&[("host", "a b")]), Err(StatusCode::BAD_REQUEST));
        assert_eq!(from(&[("host", "evil.example")]), Err(StatusCode::MISDIRECTED_REQUEST));
    }
}
