//! The web bundle: the files of the page, held in memory.
//!
//! Requests look names up in a map; no request ever reaches the file system.

mod directory;

use std::collections::BTreeMap;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::sync::{Arc, LazyLock, PoisonError, RwLock, RwLockWriteGuard};

use axum::body::Bytes;
use regex::Regex;
use rust_embed::RustEmbed;

pub use directory::DistError;
#[cfg(test)]
pub(super) use directory::swap;
pub(super) use directory::{BundleWatch, load};

/// The bundle that is served, and the place to swap it while it is. Cheap to clone; every clone sees the same.
///
/// The default is the bundle that is compiled in. A published one takes precedence over it, and over one that the
/// config names, until that is taken back.
#[derive(Debug, Clone)]
pub struct ActiveWebDist(Arc<RwLock<Dists>>);

#[derive(Debug)]
struct Dists {
    /// Compiled in, or from the directory in the config.
    standing: Arc<WebDist>,
    published: Option<Arc<WebDist>>,
}

impl Default for ActiveWebDist {
    fn default() -> Self {
        Self(Arc::new(RwLock::new(Dists { standing: Arc::new(WebDist::embedded()), published: None })))
    }
}

impl ActiveWebDist {
    /// The bundle that is served now. Its holder keeps it whole, whatever is activated meanwhile.
    #[must_use]
    pub fn current(&self) -> Arc<WebDist> {
        let dists = self.0.read().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(dists.published.as_ref().unwrap_or(&dists.standing))
    }

    /// Serves `dist` from the next request on, unless another is published. False if it is what it was already.
    pub fn activate(&self, dist: WebDist) -> bool {
        let mut dists = self.write();
        let differs = *dists.standing != dist;
        if differs {
            dists.standing = Arc::new(dist);
        }
        differs
    }

    /// Serves `dist` from the next request on, or without one what was served before any was published.
    pub fn publish(&self, dist: Option<WebDist>) {
        self.write().published = dist.map(Arc::new);
    }

    fn write(&self) -> RwLockWriteGuard<'_, Dists> {
        self.0.write().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The files of one page by their path, such as `style.css` or `icons/task.svg`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebDist {
    files: BTreeMap<String, Asset>,
}

/// One file of a bundle.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Asset {
    pub(super) bytes: Bytes,
    /// Its media type, as the `Content-Type` header has it.
    pub(super) mime: String,
    /// Its `ETag`, quoted: the same for the same bytes.
    pub(super) etag: String,
}

#[derive(RustEmbed)]
#[folder = "assets/web"]
struct Embedded;

impl WebDist {
    /// The bundle that is compiled in.
    #[must_use]
    pub fn embedded() -> Self {
        let files = Embedded::iter().filter_map(|path| Some((path.to_string(), Embedded::get(&path)?.data)));
        Self::new(files.map(|(path, data)| (path, data.into_owned())))
    }

    pub(super) fn new(files: impl IntoIterator<Item = (String, Vec<u8>)>) -> Self {
        let files = files.into_iter().map(|(path, bytes)| {
            let asset = Asset::new(&path, bytes);
            (path, asset)
        });
        Self { files: files.collect() }
    }

    /// How many files it has.
    #[must_use]
    pub fn file_count(&self) -> usize {
        self.files.len()
    }

    pub(super) fn asset(&self, path: &str) -> Option<&Asset> {
        self.files.get(path)
    }

    /// The files that `index.html` asks for and that are not there, in its order; `None` if there is no `index.html`.
    pub(super) fn missing(&self) -> Option<Vec<String>> {
        let index = self.asset("index.html")?;
        let html = String::from_utf8_lossy(&index.bytes);
        let html = COMMENT.replace_all(&html, "");
        let asked = REFERENCE.captures_iter(&html).filter_map(|found| own_path(&found[1]));
        Some(asked.filter(|path| !self.files.contains_key(path)).collect())
    }
}

impl Asset {
    fn new(path: &str, bytes: Vec<u8>) -> Self {
        let mime = mime_guess::from_path(path).first_or_octet_stream();
        let is_text = mime.type_() == "text" || mime.subtype() == "json";
        let mime = if is_text { format!("{mime}; charset=utf-8") } else { mime.to_string() };
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let etag = format!("\"{:016x}\"", hasher.finish());
        Self { bytes: bytes.into(), mime, etag }
    }
}

