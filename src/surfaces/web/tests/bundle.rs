//! The files of the page, and swapping them while they are served.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use super::*;
use crate::surfaces::http::limits::BUNDLE_ENTRIES;

fn write(dir: &Path, files: &[(&str, &str)]) {
    for (name, text) in files {
        let path = dir.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
}

fn bundle(files: &[(&str, &str)]) -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), files);
    dir
}

fn refusal(dir: &Path) -> String {
    WebDist::load(dir).unwrap_err().to_string()
}

#[tokio::test]
async fn the_embedded_page_is_served_with_a_tag() {
    let site = Site::new().await;
    let page = site.get("/").await;
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert_eq!(site.get("/app.js").await.header("content-type"), Some("text/javascript; charset=utf-8"));
    let tag = page.header("etag").unwrap();
    let again = format!("GET / HTTP/1.1\r\nhost: localhost\r\nif-none-match: {tag}\r\nconnection: close\r\n\r\n");
    let again = site.send(&again).await;
    assert_eq!((again.status, again.body.len()), (304, 0));
    let head = site.send("HEAD / HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await;
    assert_eq!((head.status, head.body.len()), (200, 0));
    assert_eq!(head.header("content-length"), Some(page.body.len().to_string().as_str()));
}

#[tokio::test]
async fn a_request_in_flight_finishes_on_the_bundle_it_began_with() {
    let site = Site::new().await;
    // Larger than what the sockets hold between them.
    let large = |byte: u8| ("large.bin".to_owned(), vec![byte; 32 * 1024 * 1024]);
    site.dist.activate(WebDist::new([large(b'o')]));
    let mut stream = site.connect().await;
    stream.write_all(b"GET /large.bin HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut begun = [0; 1];
    stream.read_exact(&mut begun).await.unwrap();
    site.dist.activate(WebDist::new([large(b'n')]));
    let mut rest = Vec::new();
    within(stream.read_to_end(&mut rest)).await.unwrap();
    let body = &rest[rest.windows(4).position(|window| window == b"\r\n\r\n").unwrap() + 4..];
    assert!(body.len() == 32 * 1024 * 1024 && body.iter().all(|byte| *byte == b'o'));
    assert_eq!(site.get("/large.bin").await.body[0], b'n');
}

#[tokio::test]
async fn a_directory_is_served_instead() {
    let dir = bundle(&[("index.html", "mine"), ("deep/er/a b.txt", "deep"), (".env", "secret")]);
    let site = Site::of(dir.path()).await;
    assert_eq!(site.get("/").await.text(), "mine");
    assert_eq!(site.get("/deep/er/a%20b.txt").await.text(), "deep");
    assert_eq!(site.get("/.env").await.status, 404);
    assert_eq!(site.get("/app.js").await.status, 404);
}

/// Asks until the page is `text`.
async fn becomes(site: &Site, text: &str) {
    let mut interval = tokio::time::interval(Duration::from_millis(20));
    within(async {
        while site.get("/").await.text() != text {
            interval.tick().await;
        }
    })
    .await;
}

#[tokio::test]
async fn a_changed_directory_is_swapped_in() {
    let dir = bundle(&[("index.html", "one")]);
    let site = Site::of(dir.path()).await;
    assert_eq!(site.get("/").await.text(), "one");
    write(dir.path(), &[("index.html", "two")]);
    becomes(&site, "two").await;
    write(dir.path(), &[("sub/new.txt", ""), ("index.html", "three")]);
    becomes(&site, "three").await;
    write(dir.path(), &[("sub/new.txt", "more"), ("index.html", "four")]);
    becomes(&site, "four").await;
    assert_eq!(site.get("/sub/new.txt").await.text(), "more");
}

#[tokio::test]
async fn a_directory_replaced_by_rename_is_swapped_in_and_followed() {
    let parent = bundle(&[("dist/index.html", "one"), ("next/index.html", "two")]);
    let (dist, next) = (parent.path().join("dist"), parent.path().join("next"));
    let site = Site::of(&dist).await;
    fs::rename(&dist, parent.path().join("old")).unwrap();
    fs::rename(&next, &dist).unwrap();
    becomes(&site, "two").await;
    write(&dist, &[("index.html", "three")]);
    becomes(&site, "three").await;
}

#[tokio::test]
async fn a_broken_directory_is_refused_and_the_old_bundle_stays() {
    let dir = bundle(&[("index.html", r#"<script src="gone.js"></script>"#)]);
    let told = refusal(dir.path());
    assert_eq!(told, format!("index.html in {} asks for what is not there: gone.js", dir.path().display()));
    let active = ActiveWebDist::default();
    crate::surfaces::web_dist::swap(dir.path(), &active).await;
    assert_eq!(*active.current(), WebDist::embedded());
    write(dir.path(), &[("gone.js", "")]);
    crate::surfaces::web_dist::swap(dir.path(), &active).await;
    assert_eq!(*active.current(), WebDist::load(dir.path()).unwrap());
}

#[test]
fn a_bundle_needs_its_page() {
    let dir = bundle(&[("app.js", "")]);
    assert_eq!(refusal(dir.path()), format!("{} has no index.html", dir.path().display()));
    assert_eq!(refusal(&dir.path().join("nope")), format!("cannot read {}", dir.path().join("nope").display()));
    assert!(refusal(&dir.path().join("app.js")).starts_with("cannot read "));
}

#[test]
fn a_link_may_lead_within_the_bundle_only() {
    let outside = bundle(&[("secret", "key")]);
    let dir = bundle(&[("index.html", ""), ("a.txt", "a")]);
    symlink("a.txt", dir.path().join("b.txt")).unwrap();
    assert_eq!(WebDist::load(dir.path()).unwrap().asset("b.txt").unwrap().bytes, "a");
    let link = dir.path().join("c.txt");
    for target in [outside.path().join("secret"), outside.path().into(), "../".into(), "/etc/passwd".into()] {
        symlink(&target, &link).unwrap();
        assert!(refusal(dir.path()).ends_with("it is a link that leads out of the bundle"), "{}", target.display());
        fs::remove_file(&link).unwrap();
    }
    symlink(".", &link).unwrap();
    assert!(refusal(dir.path()).ends_with("it is not a file"));
}

#[test]
fn a_pipe_is_no_file_and_is_not_waited_for() {
    let dir = bundle(&[("index.html", "")]);
    assert!(std::process::Command::new("mkfifo").arg(dir.path().join("pipe")).status().unwrap().success());
    assert!(refusal(dir.path()).ends_with("it is not a file"));
}

#[test]
fn a_bundle_has_a_limit() {
    let dir = bundle(&[("index.html", "")]);
    for entry in 0..BUNDLE_ENTRIES {
        fs::File::create(dir.path().join(entry.to_string())).unwrap();
    }
    assert!(refusal(dir.path()).ends_with("has more than 4096 entries"));
    let dir = bundle(&[("index.html", "")]);
    fs::File::create(dir.path().join("huge")).unwrap().set_len(65 << 20).unwrap();
    assert!(refusal(dir.path()).ends_with("has more than 64 MiB"));
}
