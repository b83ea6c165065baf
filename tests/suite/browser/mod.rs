//! The page in a real browser, served by the real binary.

mod chromium;
mod picture;
mod words;

use std::fs;

use chromium::Window;

use crate::binary::{Project, Stead, address};

/// A supervisor that runs, and a browser that looks at its page.
struct Site {
    browser: Window,
    project: Project,
    _stead: Stead,
    address: String,
}

impl Site {
    /// A page that may act, once it shows that all tasks are there. None without a browser.
    fn open(config: &str) -> Option<Self> {
        let site = Self::start(config)?;
        site.visit(&format!("#token={}", site.token()));
        Some(site)
    }

    fn start(config: &str) -> Option<Self> {
        let browser = Window::open()?;
        let web = if config.contains("web") { "" } else { "web.listen = \"127.0.0.1:0\"\n" };
        let project = Project::new(&format!("{web}{config}"));
        let mut stead = project.up();
        let address = address(&mut stead);
        Some(Self { browser, project, _stead: stead, address })
    }

    fn visit(&self, fragment: &str) {
        self.browser.visit(&format!("http://{}/{fragment}", self.address));
        self.browser.wait_until("document.querySelectorAll('#tasks tbody.theirs tr').length > 0");
    }

    fn token(&self) -> String {
        let token = fs::read_to_string(self.project.path().join(".stead/token")).expect("a token");
        token.trim().to_owned()
    }

    /// Waits until the row of a task says this.
    fn row_says(&self, task: &str, text: &str) {
        self.browser.wait_until(&format!(
            "[...document.querySelectorAll('#tasks tr')].some((row) => row.querySelector('.name')?.textContent === \
             '{task}' && row.textContent.includes('{text}'))"
        ));
    }

    /// Waits until the element that a selector finds says this.
    fn says(&self, selector: &str, text: &str) {
        self.browser.wait_until(&format!("document.querySelector('{selector}')?.textContent.includes('{text}')"));
    }
}

const SLEEPER: &str = "tasks.api.command = \"exec sleep 1000\"\n";

#[test]
fn the_page_shows_what_others_do_and_who_it_was() {
    let Some(site) = Site::open(SLEEPER) else { return };
    site.row_says("api", "running");
    assert_eq!(site.project.client(&["stop", "api"]).code, Some(0));
    site.row_says("api", "stopped");
    site.says("#events", "stop api, asked by control");
    site.says("#summary", "1 stopped");
    assert_eq!(site.browser.evaluate("location.hash + location.search"), "", "the address keeps no token");
}

#[test]
fn the_buttons_act_with_the_token_and_ask_first_where_all_is_at_stake() {
    let Some(site) = Site::start(&format!("web.read = \"anyone\"\nweb.listen = \"127.0.0.1:0\"\n{SLEEPER}")) else {
        return;
    };
    site.visit("");
    site.row_says("api", "running");
    site.browser.wait_until("!document.querySelector('#token-note').hidden");
    site.browser.click("#tasks [aria-label=\"restart api\"]");
    site.says("#toast", "stead status");

    let told = site.project.client(&["status"]).out;
    assert!(told.contains(&format!("page: http://{}/ (its token is in ", site.address)), "{told}");
    assert!(!told.contains(&site.token()), "it goes to a terminal only: {told}");
    let link = &format!("http://{}/#token={}", site.address, site.token());
    site.browser.visit("about:blank");
    site.browser.visit(link);
    site.row_says("api", "running");
    site.browser.click("#tasks [aria-label=\"restart api\"]");
    site.says("#events", "run 2 started");
    site.browser.press(&["R"]);
    site.says("dialog", "Stop every task");
    site.browser.press(&["n"]);
    site.browser.wait_until("!document.querySelector('dialog')");
    site.browser.press(&["R"]);
    site.says("dialog", "Stop every task");
    site.browser.press(&["y"]);
    site.says("#events", "restart all, asked by web");
    site.says("#events", "run 3 started");
}

#[test]
fn without_the_token_the_page_shows_nothing_and_says_what_to_do() {
    let Some(site) = Site::start(SLEEPER) else { return };
    site.browser.visit(&format!("http://{}/", site.address));
    site.says("#banner", "this needs the token: open the link that `stead status` prints");
    assert_eq!(site.browser.evaluate("document.querySelectorAll('#tasks tbody tr').length"), 0);
    site.browser.visit("about:blank");
    site.browser.visit(&format!("http://{}/#token=00000000000000000000", site.address));
    site.says("#banner", "not valid any more");
    site.browser.visit("about:blank");
    site.visit(&format!("#token={}", site.token()));
    site.row_says("api", "running");
    site.browser.wait_until("document.querySelector('#banner').hidden");
}

