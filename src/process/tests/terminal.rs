//! Tasks that have a terminal.

use super::task;
use crate::screen::ScreenSize;

#[tokio::test]
async fn what_is_typed_is_read_and_what_is_written_is_shown_and_logged() {
    let life = task("echo go; read -r line; echo \"got $line\"; exec sleep 1000").tty().start();
    life.shows("go").await;
    life.screen().type_in(b"words\r").unwrap();
    life.shows("got words").await;
    let ended = life.stopped().await;
    assert_eq!(ended.log, b"go\r\nwords\r\ngot words\r\n");
}

#[tokio::test]
async fn a_password_is_read_and_not_shown() {
    let life = task("stty -echo; printf 'Password: '; read -r p; stty echo; echo; echo ${#p} letters; sleep 1000");
    let life = life.tty().start();
    life.shows("Password:").await;
    life.screen().type_in(b"secret\r").unwrap();
    life.shows("6 letters").await;
    let ended = life.stopped().await;
    assert!(!String::from_utf8_lossy(&ended.log).contains("secret"));
}

#[tokio::test]
async fn a_size_that_is_known_holds_from_the_start() {
    let life = task("stty size; exec sleep 1000").tty().start();
    // The run begins when this test first waits for something.
    life.screen().resize(ScreenSize::new(77, 13));
    life.shows("13 77").await;
    assert_eq!(life.stopped().await.log, b"13 77\r\n");
}

#[tokio::test]
async fn a_new_size_reaches_the_programs() {
    let life = task("trap 'stty size' WINCH; stty size; echo go; while :; do sleep 1000 & wait $!; done").tty().start();
    life.shows("go").await;
    life.screen().resize(ScreenSize::new(77, 13));
    life.shows("13 77").await;
    life.stopped().await;
}

#[tokio::test]
async fn a_program_that_asks_its_terminal_is_answered() {
    let ask = "stty raw -echo; printf 'ab\\033[6n'; head -c 6 | od -An -c; stty sane; exec sleep 1000";
    let life = task(ask).tty().start();
    life.shows("[   1   ;   3   R").await;
    life.stopped().await;
}

#[tokio::test]
async fn keys_that_signal_do_so() {
    let life = task("trap 'echo interrupted' INT; echo go; while :; do sleep 1000 & wait $!; done").tty().start();
    life.shows("go").await;
    life.screen().type_in(b"\x03").unwrap();
    life.shows("interrupted").await;
    life.stopped().await;
}

#[tokio::test]
async fn the_last_screen_is_whole_and_stays() {
    for _ in 0..20 {
        let life = task("printf 'first\\r\\n\\033[3;5Hlast words'; exit 4").tty().start();
        let screen = life.screen().clone();
        assert_eq!(life.ended().await.reason, "code 4");
        let contents = screen.contents();
        assert!(contents.text().starts_with("first\n\n    last words\n"), "{}", contents.text());
        assert!(!contents.is_live);
    }
}

#[tokio::test]
async fn a_flood_is_logged_whole_whatever_the_screen_skips() {
    let life = task("seq 300000; echo done; exec sleep 1000").tty().start();
    life.shows("done").await;
    let log = life.stopped().await.log;
    assert_eq!(log.iter().filter(|&&byte| byte == b'\n').count(), 300_001);
}
