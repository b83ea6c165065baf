//! The picture of the page in the README: the demo, after a while.

use std::fs;
use std::path::Path;

use super::Site;

/// A picture is not the same twice, so it is only ever taken when that is asked for.
#[test]
fn page_picture() {
    if std::env::var_os("STEAD_BLESS").is_none() {
        return;
    }
    let Some(site) = Site::open(include_str!("../../../assets/demo.toml")) else { return };
    site.browser.scheme("dark");
    site.browser.press(&["j", "j"]);
    site.says("#detail-title", "api");
    site.says("#log", "GET /orders/12");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/page.png");
    fs::write(path, site.browser.screenshot()).expect("the picture can be written");
}
