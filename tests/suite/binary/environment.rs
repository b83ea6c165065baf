//! `stead env` and `stead exec`.

use std::fs;
use std::os::unix::fs::MetadataExt;

use super::Told;
use super::detach::Background;

const SECRETIVE: &str = "[env]\nSHARED = 'all'\nA = 'below'\n\
    [tasks.api]\ncommand = 'env; exec sleep 1000'\nenv_file = 'api.env'\nenv.B = '${SHARED} b'\ndir = 'sub'\n";

fn project() -> Background {
    let background = Background::new(SECRETIVE);
    fs::create_dir(background.0.path().join("sub")).expect("a directory");
    fs::write(background.0.path().join("api.env"), "# the key\nA=s3cr$et\n").expect("a file");
    background
}

/// The value and origin of a variable in what `stead env` has printed.
fn row(told: &Told, name: &str) -> (String, String) {
    let line =
        told.out.lines().find(|line| line.starts_with(&format!("{name} "))).unwrap_or_else(|| panic!("{told:?}"));
    let mut cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty()).skip(1).map(str::to_owned);
    (cells.next().expect("a value"), cells.next().expect("an origin"))
}

#[test]
fn the_environment_of_a_run_is_shown_with_its_origins_and_masked() {
    let background = project();
    let project = &background.0;
    let dir = project.path().canonicalize().expect("a path").display().to_string();
    for runs in [false, true] {
        if runs {
            let mut up = project.command();
            assert_eq!(
                Told::by(up.env("INHERITED", "of stead").env("NOTIFY_SOCKET", "/x").args(["up", "-d"])).code,
                Some(0)
            );
            fs::write(project.path().join("api.env"), "\nA=new\n").expect("a file");
        }
        let told = project.client(&["env", "api"]);
        assert_eq!(told.code, Some(0), "{told:?}");
        assert!(!told.out.contains("s3cr") && !told.out.contains("all b"), "{told:?}");
        let shown = project.client(&["env", "api", "--show"]);
        assert_eq!(row(&told, "A").0, "***");
        let a = if runs { ("new".to_owned(), "api.env:2") } else { ("s3cr$et".to_owned(), "api.env:2") };
        assert_eq!(row(&shown, "A").0, a.0);
        assert!(row(&shown, "A").1.ends_with(a.1), "{shown:?}");
        assert_eq!(row(&shown, "B"), ("all b".to_owned(), "stead.toml:9, [tasks.api.env]".to_owned()), "{shown:?}");
        assert!(row(&shown, "SHARED").1.ends_with("stead.toml:4, [env]"), "{shown:?}");
        assert_eq!(row(&shown, "STEAD_TASK"), ("api".to_owned(), "stead".to_owned()));
        assert!(row(&shown, "PWD").0.ends_with("/sub"), "{dir}: {shown:?}");
        assert_eq!(row(&shown, "PATH").1, "stead's own environment");
        assert_eq!(shown.out.contains("INHERITED"), runs, "it is that of the supervisor");
        assert!(!shown.out.contains("NOTIFY_SOCKET"));
        let json: serde_json::Value =
            serde_json::from_str(&project.client(&["env", "api", "--show", "--json"]).out).expect("JSON");
        let variables = json["variables"].as_array().expect("variables");
        assert!(variables.iter().any(|variable| variable["name"] == "A" && variable["value"] == a.0.as_str()));
        let unknown = project.client(&["env", "apo"]);
        assert!(unknown.code == Some(2) && unknown.err.contains("the only task is api"), "{unknown:?}");
    }
    fs::remove_file(project.path().join("api.env")).expect("a file");
    let told = project.client(&["env", "api"]);
    assert!(told.code == Some(1) && told.err.contains("api.env"), "{told:?}");
}

#[test]
fn a_command_runs_in_the_environment_and_directory_of_a_task() {
    let background = project();
    let project = &background.0;
    for runs in [false, true] {
        if runs {
            assert_eq!(project.client(&["up", "-d"]).code, Some(0));
        }
        let told =
            project.client(&["exec", "api", "--", "sh", "-c", "echo $A $B; pwd; echo ${STEAD_TASK:-none}; exit 7"]);
        assert_eq!(told.code, Some(7), "{told:?}");
        let lines: Vec<_> = told.out.lines().collect();
        assert!(lines[0] == "s3cr$et all b" && lines[1].ends_with("/sub") && lines[2] == "api", "{told:?}");
        let missing = project.client(&["exec", "api", "--", "no-such-program"]);
        assert!(missing.code == Some(127) && missing.err.contains("cannot run `no-such-program`"), "{missing:?}");
        let no_terminal = project.client(&["exec", "--tty", "api", "--", "true"]);
        assert!(no_terminal.code == Some(2) && no_terminal.err.contains("not a terminal"), "{no_terminal:?}");
        assert_eq!(project.client(&["exec", "api"]).code, Some(2));
    }
}

#[test]
fn a_command_runs_as_the_user_of_a_task() {
    if !rustix::process::geteuid().is_root() {
        eprintln!("skipped: only root can act as another user");
        return;
    }
    let background =
        Background::new("[tasks.it]\ncommand = 'sleep 1000'\nuser = 'nobody'\numask = '077'\ndir = '/tmp'\n");
    let told = background.0.client(&["exec", "it", "--", "sh", "-c", "id -un; umask; echo $USER"]);
    assert_eq!((told.code, told.out.as_str()), (Some(0), "nobody\n0077\nnobody\n"), "{told:?}");
    assert!(fs::metadata("/tmp").is_ok_and(|about| about.uid() == 0));
}