static COMMENT: LazyLock<Regex> = LazyLock::new(|| regex("(?s)<!--.*?-->"));
/// A file that a page loads by itself; a link that a person may follow is none.
static REFERENCE: LazyLock<Regex> =
    LazyLock::new(|| regex(r#"(?is)<(?:script|link|img|source)\b[^>]*?\s(?:src|href)\s*=\s*["']?([^"'\s>]+)"#));

fn regex(pattern: &str) -> Regex {
    Regex::new(pattern).expect("the pattern is a literal")
}

/// The path in the bundle that a reference in `index.html` means; `None` if it leads elsewhere or nowhere.
fn own_path(reference: &str) -> Option<String> {
    let path = reference.split(['?', '#']).next().unwrap_or_default();
    // A scheme, a host, or an encoding that only a browser is sure to read right.
    if path.is_empty() || path.starts_with("//") || path.contains([':', '%']) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            name => parts.push(name),
        }
    }
    if parts.is_empty() { None } else { Some(parts.join("/")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dist(files: &[(&str, &str)]) -> WebDist {
        WebDist::new(files.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec())))
    }

    #[test]
    fn the_embedded_bundle_is_whole() {
        assert_eq!(WebDist::embedded().missing(), Some(Vec::new()));
    }

    #[test]
    fn index_html_names_every_module_of_the_embedded_bundle() {
        let bundle = WebDist::embedded();
        let html = String::from_utf8_lossy(&bundle.asset("index.html").unwrap().bytes).into_owned();
        for module in bundle.files.keys().filter(|path| path.ends_with(".js")) {
            assert!(
                html.contains(&format!("\"{module}\"")),
                "{module} is loaded late, so a bundle that lacks it goes unnoticed"
            );
        }
    }

    #[test]
    fn an_index_names_what_it_needs() {
        let html = r##"
            <!-- <script src="old.js"></script> -->
            <link rel=stylesheet href="./style.css?v=2"><LINK REL="icon" HREF='/icons/a.svg'>
            <script type="module" src="app.js"></script><script src=bare.js></script>
            <script src="https://elsewhere.example/x.js"></script><img src="data:image/png;base64,AAAA">
            <a href="/metrics">metrics</a><link href="//elsewhere.example/y.css">"##;
        let bundle = dist(&[("index.html", html), ("app.js", "")]);
        assert_eq!(bundle.missing(), Some(vec!["style.css".into(), "icons/a.svg".into(), "bare.js".into()]));
        assert_eq!(dist(&[("app.js", "")]).missing(), None);
    }

    #[test]
    fn what_is_held_outlives_a_swap() {
        let active = ActiveWebDist::default();
        assert!(active.activate(dist(&[("index.html", "old")])));
        let held = active.current();
        assert!(active.clone().activate(dist(&[("index.html", "new")])));
        assert_eq!(held.asset("index.html").unwrap().bytes, "old");
        assert_eq!(active.current().asset("index.html").unwrap().bytes, "new");
    }

    #[test]
    fn a_published_bundle_takes_precedence_until_it_is_taken_back() {
        let active = ActiveWebDist::default();
        active.publish(Some(dist(&[("index.html", "published")])));
        active.activate(dist(&[("index.html", "standing")]));
        assert_eq!(active.current().asset("index.html").unwrap().bytes, "published");
        active.publish(None);
        assert_eq!(active.current().asset("index.html").unwrap().bytes, "standing");
    }

    #[test]
    fn the_same_bundle_again_is_no_change() {
        let active = ActiveWebDist::default();
        assert!(!active.activate(WebDist::embedded()));
    }

    #[test]
    fn a_file_has_a_type_and_a_tag_of_its_content() {
        let bundle = dist(&[("a.js", "1"), ("b.js", "1"), ("c.css", "2"), ("d.png", "")]);
        let asset = |path| bundle.asset(path).unwrap();
        assert_eq!(asset("a.js").mime, "text/javascript; charset=utf-8");
        assert_eq!(asset("c.css").mime, "text/css; charset=utf-8");
        assert_eq!(asset("d.png").mime, "image/png");
        assert_eq!(asset("a.js").etag, asset("b.js").etag);
        assert_ne!(asset("a.js").etag, asset("c.css").etag);
    }
}