#[test]
fn a_page_that_is_disconnected_says_by_whom_and_waits_for_its_reader() {
    let Some(site) = Site::open(SLEEPER) else { return };
    site.row_says("api", "running");
    let clients: serde_json::Value =
        serde_json::from_str(&site.project.client(&["clients", "--json"]).out).expect("JSON");
    let follows = |client: &&serde_json::Value| client["last_request"] == "GET /api/v1/events";
    let id = clients.as_array().and_then(|all| all.iter().find(follows)).expect("the page")["id"].to_string();
    assert_eq!(site.project.client(&["clients", "--disconnect", &id]).code, Some(0));
    site.says("#banner", "disconnected by control/cli");
    site.browser.click("#retry");
    site.browser.wait_until("document.querySelector('#banner').hidden");
}

#[test]
fn trouble_is_in_the_title_and_its_cause_is_told() {
    let config = "supervisor.max_retries = 0\ntasks.api.command = \"echo no config; exit 3\"\n";
    let Some(site) = Site::open(config) else { return };
    site.row_says("api", "code 3");
    site.browser.wait_until("document.title.startsWith('✖ 1 failed')");
    site.browser.press(&["w"]);
    site.says("dialog .causes", "has failed");
    site.says("dialog .causes", "exited with code 3");
    site.says("dialog details pre", "no config");
}

#[test]
fn a_search_finds_what_was_written_long_ago() {
    let config = r#"
        tasks.api.command = "seq -f 'line %g' 6000; echo the needle; seq -f 'more %g' 6000; echo a Needle; exec sleep 1000"
    "#;
    let Some(site) = Site::open(config) else { return };
    site.says("#log .line:last-child .text", "a Needle");
    assert!(site.browser.evaluate("document.querySelector('#log').children.length").as_u64() < Some(2000));
    site.browser.press(&["/"]);
    site.browser.type_in("need.e");
    site.browser.press(&["Enter"]);
    site.says("#hit-count", "2 of 2");
    site.browser.press(&["N"]);
    site.says("#hit-count", "1 of 2");
    site.says("#log .line.current .text", "the needle");
    site.says("#log", "line 6000");
    let in_view = "(() => {
        const [line, pane] = ['#log .current', '#log'].map((at) => document.querySelector(at).getBoundingClientRect());
        return line.top >= pane.top && line.bottom <= pane.bottom;
    })()";
    site.browser.wait_until(in_view);
    site.browser.press(&["F"]);
    site.browser.type_in("N");
    site.browser.press(&["Enter"]);
    site.browser.wait_until("document.querySelector('#log').innerText.trim().endsWith('a Needle')");
    site.browser.wait_until("document.querySelector('#log').children.length === 1");
}

#[test]
fn all_that_is_kept_can_be_scrolled_to_in_a_bounded_window() {
    let config = "tasks.api.command = \"seq -f 'line %g' 9000; exec sleep 1000\"\n";
    let Some(site) = Site::open(config) else { return };
    site.says("#log .line:last-child .text", "line 9000");
    site.browser.press(&["Home"]);
    site.says("#log .line:first-child .text", "line 1");
    for _ in 0..12 {
        let before = site.browser.evaluate("document.querySelector('#log').lastElementChild.textContent");
        site.browser.evaluate("document.querySelector('#log').scrollTop = 1e9");
        site.browser.wait_until(&format!("document.querySelector('#log').lastElementChild.textContent !== {before}"));
    }
    let lines = site.browser.evaluate("document.querySelector('#log').children.length").as_u64().unwrap();
    assert!(lines < 2000, "{lines} lines are drawn");
    site.browser.press(&["f"]);
    site.says("#log-state", "following");
    site.says("#log .line:last-child .text", "line 9000");
}

