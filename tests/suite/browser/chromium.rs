//! A headless Chromium, driven by the DevTools protocol. Tests that run at the same time share one.

use std::cell::RefCell;
use std::io::{BufRead, BufReader};
use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;
use serde_json::{Value, json};
use tempfile::TempDir;
use tungstenite::{Message, WebSocket, client};

use crate::binary::{DEADLINE, has};

const ARGUMENTS: [&str; 9] = [
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--remote-debugging-port=0",
    // A window that another one covers is looked at all the same.
    "--disable-backgrounding-occluded-windows",
    "--disable-background-timer-throttling",
    "--disable-renderer-backgrounding",
];

/// The one that runs, as long as a test uses it.
static SHARED: Mutex<Weak<Chromium>> = Mutex::new(Weak::new());

/// A browser. Killed, with all its processes, when the last test that uses it ends.
struct Chromium {
    child: Child,
    url: String,
    _profile: TempDir,
}

/// One window of a browser.
pub(super) struct Window {
    wire: RefCell<Wire>,
    _browser: Arc<Chromium>,
}

/// A conversation with the browser, and then with one page in it.
struct Wire {
    socket: WebSocket<TcpStream>,
    session: Option<String>,
    last: u64,
}

impl Chromium {
    fn shared() -> Arc<Self> {
        let mut shared = SHARED.lock().unwrap_or_else(PoisonError::into_inner);
        shared.upgrade().unwrap_or_else(|| {
            let browser = Arc::new(Self::start());
            *shared = Arc::downgrade(&browser);
            browser
        })
    }

    fn start() -> Self {
        let profile = tempfile::tempdir().unwrap();
        let mut child = Command::new("chromium")
            .args(ARGUMENTS)
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .process_group(0)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut said = BufReader::new(child.stderr.take().unwrap()).lines().map_while(Result::ok);
        let url = said.find_map(|line| Some(line.split_once("listening on ")?.1.to_owned())).expect("an address");
        // It writes on, and must not wait for a reader.
        std::thread::spawn(move || said.for_each(drop));
        Self { child, url, _profile: profile }
    }
}

impl Drop for Chromium {
    fn drop(&mut self) {
        let group = Pid::from_raw(i32::try_from(self.child.id()).unwrap());
        let _ = killpg(group, Signal::SIGKILL);
        let _ = self.child.wait();
    }
}

impl Window {
    /// None if there is no such program: the test is skipped then, and says so.
    pub(super) fn open() -> Option<Self> {
        if !has("chromium") {
            return None;
        }
        let browser = Chromium::shared();
        let stream = TcpStream::connect(browser.url.split('/').nth(2).unwrap()).unwrap();
        stream.set_read_timeout(Some(DEADLINE)).unwrap();
        let (socket, _) = client(browser.url.as_str(), stream).unwrap();
        let wire = RefCell::new(Wire { socket, session: None, last: 0 });
        let window = Self { wire, _browser: browser };
        let target = window.call("Target.createTarget", json!({ "url": "about:blank", "newWindow": true }));
        let attach = json!({ "targetId": target["targetId"], "flatten": true });
        let session = window.call("Target.attachToTarget", attach);
        window.wire.borrow_mut().session = session["sessionId"].as_str().map(str::to_owned);
        window.call("Page.enable", json!({}));
        window.call("Emulation.setFocusEmulationEnabled", json!({ "enabled": true }));
        window.size(1280, 800);
        window.scheme("light");
        Some(window)
    }

    pub(super) fn size(&self, width: u32, height: u32) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.call("Emulation.setDeviceMetricsOverride", metrics);
    }

    /// Whether its colours are `light` or `dark`.
    pub(super) fn scheme(&self, scheme: &str) {
        let feature = json!({ "name": "prefers-color-scheme", "value": scheme });
        self.call("Emulation.setEmulatedMedia", json!({ "features": [feature] }));
    }

    /// Goes to a page, and waits until it is loaded.
    pub(super) fn visit(&self, url: &str) {
        self.call("Page.navigate", json!({ "url": url }));
        let mut wire = self.wire.borrow_mut();
        while wire.read()["method"] != "Page.loadEventFired" {}
    }

    /// The value of an expression; a promise is waited for.
    pub(super) fn evaluate(&self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "awaitPromise": true, "returnByValue": true });
        let mut answer = self.call("Runtime.evaluate", asked);
        assert!(answer.get("exceptionDetails").is_none(), "{expression}: {answer:#}");
        answer["result"]["value"].take()
    }

    /// Waits until an expression is true of the page; it is looked at whenever the page changes or scrolls.
    pub(super) fn wait_until(&self, expression: &str) {
        let wait = format!(
            "new Promise((resolve) => {{
                const look = () => {{
                    if (!({expression})) return;
                    observer.disconnect();
                    document.removeEventListener('scroll', look, true);
                    clearTimeout(timer);
                    resolve(true);
                }};
                const observer = new MutationObserver(look);
                const everything = {{ subtree: true, childList: true, attributes: true, characterData: true }};
                observer.observe(document, everything);
                document.addEventListener('scroll', look, true);
                const timer = setTimeout(() => resolve(document.body.innerText), {});
                look();
            }})",
            DEADLINE.as_millis() * 3 / 4
        );
        let held = self.evaluate(&wait);
        assert_eq!(held, true, "`{expression}` never held; the page: {}", held.as_str().unwrap_or_default());
    }

    /// Clicks the first element that a selector finds.
    pub(super) fn click(&self, selector: &str) {
        self.evaluate(&format!("document.querySelector({}).click()", json!(selector)));
    }

    /// Presses keys, one after the other: characters, or names such as `Enter`.
    pub(super) fn press(&self, keys: &[&str]) {
        for key in keys {
            let text = if *key == "Enter" { "\r" } else { key };
            let text = if text.chars().count() == 1 { text } else { "" };
            self.call("Input.dispatchKeyEvent", json!({ "type": "keyDown", "key": key, "text": text }));
            self.call("Input.dispatchKeyEvent", json!({ "type": "keyUp", "key": key }));
        }
    }

    /// Types a text where the focus is.
    pub(super) fn type_in(&self, text: &str) {
        self.call("Input.insertText", json!({ "text": text }));
    }

    /// What it shows, as a PNG.
    pub(super) fn screenshot(&self) -> Vec<u8> {
        let shot = self.call("Page.captureScreenshot", json!({ "format": "png" }));
        BASE64_STANDARD.decode(shot["data"].as_str().unwrap()).unwrap()
    }

    fn call(&self, method: &str, params: Value) -> Value {
        let mut wire = self.wire.borrow_mut();
        wire.last += 1;
        let id = wire.last;
        let mut message = json!({ "id": id, "method": method, "params": params });
        if let Some(session) = &wire.session {
            message["sessionId"] = json!(session);
        }
        wire.socket.send(Message::text(message.to_string())).unwrap();
        loop {
            let mut answer = wire.read();
            if answer["id"] == id {
                assert!(answer.get("error").is_none(), "{method}: {answer}");
                return answer["result"].take();
            }
        }
    }
}

impl Wire {
    fn read(&mut self) -> Value {
        loop {
            if let Message::Text(text) = self.socket.read().expect("the browser answers in time") {
                return serde_json::from_str(&text).unwrap();
            }
        }
    }
}
