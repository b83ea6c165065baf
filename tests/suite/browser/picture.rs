//! The picture of the page in the README: the tasks of the demo, after a while.

use std::fs;
use std::path::Path;

use super::{Project, Site, Window, address};

/// No two pictures are the same, so one is only taken when that is asked for.
#[test]
fn page_picture() {
    if std::env::var_os("STEAD_BLESS").is_none() {
        return;
    }
    let Some(browser) = Window::open() else { return };
    let project = Project::new("");
    let shop = project.path().join("shop");
    fs::create_dir(&shop).unwrap();
    fs::write(shop.join("stead.toml"), include_str!("../../../assets/demo.toml")).unwrap();
    let mut stead = project.up_with(&["up", "--plain", "-f", "shop/stead.toml"]);
    let address = address(&mut stead);
    let site = Site { browser, project, _stead: stead, address };
    site.browser.scheme("dark");
    let token = fs::read_to_string(shop.join(".stead/token")).unwrap();
    site.visit(&format!("#token={}", token.trim()));
    site.browser.press(&["j", "j"]);
    site.says("#detail-title", "api");
    site.says("#log", "GET /orders/12");
    site.says("#log", "GET /orders/24");
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("assets/page.png");
    fs::write(path, site.browser.screenshot()).expect("the picture can be written");
}