#[test]
fn what_a_task_writes_is_text_whatever_it_is() {
    let config = r#"
        [tasks.api]
        command = '''
        printf '<script>document.title = "owned"</script><img src=x onerror="document.title = 1">\n'
        printf 'a\033]0;title\007b\033[2Jc\033[31mred\033[0m\033[38;2;1;2;3mrgb\033[0m \033]8;;http://evil/\033\\link\n'
        printf '10%%\r20%%\n\342\200\256over\n'
        exec sleep 1000
        '''
    "#;
    let Some(site) = Site::open(config) else { return };
    site.browser.wait_until("document.querySelectorAll('#log .line').length === 4");
    let texts = site.browser.evaluate("[...document.querySelectorAll('#log .text')].map((text) => text.textContent)");
    let script = "<script>document.title = \"owned\"</script><img src=x onerror=\"document.title = 1\">";
    assert_eq!(texts, serde_json::json!([script, "abcredrgb link", "20%", "over"]));
    assert_eq!(site.browser.evaluate("document.querySelectorAll('#log :is(script, img, a)').length"), 0);
    let red = "getComputedStyle([...document.querySelectorAll('#log .text span')].find((span) => \
               span.textContent === 'red')).color";
    assert_eq!(site.browser.evaluate(red), "rgb(179, 38, 30)");
    site.browser.evaluate(
        "document.addEventListener('copy', (event) => (window.copied = event.clipboardData.getData('text/plain')));
        const [, one, two] = document.querySelectorAll('#log .text');
        getSelection().setBaseAndExtent(one.firstChild.firstChild, 1, two.firstChild.firstChild, 2);",
    );
    site.browser.press(&["y"]);
    site.says("#toast", "copied what is selected");
    let copied = site.browser.evaluate("window.copied");
    assert_eq!(copied, "bcredrgb link\n20", "what is copied is what was selected, and nothing around it");
    let title = site.browser.evaluate("document.title");
    assert!(title.as_str().is_some_and(|title| title.ends_with("· stead")), "{title}");
}

#[test]
fn what_a_page_keeps_is_bounded_and_reads_as_in_a_terminal() {
    let Some(site) = Site::open(SLEEPER) else { return };
    let read = |line: &str| {
        let line = serde_json::json!(line);
        site.browser.evaluate(&format!(
            "import('./ansi.js').then(({{ parse }}) => parse({line}).map(({{ text, ink }}) => [text, ink]))"
        ))
    };
    let plain = |text: &str| serde_json::json!([[text, {}]]);
    assert_eq!(read("10%\r20%"), plain("20%"));
    assert_eq!(read("a\tb\x08c"), plain("a       c"));
    assert_eq!(read("gone\x1b[2K\rnew\x1b[5Gx"), plain("new x"));
    assert_eq!(read("\x1b]0;title\x07\x1b[?25l\x1b(Bplain\x00\u{9b}7m"), serde_json::json!([["plain", {}]]));
    assert_eq!(
        read("\x1b[1;38;5;208mo\x1b[48:2::1:2:3mb"),
        serde_json::json!([
            ["o", { "bold": true, "fg": 208 }],
            ["b", { "bold": true, "fg": 208, "bg": [1, 2, 3] }],
        ])
    );
    let sampled = site.browser.evaluate(
        "import('./history.js').then(({ History }) => {
            const history = new History();
            for (let time = 0; time < 3600e3; time += 500) {
                history.sample([{ name: 'api', restarts: Math.floor(time / 60e3), usage: null }], time);
            }
            const { restarts } = history.of('api');
            return [restarts.length <= 120, restarts.reduce((sum, count) => sum + count), history.span >= 3500e3];
        })",
    );
    assert_eq!(sampled, serde_json::json!([true, 59, true]));
}

#[test]
fn a_page_that_lost_its_server_says_so_and_comes_back_as_it_was() {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!(
        "web.listen = \"127.0.0.1:{port}\"\ntasks.db.command = \"exec sleep 1000\"\n{SLEEPER}supervisor.max_retries = 5\n"
    );
    let Some(site) = Site::open(&config) else { return };
    site.row_says("api", "running");
    site.browser.press(&["j"]);
    site.says("#detail-title", "api");
    assert_eq!(site.project.client(&["kill", "stead.web"]).code, Some(0));
    site.browser.wait_until("!document.querySelector('#banner').hidden");
    site.says("#banner", "reached");
    site.browser.wait_until("document.title.includes('lost')");
    assert_eq!(site.project.client(&["stop", "db"]).code, Some(0));
    assert_eq!(site.project.client(&["start", "stead.web"]).code, Some(0));
    site.browser.wait_until("document.querySelector('#banner').hidden");
    site.row_says("db", "stopped");
    site.says("#detail-title", "api");
    site.says("#events", "stop db, asked by control");
    assert_eq!(site.project.client(&["restart", "stead.web"]).code, Some(0));
    site.says("#events", "restart stead.web, asked by control");
}

#[test]
fn a_terminal_is_used_from_the_page_and_left_running() {
    let config = "tasks.cat = { command = \"stty -echo; echo type; exec cat\", tty = true }\n";
    let Some(site) = Site::open(config) else { return };
    site.row_says("cat", "running");
    site.browser.press(&["a"]);
    site.says("#screen", "type");
    site.browser.type_in("hällo 世界");
    site.browser.press(&["Enter"]);
    site.browser.wait_until("document.querySelector('#screen').innerText.includes('hällo 世界')");
    let leave = serde_json::json!({ "key": "]", "ctrlKey": true, "bubbles": true });
    site.browser.evaluate(&format!("document.activeElement.dispatchEvent(new KeyboardEvent('keydown', {leave}))"));
    site.browser.wait_until("document.querySelector('#terminal').hidden");
    site.says("#log", "世界");
    site.row_says("cat", "running");
}

#[test]
fn nothing_is_wider_than_the_window() {
    let config = r#"
        tasks.a-task-with-a-rather-long-name.command = "seq -s, 2000; exec sleep 1000"
        tasks.api = { command = "echo one; exit 3", max_retries = 100, initial_backoff = "1h", max_backoff = "1h" }
    "#;
    let Some(site) = Site::open(config) else { return };
    site.row_says("api", "backoff");
    site.says("#log", "1999");
    for (width, height) in [(1280, 800), (900, 700), (390, 844)] {
        site.browser.size(width, height);
        for key in ["W", "W", "z", "z"] {
            site.browser.press(&[key]);
            let wide = site.browser.evaluate("document.documentElement.scrollWidth");
            assert!(wide.as_u64() <= Some(width.into()), "{wide} in {width} after {key}");
        }
    }
}

#[test]
fn steads_own_parts_are_one_line_and_each_on_request() {
    let Some(site) = Site::open(SLEEPER) else { return };
    site.says("#tasks tr.fold", "parts ready");
    let rows = "document.querySelectorAll('#tasks tbody.own tr:not(.fold)').length";
    assert_eq!(site.browser.evaluate(rows), 0);
    site.browser.press(&["b"]);
    site.row_says("stead.control", "running");
    site.browser.press(&["b"]);
    site.browser.wait_until(&format!("{rows} === 0"));
    assert_eq!(site.project.client(&["stop", "stead.control"]).code, Some(0));
    site.row_says("stead.control", "stopped");
    assert_eq!(site.browser.evaluate(rows), 1, "one that is not well stands alone");
}

#[test]
fn heads_stand_over_their_numbers_and_events_in_the_order_of_time() {
    let Some(site) = Site::open(SLEEPER) else { return };
    site.browser.wait_until("document.querySelector('td.memory span').textContent !== ''");
    let right = |selector: &str| {
        let script = format!("Math.round(document.querySelector('{selector}').getBoundingClientRect().right)");
        site.browser.evaluate(&script)
    };
    for column in ["cpu", "memory"] {
        assert_eq!(right(&format!("th.{column} span")), right(&format!("td.{column} span")), "{column}");
    }
    assert_eq!(site.project.client(&["restart", "api"]).code, Some(0));
    site.says("#events li:last-child", "run 2 started");
    let times = "[...document.querySelectorAll('#events time')].map((time) => time.dateTime)";
    let sorted = format!("JSON.stringify({times}) === JSON.stringify({times}.sort())");
    assert_eq!(site.browser.evaluate(&sorted), true);
    site.browser.press(&["r"]);
    site.browser.wait_until("!document.querySelector('#toast').hidden");
    let apart = "document.querySelector('#toast').getBoundingClientRect().bottom <= \
                 document.querySelector('#hints').getBoundingClientRect().top";
    assert_eq!(site.browser.evaluate(apart), true, "what is said covers no keys");
}

#[test]
fn what_can_not_act_looks_so_and_a_tap_on_a_phone_brings_the_log() {
    let Some(site) = Site::start(&format!("web.read = \"anyone\"\nweb.listen = \"127.0.0.1:0\"\n{SLEEPER}")) else {
        return;
    };
    site.visit("");
    site.row_says("api", "running");
    let disabled = "[...document.querySelectorAll('button.acts')].every((made) => made.ariaDisabled === 'true')";
    site.browser.wait_until(disabled);
    assert_eq!(
        site.browser.evaluate("Number(getComputedStyle(document.querySelector('#shut-down')).opacity) < 1"),
        true
    );
    site.browser.visit("about:blank");
    site.visit(&format!("#token={}", site.token()));
    site.browser.wait_until("!document.querySelector('button.acts[aria-disabled]')");
    site.browser.size(390, 800);
    site.browser.wait_until("matchMedia('(max-width: 56rem)').matches");
    site.browser.click("#tasks tr .name");
    site.browser.wait_until("Math.abs(document.querySelector('#log-pane').getBoundingClientRect().top) < 40");
}
